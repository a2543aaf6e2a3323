import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from core.canonical import sha256_of
from core.jobs import perform
from core.models import Job, User
from elicitation.comparisons import dataset_of
from elicitation.models import Participant, Study
from reports.models import Report
from reports.registry import kinds
from reports.running import body_of, run_report
from reports.tasks import make_report

pytestmark = pytest.mark.django_db
ClientOf = Callable[..., APIClient]
ADDRESS = "/api/v1/reports/"


def test_every_file_of_kinds_registers_a_report_with_parameters() -> None:
    assert {"agreement", "funnel"} <= set(kinds())
    assert all(kind.about in ("study", "dataset") and kind.title for kind in kinds().values())


def test_the_same_answers_and_parameters_give_the_same_bytes(study: Study, participant: Participant) -> None:
    first, second = run_report("funnel", study=study), run_report("funnel", study=study)
    assert first != second
    assert (first.body, first.sha256) == (second.body, second.sha256)
    assert first.sha256 == sha256_of(body_of(first))


def test_the_body_names_its_kind_subject_and_parameters_and_no_key(study: Study, participant: Participant) -> None:
    report = run_report("funnel", study=study)
    body = body_of(report)
    assert (body["kind"], body["study"], body["params"]) == ("funnel", study.slug, {"group": ""})
    assert str(study.id) not in report.body


@pytest.mark.parametrize(
    ("kind", "params", "field"),
    [
        ("horoscope", {}, "kind"),
        ("agreement", {}, "dataset"),
        ("funnel", {"sign": "lion"}, "params"),
        ("funnel", {"group": 7}, "params"),
    ],
)
def test_what_is_wrong_is_named(study: Study, kind: str, params: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as bad:
        run_report(kind, study=study, params=params)
    assert list(bad.value.message_dict) == [field]
    assert not Report.objects.exists()


def test_an_unknown_annotator_is_named(study: Study) -> None:
    with pytest.raises(ValidationError, match="dora"):
        run_report("agreement", dataset=dataset_of(study), params={"annotators": ["dora"]})


# the command


def test_the_command_writes_the_body_and_its_hash(study: Study, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    call_command("run_report", "funnel", "--study", study.slug, "--output", str(out))
    told = json.loads(out.read_text())
    assert told.pop("sha256") == sha256_of(told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("horoscope", "--study", "letting-go"), "kind: Choose one of: agreement, "),
        (("funnel",), "--study: This report is about a study"),
        (("funnel", "--study", "nothing"), "There is no study nothing"),
        (("agreement", "--dataset", "nothing"), "There is no dataset nothing"),
        (("funnel", "--study", "letting-go", "--params", "{"), "--params: is no proper JSON"),
        (("funnel", "--study", "letting-go", "--params", "[]"), "--params: must be a JSON object"),
        (("funnel", "--study", "letting-go", "--params", '{"x": 1}'), "--params: x: Extra inputs"),
        (("funnel", "--study", "letting-go", "--output", "/nowhere/x.json"), "--output: /nowhere/x.json"),
    ],
)
def test_an_error_names_the_option(study: Study, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("run_report", *arguments, stdout=StringIO())
    assert told in str(error.value)


# REST


def result_of(job: Job) -> dict[str, Any]:
    result: dict[str, Any] | None = job.result
    assert result is not None
    return result


@pytest.fixture
def job(study: Study, facilitator: User, client_of: ClientOf) -> Job:
    answer = client_of(facilitator).post(ADDRESS, {"kind": "funnel", "study": study.slug}, format="json")
    assert answer.status_code == 202
    return Job.objects.get(id=answer.json()["id"])


def test_a_report_is_asked_for_made_listed_and_read(job: Job, facilitator: User, client_of: ClientOf) -> None:
    perform(str(job.id), make_report.work)
    job.refresh_from_db()
    client = client_of(facilitator)
    [listed] = client.get(ADDRESS, {"kind": "funnel"}).json()["results"]
    read = client.get(result_of(job)["url"]).json()
    assert listed["sha256"] == read["sha256"] == result_of(job)["sha256"] == sha256_of(read["body"])


def test_a_stranger_finds_no_report(job: Job, stranger: User, client_of: ClientOf) -> None:
    perform(str(job.id), make_report.work)
    job.refresh_from_db()
    assert client_of(stranger).get(ADDRESS).json()["count"] == 0
    assert client_of(stranger).get(result_of(job)["url"]).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "horoscope"}, "kind"),
        ({"kind": "agreement"}, "dataset"),
        ({"params": {"sign": "lion"}}, "params"),
        ({"params": 7}, "params"),
        ({"study": ""}, "study"),
    ],
)
def test_a_bad_request_names_its_field_and_makes_no_job(
    study: Study, facilitator: User, client_of: ClientOf, change: dict[str, Any], field: str
) -> None:
    wanted = {"kind": "funnel", "study": study.slug} | change
    answer = client_of(facilitator).post(ADDRESS, wanted, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert not Job.objects.exists()


def test_a_report_about_someone_elses_study_is_not_there(study: Study, stranger: User, client_of: ClientOf) -> None:
    answer = client_of(stranger).post(ADDRESS, {"kind": "funnel", "study": study.slug}, format="json")
    assert answer.status_code == 404
