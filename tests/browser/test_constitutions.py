"""A constitution from a run with a model to its published page, in a real browser. The model is a fake server that knows what was
planted: three groups, of which one contradicts the others."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from constitutions.extraction import extract
from constitutions.models import Approval
from constitutions.publishing import publish
from constitutions.ratification import approve
from core import ledger
from elicitation.candidates import add_candidates
from elicitation.comparisons import add_comparison, annotate, dataset_of, import_comparisons
from elicitation.models import Annotation, Dataset, Participant
from tests.browser import walk
from tests.browser.conftest import PHONE
from tests.browser.test_dashboard import DESK, OPENS, ada, sign_in, work_off
from tests.constitutions.planted_judge import PlantedJudge, planted_rows, write_rows
from tests.llm_client.server import FakeModelServer
from tests.people import join, make_study

__all__ = ["ada"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def model(settings: Any) -> Iterator[None]:
    judge = PlantedJudge(0.05)
    with FakeModelServer(lambda body: judge.answer(body["messages"][-1]["content"], "")) as server:
        settings.LLM_BASE_URL, settings.LLM_MODEL, settings.LLM_PROVIDER = server.url, "planted", "openai"
        settings.LLM_PRICE_IN, settings.LLM_PRICE_OUT = "1", "2"
        ledger.model_settings.cache_clear()
        yield
    ledger.model_settings.cache_clear()


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_a_constitution_is_sought_read_and_published(
    ada: Any, model: None, tmp_path: Path, open_browser: OPENS, look: walk.Look, width: str
) -> None:
    rows: list[dict[str, Any]] = []
    for number, (name, signs) in enumerate({"hills": (1, 1, 1), "coast": (1, 1, 1), "plain": (1, 1, -1)}.items()):
        rows += planted_rows(150, seed=40 + number, signs=signs, rater=name)
    write_rows(tmp_path / "moot.jsonl", rows)
    import_comparisons(tmp_path / "moot.jsonl", "moot", title="What people chose", owner=ada)
    page = open_browser(**(DESK if width == "desk" else PHONE)).new_page()
    sign_in(page)
    page.goto("/datasets/moot/")
    look(page, f"constitution-form-{width}")
    page.get_by_label("The language model planted").check()
    page.get_by_label("Whose answers").select_option("by:annotator")
    page.get_by_role("button", name="What would it cost?").click()
    expect(page.get_by_role("row", name="Voting")).to_be_visible()
    look(page, f"constitution-cost-{width}")
    page.locator("#search").get_by_role("button", name="Look for principles").click()
    look(page, f"constitution-waits-{width}")
    page.goto("about:blank")  # a page that asks how far the work is would keep the test's database busy
    work_off()
    page.goto("/datasets/moot/")
    expect(page.get_by_role("heading", name="For everyone and for each")).to_be_visible()
    look(page, f"constitution-found-{width}")
    page.get_by_role("link", name="evidence 1").click()
    expect(page.get_by_text("only those who run it see this")).to_be_visible()
    page.get_by_role("link", name="it says nothing about").click()
    expect(page.get_by_text("Speaks for neither text").first).to_be_visible()
    page.get_by_role("link", name="longest first").click()
    look(page, f"constitution-draft-principle-{width}")
    page.goto("/datasets/moot/")
    page.get_by_text("Publish as version 1").click()
    page.get_by_label("What is new, in a line").fill("The first one")
    page.get_by_role("button", name="Publish it").click()
    page.get_by_label("Measured text features").check()
    page.get_by_label("Principles at most").fill("3")
    page.locator("#search").get_by_role("button", name="Look for principles").click()
    page.goto("about:blank")
    work_off()
    page.goto("/datasets/moot/")
    look(page, f"constitution-next-{width}")
    page.goto("/c/moot/1/")
    look(page, f"constitution-public-{width}")
    page.goto("/c/moot/1/1/")
    expect(page.get_by_role("heading", name="The comparisons it speaks about")).to_be_visible()
    look(page, f"constitution-principle-{width}")


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_developers_check_a_signature_and_are_told_of_versions(
    ada: Any, open_browser: OPENS, look: walk.Look, tmp_path: Path, width: str
) -> None:
    write_rows(tmp_path / "moot.jsonl", planted_rows(120, seed=3))
    import_comparisons(tmp_path / "moot.jsonl", "moot", title="What people chose", owner=ada)
    rows = [
        {**row, "text_a": f"- {row['text_a']}\n- more", "annotations": {"human": {"people": "a"}}}
        for row in planted_rows(80, seed=4)
    ]
    write_rows(tmp_path / "lists.jsonl", rows)
    import_comparisons(tmp_path / "lists.jsonl", "lists", title="Lists", owner=ada)
    publish(extract(dataset=Dataset.objects.get(slug="lists")), slug="lists", title="Lists")
    page = open_browser(**(DESK if width == "desk" else PHONE)).new_page()
    sign_in(page)
    page.goto("/developers/")
    look(page, f"developers-{width}")
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_label("Address").fill("https://ci.example.org/hook")
    page.get_by_label("New versions of").select_option("dataset:lists")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("It is shown this once.")).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("Waiting")).to_be_visible()
    look(page, f"webhooks-{width}")
    page.goto("/c/lists/")
    page.get_by_text("Check the signature").click()
    look(page, f"constitution-signature-{width}")


def test_people_say_whether_they_agree_to_the_principles(ada: Any, open_browser: OPENS, look: walk.Look) -> None:
    study = make_study("tutor", "How should a tutor help?")
    study.memberships.create(user=ada, role="owner")
    study.settings = {
        "has_interview": False, "stories_each": 0, "comparisons_each": 1, "social_role": "a tutor of teenagers",
        "stakeholders": "who", "demographics": [{"key": "who", "label": "Who are you?", "choices": ["pupil", "parent"]}],
    }  # fmt: skip
    study.save()
    dataset = dataset_of(study)
    people = [join(study) for _ in range(12)]
    for n in range(60):
        pair = add_comparison(dataset, prompt=f"Q{n}", text_a="many words " * (3 + n % 5), text_b="few")
        for person in people[:5]:
            annotate(pair, participant=person, answer="a")
    version = publish(extract(dataset=dataset, principles=2), slug="tutor", title="A tutor")
    for place, person in enumerate(people):
        Participant.objects.filter(id=person.id).update(demographics={"who": "pupil" if place < 6 else "parent"})
        approve(version, person, 1, answer="approve" if place != 7 else "disapprove")
    phone = open_browser(**PHONE).new_page()
    phone.goto("/s/tutor/")
    phone.get_by_label("I have read this and I agree").check()
    phone.get_by_role("button", name="Agree and begin").click()
    phone.goto("/s/tutor/principles/")
    look(phone, "principles-phone")
    phone.get_by_label("Yes, an AI should do this").check()
    phone.get_by_role("button", name=re.compile("Save")).click()
    assert Approval.objects.count() == 13
    for width, options in (("desk", DESK), ("phone", PHONE)):
        page = open_browser(**options).new_page()
        page.goto("/c/tutor/")
        expect(page.get_by_role("heading", name="Do people agree to it?")).to_be_visible()
        look(page, f"ratification-{width}")


@pytest.mark.parametrize("script", [True, False])
def test_two_answers_are_compared_on_a_phone(open_browser: OPENS, look: walk.Look, script: bool) -> None:
    study = make_study("answers", "Which answer is better?")
    study.settings = {"has_interview": False, "stories_each": 0, "comparisons_each": 2, "comparison_seconds": 0}
    study.settings["dimensions"] = [{"key": "honest", "label": "Which is more honest?"}]
    study.save()
    first = "You can tell her today, and say what you can still do together. She may be angry. That is hers to be."
    other = (
        "Wait until the visit is over. It would spoil the days that she was looking forward to, and change nothing now."
    )
    for prompt in ("My mother keeps falling. Do I tell her that I looked at a home?", "Should I say it at the feast?"):
        add_candidates(study, prompt=prompt, texts=[first, other], context="When someone is losing a choice")
    page = open_browser(**PHONE, java_script_enabled=script).new_page()
    page.goto("/s/answers/")
    if script:
        look(page, "arena-start-phone")
    page.get_by_label("I have read this and I agree").check()
    page.get_by_role("button", name="Agree and begin").click()
    expect(page.get_by_text("pair 1 of 2")).to_be_visible()
    if script:
        look(page, "arena-phone")
    page.get_by_role("radio", name="The first It is better.").check()
    page.get_by_role("radio", name="the second", exact=True).check()
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_role("radio", name="The first It is better.")).to_be_checked()
    page.get_by_label("Neither is good").check()
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_role("button", name="Skip this one").click()
    expect(page).to_have_url(re.compile("/finish/"))
    assert [a.answer for a in Annotation.objects.order_by("id")][-1] == "both_bad"
    assert Annotation.objects.count() == 2


def test_a_facilitator_adds_answers_to_compare(ada: Any, model: None, open_browser: OPENS, look: walk.Look) -> None:
    study = make_study("answers", "Which answer is better?")
    study.memberships.create(user=ada, role="owner")
    page = open_browser(**DESK).new_page()
    sign_in(page)
    page.goto("/studies/answers/comparisons/")
    page.get_by_label("The prompt that they answer").fill("Do I tell her?")
    page.get_by_text("Write them yourself").click()
    page.get_by_label("Answer 1").fill("Yes, today.")
    page.get_by_label("Answer 2").fill("Not before she asks.")
    page.get_by_role("button", name="Add every two as a pair").click()
    expect(page.get_by_role("row").filter(has_text="Not before she asks.")).to_be_visible()
    look(page, "comparisons-desk")
