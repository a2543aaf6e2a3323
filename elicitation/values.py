"""Canonical values: every confirmed card starts as a value of its own; deduplication runs bring equal ones together."""

from collections import Counter
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from core.numbers import next_number
from elicitation import deduplication
from elicitation.models import CanonicalValue, DrawItem, Participant, Study, ValueMember, ValuesCard


def adopt_card(card: ValuesCard) -> CanonicalValue:
    """Make a confirmed card a value that others can judge, or bring its value up to date after an edit.

    The value of a card that was shown to nobody yet follows the card's text; one that was shown to someone, or that something
    is said about, stays as they saw it, and the changed card becomes a value of its own.
    """
    with transaction.atomic():
        deduplication.lock(card.study)
        run = deduplication.active_run(card.study)
        member = ValueMember.objects.filter(run=run, card=card).select_related("value").first()
        texts = words_of(card)
        if member is not None:
            value = member.value
            if all(getattr(value, name) == text for name, text in texts.items()):
                return value
            if value.members.filter(run=run).count() == 1 and not _was_shown(value):
                CanonicalValue.objects.filter(id=value.id).update(**texts)
                value.refresh_from_db()
                return value
            member.delete()
        number = next_number(CanonicalValue, study=card.study)
        value = CanonicalValue.objects.create(study=card.study, number=number, **texts)
        ValueMember.objects.create(run=run, card=card, value=value, reason="its own card")
        return value


def words_of(card: ValuesCard) -> dict[str, Any]:
    """Return the fields of a value that has a card's words."""
    return {
        "title": card.title,
        "description": card.description,
        "policies": [policy["text"] for policy in card.policies],
        "question": card.question,
    }


def _was_shown(value: CanonicalValue) -> bool:
    in_a_story = DrawItem.objects.filter(Q(story__from_value=value) | Q(story__to_value=value))
    imported = value.votes_from.exists() or value.votes_to.exists() or value.endorsements.exists()
    is_spoken_of = value.considerations.exists() or value.norms.exists()
    return imported or is_spoken_of or value.exposures.exists() or in_a_story.exists()


def own_value(participant: Participant) -> CanonicalValue | None:
    """Return the value that the person's newest confirmed card counts as, or None."""
    members = ValueMember.objects.filter(
        run__study=participant.study, run__is_active=True, card__participant=participant, card__state="confirmed"
    )
    member = members.select_related("value").order_by("-card__number").first()
    if member is None:
        return None
    target = deduplication.projection(participant.study).get(member.value_id, member.value_id)
    return CanonicalValue.objects.get(id=target)


def counted_values(study: Study) -> QuerySet[CanonicalValue]:
    """Return the values that count now: not archived, and not projected onto another by the active run."""
    gone = [value for value, target in deduplication.projection(study).items() if value != target]
    return CanonicalValue.objects.filter(study=study, is_archived=False).exclude(id__in=gone)


def holders(study: Study) -> dict[int, int]:
    """Return how many counted people hold each value (by its id), through the active run."""
    projection = deduplication.projection(study)
    counted = Participant.objects.counted(study)
    held = ValueMember.objects.filter(run__study=study, run__is_active=True, card__participant__in=counted)
    pairs = {(projection.get(value, value), who) for value, who in held.values_list("value_id", "card__participant")}
    return dict(Counter(value for value, _who in pairs))
