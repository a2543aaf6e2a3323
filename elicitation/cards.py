"""Values cards: drafted from the talk, edited by the person, confirmed by the person. Every state is kept.

Each policy carries the person's own words. Whoever proposes a quote, code checks that the person said it; one that they
did not say is dropped, and a policy without any is shown as not yet supported.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field

from core.numbers import next_number
from core.problems import Conflict, Problem
from core.text import clean_text
from elicitation import guide
from elicitation.algorithms.difference import content_words
from elicitation.algorithms.quotes import Quote, own_quote, quotes_behind
from elicitation.interviews import PROMPTS, ModelText, answers_of, as_text, own_words, transcript
from elicitation.lints import Lint, lint_card
from elicitation.models import CardRevision, Interview, Participant, Study, Turn, ValuesCard
from elicitation.participation import hold, must_be_open
from elicitation.values import adopt_card
from llm_client import LLM, LLMBudgetReached, load_prompt

logger = logging.getLogger(__name__)

MOST_TITLE, MOST_DESCRIPTION, MOST_POLICY, MOST_POLICIES = 200, 2000, 400, 12
MOST_WISH, MOST_WISHES = 2000, 20
# A line that shares so much of its meaning with an older one is that line in other words, and keeps its quotes.
_SAME_LINE = 0.5
WISH_STAGE = "card"


class QuoteDraft(BaseModel):
    """Words that a model says the person said, in the turn of this number."""

    model_config = ConfigDict(extra="forbid")

    turn: int
    text: str = Field(max_length=600)


class PolicyDraft(BaseModel):
    """A model's draft of one line."""

    model_config = ConfigDict(extra="forbid")

    text: ModelText = Field(min_length=3, max_length=300)
    quotes: list[QuoteDraft] = Field(max_length=4)


class CardDraft(BaseModel):
    """A model's draft of a card."""

    model_config = ConfigDict(extra="forbid")

    title: ModelText = Field(min_length=1, max_length=80)
    description: ModelText = Field(max_length=500)
    policies: list[PolicyDraft] = Field(max_length=7)


class RevisedPolicy(PolicyDraft):
    """One line of a card that is written again."""

    text: ModelText = Field(min_length=1, max_length=MOST_POLICY)


class RevisedCard(CardDraft):
    """A new version of a card. All that a person can write on one has room here, for what they did not speak of stays; a card
    without lines could not be confirmed."""

    title: ModelText = Field(min_length=1, max_length=MOST_TITLE)
    description: ModelText = Field(max_length=MOST_DESCRIPTION)
    policies: list[RevisedPolicy] = Field(min_length=1, max_length=MOST_POLICIES)  # type: ignore[assignment]


def articulate_card(interview: Interview, *, llm: LLM | None) -> ValuesCard:
    """Draft the interview's card, or return the one there is.

    A model writes it where the talk was with one; else, and where the model finds no line to write, it is put together from
    the person's own words. Raises Conflict if the person has said nothing, Problem if the study takes no answers, and the
    model's errors; nothing is stored then.
    """
    if card := ValuesCard.objects.filter(interview=interview).first():
        return card
    must_be_open(interview.participant)
    if not own_words(interview):
        raise Conflict(_("Nothing was said yet"), _("A card is made from your own words, so say something first."))
    fields = None
    if interview.mode == Interview.Mode.MODEL and llm is not None:
        try:
            fields = _drafted_by_model(interview, llm)
        except LLMBudgetReached:
            logger.warning("the model's budget is spent; the card of interview %s is made of own words", interview.id)
    fields = fields or _drafted_from_words(interview)
    with transaction.atomic():
        # Whoever comes second, from another tab, finds the first one's draft.
        hold(interview.participant)
        Interview.objects.select_for_update().get(id=interview.id)
        if card := ValuesCard.objects.filter(interview=interview).first():
            return card
        # Other people's cards get their numbers one after another, too.
        study = Study.objects.select_for_update().get(id=interview.participant.study_id)
        card = ValuesCard.objects.create(
            study=study,
            interview=interview,
            participant=interview.participant,
            question=interview.question,
            number=next_number(ValuesCard, study=study),
            **fields,
        )
        _keep_revision(card, card.origin)
        Interview.objects.filter(id=interview.id, state=Interview.State.TALKING).update(
            state=Interview.State.ENOUGH, ended_at=timezone.now()
        )
    return card


