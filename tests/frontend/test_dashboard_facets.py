"""The page of one value: what is said about it, written, confirmed and rejected there; and the reports about it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.models import Job
from elicitation import deduplication, facets
from elicitation.models import CanonicalValue, Consideration, Norm, Study
from reports.running import run_report
from tests.people import card_of, join, value_in

ONE = {"act": "consider", "type": "right", "text": "Right to be heard", "way": "opposes", "relevance": "80"}


@pytest.fixture
def value(study: Study) -> CanonicalValue:
    return value_in(study)


def address(value: CanonicalValue) -> str:
    return reverse("dashboard:facets", args=[value.study.slug, value.number])


def page(desk: Client, value: CanonicalValue) -> str:
    response = desk.get(address(value))
    assert response.status_code == 200
    return response.content.decode()


def do(desk: Client, value: CanonicalValue, **typed: Any) -> Any:
    return desk.post(address(value), typed)


def test_a_facilitator_writes_what_bears_on_a_value(desk: Client, value: CanonicalValue) -> None:
    assert "Nothing is said about it yet." in page(desk, value)
    assert do(desk, value, **ONE).status_code == 302
    row = Consideration.objects.get()
    assert (row.type, row.relevance, row.opposes, row.state) == ("right", 0.8, 1, "confirmed")
    told = page(desk, value)
    assert "Right to be heard" in told and "<b>100 %</b> against it" in told and "0.00 of 1.58 bits" in told


def test_a_facilitator_labels_a_norm(desk: Client, value: CanonicalValue) -> None:
    typed = {"rule": "Listen first.", "foundation": ["care-harm", "loyalty-betrayal"], "judgement": "-1", "legal": ""}
    assert do(desk, value, act="norm", **typed).status_code == 302
    norm = Norm.objects.get()
    assert (norm.labels["foundation"], norm.labels["judgement"]) == (["care-harm", "loyalty-betrayal"], -1)
    assert norm.labels["legal"] is None
    assert "care and harm, loyalty and betrayal" in page(desk, value)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (ONE | {"way": ""}, "Say whether it supports or opposes"),
        (ONE | {"relevance": "101"}, "from 1 to 100"),
        (ONE | {"relevance": "9" * 5000}, "from 1 to 100"),
        (ONE | {"text": " "}, "Please write something here."),
        (ONE | {"type": "virtue"}, "Choose one of: value, right, duty."),
        ({"act": "norm"}, "Choose one label at least."),
        ({"act": "norm", "legal": "sort of"}, "none of legal, illegal, tolerated"),
        ({"act": "dance"}, "Nothing was changed."),
    ],
)
def test_what_can_not_be_used_is_said_and_what_was_typed_stays(
    desk: Client, value: CanonicalValue, typed: dict[str, str], told: str
) -> None:
    answer = do(desk, value, **typed)
    assert answer.status_code == 400 and told in answer.content.decode()
    if typed["act"] == "consider" and typed["text"].strip():
        assert 'value="Right to be heard"' in answer.content.decode()
    assert not Consideration.objects.exists() and not Norm.objects.exists()


def test_a_proposal_is_confirmed_rejected_and_looked_at_again(desk: Client, value: CanonicalValue) -> None:
    do(desk, value, **ONE)
    row = Consideration.objects.get()
    for act, state in (("reopen", "proposed"), ("confirm", "confirmed"), ("reject", "rejected")):
        assert do(desk, value, act=f"{act}:consideration-{row.number}").status_code == 302
        row.refresh_from_db()
        assert row.state == state and row.decided_by is not None
    assert "1 rejected" in page(desk, value) and "Look at it again" in page(desk, value)


def test_a_row_is_changed_in_place_and_keeps_what_the_form_can_not_say(desk: Client, value: CanonicalValue) -> None:
    shares: dict[str, Any] = {"supports": 0.6, "opposes": 0.3, "either": 0.1}
    row = facets.add_consideration(value, type="duty", text="Duty to warn", relevance=0.5, **shares)
    shown = desk.get(f"{address(value)}?change=consideration-1").content.decode()
    for part in ('value="consideration-1"', 'value="Duty to warn"', '"duty" selected', '"keep" selected', 'value="50"'):
        assert part in shown
    typed = ONE | {"type": "duty", "text": "Duty to warn", "way": "keep", "relevance": "90"}
    do(desk, value, **typed, instead_of="consideration-1")
    row.refresh_from_db()
    assert (row.relevance, row.supports, row.state, Consideration.objects.count()) == (0.9, 0.6, "confirmed", 1)


def test_a_changed_norm_takes_the_place_of_the_old_one(desk: Client, value: CanonicalValue) -> None:
    old = facets.add_norm(
        value, rule="Warn.", labels={"foundation": ["care-harm"], "judgement": 1, "targets": "char-0"}
    )
    shown = desk.get(f"{address(value)}?change=norm-1").content.decode()
    for part in (
        'value="norm-1"',
        'value="Warn."',
        '"care-harm" checked',
        'value="1" selected',
        'name="action" maxlength="300" value=""',
    ):
        assert part in shown
    do(desk, value, act="norm", instead_of="norm-1", rule="Warn.", foundation="care-harm", judgement="2")
    old.refresh_from_db()
    assert old.state == "rejected"
    assert Norm.objects.get(state="confirmed").labels == old.labels | {"judgement": 2}


@pytest.mark.parametrize("which", ["consideration-1", "norm-1", "norm-²", "norm-" + "9" * 50, "", "vote-1"])
def test_rows_of_other_values_are_not_there(desk: Client, study: Study, value: CanonicalValue, which: str) -> None:
    do(desk, value_in(study, title="Patience"), **ONE)
    assert do(desk, value, act=f"reject:{which}").status_code == 404
    assert Consideration.objects.get().state == "confirmed"


def test_a_viewer_reads_and_changes_nothing(viewers_desk: Client, value: CanonicalValue) -> None:
    facets.add_norm(value, labels={"legal": "legal"})
    told = page(viewers_desk, value)
    assert "Add a norm" not in told and "Reject" not in told
    assert do(viewers_desk, value, **ONE).status_code == 404


def test_without_a_model_the_page_says_so_and_nothing_is_asked(desk: Client, value: CanonicalValue) -> None:
    assert "No model is set up here, so people write all of it." in page(desk, value)
    assert do(desk, value, act="propose").status_code == 409
    assert not Job.objects.exists()


def test_with_a_model_this_value_or_all_are_asked_about(
    desk: Client, study: Study, value: CanonicalValue, settings: Any
) -> None:
    settings.LLM_BASE_URL, settings.LLM_MODEL = "http://model.invalid/v1", "fake"
    value_in(study, title="Patience")
    told = page(desk, value)
    assert "About this value" in told and "About all 2 values it was not asked about" in told
    do(desk, value, act="propose")
    do(desk, value, act="propose-all")
    assert [job.inputs.get("values") for job in Job.objects.order_by("created_at")] == [[value.number], None]


def test_a_page_says_how_many_hold_a_value_and_what_a_merged_one_counts_as(desk: Client, study: Study) -> None:
    for title in ("Letting go", "Letting be"):
        card_of(join(study), title=title)
    first, second = CanonicalValue.objects.order_by("number")
    assert "held by 1 person" in page(desk, first)
    deduplication.merge(study, [first, second])
    assert "held by 2 people" in page(desk, first)
    assert f'counts as another: <a href="{address(first)}">' in page(desk, second)


def test_hostile_text_is_shown_as_text(desk: Client, value: CanonicalValue) -> None:
    do(desk, value, **ONE | {"text": "<script>alert(1)</script>", "explanation": "<b>x"})
    told = page(desk, value)
    assert "<script>alert" not in told and "&lt;script&gt;" in told and "<b>x" not in told


def test_the_reports_show_values_by_title_and_forget_what_was_taken_back(desk: Client, value: CanonicalValue) -> None:
    facets.add_norm(value, labels={"agreement": 0, "foundation": ["care-harm"]})
    report = run_report("norms", study=value.study)
    shown = desk.get(reverse("dashboard:report", args=[report.id])).content.decode()
    assert f'<a href="{address(value)}">Care</a>' in shown and "Care and harm" in shown and '<svg class="iv' in shown
    CanonicalValue.objects.update(title="")
    assert ">Care</a>" not in desk.get(reverse("dashboard:report", args=[report.id])).content.decode()


def test_the_page_of_an_axis_says_that_it_judges_nobody_and_when_there_is_none(desk: Client, study: Study) -> None:
    report = run_report("moral_axis", study=study)
    told = desk.get(reverse("dashboard:report", args=[report.id])).content.decode()
    assert "There is no axis." in told and "never about a person" in told and '<svg class="iv' not in told
