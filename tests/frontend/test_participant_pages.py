"""The pages of someone who takes part: what they lead to, what they refuse, and that nothing typed is lost."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from core.models import User
from elicitation import draws, interviews, participation, picks
from elicitation.models import (
    CanonicalValue,
    Context,
    Participant,
    Question,
    Study,
    UpgradeStory,
    ValuesCard,
    VerificationAnswer,
    WisdomVote,
)
from graphs import building
from llm_client import FakeLLM
from tests.people import join, make_study

PAGES = ("consent", "about-you", "question", "talk", "card", "others", "stories", "finish", "save-and-leave", "my-data",
         "withdraw")  # fmt: skip


def browser_of(participant: Participant) -> Client:
    """A browser in which someone takes part."""
    browser = Client()
    browser.cookies["participant"] = participant.token  # type: ignore[attr-defined]
    return browser


@pytest.fixture
def browser(db: None) -> Client:
    """A browser that was never here."""
    return Client()


@pytest.fixture
def person(participant: Participant) -> Client:
    """The participant's browser."""
    return browser_of(participant)


@pytest.fixture
def stories(
    study: Study,
    participant: Participant,
    context: Context,
    make_card: Callable[..., ValuesCard],
    make_value: Callable[..., CanonicalValue],
    make_story: Callable[..., UpgradeStory],
) -> list[UpgradeStory]:
    """Three values of others, and two stories between them, for a participant whose own card is confirmed."""
    if not participant.cards.filter(state="confirmed").exists():
        own = make_card(participant, confirmed=False)
        ValuesCard.objects.filter(id=own.id).update(state="confirmed")
    care, truth, calm = (make_value(study, title=title) for title in ("Care", "Truth", "Calm"))
    return [make_story(study, care, truth, context), make_story(study, truth, calm, context)]


def agree(browser: Client, study: Study, **changes: str) -> Any:
    return browser.post(f"/s/{study.slug}/", {"consent_version": "1", "agrees": "yes"} | changes)


def typed(page: str, name: str) -> str:
    found = re.search(rf'<textarea[^>]*name="{name}"[^>]*>([^<]*)</textarea>', page)
    assert found is not None
    return found[1]


def test_nothing_is_chosen_for_the_person(browser: Client, study: Study) -> None:
    page = browser.get(f"/s/{study.slug}/").content.decode()
    assert "checked" not in page
    assert "No AI reads along" in page  # who asks is said before anyone agrees


def test_agreeing_makes_a_participant_with_their_choice_about_quotes(browser: Client, study: Study) -> None:
    agree(browser, study, shows_quotes="yes")
    assert participation.consent_of(study.participants.get()).shows_quotes


def test_nobody_joins_without_the_tick(browser: Client, study: Study) -> None:
    answer = agree(browser, study, agrees="")
    assert answer.status_code == 400
    assert not study.participants.exists()


def test_nobody_joins_on_an_older_text(browser: Client, study: Study) -> None:
    assert agree(browser, study, consent_version="0").status_code == 400
    assert not study.participants.exists()


def test_the_way_back_is_a_cookie_of_this_study_that_no_script_can_read(browser: Client, study: Study) -> None:
    answer = agree(browser, study)
    for name in ("participant", "return_code"):
        cookie = answer.cookies[name]
        assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (f"/s/{study.slug}/", True, "Lax")
        assert cookie.value not in answer["Location"]


@pytest.mark.parametrize("name", PAGES)
def test_who_does_not_take_part_is_led_to_the_front_page(browser: Client, study: Study, name: str) -> None:
    address = reverse(name, args=[study.slug])
    for answer in (browser.get(address), browser.post(address)):
        assert answer.headers["Location"] == f"/s/{study.slug}/"


@pytest.mark.parametrize("name", PAGES)
def test_a_participant_of_another_study_is_nobody_here(other_study: Study, participant: Participant, name: str) -> None:
    answer = browser_of(participant).get(reverse(name, args=[other_study.slug]))
    assert answer.headers["Location"] == f"/s/{other_study.slug}/"


