import pytest
from django.db import DatabaseError, connection, models, transaction

from constitutions.models import ConstitutionVersion
from core.append_only import erasing
from elicitation.models import (
    Annotation,
    CardRevision,
    Consent,
    ConsentText,
    Endorsement,
    Participant,
    Study,
    WisdomVote,
)
from graphs.models import GraphSnapshot

pytestmark = pytest.mark.django_db
KEPT: list[type[models.Model]] = [
    Annotation, CardRevision, Consent, ConstitutionVersion, Endorsement, GraphSnapshot, WisdomVote,
]  # fmt: skip


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
