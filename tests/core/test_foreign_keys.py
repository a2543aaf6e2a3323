"""Many rows go into PostgreSQL without the check of each row's foreign keys, and are as well checked as with it."""

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from core.bulk import AT_ONCE, insert_rows
from elicitation.models import CanonicalValue, Context, Participant, Study, WisdomVote

COLUMNS = (
    "study_id", "participant_id", "from_value_id", "to_value_id", "context_id", "supersedes_id", "answer", "voted_at",
)  # fmt: skip
PARTICIPANT, TO_VALUE, CONTEXT, SUPERSEDES, ANSWER = 1, 3, 4, 5, 6
ROLE = f"folkmoot_test_{os.getpid()}"  # roles belong to the whole server
Row = list[Any]


@pytest.fixture(autouse=True)
def _on_postgres() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite checks foreign keys at the end of a transaction anyway; the PostgreSQL part runs it")


@pytest.fixture
def person(study: Study) -> Participant:
    """Someone whom nothing refers to."""
    return Participant.objects.create(study=study, number=77)


@pytest.fixture
def rows(study: Study, person: Participant, context: Context) -> list[Row]:
    """As many votes as are checked together, and some more."""
    values = [CanonicalValue(study=study, number=n, title=f"Value {n}") for n in range(100, 150)]
    CanonicalValue.objects.bulk_create(values)
    pairs = permutations([value.id for value in values], 2)
    moment = datetime(2023, 10, 18, 9, 16, tzinfo=UTC)
    votes = [[study.id, person.id, one, other, context.id, None, "upgrade", moment] for one, other in pairs]
    assert len(votes) > AT_ONCE
    return votes


def insert(rows: list[Row]) -> int:
    return insert_rows(WisdomVote, COLUMNS, rows)


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def role_of_triggers() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW session_replication_role")
        [role] = cursor.fetchone()
    return str(role)


def is_checked_at_once(rows: list[Row]) -> bool:
    """Whether a row that refers to nobody is refused when it is written and not, as the database does, in the end."""
    lost = [[*row] for row in rows]
    lost[-1][PARTICIPANT] = uuid4()
    at_once = True
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(lost)
        at_once = False
        connection.check_constraints()
    return at_once


def test_many_rows_are_checked_together_and_few_by_the_database(rows: list[Row]) -> None:
    assert is_checked_at_once(rows)
    assert is_checked_at_once(rows[:AT_ONCE])
    assert not is_checked_at_once(rows[: AT_ONCE - 1])
    assert insert(rows) == WisdomVote.objects.count() == len(rows)


@pytest.mark.parametrize(
    ("place", "lost", "told"),
    [
        (PARTICIPANT, uuid4(), r"participant_id\)=\({}\) is not present in table elicitation_participant"),
        (TO_VALUE, 987654, r"to_value_id\)=\({}\) is not present in table elicitation_canonicalvalue"),
        (SUPERSEDES, 987654321, r"supersedes_id\)=\({}\) is not present in table elicitation_wisdomvote"),
    ],
)
def test_what_is_not_there_is_named_and_nothing_is_written(
    rows: list[Row], place: int, lost: object, told: str
) -> None:
    rows[1234][place] = lost
    with pytest.raises(IntegrityError, match=f"wisdomvote.* violates foreign key .*\n.*{told.format(lost)}"):
        insert(rows)
    assert not WisdomVote.objects.exists()


def test_rows_can_refer_to_rows_of_the_same_call(rows: list[Row]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('elicitation_wisdomvote', 'id'))")
        [before] = cursor.fetchone()
    for place, row in enumerate(rows):
        row[SUPERSEDES] = before + place if place else None
    assert insert(rows) == len(rows)
    rows[-1][SUPERSEDES] += 2 * len(rows)
    with pytest.raises(IntegrityError, match="supersedes_id"):
        insert([[*row[:SUPERSEDES], None, *row[SUPERSEDES + 1 :]] for row in rows[:-1]] + rows[-1:])


def test_keys_may_be_written_as_texts(rows: list[Row]) -> None:
    assert insert([[str(row[0]), str(row[1]), row[2], str(row[3]), *row[4:]] for row in rows]) == len(rows)


