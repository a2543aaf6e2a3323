"""The Python client against the site itself, over real HTTP."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from folkmoot_client import Folkmoot, FolkmootError, NotGenuine, Unreachable
from pytest_django.live_server_helper import LiveServer

from constitutions.exports import FORMS, export
from constitutions.extraction import extract
from constitutions.models import ConstitutionVersion
from constitutions.publishing import publish
from elicitation.models import Dataset

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(preferring: Callable[..., Dataset]) -> ConstitutionVersion:
    return publish(extract(dataset=preferring("lists")), slug="lists")


@pytest.fixture
def moot(live_server: LiveServer) -> Iterator[Folkmoot]:
    with Folkmoot(live_server.url) as client:
        yield client


def test_what_is_pulled_is_what_was_published_and_verifies(moot: Folkmoot, version: ConstitutionVersion) -> None:
    newest = moot.latest("lists")
    newest.verify()
    assert newest.content.decode() == version.body
    assert (newest.number, newest.sha256, newest.evidence_withdrawn) == (1, version.sha256, False)
    assert newest.principles == json.loads(version.body)["principles"]


def test_what_was_changed_on_the_way_does_not_verify(moot: Folkmoot, version: ConstitutionVersion) -> None:
    pulled = moot.version("lists", 1)
    fields = {name: getattr(pulled, name) for name in pulled.__dataclass_fields__}
    changed = type(pulled)(**fields | {"content": pulled.content + b" "})
    with pytest.raises(NotGenuine, match="SHA-256"):
        changed.verify(signature=False)
    with pytest.raises(NotGenuine, match="signature"):
        changed._verify_signature("")
    with pytest.raises(NotGenuine, match="is signed with the key"):
        pulled.verify(key_id="0" * 64)


def test_an_unchanged_version_is_not_sent_again(moot: Folkmoot, version: ConstitutionVersion) -> None:
    seen: list[int] = []
    moot._http.event_hooks = {"response": [lambda response: seen.append(response.status_code)]}
    assert moot.latest("lists") == moot.latest("lists")
    assert seen == [200, 304]


def test_every_form_evidence_diff_and_downloads(
    moot: Folkmoot, version: ConstitutionVersion, preferring: Callable[..., Dataset], tmp_path: Path
) -> None:
    for form in FORMS:
        assert moot.export("lists", form, number=1).decode() == export(version, form)
    assert moot.evidence("lists", 1, principle=1)["comparisons"]["for"] > 0
    assert moot.diff("lists", old=1, new=1)["added"] == []
    assert moot.download("lists", "trl", tmp_path / "pairs.jsonl").read_text() == export(version, "trl")
    Dataset.objects.filter(slug="lists").update(is_listed=True)
    assert len(moot.dataset("lists").splitlines()) == 160


def test_a_problem_is_told_as_the_site_tells_it(moot: Folkmoot, version: ConstitutionVersion) -> None:
    with pytest.raises(FolkmootError, match="There is no export 'xml'") as told:
        moot.export("lists", "xml")
    assert (told.value.status, told.value.kind) == (400, "unknown-export")
    with pytest.raises(FolkmootError) as missing:
        moot.graph("nowhere")
    assert (missing.value.status, missing.value.kind) == (404, "not-found")


def test_a_site_that_does_not_answer_is_told() -> None:
    with Folkmoot("http://127.0.0.1:9") as client, pytest.raises(Unreachable, match="did not answer"):
        client.latest("lists")
