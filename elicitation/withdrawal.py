"""Taking everything back: what a person gave is deleted in every table, and later builds are as if they had never come.

What is published never changes: it keeps its counts and the texts of its values, also of one that only this person held, and
never held a talk, a quote or a comment. In the study that value loses its text and is never shown or counted again; other
people's answers about it stay theirs.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core.append_only import erasing, scrub_log
from core.idempotency import forget_subject
from core.ledger import forget_words
from core.models import LLMCall
from elicitation import deduplication, side_by_side
from elicitation.models import (
    Annotator,
    CanonicalValue,
    CardRevision,
    ComparisonDraw,
    Consideration,
    Draw,
    Endorsement,
    Interview,
    Norm,
    Participant,
    ShownComparison,
    Study,
    Turn,
    UpgradeStory,
    ValuesCard,
    VerificationAnswer,
    WisdomVote,
)
from elicitation.study_settings import settings_of

DAYS_A_MONTH = 365.25 / 12

# What rooms to the right keep of a person, and delete with the rest.
also_forget: list[Callable[[Participant], None]] = []


def withdraw(participant: Participant) -> None:
    """Delete everything the person gave, at once. What stays: a row without content that says someone left, and to what
    they had agreed. Doing it twice changes nothing."""
    with transaction.atomic(), erasing():
        transaction.on_commit(scrub_log)
        Participant.objects.select_for_update().get(id=participant.id)
        _empty_own_values(participant)
        _forget_calls(participant)
        Annotator.objects.filter(participant=participant).delete()
        ShownComparison.objects.filter(participant=participant).delete()
        ComparisonDraw.objects.filter(participant=participant).delete()
        for forget in also_forget:
            forget(participant)
        VerificationAnswer.objects.filter(participant=participant).delete()
        WisdomVote.objects.filter(participant=participant).delete()
        Endorsement.objects.filter(participant=participant).delete()
        Draw.objects.filter(participant=participant).delete()
        ValuesCard.objects.filter(participant=participant).delete()
        Interview.objects.filter(participant=participant).delete()
        if participant.withdrawn_at is None:
            Study.objects.filter(id=participant.study_id).update(withdrawals=F("withdrawals") + 1)
        Participant.objects.filter(id=participant.id).update(
            withdrawn_at=participant.withdrawn_at or timezone.now(),
            outside_digest="",
            source_id="",
            question=None,
            demographics={},
            demographics_at=None,
            exit_answers={},
            needs_eye="",
        )
    participant.refresh_from_db()


def is_gone(subject: str) -> bool:
    """Whether a model call is about someone who took everything back; they are kept from it until the transaction ends."""
    kind, _colon, ident = subject.partition(":")
    if kind != "participant":
        return False
    person = Participant.objects.select_for_update().filter(id=ident).first()
    return person is None or person.withdrawn_at is not None


def delete_talk(participant: Participant) -> None:
    """Delete what the person said in their talks, and every quote of it; cards and answers stay. A talk that has no card
    yet is left, so that a new one can begin."""
    with transaction.atomic(), erasing():
        transaction.on_commit(scrub_log)
        _delete_talks_of(Participant.objects.filter(id=participant.id))


def delete_old_talks() -> int:
    """Delete the talks that their study promised to keep no longer. Returns how many people's talks were deleted."""
    deleted = 0
    for study in Study.objects.all():
        kept = timedelta(days=settings_of(study).keep_talks_months * DAYS_A_MONTH)
        due = study.participants.filter(joined_at__lt=timezone.now() - kept, interviews__turns__role=Turn.Role.PERSON)
        with transaction.atomic(), erasing():
            deleted += _delete_talks_of(Participant.objects.filter(id__in=due.values("id")))
    return deleted


def _delete_talks_of(people: QuerySet[Participant]) -> int:
    people_now = list(people)
    for person in people_now:
        _forget_calls(person)
    Turn.objects.filter(interview__participant__in=people_now).delete()
    talks = Interview.objects.filter(participant__in=people_now)
    talks.filter(card=None).update(state=Interview.State.LEFT, ended_at=timezone.now())
    for card in ValuesCard.objects.filter(participant__in=people_now):
        card.policies = _without_quotes(card)
        card.save(update_fields=["policies"])
    for revision in CardRevision.objects.filter(card__participant__in=people_now):
        revision.policies = _without_quotes(revision)
        revision.save(update_fields=["policies"])
    return len(people_now)


def _without_quotes(card: ValuesCard | CardRevision) -> list[dict[str, object]]:
    return [policy | {"quotes": []} for policy in card.policies]


def _forget_calls(participant: Participant) -> None:
    """Forget what a model was asked and said about the person, also where retries would find it. Its cost stays."""
    forget_words(LLMCall.objects.filter(subject=participant.subject))
    forget_subject(participant.subject)


def _empty_own_values(participant: Participant) -> None:
    """Take the words out of the values that no card of anyone else stands behind, and of the stories about them."""
    held = CanonicalValue.objects.filter(members__card__participant=participant)
    shared = CanonicalValue.objects.filter(members__card__in=ValuesCard.objects.exclude(participant=participant))
    own = set(held.exclude(id__in=shared.values("id")).values_list("id", flat=True)) | _left_behind_by(participant)
    numbers = CanonicalValue.objects.filter(id__in=own).values_list("number", flat=True)
    side_by_side.forget_values(participant.study, set(numbers))
    CanonicalValue.objects.filter(id__in=own).update(
        title="", description="", detail="", policies=[], extra={}, source_id="", is_archived=True
    )
    deduplication.forget(participant.study, own)
    about: list[QuerySet[Any]] = [model._default_manager.filter(value__in=own) for model in (Consideration, Norm)]
    for said in about:
        forget_words(LLMCall.objects.filter(id__in=said.values("llm_call")))
        said.delete()
    stories = UpgradeStory.objects.filter(Q(from_value__in=own) | Q(to_value__in=own))
    LLMCall.objects.filter(id__in=stories.values("llm_call")).update(raw_text="", request_sha256="")
    stories.update(text="", mapping=[], state=UpgradeStory.State.ARCHIVED)


def _left_behind_by(participant: Participant) -> set[int]:
    """Return the values that hold an earlier wording of the person's cards: judged by others before the card changed."""
    wordings = [
        (revision.title, [policy["text"] for policy in revision.policies])
        for revision in CardRevision.objects.filter(card__participant=participant)
    ]
    alone = CanonicalValue.objects.filter(study=participant.study_id, members=None, source_id="")
    return {value.id for value in alone if (value.title, value.policies) in wordings}