def edit_card(
    card: ValuesCard, *, title: str, description: str, policies: Sequence[str], revision: int | None = None
) -> ValuesCard:
    """Store the person's own wording. A line keeps the quotes it had, also in other words; a new one gets those of the
    person's sentences that say it.

    `revision` is the one that the person saw. Raises Problem 412 with the card as it is now if it has changed since, and
    ValidationError for texts that cannot be stored. A confirmed card is a draft again until it is confirmed anew.
    """
    must_be_open(_owner(card))
    title = clean_text(title, field="title", most=MOST_TITLE).strip()
    description = clean_text(description, field="description", most=MOST_DESCRIPTION).strip()
    lines = [clean_text(line, field=f"policies.{i}", most=MOST_POLICY).strip() for i, line in enumerate(policies)]
    lines = [line for line in lines if line]
    if len(lines) > MOST_POLICIES:
        raise ValidationError({"policies": _("At most %(most)d lines fit on a card.") % {"most": MOST_POLICIES}})
    if len(set(lines)) < len(lines):
        raise ValidationError({"policies": _("Two lines are the same.")})
    said = own_words(card.interview) if card.interview else {}
    changed = [{"text": line, "quotes": _quotes_of(line, card.policies, said)} for line in lines]
    if (title, description, changed) == (card.title, card.description, card.policies):
        return card
    return _change(card, revision, ValuesCard.Origin.PERSON, title=title, description=description, policies=changed)


def revise_card(card: ValuesCard, wish: str, *, llm: LLM | None, revision: int | None = None) -> ValuesCard:
    """Let a model change the card as the person says; what they say is kept as a turn of their talk first.

    Raises as `edit_card` does, Problem if no model may be asked, and the model's errors; the card stays as it is then.
    """
    interview, participant = card.interview, _owner(card)
    must_be_open(participant)
    if llm is None or interview is None or interview.mode != Interview.Mode.MODEL:
        raise Problem(409, "no-model", _("There is no AI here to change the card"), _("Change the words yourself."))
    wish = clean_text(wish, field="wish", most=MOST_WISH, required=True).strip()
    with transaction.atomic():
        card = _must_be_current(card, revision)
        turn = _store_wish(interview, wish)
    talk = [known for known in transcript(interview) if known.number < turn.number]
    now = {"title": card.title, "description": card.description, "policies": card.policies}
    draft, call = llm.ask(
        load_prompt(PROMPTS / "revise_card.md"),
        {
            "card": json.dumps(now, ensure_ascii=False, indent=1),
            "talk": as_text(talk),
            "wish": f"[{turn.number}] {wish}",
        },
        returns=RevisedCard,
        purpose="revise_card",
        subject=participant.subject,
    )
    fields = _checked(draft, own_words(interview))
    for policy in fields["policies"]:
        # a line that stays as it was keeps its quotes, whatever the model left of them
        policy["quotes"] = next((k["quotes"] for k in card.policies if k["text"] == policy["text"]), policy["quotes"])
    if all(getattr(card, name) == value for name, value in fields.items()):
        with transaction.atomic():
            return _must_be_current(card, revision)
    return _change(card, revision, ValuesCard.Origin.MODEL, origin=ValuesCard.Origin.MODEL, llm_call=call, **fields)


def confirm_card(card: ValuesCard, *, fidelity: int, revision: int | None = None) -> ValuesCard:
    """Store "yes, that is me", and how well the card fits (5: this is me … 1: not me at all). It becomes a value that
    others can judge. Confirming twice changes only the fit.

    Raises ValidationError if the card lacks a name or a line, or `fidelity` is not 1 to 5; Problem 412 as `edit_card`.
    """
    participant = _owner(card)
    must_be_open(participant)
    if fidelity not in range(1, 6):
        raise ValidationError({"fidelity": _("Choose how well the card fits, from 1 to 5.")})
    with transaction.atomic():
        card = _must_be_current(card, revision)
        if not card.title.strip():
            raise ValidationError({"title": _("Give your card a name.")})
        if not card.policies:
            raise ValidationError({"policies": _("Write at least one line that you look for.")})
        card.state, card.fidelity = ValuesCard.State.CONFIRMED, fidelity
        card.confirmed_at = card.confirmed_at or timezone.now()
        card.save(update_fields=["state", "fidelity", "confirmed_at"])
        Interview.objects.filter(card=card).update(state=Interview.State.CONFIRMED)
        Participant.objects.filter(id=participant.id, question=None).update(question=card.question)
        if not participant.is_preview:
            adopt_card(card)
    return card


def lints(card: ValuesCard) -> list[Lint]:
    """Return what is worth another look in the card; none of it must be heeded."""
    said = list(own_words(card.interview).values()) if card.interview else []
    return lint_card(card.title, card.description, card.policies, said=said, language=card.study.language)


