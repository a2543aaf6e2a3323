"""What is published is signed, and anyone can check it with a standard tool, as the page says."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from rest_framework.test import APIClient

from constitutions import signing
from constitutions.extraction import extract
from constitutions.models import ConstitutionVersion, VersionSignature
from constitutions.publishing import publish
from core.append_only import erasing
from elicitation.models import Dataset

pytestmark = pytest.mark.django_db
ClientOf = Callable[..., APIClient]
PINNED = "/api/v1/constitutions/lists/versions/1/"
OTHER_KEY = base64.b64encode(b"k" * 32).decode()
THIRD_KEY = base64.b64encode(b"3" * 32).decode()


@pytest.fixture
def version(dataset: Dataset) -> ConstitutionVersion:
    return publish(extract(dataset=dataset), slug="lists")


def checked(client: APIClient, folder: Path, change: bytes = b"") -> str:
    """Pull body, signature and key, and say what openssl says of them."""
    told = client.get(f"{PINNED}signature/").json()
    (folder / "constitution.json").write_bytes(client.get(PINNED).content + change)
    (folder / "constitution.sig").write_bytes(client.get(f"{PINNED}signature/?export=raw").content)
    (folder / "key.pem").write_bytes(client.get(f"{told['key']}?export=pem").content)
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in constitution.json -sigfile constitution.sig"
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_openssl_checks_the_bytes_that_are_served(
    version: ConstitutionVersion, client_of: ClientOf, tmp_path: Path
) -> None:
    assert "Signature Verified Successfully" in checked(client_of(None), tmp_path)
    assert "Signature Verification Failure" in checked(client_of(None), tmp_path, b" ")


def test_a_pull_brings_its_signature_and_the_key_it_was_made_with(
    version: ConstitutionVersion, client_of: ClientOf
) -> None:
    client = client_of(None)
    pulled, told = client.get(PINNED), client.get(f"{PINNED}signature/").json()
    assert pulled["X-Signature-Ed25519"] == told["signature"]
    assert pulled["X-Signing-Key"] == told["key_id"] == client.get("/api/v1/signing-key/").json()["key_id"]
    assert base64.b64decode(told["signature"]) == client.get(f"{PINNED}signature/?export=raw").content
    assert told["sha256"] == version.sha256 and told["signed_at"] >= told["published_at"]


def test_a_version_from_before_the_key_is_signed_when_it_is_first_asked_for(
    dataset: Dataset, client_of: ClientOf, settings: Any
) -> None:
    settings.SIGNING_KEY = ""
    publish(extract(dataset=dataset), slug="lists")
    client = client_of(None)
    assert client.get(f"{PINNED}signature/").json()["type"] == "/problems/not-signed"
    assert "X-Signature-Ed25519" not in client.get(PINNED)
    settings.SIGNING_KEY = OTHER_KEY
    first = client.get(f"{PINNED}signature/").json()
    assert client.get(f"{PINNED}signature/").json() == first


def test_after_a_change_of_key_old_signatures_can_still_be_checked(
    version: ConstitutionVersion, client_of: ClientOf, settings: Any, tmp_path: Path
) -> None:
    old = signing.current_key()
    settings.SIGNING_KEY = THIRD_KEY
    assert "Signature Verified Successfully" in checked(client_of(None), tmp_path)
    keys = client_of(None).get("/api/v1/signing-key/").json()
    assert old is not None and [key["key_id"] for key in keys["earlier"]] == [old.key_id] != [keys["key_id"]]


def test_a_signature_refuses_every_change(version: ConstitutionVersion) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        VersionSignature.objects.update(signature="x")
    with pytest.raises(DatabaseError), transaction.atomic():
        VersionSignature.objects.all().delete()


def test_what_was_tampered_with_is_not_signed(dataset: Dataset, client_of: ClientOf, settings: Any) -> None:
    settings.SIGNING_KEY = ""
    version = publish(extract(dataset=dataset), slug="lists")
    with erasing():
        ConstitutionVersion.objects.update(body=version.body.replace('"seed":0', '"seed":1'))
    settings.SIGNING_KEY = OTHER_KEY
    assert client_of(None).get(f"{PINNED}signature/").json()["type"] == "/problems/damaged"
    assert not VersionSignature.objects.exists()


def test_the_private_key_is_in_no_row(version: ConstitutionVersion, settings: Any) -> None:
    row = VersionSignature.objects.select_related("key").get()
    assert settings.SIGNING_KEY not in (row.signature, row.key.public_key)


@pytest.mark.parametrize("address", [f"{PINNED}signature/", "/api/v1/signing-key/"])
def test_an_unknown_form_is_told(version: ConstitutionVersion, client_of: ClientOf, address: str) -> None:
    assert client_of(None).get(f"{address}?export=xml").json()["type"] == "/problems/unknown-export"
