"""The reports on opinions in a real browser: they fit a phone and a desk, and axe finds nothing."""

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from core.models import User
from elicitation.models import Study
from reports.running import run_report
from tests.browser import walk
from tests.browser.conftest import PHONE
from tests.frontend.conftest import browser_with
from tests.reports.conftest import two_camps

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
__all__ = ["two_camps"]


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_the_reports_on_opinions_fit_and_have_no_fault_of_access(
    live_server: LiveServer,
    open_browser: Callable[..., BrowserContext],
    look: walk.Look,
    facilitator: User,
    study: Study,
    two_camps: np.ndarray,
    width: str,
) -> None:
    context = open_browser(**(PHONE if width == "phone" else {"viewport": {"width": 1280, "height": 900}}))
    session = browser_with(facilitator).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    for kind in ("opinion_groups", "group_consensus", "value_map"):
        answer = page.goto(f"/reports/{run_report(kind, study=study).id}/")
        assert answer is not None and answer.status == 200
        assert page.locator("svg.map, svg.iv").count() > 0
        look(page, f"report-{kind}-{width}")
