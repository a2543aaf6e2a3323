"""Blind review in a real browser: scored on a phone with the keyboard alone, read at a desk."""

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from constitutions.blind_review import CRITERIA, open_review, score
from constitutions.extraction import extract
from constitutions.models import ReviewScore
from constitutions.publishing import publish
from elicitation.comparisons import add_comparison, annotate, dataset_of
from elicitation.models import Study, StudyMembership
from reports.running import run_report
from tests.browser import walk
from tests.browser.conftest import PHONE
from tests.browser.test_dashboard import DESK, OPENS, ada, sign_in
from tests.people import join, make_study

__all__ = ["ada"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def reviewed(ada: Any) -> Study:
    """A study whose principles eight people scored blind, those of people higher."""
    study = make_study("moot", "The moot")
    StudyMembership.objects.create(study=study, user=ada, role=StudyMembership.Role.OWNER)
    dataset = dataset_of(study)
    people = [join(study) for _ in range(8)]
    for n in range(60):
        pair = add_comparison(dataset, prompt=f"Q{n}", text_a="many, many words " * (3 + n % 5), text_b="few")
        annotate(pair, participant=people[n % 8], answer="a")
    review = open_review(study, [publish(extract(dataset=dataset, principles=2), slug="moot")], dropped=True)
    sources = ("people", "model", "merged")
    for item in review.items.all():
        review.items.filter(id=item.id).update(source=sources[item.number % 3])
    rng = np.random.default_rng(1)
    for person in people:
        for item in review.items.all():
            marks = {name: int(rng.integers(2, 4)) for name in CRITERIA}
            score(item, person, marks | {"acceptability": marks["acceptability"] + 2 * (item.source == "people")})
    return study


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_principles_are_scored_with_the_keyboard_alone(
    reviewed: Study, open_browser: OPENS, look: walk.Look, width: str
) -> None:
    page = open_browser(**(DESK if width == "desk" else PHONE)).new_page()
    page.goto("/s/moot/")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Agree").click()
    page.goto("/s/moot/review/")
    look(page, f"review-{width}")
    before = ReviewScore.objects.count()
    for group in ("How new", "Could an AI", "Is it clear", "Would you accept"):
        first = page.get_by_role("group", name=group).get_by_role("radio").first
        first.focus()
        page.keyboard.press("Space")
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", checked=True)).to_have_count(4)
    look(page, f"review-chosen-{width}")
    page.get_by_role("button", name="Save and go on").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Principle 2 of")).to_be_visible()
    newest = ReviewScore.objects.latest("id")
    assert ReviewScore.objects.count() == before + 1
    assert (newest.novelty, newest.feasibility, newest.clarity, newest.acceptability) == (2, 2, 2, 2)


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_how_a_review_stands_and_what_it_says_is_read_at_the_desk(
    reviewed: Study, open_browser: OPENS, look: walk.Look, width: str
) -> None:
    report = run_report("blind_review", study=reviewed)
    page = open_browser(**(DESK if width == "desk" else PHONE)).new_page()
    sign_in(page)
    page.goto("/studies/moot/constitution/")
    expect(page.locator("#review").get_by_text("8 people")).to_be_visible()
    look(page, f"review-desk-{width}")
    page.goto(f"/reports/{report.id}/")
    expect(page.get_by_role("heading", name="Sources compared")).to_be_visible()
    look(page, f"review-report-{width}")
