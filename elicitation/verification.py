"""Asking people afterwards: is the value that your card counts as the same as yours, and is its place in the graph fair?

They answer when they come back, or by a signed link that someone who keeps a list of their own sends them. "Different"
changes nothing by itself: it is put before the study's team, who can split the card off.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.problems import Conflict, Gone, Problem
from core.text import clean_text
from elicitation import participation
from elicitation.deduplication import active_run, grouping
from elicitation.models import CanonicalValue, Participant, Study, ValuesCard, VerificationAnswer
from elicitation.values import own_value, words_of

Kind, Answer = VerificationAnswer.Kind, VerificationAnswer.Answer
ANSWERS = {
    Kind.SAME_CARD: (Answer.SAME, Answer.DIFFERENT, Answer.UNSURE),
    Kind.FAIR_POSITION: (Answer.FAIR, Answer.NOT_FAIR),
}
MOST_COMMENT = 2000
LINK_DAYS = 60
SALT = "elicitation.verification"


class MergedCard(NamedTuple):
    """A person's card, the value that it counts as in other words than the card's, and what they said of that value."""

    card: ValuesCard
    value: CanonicalValue
    answer: VerificationAnswer | None


class Objection(NamedTuple):
    """That someone's card counts as a value that they call different from it, and nobody has looked at it yet."""

    answer: VerificationAnswer
    card: ValuesCard
    value: CanonicalValue


class Link(NamedTuple):
    """Whom a signed link asks, and what."""

    participant: Participant
    kind: str


def merged_card(participant: Participant) -> MergedCard | None:
    """Return what there is to ask of the person's newest card; None where it counts as a value in its own words."""
    cards = ValuesCard.objects.filter(participant=participant, state=ValuesCard.State.CONFIRMED)
    card, value = cards.order_by("-number").first(), own_value(participant)
    if card is None or value is None or is_own_wording(card, value):
        return None
    said = current(participant, Kind.SAME_CARD, card)
    return MergedCard(card, value, said if said and said.value_id == value.id else None)


def is_own_wording(card: ValuesCard, value: CanonicalValue) -> bool:
    """Whether a value says what the card says, title and policies."""
    own = words_of(card)
    return (own["title"], own["policies"]) == (value.title, value.policies)


def current(participant: Participant, kind: str, card: ValuesCard | None = None) -> VerificationAnswer | None:
    """Return what the person says now: of this card, or of their place."""
    said = VerificationAnswer.objects.current().filter(participant=participant, kind=kind, source_value_id="")
    return (said if card is None else said.filter(card=card)).first()


def say(
    participant: Participant, kind: str, answer: str, comment: str = "", *, value: int | None = None
) -> VerificationAnswer:
    """Store what the person says, under their newest card's value; what they said before is kept and counts no more.

    `value` is the number of the value that they were shown. Raises ValidationError for an answer that there is not or a
    long comment, Conflict if there is nothing to ask or another value stands there by now, and as
    `participation.must_be_here` does.
    """
    if kind not in ANSWERS or answer not in ANSWERS[Kind(kind)]:
        raise ValidationError({"answer": _("Please choose one of the answers.")})
    comment = clean_text(comment, field="comment", most=MOST_COMMENT).strip()
    with transaction.atomic():
        participation.hold(participant)
        card, shown = None, own_value(participant)
        if kind == Kind.SAME_CARD:
            merged = merged_card(participant)
            if merged is None:
                raise Conflict(_("There is nothing to ask"), _("Your card stands in your own words."))
            card, shown = merged.card, merged.value
        if value is not None and (shown is None or shown.number != value):
            raise Conflict(_("Something has changed meanwhile"), _("Please look at it again, then answer."))
        before = current(participant, kind, card)
        if before and (before.answer, before.comment, before.value) == (answer, comment, shown):
            return before
        return VerificationAnswer.objects.create(
            study=participant.study,
            participant=participant,
            kind=kind,
            card=card,
            value=shown,
            answer=answer,
            comment=comment,
            supersedes=before,
        )


def objections(study: Study) -> list[Objection]:
    """Return the answers "different" that wait for the team, the oldest first: those about a value that the card still
    counts as."""
    said = VerificationAnswer.objects.current().filter(
        study=study, kind=Kind.SAME_CARD, answer=Answer.DIFFERENT, settled_at=None, source_value_id=""
    )
    counted = said.filter(participant__in=Participant.objects.counted(study)).select_related("card", "value")
    if not counted:
        return []
    now = grouping(active_run(study))
    return [
        Objection(answer, answer.card, answer.value)
        for answer in counted.order_by("id")
        if answer.card and answer.value and now.get(answer.card_id) == answer.value_id
    ]


def settle(answer: VerificationAnswer) -> None:
    """Note that the team looked at an answer and leaves the card where it is. The answer stays and is counted."""
    VerificationAnswer.objects.filter(id=answer.id, settled_at=None).update(settled_at=timezone.now())


def link_token(participant: Participant, kind: str) -> str:
    """Return what a link holds that lets this person, or whoever has it, answer this question for `LINK_DAYS` days."""
    return signing.dumps([participant.study.slug, participant.id.hex, str(kind)], salt=SALT)


def by_link(token: str) -> Link:
    """Return whom a link asks what. Raises Gone if it is too old or its person took everything back, and Problem (404) for
    one that this site did not make."""
    try:
        slug, ident, kind = signing.loads(token, salt=SALT, max_age=timedelta(days=LINK_DAYS))
    except signing.SignatureExpired:
        raise Gone(_("This link is too old"), _("Your return code still opens your answers.")) from None
    except signing.BadSignature:
        raise _unknown_link() from None
    person = Participant.objects.select_related("study").filter(id=UUID(ident), study__slug=slug).first()
    if person is None:
        raise _unknown_link()
    participation.must_be_here(person)
    return Link(person, kind)


def to_ask(study: Study, kind: str) -> list[Participant]:
    """Return the people who can be asked, in their order: of their card, those whose card counts as a value in other words;
    of their place, those whose card counts as a value. Who has answered is left out, and so is who has left."""
    if kind not in ANSWERS:
        raise ValidationError({"kind": _("Choose one of: %s.") % ", ".join(ANSWERS)})
    now = grouping(active_run(study))
    values = study.values.in_bulk()
    people = Participant.objects.counted(study).filter(consents__isnull=False).distinct()
    confirmed = ValuesCard.objects.filter(
        study=study, participant__in=people, state=ValuesCard.State.CONFIRMED
    ).select_related("participant__study")
    newest = {card.participant_id: card for card in confirmed.order_by("number")}
    said = VerificationAnswer.objects.current().filter(study=study, kind=kind, source_value_id="")
    answered = {(a.participant_id, a.value_id if kind == Kind.SAME_CARD else None) for a in said}
    found = []
    for card in newest.values():
        value = values.get(now.get(card.id, 0))
        if value is None or card.participant is None:
            continue
        is_open = (card.participant_id, value.id if kind == Kind.SAME_CARD else None) not in answered
        if is_open and (kind == Kind.FAIR_POSITION or not is_own_wording(card, value)):
            found.append(card.participant)
    return sorted(found, key=lambda person: person.number)


def _unknown_link() -> Problem:
    return Problem(404, "unknown-code", _("We don't know this link"), _("Copy it whole, or use your return code."))