@pytest.mark.parametrize("name", PAGES)
def test_pages_about_a_person_are_kept_in_no_cache(person: Client, study: Study, name: str) -> None:
    assert "no-store" in person.get(reverse(name, args=[study.slug])).headers["Cache-Control"]


def test_only_the_studys_own_facts_are_asked_and_all_can_be_left_empty(db: None) -> None:
    age = {"key": "age", "label": "How old are you?", "choices": ["under 30", "30 or older"]}
    study = make_study("facts", "Facts", demographics=[age])
    participant = join(study)
    person = browser_of(participant)
    assert "I prefer not to say" in person.get("/s/facts/about-you/").content.decode()
    assert person.post("/s/facts/about-you/", {"age": ""}).headers["Location"] == "/s/facts/question/"
    participant.refresh_from_db()
    assert participant.demographics == {}


def test_what_was_said_about_oneself_is_there_on_the_way_back(db: None) -> None:
    age = {"key": "age", "label": "How old are you?", "choices": ["under 30", "30 or older"]}
    participant = join(make_study("facts", "Facts", demographics=[age]))
    person = browser_of(participant)
    for answer in ("30 or older", "prefer_not_to_say"):
        person.post("/s/facts/about-you/", {"age": answer})
        chosen = re.search(r"<option([^>]*) selected>([^<]*)", person.get("/s/facts/about-you/").content.decode())
        assert chosen is not None
        assert answer in chosen[1] + chosen[2]


def test_a_single_question_is_no_step_of_its_own(browser: Client, study: Study) -> None:
    assert "Step 1 of 5" in browser.get(f"/s/{study.slug}/").content.decode()


def test_choosing_a_question_begins_the_talk(person: Client, participant: Participant, study: Study) -> None:
    assert person.post(f"/s/{study.slug}/question/", {"question": "1"}).headers["Location"] == f"/s/{study.slug}/talk/"
    assert participant.interviews.get().question.number == 1


@pytest.mark.parametrize("number", ["", "2", "-1", "x", "9" * 40])
def test_a_question_that_is_not_there_is_refused(person: Client, study: Study, number: str) -> None:
    assert person.post(f"/s/{study.slug}/question/", {"question": number}).status_code == 400


@pytest.fixture
def talk(participant: Participant, question: Question) -> str:
    """The address of a talk that has just begun."""
    participation.choose_question(participant, question)
    interviews.begin_interview(participant, question, llm=None)
    return f"/s/{participant.study.slug}/talk/"


def test_what_is_said_is_on_the_page_with_the_next_question(person: Client, talk: str) -> None:
    assert person.post(talk, {"text": "My aunt hid the keys."}).headers["Location"] == f"{talk}#last"
    page = person.get(talk).content.decode()
    assert "My aunt hid the keys." in page
    assert "question 2 of about 8" in page


def test_what_someone_writes_is_shown_and_never_run(person: Client, talk: str) -> None:
    person.post(talk, {"text": "<script>alert(1)</script>"})
    page = person.get(talk).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_same_answer_sent_twice_is_one_answer(person: Client, participant: Participant, talk: str) -> None:
    for _time in range(2):
        person.post(talk, {"text": "My aunt hid the keys.", "idempotency_key": "one"})
    assert participant.interviews.get().turns.filter(role="person").count() == 1


def test_text_that_cannot_be_stored_stays_in_the_field(person: Client, talk: str) -> None:
    answer = person.post(talk, {"text": "too long " * 1000})
    assert answer.status_code == 400
    assert typed(answer.content.decode(), "text").startswith("too long too long")


def test_the_last_answer_can_be_changed(person: Client, participant: Participant, talk: str) -> None:
    person.post(talk, {"text": "My ant hid the keys."})
    assert typed(person.get(f"{talk}?change=1").content.decode(), "text") == "My ant hid the keys."
    person.post(talk, {"text": "My aunt hid the keys.", "act": "change"})
    page = person.get(talk).content.decode()
    assert "My aunt" in page
    assert "My ant " not in page


def test_a_talk_is_streamed_to_who_asks_for_that(person: Client, talk: str) -> None:
    answer: Any = person.post(talk, {"text": "My aunt hid the keys."}, headers={"Accept": "text/event-stream"})
    events = [block.split("\n") for block in b"".join(answer.streaming_content).decode().strip().split("\n\n")]
    assert [event[0] for event in events] == ["event: saved", "event: say", "event: done"]
    assert json.loads(events[1][1].removeprefix("data: "))["text"]


