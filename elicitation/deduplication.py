"""Nearly equal values meet, in runs that can be undone. Cards and votes are never rewritten: a run only says which value
each counts as.

Without a model, similarity of words proposes pairs and a person decides. With one, a judge answers five questions about
each near pair (`prompts/same_value.md`), its reasons are kept, and a person can still decide otherwise.
"""

from collections.abc import Iterable
from pathlib import Path

from django.db import transaction
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from core.models import User
from core.numbers import next_number
from elicitation.algorithms.similarity import candidates
from elicitation.interviews import ModelText
from elicitation.models import (
    CanonicalValue,
    DeduplicationRun,
    MergeCandidate,
    Study,
    ValueMember,
    ValueProjection,
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
    def is_same(self) -> bool:
        return all(
            (
                self.fully_captures,
                self.same_attention,
                self.same_design,
                self.difference_is_oversight,
                self.same_granularity,
            )
        )


def active_run(study: Study) -> DeduplicationRun:
    """Return the run that counts now; a study's first is made when its first card is confirmed."""
    run = DeduplicationRun.objects.filter(study=study, is_active=True).first()
    if run is None:
        run = DeduplicationRun.objects.create(
            study=study, number=next_number(DeduplicationRun, study=study), method="own", is_active=True
        )
    return run


def projection(study: Study) -> dict[int, int]:
    """Return which value (by id) each merged value counts as. Values that are not in it count as themselves."""
    rows = ValueProjection.objects.filter(run__study=study, run__is_active=True)
    return dict(rows.values_list("value_id", "target_id"))


def text_of(value: CanonicalValue) -> str:
    """Return the words by which values are compared: title and policies."""
    return "\n".join([value.title, *value.policies])


def propose(study: Study, *, llm: LLM | None = None) -> DeduplicationRun:
    """Look for nearly equal values and store them as candidates of the active run. Nothing is merged yet.

    With a model each near pair is judged, and its reason kept. A pair about which the model gave no usable answer waits for
    a person's judgement alone. Raises the model's other errors, keeping the pairs that it did judge. Asking again adds only
    pairs that were not proposed before.
    """
    from elicitation.values import counted_values

    values = list(counted_values(study).order_by("number"))
    near = candidates([text_of(v) for v in values], least=settings_of(study).merge_similarity)
    known = set(MergeCandidate.objects.filter(run__study=study).values_list("first_id", "second_id"))
    fresh = [c for c in near if (values[c.first].id, values[c.second].id) not in known]
    reasons: dict[tuple[int, int], str] = {}
    error = None
    if llm is not None:
        reasons, error = judge([(values[c.first], values[c.second]) for c in fresh], llm)
        fresh = [c for c in fresh if (values[c.first].id, values[c.second].id) in reasons]
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
                    reason=reasons.get((values[c.first].id, values[c.second].id), ""),
                )
                for c in fresh
            ],
            ignore_conflicts=True,
        )
    if error is not None:
        raise error
    return run


def judge(
    pairs: list[tuple[CanonicalValue, CanonicalValue]], llm: LLM
) -> tuple[dict[tuple[int, int], str], LLMError | None]:
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
    found: dict[tuple[int, int], str] = {}
    error = None
    for (first, second), answer in zip(pairs, llm.ask_many(requests), strict=True):
        if isinstance(answer, LLMBadAnswer):
            found[first.id, second.id] = "The model gave no usable answer about these two."
        elif isinstance(answer, LLMError):
            error = answer
        else:
            found[first.id, second.id] = ("Same: " if answer.is_same else "Different: ") + answer.reason
    return found, error


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


def merge(study: Study, values: Iterable[CanonicalValue], by: User | None = None) -> DeduplicationRun:
    """Count several values as one from now on, in a new run over the active one. The one with most members stays; of
    equals, the one with the lowest number. Raises ValueError if they are not two or more of this study's values."""
    with transaction.atomic():
        lock(study)
        now = projection(study)
        roots = _roots(study, values)
        if len(roots) < 2:
            raise ValueError("merging needs two different values of one study")
        parent = active_run(study)
        sizes = dict.fromkeys(roots, 0)
        for value_id in ValueMember.objects.filter(run=parent).values_list("value_id", flat=True):
            root = now.get(value_id, value_id)
            if root in sizes:
                sizes[root] += 1
        kept = min(CanonicalValue.objects.filter(id__in=roots), key=lambda v: (-sizes[v.id], v.number))
        merged = dict.fromkeys(roots - {kept.id}, kept.id)
        targets = {value: merged.get(target, target) for value, target in now.items()} | merged
        return _new_run(parent, "facilitator" if by else "similarity", targets)


def split(study: Study, value: CanonicalValue) -> DeduplicationRun:
    """Let a value that was merged count as itself again, in a new run. Raises ValueError if it was not merged."""
    with transaction.atomic():
        lock(study)
        now = projection(study)
        if value.id not in now:
            raise ValueError("that value is not merged into another")
        return _new_run(active_run(study), "facilitator", {v: t for v, t in now.items() if v != value.id})


def lock(study: Study) -> None:
    """Let runs and values of one study be made one after another; to be called before anything else in a transaction."""
    Study.objects.select_for_update().get(id=study.id)


def _roots(study: Study, values: Iterable[CanonicalValue]) -> set[int]:
    """Return the ids that these values count as now, those of other studies left out."""
    now = projection(study)
    return {now.get(v.id, v.id) for v in values if v.study_id == study.id}


def _new_run(parent: DeduplicationRun, method: str, targets: dict[int, int]) -> DeduplicationRun:
    run = DeduplicationRun.objects.create(
        study=parent.study, number=next_number(DeduplicationRun, study=parent.study), parent=parent, method=method
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
        reopened = MergeCandidate.objects.filter(run__in=(run, run.parent), decision="merge")
        reopened.update(decision="", decided_by=None, decided_at=None)
        MergeCandidate.objects.filter(run=run, decision="").update(run=run.parent)
        activate(run.parent)
    return run.parent


def _copy_members(source: DeduplicationRun, target: DeduplicationRun) -> None:
    members = ValueMember.objects.filter(run=source).values("card_id", "value_id", "reason", "similarity")
    ValueMember.objects.bulk_create([ValueMember(run=target, **member) for member in members])
