"""How far a grouping of cards agrees with another one: by default that of words alone with an imported generation."""

from collections import Counter
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from pydantic import Field

from core.algorithms.uncertainty import jeffreys
from elicitation.algorithms.similarity import GROUPED_FROM, MOST_GROUPED, cut, tree
from elicitation.deduplication import grouping
from elicitation.groups import SMALLEST_CELL
from elicitation.models import DeduplicationRun, Participant, Study, ValuesCard, VerificationAnswer
from reports.algorithms.grouping import FOLDS, PairScore, held_out, pair_score
from reports.parameters import Seeded
from reports.registry import report

Answer, Kind = VerificationAnswer.Answer, VerificationAnswer.Kind
# How alike every two cards of a group are at least, the most cautious first.
THRESHOLDS = [round(0.5 - 0.005 * step, 3) for step in range(99)]


class Parameters(Seeded):
    """Which runs, by their numbers. Without `run` the cards are grouped by their words, as alike as `least` says; without
    `reference` it is the newest imported one beside the one that counts, or that."""

    run: int | None = Field(default=None, ge=1)
    reference: int | None = Field(default=None, ge=1)
    least: float = Field(default=GROUPED_FROM, gt=0, le=1)
    draws: int = Field(default=20, ge=1, le=200)


@report("deduplication", title="Two groupings compared", about="study", parameters=Parameters)
def deduplication(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return how far both agree, on all cards that both group and on distinct texts (one card for each set of policies), and
    what people said of the reference. Raises LookupError for a run that is not there and ValueError where too few cards are.

    By words, `held_out` says how well a threshold does on groups that it was not chosen on; the rest of it is the grouping
    at `least`. What people said measures the reference's own groups and nothing else: it is no recall.
    """
    reference = _run(study, parameters.reference) if parameters.reference else _reference(study)
    of_reference = grouping(reference)
    run = _run(study, parameters.run) if parameters.run else None
    kept = set(of_reference) & set(grouping(run)) if run else set(of_reference)
    cards = list(ValuesCard.objects.filter(id__in=kept).order_by("number"))
    if not 2 <= len(cards) <= MOST_GROUPED:
        raise ValueError(f"comparing takes 2 to {MOST_GROUPED} cards, and there are {len(cards)}")
    labels = np.array([of_reference[card.id] for card in cards])
    policies = [tuple(policy["text"] for policy in card.policies) for card in cards]
    distinct = np.array(_distinct(policies, labels))
    if run:
        of_run = grouping(run)
        found, chosen = np.array([of_run[card.id] for card in cards]), None
    else:
        linked = tree(["\n".join([card.title, *texts]) for card, texts in zip(cards, policies, strict=True)])
        found = cut(linked, parameters.least)
        chosen = [cut(linked, least) for least in THRESHOLDS]
    return {
        "run": {"by": "words", "least": parameters.least} if run is None else _named(run),
        "reference": _named(reference),
        "all": _compared(found, labels, np.arange(len(cards)), chosen, parameters),
        "distinct": _compared(found, labels, distinct, chosen, parameters),
        "people": _people(study, reference),
    }


def _distinct(texts: list[Any], labels: np.ndarray) -> list[int]:
    """Return one place for each distinct text: the first of those in the group that most of its copies are in."""
    copies: dict[Any, list[int]] = {}
    for place, text in enumerate(texts):
        copies.setdefault(text, []).append(place)
    found = []
    for places in copies.values():
        sizes = Counter(labels[place] for place in places)
        found.append(max(places, key=lambda place: (sizes[labels[place]], -place)))
    return found


def _run(study: Study, number: int) -> DeduplicationRun:
    run = study.deduplication_runs.filter(number=number).first()
    if run is None:
        known = ", ".join(str(n) for n in study.deduplication_runs.values_list("number", flat=True))
        raise LookupError(_("there is no run %(number)d; there are: %(known)s") % {"number": number, "known": known})
    return run


def _reference(study: Study) -> DeduplicationRun:
    """Return the newest imported run beside the one that counts, or that one."""
    runs = study.deduplication_runs.exclude(state=DeduplicationRun.State.PROPOSED)
    imported = runs.filter(method="import", is_active=False).exclude(source_id="").order_by("-number").first()
    run = imported or runs.filter(is_active=True).first()
    if run is None:
        raise LookupError(_("the study has no grouping yet"))
    return run


def _named(run: DeduplicationRun) -> dict[str, Any]:
    return {"by": run.method, "number": run.number, "generation": run.source_id or None}


def _compared(
    found: np.ndarray, labels: np.ndarray, places: np.ndarray, chosen: list[np.ndarray] | None, parameters: Parameters
) -> dict[str, Any]:
    ours, theirs = found[places], labels[places]
    sizes = np.unique(theirs, return_counts=True)[1]
    score: PairScore = pair_score(ours, theirs)
    held = None
    if chosen is not None and len(sizes) >= FOLDS:
        options = [labels_at[places] for labels_at in chosen]
        held = held_out(options, THRESHOLDS, theirs, draws=parameters.draws, seed=parameters.seed)._asdict()
    return {
        "cards": len(places),
        "groups": len(np.unique(ours)),
        "reference_groups": len(sizes),
        "reference_pairs": int((sizes * (sizes - 1) // 2).sum()),
        **score._asdict(),
        "held_out": held,
    }


def _people(study: Study, reference: DeduplicationRun) -> dict[str, Any] | None:
    """Return how many people called the reference's value the same as their card, where five or more were asked."""
    said = VerificationAnswer.objects.current().filter(
        kind=Kind.SAME_CARD,
        participant__in=Participant.objects.counted(study),
        value__in=set(grouping(reference).values()),
        answer__in=(Answer.SAME, Answer.DIFFERENT),
    )
    if said.values("participant").distinct().count() < SMALLEST_CELL:
        return None
    same, n = said.filter(answer=Answer.SAME).count(), said.count()
    return {"same": same, "n": n, "share": same / n, "interval": list(jeffreys(same, n))}
