"""Nearly equal values meet, in runs that can be undone. Cards and votes are never rewritten: a run only says which value
each counts as.

A search proposes in two forms, and a person decides on both: the nearest pairs, one by one, and a grouping of all values by
similarity of words, taken as a whole (a run in the state "proposed"). With a model, a judge answers five questions about each
near pair (`prompts/same_value.md`); its answers and reason are kept, and a person can still decide otherwise.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from core.models import User
from core.numbers import next_number
from elicitation.algorithms.similarity import GROUPED_FROM, MOST_GROUPED, candidates, groups
from elicitation.interviews import ModelText
from elicitation.models import (
    CanonicalValue,
    DeduplicationRun,
    MergeCandidate,
    Study,
    ValueMember,
    ValueProjection,
    ValuesCard,
)
from elicitation.study_settings import settings_of
from llm_client import LLM, LLMBadAnswer, LLMError, Request, load_prompt


class SameValue(BaseModel):
    """A judge's answer about two values (criteria after Klingefjord, Lowe, Edelman 2024); they are one only if all five hold.
    What differs is said before it is judged."""

    model_config = ConfigDict(extra="forbid")

    reason: ModelText = Field(max_length=300)
    fully_captures: bool
    same_attention: bool
    same_design: bool
    difference_is_oversight: bool
    same_granularity: bool

    @property
    def answers(self) -> dict[str, bool]:
        """The five answers, by name."""
        return self.model_dump(exclude={"reason"})

    @property
    def is_same(self) -> bool:
        return all(self.answers.values())


class Judged(NamedTuple):
    """What is kept of a judge's answer: what it says, and its five answers (none if they could not be used)."""

    reason: str
    answers: dict[str, bool]


def active_run(study: Study) -> DeduplicationRun:
    """Return the run that counts now; a study's first is made when its first card is confirmed."""
    run = DeduplicationRun.objects.filter(study=study, is_active=True).first()
    if run is None:
        run = DeduplicationRun.objects.create(
            study=study, number=next_number(DeduplicationRun, study=study), method="own", is_active=True
        )
    return run


def projection(study: Study, run: int | None = None) -> dict[int, int]:
    """Return which value (by id) each merged value counts as: in the run with this number, or in the one that counts now.
    Values that are not in it count as themselves."""
    which = {"run__is_active": True} if run is None else {"run__number": run}
    rows = ValueProjection.objects.filter(run__study=study, **which)
    return dict(rows.values_list("value_id", "target_id"))


def number_of_active_run(study: Study) -> int:
    """Return the number of the run that counts now, 0 where there is none yet."""
    run = DeduplicationRun.objects.filter(study=study, is_active=True).values_list("number", flat=True).first()
    return run or 0


def text_of(value: CanonicalValue) -> str:
    """Return the words by which values are compared: title and policies."""
    return "\n".join([value.title, *value.policies])


def propose(study: Study, *, llm: LLM | None = None) -> DeduplicationRun:
    """Look for nearly equal values: store the nearest pairs as candidates of the active run, and a grouping of all values as
    a proposed run in place of the last one. Nothing is merged yet.

    With a model each near pair is judged, and its answers kept. A pair about which the model gave no usable answer waits for
    a person's judgement alone. Raises the model's other errors, keeping the pairs that it did judge. Asking again adds only
    pairs that were not proposed before. What was judged different, or kept apart by a person, is in no group together.
    """
    from elicitation.values import counted_values

    values = list(counted_values(study).order_by("number"))
    texts = [text_of(v) for v in values]
    near = candidates(texts, least=settings_of(study).merge_similarity)
    known = set(MergeCandidate.objects.filter(run__study=study).values_list("first_id", "second_id"))
    fresh = [c for c in near if (values[c.first].id, values[c.second].id) not in known]
    judged: dict[tuple[int, int], Judged] = {}
    error = None
    if llm is not None:
        judged, error = judge([(values[c.first], values[c.second]) for c in fresh], llm)
        fresh = [c for c in fresh if (values[c.first].id, values[c.second].id) in judged]
    different = [pair for pair, found in judged.items() if found.answers and not all(found.answers.values())]
    grouped = _grouped(study, values, texts, different)
    unjudged = Judged("", {})
    with transaction.atomic():
        lock(study)
        run = active_run(study)
        MergeCandidate.objects.bulk_create(
            [
                MergeCandidate(
                    run=run,
                    first=values[c.first],
                    second=values[c.second],
                    similarity=c.similarity,
                    reason=judged.get((values[c.first].id, values[c.second].id), unjudged).reason,
                    judgement=judged.get((values[c.first].id, values[c.second].id), unjudged).answers,
                )
                for c in fresh
            ],
            ignore_conflicts=True,
        )
        _store_proposal(study, run, grouped)
    if error is not None:
        raise error
    return run


