"""What people said afterwards: is the value that their card counts as the same as theirs, and is its place fair?"""

from collections import Counter
from typing import Any

from django.db.models import QuerySet
from pydantic import BaseModel, ConfigDict

from core.algorithms.uncertainty import jeffreys
from elicitation.groups import SMALLEST_CELL, members
from elicitation.models import Participant, Study, VerificationAnswer
from reports.registry import report

Answer, Kind = VerificationAnswer.Answer, VerificationAnswer.Kind
# Of each question: the answer whose share is told, and the one beside it. "Not sure" is counted on its own.
YES_AND_NO: dict[str, tuple[str, str]] = {
    Kind.SAME_CARD: (Answer.SAME, Answer.DIFFERENT),
    Kind.FAIR_POSITION: (Answer.FAIR, Answer.NOT_FAIR),
}


class Parameters(BaseModel):
    """Whose answers: all people's, or those of a group "key=value" of the demographics."""

    model_config = ConfigDict(extra="forbid")

    group: str = ""


@report("verification", title="What people say afterwards", about="study", parameters=Parameters)
def verification(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return for both questions how many said yes, of how many, with the interval. Raises ValidationError for a group that
    is unknown or has fewer than five people."""
    everyone = Participant.objects.counted(study)
    people = members(everyone, parameters.group) if parameters.group else everyone
    rest = everyone.exclude(id__in=people.values("id")) if parameters.group else None
    return {
        "is_simulated": study.is_simulated,
        "group": parameters.group or None,
        **summary(study, people, rest=rest),
    }


def summary(
    study: Study, people: QuerySet[Participant], *, rest: QuerySet[Participant] | None = None
) -> dict[str, Any]:
    """Return the figures of both questions. Those that fewer than five people answered are withheld, also where the figures
    of everyone, less these, would tell about fewer than five of the `rest`."""
    return {str(kind): _figures(study, kind, people, rest) for kind in YES_AND_NO}


def _figures(
    study: Study, kind: str, people: QuerySet[Participant], rest: QuerySet[Participant] | None
) -> dict[str, Any]:
    said = _said(study, kind, people)
    others = len({who for who, _answer in _said(study, kind, rest)}) if rest is not None else 0
    counts, answered = Counter(answer for _who, answer in said), len({who for who, _answer in said})
    yes, no = (counts[answer] for answer in YES_AND_NO[kind])
    if answered < SMALLEST_CELL or 0 < others < SMALLEST_CELL:
        why = "fewer than 5 people" if said else "nobody was asked or answered"
        return {
            "n": None,
            "yes": None,
            "unsure": None,
            "people": None,
            "share": None,
            "interval": None,
            "withheld": why,
        }
    n = yes + no
    return {
        "n": n,
        "yes": yes,
        "unsure": counts[Answer.UNSURE],
        "people": answered,
        "share": yes / n if n else None,
        "interval": list(jeffreys(yes, n)) if n else None,
        "withheld": None,
    }


def _said(study: Study, kind: str, people: QuerySet[Participant]) -> list[tuple[Any, str]]:
    """Return who says what now."""
    current = VerificationAnswer.objects.current().filter(study=study, kind=kind, participant__in=people)
    return list(current.values_list("participant_id", "answer"))
