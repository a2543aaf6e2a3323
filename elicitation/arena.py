"""The arena: two texts side by side, blind. Which pairs a person sees, in what order of the sides, is drawn and stored before it
is shown; an answer counts from when both could have been read.

Method: Music Arena (answers, reading time, blindness); what differs: docs/methods/arena.md.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from elicitation import comparisons
from elicitation.algorithms.comparison_selection import Pair, choose_comparisons
from elicitation.models import (
    Annotation,
    Comparison,
    Dataset,
    DimensionAnswer,
    Participant,
    ShownComparison,
    Study,
)
from elicitation.participation import hold, must_be_open
from elicitation.study_settings import settings_of

ON_ITS_WAY = timedelta(hours=3)  # so long a pair that was drawn and not answered counts as being judged


def pairs_of(participant: Participant) -> list[ShownComparison]:
    """Return what the person is asked about, drawn now as far as there is something new, in its order."""
    wanted = settings_of(participant.study).comparisons_each
    shown = _shown(participant)
    if len(shown) < wanted and _may_get_more(participant, len(shown)):
        _draw(participant, wanted)
        shown = _shown(participant)
    return shown


def is_done(item: ShownComparison) -> bool:
    """Whether the person judged or skipped a pair."""
    return item.answered_at is not None or item.skipped_at is not None


def _shown(participant: Participant) -> list[ShownComparison]:
    return list(participant.shown_comparisons.select_related("comparison__dataset").order_by("place"))


def _may_get_more(participant: Participant, has: int) -> bool:
    """Whether to draw again: not while someone who is through would be called back for every new pair."""
    is_open = participant.study.state == Study.State.OPEN or participant.is_preview
    return is_open and (has == 0 or participant.finished_at is None)


def _draw(participant: Participant, wanted: int) -> None:
    dataset = Dataset.objects.filter(study=participant.study).first()
    if dataset is None:
        return
    with transaction.atomic():
        Dataset.objects.select_for_update().get(id=dataset.id)  # two who come at once are not sent to the same pair
        hold(participant)
        shown = _shown(participant)
        mine = {item.comparison.number for item in shown}
        rng = np.random.default_rng([participant.number, len(shown)])
        options = [pair for pair in _options(dataset, participant) if pair.number not in mine]
        overlap = settings_of(participant.study).raters_per_comparison
        numbers = choose_comparisons(options, wanted - len(shown), overlap=overlap, rng=rng)
        found = {row.number: row for row in dataset.comparisons.filter(number__in=numbers)}
        ShownComparison.objects.bulk_create(
            ShownComparison(
                participant=participant,
                comparison=found[number],
                place=len(shown) + place,
                order_shown="ab" if rng.random() < 0.5 else "ba",
            )
            for place, number in enumerate(numbers, 1)
        )


def _options(dataset: Dataset, participant: Participant) -> list[Pair]:
    """Return every comparison with how it stands: who was asked, what they answered, and whether the person's group is free."""
    assert dataset.study is not None
    chosen = settings_of(dataset.study)
    counted = Participant.objects.counted(dataset.study)
    recent = Q(answered_at__isnull=False) | Q(created_at__gt=timezone.now() - ON_ITS_WAY, skipped_at=None)
    rows = ShownComparison.objects.filter(recent, comparison__dataset=dataset, participant__in=counted)
    raters, own = Counter[int](), Counter[int]()
    key = chosen.comparisons_balance
    group = participant.demographics.get(key) if key else None
    for comparison, demographics in rows.values_list("comparison_id", "participant__demographics"):
        raters[comparison] += 1
        own[comparison] += bool(group) and demographics.get(key) == group
    answers = Annotation.objects.current().filter(comparison__dataset=dataset, annotator__participant__in=counted)
    given: dict[int, Counter[str]] = {}
    for comparison, answer in answers.values_list("comparison_id", "answer"):
        given.setdefault(comparison, Counter())[answer] += 1
    groups = next((len(field.choices) for field in chosen.demographics if field.key == key), 0)
    most = ceil(chosen.raters_per_comparison / groups) if groups and group else None
    return [
        Pair(
            row.number,
            raters[row.id],
            given.get(row.id, Counter())["a"],
            given.get(row.id, Counter())["b"],
            most is None or own[row.id] < most,
            row.context,
        )
        for row in dataset.comparisons.order_by("number")
    ]


