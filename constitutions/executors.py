"""A model that reads a constitution and chooses a text by it: the executor beside the transparent weighted votes."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from constitutions.algorithms.ballots import MOST_PAIRS
from constitutions.asking import Progress, ask_all
from constitutions.material import answer_type, asked_about, prompt_named, sides, written
from elicitation.models import Comparison
from llm_client import LLM, LLMError, Request

PROMPT = "apply_constitution"
Choice = Literal["first", "second", "undecided"]


class Read(NamedTuple):
    """What a reading model decided of each comparison: 1 text a, −1 text b, 0 undecided; `missing` where no answer came."""

    decisions: np.ndarray
    missing: np.ndarray


def read_decisions(
    constitutions: Sequence[Sequence[str]],
    rows: Sequence[Comparison],
    *,
    swapped: np.ndarray,
    purpose: str,
    llm: LLM,
    progress: Progress = lambda done, total: None,
) -> list[Read]:
    """Return for each constitution which text a model chooses by its principles, in their order; by one without any, which it finds
    better by itself.

    `swapped` says for each comparison whether text b is shown first. Raises LLMBudgetReached, and LLMUnavailable where nobody
    can be reached.
    """
    batches = [range(start, min(start + MOST_PAIRS, len(rows))) for start in range(0, len(rows), MOST_PAIRS)]
    asked = [(place, batch) for place in range(len(constitutions)) for batch in batches]
    requests = [_request(constitutions[place], rows, batch, swapped, purpose) for place, batch in asked]
    found = [Read(np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)) for _constitution in constitutions]
    for (which, batch), answer in zip(asked, ask_all(requests, llm, progress), strict=True):
        for number, place in enumerate(batch, 1):
            if isinstance(answer, LLMError):
                found[which].missing[place] = True
                continue
            said = {"first": 1, "second": -1}.get(getattr(answer, f"c{number}"), 0)
            found[which].decisions[place] = -said if swapped[place] else said
    return found


def _request(
    principles: Sequence[str], rows: Sequence[Comparison], batch: Sequence[int], swapped: np.ndarray, purpose: str
) -> Request[Any]:
    material: dict[str, Any] = {"constitution": list(principles)} if principles else {}
    material["comparisons"] = [
        asked_about(rows[place], number, sides(rows[place], bool(swapped[place])))
        for number, place in enumerate(batch, 1)
    ]
    returns = answer_type("Choices", tuple(f"c{number}" for number in range(1, len(batch) + 1)), Choice)
    return Request(prompt_named(PROMPT), written(material), returns, purpose)
