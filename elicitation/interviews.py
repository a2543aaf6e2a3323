"""The interview: what a person says, and what is asked next, by a language model or by the written guide.

A person's turn is committed before anything is asked of a model, and no transaction is open while a model answers. So
nothing that was acknowledged is lost: when the model fails the turn is there, and asking again gives one reply.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.numbers import next_number
from core.problems import Conflict
from core.text import clean_text
from elicitation import guide
from elicitation.models import Interview, Participant, Question, Turn, ValuesCard
from elicitation.participation import consent_of, hold, must_be_open, needs_eye
from elicitation.study_settings import settings_of
from llm_client import LLM, LLMBudgetReached, load_prompt

logger = logging.getLogger(__name__)

MOST_SAID = 8000
PROMPTS = Path(__file__).parent / "prompts"
OPEN = (Interview.State.TALKING, Interview.State.ENOUGH)
# A talk that a model calls enough goes on until so many answers have words: from fewer no card can be made.
LEAST_ANSWERS = 2
# What one person can make the model do: talks begun, and answers in a talk, with those that replaced another.
MOST_TALKS, MOST_CHANGES = 12, 30
_TRIES = 5


def _storable(text: str) -> str:
    try:
        return clean_text(text, field="text", most=MOST_SAID).strip()
    except ValidationError as error:
        raise ValueError(error.messages[0]) from None


# A model's text that passes the gate which every text from outside passes; one that does not is a bad answer.
ModelText = Annotated[str, AfterValidator(_storable)]


class NextTurn(BaseModel):
    """What a model says next in the talk, and what should follow on it."""

    model_config = ConfigDict(extra="forbid")

    say: ModelText = Field(min_length=1, max_length=1200)
    stage: Literal["situation", "mattered", "attention", "why", "check"]
    next: Literal["ask", "draft"]
    worry: bool


class Exchange(NamedTuple):
    """A person's turn, the reply to it, and whether enough was said for a card."""

    turn: Turn
    reply: Turn
    is_enough: bool


class Saved(NamedTuple):
    """The person's words are committed: whatever happens now, they are safe."""

    turn: Turn


class Sentence(NamedTuple):
    """The next sentence of the reply, which is not stored before it is complete."""

    text: str


Event = Saved | Sentence | Exchange


def begin_interview(participant: Participant, question: Question, *, llm: LLM | None) -> Interview:
    """Begin a talk about a question, or return the one that is going on about it. Another open talk is left.

    The model asks if there is one, the study wants it and the person agreed to it; else the written guide does.
    Raises ValidationError for another study's question, and Problem if the study takes no answers.
    """
    must_be_open(participant)
    if question.study_id != participant.study_id or question.is_archived:
        raise ValidationError({"question": _("Please choose one of this study's questions.")})
    settings = settings_of(participant.study)
    with_model = llm is not None and settings.interviewer == "model" and consent_of(participant).uses_model
    with transaction.atomic():
        hold(participant)
        open_talks = participant.interviews.filter(state__in=OPEN)
        if going_on := open_talks.filter(question=question).order_by("created_at").last():
            return going_on
        if participant.interviews.count() >= MOST_TALKS:
            raise Conflict(_("You began many talks"), _("Please go on with the one that you have."))
        open_talks.update(state=Interview.State.LEFT, ended_at=timezone.now())
        participant.question = question
        participant.save(update_fields=["question"])
        opening = guide.opening(question.text)
        interview = Interview.objects.create(
            participant=participant,
            question=question,
            mode=Interview.Mode.MODEL if with_model else Interview.Mode.GUIDE,
            stage=opening.stage,
            turn_budget=settings.turn_budget,
        )
        Turn.objects.create(interview=interview, number=1, role=Turn.Role.GUIDE, stage=opening.key, text=opening.text)
    return interview


def transcript(interview: Interview) -> list[Turn]:
    """Return the talk as it counts: without an answer that was changed later, and without what was said to that."""
    counted: list[Turn] = []
    for turn in interview.turns.all():  # in their order, and no new query where a list fetched them before
        if turn.replaces_id is not None:
            place = next((i for i, known in enumerate(counted) if known.id == turn.replaces_id), len(counted))
            counted = counted[:place]
        counted.append(turn)
    return counted


