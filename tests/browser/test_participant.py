"""Someone takes part in a real browser: on a phone, by keyboard, without script, with and without a language model."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from core import ledger
from elicitation import deduplication, draws, interviews, participation, picks, verification
from elicitation.cards import CardDraft, PolicyDraft, QuoteDraft
from elicitation.interviews import NextTurn
from elicitation.models import Context, Interview, Participant, Study, ValuesCard, VerificationAnswer, WisdomVote
from elicitation.values import own_value
from graphs import building
from tests.browser import walk
from tests.browser.conftest import HEAVIEST, PHONE
from tests.llm_client.server import Answer, FakeModelServer
from tests.people import card_of, join, make_study, story_between, value_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AGE = {"key": "age", "label": "How old are you?", "choices": ["under 30", "30 to 54", "55 or older"]}
VALUES = {
    "Sharing the load early": ["TIRED FACES that nobody asks about", "PEOPLE who have not been asked yet"],
    "Honest about the risk": ["FACTS that people step around", "NEAR MISSES that were waved away"],
    "Keeping people safe": ["DANGERS that someone no longer sees", "PEOPLE who would be hurt"],
}


@pytest.fixture
def moot(transactional_db: None) -> Study:
    """An open study with two questions, a few facts, three values of others and two stories."""
    study = make_study("moot", "What matters when someone asks for advice?", demographics=[AGE], stories_each=2,
                       completion_code="FM-4K7Q")  # fmt: skip
    study.questions.create(number=2, text="A colleague lied about his degree. Do I say something?", is_heavy=True)
    values = [value_in(study, title=title, policies=lines) for title, lines in VALUES.items()]
    context = Context.objects.get(study=study, number=1)
    for first, second in ((values[0], values[1]), (values[2], values[0])):
        story_between(study, first, second, context)
    return study


@pytest.fixture
def model(settings: LazySettings) -> Iterator[FakeModelServer]:
    """A language model that asks back and, when it is time, writes a card. Some quotes of it were never said."""
    with FakeModelServer(answer_as_a_guide) as server:
        settings.LLM_BASE_URL, settings.LLM_MODEL, settings.LLM_API_KEY = server.url, "fake", ""
        ledger.model_settings.cache_clear()
        yield server
    ledger.model_settings.cache_clear()


def answer_as_a_guide(body: dict[str, Any]) -> CardDraft | NextTurn:
    if "policies" in body["response_format"]["json_schema"]["schema"]["properties"]:
        quotes = [
            QuoteDraft(turn=4, text="The car was the last thing that was his."),
            QuoteDraft(turn=4, text="Invented."),
        ]
        is_wish = "It is not stubbornness." in json.dumps(body["messages"])
        text = "LOSSES that nobody sees" if is_wish else "LOSSES that sit under what looks like stubbornness"
        line = PolicyDraft(text=text, quotes=quotes)
        return CardDraft(title="Letting go together", description="When something must end.", policies=[line])
    return NextTurn(
        say="That sounds *sad*. What would you have watched for?", stage="attention", next="ask", worry=False
    )


def test_someone_takes_part_on_a_phone_without_a_model(moot: Study, phone: Page, look: walk.Look) -> None:
    phone.goto("/")
    phone.goto(f"/s/{moot.slug}/")
    look(phone, "01-start")
    expect(phone.get_by_text("An AI", exact=True)).to_have_count(0)
    walk.agree(phone, moot.slug)
    look(phone, "02-about-you")
    phone.get_by_label("How old are you?").select_option("I prefer not to say")
    phone.get_by_role("button", name="Next").click()
    look(phone, "03-question")
    walk.choose_question(phone)
    walk.say(phone, walk.SAID[0])
    look(phone, "04-talk")
    expect(phone.get_by_text("question 2 of about 8")).to_be_visible()
    phone.get_by_role("link", name="Change this answer").click()
    look(phone, "05-talk-change")
    phone.get_by_label("Your changed answer").fill("My aunt hid the keys. He looked for weeks.")
    phone.get_by_role("button", name="Change").click()
    for said in walk.SAID[1:]:
        if phone.get_by_role("button", name="Show me my card").is_visible():
            break
        walk.say(phone, said)
    look(phone, "06-talk-end")
    phone.get_by_role("button", name=re.compile("Show me my card|said enough")).click()
    look(phone, "07-card-draft")
    expect(phone.get_by_role("button", name="Yes, save my card")).to_be_in_viewport()
    phone.get_by_role("link", name="Change the words").click()
    look(phone, "07-card-words")
    walk.write_words(
        phone, "Letting go together", ["MOMENTS when he can still choose", "HOW he talks about the lake", "THINGS"]
    )
    look(phone, "08-card")
    walk.confirm(phone)
    look(phone, "09-others")
    walk.pick(phone)
    look(phone, "10-story-example")
    phone.get_by_role("link", name="Show me the first one").click()
    look(phone, "11-story")
    expect(phone.get_by_role("button", name="Skip this one")).to_be_in_viewport()
    walk.judge(phone)
    phone.get_by_role("link", name="Back").click()
    expect(phone.get_by_label("Yes, wiser")).to_be_checked()
    walk.judge(phone, "It depends")
    walk.judge(phone, "No, not wiser")
    expect(phone.get_by_text("FM-4K7Q")).to_be_visible()
    look(phone, "12-finish")
    answers = WisdomVote.objects.current().filter(study=moot).order_by("id").values_list("answer", flat=True)
    assert sorted(answers) == ["it_depends", "no_upgrade"]
    assert ValuesCard.objects.get(study=moot).fidelity == 4


def test_someone_takes_part_on_a_phone_with_a_model(
    moot: Study, phone: Page, look: walk.Look, model: FakeModelServer
) -> None:
    phone.goto(f"/s/{moot.slug}/")
    look(phone, "21-start-with-model")
    walk.agree(phone, moot.slug, asks="An AI")
    phone.get_by_role("button", name="Next").click()
    walk.choose_question(phone)
    walk.say(phone, walk.SAID[0])
    expect(phone.get_by_text("Guide (AI)")).to_be_visible()
    walk.say(phone, walk.SAID[1])
    look(phone, "22-talk-with-model")
    phone.get_by_role("button", name="I’ve said enough").click()
    expect(phone.get_by_text("The AI wrote this from your words.")).to_be_visible()
    look(phone, "23-card-from-model")
    assert phone.locator(".vcard mark").all_text_contents() == ["The car was the last thing that was his"]
    phone.get_by_role("link", name="Tell the AI what is off").click()
    look(phone, "24-card-talk")
    phone.get_by_label("What should be different?").fill("It is not stubbornness.")
    phone.get_by_role("button", name="Write it again").click()
    expect(phone.get_by_role("heading", name="Is this what you meant?")).to_be_visible()
    walk.confirm(phone, "This is me")
    walk.pick(phone)
    phone.get_by_role("link", name="Show me the first one").click()
    walk.judge(phone)
    walk.judge(phone, "Too similar")
    expect(phone.get_by_role("heading", name="Where your value stands")).to_be_visible()
    card = ValuesCard.objects.get(study=moot)
    assert (card.fidelity, card.origin, card.revision) == (5, "model", 2)
    assert WisdomVote.objects.current().filter(study=moot).count() == 2


def test_the_guides_answer_appears_while_it_is_given(moot: Study, phone: Page, model: FakeModelServer) -> None:
    begin_talk(phone, moot, asks="An AI")
    phone.get_by_label("Your answer").fill("My aunt hid the keys.")
    with phone.expect_response(lambda answer: answer.request.method == "POST") as answered:
        phone.get_by_role("button", name="Send").click()
    assert answered.value.headers["content-type"].startswith("text/event-stream")
    expect(phone.locator(".turn").last).to_contain_text("What would you have watched for?")
    expect(phone.get_by_text("question 2 of about 8")).to_be_visible()
    expect(phone.get_by_label("Your answer")).to_be_focused()


def test_sentences_that_come_one_by_one_stay_apart(moot: Study, phone: Page, model: FakeModelServer) -> None:
    begin_talk(phone, moot, asks="An AI")
    phone.evaluate("""() => new MutationObserver(() => {
      const reply = document.querySelector(".chat [data-reply]");
      if (reply) window.heard = reply.textContent;
    }).observe(document.body, {childList: true, subtree: true, characterData: true})""")
    walk.say(phone, walk.SAID[0])
    assert phone.evaluate("window.heard") == "That sounds *sad*. What would you have watched for?"


def test_a_slow_answer_is_said_to_be_slow_and_the_words_to_be_safe(
    moot: Study, phone: Page, model: FakeModelServer
) -> None:
    phone.clock.install()
    begin_talk(phone, moot, asks="An AI")
    model.answer_with(lambda body: Answer(text=json.dumps(answer_as_a_guide(body).model_dump()), delay=4))
    phone.get_by_label("Your answer").fill("My aunt hid the keys.")
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    phone.clock.fast_forward(8000)
    expect(phone.get_by_text("The AI takes longer than usual.")).to_be_visible()
    expect(phone.get_by_text("What would you have watched for?")).to_be_visible()
    expect(phone.get_by_text("The AI takes longer than usual.")).to_have_count(0)


def test_what_is_written_while_the_guide_answers_is_kept(moot: Study, phone: Page, model: FakeModelServer) -> None:
    begin_talk(phone, moot, asks="An AI")
    model.answer_with(lambda body: Answer(text=json.dumps(answer_as_a_guide(body).model_dump()), delay=1))
    phone.get_by_label("Your answer").fill("My aunt hid the keys.")
    phone.get_by_role("button", name="Send").click()
    expect(phone.locator("form[data-sending]")).to_have_count(1)
    expect(phone.get_by_label("Your answer")).to_have_value("")
    phone.get_by_label("Your answer").fill("And then")
    expect(phone.locator("form[data-sending]")).to_have_count(0)
    expect(phone.get_by_label("Your answer")).to_have_value("And then")


def test_a_model_that_fails_leaves_the_words_safe_and_two_ways_on(
    moot: Study, phone: Page, look: walk.Look, model: FakeModelServer
) -> None:
    begin_talk(phone, moot, asks="An AI")
    model.answer_with(lambda body: Answer(status=400))
    phone.get_by_label("Your answer").fill("My aunt hid the keys.")
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_text("No answer yet.")).to_be_visible()
    look(phone, "25-model-failed")
    expect(phone.get_by_text("My aunt hid the keys.")).to_be_visible()
    phone.get_by_role("button", name="Go on with the written guide").first.click()
    expect(phone.get_by_label("Your answer")).to_be_visible()
    assert Interview.objects.get().mode == "guide"


def test_a_model_that_cannot_write_the_card_leaves_a_way_to_it(
    moot: Study, phone: Page, look: walk.Look, model: FakeModelServer
) -> None:
    begin_talk(phone, moot, asks="An AI")
    walk.say(phone, "I look for moments when he can still choose.")
    model.answer_with(lambda body: Answer(status=400))
    phone.get_by_role("button", name="I’ve said enough").click()
    expect(phone.get_by_text("Everything you said is saved.")).to_be_visible()
    look(phone, "26-card-missing")
    phone.get_by_role("button", name="Put it together without AI").click()
    expect(phone.get_by_role("button", name=re.compile("Save the words|Yes, save my card")).last).to_be_visible()


def test_a_model_that_cannot_change_the_card_leaves_it_and_the_wish(
    moot: Study, phone: Page, look: walk.Look, model: FakeModelServer
) -> None:
    begin_talk(phone, moot, asks="An AI")
    walk.say(phone, walk.SAID[1])
    phone.get_by_role("button", name="I’ve said enough").click()
    phone.get_by_role("link", name="Tell the AI what is off").click()
    model.answer_with(lambda body: Answer(status=400))
    phone.get_by_label("What should be different?").fill("It is not stubbornness.")
    phone.get_by_role("button", name="Write it again").click()
    expect(phone.get_by_text("Your card is as it was.")).to_be_visible()
    look(phone, "27-card-talk-failed")
    expect(phone.get_by_label("What should be different?")).to_have_value("It is not stubbornness.")
    phone.get_by_role("link", name="Change the words").click()
    expect(phone.get_by_label("A short name for it")).to_have_value("Letting go together")


def test_everything_works_without_script(moot: Study, open_browser: Callable[..., BrowserContext]) -> None:
    page = open_browser(**PHONE, java_script_enabled=False).new_page()
    walk.agree(page, moot.slug)
    page.get_by_role("button", name="Next").click()
    walk.choose_question(page)
    walk.say(page, "I look for moments when he can still choose the next step.")
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("button", name="I’ve said enough").click()
    page.goto(f"/s/{moot.slug}/card/?change=words")
    walk.write_words(
        page, "Letting go together", ["MOMENTS when he can still choose", "SIGNS of rest", "WAYS on", "PLANS"]
    )
    walk.confirm(page)
    walk.pick(page)
    page.get_by_role("link", name="Show me the first one").click()
    walk.judge(page)
    walk.judge(page, "I’m not sure")
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Send my answers").click()
    expect(page.get_by_text("You answered. Thank you.")).to_be_visible()
    assert len(ValuesCard.objects.get(study=moot).policies) == 4


def someone_with_a_card(study: Study) -> Participant:
    person = join(study)
    card_of(person)
    return person


def test_a_story_can_be_judged_with_the_keyboard_alone(moot: Study, phone: Page, live_server: LiveServer) -> None:
    enter(phone, live_server, someone_with_a_card(moot))
    phone.goto(f"/s/{moot.slug}/stories/?n=1")
    phone.keyboard.press("Tab")
    expect(phone.get_by_role("link", name="Skip to content")).to_be_focused()
    phone.get_by_label("Yes, wiser").focus()
    phone.keyboard.press("ArrowDown")
    expect(phone.get_by_label("No, not wiser")).to_be_checked()
    phone.get_by_role("button", name="Save and go on").focus()
    phone.keyboard.press("Enter")
    phone.wait_for_url("**n=2")
    assert WisdomVote.objects.get().answer == "no_upgrade"


def test_what_is_being_written_survives_a_closed_tab(moot: Study, phone: Page) -> None:
    begin_talk(phone, moot)
    phone.get_by_label("Your answer").fill("Half a thought")
    phone.reload()
    expect(phone.get_by_label("Your answer")).to_have_value("Half a thought")
    phone.get_by_label("Your answer").press("Control+Enter")
    expect(phone.locator(".turn.me")).to_contain_text("Half a thought")
    expect(phone.get_by_label("Your answer")).to_have_value("")


def test_who_goes_back_does_not_find_an_old_answer_in_the_field(moot: Study, phone: Page) -> None:
    begin_talk(phone, moot)
    walk.say(phone, walk.SAID[0])
    phone.go_back()
    expect(phone.locator(".turn.me")).to_have_count(1)
    expect(phone.get_by_label("Your answer")).to_have_value("")


def test_what_was_sent_leaves_the_device(moot: Study, phone: Page, live_server: LiveServer) -> None:
    enter(phone, live_server, someone_with_a_card(moot))
    phone.goto(f"/s/{moot.slug}/stories/?n=1")
    phone.get_by_label("Why?").fill("It leaves him his pride")
    phone.reload()
    expect(phone.get_by_label("Why?")).to_have_value("It leaves him his pride")
    walk.judge(phone)
    phone.wait_for_load_state("networkidle")
    assert "pride" not in phone.evaluate("JSON.stringify(localStorage)")


def test_a_device_that_is_not_ones_own_forgets_also_what_was_being_written(moot: Study, phone: Page) -> None:
    begin_talk(phone, moot)
    phone.get_by_label("Your answer").fill("A secret")
    phone.get_by_role("link", name="Save and leave").click()
    phone.get_by_role("button", name="Forget me on this device").click()
    expect(phone.get_by_text("This device has forgotten you.")).to_be_visible()
    assert "secret" not in phone.evaluate("JSON.stringify(localStorage)")


def test_a_second_tap_does_nothing(moot: Study, phone: Page) -> None:
    begin_talk(phone, moot)
    phone.get_by_label("Your answer").fill("Only once")
    phone.get_by_role("button", name="Send").dblclick()
    expect(phone.locator(".turn.me")).to_have_count(1)


def test_changes_to_a_card_are_not_left_behind_unasked(moot: Study, phone: Page) -> None:
    begin_talk(phone, moot)
    walk.say(phone, "I look for moments when he can still choose.")
    phone.get_by_role("button", name="I’ve said enough").click()
    phone.goto(f"/s/{moot.slug}/card/?change=words")
    phone.get_by_label("A short name for it").fill("Letting go")
    with phone.expect_event("dialog") as asked:
        phone.once("dialog", lambda dialog: dialog.accept())
        phone.get_by_role("link", name="Save and leave").click()
    assert asked.value.type == "beforeunload"


def test_picks_are_counted_as_they_are_tapped(moot: Study, phone: Page, live_server: LiveServer) -> None:
    enter(phone, live_server, someone_with_a_card(moot))
    phone.goto(f"/s/{moot.slug}/others/")
    expect(phone.get_by_text("Pick 2 more.")).to_be_visible()
    phone.locator("label.tile").nth(0).click()
    phone.locator("label.tile").nth(1).click()
    expect(phone.get_by_text("2 picked. That is enough; more is fine.")).to_be_visible()


def test_a_return_link_opens_ones_answers_and_leaves_no_code_in_the_address(
    moot: Study, phone: Page, look: walk.Look, open_browser: Callable[..., BrowserContext]
) -> None:
    begin_talk(phone, moot)
    walk.say(phone, "My aunt hid the keys.")
    phone.get_by_role("link", name="Save and leave").click()
    look(phone, "30-save-and-leave")
    link = phone.locator("#link").inner_text()
    other = open_browser(**PHONE).new_page()
    sent: list[str] = []
    other.on("request", lambda request: sent.append(f"{request.url} {request.headers.get('referer', '')}"))
    other.goto(link)
    look(other, "31-back")
    assert other.url.endswith("/back/")
    other.get_by_role("button", name="Open my answers").click()
    expect(other.get_by_text("My aunt hid the keys.")).to_be_visible()
    code = link.partition("#")[2]
    assert code
    assert not [line for line in sent if code in line]


def test_taking_everything_back_also_forgets_what_was_being_written(moot: Study, phone: Page, look: walk.Look) -> None:
    begin_talk(phone, moot)
    walk.say(phone, "My aunt hid the keys.")
    phone.get_by_label("Your answer").fill("A secret")
    phone.goto(f"/s/{moot.slug}/withdraw/")
    look(phone, "32-withdraw")
    phone.get_by_label(re.compile("Yes, delete everything")).check()
    phone.get_by_role("button", name="Take everything back").click()
    expect(phone.get_by_role("heading", name="You took your answers back")).to_be_visible()
    look(phone, "33-withdrawn")
    assert "A secret" not in phone.evaluate("JSON.stringify(localStorage)")


def test_one_sees_where_ones_value_stands(moot: Study, phone: Page, look: walk.Look, live_server: LiveServer) -> None:
    person = judged_by_many(moot)
    enter(phone, live_server, person)
    phone.goto(f"/s/{moot.slug}/finish/")
    expect(phone.get_by_role("heading", name="Where your value stands")).to_be_visible()
    look(phone, "40-finish-standing")
    phone.get_by_text("The same as a table").click()
    expect(phone.get_by_role("row", name=re.compile("Keeping people safe"))).to_contain_text("9 of 9")
    look(phone, "41-finish-table")
    phone.get_by_role("button", name="Yes, fair").click()
    expect(phone.get_by_text("You said yes. Thank you.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_other_page_fits_and_is_accessible(
    moot: Study, open_browser: Callable[..., BrowserContext], live_server: LiveServer, look: walk.Look, scheme: str
) -> None:
    page = open_browser(**PHONE, color_scheme=scheme).new_page()
    for path in ("", "back/", "nothing/", f"s/{moot.slug}/"):
        page.goto(f"/{path}")
        look(page, f"50-{scheme}-{path.strip('/').replace('/', '-') or 'home'}")
    enter(page, live_server, judged_by_many(moot))
    for name in ("", "consent", "about-you", "question", "others", "stories", "stories/?n=1", "finish",
                 "save-and-leave", "withdraw"):  # fmt: skip
        page.goto(f"/s/{moot.slug}/{name}{'' if '?' in name or not name else '/'}")
        look(page, f"51-{scheme}-{re.sub('[^a-z0-9]+', '-', name) or 'welcome-back'}")
    for state in ("paused", "closed"):
        Study.objects.filter(id=moot.id).update(state=state)
        page.goto(f"/s/{moot.slug}/others/")
        look(page, f"52-{scheme}-{state}")


@pytest.mark.parametrize("width", [320, 1280])
def test_the_talk_and_the_card_fit_narrow_and_wide_screens(
    moot: Study, open_browser: Callable[..., BrowserContext], look: walk.Look, width: int
) -> None:
    page = open_browser(viewport={"width": width, "height": 800}).new_page()
    begin_talk(page, moot)
    walk.say(page, "I look for moments when he can still choose. " + "Donaudampfschifffahrtsgesellschaft" * 4)
    look(page, f"60-{width}-talk")
    page.get_by_role("button", name="I’ve said enough").click()
    look(page, f"61-{width}-card")


def test_pages_fit_when_text_is_twice_as_large(
    moot: Study, open_browser: Callable[..., BrowserContext], live_server: LiveServer
) -> None:
    page = open_browser(**PHONE).new_page()
    page.add_init_script("""addEventListener("DOMContentLoaded", () => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("html { font-size: 200% }");
      document.adoptedStyleSheets = [sheet];
    })""")
    begin_talk(page, moot)
    walk.say(page, "I look for moments when he can still choose.")
    names = ["", "question/", "talk/", "save-and-leave/", "withdraw/"]
    page.get_by_role("button", name="I’ve said enough").click()
    names += ["card/", "card/?change=words"]
    for name in names:
        page.goto(f"/s/{moot.slug}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    enter(page, live_server, judged_by_many(moot))
    for name in ("others/", "stories/", "stories/?n=1", "finish/"):
        page.goto(f"/s/{moot.slug}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


@pytest.mark.parametrize(
    "title", ["الرحيل معًا بهدوء ومحبة بين الأهل والأصدقاء", "Letting go together, with love, among friends"]
)
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_a_title_makes_room_for_the_seal_in_either_direction(
    moot: Study, phone: Page, live_server: LiveServer, title: str, direction: str
) -> None:
    person = join(moot)
    participation.save_demographics(person, {})
    participation.choose_question(person, moot.questions.get(number=1))
    card = card_of(person)
    card.interview = interviews.begin_interview(person, moot.questions.get(number=1), llm=None)
    card.title = title
    card.save()
    enter(phone, live_server, person)
    phone.goto(f"/s/{moot.slug}/card/")
    phone.evaluate("(dir) => { document.documentElement.dir = dir }", direction)
    assert not phone.evaluate("""() => {
      const range = document.createRange();
      range.selectNodeContents(document.querySelector(".vcard .name"));
      const seal = document.querySelector(".vcard .seal").getBoundingClientRect();
      return [...range.getClientRects()].some(
        (line) => line.left < seal.right && line.right > seal.left && line.top < seal.bottom && line.bottom > seal.top);
    }""")


def test_a_first_load_is_light(moot: Study, weigh: Callable[[str], int]) -> None:
    assert weigh(f"/s/{moot.slug}/") < HEAVIEST


def begin_talk(page: Page, study: Study, *, asks: str = "") -> None:
    walk.agree(page, study.slug, asks=asks)
    page.get_by_role("button", name="Next").click()
    walk.choose_question(page)


def enter(page: Page, server: LiveServer, person: Participant) -> None:
    """Give the browser the way back of someone who takes part."""
    token: str = person.token  # type: ignore[attr-defined]
    path = f"/s/{person.study.slug}/"
    domain = server.url.partition("://")[2].partition(":")[0]
    page.context.add_cookies([{"name": "participant", "value": token, "domain": domain, "path": path}])


def judged_by_many(study: Study) -> Participant:
    """Return someone whose value nine people judged, in a published graph."""
    person = join(study)
    participation.save_demographics(person, {})
    participation.choose_question(person, study.questions.get(number=1))
    card_of(person)
    own = own_value(person)
    assert own is not None
    context = study.contexts.get(number=1)
    others = list(study.values.exclude(id=own.id).order_by("number"))
    stories = [
        story_between(study, others[2], own, context),
        story_between(study, own, others[1], context, run_label="up"),
        story_between(study, others[0], own, context, run_label="close"),
    ]
    for number in range(9):
        voter = join(study)
        for story in stories:
            is_close = story is stories[2]
            WisdomVote.objects.create(
                study=study,
                participant=voter,
                story=story,
                from_value=story.from_value,
                to_value=story.to_value,
                context=context,
                answer="no_upgrade" if is_close and number % 2 else "upgrade",
                voted_at=timezone.now(),
            )
    building.publish(building.build_graph(study))
    draws.complete(picks.draw_values(person))
    draws.complete(draws.draw_stories(person))
    return person


def test_a_link_asks_one_question_and_its_address_is_clean(
    moot: Study, open_browser: Callable[..., BrowserContext], look: walk.Look
) -> None:
    person, other = judged_by_many(moot), join(moot)
    card_of(other, title="Setting free")
    deduplication.merge(moot, moot.values.filter(title__in=("Letting go together", "Setting free")))
    page = open_browser(**PHONE).new_page()
    page.goto(f"/check/{verification.link_token(other, 'same_card')}/")
    assert page.url.endswith("/check/")
    look(page, "check-same-card")
    page.get_by_label("What is different?").fill("Mine is about fear.")
    page.get_by_role("button", name="Different").click()
    expect(page.get_by_text("You said it is different.")).to_be_visible()
    page.goto(f"/check/{verification.link_token(person, 'fair_position')}/")
    look(page, "check-fair-position")
    page.get_by_role("button", name="Yes, fair").click()
    expect(page.get_by_text("You said yes. Thank you.")).to_be_visible()
    assert VerificationAnswer.objects.count() == 2