def judge(
    pairs: list[tuple[CanonicalValue, CanonicalValue]], llm: LLM
) -> tuple[dict[tuple[int, int], Judged], LLMError | None]:
    """Ask the model about each pair; return what it says of them, and the error that ended its work, if one did.

    A pair that it could not be asked about is not among the answers: an outage is never "different".
    """
    prompt = load_prompt(Path(__file__).parent / "prompts" / "same_value.md")
    requests = [
        Request(
            prompt,
            {"first": text_of(first), "second": text_of(second)},
            returns=SameValue,
            purpose="same_value",
        )
        for first, second in pairs
    ]
    found: dict[tuple[int, int], Judged] = {}
    error = None
    for (first, second), answer in zip(pairs, llm.ask_many(requests), strict=True):
        if isinstance(answer, LLMBadAnswer):
            found[first.id, second.id] = Judged("The model gave no usable answer about these two.", {})
        elif isinstance(answer, LLMError):
            error = answer
        else:
            told = ("Same: " if answer.is_same else "Different: ") + answer.reason
            found[first.id, second.id] = Judged(told, answer.answers)
    return found, error


def _grouped(
    study: Study, values: list[CanonicalValue], texts: list[str], different: list[tuple[int, int]]
) -> list[list[int]]:
    """Return the values (by id) in groups of two or more; none for more values than can be grouped at once."""
    if len(values) > MOST_GROUPED:
        return []
    now, place = projection(study), {value.id: n for n, value in enumerate(values)}
    told = MergeCandidate.objects.filter(run__study=study).exclude(decision="merge")
    for pair in told.values_list("first_id", "second_id", "decision", "judgement"):
        *ends, decision, answers = pair
        if decision == "keep" or (answers and not all(answers.values())):
            different = [*different, (ends[0], ends[1])]
    apart = {tuple(sorted(place.get(now.get(end, end), -1) for end in pair)) for pair in different}
    found = groups(texts, apart=[(low, high) for low, high in apart if 0 <= low < high])
    return [[values[n].id for n in group] for group in found if len(group) > 1]


def _store_proposal(study: Study, active: DeduplicationRun, grouped: list[list[int]]) -> None:
    """Store the grouping in place of the one that was proposed before; none where there is nothing to group."""
    study.deduplication_runs.filter(state=DeduplicationRun.State.PROPOSED).delete()
    if not grouped:
        return
    run = DeduplicationRun.objects.create(
        study=study,
        number=next_number(DeduplicationRun, study=study),
        parent=active,
        method="similarity",
        parameters={"least": GROUPED_FROM, "words": "title and policies", "linkage": "complete"},
        state=DeduplicationRun.State.PROPOSED,
    )
    sizes = cards_of(study)
    numbers = dict(CanonicalValue.objects.filter(study=study).values_list("id", "number"))
    rows = []
    for group in grouped:
        kept = min(group, key=lambda v: (-sizes[v], numbers[v]))
        rows += [ValueProjection(run=run, value_id=value, target_id=kept) for value in group if value != kept]
    ValueProjection.objects.bulk_create(rows)


def proposed_run(study: Study) -> DeduplicationRun | None:
    """Return the grouping that waits for a decision, or None."""
    return study.deduplication_runs.filter(state=DeduplicationRun.State.PROPOSED).first()


def proposed_groups(run: DeduplicationRun) -> list[list[CanonicalValue]]:
    """Return the groups of two or more values that a proposed run would count as one, the largest first; the value that
    would stay comes first in each. What has become one meanwhile, or counts no more, is left out."""
    from elicitation.values import counted_values

    now = projection(run.study)
    pairs = list(run.projections.order_by("target__number", "value__number").values_list("value", "target"))
    ends = {now.get(end, end) for pair in pairs for end in pair}
    values = counted_values(run.study).filter(id__in=ends).in_bulk()
    found: dict[int, dict[int, CanonicalValue]] = {}
    for value, target in pairs:
        group = found.setdefault(target, {})
        for end in (target, value):
            root = now.get(end, end)
            if root in values:
                group[root] = values[root]
    return sorted((list(group.values()) for group in found.values() if len(group) > 1), key=lambda g: -len(g))