def test_enough_said_leads_to_a_card_of_own_words(person: Client, participant: Participant, talk: str) -> None:
    person.post(talk, {"text": "I look for moments when he can still choose."})
    assert person.post(talk, {"act": "enough"}).headers["Location"] == f"/s/{participant.study.slug}/card/"
    assert ValuesCard.objects.get(participant=participant).origin == "guide"


def test_what_was_written_and_not_sent_counts_when_someone_has_said_enough(
    person: Client, participant: Participant, talk: str
) -> None:
    person.post(talk, {"text": "My aunt hid the keys."})
    for _time in range(2):
        person.post(talk, {"act": "enough", "text": "I look for signs that he is proud.", "idempotency_key": "one"})
    said = participant.interviews.get().turns.filter(role="person").values_list("text", flat=True)
    assert list(said) == ["My aunt hid the keys.", "I look for signs that he is proud."]


def test_no_card_is_made_of_nothing(person: Client, study: Study, talk: str) -> None:
    assert person.post(talk, {"act": "enough"}).status_code == 409
    assert person.post(f"/s/{study.slug}/card/", {"act": "write"}).status_code == 409
    assert not ValuesCard.objects.exists()


def test_while_the_ai_writes_its_answer_the_page_says_so_and_shows_it_once_it_is_there(
    person: Client, participant: Participant, study: Study, question: Question
) -> None:
    talk = interviews.begin_interview(participant, question, llm=FakeLLM([]))
    waits = interviews.say(talk, "He went quiet.")
    page = person.get(f"/s/{study.slug}/talk/").content.decode()
    assert "No answer yet." in page and "Your words are saved." in page
    for way_on in ("Look again</a>", "Try again</button>", "Go on with the written guide</button>"):
        assert f">{way_on}" in page
    reply = interviews.last_of(interviews.reply_to(talk, waits, llm=None)).reply
    for answer in (
        person.get(f"/s/{study.slug}/talk/"),
        person.post(f"/s/{study.slug}/talk/", {"act": "again"}, follow=True),
    ):
        page = answer.content.decode()
        assert page.count(escape(reply.text)) == 1 and "No answer yet." not in page


@pytest.fixture
def card(participant: Participant, question: Question, make_card: Callable[..., ValuesCard]) -> ValuesCard:
    """A draft card of the participant, from a talk that has ended."""
    participation.choose_question(participant, question)
    interview = interviews.begin_interview(participant, question, llm=None)
    interviews.add_turn(interview, "I look for moments when he can still choose.", llm=None)
    interviews.end_talk(interview)
    card: ValuesCard = make_card(participant, confirmed=False)
    card.interview = interview
    card.policies = [
        {"text": "MOMENTS when he can still choose", "quotes": [{"turn": 2, "text": "he can still choose"}]}
    ]
    card.save()
    return card


def words(card: ValuesCard, **changes: object) -> dict[str, object]:
    now = {"title": card.title, "description": "", "policy": [p["text"] for p in card.policies], "act": "save"}
    return now | {"revision": card.revision} | changes


def test_the_persons_own_words_stand_behind_each_line(person: Client, card: ValuesCard, study: Study) -> None:
    page = person.get(f"/s/{study.slug}/card/").content.decode()
    assert '<p class="said"><mark>he can still choose</mark></p>' in page
    assert "I look for moments when <mark>he can still choose</mark>." in page


def test_lines_can_be_added_and_removed_before_saving(person: Client, card: ValuesCard, study: Study) -> None:
    address = f"/s/{study.slug}/card/"
    added = person.post(address, words(card, policy=["one", "two", "three"], act="add")).content.decode()
    assert re.findall(r'name="policy"[^>]*>([^<]*)<', added) == ["one", "two", "three", ""]
    assert re.findall(r'name="policy"[^>]*autofocus>([^<]*)<', added) == [""]
    removed = person.post(address, words(card, policy=["one", "two", "three"], remove="1")).content.decode()
    assert re.findall(r'name="policy"[^>]*>([^<]*)<', removed) == ["one", "three", ""]
    card.refresh_from_db()
    assert card.revision == 1


