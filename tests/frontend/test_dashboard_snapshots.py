"""Two snapshots of a moral graph side by side."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from elicitation.models import CanonicalValue, Participant, Study
from graphs.building import build_graph
from tests.graphs.conftest import crowd_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(study: Study, make_value: Callable[..., CanonicalValue]) -> Study:
    """`study` with two snapshots: between them one arrow came, one went, and the wisest value became another."""
    safe, free, together = (make_value(study, title=title) for title in ("Keeping safe", "Staying free", "Letting go"))
    crowd_of(9, safe, free)
    build_graph(study)
    crowd_of(9, safe, free, "no_upgrade")
    crowd_of(9, safe, together)
    build_graph(study)
    return study


def shown(desk: Client, study: Study, query: str = "") -> str:
    response = desk.get(reverse("dashboard:snapshots", args=[study.slug]) + query)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def test_the_newest_two_are_compared_with_pictures_arrows_and_reasons(desk: Client, two: Study) -> None:
    page = shown(desk, two)
    assert page.count('<svg class="graph"') == 2
    assert "Arrows: 1 new, 1 dropped" in page and "too close to call" in page
    assert "Votes: 9 of 9 people then, 27 of 27 people now." in page
    assert "<ins>Letting go</ins>" in page and "<del>Staying free</del>" in page


def test_any_two_can_be_chosen_and_either_may_come_first(desk: Client, two: Study) -> None:
    page = shown(desk, two, "?was=2&now=1")
    assert "Votes: 27 of 27 people then, 9 of 9 people now." in page


@pytest.mark.parametrize("query", ["", "?was=2&now=2", "?was=nonsense&now=99"])
def test_with_nothing_to_compare_the_page_says_so(desk: Client, study: Study, query: str) -> None:
    assert "There are no two snapshots yet" in shown(desk, study, query)


def test_one_snapshot_is_not_compared_with_itself(desk: Client, two: Study) -> None:
    assert "Choose two different snapshots" in shown(desk, two, "?was=1&now=1")


def test_of_a_group_what_few_people_added_is_not_shown(
    desk: Client, study: Study, make_value: Callable[..., CanonicalValue]
) -> None:
    safe, free = (make_value(study, title=title) for title in ("Keeping safe", "Staying free"))
    crowd_of(9, safe, free, demographics={"role": "carer"})
    crowd_of(9, safe, free, demographics={"role": "other"})
    build_graph(study, group="role=carer")
    crowd_of(2, safe, free, demographics={"role": "carer"})
    build_graph(study, group="role=carer")
    page = shown(desk, study)
    assert "How many votes were added is not shown" in page and "11 / 11" not in page


def test_the_page_is_for_the_study_s_team(stranger: object, two: Study, client: Client) -> None:
    assert client.get(reverse("dashboard:snapshots", args=[two.slug])).status_code == 302
    client.force_login(stranger)  # type: ignore[arg-type]
    assert client.get(reverse("dashboard:snapshots", args=[two.slug])).status_code == 404


def test_the_graph_s_page_leads_to_it(desk: Client, two: Study) -> None:
    page = desk.get(reverse("dashboard:graph", args=[two.slug])).content.decode()
    assert reverse("dashboard:snapshots", args=[two.slug]) + "?was=1&amp;now=2" in page


def test_simulated_people_are_told(desk: Client, two: Study) -> None:
    Participant.objects.filter(study=two).update(is_simulated=True)
    Study.objects.filter(id=two.id).update(is_simulated=True)
    assert "Made by simulated participants" in shown(desk, two)
