"""Datasets, reports, background work and what developers need."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse

from constitutions import extraction, publishing
from constitutions.exports import FORMS
from core.models import Job, User
from elicitation import comparisons
from elicitation.comparison_formats import EXPORTS
from elicitation.models import Dataset, Study
from frontend.dashboard import tools
from reports.models import Report
from reports.registry import kinds
from reports.running import run_report
from tests.frontend.conftest import browser_with
from tests.people import join

PAIRS = 30


def page(desk: Client, name: str, *args: Any) -> str:
    response = desk.get(reverse(f"dashboard:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


def look_at(desk: Client, text: str | bytes, name: str = "pairs.jsonl", **typed: str) -> Any:
    data = text.encode() if isinstance(text, str) else text
    sent = {"file": SimpleUploadedFile(name, data), "slug": "pairs", "title": "Pairs", "format": "auto"} | typed
    return desk.post(reverse("dashboard:datasets"), sent)


def form_of(preview: Any) -> str:
    told: str = preview.content.decode()
    return told.split("preview_title", 1)[1].split("</form>", 1)[0]


def confirm(desk: Client, preview: Any, **more: Any) -> Any:
    """Send the form of a preview as a browser does."""
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form_of(preview))
    return desk.post(reverse("dashboard:datasets"), dict(hidden) | {"act": "import"} | more)


def upload(desk: Client, text: str | bytes, name: str = "pairs.jsonl", **typed: str) -> Any:
    preview = look_at(desk, text, name, **typed)
    return confirm(desk, preview) if preview.status_code == 200 else preview


@pytest.fixture
def dataset(study: Study) -> Dataset:
    """The study's dataset: thirty comparisons, on which three people agree but for a few."""
    made = comparisons.dataset_of(study)
    people = [join(study) for _ in range(3)]
    for number in range(PAIRS):
        texts = ("Maybe? Who knows?", "It is always so.")
        first, second = texts if number % 2 else reversed(texts)
        comparison = comparisons.add_comparison(made, prompt=f"Q{number}", text_a=first, text_b=second)
        for place, person in enumerate(people):
            asks = "a" if number % 2 else "b"
            answer = "tie" if place == 2 and number % 5 == 0 else asks
            comparisons.annotate(comparison, participant=person, answer=answer)
    return made


# datasets


@pytest.fixture
def exported(dataset: Dataset) -> str:
    return comparisons.export_comparisons(dataset, "jsonl")


def test_a_file_is_imported_and_the_same_again_changes_nothing(desk: Client, exported: str, dataset: Dataset) -> None:
    upload(desk, exported)
    made = Dataset.objects.get(slug="pairs")
    assert made.comparisons.count() == PAIRS and "Pairs" in page(desk, "datasets")
    upload(desk, exported)
    assert "nothing was changed" in page(desk, "datasets") and made.comparisons.count() == PAIRS


def test_a_file_is_shown_before_anything_is_taken_in(desk: Client, exported: str) -> None:
    told = look_at(desk, exported).content.decode()
    assert "Nothing is taken in yet" in told and "Human: 3" in told and "Maybe? Who knows?" in told
    assert not Dataset.objects.filter(slug="pairs").exists()


def test_a_preview_says_what_is_new_and_what_is_there(desk: Client, exported: str) -> None:
    upload(desk, exported)
    more = {"prompt": "One more", "text_a": "x", "text_b": "y", "annotations": {"human": {"zoe": "tie"}}}
    told = look_at(desk, exported + json.dumps(more)).content.decode()
    assert f"1 new, {PAIRS} there already" in told
    assert Dataset.objects.get(slug="pairs").comparisons.count() == PAIRS


def test_a_large_file_is_asked_for_again_and_must_be_the_one_that_was_shown(
    desk: Client, exported: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "MOST_CARRIED", 10)
    preview = look_at(desk, exported)
    assert 'name="carried"' not in preview.content.decode()
    other = confirm(desk, preview, file=SimpleUploadedFile("pairs.jsonl", exported.replace("Q1", "P1").encode()))
    assert "Nothing is taken in yet" in other.content.decode()
    assert not Dataset.objects.filter(slug="pairs").exists()
    again = look_at(desk, exported)
    confirm(desk, again, file=SimpleUploadedFile("pairs.jsonl", exported.encode()))
    assert Dataset.objects.get(slug="pairs").comparisons.count() == PAIRS