def test_a_card_changed_elsewhere_shows_both_texts(person: Client, card: ValuesCard, study: Study) -> None:
    address = f"/s/{study.slug}/card/"
    person.post(address, words(card, title="Written in the first window"))
    answer = person.post(address, words(card, title="Written in the second window"))
    page = answer.content.decode()
    assert answer.status_code == 412
    assert "Written in the first window" in page
    assert 'value="Written in the second window"' in page
    assert person.post(address, words(card, title="Both", revision=2)).status_code == 302


def test_a_card_without_a_name_asks_for_one(person: Client, card: ValuesCard, study: Study) -> None:
    ValuesCard.objects.filter(id=card.id).update(title="")
    assert "A short name for it" in person.get(f"/s/{study.slug}/card/").content.decode()


def test_confirming_says_how_well_the_card_fits(person: Client, card: ValuesCard, study: Study) -> None:
    address = f"/s/{study.slug}/card/"
    assert person.post(address, {"act": "confirm", "revision": 1}).status_code == 400
    person.post(address, {"act": "confirm", "revision": 1, "fidelity": "4"})
    card.refresh_from_db()
    assert (card.state, card.fidelity) == ("confirmed", 4)


@pytest.mark.parametrize("page", ["others", "stories"])
def test_nobody_judges_others_before_their_own_card(
    person: Client, participant: Participant, study: Study, stories: list[UpgradeStory], page: str
) -> None:
    participant.cards.update(state="draft")
    for answer in (person.get(f"/s/{study.slug}/{page}/"), person.post(f"/s/{study.slug}/{page}/", {"act": "skip"})):
        assert answer.headers["Location"] == f"/s/{study.slug}/question/"
    assert not participant.draws.exists()


def test_others_are_picked_from_what_was_shown(
    person: Client, participant: Participant, study: Study, stories: list[UpgradeStory]
) -> None:
    address = f"/s/{study.slug}/others/"
    shown = re.findall(r'name="value" value="(\d+)"', person.get(address).content.decode())
    assert person.post(address, {"value": shown[:1]}).status_code == 400
    assert person.post(address, {"value": shown[:2]}).status_code == 302
    agreed = participant.endorsements.current().filter(answer="agree").values_list("value__number", flat=True)
    assert {str(number) for number in agreed} == set(shown[:2])


def test_who_finds_none_of_the_values_good_can_go_on_and_nothing_is_stored_for_them(
    person: Client, participant: Participant, study: Study, stories: list[UpgradeStory]
) -> None:
    assert person.post(f"/s/{study.slug}/others/", {"act": "skip"}).status_code == 302
    assert participation.next_step(participant) != "picks"
    assert not participant.endorsements.exists()


def test_an_example_comes_before_the_first_story_and_not_again(
    person: Client, participant: Participant, study: Study, stories: list[UpgradeStory]
) -> None:
    address = f"/s/{study.slug}/stories/"
    assert "An example first" in person.get(address).content.decode()
    person.post(address, {"n": "1", "answer": "not_sure"})
    assert "An example first" not in person.get(address).content.decode()


@pytest.mark.parametrize(("text", "said"), [("", "Someone may care about"), ("I hid it.", "At first the person cared")])
def test_the_example_is_told_as_the_stories_that_follow(
    person: Client, study: Study, stories: list[UpgradeStory], text: str, said: str
) -> None:
    UpgradeStory.objects.filter(study=study).update(text=text)
    assert said in person.get(f"/s/{study.slug}/stories/").content.decode()
    assert said in person.get(f"/s/{study.slug}/stories/?n=1").content.decode()


