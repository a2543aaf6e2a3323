"""Two groups side by side: chosen, compared in the background, and shown with what is withheld."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.models import Job
from elicitation.models import CanonicalValue, Study
from graphs import building
from reports.models import Report
from tests.graphs.conftest import crowd_of

Work = Callable[[], Job]
pytestmark = pytest.mark.django_db


@pytest.fixture
def voted(study: Study, make_value: Callable[..., CanonicalValue]) -> Study:
    """Young and old share one arrow, contradict each other on another, and few old people judged a third."""
    safe, free, together = (make_value(study, title=title) for title in ("Keeping safe", "Staying free", "Letting go"))
    for age, answer in (("young", "upgrade"), ("old", "no_upgrade")):
        crowd_of(9, safe, together, demographics={"age": age})
        crowd_of(9, free, together, answer, demographics={"age": age})
    crowd_of(9, safe, free, demographics={"age": "young"})
    crowd_of(3, safe, free, demographics={"age": "old"})
    return study


def page(browser: Client, study: Study, query: str = "") -> str:
    response = browser.get(reverse("dashboard:groups", args=[study.slug]) + query)
    assert response.status_code == 200
    return response.content.decode()


def compare(desk: Client, study: Study, **typed: str) -> Any:
    return desk.post(
        reverse("dashboard:groups", args=[study.slug]), {"first": "age=young", "second": "age=old"} | typed
    )


def part(told: str, name: str) -> str:
    return told.partition(f'id="{name}"')[2].partition("</section>")[0]


def test_two_groups_are_compared_and_shown_with_shared_ground_first(desk: Client, voted: Study, work_off: Work) -> None:
    compare(desk, voted)
    assert "data-job=" in page(desk, voted)
    assert work_off().state == "done"
    told = page(desk, voted)
    shared, opposed = part(told, "shared"), part(told, "contradictions")
    assert told.index('id="shared"') < told.index('id="contradictions"') < told.index('id="not-shown"')
    assert "Keeping safe" in shared and "9 of 9" in shared
    assert "Staying free" in opposed and "0 of 9" in opposed and "No group is marked as right" in opposed


def test_each_groups_bar_has_a_letter_beside_its_colour(desk: Client, voted: Study, work_off: Work) -> None:
    compare(desk, voted)
    work_off()
    row = part(page(desk, voted), "shared").partition("<tbody>")[2].partition("</tr>")[0]
    assert '<b class="gm g1">A</b>' in row and '<b class="gm g2">B</b>' in row
    assert re.findall(r'class="iv (g\d)"', row) == ["g1", "g2"]


def test_what_is_withheld_is_counted_and_its_figures_are_nowhere(desk: Client, voted: Study, work_off: Work) -> None:
    compare(desk, voted)
    work_off()
    told = part(page(desk, voted), "not-shown")
    assert "1 arrow has fewer than 5" in told and "2 cells are withheld" in told
    assert "3 of 3" not in told and "9 of 9" not in told


def test_without_a_second_group_all_groups_of_the_question_are_compared(
    desk: Client, voted: Study, work_off: Work
) -> None:
    compare(desk, voted, second="")
    work_off()
    assert Report.objects.get().parameters["key"] == "age"
    assert "Keeping safe" in part(page(desk, voted), "shared")


def test_an_earlier_comparison_is_still_there(desk: Client, voted: Study, work_off: Work) -> None:
    for typed in ({}, {"first": "age=old", "second": "age=young"}):
        compare(desk, voted, **typed)
        work_off()
    assert "old</span> – <span" in page(desk, voted)
    assert "young</span> – <span" in page(desk, voted, "?earlier=1")
    assert page(desk, voted, "?earlier=99") and page(desk, voted, "?earlier=x")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"first": "age=young", "second": "age=young"}, "named twice"),
        ({"first": "age=young", "second": "place=hills"}, "Only groups of one key"),
        ({"first": "sign=lion", "second": "sign=fish"}, "The keys of these people are: age"),
        ({"first": ""}, "Choose a group first"),
        ({"context": "When it rains"}, "There is no context"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused_in_words(
    desk: Client, voted: Study, typed: dict[str, str], told: str
) -> None:
    response = compare(desk, voted, **typed)
    assert response.status_code == 400 and told in response.content.decode()
    assert not Job.objects.exists()


def test_a_study_that_asks_nothing_about_people_says_so(desk: Client, study: Study) -> None:
    assert "There are no groups to compare" in page(desk, study)


def test_who_may_only_look_sees_what_was_compared_and_no_form(
    desk: Client, viewers_desk: Client, voted: Study, work_off: Work
) -> None:
    compare(desk, voted)
    work_off()
    told = page(viewers_desk, voted)
    assert "Keeping safe" in told and "<form" not in told.partition("<main")[2]
    assert compare(viewers_desk, voted).status_code == 404


def test_the_page_of_the_graph_leads_to_it(desk: Client, voted: Study) -> None:
    building.build_graph(voted)
    told = desk.get(reverse("dashboard:graph", args=[voted.slug])).content.decode()
    assert reverse("dashboard:groups", args=[voted.slug]) in told


def test_a_graph_in_which_groups_count_the_same_is_built_from_the_page(
    desk: Client, voted: Study, work_off: Work
) -> None:
    desk.post(reverse("dashboard:graph", args=[voted.slug]), {"act": "build", "balance": "age"})
    assert work_off().state == "done"
    assert voted.graphs.get().rules["balance"] == "age"
    told = desk.get(reverse("dashboard:graph", args=[voted.slug])).content.decode()
    assert "groups of age count the same" in told


def test_the_page_says_why_a_graph_of_a_group_is_not_published(desk: Client, voted: Study) -> None:
    crowd_of(3, voted.values.get(number=1), voted.values.get(number=3))
    for group in ("age=young", "age=old"):
        number = building.build_graph(voted, group=group).number
        response = desk.post(reverse("dashboard:graph", args=[voted.slug]), {"act": "publish", "number": number})
    assert response.status_code == 400 and "by subtraction" in response.content.decode()
    assert voted.graphs.published().count() == 1
