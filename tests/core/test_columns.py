import uuid

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Case, Value, When
from django.db.models.expressions import RawSQL
from django.utils import timezone

from core.columns import KEY, read_columns
from elicitation.models import Participant, Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(study: Study) -> list[Participant]:
    ids = [uuid.UUID(int=n << 120) for n in (3, 1, 2)]  # they end in zero bytes
    return Participant.objects.bulk_create(
        [Participant(id=key, study=study, number=n) for n, key in enumerate(ids, 70_000)]
    )


def test_numbers_and_random_ids_come_in_the_order_asked_for(people: list[Participant]) -> None:
    twice = Case(When(number=70_000, then=Value(2)), default=Value(-1))
    rows = Participant.objects.filter(number__gte=70_000).order_by("-number").values_list("id", twice, "number")
    [[keys, coded, numbers]] = read_columns(rows)
    assert keys.tolist() == np.array([person.id.bytes for person in people[::-1]], KEY).tolist()
    assert [column.dtype for column in (keys, coded, numbers)] == [KEY, np.int64, np.int64]
    assert (coded.tolist(), numbers.tolist()) == ([-1, -1, 2], [70_002, 70_001, 70_000])


@pytest.mark.parametrize("at_once", [1, 2, 3, 4])
def test_rows_come_some_at_a_time(people: list[Participant], at_once: int) -> None:
    rows = Participant.objects.order_by("number").values_list("number")
    parts = [numbers.tolist() for [numbers] in read_columns(rows, at_once)]
    assert [number for part in parts for number in part] == [70_000, 70_001, 70_002]
    assert max(map(len, parts)) == min(at_once, 3)


def test_of_no_rows_there_is_nothing() -> None:
    assert list(read_columns(Participant.objects.values_list("id", "number"))) == []
    assert list(read_columns(Participant.objects.filter(number__in=[]).values_list("number"))) == []


def test_values_of_a_filter_are_handed_over(people: list[Participant]) -> None:
    Participant.objects.filter(id=people[0].id).update(withdrawn_at=timezone.now())
    gone = Participant.objects.filter(withdrawn_at__lte=timezone.now(), study__slug=people[0].study.slug)
    [[numbers]] = read_columns(gone.values_list("number"))
    assert numbers.tolist() == [70_000]


@pytest.mark.parametrize("missing", [70_000, 70_001, 70_002])
def test_a_row_that_lacks_a_value_is_an_error(people: list[Participant], missing: int) -> None:
    rows = Participant.objects.order_by("number")
    number = Case(When(number=missing, then=None), default="number")
    key = Case(When(number=missing, then=None), default="id")
    for found in (rows.values_list(number), rows.values_list("number", key), rows.values_list(key, "number")):
        with pytest.raises(ValueError, match="lacks a value"):
            list(read_columns(found))
    assert len(people) == Participant.objects.count()  # the connection is still of use


@pytest.fixture
def many(study: Study) -> int:
    """More people than come over a connection at once."""
    rows = 20_000
    Participant.objects.bulk_create([Participant(study=study, number=n) for n in range(1, rows + 1)], 5000)
    return rows


def test_many_rows_come_whole(many: int) -> None:
    found = read_columns(Participant.objects.order_by("number").values_list("number", "id"))
    numbers, keys = (np.concatenate(parts) for parts in zip(*found, strict=True))
    assert numbers.tolist() == list(range(1, many + 1)) and len({*keys.tolist()}) == many


def test_who_stops_reading_can_ask_for_something_else(many: int) -> None:
    rows = read_columns(Participant.objects.order_by("number").values_list("number"))
    assert len(next(rows)[0]) < many
    rows.close()  # type: ignore[attr-defined]
    assert Participant.objects.count() == many


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ("1 / (number - 19000)", "division by zero"),
        ("length(pg_sleep(9)::text)", "statement timeout"),
        ("pg_cancel_backend(pg_backend_pid())::int", "user request"),
    ],
)
def test_an_error_amid_the_rows_is_the_databases_own(many: int, instead: str, said: str) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("it has nothing of the kind")
    number = RawSQL(f"CASE WHEN number < 19000 THEN number ELSE {instead} END", [])
    with pytest.raises(DatabaseError, match=said), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '1s'")
        for _rows in read_columns(Participant.objects.order_by("number").values_list(number)):
            pass
    assert Participant.objects.count() == many, "the connection is still of use"
