import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from constitutions.exports import FORMS
from constitutions.extraction import extract
from constitutions.models import Constitution, ConstitutionVersion
from constitutions.publishing import publish, version_body
from constitutions.tasks import extract_constitution
from core.append_only import erasing
from core.jobs import perform
from core.models import Job, User
from elicitation.models import Comparison, Dataset

pytestmark = pytest.mark.django_db
ClientOf = Callable[..., APIClient]
ADDRESS = "/api/v1/constitutions/"


@pytest.fixture
def version(dataset: Dataset) -> ConstitutionVersion:
    return publish(extract(dataset=dataset), slug="lists", title="Lists")


@pytest.fixture
def second(version: ConstitutionVersion, dataset: Dataset) -> ConstitutionVersion:
    return publish(extract(dataset=dataset, seed=5), slug="lists", note="Another seed")


def work(job: Job) -> Job:
    perform(str(job.id), extract_constitution.work)
    job.refresh_from_db()
    return job


# pulling


def test_a_published_constitution_is_listed_to_everyone(version: ConstitutionVersion, client_of: ClientOf) -> None:
    [listed] = client_of(None).get(ADDRESS).json()["results"]
    assert (listed["slug"], listed["versions"], listed["licence"]) == ("lists", [1], "CC-BY-4.0")
    assert listed["latest"].endswith("/constitutions/lists/latest/")


def test_one_without_a_version_is_not_there_for_others(
    dataset: Dataset, client_of: ClientOf, facilitator: User, stranger: User
) -> None:
    Constitution.objects.create(slug="draft", title="Draft", dataset=dataset)
    assert client_of(facilitator).get(f"{ADDRESS}draft/").status_code == 200
    for actor in (None, stranger):
        assert client_of(actor).get(f"{ADDRESS}draft/").status_code == 404


def test_the_bytes_that_are_pulled_have_the_hash(version: ConstitutionVersion, client_of: ClientOf) -> None:
    answer = client_of(None).get(f"{ADDRESS}lists/latest/")
    assert hashlib.sha256(answer.content).hexdigest() == version.sha256
    assert answer["ETag"] == f'"sha256:{version.sha256}"'
    assert answer["X-Constitution-Version"] == "1"
    assert "Last-Modified" in answer


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_etag_of_every_form_gives_304(version: ConstitutionVersion, client_of: ClientOf, form: str) -> None:
    client, address = client_of(None), f"{ADDRESS}lists/latest/?export={form}"
    tag = client.get(address)["ETag"]
    answer = client.get(address, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_says_its_name_and_licence_and_its_etag_is_the_hash_of_its_bytes(
    version: ConstitutionVersion, client_of: ClientOf, form: str
) -> None:
    client, address = client_of(None), f"{ADDRESS}lists/versions/1/?export={form}"
    answer = client.get(address)
    assert hashlib.sha256(answer.content).hexdigest() in answer["ETag"]
    assert answer.content == client.get(address).content
    assert "lists-v1." in answer["Content-Disposition"]
    assert (answer["X-Licence"], "Accept" in answer["Vary"]) == ("CC-BY-4.0", True)
    assert answer["Link"] == f'<{ADDRESS}lists/versions/1/?export=data-sheet>; rel="describedby"'
    head = client.head(address)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", answer["ETag"])
    if "Last-Modified" in answer:
        later = client.get(address, headers={"If-Modified-Since": answer["Last-Modified"]})
        assert later.status_code == 304


@pytest.mark.parametrize("form", ["json", "markdown", "prompt"])
def test_a_version_that_was_tampered_with_is_not_served(
    version: ConstitutionVersion, client_of: ClientOf, form: str
) -> None:
    with erasing():
        ConstitutionVersion.objects.update(body=version.body.replace('"seed":0', '"seed":1'))
    answer = client_of(None).get(f"{ADDRESS}lists/versions/1/?export={form}")
    assert answer.status_code == 500 and answer.json()["type"] == "/problems/damaged"


def test_annotated_pairs_go_by_their_etag_alone_since_people_may_take_theirs_back(
    version: ConstitutionVersion, client_of: ClientOf
) -> None:
    address = f"{ADDRESS}lists/versions/1/?export=annotated-pairs"
    later = client_of(None).get(address, headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert later.status_code == 200 and "Last-Modified" not in later


def test_a_new_version_answers_the_old_etag_of_latest(
    version: ConstitutionVersion, dataset: Dataset, client_of: ClientOf
) -> None:
    client = client_of(None)
    tag = client.get(f"{ADDRESS}lists/latest/")["ETag"]
    publish(extract(dataset=dataset, seed=5), slug="lists")
    assert client.get(f"{ADDRESS}lists/latest/", headers={"If-None-Match": tag}).status_code == 200


def test_annotated_pairs_answer_the_old_etag_once_a_comparison_is_gone(
    version: ConstitutionVersion, client_of: ClientOf
) -> None:
    client, address = client_of(None), f"{ADDRESS}lists/versions/1/?export=annotated-pairs"
    answer = client.get(address)
    Comparison.objects.filter(number=1).update(prompt="")
    assert client.get(address, headers={"If-None-Match": answer["ETag"]}).status_code == 200
    assert "immutable" not in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/markdown", "text/markdown"),
        ("text/markdown, */*;q=0.8", "text/markdown"),
        ("text/markdown;q=0.1, application/json", "application/json"),
        ("text/markdown;q=0, application/json", "application/json"),
        ("text/plain", "text/plain"),
        ("text/html", "application/json"),
        ("*/*", "application/json"),
    ],
)
def test_the_form_can_be_asked_for_by_accept(
    version: ConstitutionVersion, client_of: ClientOf, accept: str, kind: str
) -> None:
    answer = client_of(None).get(f"{ADDRESS}lists/latest/", headers={"Accept": accept})
    assert answer["Content-Type"].startswith(kind)
    assert "Accept" in answer["Vary"]