def accept(run: DeduplicationRun) -> DeduplicationRun:
    """Let a proposed grouping count, in a new run over the active one; it can be undone as any other. Raises ValueError if
    it is not proposed (any more), or has nothing left to bring together."""
    study = run.study
    with transaction.atomic():
        lock(study)
        grouped = proposed_groups(run) if _is_proposed(run) else []
        parent, parameters = active_run(study), run.parameters
        DeduplicationRun.objects.filter(id=run.id, state=DeduplicationRun.State.PROPOSED).delete()
        if not grouped:
            raise ValueError("that grouping is not proposed any more")
        now, change = projection(study), dict[int, int]()
        for group in grouped:
            roots = {change.get(value.id, value.id) for value in group}  # groups may have met through a merge meanwhile
            more = _merging(study, roots) if len(roots) > 1 else {}
            change = {value: more.get(target, target) for value, target in change.items()} | more
        targets = {value: change.get(target, target) for value, target in now.items()} | change
        told = {"change": "group", "groups": len(grouped), "values": sorted(change), **parameters}
        return _new_run(parent, "similarity", targets, told)


def discard(run: DeduplicationRun) -> None:
    """Drop a proposed grouping. One that is not proposed is left alone."""
    DeduplicationRun.objects.filter(id=run.id, state=DeduplicationRun.State.PROPOSED).delete()


def take_out(run: DeduplicationRun, value: CanonicalValue) -> None:
    """Leave a value out of the group that a proposed run has it in; the others stay together. Raises ValueError if the run
    is not proposed or does not group the value."""
    with transaction.atomic():
        lock(run.study)
        if not _is_proposed(run):
            raise ValueError("that grouping is not proposed any more")
        now = projection(run.study)
        rows = [(row.id, row.value_id, row.target_id) for row in run.projections.order_by("value__number")]
        of_it = {v for pair in rows for v in pair[1:] if now.get(v, v) == value.id}
        if not of_it:
            raise ValueError("that grouping does not have this value in a group")
        run.projections.filter(value__in=of_it).delete()
        for gone in sorted(of_it):
            left = [v for _id, v, target in rows if target == gone and v not in of_it]
            run.projections.filter(target=gone).delete()
            ValueProjection.objects.bulk_create(
                [ValueProjection(run=run, value_id=v, target_id=left[0]) for v in left[1:]]
            )


def _is_proposed(run: DeduplicationRun) -> bool:
    return DeduplicationRun.objects.filter(id=run.id, state=DeduplicationRun.State.PROPOSED).exists()


def waiting(study: Study) -> list[MergeCandidate]:
    """Return the pairs that nobody has decided and that still count as two values, the most alike first: once two values
    are one through others, there is nothing left to say about them."""
    now = projection(study)
    open_pairs = MergeCandidate.objects.filter(run__study=study, decision="").select_related("first", "second")
    return [
        pair
        for pair in open_pairs.order_by("-similarity", "first__number", "second__number")
        if now.get(pair.first_id, pair.first_id) != now.get(pair.second_id, pair.second_id)
    ]


def decide(candidate: MergeCandidate, decision: str, by: User | None) -> None:
    """Say whether two near values are one. `decision` is "merge" or "keep"; raises ValueError for another.

    Deciding a second time changes nothing, and saying "merge" of two that count as one already needs no new run.
    """
    if decision not in ("merge", "keep"):
        raise ValueError("a decision is merge or keep")
    study = candidate.first.study
    with transaction.atomic():
        lock(study)
        decided = MergeCandidate.objects.filter(id=candidate.id, decision="").update(
            decision=decision, decided_by=by, decided_at=timezone.now()
        )
        if decided and decision == "merge" and len(_roots(study, [candidate.first, candidate.second])) == 2:
            merge(study, [candidate.first, candidate.second], by)


def take_back(candidate: MergeCandidate) -> None:
    """Let a decided pair wait for a decision again; a merge is undone with it, and so must be the newest change. Raises
    ValueError if it is not, or if nobody has decided."""
    study = candidate.first.study
    with transaction.atomic():
        lock(study)
        candidate.refresh_from_db()
        if candidate.decision == "merge":
            active = active_run(study)
            if candidate.run_id not in (active.id, active.parent_id):
                raise ValueError("something else was changed since; undo that first")
            if len(_roots(study, [candidate.first, candidate.second])) == 1 and candidate.run_id == active.parent_id:
                undo(active)
        elif not candidate.decision:
            raise ValueError("nobody has decided about this pair")
        MergeCandidate.objects.filter(id=candidate.id).update(
            decision="", decided_by=None, decided_at=None, run=active_run(study)
        )