def test_a_story_shows_what_differs_before_what_both_look_for(
    person: Client, study: Study, stories: list[UpgradeStory]
) -> None:
    shared = "SIGNS that someone is not heard"
    for title, own in (("Care", "WORDS that soothe"), ("Truth", "FACTS to decide by"), ("Calm", "ROOMS to rest in")):
        CanonicalValue.objects.filter(title=title).update(policies=[shared, own])
    page = person.get(f"/s/{study.slug}/stories/?n=1").content.decode()
    assert "They share 1 line, in these or other words. Only “" in page
    for card in page.split('<h2 class="name"')[1:3]:
        assert card.index("Only this one looks for") < card.index("Both look for") < card.index("not heard")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (["RIVERS with fish"], ["ROOMS to rest in"], "They look for different things"),
        (["RIVERS with fish"], ["RIVERS with fish"], "No line stands in only one of them."),
        (["RIVERS with fish"], ["RIVERS with fish", "ROOMS to rest"], "“Care” has nothing that the other lacks. Only “Truth” has 1 more."),
    ],
)  # fmt: skip
def test_the_difference_is_said_in_short(
    person: Client, study: Study, stories: list[UpgradeStory], first: list[str], second: list[str], said: str
) -> None:
    UpgradeStory.objects.exclude(id=stories[0].id).update(state="archived")
    CanonicalValue.objects.filter(title="Care").update(policies=first)
    CanonicalValue.objects.filter(title="Truth").update(policies=second)
    assert said in person.get(f"/s/{study.slug}/stories/?n=1").content.decode()


def test_each_story_is_answered_or_skipped_and_can_be_gone_back_to(
    person: Client, participant: Participant, study: Study, stories: list[UpgradeStory]
) -> None:
    address = f"/s/{study.slug}/stories/"
    assert person.post(address, {"n": "1", "answer": "upgrade", "comment": "It adds"}).headers["Location"] == (
        f"{address}?n=2"
    )
    person.post(address, {"n": "2", "act": "skip"})
    page = person.get(f"{address}?n=1").content.decode()
    assert re.search(r'value="upgrade" required checked', page)
    assert typed(page, "comment") == "It adds"
    person.post(address, {"n": "1", "answer": "it_depends"})
    assert WisdomVote.objects.current().get(participant=participant).answer == "it_depends"


def test_no_answer_is_no_vote(person: Client, study: Study, stories: list[UpgradeStory]) -> None:
    answer = person.post(f"/s/{study.slug}/stories/", {"n": "1", "comment": "hm"})
    assert answer.status_code == 400
    assert typed(answer.content.decode(), "comment") == "hm"
    assert not WisdomVote.objects.exists()


@pytest.mark.parametrize("number", ["0", "3", "x", "9" * 30])
def test_a_story_that_was_not_drawn_is_not_there(
    person: Client, study: Study, stories: list[UpgradeStory], number: str
) -> None:
    assert person.get(f"/s/{study.slug}/stories/?n={number}").status_code == 404


def test_who_comes_first_is_led_past_empty_steps(
    person: Client, participant: Participant, card: ValuesCard, study: Study
) -> None:
    answer = person.post(f"/s/{study.slug}/card/", {"act": "confirm", "revision": 1, "fidelity": "5"}, follow=True)
    assert answer.request["PATH_INFO"] == f"/s/{study.slug}/finish/"
    participant.refresh_from_db()
    assert participant.finished_at is not None
    page = answer.content.decode()
    assert "You are among the first" in page
    assert "My picks" not in page  # a link that leads straight back here
    assert "My answers to stories" not in page


@pytest.fixture
def first(person: Client, study: Study, card: ValuesCard, make_card: Callable[..., ValuesCard]) -> str:
    """The finish page of someone who was through before there was anything of others to judge."""
    make_card(card.participant)
    person.get(f"/s/{study.slug}/others/", follow=True)
    return f"/s/{study.slug}/finish/"


def test_the_first_are_told_when_there_is_something_to_judge_and_led_through_it(
    person: Client, participant: Participant, study: Study, first: str, request: pytest.FixtureRequest
) -> None:
    page = person.get(first).content.decode()
    assert "This page shows it as soon as there is." in page and "Judge what is new" not in page
    request.getfixturevalue("stories")
    page = person.get(first).content.decode()
    assert "3 values of others are here now. 2 stories are here now." in page
    others = f"/s/{study.slug}/others/"
    assert f'href="{others}">Judge what is new' in page
    shown = re.findall(r'name="value" value="(\d+)"', person.get(others).content.decode())
    answer = person.post(others, {"value": shown}, follow=True)
    assert [address for address, _status in answer.redirect_chain] == [f"/s/{study.slug}/stories/"]
    for number in ("1", "2"):
        answer = person.post(f"/s/{study.slug}/stories/", {"n": number, "answer": "upgrade"}, follow=True)
    assert [address for address, _status in answer.redirect_chain] == [first]
    page = answer.content.decode()
    assert "Judge what is new" not in page and "My picks" in page and "My answers to stories" in page