def own_words(interview: Interview) -> dict[int, str]:
    """Return what the person said, by the number of the turn: the only text that a quote may come from."""
    return {turn.number: turn.text for turn in transcript(interview) if turn.role == Turn.Role.PERSON and turn.text}


def as_text(talk: list[Turn]) -> str:
    """Return a talk for a prompt: each turn with its number, so that quotes can name it. Only turns begin at the margin,
    so that nobody can write one for someone else."""
    names = {Turn.Role.PERSON: "person", Turn.Role.GUIDE: "interviewer"}
    said = ((f"[{turn.number}] {names[Turn.Role(turn.role)]}: ", turn.text or "(skipped)") for turn in talk)
    return "\n".join(head + "\n    ".join(text.splitlines()) for head, text in said)


def answers_of(talk: list[Turn]) -> list[guide.Answer]:
    """Return the person's answers as the written guide needs them; wishes about the card are no answers."""
    said = (t for t in talk if t.role == Turn.Role.PERSON and t.stage.partition(".")[0] in guide.STAGES)
    return [guide.Answer(t.number, t.stage, t.text) for t in said]


def answers_left(interview: Interview) -> int:
    """Return how many more answers fit into the talk's budget."""
    return max(0, interview.turn_budget - len(answers_of(transcript(interview))))


def add_turn(
    interview: Interview,
    text: str,
    *,
    client_key: str = "",
    llm: LLM | None,
    on_sentence: Callable[[str], None] | None = None,
) -> Exchange:
    """Store what the person says, then what is asked next.

    `on_sentence` is called with each sentence of the reply as it comes. The same `client_key` again stores nothing new
    and gives the same reply. Raises ValidationError for a text that cannot be stored, Problem if no answers are taken,
    Conflict if the talk has ended, and the model's errors; after those the turn is kept, and `answer_last` tries again.
    """
    return last_of(reply_to(interview, say(interview, text, client_key=client_key), llm=llm), on_sentence)


def skip(interview: Interview, *, client_key: str = "", llm: LLM | None) -> Exchange:
    """Go on without an answer to the last question. Raises as `add_turn` does."""
    return last_of(reply_to(interview, say_nothing(interview, client_key=client_key), llm=llm))


def change_last_answer(interview: Interview, text: str, *, client_key: str = "", llm: LLM | None) -> Exchange:
    """Store another answer in the place of the person's last one; the old one stays, and no longer counts.

    Raises as `add_turn` does, and Conflict if nothing was answered yet.
    """
    return last_of(reply_to(interview, say_instead(interview, text, client_key=client_key), llm=llm))


def answer_last(interview: Interview, *, llm: LLM | None) -> Exchange:
    """Return the reply to the person's last turn, made now if there is none yet. Raises the model's errors, and Conflict
    if the person has said nothing yet."""
    return last_of(reply_to(interview, last_said(interview), llm=llm))


def say(interview: Interview, text: str, *, client_key: str = "") -> Turn:
    """Commit what the person says, once for each `client_key`. Raises as `add_turn` does, but for the model's errors."""
    return _store_turn(interview, text, client_key)


def say_nothing(interview: Interview, *, client_key: str = "") -> Turn:
    """Commit that the person skips the last question."""
    return _store_turn(interview, "", client_key, is_skip=True)


def say_instead(interview: Interview, text: str, *, client_key: str = "") -> Turn:
    """Commit another answer in the place of the person's last one."""
    return _store_turn(interview, text, client_key, replaces=last_said(interview))


def last_said(interview: Interview) -> Turn:
    """Return the person's last turn. Raises Conflict if they have said nothing yet."""
    for turn in reversed(transcript(interview)):
        if turn.role == Turn.Role.PERSON:
            return turn
    raise Conflict(_("Nothing was said yet"), _("Send an answer first."))


