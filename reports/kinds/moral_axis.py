"""Where the texts of a study's values fall on an axis from what it rejects to what it approves. Of texts, never of people."""

from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from elicitation.deduplication import text_of
from elicitation.facets import counted
from elicitation.interviews import ModelText
from elicitation.models import Norm, Study
from elicitation.values import counted_values
from reports.algorithms.moral_axis import (
    compare_axes,
    fit_axis,
    held_out,
    intervals,
    places,
    text_vectors,
    words_shared,
)
from reports.parameters import Seeded
from reports.registry import report

LEAST = 5  # actions of each side: an axis of fewer can't be tested
MOST_P = 0.05
Actions = Annotated[list[Annotated[ModelText, Field(min_length=1, max_length=300)]], Field(max_length=2000)]


class Parameters(Seeded):
    """Actions as texts. Without any: those of the study's confirmed norms, by the sign of their judgement. The `other` ones make
    a second axis, of another group say, to be compared with the first."""

    approved: Actions = Field(default_factory=list)
    rejected: Actions = Field(default_factory=list)
    other_approved: Actions = Field(default_factory=list)
    other_rejected: Actions = Field(default_factory=list)

    @model_validator(mode="after")
    def _both_sides(self) -> "Parameters":
        if bool(self.approved) != bool(self.rejected) or bool(self.other_approved) != bool(self.other_rejected):
            raise ValueError("give approved and rejected actions, or neither")
        return self


class _Side(NamedTuple):
    """A group's actions."""

    approved: list[str]
    rejected: list[str]

    @property
    def texts(self) -> list[str]:
        return self.approved + self.rejected

    @property
    def marks(self) -> np.ndarray:
        return np.repeat([True, False], [len(self.approved), len(self.rejected)])


@report("moral_axis", title="Moral axis of the texts", about="study", parameters=Parameters)
def moral_axis(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return whether there is an axis, and where the values' texts fall on it. "No axis" is an answer, and then nothing is placed."""
    given = _Side(sorted(parameters.approved), sorted(parameters.rejected))
    first = given if given.approved else _marked(study)
    second = _Side(sorted(parameters.other_approved), sorted(parameters.other_rejected))
    values = list(counted_values(study).order_by("number"))
    vectors = _vectors([*first.texts, *second.texts, *map(text_of, values)], parameters.seed)
    ours, theirs, others = np.split(vectors, np.cumsum([len(first.texts), len(second.texts)]))
    told = {"source": "parameters" if given.approved else "norms", **_tested(first, ours, parameters.seed)}
    words = np.array(words_shared([text_of(value) for value in values], first.texts))
    placed: list[dict[str, Any]] = []
    if told["has_axis"] and (words > 0).any():
        rng, others = np.random.default_rng([parameters.seed, 1]), others[words > 0]
        where = places(fit_axis(ours, first.marks), others)
        around = intervals(ours, first.marks, others, rng=rng)
        placed = [
            {
                "number": values[n].number,
                "words": int(words[n]),
                "place": float(place),
                "interval": [float(low), float(high)],
            }
            for n, place, (low, high) in zip(np.flatnonzero(words), where, around, strict=True)
        ]
    other = None
    if second.approved:
        other = _tested(second, theirs, parameters.seed) | {"angle": None}
        if told["has_axis"] and other["has_axis"]:
            rng = np.random.default_rng([parameters.seed, 2])
            other["angle"] = compare_axes((ours, first.marks), (theirs, second.marks), rng=rng)._asdict()
    return {
        "features": "words and pairs of words (TF-IDF, reduced to 50 dimensions), no language model",
        "about": "a property of texts, never of a person",
        "least": LEAST,
        **told,
        "values": sorted(placed, key=lambda row: (-row["place"], row["number"])),
        "not_placed": len(values) - len(placed) if told["has_axis"] else None,
        "other": other,
    }


def _marked(study: Study) -> _Side:
    """Return the actions of the study's confirmed norms that are judged good, and those that are judged bad."""
    labels = [row.labels for rows in counted(Norm, study).values() for row in rows]
    judged = [row for row in labels if row["action"] and row["judgement"] and not row["bad"]]
    good, bad = (sorted(row["action"] for row in judged if row["judgement"] * sign > 0) for sign in (1, -1))
    return _Side(good, bad)


def _vectors(texts: list[str], seed: int) -> np.ndarray:
    if not any(word.isalnum() for text in texts for word in text):
        return np.zeros((len(texts), 1))
    return text_vectors(texts, seed=seed)


def _tested(side: _Side, vectors: np.ndarray, seed: int) -> dict[str, Any]:
    told: dict[str, Any] = {"approved": len(side.approved), "rejected": len(side.rejected)}
    no_axis = told | {"has_axis": False, "held_out": None, "share": None}
    if min(len(side.approved), len(side.rejected)) < LEAST:
        return no_axis | {"why_not": f"fewer than {LEAST} approved or rejected actions"}
    try:
        share = fit_axis(vectors, side.marks).share
        test = held_out(vectors, side.marks, rng=np.random.default_rng([seed, 0]))
    except ValueError as error:
        return no_axis | {"why_not": str(error)}
    has_axis = test.r is not None and test.r > 0 and test.p < MOST_P
    why_not = None if has_axis else "on actions that it was not made of it does no better than chance"
    return told | {"has_axis": has_axis, "held_out": test._asdict(), "share": share, "why_not": why_not}
