"""Download my data, and taking it back: nothing is missed, in any table."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from constitutions import blind_review
from constitutions.models import (
    Approval,
    Constitution,
    ConstitutionVersion,
    Extraction,
    PrincipleReview,
    ReviewItem,
)
from core.ledger import DatabaseLedger
from core.models import IdempotencyKey, LLMCall
from core.problems import Gone
from elicitation import arena, cards, comparisons, interviews, participation, personal_data, verification, withdrawal
from elicitation.models import (
    Annotation,
    Annotator,
    CanonicalValue,
    Comparison,
    ComparisonDraw,
    Context,
    Dataset,
    Draw,
    DrawItem,
    Endorsement,
    Exposure,
    Interview,
    Participant,
    ShownComparison,
    Study,
    Turn,
    UpgradeStory,
    ValuesCard,
    VerificationAnswer,
    WisdomVote,
)
from llm_client.client import Asked
from llm_client.fake import FakeLLM
from tests.people import Actor, card_of, join, story_between, value_in

pytestmark = pytest.mark.django_db

SECRET = "canarybird"
STORY = f"Yes, with my uncle {SECRET}. He looked for the keys for weeks."


def vote_of(person: Participant, story: UpgradeStory) -> WisdomVote:
    return WisdomVote.objects.create(
        study=person.study,
        participant=person,
        story=story,
        from_value=story.from_value,
        to_value=story.to_value,
        context=story.context,
        answer="upgrade",
        comment=f"because {SECRET}",
        voted_at=timezone.now(),
    )


@pytest.fixture
def everything(participant: Participant, study: Study, context: Context) -> Participant:
    """Someone with a row in every table that can hold one of theirs, each with a word that can be looked for."""
    person = participant
    interview = interviews.begin_interview(person, study.questions.get(), llm=None)
    interviews.add_turn(interview, STORY, llm=None)
    interviews.add_turn(interview, f"that {SECRET} ends it himself", llm=None)
    card = cards.articulate_card(interview, llm=None)
    card = cards.edit_card(
        card, title=f"Letting {SECRET} go", description="", policies=[f"MOMENTS when {SECRET} can choose"]
    )
    cards.confirm_card(card, fidelity=5)
    others = value_in(study)
    story = story_between(study, others, value_in(study, title="Patience"), context)
    draw = Draw.objects.create(participant=person, kind=Draw.Kind.STORIES)
    DrawItem.objects.create(draw=draw, position=0, story=story)
    Exposure.objects.create(draw=draw, position=0, value=others)
    Endorsement.objects.create(participant=person, value=others, draw=draw, answer="agree")
    vote_of(person, story)
    VerificationAnswer.objects.create(study=study, participant=person, kind="same_card", card=card, answer="same")
    dataset = Dataset.objects.create(slug="d", title="D", study=study)
    comparison = Comparison.objects.create(dataset=dataset, number=1, text_a="a", text_b="b")
    annotator = Annotator.objects.create(dataset=dataset, number=1, source_id="p", kind="human", participant=person)
    Annotation.objects.create(comparison=comparison, annotator=annotator, answer="a", reason=f"so says {SECRET}")
    LLMCall.objects.create(
        purpose="interview", subject=person.subject, provider="x", model="x", prompt_name="x", prompt_sha256="x",
        request_sha256="x", outcome="ok", raw_text=f"so {SECRET}", cost="0.01",
    )  # fmt: skip
    participation.save_exit_answers(person, {"fair": 4})
    pair = comparisons.add_comparison(comparisons.dataset_of(study), prompt="Q", text_a="one", text_b="two")
    drawn = ComparisonDraw.objects.create(participant=person)
    shown = ShownComparison.objects.create(participant=person, draw=drawn, comparison=pair, place=1, order_shown="ab")
    study.settings |= {"comparison_seconds": 0, "dimensions": [{"key": "honest", "label": "More honest?"}]}
    study.save()
    person.refresh_from_db()
    arena.judge(shown, answer="a", reason=SECRET, dimensions={"honest": "a"})
    extraction = Extraction.objects.create(study=study, inputs_sha256="0" * 64)
    constitution = Constitution.objects.create(slug="moot", study=study)
    version = ConstitutionVersion.objects.create(constitution=constitution, number=1, extraction=extraction)
    Approval.objects.create(version=version, participant=person, principle=1, answer="approve", reason=SECRET)
    review = PrincipleReview.objects.create(study=study, number=1, parameters={"seed": 0})
    item = ReviewItem.objects.create(review=review, number=1, source="people", text="Prefer the answer that listens.")
    marks = {"novelty": 3, "feasibility": 4, "clarity": 5, "acceptability": 2}
    blind_review.score(item, person, marks, SECRET)
    verification.say(person, "fair_position", "not_fair", f"{SECRET} is higher")
    person.refresh_from_db()
    return person


def tables_that_hold(word: str) -> set[str]:
    """Return every table of the database in which some row holds the word."""
    found = set()
    for model in apps.get_models(include_auto_created=True):
        rows = str(list(model._default_manager.values()))
        if word in rows:
            found.add(model._meta.label)
    return found


# ---- what is kept


def test_every_table_about_people_has_a_rule() -> None:
    known = set(personal_data.TABLES) | personal_data.REFERENCES
    assert set(personal_data.tables_about_people()) - known == set()


def test_the_cast_has_a_row_in_every_table(everything: Participant) -> None:
    found = personal_data.collect(everything)
    assert all(rows for table, rows in found.items()), [table for table, rows in found.items() if not rows]


def test_what_is_collected_is_plain_and_holds_every_word(everything: Participant) -> None:
    text = json.dumps(personal_data.collect(everything))
    assert STORY in text
    for model in tables_that_hold(SECRET) - {"core.LLMCall", "elicitation.CanonicalValue"}:
        assert SECRET in json.dumps(
            personal_data.collect(everything)[apps.get_model(model)._meta.db_table.removeprefix("elicitation_")]
        )


def test_what_is_collected_names_things_by_their_text_and_holds_no_digest(everything: Participant) -> None:
    found = personal_data.collect(everything)
    assert found["wisdomvote"][0]["from_value"] == "Care"
    assert found["interview"][0]["question"] == everything.study.questions.get().text
    text = json.dumps(found)
    assert everything.token_digest not in text and everything.return_digest not in text


def test_nothing_of_others_is_in_ones_data(everything: Participant, other_participant: Participant) -> None:
    interview = interviews.begin_interview(other_participant, everything.study.questions.get(), llm=None)
    interviews.add_turn(interview, "the words of someone else", llm=None)
    assert "someone else" not in json.dumps(personal_data.collect(everything))


# ---- taking it back


def test_after_withdrawal_no_table_holds_a_word_of_theirs(everything: Participant) -> None:
    assert tables_that_hold(SECRET)
    withdrawal.withdraw(everything)
    assert tables_that_hold(SECRET) == set()


def test_what_stays_is_that_someone_left_and_what_they_had_agreed_to(everything: Participant) -> None:
    withdrawal.withdraw(everything)
    left = {table: rows for table, rows in personal_data.collect(everything).items() if rows and table != "study"}
    assert set(left) == {"participant", "consent"}
    assert left["participant"][0]["withdrawn_at"] and not left["participant"][0]["exit_answers"]


def test_the_cost_of_a_model_call_stays(everything: Participant) -> None:
    withdrawal.withdraw(everything)
    call = LLMCall.objects.get()
    assert (str(call.cost), call.subject, call.raw_text, call.request_sha256) == ("0.010000", "", "", "")


def test_withdrawing_twice_changes_nothing(everything: Participant) -> None:
    withdrawal.withdraw(everything)
    first = everything.withdrawn_at
    withdrawal.withdraw(everything)
    assert everything.withdrawn_at == first is not None


def test_a_value_of_only_theirs_loses_its_words_and_others_keep_their_answers(
    participant: Participant, other_participant: Participant, study: Study, context: Context
) -> None:
    card_of(participant, title=f"About {SECRET}")
    own = CanonicalValue.objects.get()
    call = LLMCall.objects.create(
        purpose="upgrade_story", provider="x", model="x", prompt_name="x", prompt_sha256="x", request_sha256="x",
        outcome="ok", raw_text=f"Once {SECRET}",
    )  # fmt: skip
    story = story_between(study, own, value_in(study), context, text=f"Once {SECRET}", llm_call=call)
    vote = vote_of(other_participant, story)
    withdrawal.withdraw(participant)
    own.refresh_from_db()
    story.refresh_from_db()
    assert (own.title, own.policies, own.is_archived) == ("", [], True)
    assert (story.text, story.state) == ("", "archived")
    assert tables_that_hold(SECRET) == {"elicitation.WisdomVote"}  # what someone else said of it is theirs
    assert WisdomVote.objects.get() == vote


def test_a_value_that_someone_else_holds_too_stays(participant: Participant, other_participant: Participant) -> None:
    card_of(participant, title="Shared")
    shared = CanonicalValue.objects.get()
    shared.members.create(run=shared.members.get().run, card=card_of(other_participant, confirmed=False))
    withdrawal.withdraw(participant)
    shared.refresh_from_db()
    assert shared.title == "Shared" and not shared.is_archived


def test_an_earlier_wording_that_others_judged_goes_too(
    participant: Participant, other_participant: Participant, study: Study
) -> None:
    interview = interviews.begin_interview(participant, study.questions.get(), llm=None)
    interviews.add_turn(interview, STORY, llm=None)
    card = cards.articulate_card(interview, llm=None)
    for title in (f"First {SECRET}", f"Second {SECRET}"):
        card = cards.edit_card(card, title=title, description="", policies=["MOMENTS when he can choose"])
        cards.confirm_card(card, fidelity=5)
        for value in CanonicalValue.objects.filter(title=title):
            Endorsement.objects.create(participant=other_participant, value=value, answer="agree")
    assert CanonicalValue.objects.count() == 2
    withdrawal.withdraw(participant)
    assert tables_that_hold(SECRET) == set()


def test_answers_that_were_kept_for_retries_are_forgotten(
    participant: Participant, client_of: Callable[[Actor], APIClient]
) -> None:
    client = client_of(participant)
    begun = client.post("/api/v1/interviews/", {"question": 1}, headers={"Idempotency-Key": "k1"}).data
    client.post(f"/api/v1/interviews/{begun['id']}/turns/", {"text": STORY}, headers={"Idempotency-Key": "k2"})
    assert IdempotencyKey.objects.count() == 2
    assert client.delete("/api/v1/participants/me/").status_code == 204
    assert not IdempotencyKey.objects.exists()


def test_someone_who_left_is_told_so_and_adds_nothing(
    participant: Participant, client_of: Callable[[Actor], APIClient]
) -> None:
    client = client_of(participant)
    client.delete("/api/v1/participants/me/")
    assert client.get("/api/v1/participants/me/").data["withdrawn_at"]
    response = client.post("/api/v1/interviews/", {"question": 1})
    assert response.status_code == 410 and response.data["type"] == "/problems/gone"


# ---- only the talk


def test_deleting_the_talk_keeps_the_card_without_its_quotes(everything: Participant) -> None:
    withdrawal.delete_talk(everything)
    card = ValuesCard.objects.get(participant=everything)
    assert not Turn.objects.exists() and card.state == "confirmed"
    states = [card.policies, *card.revisions.values_list("policies", flat=True)]
    assert all(policy["quotes"] == [] for policies in states for policy in policies)
    assert STORY not in str(LLMCall.objects.values()) and not LLMCall.objects.exclude(raw_text="").exists()
    assert WisdomVote.objects.exists()


def test_after_deleting_a_talk_without_a_card_a_new_one_can_begin(participant: Participant, study: Study) -> None:
    first = interviews.begin_interview(participant, study.questions.get(), llm=None)
    interviews.add_turn(first, STORY, llm=None)
    withdrawal.delete_talk(participant)
    second = interviews.begin_interview(participant, study.questions.get(), llm=None)
    assert second != first and Interview.objects.get(id=first.id).state == "left"


def test_talks_are_kept_no_longer_than_promised(study: Study) -> None:
    old, young = join(study), join(study)
    for person in (old, young):
        interviews.add_turn(interviews.begin_interview(person, study.questions.get(), llm=None), STORY, llm=None)
    Participant.objects.filter(id=old.id).update(joined_at=timezone.now() - timedelta(days=366))
    assert withdrawal.delete_old_talks() == 1
    assert set(Turn.objects.values_list("interview__participant", flat=True)) == {young.id}
    assert withdrawal.delete_old_talks() == 0


# ---- over REST


def test_my_data_over_rest(everything: Participant, client_of: Callable[[Actor], APIClient]) -> None:
    found = client_of(everything).get("/api/v1/participants/me/data/")
    assert found.status_code == 200 and found.json()["turn"][1]["text"] == STORY
    assert client_of(everything).delete("/api/v1/participants/me/talk/").status_code == 204
    assert client_of(everything).get("/api/v1/participants/me/data/").json()["turn"] == []


# ---- leaving while a model is asked


def leaving(person: Participant, answer: object) -> FakeLLM:
    """A model whose answer comes after the person took everything back."""

    def answer_late(asked: Asked) -> object:
        withdrawal.withdraw(Participant.objects.get(id=person.id))
        return answer

    return FakeLLM(answer_late, ledger=DatabaseLedger(person.study.scope_key))  # type: ignore[arg-type]


def talk_with_model(person: Participant, study: Study) -> Interview:
    interview = interviews.begin_interview(person, study.questions.get(), llm=FakeLLM())
    assert interview.mode == "model"
    return interview


def test_a_reply_that_comes_after_someone_left_is_kept_nowhere(participant: Participant, study: Study) -> None:
    interview = talk_with_model(participant, study)
    reply = interviews.NextTurn(say=f"You said {SECRET}.", stage="situation", next="ask", worry=False)
    with pytest.raises(Gone):
        interviews.add_turn(interview, STORY, llm=leaving(participant, reply))
    assert tables_that_hold(SECRET) == set() and not Turn.objects.exists()
    call = LLMCall.objects.get()
    assert (call.subject, call.raw_text, call.request_sha256) == ("", "", "")


def test_a_card_that_comes_after_someone_left_is_kept_nowhere(participant: Participant, study: Study) -> None:
    interview = talk_with_model(participant, study)
    interviews.say(interview, STORY)
    draft = cards.CardDraft.model_validate(
        {
            "title": f"Letting {SECRET} go",
            "description": "",
            "policies": [{"text": "MOMENTS when he can choose", "quotes": [{"turn": 2, "text": STORY}]}],
        }
    )
    with pytest.raises(Gone):
        cards.articulate_card(interview, llm=leaving(participant, draft))
    assert tables_that_hold(SECRET) == set() and not ValuesCard.objects.exists()


def test_whoever_left_is_held_by_nobody(participant: Participant) -> None:
    stale = Participant.objects.get(id=participant.id)
    withdrawal.withdraw(participant)
    with pytest.raises(Gone), transaction.atomic():
        participation.hold(stale)


def test_calls_about_people_who_are_here_are_kept(participant: Participant) -> None:
    assert not withdrawal.is_gone(participant.subject) and not withdrawal.is_gone("study:1")
    withdrawal.withdraw(participant)
    assert withdrawal.is_gone(participant.subject)