def test_what_a_preview_carries_is_checked_again(desk: Client, exported: str) -> None:
    for carried in ("", "%%%", "bm90aGluZw=="):
        assert confirm(desk, look_at(desk, exported), carried=carried).status_code in (200, 400)
    assert not Dataset.objects.filter(slug="pairs").exists()


def test_a_bad_file_is_told_by_name_and_line_and_changes_nothing(desk: Client, exported: str) -> None:
    response = upload(desk, exported + "{broken\n", name="my pairs.jsonl")
    told = response.content.decode()
    assert response.status_code == 400 and "Nothing was imported" in told
    assert f"my pairs.jsonl, line {exported.count(chr(10)) + 1}" in told
    assert not Dataset.objects.filter(slug="pairs").exists()
    assert 'value="pairs"' in told  # what was typed stays


@pytest.mark.parametrize("data", [b"", b"\x00\x01", b"\xff\xfe\x00", b"null", b"[]", b"{}", b"a,b\n1,2\n"])
def test_no_file_is_a_traceback(desk: Client, data: bytes) -> None:
    assert upload(desk, data).status_code == 400


@pytest.mark.parametrize("slug", ["", "a b", "ü", "x" * 90])
def test_a_bad_name_is_told(desk: Client, exported: str, slug: str) -> None:
    assert upload(desk, exported, slug=slug).status_code == 400


def test_no_file_is_told(desk: Client) -> None:
    assert desk.post(reverse("dashboard:datasets"), {"slug": "pairs"}).status_code == 400


def test_the_name_of_a_file_leads_to_no_other_folder(desk: Client, exported: str) -> None:
    assert upload(desk, exported, name="../../../escape.jsonl").status_code == 302


def test_nothing_can_be_added_to_a_dataset_of_someone_else(stranger: User, exported: str, dataset: Dataset) -> None:
    assert upload(browser_with(stranger), exported, slug=dataset.slug).status_code == 404


def test_a_viewer_adds_nothing_to_the_studys_dataset(viewers_desk: Client, exported: str, dataset: Dataset) -> None:
    assert upload(viewers_desk, exported, slug=dataset.slug).status_code == 404


def test_a_dataset_can_be_downloaded_in_every_format(desk: Client, dataset: Dataset) -> None:
    links = re.findall(r'href="(/api/v1/datasets/[^"]+)"', page(desk, "datasets"))
    assert len(links) == len(EXPORTS)
    assert {desk.get(link).status_code for link in links} == {200}


def test_datasets_of_others_are_not_listed(stranger: User, dataset: Dataset) -> None:
    assert dataset.title not in page(browser_with(stranger), "datasets")


# reports


def ask(desk: Client, what: str) -> Any:
    return desk.post(reverse("dashboard:reports"), {"what": what})


def test_two_annotators_with_few_comparisons_in_common_are_not_compared(
    desk: Client, study: Study, dataset: Dataset
) -> None:
    rare = join(study)
    for comparison in dataset.comparisons.all()[:4]:
        comparisons.annotate(comparison, participant=rare, answer="a")
    told = page(desk, "report", run_report("agreement", dataset=dataset).id)
    assert told.split("Two by two")[-1].count("<tr>") == 1 + 3
    assert "3 pairs have fewer than 5 comparisons in common" in told


@pytest.mark.parametrize("kind", ["funnel", "agreement"])
def test_a_report_is_asked_for_made_and_read(
    desk: Client, study: Study, dataset: Dataset, work_off: Callable[[], Job], kind: str
) -> None:
    choice = re.search(rf'<option value="({kind}:[\w-]+)"', page(desk, "reports"))
    assert choice is not None
    ask(desk, choice[1])
    assert "data-job=" in page(desk, "reports")
    assert work_off().state == "done"
    report = Report.objects.get()
    assert reverse("dashboard:report", args=[report.id]) in page(desk, "reports")
    told = page(desk, "report", report.id)
    assert "<table" in told and '<svg class="iv' in told


def test_a_step_without_figures_says_why(desk: Client, study: Study) -> None:
    Study.objects.filter(id=study.id).update(source_sha256="0" * 64)
    study.refresh_from_db()
    assert "not in the imported files" in page(desk, "report", run_report("funnel", study=study).id)


@pytest.mark.parametrize("what", ["", "nonsense:x", "funnel"])
def test_a_report_that_does_not_exist_is_not_made(desk: Client, study: Study, what: str) -> None:
    assert ask(desk, what).status_code in (400, 404)
    assert not Job.objects.exists()


