"""How far the annotators of a dataset agree: α over all, κ and percent for every two, each with n and interval."""

from itertools import combinations
from typing import Any

import numpy as np
from pydantic import Field

from elicitation.models import Annotation, Annotator, Dataset, Participant
from reports.algorithms.agreement import (
    Agreement,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    percent_agreement,
)
from reports.parameters import Seeded
from reports.registry import report

MOST_PAIRED = 30


class Parameters(Seeded):
    """Whose agreement. Without names: the human annotators, and all of them where fewer than two are human."""

    annotators: list[str] = Field(default_factory=list, max_length=200)


@report("agreement", title="Agreement of annotators", about="dataset", parameters=Parameters)
def agreement(dataset: Dataset, parameters: Parameters) -> dict[str, Any]:
    """Return α, Fleiss' κ and all pairs. Raises LookupError for an annotator that is not there.

    Every answer but "none" counts as a category of its own, ties too.
    """
    chosen = _chosen(dataset, parameters.annotators)
    ratings = _ratings(chosen)
    rng = np.random.default_rng(parameters.seed)
    paired = [a.source_id for a in chosen[:MOST_PAIRED]]
    return {
        "annotators": [{"id": a.source_id, "kind": a.kind, "name": a.name} for a in chosen],
        "comparisons": len(ratings),
        "alpha": _told(krippendorff_alpha(ratings, rng=rng)),
        "fleiss_kappa": _told(fleiss_kappa(ratings, rng=rng)),
        "pairs": [
            {
                "first": first,
                "second": second,
                "kappa": _told(cohen_kappa(ratings, first, second, rng=rng)),
                "agreement": _told(percent_agreement(ratings, first, second, rng=rng)),
            }
            for first, second in combinations(paired, 2)
        ],
        "pairs_left_out": max(0, len(chosen) - MOST_PAIRED),
    }


def _chosen(dataset: Dataset, names: list[str]) -> list[Annotator]:
    """Return the annotators that are asked for. Simulated people count only in a simulated study."""
    people = list(dataset.annotators.order_by("number"))
    if dataset.study is not None:
        counted = set(Participant.objects.counted(dataset.study).values_list("id", flat=True))
        people = [a for a in people if a.participant_id is None or a.participant_id in counted]
    known = {a.source_id: a for a in people}
    if missing := [name for name in names if name not in known]:
        raise LookupError(f"there is no annotator {', '.join(missing)}; there are {', '.join(known) or 'none'}")
    if names:
        return [known[name] for name in dict.fromkeys(names)]
    human = [a for a in people if a.kind == Annotator.Kind.HUMAN]
    return human if len(human) > 1 else people


def _ratings(chosen: list[Annotator]) -> list[dict[str, str]]:
    """Return each comparison's answers by annotator. Who saw both orders counts with the first: one answer for each."""
    units: dict[int, dict[str, str]] = {}
    rows = Annotation.objects.current().filter(annotator__in=chosen).exclude(answer=Annotation.Answer.NONE)
    for comparison, annotator, answer in rows.order_by("-order_shown", "-id").values_list(
        "comparison__number", "annotator__source_id", "answer"
    ):
        units.setdefault(comparison, {})[annotator] = answer
    return [units[number] for number in sorted(units)]


def _told(found: Agreement) -> dict[str, Any]:
    return {"value": found.value, "ci": list(found.ci) if found.ci else None, "n": found.n}
