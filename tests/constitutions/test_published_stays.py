"""What is published never changes: not by raw SQL, not by any address, by whoever asks."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, models, transaction
from rest_framework.test import APIClient

from constitutions.extraction import extract
from constitutions.models import ConstitutionVersion, VersionSignature
from constitutions.publishing import publish
from core.models import User
from elicitation.models import Dataset
from graphs.models import GraphSnapshot
from tests.core.test_access_matrix import API

pytestmark = pytest.mark.django_db
ClientOf = Callable[..., APIClient]
APPEND_ONLY: list[type[models.Model]] = [ConstitutionVersion, VersionSignature, GraphSnapshot]


@pytest.fixture
def version(dataset: Dataset) -> ConstitutionVersion:
    return publish(extract(dataset=dataset), slug="lists")


def columns(model: type[models.Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields]


@pytest.mark.parametrize(
    ("model", "column"),
    [(model, column) for model in APPEND_ONLY[:2] for column in columns(model)],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_no_column_of_what_is_published_changes_by_raw_sql(
    version: ConstitutionVersion, model: type[models.Model], column: str
) -> None:
    table = model._meta.db_table
    before = list(model._default_manager.values())
    assert before
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{table}" SET "{column}" = "{column}"')
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'DELETE FROM "{table}"')
    assert list(model._default_manager.values()) == before


@pytest.mark.parametrize("model", APPEND_ONLY, ids=lambda model: model.__name__)
def test_every_table_of_what_is_published_has_its_guard(model: type[models.Model]) -> None:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        else:
            cursor.execute("SELECT 2 * count(*) FROM pg_trigger WHERE tgname = %s", [f"{table}_append_only"])
        assert cursor.fetchone() == (2,)


def addresses() -> list[str]:
    """Return the API's addresses about a constitution, with the names of this test's own."""
    found = []
    for path in sorted(path for path in API if path.startswith("constitutions/<slug:slug>/")):
        filled = path.replace("<slug:slug>", "lists")
        for name in ("number", "other", "principle"):
            filled = filled.replace(f"<int:{name}>", "1")
        found.append(f"/api/v1/{filled}")
    return found


def test_no_address_changes_a_version(
    version: ConstitutionVersion, client_of: ClientOf, facilitator: User, dataset: Dataset
) -> None:
    client = client_of(facilitator)
    tried = 0
    body = {"body": "{}", "sha256": "0" * 64, "number": 7, "note": "new", "licence": "none", "principles": []}
    assert len(addresses()) >= 8
    for address in addresses():
        for method in ("put", "patch", "delete", "post"):
            answer = getattr(client, method)(address, body, format="json")
            assert 400 <= answer.status_code < 500, (method, address, answer.status_code)
            tried += 1
    assert tried == 4 * len(addresses())
    found = ConstitutionVersion.objects.get()
    assert (found.body, found.sha256, found.note, found.number) == (version.body, version.sha256, version.note, 1)
    assert client.get("/api/v1/constitutions/lists/versions/1/").content.decode() == version.body
