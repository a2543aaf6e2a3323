"""What may stand in an address, and what is said of anything else. `/api/v1/studies/` stands for every list."""

import pytest
from rest_framework.test import APIClient

from elicitation.models import Study
from tests.people import make_study

pytestmark = pytest.mark.django_db

LIST = "/api/v1/studies/"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("ordering=title", "unknown-query"),
        ("memberships__user__password__startswith=a", "unknown-query"),
        ("state=open&state=paused", "bad-query"),
        ("page_size=1e9", "bad-query"),
        ("page_size=501", "bad-query"),
        ("page_size=0", "bad-query"),
        ("page=-1", "bad-query"),
        ("page=" + "9" * 5000, "bad-query"),
        ("page=٣", "bad-query"),
        ("is_simulated=maybe", "invalid"),
        ("state=nowhere", "invalid"),
        ("language=%00", "invalid"),
    ],
)
def test_a_query_that_cannot_be_used_is_told_and_never_ignored(client: APIClient, query: str, name: str) -> None:
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 400 and response["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == f"/problems/{name}" and response.json()["detail"]


def test_a_slip_in_the_name_of_an_export_is_told(client: APIClient, study: Study) -> None:
    response = client.get(f"{LIST}{study.slug}/graphs/latest/?exprot=mge")
    assert response.status_code == 400 and "export" in response.json()["detail"]


def test_a_page_after_the_last_is_not_there(client: APIClient) -> None:
    response = client.get(f"{LIST}?page=2")
    assert response.status_code == 404 and response.json()["type"] == "/problems/no-such-page"


@pytest.mark.parametrize(("written", "found"), [("true", 1), ("False", 1), ("", 2)])
def test_a_list_is_filtered_by_true_or_false(client: APIClient, written: str, found: int) -> None:
    for slug, is_simulated in (("a", True), ("b", False)):
        Study.objects.filter(id=make_study(slug, slug).id).update(is_simulated=is_simulated, is_listed=True)
    assert client.get(f"{LIST}?is_simulated={written}").json()["count"] == found


def test_pages_are_as_large_as_asked(client: APIClient) -> None:
    for slug in "abc":
        make_study(slug, slug)
    Study.objects.update(is_listed=True)
    page = client.get(f"{LIST}?page_size=2").json()
    assert page["count"] == 3 and len(page["results"]) == 2 and page["next"].endswith("page=2&page_size=2")
