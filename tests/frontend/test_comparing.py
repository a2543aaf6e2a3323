"""Two texts side by side, as a participant meets them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from elicitation.models import Annotation, ShownComparison, Study
from tests.elicitation.test_arena import in_arena

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def walked(study: Study) -> Client:
    """The browser of someone who agreed to take part in a study of comparisons."""
    in_arena(study)
    browser = Client()
    browser.post(f"/s/{study.slug}/", {"consent_version": "1", "agrees": "yes"})
    return browser


def page(browser: Client, study: Study, query: str = "") -> str:
    response = browser.get(f"/s/{study.slug}/compare/{query}", follow=True)
    assert response.status_code == 200
    return response.content.decode()


def answer(browser: Client, study: Study, n: int, **typed: str) -> Any:
    return browser.post(f"/s/{study.slug}/compare/", {"n": str(n), **typed})


def have_read() -> None:
    ShownComparison.objects.update(seen_at=timezone.now() - timedelta(minutes=1))


def test_one_pair_at_a_time_blind_with_the_way_back(walked: Client, study: Study) -> None:
    shown = page(walked, study)
    assert "Which is better?" in shown and "pair 1 of 3" in shown
    have_read()
    assert answer(walked, study, 1, answer="first", reason="Clearer")["Location"].endswith("?n=2")
    again = page(walked, study, "?n=1")
    assert "Clearer" in again and "checked" in again


def test_the_first_of_the_page_is_the_side_that_was_shown_first(walked: Client, study: Study) -> None:
    page(walked, study)
    ShownComparison.objects.update(order_shown="ba")
    have_read()
    answer(walked, study, 1, answer="first")
    given = Annotation.objects.get()
    assert (given.answer, given.order_shown) == ("b", "ba")


def test_too_quick_an_answer_comes_back_with_what_was_typed(walked: Client, study: Study) -> None:
    page(walked, study)
    response = answer(walked, study, 1, answer="second", reason="Because it is short")
    assert response.status_code == 400
    told = response.content.decode()
    assert "Please read both first" in told and "Because it is short" in told
    assert not Annotation.objects.exists()


def test_no_choice_is_asked_for_and_a_skip_leads_on(walked: Client, study: Study) -> None:
    page(walked, study)
    assert "choose an answer" in answer(walked, study, 1).content.decode()
    for n in (1, 2, 3):
        response = answer(walked, study, n, act="skip")
    assert response["Location"].endswith("/finish/")
    assert not Annotation.objects.exists()


def test_markup_in_a_text_is_shown_as_text(walked: Client, study: Study) -> None:
    from elicitation.models import Comparison

    Comparison.objects.update(text_a="<script>alert(1)</script>", text_b="**bold**")
    shown = page(walked, study)
    assert "<script>alert(1)" not in shown and "<strong>bold</strong>" in shown
