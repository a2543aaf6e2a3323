"""The talk: what a person says is safe before anything is asked, whoever asks and whatever fails."""

import json
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from rest_framework.test import APIClient

from core.ledger import DatabaseLedger
from core.models import LLMCall
from core.problems import Conflict, Gone, Problem
from elicitation import interviews, withdrawal
from elicitation.api.streams import event_stream, written
from elicitation.interviews import NextTurn, Saved, Sentence
from elicitation.models import Interview, Participant, Question, Study, Turn
from llm_client import Cut, FakeLLM, LLMBadAnswer, LLMBudgetReached, LLMError, LLMUnavailable
from tests.people import Actor, join

pytestmark = pytest.mark.django_db

STORY = "Yes, with my uncle. My aunt hid the keys and he looked for them for weeks."


def asks(say: str, stage: str = "mattered", *, next: str = "ask", worry: bool = False) -> NextTurn:
    return NextTurn(say=say, stage=stage, next=next, worry=worry)


def model(*answers: object) -> FakeLLM:
    return FakeLLM(answers, ledger=DatabaseLedger("study:x"))  # type: ignore[arg-type]


@pytest.fixture
def talk(participant: Participant, question: Question) -> Interview:
    """A talk with the written guide."""
    return interviews.begin_interview(participant, question, llm=None)


@pytest.fixture
def model_talk(participant: Participant, question: Question) -> Interview:
    """A talk with a model."""
    return interviews.begin_interview(participant, question, llm=model())


def said(interview: Interview) -> list[str]:
    return [turn.text for turn in interviews.transcript(interview) if turn.role == Turn.Role.PERSON]


# ---- beginning


def test_a_talk_opens_with_the_question(talk: Interview) -> None:
    (opening,) = interviews.transcript(talk)
    assert talk.question.text in opening.text
    assert (talk.mode, talk.state, opening.role) == ("guide", "talking", "guide")


def test_a_model_asks_only_people_who_agreed_to_one(study: Study, question: Question) -> None:
    unwilling = join(study, uses_model=False)
    assert interviews.begin_interview(unwilling, question, llm=model()).mode == "guide"
    assert interviews.begin_interview(join(study), question, llm=model()).mode == "model"


def test_the_study_may_want_the_guide(participant: Participant, question: Question) -> None:
    Study.objects.update(settings={"interviewer": "guide"})
    participant = Participant.objects.get(id=participant.id)
    assert interviews.begin_interview(participant, question, llm=model()).mode == "guide"


def test_a_talk_that_goes_on_is_found_again(talk: Interview) -> None:
    assert interviews.begin_interview(talk.participant, talk.question, llm=None) == talk


def test_another_question_leaves_the_first_talk_with_all_that_was_said(talk: Interview, study: Study) -> None:
    interviews.add_turn(talk, STORY, llm=None)
    other = Question.objects.create(study=study, number=2, text="Another one?")
    interviews.begin_interview(talk.participant, other, llm=None)
    talk.refresh_from_db()
    assert talk.state == "left" and said(talk) == [STORY]


def test_nobody_begins_talks_without_end(participant: Participant, study: Study) -> None:
    with pytest.raises(Conflict):
        for number in range(2, interviews.MOST_TALKS + 3):
            question = Question.objects.create(study=study, number=number, text=f"Question {number}?")
            interviews.begin_interview(participant, question, llm=None)


# ---- with the guide


def test_an_answer_is_stored_and_answered(talk: Interview) -> None:
    exchange = interviews.add_turn(talk, f"  {STORY}\n", llm=None)
    assert exchange.turn.text == STORY and exchange.reply.role == "guide"
    assert exchange.turn.stage == "situation" and exchange.reply.stage == "mattered"
    assert exchange.reply.llm_call is None and not exchange.is_enough


def test_the_same_key_again_stores_nothing_and_gives_the_same_reply(talk: Interview) -> None:
    first = interviews.add_turn(talk, STORY, client_key="k1", llm=None)
    interviews.add_turn(talk, "that he ends it himself", client_key="k2", llm=None)
    assert interviews.add_turn(talk, STORY, client_key="k1", llm=None)[:2] == first[:2]
    assert talk.turns.count() == 5