def test_stories_alone_are_told_too(
    person: Client, study: Study, first: str, context: Context, make_story: Callable[..., UpgradeStory]
) -> None:
    values = [join(study).study.values.create(study=study, number=90 + n, title="Care") for n in range(2)]
    draws.complete(picks.draw_values(Participant.objects.order_by("number")[0]))
    make_story(study, *values, context)
    page = person.get(first).content.decode()
    assert "1 story is here now." in page and "of others" not in page.split("Something new")[1][:200]
    assert f'href="/s/{study.slug}/stories/">Judge what is new' in page


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_nothing_new_is_offered_while_no_answers_are_taken(
    person: Client, study: Study, first: str, request: pytest.FixtureRequest, state: str
) -> None:
    request.getfixturevalue("stories")
    Study.objects.update(state=state)
    page = person.get(first).content.decode()
    assert "Judge what is new" not in page and "as soon as there is" not in page


@pytest.mark.parametrize("form", ["card", "question", "stories", "finish"])
def test_a_number_without_end_is_refused_like_any_other(
    person: Client, study: Study, card: ValuesCard, stories: list[UpgradeStory], form: str
) -> None:
    endless = "9" * 5000
    names = ("act", "revision", "fidelity", "remove", "question", "n", "exit_fair")
    sent = dict.fromkeys(names, endless) | {"act": "confirm"}
    assert person.post(f"/s/{study.slug}/{form}/", sent).status_code < 500


@pytest.fixture
def finished(participant: Participant, make_card: Callable[..., ValuesCard]) -> str:
    """The finish page of someone who did everything."""
    make_card(participant)
    participation.finish(participant)
    return f"/s/{participant.study.slug}/finish/"


def test_the_exit_questions_and_the_place_are_answered(person: Client, participant: Participant, finished: str) -> None:
    person.get(f"/s/{participant.study.slug}/others/")
    person.post(finished, {"exit_fair": "4", "exit_trust": "9", "exit_else": "1"})
    person.post(finished, {"exit_fair": "4"})
    person.post(finished, {"kind": "fair_position", "answer": "not_fair", "comment": "Too low"})
    participant.refresh_from_db()
    assert participant.exit_answers == {"fair": 4}
    said = VerificationAnswer.objects.get(participant=participant)
    assert (said.kind, said.answer, said.comment) == ("fair_position", "not_fair", "Too low")


def test_the_completion_code_is_for_those_who_are_through(
    person: Client, participant: Participant, study: Study
) -> None:
    Study.objects.filter(id=study.id).update(settings={"completion_code": "FM-4K7Q"}, state="closed")
    finish = f"/s/{study.slug}/finish/"
    assert "FM-4K7Q" not in person.get(finish).content.decode()
    participation.finish(participant)
    assert "FM-4K7Q" in person.get(finish).content.decode()


@pytest.mark.parametrize(("state", "said"), [("paused", "takes a break"), ("closed", "is closed")])
def test_a_study_that_is_not_open_says_so_and_takes_nothing_in(
    person: Client, browser: Client, participant: Participant, study: Study, talk: str, state: str, said: str
) -> None:
    Study.objects.filter(id=study.id).update(state=state)
    assert said in browser.get(f"/s/{study.slug}/").content.decode()
    for address in (talk, f"/s/{study.slug}/"):
        assert said in person.get(address).content.decode()
    assert person.post(talk, {"text": "Is anyone there?"}).status_code == 403
    assert agree(browser, study).status_code == 403
    assert participant.interviews.get().turns.count() == 1