def merge(study: Study, values: Iterable[CanonicalValue], by: User | None = None) -> DeduplicationRun:
    """Count several values as one from now on, in a new run over the active one. The one with most members stays; of
    equals, the one with the lowest number. Raises ValueError if they are not two or more of this study's values."""
    with transaction.atomic():
        lock(study)
        roots = _roots(study, values)
        if len(roots) < 2:
            raise ValueError("merging needs two different values of one study")
        merged = _merging(study, roots)
        (kept,) = set(merged.values())
        targets = {value: merged.get(target, target) for value, target in projection(study).items()} | merged
        told = {"change": "merge", "into": kept, "values": sorted(merged)}
        return _new_run(active_run(study), "facilitator" if by else "similarity", targets, told)


def split(study: Study, value: CanonicalValue) -> DeduplicationRun:
    """Let a value that was merged count as itself again, in a new run. Others that counted as it stay together. Raises
    ValueError if nothing was merged with it."""
    with transaction.atomic():
        lock(study)
        now = projection(study)
        followers = {v for v, target in now.items() if target == value.id}
        if value.id not in now and not followers:
            raise ValueError("that value is not merged into another")
        targets = {v: target for v, target in now.items() if v != value.id and v not in followers}
        if len(followers) > 1:
            targets |= _merging(study, followers)
        return _new_run(active_run(study), "facilitator", targets, {"change": "split", "values": [value.id]})


def split_card(study: Study, card: ValuesCard) -> DeduplicationRun:
    """Let a card count as a value of its own again, in a new run: its own value where it has one, else a new one with the
    card's words. Raises ValueError if it counts as nothing, or is alone already."""
    from elicitation.values import words_of

    with transaction.atomic():
        lock(study)
        parent = active_run(study)
        member = parent.members.filter(card=card).select_related("value").first()
        if member is None:
            raise ValueError("that card counts as no value")
        if not parent.members.filter(value=member.value).exclude(card=card).exists():
            return split(study, member.value)
        number = next_number(CanonicalValue, study=study)
        own = CanonicalValue.objects.create(study=study, number=number, **words_of(card))
        told = {"change": "split_card", "card": str(card.id), "into": own.id, "values": [member.value_id]}
        run = _new_run(parent, "facilitator", projection(study), told)
        run.members.filter(card=card).update(value=own, reason="split off", similarity=None)
        return run


def lock(study: Study) -> None:
    """Let runs and values of one study be made one after another; to be called before anything else in a transaction."""
    Study.objects.select_for_update().get(id=study.id)


def _roots(study: Study, values: Iterable[CanonicalValue]) -> set[int]:
    """Return the ids that these values count as now, those of other studies left out."""
    now = projection(study)
    return {now.get(v.id, v.id) for v in values if v.study_id == study.id}


def cards_of(study: Study) -> Counter[int]:
    """Return how many cards count as each value (by id) now."""
    now = projection(study)
    members = ValueMember.objects.filter(run__study=study, run__is_active=True)
    return Counter(now.get(value, value) for value in members.values_list("value_id", flat=True))


def _merging(study: Study, values: set[int]) -> dict[int, int]:
    """Return which of these values counts as which when they are merged: all but the one that stays as that one."""
    sizes = cards_of(study)
    kept = min(CanonicalValue.objects.filter(id__in=values), key=lambda v: (-sizes[v.id], v.number))
    return dict.fromkeys(values - {kept.id}, kept.id)


def _new_run(parent: DeduplicationRun, method: str, targets: dict[int, int], told: dict[str, Any]) -> DeduplicationRun:
    run = DeduplicationRun.objects.create(
        study=parent.study,
        number=next_number(DeduplicationRun, study=parent.study),
        parent=parent,
        method=method,
        parameters=told,
    )
    _copy_members(parent, run)
    ValueProjection.objects.bulk_create(
        [ValueProjection(run=run, value_id=value, target_id=target) for value, target in sorted(targets.items())]
    )
    # candidates that nobody has decided move along, so that they are not asked twice
    MergeCandidate.objects.filter(run=parent, decision="").update(run=run)
    activate(run)
    return run


