"""Many rows at once are the same rows as one by one, with every constraint of the database."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from core.bulk import insert_rows
from elicitation.models import CanonicalValue, Context, Participant, Study, WisdomVote
from tests.people import join, value_in

COLUMNS = ("study_id", "participant_id", "from_value_id", "to_value_id", "context_id", "answer", "source", "voted_at")
THEN = datetime(2023, 10, 18, 9, 16, 0, 123000, tzinfo=UTC)


@pytest.fixture
def pair(study: Study) -> list[CanonicalValue]:
    return [value_in(study, title="Keeping safe"), value_in(study, title="Letting go")]


def row(
    study: Study, person: Participant, pair: list[CanonicalValue], context: Context, answer: str = "upgrade"
) -> tuple:  # type: ignore[type-arg]
    source = {"created_at": "2023-10-18T09:16:00.123Z", "note": "tab\t, newline\n, backslash \\N, “é”, 🌍"}
    return (study.id, person.id, pair[0].id, pair[1].id, context.id, answer, source, THEN)


def test_a_row_is_the_same_as_one_that_is_saved(
    study: Study, participant: Participant, other_participant: Participant, pair: list[CanonicalValue], context: Context
) -> None:
    values = row(study, participant, pair, context)
    assert insert_rows(WisdomVote, COLUMNS, [values]) == 1
    saved = WisdomVote.objects.create(**dict(zip(COLUMNS, row(study, other_participant, pair, context), strict=True)))
    stored, saved = WisdomVote.objects.get(participant=participant), WisdomVote.objects.get(id=saved.id)
    own = ("id", "participant_id", "created_at")
    facts = [
        {f.attname: getattr(vote, f.attname) for f in WisdomVote._meta.concrete_fields if f.attname not in own}
        for vote in (stored, saved)
    ]
    assert facts[0] == facts[1] and facts[0]["source"] == values[6]
    assert abs((stored.created_at - saved.created_at).total_seconds()) < 60


def test_ids_follow_the_order_of_the_rows_and_go_on_after_them(
    study: Study, pair: list[CanonicalValue], context: Context
) -> None:
    people = [join(study) for _ in range(5)]
    insert_rows(WisdomVote, COLUMNS, (row(study, person, pair, context) for person in people))
    assert list(WisdomVote.objects.order_by("id").values_list("participant_id", flat=True)) == [p.id for p in people]
    later = WisdomVote.objects.create(**dict(zip(COLUMNS, row(study, join(study), pair, context), strict=True)))
    assert later.id > max(WisdomVote.objects.exclude(id=later.id).values_list("id", flat=True))


def test_rows_that_break_a_constraint_leave_nothing_behind(
    study: Study, participant: Participant, other_participant: Participant, pair: list[CanonicalValue], context: Context
) -> None:
    rows = [row(study, person, pair, context) for person in (other_participant, participant, participant)]
    with pytest.raises(IntegrityError):
        insert_rows(WisdomVote, COLUMNS, rows)
    assert not WisdomVote.objects.exists()


def test_a_check_of_the_database_holds(
    study: Study, participant: Participant, pair: list[CanonicalValue], context: Context
) -> None:
    with pytest.raises(IntegrityError, match="a_vote_compares_two_values"):
        insert_rows(WisdomVote, COLUMNS, [row(study, participant, [pair[0], pair[0]], context)])


def test_what_a_row_refers_to_must_be_there(study: Study, pair: list[CanonicalValue], context: Context) -> None:
    nobody = Participant(id=uuid4(), study=study)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(WisdomVote, COLUMNS, [row(study, nobody, pair, context)])
        connection.check_constraints()


def test_an_error_of_who_makes_the_rows_leaves_nothing_behind(
    study: Study, participant: Participant, pair: list[CanonicalValue], context: Context
) -> None:
    def rows() -> Iterator[tuple]:  # type: ignore[type-arg]
        yield row(study, participant, pair, context)
        raise RuntimeError("the file ended")

    with pytest.raises(RuntimeError):
        insert_rows(WisdomVote, COLUMNS, rows())
    assert not WisdomVote.objects.exists()


def test_no_rows_are_none(db: None) -> None:
    assert insert_rows(WisdomVote, COLUMNS, []) == 0


def test_defaults_are_those_of_the_model(study: Study) -> None:
    insert_rows(Participant, ("id", "study_id", "number"), [(uuid4(), study.id, 7)])
    person = Participant.objects.get(study=study, number=7)
    assert (person.demographics, person.is_preview, person.finished_at, person.source_id) == ({}, False, None, "")


@pytest.mark.parametrize(
    ("model", "columns", "told"),
    [
        (WisdomVote, (*COLUMNS, "colour"), "no column colour"),
        (WisdomVote, ("id", *COLUMNS), "counts these ids itself"),
        (Participant, ("study_id", "number"), "needs its id"),
    ],
)
def test_columns_that_cannot_be_written_are_told(db: None, model: type, columns: tuple[str, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        insert_rows(model, columns, [])


def test_rows_are_not_held_all_at_once(study: Study) -> None:
    def rows() -> Iterator[tuple]:  # type: ignore[type-arg]
        for number in range(1, 15_001):
            yield (uuid4(), study.id, number, {"about": "x" * 2000 + str(number)})

    tracemalloc.start()
    insert_rows(Participant, ("id", "study_id", "number", "demographics"), rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15_000_000  # the texts alone are 30 MB