def test_nobody_is_asked_to_agree_where_there_is_nothing_to_do(
    browser: Client, study: Study, make_value: Callable[..., CanonicalValue]
) -> None:
    Study.objects.filter(id=study.id).update(settings={"has_interview": False, "stories_each": 0})
    page = browser.get(f"/s/{study.slug}/").content.decode()
    assert "There is nothing to judge here yet." in page
    assert "Agree and begin" not in page
    make_value(study)
    assert "Agree and begin" in browser.get(f"/s/{study.slug}/").content.decode()


def test_a_draft_looks_like_an_address_that_leads_nowhere(browser: Client, study: Study) -> None:
    Study.objects.filter(id=study.id).update(state="draft")
    draft, nothing = browser.get(f"/s/{study.slug}/"), browser.get("/s/nothing-here/")
    assert (draft.status_code, draft.content) == (nothing.status_code, nothing.content) == (404, nothing.content)


def test_who_runs_the_study_tries_it_and_nothing_is_counted(study: Study, facilitator: User) -> None:
    Study.objects.filter(id=study.id).update(state="draft")
    browser = Client()
    browser.force_login(facilitator, backend="django.contrib.auth.backends.ModelBackend")
    assert "Preview" in browser.get(f"/s/{study.slug}/").content.decode()
    agree(browser, study)
    assert study.participants.get().is_preview
    assert "Preview: nothing is counted." in browser.get(f"/s/{study.slug}/question/").content.decode()


def test_the_return_code_is_shown_right_after_agreeing(browser: Client, study: Study) -> None:
    first = browser.get(agree(browser, study).headers["Location"]).content.decode()
    assert browser.cookies["return_code"].value in first


@pytest.mark.parametrize("name", ["save-and-leave", "take-part"])
def test_ones_data_and_taking_it_back_are_at_hand_from_the_first_step(person: Client, study: Study, name: str) -> None:
    page = person.get(reverse(name, args=[study.slug])).content.decode()
    for other in ("my-data", "consent", "withdraw"):
        assert f'href="{reverse(other, args=[study.slug])}"' in page


def test_a_return_code_opens_ones_answers_in_another_browser(
    browser: Client, participant: Participant, study: Study
) -> None:
    code = participant.return_code.lower().replace("-", " ")  # type: ignore[attr-defined]
    answer = browser.post("/back/", {"code": code})
    assert answer.headers["Location"] == f"/s/{study.slug}/question/"
    assert "Which" in browser.get(answer.headers["Location"]).content.decode() or browser.cookies["participant"]


def test_a_code_with_a_slip_is_met_kindly_and_stays_in_the_field(browser: Client) -> None:
    answer = browser.post("/back/", {"code": "7KQ2-M9XA-0000"})
    assert answer.status_code == 404
    assert 'value="7KQ2-M9XA-0000"' in answer.content.decode()


def test_the_return_link_holds_its_code_where_no_server_sees_it(browser: Client, study: Study) -> None:
    agree(browser, study)
    code = browser.cookies["return_code"].value
    assert f"/back/#{code}" in browser.get(f"/s/{study.slug}/save-and-leave/").content.decode()


def test_a_device_can_forget_the_person(browser: Client, study: Study) -> None:
    agree(browser, study)
    browser.post(f"/s/{study.slug}/save-and-leave/", {"act": "forget"})
    assert browser.get(f"/s/{study.slug}/talk/").headers["Location"] == f"/s/{study.slug}/"


def test_ones_data_is_a_file(person: Client, participant: Participant, study: Study) -> None:
    answer = person.get(f"/s/{study.slug}/my-data/")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert json.loads(answer.content)


def test_ones_data_can_be_read_in_any_script(person: Client, study: Study, talk: str) -> None:
    person.post(talk, {"text": "خبأت عمتي المفاتيح."})
    assert "خبأت عمتي المفاتيح." in person.get(f"/s/{study.slug}/my-data/").content.decode()


def test_only_the_talk_can_be_deleted_and_the_page_says_that_it_was(
    person: Client, participant: Participant, study: Study, talk: str
) -> None:
    person.post(talk, {"text": "My aunt hid the keys."})
    done = person.post(f"/s/{study.slug}/withdraw/", {"act": "talk"}, follow=True).content.decode()
    assert "Your talk is deleted." in done
    assert "Only delete my talk" not in done
    participant.refresh_from_db()
    assert participant.withdrawn_at is None