def _owner(card: ValuesCard) -> Participant:
    """Return whose card it is. Raises Problem for an imported card: nobody can speak for its author."""
    if card.participant is None:
        raise Problem(403, "no-owner", _("Nobody can change this card"), _("Its author is not here."))
    return card.participant


def _drafted_by_model(interview: Interview, llm: LLM) -> dict[str, Any] | None:
    draft, call = llm.ask(
        load_prompt(PROMPTS / "articulate_card.md"),
        {"question": interview.question.text, "talk": as_text(transcript(interview))},
        returns=CardDraft,
        purpose="articulate_card",
        subject=interview.participant.subject,
    )
    if not draft.policies:
        return None
    return _checked(draft, own_words(interview)) | {"origin": ValuesCard.Origin.MODEL, "llm_call": call}


def _drafted_from_words(interview: Interview) -> dict[str, Any]:
    draft = guide.draft_card(answers_of(transcript(interview)), language=interview.participant.study.language)
    return {
        "title": draft.title,
        "description": draft.description,
        "policies": [{"text": line.text, "quotes": [line.quote._asdict()]} for line in draft.lines],
        "origin": ValuesCard.Origin.GUIDE,
    }


def _checked(draft: CardDraft, said: Mapping[int, str]) -> dict[str, Any]:
    """Return the fields of a model's draft, with only those quotes that the person really said, as they said them. Of lines
    that are the same the first stays, as when a person writes them."""
    policies: list[dict[str, Any]] = []
    for policy in draft.policies:
        if any(policy.text == known["text"] for known in policies):
            continue
        found = [own_quote(quote.text, said, turn=quote.turn) for quote in policy.quotes]
        kept = dict.fromkeys(quote for quote in found if quote is not None)
        policies.append({"text": policy.text, "quotes": [quote._asdict() for quote in kept]})
    return {"title": draft.title, "description": draft.description, "policies": policies}


def _quotes_of(line: str, policies: Sequence[Mapping[str, Any]], said: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the quotes of the older line that this one says in the same or other words, else those found behind it."""
    words = content_words(line)
    for policy in policies:
        known = content_words(policy["text"])
        if policy["text"] == line or (words and len(words & known) >= _SAME_LINE * len(words | known)):
            return list(policy["quotes"])
    quotes: list[Quote] = quotes_behind(line, said)
    return [quote._asdict() for quote in quotes]


def _store_wish(interview: Interview, wish: str) -> Turn:
    """Keep what the person wants changed as a turn, once also where a model that failed is asked again."""
    last = interview.turns.order_by("number").last()
    if last is not None and (last.stage, last.text) == (WISH_STAGE, wish):
        return last
    if interview.turns.filter(stage=WISH_STAGE).count() >= MOST_WISHES:
        raise Conflict(_("The card was written again very often"), _("Please change the words yourself."))
    Interview.objects.select_for_update().get(id=interview.id)
    number = next_number(Turn, interview=interview)
    return Turn.objects.create(interview=interview, number=number, role=Turn.Role.PERSON, stage=WISH_STAGE, text=wish)


def _change(card: ValuesCard, revision: int | None, author: str, **fields: Any) -> ValuesCard:
    with transaction.atomic():
        card = _must_be_current(card, revision)
        for name, value in ({"state": ValuesCard.State.DRAFT, "revision": card.revision + 1} | fields).items():
            setattr(card, name, value)
        card.save(update_fields=["state", "revision", *fields])
        Interview.objects.filter(card=card, state=Interview.State.CONFIRMED).update(state=Interview.State.ENOUGH)
        _keep_revision(card, author)
    return card


def _must_be_current(card: ValuesCard, revision: int | None) -> ValuesCard:
    """Return the card as it is now, held until the transaction ends. Raises Problem 412 if it changed since `revision`."""
    if card.participant is not None:
        hold(card.participant)
    related = ("interview", "participant__study", "study", "question")
    found = ValuesCard.objects.select_for_update(of=("self",)).select_related(*related).get(id=card.id)
    if found.revision != (card.revision if revision is None else revision):
        raise Problem(
            412,
            "card-changed",
            _("The card was changed in another window"),
            _("Look at both texts, then save again."),
            current={
                "revision": found.revision,
                "title": found.title,
                "description": found.description,
                "policies": found.policies,
            },
        )
    return found


def _keep_revision(card: ValuesCard, author: str) -> None:
    CardRevision.objects.create(
        card=card,
        number=card.revision,
        author=author,
        title=card.title,
        description=card.description,
        detail=card.detail,
        policies=card.policies,
    )