@pytest.fixture
def elsewhere(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """Another connection to the same database."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        yield other
        other.rollback()


DELETE = "DELETE FROM elicitation_participant WHERE id = %s"


def test_what_is_deleted_elsewhere_meanwhile_is_waited_for_and_found_missing(
    elsewhere: psycopg.Connection[Any], rows: list[Row], person: Participant
) -> None:
    elsewhere.execute(DELETE, [person.id])
    ends = threading.Timer(0.3, elsewhere.commit)
    ends.start()
    with pytest.raises(IntegrityError, match=str(person.id)):
        insert(rows)
    ends.join()
    assert not WisdomVote.objects.exists()


def test_what_was_found_cannot_be_deleted_elsewhere_any_more(
    elsewhere: psycopg.Connection[Any], rows: list[Row], person: Participant
) -> None:
    with transaction.atomic():
        insert(rows)
        elsewhere.execute("SET lock_timeout = '50ms'")
        elsewhere.commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            elsewhere.execute(DELETE, [person.id])
        elsewhere.rollback()
    elsewhere.execute(DELETE, [person.id])
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        elsewhere.commit()


def test_what_was_found_cannot_be_deleted_in_the_same_transaction_either(rows: list[Row], person: Participant) -> None:
    insert(rows)
    with pytest.raises(IntegrityError), transaction.atomic():
        Participant.objects.filter(id=person.id)._raw_delete("default")
        connection.check_constraints()


@pytest.fixture
def _as_a_plain_role(rows: list[Row]) -> Iterator[None]:
    """Ask as a role that may read and write the tables, and no more."""
    execute(
        f"CREATE ROLE {ROLE}",
        f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}",
        f"SET LOCAL ROLE {ROLE}",
    )
    yield
    execute("RESET ROLE")


def test_a_role_that_may_not_leave_the_check_out_does_not(_as_a_plain_role: None, rows: list[Row]) -> None:
    assert not is_checked_at_once(rows)
    assert insert(rows) == len(rows)


def test_a_role_can_be_given_the_right_to_leave_the_check_out(_as_a_plain_role: None, rows: list[Row]) -> None:
    if connection.connection.info.server_version < 150000:
        pytest.skip("before PostgreSQL 15 only superusers may")
    execute("RESET ROLE", f"GRANT SET ON PARAMETER session_replication_role TO {ROLE}", f"SET LOCAL ROLE {ROLE}")
    assert is_checked_at_once(rows)
    execute("RESET ROLE", f"REVOKE UPDATE ON elicitation_participant FROM {ROLE}", f"SET LOCAL ROLE {ROLE}")
    assert not is_checked_at_once(rows)  # it can't lock people


def test_a_trigger_of_the_table_still_runs(rows: list[Row]) -> None:
    execute(
        "CREATE FUNCTION remark() RETURNS trigger AS $$ BEGIN NEW.comment = 'seen'; RETURN NEW; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER remark BEFORE INSERT ON elicitation_wisdomvote FOR EACH ROW EXECUTE FUNCTION remark()",
    )
    assert not is_checked_at_once(rows)
    insert(rows)
    assert WisdomVote.objects.filter(comment="seen").count() == len(rows)


def test_a_unique_constraint_that_is_checked_in_the_end_still_is(rows: list[Row]) -> None:
    execute("ALTER TABLE elicitation_wisdomvote ADD CONSTRAINT once UNIQUE (comment) DEFERRABLE INITIALLY DEFERRED")
    with pytest.raises(IntegrityError, match="once"), transaction.atomic():
        insert(rows)
        connection.check_constraints()


def refers_to_nobody(row: Row) -> Row:
    return [row[0], uuid4(), *row[2:]]


def compares_a_value_with_itself(row: Row) -> Row:
    return [*row[:TO_VALUE], row[TO_VALUE - 1], *row[TO_VALUE + 1 :]]


def says_nothing(row: Row) -> Row:
    return [*row[:ANSWER], None, *row[ANSWER + 1 :]]


def has_no_context(row: Row) -> Row:
    return [*row[:CONTEXT], None, *row[CONTEXT + 1 :]]


def is_there_twice(row: Row) -> Row:
    return row


@pytest.mark.parametrize(
    "broken", [refers_to_nobody, compares_a_value_with_itself, says_nothing, has_no_context, is_there_twice]
)
def test_every_rule_holds_and_an_error_leaves_triggers_as_they_were(
    rows: list[Row], broken: Callable[[Row], Row]
) -> None:
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            insert([*rows, broken(rows[0])])
        assert role_of_triggers() == "origin"
        assert not WisdomVote.objects.exists()
        insert(rows)
        assert role_of_triggers() == "origin"
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            WisdomVote.objects.update(answer="not_sure")


def test_an_error_of_who_makes_the_rows_leaves_triggers_as_they_were(rows: list[Row]) -> None:
    def cut_off() -> Iterator[Row]:
        yield from rows
        raise RuntimeError("the file ended")

    with pytest.raises(RuntimeError):
        insert_rows(WisdomVote, COLUMNS, cut_off())
    assert role_of_triggers() == "origin" and not WisdomVote.objects.exists()