def test_a_pinned_version_never_changes_and_may_be_kept(
    version: ConstitutionVersion, second: ConstitutionVersion, client_of: ClientOf
) -> None:
    answer = client_of(None).get(f"{ADDRESS}lists/versions/1/")
    assert answer.content.decode() == version.body
    assert "immutable" in answer["Cache-Control"]
    assert "immutable" not in client_of(None).get(f"{ADDRESS}lists/latest/")["Cache-Control"]


def test_versions_are_listed_newest_first(
    version: ConstitutionVersion, second: ConstitutionVersion, client_of: ClientOf
) -> None:
    rows = client_of(None).get(f"{ADDRESS}lists/versions/").json()["results"]
    assert [(row["number"], row["parent"], row["note"]) for row in rows] == [(2, 1, "Another seed"), (1, None, "")]
    assert [row["evidence_withdrawn"] for row in rows] == [False, False]


def test_a_diff_tells_what_changed(
    version: ConstitutionVersion, second: ConstitutionVersion, client_of: ClientOf
) -> None:
    told = client_of(None).get(f"{ADDRESS}lists/versions/2/diff/1/").json()
    assert (told["from"], told["to"]) == (1, 2)


def test_evidence_is_paged_and_names_no_annotator(version: ConstitutionVersion, client_of: ClientOf) -> None:
    address = f"{ADDRESS}lists/versions/1/principles/1/evidence/"
    first, later = (client_of(None).get(address, {"start": start}).json()["comparisons"] for start in (0, 50))
    expected = version_body(version)["principles"][0]["evidence"]["comparisons"]
    assert first["for"] + first["against"] == expected
    assert len(first["results"]) == 50
    assert not {r["number"] for r in first["results"]} & {r["number"] for r in later["results"]}
    assert "ana" not in json.dumps(first).split('"')


