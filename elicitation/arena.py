"""The arena: two texts side by side, blind. Which pairs a person sees, in what order of the sides, is drawn and stored before it
is shown; an answer counts from when both could have been read.

Method: Music Arena (answers, reading time, blindness); what differs: docs/methods/arena.md.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.canonical import sha256_of
from elicitation import comparisons
from elicitation.algorithms.comparison_selection import Pair, choose_comparisons
from elicitation.draws import CannotReplay
from elicitation.models import (
    MOST_DWELL,
    Annotation,
    Comparison,
    ComparisonDraw,
    Dataset,
    DimensionAnswer,
    Participant,
    ShownComparison,
    Study,
)
from elicitation.participation import hold, must_be_open
from elicitation.study_settings import settings_of

ON_ITS_WAY = timedelta(hours=3)  # so long a pair that was drawn and not answered counts as being judged
MOST_EACH = 100  # more than a person can be asked about: the seeds of two draws differ


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


class Moment(NamedTuple):
    """Up to where a draw looked: the time, the last comparison, the last that was drawn for anyone, the last answer, and how many
    people had taken everything back."""

    at: str
    last_comparison: int
    last_shown: int
    last_annotation: int
    withdrawals: int


def _draw(participant: Participant, wanted: int) -> None:
    dataset = Dataset.objects.filter(study=participant.study).first()
    if dataset is None:
        return
    with transaction.atomic():
        Dataset.objects.select_for_update().get(id=dataset.id)  # two who come at once are not sent to the same pair
        hold(participant)
        shown = _shown(participant)
        moment, rule = _moment_now(dataset), _rule(dataset, wanted - len(shown))
        options = _options(dataset, participant, moment, rule)
        seed = participant.number * MOST_EACH + len(shown)
        chosen = _choose(options, rule, seed)
        if not chosen:
            return
        basis = moment._asdict() | {"options_sha256": sha256_of(options)}
        draw = ComparisonDraw.objects.create(participant=participant, seed=seed, rule=rule, basis=basis)
        found = {
            row.number: row for row in dataset.comparisons.filter(number__in=[number for number, _order in chosen])
        }
        ShownComparison.objects.bulk_create(
            ShownComparison(
                participant=participant, draw=draw, comparison=found[number], place=place, order_shown=order
            )
            for place, (number, order) in enumerate(chosen, len(shown) + 1)
        )


def _moment_now(dataset: Dataset) -> Moment:
    shown = ShownComparison.objects.filter(comparison__dataset=dataset)
    answers = Annotation.objects.filter(comparison__dataset=dataset)
    return Moment(
        timezone.now().isoformat(),
        dataset.comparisons.aggregate(last=Max("number"))["last"] or 0,
        shown.aggregate(last=Max("id"))["last"] or 0,
        answers.aggregate(last=Max("id"))["last"] or 0,
        Study.objects.values_list("withdrawals", flat=True).get(dataset=dataset),
    )


def _rule(dataset: Dataset, wanted: int) -> dict[str, Any]:
    """Return by what a draw is made: how many, the raters that each pair should have, and how many of them of one group."""
    assert dataset.study is not None
    chosen = settings_of(dataset.study)
    rule = {"wanted": wanted, "overlap": chosen.raters_per_comparison}
    key = chosen.comparisons_balance
    groups = next((len(field.choices) for field in chosen.demographics if field.key == key), 0)
    return rule | ({"balance": key, "most": ceil(chosen.raters_per_comparison / groups)} if groups else {})


def _options(dataset: Dataset, participant: Participant, moment: Moment, rule: Mapping[str, Any]) -> list[Pair]:
    """Return the comparisons that the person did not have yet, each with how it stood: who was asked, what they answered, and
    whether the person's group was free."""
    assert dataset.study is not None
    counted = Participant.objects.counted(dataset.study)
    at = datetime.fromisoformat(moment.at)
    before = ShownComparison.objects.filter(id__lte=moment.last_shown, comparison__dataset=dataset)
    mine = set(before.filter(participant=participant).values_list("comparison_id", flat=True))
    is_waiting = Q(skipped_at=None) | Q(skipped_at__gt=at)
    recent = Q(answered_at__lte=at) | (Q(created_at__gt=at - ON_ITS_WAY) & is_waiting)
    rows = before.filter(recent, participant__in=counted)
    raters, own = Counter[int](), Counter[int]()
    key = rule.get("balance", "")
    group = participant.demographics.get(key) if key else None
    for comparison, demographics in rows.values_list("comparison_id", "participant__demographics"):
        raters[comparison] += 1
        own[comparison] += bool(group) and demographics.get(key) == group
    answers = Annotation.objects.filter(
        id__lte=moment.last_annotation, comparison__dataset=dataset, annotator__participant__in=counted
    ).exclude(superseded_by__id__lte=moment.last_annotation)
    given: dict[int, Counter[str]] = {}
    for comparison, answer in answers.values_list("comparison_id", "answer"):
        given.setdefault(comparison, Counter())[answer] += 1
    return [
        Pair(
            row.number,
            raters[row.id],
            given.get(row.id, Counter())["a"],
            given.get(row.id, Counter())["b"],
            not group or own[row.id] < rule["most"],
            row.context,
        )
        for row in dataset.comparisons.filter(number__lte=moment.last_comparison).order_by("number")
        if row.id not in mine and row.text_a and row.text_b  # one of a value that was taken back has no texts any more
    ]