def test_a_changed_answer_takes_the_place_of_the_old_one_which_stays(talk: Interview) -> None:
    interviews.add_turn(talk, STORY, llm=None)
    interviews.add_turn(talk, "respect", llm=None)
    exchange = interviews.change_last_answer(talk, "that he is the one who ends it", llm=None)
    assert said(talk) == [STORY, "that he is the one who ends it"]
    assert exchange.reply.stage == "attention"
    assert Turn.objects.filter(text="respect").exists()


def test_an_answer_can_be_changed_after_the_talk_has_ended(talk: Interview) -> None:
    interviews.add_turn(talk, STORY, llm=None)
    interviews.end_talk(talk)
    interviews.change_last_answer(talk, "Yes, with my aunt, and it went well for her.", llm=None)
    talk.refresh_from_db()
    assert talk.state == "talking"


def test_before_the_first_answer_there_is_nothing_to_change_skip_back_to_or_end(talk: Interview) -> None:
    for act in (
        lambda: interviews.change_last_answer(talk, "x", llm=None),
        lambda: interviews.answer_last(talk, llm=None),
        lambda: interviews.end_talk(talk),
    ):
        with pytest.raises(Conflict):
            act()


def test_a_question_can_be_skipped(talk: Interview) -> None:
    exchange = interviews.skip(talk, llm=None)
    assert exchange.turn.is_skip and exchange.reply.stage == "mattered"


def test_the_talk_ends_with_its_budget(talk: Interview) -> None:
    for _turn in range(talk.turn_budget):
        exchange = interviews.add_turn(talk, "he said something about his eyes", llm=None)
        if exchange.is_enough:
            break
    assert exchange.is_enough and talk.state == "enough"
    assert interviews.answers_left(talk) >= 0
    with pytest.raises(Conflict, match="card"):
        interviews.add_turn(talk, "more", llm=None)


@pytest.mark.parametrize("text", ["", "   ", "a\x00b", "a\u202eb", "\ud800", "x" * 8001])
def test_a_text_that_cannot_be_stored_is_refused_and_nothing_is(talk: Interview, text: str) -> None:
    with pytest.raises(ValidationError):
        interviews.add_turn(talk, text, llm=None)
    assert talk.turns.count() == 1


def test_someone_who_left_adds_nothing(talk: Interview) -> None:
    stale = Interview.objects.select_related("participant").get(id=talk.id)
    withdrawal.withdraw(talk.participant)
    with pytest.raises(Gone):
        interviews.add_turn(stale, STORY, llm=None)
    assert not Turn.objects.exists()


def test_a_paused_study_takes_no_answers_and_loses_none(talk: Interview) -> None:
    interviews.add_turn(talk, STORY, llm=None)
    Study.objects.update(state="paused")
    with pytest.raises(Problem, match="safe"):
        interviews.add_turn(talk, "more", llm=None)
    assert said(talk) == [STORY]


def test_words_of_danger_bring_help_and_a_facilitators_eye(talk: Interview) -> None:
    Study.objects.update(settings={"help_text": "Call 0800 1."})
    talk = Interview.objects.get(id=talk.id)
    exchange = interviews.add_turn(talk, "My friend told me that she wants to die.", llm=None)
    assert "Call 0800 1." in exchange.reply.text
    assert "in danger" in Participant.objects.get(id=talk.participant_id).needs_eye


def test_nobody_changes_an_answer_without_end(talk: Interview) -> None:
    interviews.add_turn(talk, STORY, llm=None)
    with pytest.raises(Conflict, match="card"):
        for number in range(talk.turn_budget + interviews.MOST_CHANGES):
            interviews.change_last_answer(talk, f"{STORY} {number}", llm=None)


# ---- with a model


def test_a_model_reply_is_stored_with_the_record_of_its_call(model_talk: Interview) -> None:
    exchange = interviews.add_turn(model_talk, STORY, llm=model(asks("That sounds sad. What mattered to you?")))
    call = exchange.reply.llm_call
    assert isinstance(call, LLMCall)
    assert (call.purpose, call.subject) == ("interview", model_talk.participant.subject)
    assert exchange.reply.stage == "mattered" and not exchange.is_enough


def test_sentences_come_one_by_one_and_the_reply_is_stored_at_the_end(model_talk: Interview) -> None:
    heard: list[str] = []
    llm = model(asks("That sounds sad. What mattered to you?"))
    interviews.add_turn(model_talk, STORY, llm=llm, on_sentence=heard.append)
    assert heard == ["That sounds sad.", "What mattered to you?"]