def reply_to(interview: Interview, turn: Turn, *, llm: LLM | None) -> Iterator[Event]:
    """Yield Saved, then the reply to a committed turn sentence by sentence, then the Exchange.

    A reply that is there is given again. Raises the model's errors, Problem if no answers are taken, and Conflict if the
    turn was replaced meanwhile or the talk has ended without a reply to it.
    """
    yield Saved(turn)
    interview.refresh_from_db()
    talk = transcript(interview)
    if given := _reply_in(talk, turn):
        yield Sentence(given.text)
        yield Exchange(turn, given, interview.state != Interview.State.TALKING)
        return
    must_be_open(interview.participant)
    if interview.state != Interview.State.TALKING:
        raise _ended()
    reply, call = None, None
    if interview.mode == Interview.Mode.MODEL and llm is not None and answers_left(interview):
        try:
            reply, call = yield from _ask_model(interview, talk, llm)
        except LLMBudgetReached:
            # Trying again would not help anyone, so the talk goes on; the pages say that it is the guide who asks.
            logger.warning("the model's budget is spent; the written guide goes on in interview %s", interview.id)
            Interview.objects.filter(id=interview.id).update(mode=Interview.Mode.GUIDE)
    if reply is None:
        reply = _ask_guide(interview, talk)
        yield Sentence(reply.text)
    yield _store_reply(interview, turn, reply, call)


def last_of(events: Iterator[Event], on_sentence: Callable[[str], None] | None = None) -> Exchange:
    """Let a reply come to its end, and return the exchange."""
    for event in events:
        if isinstance(event, Sentence) and on_sentence is not None:
            on_sentence(event.text)
        if isinstance(event, Exchange):
            return event
    raise AssertionError("a reply ends with an exchange")


def end_talk(interview: Interview) -> None:
    """Note that the person has said enough. Ending twice changes nothing. Raises Conflict if they said nothing yet."""
    must_be_open(interview.participant)
    if not own_words(interview):
        raise Conflict(_("Nothing was said yet"), _("Say something first, or choose another question."))
    _set_state(interview, Interview.State.ENOUGH)


def switch_to_guide(interview: Interview) -> None:
    """Let the written guide go on, from where the talk is. What was said stays, and an answer that waits gets a reply."""
    must_be_open(interview.participant)
    Interview.objects.filter(id=interview.id).update(mode=Interview.Mode.GUIDE)
    interview.refresh_from_db()
    talk = transcript(interview)
    if talk[-1].role == Turn.Role.PERSON and interview.state == Interview.State.TALKING:
        answer_last(interview, llm=None)


def _store_turn(
    interview: Interview, text: str, client_key: str, *, is_skip: bool = False, replaces: Turn | None = None
) -> Turn:
    """Commit one turn of the person, once for each `client_key`."""
    must_be_open(interview.participant)
    text = clean_text(text, field="text", most=MOST_SAID, required=not is_skip).strip()
    for attempt in range(_TRIES):
        if client_key and (known := interview.turns.filter(client_key=client_key).first()):
            return known
        try:
            with transaction.atomic():
                _must_take_more(interview, reopen=replaces is not None)
                turn = Turn.objects.create(
                    interview=interview,
                    number=next_number(Turn, interview=interview),
                    role=Turn.Role.PERSON,
                    stage=replaces.stage if replaces else transcript(interview)[-1].stage,
                    text=text,
                    is_skip=is_skip,
                    client_key=client_key,
                    replaces=replaces,
                )
            break
        except IntegrityError:
            if replaces is not None and Turn.objects.filter(replaces=replaces).exclude(client_key=client_key).exists():
                raise Conflict(_("This answer was changed in another window"), _("Reload to see it.")) from None
            if attempt == _TRIES - 1:
                raise
    if _is_first_danger(interview):
        needs_eye(interview.participant, _("Words in the talk may mean that someone is in danger."))
    return turn


def _must_take_more(interview: Interview, *, reopen: bool) -> None:
    """Raise Conflict unless the talk goes on; one that just ended is opened again to change its last answer."""
    hold(interview.participant)
    now = Interview.objects.select_for_update().get(id=interview.id)
    if reopen and now.state == Interview.State.ENOUGH and not ValuesCard.objects.filter(interview=interview).exists():
        Interview.objects.filter(id=interview.id).update(state=Interview.State.TALKING, ended_at=None)
    elif now.state != Interview.State.TALKING:
        raise _ended()
    if interview.turns.filter(role=Turn.Role.PERSON).count() >= interview.turn_budget + MOST_CHANGES:
        raise Conflict(_("This talk was changed very often"), _("Please go on to your card; you can change it too."))