# problems


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("none/", 404),
        ("none/latest/", 404),
        ("none/versions/", 404),
        ("lists/versions/9/", 404),
        ("lists/versions/1/diff/9/", 404),
        ("lists/versions/9/diff/1/", 404),
        ("lists/versions/1/principles/99/evidence/", 404),
        ("lists/versions/1/principles/1/evidence/?start=-1", 400),
        ("lists/versions/1/principles/1/evidence/?start=x", 400),
        ("lists/latest/?export=xml", 400),
    ],
)
def test_what_is_not_there_is_a_problem(
    version: ConstitutionVersion, client_of: ClientOf, rest: str, code: int
) -> None:
    answer = client_of(None).get(ADDRESS + rest)
    assert (answer.status_code, answer["Content-Type"]) == (code, "application/problem+json")
    assert answer.json()["title"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"dataset": ""}, "dataset"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"test_fraction": 2}, "test_fraction"),
        ({"test_fraction": "nan"}, "test_fraction"),
        ({"principles": 0}, "principles"),
        ({"judge": "oracle"}, "judge"),
        ({"slug": "no slug"}, "slug"),
        ({"slug": "x" * 61}, "slug"),
        ({"annotators": "ana"}, "annotators"),
    ],
)
def test_a_bad_request_names_its_field(
    dataset: Dataset, facilitator: User, client_of: ClientOf, change: dict[str, Any], field: str
) -> None:
    answer = client_of(facilitator).post(ADDRESS, {"dataset": dataset.slug} | change, format="json")
    assert answer.status_code == 400
    assert field in {error["field"].split(".")[0] for error in answer.json()["errors"]}
    assert not Job.objects.exists()


def test_without_a_model_its_judge_is_refused_before_a_job_is_made(
    dataset: Dataset, facilitator: User, client_of: ClientOf
) -> None:
    answer = client_of(facilitator).post(ADDRESS, {"dataset": dataset.slug, "judge": "llm"}, format="json")
    assert (answer.status_code, Job.objects.count()) == (409, 0)
    assert "no language model" in answer.json()["title"]


def test_nobody_and_strangers_cannot_extract(dataset: Dataset, stranger: User, client_of: ClientOf) -> None:
    for actor, code in ((None, 401), (stranger, 404)):
        assert client_of(actor).post(ADDRESS, {"dataset": dataset.slug}, format="json").status_code == code


# extracting


@pytest.fixture
def job(dataset: Dataset, facilitator: User, client_of: ClientOf) -> Job:
    wanted = {"dataset": dataset.slug, "slug": "asked", "title": "Asked for", "licence": "CC0-1.0"}
    answer = client_of(facilitator).post(ADDRESS, wanted, format="json")
    assert answer.status_code == 202
    assert answer["Location"].endswith(f"/jobs/{answer.json()['id']}/")
    return Job.objects.get(id=answer.json()["id"])


def test_a_job_extracts_and_publishes(job: Job, client_of: ClientOf) -> None:
    done = work(job)
    assert done.state == Job.State.DONE
    assert done.result
    pulled = client_of(None).get(done.result["url"])
    assert hashlib.sha256(pulled.content).hexdigest() == done.result["sha256"]
    assert pulled.json()["licence"] == "CC0-1.0"


def test_the_job_done_twice_publishes_once(job: Job) -> None:
    first = work(job).result
    Job.objects.filter(id=job.id).update(state=Job.State.QUEUED)
    assert work(job).result == first
    assert ConstitutionVersion.objects.count() == 1


@pytest.mark.parametrize(("field", "value"), [("annotators", ["dora"]), ("group", "place=moon")])
def test_who_is_not_there_is_told_before_any_work(
    dataset: Dataset, facilitator: User, client_of: ClientOf, field: str, value: object
) -> None:
    answer = client_of(facilitator).post(ADDRESS, {"dataset": dataset.slug, field: value}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not Job.objects.exists()


def test_a_job_whose_annotator_left_meanwhile_says_why(
    dataset: Dataset, facilitator: User, client_of: ClientOf
) -> None:
    name = dataset.annotators.earliest("number").source_id
    answer = client_of(facilitator).post(ADDRESS, {"dataset": dataset.slug, "annotators": [name]}, format="json")
    with erasing():
        dataset.annotators.all().delete()
    failed = work(Job.objects.get(id=answer.json()["id"]))
    assert (failed.state, name in failed.error) == (Job.State.FAILED, True)


def test_a_job_that_finds_too_little_says_so_in_plain_words(
    preferring: Callable[..., Dataset], facilitator: User, client_of: ClientOf
) -> None:
    wanted = {"dataset": preferring("chance", share=0.5).slug, "slug": "chance"}
    answer = client_of(facilitator).post(ADDRESS, wanted, format="json")
    failed = work(Job.objects.get(id=answer.json()["id"]))
    assert (failed.state, failed.error) == ("failed", "Not enough evidence: there is no principle to publish.")
