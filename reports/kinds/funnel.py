"""Where people are in a study: how many took each step, and how long it took those who finished."""

from typing import Any

import numpy as np
from django.db.models import Q
from pydantic import BaseModel, ConfigDict

from elicitation.models import Draw, Participant, Study
from graphs.algorithms.uncertainty import jeffreys
from reports.registry import report

SMALLEST_CELL = 5


class Parameters(BaseModel):
    """Whose funnel: all people's, or that of a group "key=value" of the demographics."""

    model_config = ConfigDict(extra="forbid")

    group: str = ""


@report("funnel", title="Funnel of a study", about="study", parameters=Parameters)
def funnel(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return the steps with counts, shares of all who took part, and intervals. Raises ValueError for a group that is
    unknown or has fewer than five people."""
    people = Participant.objects.counted(study)
    if parameters.group:
        people = _group(people, parameters.group)
    talked = Q(interviews__turns__role="person")
    done = Q(draws__completed_at__isnull=False)
    steps = [
        ("agreed", people.filter(consents__isnull=False).distinct().count()),
        ("began the talk", people.filter(talked).distinct().count()),
        ("confirmed a card", people.filter(cards__state="confirmed").distinct().count()),
        ("picked other values", people.filter(done & Q(draws__kind=Draw.Kind.PICKS)).distinct().count()),
        ("judged a story", people.filter(wisdom_votes__isnull=False).distinct().count()),
        ("finished", people.filter(finished_at__isnull=False).count()),
    ]
    base = people.count()  # imported people agreed elsewhere
    times = [
        (finished - begun).total_seconds() / 60
        for begun, finished in people.filter(finished_at__isnull=False).values_list("joined_at", "finished_at")
        if begun and finished
    ]
    return {
        "is_simulated": study.is_simulated,
        "group": parameters.group or None,
        "people": base,
        "opened": None if parameters.group else study.opened_count,
        "steps": [
            _step(name, count, base, is_withheld=bool(parameters.group) and _is_small(count, base))
            for name, count in steps
        ],
        "minutes": {
            "n": len(times),
            "median": float(np.median(times)) if len(times) >= SMALLEST_CELL else None,
            "p10": float(np.percentile(times, 10)) if len(times) >= SMALLEST_CELL else None,
            "p90": float(np.percentile(times, 90)) if len(times) >= SMALLEST_CELL else None,
        },
    }


def _step(name: str, count: int, base: int, *, is_withheld: bool) -> dict[str, Any]:
    if is_withheld:
        return {"step": name, "people": None, "share": None, "interval": None, "withheld": "fewer than 5 people"}
    return {
        "step": name,
        "people": count,
        "share": count / base if base else None,
        "interval": list(jeffreys(count, base)) if base else None,
    }


def _is_small(count: int, base: int) -> bool:
    """Whether a count inside a group, or who is left of the group, would point at fewer than five people."""
    return 0 < count < SMALLEST_CELL or 0 < base - count < SMALLEST_CELL


def _group(people: Any, group: str) -> Any:
    key, _sign, value = group.partition("=")
    everyone = list(people.values_list("id", "demographics"))
    inside = [ident for ident, answers in everyone if value and answers.get(key) == value]
    if len(inside) < SMALLEST_CELL or 0 < len(everyone) - len(inside) < SMALLEST_CELL:
        raise ValueError(
            f"group: write it as KEY=VALUE; groups of fewer than {SMALLEST_CELL} people, inside or outside, are not shown"
        )
    return people.filter(id__in=inside)
