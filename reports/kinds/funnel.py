"""Where people are in a study: how many took each step, and how long it took those who finished."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.db.models import Q
from pydantic import BaseModel, ConfigDict

from core.algorithms.uncertainty import jeffreys
from elicitation.groups import SMALLEST_CELL, members
from elicitation.models import Draw, Participant, Study
from reports.registry import report


class Parameters(BaseModel):
    """Whose funnel: all people's, or that of a group "key=value" of the demographics."""

    model_config = ConfigDict(extra="forbid")

    group: str = ""


@report("funnel", title="Funnel of a study", about="study", parameters=Parameters)
def funnel(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return the steps with counts, shares of all who took part, and intervals. Raises ValidationError for a group that is
    unknown or has fewer than five people."""
    everyone = Participant.objects.counted(study)
    people = members(everyone, parameters.group) if parameters.group else everyone
    counts, base = _counts(people), people.count()  # imported people agreed elsewhere
    withheld: set[str] = set()
    if parameters.group:
        rest = {name: count - counts[name] for name, count in _counts(everyone).items()}
        withheld = _telling(counts, base) | _telling(rest, everyone.count() - base)
    unknown = {name for name, count in counts.items() if study.source_sha256 and not count}
    times = [
        (finished - begun).total_seconds() / 60
        for begun, finished in people.filter(finished_at__isnull=False).values_list("joined_at", "finished_at")
        if begun and finished and "finished" not in withheld
    ]
    return {
        "is_simulated": study.is_simulated,
        "group": parameters.group or None,
        "people": base,
        "opened": None if parameters.group or study.source_sha256 else study.opened_count,
        "steps": [
            _untold(name, "fewer than 5 people")
            if name in withheld
            else _untold(name, "not in the imported files")
            if name in unknown
            else _step(name, count, base)
            for name, count in counts.items()
        ],
        "minutes": {
            "n": None if "finished" in withheld else len(times),
            "median": float(np.median(times)) if len(times) >= SMALLEST_CELL else None,
            "p10": float(np.percentile(times, 10)) if len(times) >= SMALLEST_CELL else None,
            "p90": float(np.percentile(times, 90)) if len(times) >= SMALLEST_CELL else None,
        },
    }


def _counts(people: Any) -> dict[str, int]:
    """Return how many people took each step, in order."""
    done = Q(draws__completed_at__isnull=False)
    return {
        "agreed": people.filter(consents__isnull=False).distinct().count(),
        "began the talk": people.filter(interviews__turns__role="person").distinct().count(),
        "confirmed a card": people.filter(cards__state="confirmed").distinct().count(),
        "picked other values": people.filter(done & Q(draws__kind=Draw.Kind.PICKS)).distinct().count(),
        "judged a story": people.filter(wisdom_votes__isnull=False).distinct().count(),
        "finished": people.filter(finished_at__isnull=False).count(),
    }


def _step(name: str, count: int, base: int) -> dict[str, Any]:
    return {
        "step": name,
        "people": count,
        "share": count / base if base else None,
        "interval": list(jeffreys(count, base)) if base else None,
    }


def _untold(name: str, why: str) -> dict[str, Any]:
    return {"step": name, "people": None, "share": None, "interval": None, "withheld": why}


def _telling(counts: Mapping[str, int], base: int) -> set[str]:
    """Return the steps whose count would point at one to four people: those who took it, those who did not, or those
    between it and another step that is told."""
    told, telling = [0, base], set()
    for name, count in counts.items():
        if any(0 < abs(count - other) < SMALLEST_CELL for other in told):
            telling.add(name)
        else:
            told.append(count)
    return telling