def activate(run: DeduplicationRun) -> None:
    """Let this run count from now on."""
    with transaction.atomic():
        DeduplicationRun.objects.filter(study=run.study, is_active=True).exclude(id=run.id).update(is_active=False)
        DeduplicationRun.objects.filter(id=run.id).update(is_active=True, state=DeduplicationRun.State.READY)
        run.is_active = True


def undo(run: DeduplicationRun) -> DeduplicationRun:
    """Go back to the run before the one that counts now. Cards confirmed or changed since then are kept, and pairs that
    were merged since wait for a decision again. Raises ValueError if there is no run before, or if another run counts."""
    with transaction.atomic():
        lock(run.study)
        if run.parent is None:
            raise ValueError("there is no run before this one")
        if not DeduplicationRun.objects.filter(id=run.id, is_active=True).exists():
            raise ValueError("only the run that counts now can be undone")
        ValueMember.objects.filter(run=run.parent).delete()
        _copy_members(run, run.parent)
        if run.parameters.get("change") == "split_card":
            _take_in_again(run, run.parent)
        reopened = MergeCandidate.objects.filter(run__in=(run, run.parent), decision="merge")
        reopened.update(decision="", decided_by=None, decided_at=None)
        MergeCandidate.objects.filter(run=run, decision="").update(run=run.parent)
        activate(run.parent)
    return run.parent


def forget(study: Study, values: set[int]) -> None:
    """Take values that nobody stands behind any more out of every run and proposal: what counted as one of them stays
    together, under the one with the lowest number."""
    MergeCandidate.objects.filter(Q(first__in=values) | Q(second__in=values)).delete()
    ValueProjection.objects.filter(run__study=study, value__in=values).delete()
    rows = ValueProjection.objects.filter(run__study=study, target__in=values).order_by("run", "value__number")
    heads: dict[tuple[int, int], int] = {}
    for row, run, value, target in rows.values_list("id", "run_id", "value_id", "target_id"):
        head = heads.setdefault((run, target), value)
        if head == value:
            ValueProjection.objects.filter(id=row).delete()
        else:
            ValueProjection.objects.filter(id=row).update(target_id=head)


def go_back(run: DeduplicationRun) -> DeduplicationRun:
    """Undo change after change until `run` counts again. Raises ValueError if it never came before the one that counts."""
    with transaction.atomic():
        lock(run.study)
        now = active_run(run.study)
        while now != run:
            now = undo(now)
        return now


def history(study: Study) -> list[DeduplicationRun]:
    """Return the run that counts and those that it was made of, the newest first."""
    runs = {run.id: run for run in study.deduplication_runs.exclude(state=DeduplicationRun.State.PROPOSED)}
    found: list[DeduplicationRun] = []
    run = next((run for run in runs.values() if run.is_active), None)
    while run is not None:
        found.append(run)
        run = runs.get(run.parent_id) if run.parent_id else None
    return found


def grouping(run: DeduplicationRun) -> dict[Any, int]:
    """Return which value each card (by id) counts as in a run. A proposed one is read over the run that counts now."""
    is_proposed = run.state == DeduplicationRun.State.PROPOSED
    base = active_run(run.study) if is_proposed else run
    targets = dict(base.projections.values_list("value_id", "target_id"))
    proposed = dict(run.projections.values_list("value_id", "target_id")) if is_proposed else {}
    found = {}
    for card, value in base.members.values_list("card_id", "value_id"):
        root = targets.get(value, value)
        found[card] = proposed.get(root, root)
    return found


def _take_in_again(run: DeduplicationRun, parent: DeduplicationRun) -> None:
    """Count a card that was split off as before, and what was said of its own value meanwhile as well."""
    own, (before,) = run.parameters["into"], run.parameters["values"]
    ValueMember.objects.filter(run=parent, value=own).update(value=before)
    target = dict(parent.projections.values_list("value_id", "target_id")).get(before, before)
    ValueProjection.objects.get_or_create(run=parent, value_id=own, defaults={"target_id": target})


def _copy_members(source: DeduplicationRun, target: DeduplicationRun) -> None:
    members = ValueMember.objects.filter(run=source).values("card_id", "value_id", "reason", "similarity")
    ValueMember.objects.bulk_create([ValueMember(run=target, **member) for member in members])