def test_what_was_said_is_committed_before_the_model_is_asked(model_talk: Interview) -> None:
    turn = interviews.say(model_talk, STORY)
    events = interviews.reply_to(model_talk, turn, llm=model(asks("And then?")))
    assert next(events) == Saved(turn)
    assert said(model_talk) == [STORY]


@pytest.mark.parametrize("error", [LLMUnavailable("down"), LLMBadAnswer("nonsense"), Cut('{"say": "That sounds')])
def test_when_the_model_fails_the_words_are_safe_and_nothing_else_is_stored(
    model_talk: Interview, error: object
) -> None:
    with pytest.raises(LLMError):
        interviews.add_turn(model_talk, STORY, llm=model(error, error))
    assert said(model_talk) == [STORY] and model_talk.turns.count() == 2


def test_after_a_failure_one_can_try_again(model_talk: Interview) -> None:
    with pytest.raises(LLMError):
        interviews.add_turn(model_talk, STORY, client_key="k1", llm=model(LLMUnavailable("down")))
    exchange = interviews.add_turn(model_talk, STORY, client_key="k1", llm=model(asks("And then?")))
    assert exchange.reply.text == "And then?" and model_talk.turns.count() == 3


def test_after_a_failure_one_can_go_on_with_the_guide(model_talk: Interview) -> None:
    with pytest.raises(LLMError):
        interviews.add_turn(model_talk, STORY, llm=model(LLMUnavailable("down")))
    interviews.switch_to_guide(model_talk)
    reply = interviews.transcript(model_talk)[-1]
    assert (reply.role, reply.llm_call, reply.stage) == ("guide", None, "mattered")


def test_when_the_budget_is_spent_the_guide_goes_on(model_talk: Interview) -> None:
    exchange = interviews.add_turn(model_talk, STORY, llm=model(LLMBudgetReached()))
    model_talk.refresh_from_db()
    assert model_talk.mode == "guide" and exchange.reply.llm_call is None and exchange.reply.stage == "mattered"


def test_a_second_window_finds_the_first_ones_reply(model_talk: Interview) -> None:
    turn = interviews.say(model_talk, STORY)
    slow = interviews.reply_to(model_talk, turn, llm=model(asks("The slow one?")))
    next(slow)
    next(slow)
    quick = interviews.last_of(interviews.reply_to(model_talk, turn, llm=model(asks("The quick one?"))))
    assert interviews.last_of(slow).reply == quick.reply
    assert model_talk.turns.count() == 3


def test_a_reply_to_an_answer_that_was_changed_meanwhile_is_not_stored(model_talk: Interview) -> None:
    turn = interviews.say(model_talk, STORY)
    slow = interviews.reply_to(model_talk, turn, llm=model(asks("The slow one?")))
    next(slow)
    next(slow)
    interviews.change_last_answer(model_talk, "No, with my aunt.", llm=model(asks("With your aunt?")))
    with pytest.raises(Conflict):
        interviews.last_of(slow)
    assert [t.text for t in interviews.transcript(model_talk)][1:] == ["No, with my aunt.", "With your aunt?"]


def test_a_talk_goes_forward_whatever_stage_a_model_names(model_talk: Interview) -> None:
    interviews.add_turn(model_talk, STORY, llm=model(asks("What would you look for?", "attention")))
    interviews.add_turn(model_talk, "his eyes", llm=model(asks("Back to the start?", "situation")))
    model_talk.refresh_from_db()
    assert model_talk.stage == "attention"


def test_a_model_cannot_end_a_talk_of_one_answer(model_talk: Interview) -> None:
    exchange = interviews.add_turn(model_talk, STORY, llm=model(asks("Thank you.", "check", next="draft")))
    assert not exchange.is_enough
    exchange = interviews.add_turn(model_talk, "his eyes", llm=model(asks("Thank you.", "check", next="draft")))
    assert exchange.is_enough


def test_a_model_that_takes_its_leave_too_early_leaves_nobody_without_a_question(model_talk: Interview) -> None:
    events = interviews.reply_to(
        model_talk, interviews.say(model_talk, STORY), llm=model(asks("Thank you.", next="draft"))
    )
    told = list(events)
    exchange = told[-1]
    assert isinstance(exchange, interviews.Exchange) and exchange.reply.text.endswith("?")
    assert [event.text for event in told if isinstance(event, Sentence)] == exchange.reply.text.split("\n\n")