def see(item: ShownComparison) -> None:
    """Note that the person sees the pair; the first time counts."""
    ShownComparison.objects.filter(id=item.id, seen_at=None).update(seen_at=timezone.now())
    item.refresh_from_db(fields=["seen_at"])


def seconds_left(item: ShownComparison) -> int:
    """Return for how many seconds more the person should read before they answer."""
    least = settings_of(item.participant.study).comparison_seconds
    if item.answered_at is not None:  # who read it once may change their mind at once
        return 0
    if item.seen_at is None:
        return least
    return max(0, ceil(least - (timezone.now() - item.seen_at).total_seconds()))


def judge(
    item: ShownComparison, *, answer: str, reason: str = "", dimensions: Mapping[str, str] | None = None
) -> Annotation:
    """Store which text the person finds better, by the comparison's own sides, and what they say by dimension.

    A second answer supersedes the first; both stay. Raises ValidationError for an answer or a dimension that does not exist, and
    where both texts cannot have been read yet.
    """
    participant, told = item.participant, dict(dimensions or {})
    must_be_open(participant)
    known = {dimension.key for dimension in settings_of(participant.study).dimensions}
    if unknown := sorted(set(told) - known):
        raise ValidationError({"dimensions": _("This study does not ask about %s.") % ", ".join(unknown)})
    if any(said not in ("a", "b", "tie") for said in told.values()):
        raise ValidationError({"dimensions": _("Choose one of: a, b, tie.")})
    if left := seconds_left(item):
        what = ngettext(
            "Please read both first. You can answer in %(n)d second.",
            "Please read both first. You can answer in %(n)d seconds.",
            left,
        )
        raise ValidationError(what % {"n": left})
    now = timezone.now()
    dwell = int((now - item.seen_at).total_seconds() * 1000) if item.seen_at and item.answered_at is None else None
    with transaction.atomic():
        annotation = comparisons.annotate(
            item.comparison,
            participant=participant,
            answer=answer,
            order_shown=item.order_shown,
            reason=reason,
            dwell_ms=dwell,
        )
        for dimension, said in told.items():
            DimensionAnswer.objects.update_or_create(
                annotation=annotation, dimension=dimension, defaults={"answer": said}
            )
        ShownComparison.objects.filter(id=item.id).update(answered_at=item.answered_at or now, skipped_at=None)
    item.refresh_from_db(fields=["answered_at", "skipped_at"])
    return annotation


def skip(item: ShownComparison) -> None:
    """Note that the person leaves a pair out. No answer is stored about it."""
    must_be_open(item.participant)
    ShownComparison.objects.filter(id=item.id, answered_at=None).update(skipped_at=timezone.now())


def item_for(participant: Participant, comparison: Comparison) -> ShownComparison | None:
    """Return the person's place of a comparison, or None if it was not drawn for them."""
    return next((item for item in pairs_of(participant) if item.comparison_id == comparison.id), None)


def standing(study: Study) -> dict[str, Any]:
    """Return how far a study's comparisons are: how many there are, and how many reached the raters that they should have."""
    wanted = settings_of(study).raters_per_comparison
    counted = Participant.objects.counted(study)
    given = Counter(
        Annotation.objects.current()
        .filter(comparison__dataset__study=study, annotator__participant__in=counted)
        .exclude(answer=Annotation.Answer.NONE)
        .values_list("comparison_id", flat=True)
    )
    return {
        "comparisons": Comparison.objects.filter(dataset__study=study).count(),
        "answers": given.total(),
        "wanted": wanted,
        "reached": sum(count >= wanted for count in given.values()),
    }