def test_a_report_about_someone_elses_study_is_not_to_be_had(desk: Client, study: Study, other_study: Study) -> None:
    assert ask(desk, f"funnel:{other_study.slug}").status_code == 404
    theirs = run_report("funnel", study=other_study)
    assert desk.get(reverse("dashboard:report", args=[theirs.id])).status_code == 404


# work


@pytest.fixture
def job(study: Study) -> Job:
    """Work of `study` that waits."""
    return Job.objects.create(kind="graphs.build", inputs_sha256="0", scope_key=study.scope_key)


def act(desk: Client, name: str, job: Any) -> Any:
    return desk.post(reverse("dashboard:jobs"), {"act": name, "job": job})


def test_work_is_listed_by_what_it_does_and_can_be_stopped(desk: Client, job: Job) -> None:
    assert "Build the moral graph" in page(desk, "jobs") and 'value="cancel"' in page(desk, "jobs")
    act(desk, "cancel", job.id)
    job.refresh_from_db()
    assert job.state == "cancelled"


@pytest.mark.parametrize("state", ["failed", "paused"])
def test_work_that_stopped_can_go_on(desk: Client, job: Job, state: str) -> None:
    Job.objects.update(state=state, error="The budget is reached.")
    assert "The budget is reached." in page(desk, "jobs")
    act(desk, "resume", job.id)
    job.refresh_from_db()
    assert job.state == "queued"


def test_work_that_went_on_meanwhile_is_told(desk: Client, job: Job) -> None:
    Job.objects.update(state="done")
    response = act(desk, "cancel", job.id)
    assert response.status_code == 409 and "has gone on meanwhile" in response.content.decode()


def test_a_viewer_sees_work_and_stops_none(viewers_desk: Client, job: Job) -> None:
    assert "Build the moral graph" in page(viewers_desk, "jobs")
    assert 'value="cancel"' not in page(viewers_desk, "jobs")
    assert act(viewers_desk, "cancel", job.id).status_code == 404


@pytest.mark.parametrize("named", ["", "nonsense", "00000000-0000-4000-8000-000000000000"])
def test_work_that_is_not_there_is_not_found(desk: Client, job: Job, named: str) -> None:
    assert act(desk, "cancel", named).status_code == 404


def test_work_of_others_is_not_listed(stranger: User, job: Job) -> None:
    browser = browser_with(stranger)
    assert "Build the moral graph" not in page(browser, "jobs")
    assert act(browser, "cancel", job.id).status_code == 404


# developers


@pytest.fixture
def rules(dataset: Dataset) -> str:
    """The slug of a published constitution."""
    found = extraction.extract(dataset=dataset)
    return publishing.publish(found, slug="rules").constitution.slug


def test_the_commands_for_developers_work_as_they_are_written(desk: Client, rules: str) -> None:
    told = re.findall(r"<pre[^>]*><code[^>]*>(.*?)</code></pre>", page(desk, "developers"), re.DOTALL)
    plain = [re.sub(r"<em>.*?</em>|</?i>", "", text).replace("&#x27;", "'").replace("&quot;", '"') for text in told]
    addresses = [found for text in plain for found in re.findall(r"http://testserver(/[^\s']+)", text)]
    named = [address for address in addresses if "SLUG" not in address]  # there is no published graph
    pulled = [address for address in named if not address.endswith("/webhooks/")]  # that one is posted, with a key
    assert len(pulled) == 6 and {Client().get(address).status_code for address in pulled} == {200}


def test_every_form_of_a_constitution_is_on_the_developers_page(desk: Client, rules: str) -> None:
    assert all(form in page(desk, "developers") for form in FORMS)


def test_developers_need_no_account(rules: str) -> None:
    told = page(Client(), "developers")
    assert f"constitutions/{rules}" in told and "Authorization" in told and "csrfmiddlewaretoken" not in told


def test_the_problem_shown_to_developers_is_the_one_that_is_answered(desk: Client, rules: str) -> None:
    told = page(desk, "developers")
    problem = Client().get(f"/api/v1/constitutions/{rules}/latest/?export=yaml").json()
    for part in (problem["type"], problem["title"].replace("'", "&#x27;"), problem["detail"]):
        assert part in told or part.replace("&#x27;", "'") in told


def test_the_page_for_developers_helps_before_anything_is_published(desk: Client) -> None:
    told = page(desk, "developers")
    assert "Nothing is published yet" in told and "SLUG" in told


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_report_has_a_page_of_its_own(kind: str) -> None:
    get_template(f"dashboard/reports/{kind}.html")