@pytest.mark.parametrize("say", [" And then?", "And then?\n", "\ufeffAnd then?", "A sad story.\r\nAnd then?"])
def test_white_space_in_a_models_words_is_no_failure(model_talk: Interview, say: str) -> None:
    answer = {"say": say, "stage": "mattered", "next": "ask", "worry": False}
    assert interviews.add_turn(model_talk, STORY, llm=model(answer)).reply.text.endswith("And then?")


def test_what_is_said_in_another_window_meanwhile_is_no_reply(model_talk: Interview) -> None:
    first, second = interviews.say(model_talk, STORY), interviews.say(model_talk, "and his eyes")
    reply = interviews.last_of(interviews.reply_to(model_talk, first, llm=model(asks("What else?")))).reply
    assert (reply.role, reply.text) == ("guide", "What else?")
    assert interviews.last_of(interviews.reply_to(model_talk, second, llm=model())).reply == reply


def test_once_a_talk_has_ended_or_the_study_is_paused_no_model_is_asked(model_talk: Interview) -> None:
    turn = interviews.say(model_talk, STORY)
    Study.objects.update(state="paused")
    with pytest.raises(Problem, match="safe"):
        interviews.last_of(interviews.reply_to(model_talk, turn, llm=model()))
    Study.objects.update(state="open")
    interviews.end_talk(model_talk)
    with pytest.raises(Conflict, match="card"):
        interviews.answer_last(model_talk, llm=model())


def test_a_question_that_is_no_longer_asked_cannot_be_talked_about(
    participant: Participant, question: Question
) -> None:
    question.is_archived = True
    with pytest.raises(ValidationError):
        interviews.begin_interview(participant, question, llm=None)


def test_at_the_end_of_the_budget_no_model_is_asked(model_talk: Interview) -> None:
    Interview.objects.update(turn_budget=1)
    model_talk.refresh_from_db()
    assert interviews.add_turn(model_talk, STORY, llm=model()).is_enough


def test_help_comes_before_the_models_words(model_talk: Interview) -> None:
    heard: list[str] = []
    llm = model(asks("I am sorry. What happened?", worry=True))
    exchange = interviews.add_turn(model_talk, "She wants to die.", llm=llm, on_sentence=heard.append)
    assert "emergency number" in heard[0] and heard[-1] == "What happened?"
    assert exchange.reply.text.count("emergency number") == 1


def test_a_model_that_worries_brings_help_once(model_talk: Interview) -> None:
    first = interviews.add_turn(model_talk, "It is bad at home.", llm=model(asks("What happened?", worry=True)))
    again = interviews.add_turn(model_talk, "Very bad.", llm=model(asks("And then?", worry=True)))
    assert "emergency number" in first.reply.text and "emergency number" not in again.reply.text
    assert "model thought" in Participant.objects.get(id=model_talk.participant_id).needs_eye


def test_a_model_that_worries_brings_help_whatever_else_the_team_should_look_at(model_talk: Interview) -> None:
    Participant.objects.update(needs_eye="Someone should look at the card.")
    exchange = interviews.add_turn(model_talk, "I have nobody left.", llm=model(asks("That is a lot.", worry=True)))
    assert "emergency number" in exchange.reply.text


def test_a_model_text_that_cannot_be_stored_is_a_bad_answer(model_talk: Interview) -> None:
    bad = '{"say": "Look \\u202e here", "stage": "mattered", "next": "ask", "worry": false}'
    with pytest.raises(LLMBadAnswer):
        interviews.add_turn(model_talk, STORY, llm=model(bad, bad))


def test_no_transaction_is_open_while_the_reply_comes(model_talk: Interview) -> None:
    depth = len(connection.savepoint_ids)
    events = interviews.reply_to(model_talk, interviews.say(model_talk, STORY), llm=model(asks("One. Two?")))
    for event in events:
        if isinstance(event, Sentence):
            assert len(connection.savepoint_ids) == depth


# ---- as events


