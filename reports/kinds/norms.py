"""Which labels a study's norms bear, and on which rules of thumb people probably agree least."""

from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.algorithms.uncertainty import jeffreys
from elicitation.algorithms.norms import LABELS, counts
from elicitation.facets import counted
from elicitation.models import Norm, Study
from elicitation.values import counted_values
from reports.registry import report

MOST_CONTROVERSIAL = 50


class Parameters(BaseModel):
    """It takes nothing else."""

    model_config = ConfigDict(extra="forbid")


@report("norms", title="Norms of the values", about="study", parameters=Parameters)
def norms(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return the counts of labels over confirmed norms, and values by the agreement that their norms are said to find, least
    first. Norms that are marked as bad are counted as such and left out of all else."""
    rows = {number: [row.labels for row in found] for number, found in counted(Norm, study).items()}
    good = {number: [labels for labels in found if not labels["bad"]] for number, found in rows.items()}
    good = {number: found for number, found in good.items() if found}
    told = counts(labels for found in good.values() for labels in found)
    agreement = [
        {"number": number, "agreement": fmean(given), "n": len(given)}
        for number, found in good.items()
        if (given := [labels["agreement"] for labels in found if labels["agreement"] is not None])
    ]
    agreement.sort(key=lambda row: (row["agreement"], -row["n"], row["number"]))
    return {
        "values": counted_values(study).count(),
        "labelled": len(good),
        "norms": sum(map(len, good.values())),
        "bad": sum(map(len, rows.values())) - sum(map(len, good.values())),
        "facets": [_facet(name, told[name]) for name in told if name != "bad"],
        "controversial": agreement[:MOST_CONTROVERSIAL],
        "more": max(0, len(agreement) - MOST_CONTROVERSIAL),
    }


def _facet(name: str, told: dict[str, int]) -> dict[str, Any]:
    of = told["answered"]
    labels: list[dict[str, Any]] = [
        {
            "label": str(choice),
            "count": told[str(choice)],
            "share": told[str(choice)] / of if of else None,
            "interval": list(jeffreys(told[str(choice)], of)) if of else None,
        }
        for choice in LABELS[name].choices
    ]
    given = sum(row["count"] for row in labels)
    return {"facet": name, "column": LABELS[name].column, "answered": of, "given": given, "labels": labels}
