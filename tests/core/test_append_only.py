import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.utils import timezone

from constitutions.models import ConstitutionVersion
from core.append_only import erasing
from elicitation.models import (
    Annotation,
    CardRevision,
    Consent,
    ConsentText,
    Context,
    Endorsement,
    Participant,
    Study,
    WisdomVote,
)
from graphs.models import GraphSnapshot
from tests.people import value_in

pytestmark = pytest.mark.django_db
KEPT: list[type[models.Model]] = [
    Annotation, CardRevision, Consent, ConstitutionVersion, Endorsement, GraphSnapshot, WisdomVote,
]  # fmt: skip
UUIDS = ("study", "participant", "story")


@pytest.fixture
def consent() -> Consent:
    study = Study.objects.create(slug="a", title="A")
    text = ConsentText.objects.create(study=study, version=1, text="Agree?", sha256="0" * 64)
    participant = Participant.objects.create(study=study, number=1)
    return Consent.objects.create(participant=participant, text=text, text_sha256=text.sha256)


def test_a_row_can_neither_be_changed_nor_deleted(consent: Consent) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Consent.objects.update(shows_quotes=True)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Consent.objects.filter(id=consent.id).delete()
    consent.refresh_from_db()
    assert not consent.shows_quotes


def test_erasure_may_delete_and_only_while_it_says_so(consent: Consent) -> None:
    with erasing():
        Consent.objects.filter(id=consent.id).delete()
    assert not Consent.objects.exists()


def test_after_erasure_the_rule_holds_again(consent: Consent) -> None:
    with erasing():
        pass
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Consent.objects.all().delete()


@pytest.mark.parametrize("model", KEPT)
def test_every_table_of_record_has_its_triggers(model: type[models.Model]) -> None:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
            assert cursor.fetchone() == (2,)
        else:
            cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname = %s", [f"{table}_append_only"])
            assert cursor.fetchone() == (1,)


@pytest.fixture
def _migrated_in_the_end(transactional_db: None) -> Iterator[None]:
    yield
    call_command("migrate", "elicitation", verbosity=0)


@pytest.mark.parametrize("state", ["0007_comparison_draws", "0008_fewer_indexes_of_votes"])
def test_votes_survive_a_change_of_their_indexes_with_every_rule_about_them(
    _migrated_in_the_end: None, study: Study, participant: Participant, context: Context, state: str
) -> None:
    def vote(answer: str, supersedes: WisdomVote | None) -> WisdomVote:
        return WisdomVote.objects.create(
            study=study, participant=participant, from_value=values[0], to_value=values[1], context=context,
            answer=answer, supersedes=supersedes, voted_at=timezone.now(),
        )  # fmt: skip

    values = [value_in(study, title=title) for title in ("Keeping safe", "Letting go")]
    first = vote("upgrade", None)
    second = vote("not_sure", first)
    call_command("migrate", "elicitation", "0007_comparison_draws", verbosity=0)
    call_command("migrate", "elicitation", state, verbosity=0)
    assert list(WisdomVote.objects.values_list("id", "answer")) == [(first.id, "upgrade"), (second.id, "not_sure")]
    for change in (lambda: WisdomVote.objects.update(answer="upgrade"), WisdomVote.objects.all().delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    for before in (None, first):
        with pytest.raises(IntegrityError), transaction.atomic():
            vote("upgrade", before)
    with pytest.raises(IntegrityError), erasing():
        Participant.objects.filter(id=participant.id)._raw_delete("default")  # the foreign key is still there


@pytest.mark.parametrize("field", ["study", "participant", "story", "draw_item", "from_value", "to_value", "context"])
def test_the_votes_of_whatever_they_refer_to_are_found_by_an_index(field: str) -> None:
    """Deleting a row looks for its votes: without an index, through all votes of all studies."""
    ident = uuid4().hex if field in UUIDS else 1
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # which else is the way through an empty table
        explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} SELECT * FROM elicitation_wisdomvote WHERE {field}_id = %s", [ident])
        plan = str(cursor.fetchall())
    assert re.search(rf"SEARCH .*\({field}_id=\?\)|Index Cond: \({field}_id = ", plan), plan