def events_of(body: bytes) -> list[tuple[str, dict[str, object]]]:
    found = []
    for block in body.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def streamed(interview: Interview, llm: FakeLLM) -> list[tuple[str, dict[str, object]]]:
    response = event_stream(interviews.reply_to(interview, interviews.say(interview, STORY), llm=llm))
    return events_of(b"".join(response))


def test_the_events_are_saved_say_and_done(model_talk: Interview) -> None:
    events = streamed(model_talk, model(asks("That sounds sad. What mattered?")))
    assert [name for name, _data in events] == ["saved", "say", "say", "done"]
    assert events[0][1] == {"turn": 2}
    assert events[-1][1]["reply"] == {"number": 3, "text": "That sounds sad. What mattered?", "stage": "mattered"}


def test_a_failure_in_the_middle_is_a_problem_event(model_talk: Interview) -> None:
    events = streamed(model_talk, model(Cut('{"say": "That sounds sad. What mat')))
    assert [name for name, _data in events] == ["saved", "say", "problem"]
    assert events[-1][1]["status"] == 503 and "saved" in str(events[-1][1]["detail"])


def test_whoever_leaves_in_the_middle_finds_the_reply_later(model_talk: Interview) -> None:
    turn = interviews.say(model_talk, STORY)
    stream = written(interviews.reply_to(model_talk, turn, llm=model(asks("One. Two?"))))
    next(stream)
    next(stream)
    stream.close()
    assert interviews.transcript(model_talk)[-1].text == "One. Two?"


# ---- over REST


@pytest.fixture
def client(participant: Participant, client_of: Callable[[Actor], APIClient]) -> APIClient:
    return client_of(participant)


def test_a_talk_over_rest(client: APIClient) -> None:
    begun = client.post("/api/v1/interviews/", {"question": 1})
    assert begun.status_code == 201 and begun.data["answers_left"] == 8
    turns = f"/api/v1/interviews/{begun.data['id']}/turns/"
    exchange = client.post(turns, {"text": STORY}).data
    assert exchange["turn"]["text"] == STORY and not exchange["reply"]["is_from_model"]
    changed = client.post(turns, {"text": "No, with my aunt, long ago.", "changes_last": True}).data
    assert changed["turn"]["number"] == 4
    assert client.post(turns, {"skip": True}).data["turn"]["is_skip"]
    assert client.post(f"/api/v1/interviews/{begun.data['id']}/end/").data["state"] == "enough"
    assert [i["id"] for i in client.get("/api/v1/interviews/").data["results"]] == [begun.data["id"]]


def test_over_rest_the_same_key_is_one_turn(client: APIClient, talk: Interview) -> None:
    url = f"/api/v1/interviews/{talk.id}/turns/"
    first = client.post(url, {"text": STORY}, headers={"Idempotency-Key": "k1"})
    again = client.post(url, {"text": STORY}, headers={"Idempotency-Key": "k1"})
    assert first.json() == again.json() and talk.turns.count() == 3


def test_over_rest_the_answer_streams_when_asked_for(client: APIClient, talk: Interview) -> None:
    response = client.post(
        f"/api/v1/interviews/{talk.id}/turns/", {"text": STORY}, headers={"Accept": "text/event-stream"}
    )
    assert response["Content-Type"].startswith("text/event-stream") and response["X-Accel-Buffering"] == "no"
    assert [name for name, _data in events_of(b"".join(response))] == ["saved", "say", "done"]


@pytest.mark.parametrize(
    "body", [{"text": ""}, {"text": "x", "skip": True}, {"changes_last": True}, {"text": 5000 * "ab"}, [1], "x"]
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_bad_turns_are_problems(client: APIClient, talk: Interview, body: object, accept: str) -> None:
    response = client.post(f"/api/v1/interviews/{talk.id}/turns/", body, headers={"Accept": accept})
    assert response.status_code == 400 and response["Content-Type"] == "application/problem+json"
    assert talk.turns.count() == 1


def test_other_peoples_talks_are_not_there(
    talk: Interview, other_participant: Participant, client_of: Callable[[Actor], APIClient]
) -> None:
    client = client_of(other_participant)
    assert client.get("/api/v1/interviews/").data["count"] == 0
    assert client.get(f"/api/v1/interviews/{talk.id}/").status_code == 404
    assert client.post(f"/api/v1/interviews/{talk.id}/turns/", {"text": "hello"}).status_code == 404
