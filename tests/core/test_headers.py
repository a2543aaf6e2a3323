"""What browsers are told on every page, read from the resolver: a new page is held to it too."""

import re

import pytest
from django.test import Client

from core.models import User
from elicitation.models import Participant, Study
from tests.core.test_access_matrix import SITE
from tests.people import client_for

pytestmark = pytest.mark.django_db


def address(route: str, study: Study) -> str:
    return "/" + re.sub(r"<\w+:\w+>", "1", route.replace("<slug:slug>", study.slug))


@pytest.mark.parametrize("route", SITE)
@pytest.mark.parametrize("who", ["nobody", "participant", "facilitator"])
def test_every_page_runs_only_our_own_scripts_and_is_shown_in_no_frame(
    study: Study, participant: Participant, facilitator: User, who: str, route: str
) -> None:
    actor = {"nobody": None, "participant": participant, "facilitator": facilitator}[who]
    client: Client = client_for(actor)
    client.raise_request_exception = False
    page = client.get(address(route, study))
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert page["X-Content-Type-Options"] == "nosniff" and page["X-Frame-Options"] == "DENY"
    assert page["Referrer-Policy"] == "same-origin" and page["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "microphone=()" in page["Permissions-Policy"]
    if actor is not None and page.get("Content-Type", "").startswith("text/html"):
        assert "no-store" in page["Cache-Control"]
    for cookie in page.cookies.values():
        assert cookie["samesite"] == "Lax" and (cookie["httponly"] or cookie.key == "csrftoken")