def test_taking_everything_back_needs_a_tick_and_says_that_it_is_done(
    person: Client, participant: Participant, study: Study
) -> None:
    address = f"/s/{study.slug}/withdraw/"
    assert person.post(address, {"act": "everything"}).status_code == 400
    done = person.post(address, {"act": "everything", "sure": "yes"}, follow=True)
    assert "You took your answers back" in done.content.decode()
    participant.refresh_from_db()
    assert participant.withdrawn_at is not None


def test_who_took_everything_back_finds_nothing_more_to_do(participant: Participant, study: Study, talk: str) -> None:
    other_window = browser_of(participant)
    browser_of(participant).post(f"/s/{study.slug}/withdraw/", {"act": "everything", "sure": "yes"})
    assert "You took your answers back" in other_window.get(talk).content.decode()
    assert other_window.post(talk, {"text": "Hello?"}).status_code in (302, 403)


def test_quotes_can_be_allowed_and_disallowed_later(person: Client, participant: Participant, study: Study) -> None:
    for choice in ("yes", "no"):
        person.post(f"/s/{study.slug}/consent/", {"shows_quotes": choice})
        assert participation.consent_of(participant).shows_quotes == (choice == "yes")


def test_a_page_sent_again_with_other_answers_is_explained_in_words_for_people(browser: Client, study: Study) -> None:
    agree(browser, study, idempotency_key="k")
    answer = agree(Client(), study, idempotency_key="k", agrees="")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "sent before, with other answers" in answer.content.decode()
    assert "Idempotency" not in answer.content.decode()


def test_titles_of_others_are_shown_and_never_run(
    person: Client,
    study: Study,
    stories: list[UpgradeStory],
    context: Context,
    make_value: Callable[..., CanonicalValue],
    make_story: Callable[..., UpgradeStory],
) -> None:
    UpgradeStory.objects.update(state="archived")
    title, lines = '"><img src=x onerror=alert(1)>', ["<b onclick=x>SIGNS</b> of it"]
    bad = make_value(study, title=title, policies=lines)
    make_story(study, bad, make_value(study, title=title + "2", policies=[*lines, "WAYS to stay"]), context)
    for name in ("others/", "stories/?n=1"):
        page = person.get(f"/s/{study.slug}/{name}").content.decode()
        assert "&lt;img" in page
        assert "<img" not in page
        assert "<b onclick" not in page


def test_values_are_shown_with_what_they_look_for(person: Client, study: Study, stories: list[UpgradeStory]) -> None:
    page = person.get(f"/s/{study.slug}/others/").content.decode()
    assert page.count("<b>SIGNS</b> that someone is not heard") == CanonicalValue.objects.count()


def test_one_sees_what_others_said_to_the_same_pair(
    person: Client, participant: Participant, study: Study, stories: list[UpgradeStory], finished: str
) -> None:
    story = stories[0]
    for voter in [participant, *(join(study) for _n in range(5))]:
        WisdomVote.objects.create(
            study=study, participant=voter, story=story, from_value=story.from_value, to_value=story.to_value,
            context=story.context, answer="upgrade", voted_at=timezone.now(),
        )  # fmt: skip
    building.publish(building.build_graph(study))
    draws.complete(picks.draw_values(participant))
    draws.complete(draws.draw_stories(participant))
    assert "6 of 6 people said yes." in person.get(finished).content.decode()


def test_a_value_that_nobody_compared_yet_still_leads_to_what_was_found(
    person: Client, participant: Participant, study: Study, stories: list[UpgradeStory], finished: str
) -> None:
    story = stories[0]
    for voter in (join(study) for _n in range(5)):
        WisdomVote.objects.create(
            study=study, participant=voter, story=story, from_value=story.from_value, to_value=story.to_value,
            context=story.context, answer="upgrade", voted_at=timezone.now(),
        )  # fmt: skip
    building.publish(building.build_graph(study))
    draws.complete(picks.draw_values(participant))
    draws.complete(draws.draw_stories(participant))
    page = person.get(finished).content.decode()
    assert "is new here" in page
    assert f'href="{reverse("public-graph", args=[study.slug])}"' in page