def _choose(options: list[Pair], rule: Mapping[str, Any], seed: int) -> list[tuple[int, str]]:
    """Return each chosen comparison by its number, and which side stands first."""
    rng = np.random.default_rng(seed)
    numbers = choose_comparisons(options, rule["wanted"], overlap=rule["overlap"], rng=rng)
    return [(number, "ab" if rng.random() < 0.5 else "ba") for number in numbers]


def replay(draw: ComparisonDraw) -> list[tuple[int, str]]:
    """Make a stored draw again, from what there was then: each comparison by its number, and which side stood first. Equal to
    `items_of` the draw, whatever was answered, skipped or added since.

    Raises CannotReplay where what the draw stood on is gone or changed: answers that were taken back, people who say something else
    about themselves. Nothing is guessed then.
    """
    if not draw.basis:
        raise CannotReplay(_("It was stored without what it stood on: it is imported, or older than this record."))
    stood = dict(draw.basis)
    digest = stood.pop("options_sha256")
    moment = Moment(**stood)
    study = Study.objects.get(id=draw.participant.study_id)
    options = _options(Dataset.objects.get(study=study), draw.participant, moment, draw.rule)
    if sha256_of(options) != digest:
        if study.withdrawals > moment.withdrawals:
            raise CannotReplay(_("Someone took back answers that it stood on."))
        raise CannotReplay(
            _("Someone says something else about themselves since, or an answer was stored at the very same moment.")
        )
    return _choose(options, draw.rule, draw.seed)


def items_of(draw: ComparisonDraw) -> list[tuple[int, str]]:
    """Return a draw's stored comparisons as `replay` gives them."""
    return list(draw.items.order_by("place").values_list("comparison__number", "order_shown"))


def see(item: ShownComparison) -> None:
    """Note that the person sees the pair; the first time counts."""
    ShownComparison.objects.filter(id=item.id, seen_at=None).update(seen_at=timezone.now())
    item.refresh_from_db(fields=["seen_at"])


def seconds_left(item: ShownComparison) -> int:
    """Return for how many seconds more the person should read before they answer. Simulated people do not read."""
    least = settings_of(item.participant.study).comparison_seconds
    if item.answered_at is not None or item.participant.is_simulated:  # who read it once may change their mind at once
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
        if item.seen_at is None:
            raise ValidationError(_("Open this pair first: its reading time starts then."))
        what = ngettext(
            "Please read both first. You can answer in %(n)d second.",
            "Please read both first. You can answer in %(n)d seconds.",
            left,
        )
        raise ValidationError(what % {"n": left})
    now = timezone.now()
    dwell = None
    if item.seen_at is not None and item.answered_at is None and not participant.is_simulated:
        dwell = min(int((now - item.seen_at).total_seconds() * 1000), MOST_DWELL)
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
        ShownComparison.objects.filter(id=item.id).update(answered_at=item.answered_at or now)
    item.refresh_from_db(fields=["answered_at"])
    return annotation


def skip(item: ShownComparison) -> None:
    """Note that the person leaves a pair out. No answer is stored about it."""
    must_be_open(item.participant)
    ShownComparison.objects.filter(id=item.id, answered_at=None, skipped_at=None).update(skipped_at=timezone.now())


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
