"""What can't be counted, or was changed midway: a clear answer each, and nothing half-built."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.bulk import insert_rows
from core.models import Job, User
from elicitation.models import CanonicalValue, Context, Participant, Study, WisdomVote
from graphs.building import body_of, build_graph, waiting_votes
from graphs.models import GraphSnapshot
from tests.graphs.conftest import crowd_of
from tests.people import join

pytestmark = pytest.mark.django_db


def refused(study: Study, **options: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        build_graph(study, **options)
    assert not GraphSnapshot.objects.exists()
    return caught.value.message_dict


@pytest.mark.parametrize("mode", ["robust", "mge-2023"])
def test_a_study_without_a_vote_has_no_graph(study: Study, mode: str) -> None:
    assert "no vote to count" in refused(study, mode=mode)["votes"][0]


def test_before_all_votes_there_is_no_graph_and_in_the_future_it_is_of_all_of_them(
    study: Study, values: list[CanonicalValue]
) -> None:
    crowd_of(9, values[0], values[1])
    assert "no vote to count" in refused(study, before="1990-01-01T00:00:00Z")["votes"][0]
    assert build_graph(study, before=(timezone.now() + timedelta(days=9)).isoformat()).vote_count == 9


@pytest.mark.parametrize(
    ("before", "told"),
    [("2023-10-18", "lacks a time zone"), ("NaN", "no ISO time"), ("0001-01-01T00:00:00+14:00", "no ISO time")],
)
def test_a_moment_that_is_none_is_told(study: Study, before: str, told: str) -> None:
    assert told in refused(study, before=before)["before"][0]


def test_where_all_votes_are_on_archived_values_there_is_no_graph(study: Study, values: list[CanonicalValue]) -> None:
    crowd_of(9, values[0], values[1])
    CanonicalValue.objects.filter(id=values[1].id).update(is_archived=True)
    assert "no vote to count" in refused(study)["votes"][0]


def test_a_context_that_was_renamed_is_one_context_and_the_old_name_is_told_as_unknown(
    study: Study, values: list[CanonicalValue], context: Context
) -> None:
    crowd_of(5, values[0], values[1])
    older = build_graph(study, context=context.text)
    Context.objects.filter(id=context.id).update(text="Zero freedom left")
    crowd_of(4, values[0], values[1])
    newer = build_graph(study, context="Zero freedom left")
    assert (newer.vote_count, waiting_votes(older)) == (9, 4)
    assert {text for edge in body_of(newer)["edges"] for text in edge["contexts"]} == {"Zero freedom left"}
    assert len(older.votes()[0]) == 5
    with pytest.raises(ValidationError, match="There is no context"):
        build_graph(study, context=context.text)


def test_very_many_votes_for_one_pair_are_counted(study: Study, values: list[CanonicalValue], context: Context) -> None:
    people = [uuid4() for _ in range(20_000)]
    number = join(study).number + 1
    insert_rows(Participant, ("id", "study_id", "number"), ((p, study.id, number + n) for n, p in enumerate(people)))
    then = datetime(2023, 10, 18, tzinfo=UTC)
    insert_rows(
        WisdomVote,
        ("study_id", "participant_id", "from_value_id", "to_value_id", "context_id", "answer", "voted_at"),
        (
            (study.id, person, values[0].id, values[1].id, context.id, "upgrade" if n % 10 else "no_upgrade", then)
            for n, person in enumerate(people)
        ),
    )
    [edge] = body_of(build_graph(study))["edges"]
    assert edge["counts"]["wiser"] == 18_000 and edge["interval"][0] < edge["share"] == 0.9 < edge["interval"][1]
    assert edge["interval"][1] - edge["interval"][0] < 0.01


@pytest.mark.parametrize("typed", [{"mode": "nonsense"}, {"mode": "NaN"}, {"context": "When nothing is"}])
def test_on_the_page_what_is_not_there_is_told_and_no_work_begins(
    study: Study, facilitator: User, client: Client, typed: dict[str, str]
) -> None:
    client.force_login(facilitator)
    answer = client.post(reverse("dashboard:graph", args=[study.slug]), typed)
    assert answer.status_code == 400 and not Job.objects.exists()


@pytest.mark.parametrize(
    "asked",
    [
        {"seed": "NaN"},
        {"seed": 1.5},
        {"seed": 2**64},
        {"mode": None},
        {"before": "NaN"},
        {"group": "party"},
        {"question": "x"},
    ],
    ids=str,
)
def test_over_rest_what_can_not_be_counted_is_told_and_no_work_begins(
    study: Study, facilitator: User, client_of: Callable[..., Any], asked: dict[str, Any]
) -> None:
    answer = client_of(facilitator).post(f"/api/v1/studies/{study.slug}/graphs/", asked, format="json")
    assert answer.status_code == 400 and not Job.objects.exists()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_over_rest_a_number_that_is_none_is_told(
    study: Study, facilitator: User, client_of: Callable[..., Any], number: str
) -> None:
    address = f"/api/v1/studies/{study.slug}/graphs/"
    sent = client_of(facilitator).generic("POST", address, '{"seed": ' + number + "}", content_type="application/json")
    assert sent.status_code == 400 and not Job.objects.exists()