def _ended() -> Conflict:
    return Conflict(_("This talk has ended"), _("Your card comes next."))


def _reply_in(talk: list[Turn], turn: Turn) -> Turn | None:
    """Return the first reply after a turn. Between the two may stand what the person said in another window meanwhile."""
    place = next((i for i, known in enumerate(talk) if known.id == turn.id), None)
    if place is None:
        raise Conflict(_("This answer was changed in another window"), _("Reload to see it."))
    return next((later for later in talk[place + 1 :] if later.role == Turn.Role.GUIDE), None)


def _ask_guide(interview: Interview, talk: list[Turn]) -> guide.Reply:
    study = interview.participant.study
    return guide.reply(
        answers_of(talk),
        budget=interview.turn_budget,
        help_text=settings_of(study).help_text,
        language=study.language,
    )


def _ask_model(interview: Interview, talk: list[Turn], llm: LLM) -> Generator[Sentence, None, tuple[guide.Reply, Any]]:
    """Yield the sentences of the model's reply; return the reply and the record of the call. Raises the model's errors."""
    study = interview.participant.study
    help_text = guide.help_for(settings_of(study).help_text)
    said = []
    if _is_first_danger(interview):
        said.append(help_text)
        yield Sentence(help_text)
    stream = llm.ask_streaming(
        load_prompt(PROMPTS / "interviewer.md"),
        {
            "question": interview.question.text,
            "stage": guide.STAGES.index(interview.stage) + 1,
            "left": answers_left(interview),
            "talk": as_text(talk),
        },
        returns=NextTurn,
        text_field="say",
        purpose="interview",
        subject=interview.participant.subject,
    )
    for sentence in stream:
        yield Sentence(sentence.strip())
    answer: NextTurn = stream.answer
    said.append(answer.say)
    if answer.worry and not any(help_text in text for text in [*said, *(turn.text for turn in talk)]):
        needs_eye(interview.participant, _("The interviewing model thought that someone may be in danger."))
        said.append(help_text)
        yield Sentence(help_text)
    told = sum(bool(a.text) for a in answers_of(talk))
    is_enough = answer.next == "draft" and told >= LEAST_ANSWERS
    if answer.next == "draft" and not is_enough:
        # the model took its leave where no card can be made yet: nobody is left without a question
        guided = _ask_guide(interview, talk)
        yield Sentence(guided.text)
        return guided._replace(text="\n\n".join([*said, guided.text])), stream.call
    stage = max(interview.stage, answer.stage, key=guide.STAGES.index)  # a talk goes forward, whatever the model says
    return guide.Reply("" if is_enough else stage, "\n\n".join(said)), stream.call


def _is_first_danger(interview: Interview) -> bool:
    said = list(own_words(interview).values())
    return bool(said) and guide.is_first_danger(said, language=interview.participant.study.language)


def _store_reply(interview: Interview, turn: Turn, reply: guide.Reply, call: Any) -> Exchange:
    """Store one reply to a turn; whoever comes second finds the first one's."""
    for attempt in range(_TRIES):
        try:
            with transaction.atomic():
                hold(interview.participant)
                Interview.objects.select_for_update().get(id=interview.id)
                if given := _reply_in(transcript(interview), turn):
                    stored = given
                    break
                stored = Turn.objects.create(
                    interview=interview,
                    number=next_number(Turn, interview=interview),
                    role=Turn.Role.GUIDE,
                    stage=reply.key or interview.stage,
                    text=reply.text,
                    llm_call=call,
                )
                if reply.is_enough:
                    _set_state(interview, Interview.State.ENOUGH)
                else:
                    Interview.objects.filter(id=interview.id).update(stage=reply.stage)
                break
        except IntegrityError:
            if attempt == _TRIES - 1:
                raise
    interview.refresh_from_db()
    return Exchange(turn, stored, interview.state != Interview.State.TALKING)


def _set_state(interview: Interview, state: str) -> None:
    Interview.objects.filter(id=interview.id, state=Interview.State.TALKING).update(
        state=state, ended_at=timezone.now()
    )
    interview.refresh_from_db()
