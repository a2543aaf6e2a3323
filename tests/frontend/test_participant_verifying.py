"""Being asked afterwards: on the finish page, and by a signed link that needs no account and gives nothing else away."""

import pytest
from django.test import Client
from django.urls import reverse

from elicitation import deduplication, participation, verification, withdrawal
from elicitation.models import Participant, Study, VerificationAnswer
from tests.people import card_of, join

pytestmark = pytest.mark.django_db


@pytest.fixture
def merged(study: Study, participant: Participant) -> Participant:
    """Someone whose card counts as a value in another person's words."""
    card_of(join(study), title="Letting go together")
    card_of(participant, title="Setting free")
    deduplication.merge(study, study.values.all())
    participation.finish(participant)
    return participant


def opened(person: Participant, kind: str = "same_card") -> Client:
    """A browser in which the person's link was opened."""
    browser = Client()
    answer = browser.get(reverse("check-link", args=[verification.link_token(person, kind)]))
    assert answer["Location"] == "/check/"
    return browser


def form(value: int = 1, **more: str) -> dict[str, str]:
    return {"kind": "same_card", "answer": "different", "value": str(value)} | more


def test_the_finish_page_asks_whose_card_was_merged_and_keeps_the_card(merged: Participant) -> None:
    browser = Client()
    browser.cookies["participant"] = merged.token  # type: ignore[attr-defined]
    path = f"/s/{merged.study.slug}/finish/"
    browser.get(f"/s/{merged.study.slug}/others/")
    merged.study.participants.filter(id=merged.id).update(finished_at="2026-01-01T00:00:00Z")
    Study.objects.filter(id=merged.study_id).update(state="closed")
    shown = browser.get(path).content.decode()
    assert "Is this the same as yours?" in shown and "Setting free" in shown and "Letting go together" in shown
    assert browser.post(path, form(comment="Mine is about fear.")).status_code == 302
    assert "You said it is different" in browser.get(path).content.decode()
    assert VerificationAnswer.objects.get().comment == "Mine is about fear."
    assert merged.cards.get().title == "Setting free"


def test_whose_card_stands_in_its_own_words_is_not_asked(study: Study, participant: Participant) -> None:
    card_of(participant)
    browser = Client()
    browser.cookies["participant"] = participant.token  # type: ignore[attr-defined]
    Study.objects.filter(id=study.id).update(state="closed")
    assert "Is this the same" not in browser.get(f"/s/{study.slug}/finish/").content.decode()
    assert "There is nothing to ask" in opened(participant).get("/check/").content.decode()


def test_a_link_shows_its_question_stores_the_answer_and_cleans_its_address(merged: Participant) -> None:
    browser = opened(merged)
    shown = browser.get("/check/").content.decode()
    assert "Setting free" in shown and "Letting go together" in shown
    assert browser.post("/check/", form())["Location"] == "/check/"
    assert browser.post("/check/", form(answer="same")).status_code == 302
    assert "You said it is the same" in browser.get("/check/").content.decode()
    assert VerificationAnswer.objects.current().get().answer == "same" and VerificationAnswer.objects.count() == 2


def test_opening_a_link_stores_nothing(merged: Participant) -> None:
    opened(merged).get("/check/")
    assert not VerificationAnswer.objects.exists()


def test_a_link_leads_to_nothing_else_of_the_person(merged: Participant) -> None:
    browser = opened(merged)
    assert browser.get(f"/s/{merged.study.slug}/finish/").status_code == 302
    shown = browser.get("/check/").content.decode()
    assert f"/s/{merged.study.slug}/" not in shown and merged.return_code not in shown  # type: ignore[attr-defined]


def test_a_link_answers_its_own_question_only(merged: Participant) -> None:
    refused = opened(merged).post("/check/", {"kind": "fair_position", "answer": "fair"})
    assert refused.status_code == 400 and not VerificationAnswer.objects.exists()


def test_what_was_typed_stays_when_the_value_has_changed_meanwhile(merged: Participant) -> None:
    refused = opened(merged).post("/check/", form(value=9, comment="Mine is about fear."))
    assert refused.status_code == 409 and "Mine is about fear." in refused.content.decode()


def test_without_a_graph_there_is_no_place_to_ask_about(merged: Participant) -> None:
    assert "has not been compared" in opened(merged, "fair_position").get("/check/").content.decode()


def test_an_unknown_link_and_no_link_at_all_are_told_kindly(db: None) -> None:
    browser = Client()
    assert browser.get("/check/").status_code == 404
    browser.get(reverse("check-link", args=["nonsense"]))
    refused = browser.get("/check/")
    assert refused.status_code == 404 and "return code" in refused.content.decode()


def test_the_link_of_someone_who_left_says_so_and_stores_nothing(merged: Participant) -> None:
    browser = opened(merged)
    withdrawal.withdraw(merged)
    for answer in (browser.get("/check/"), browser.post("/check/", form())):
        assert answer.status_code == 410 and "took everything back" in answer.content.decode()
    assert not VerificationAnswer.objects.exists()


def test_the_studys_own_team_cannot_answer_for_someone(merged: Participant, desk: Client) -> None:
    desk.get(reverse("check-link", args=[verification.link_token(merged, "same_card")]))
    shown = desk.get("/check/")
    assert shown.status_code == 403 and "Setting free" not in shown.content.decode()
    assert desk.post("/check/", form()).status_code == 403 and not VerificationAnswer.objects.exists()
