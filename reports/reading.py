"""A model reads the reasons that people gave, and says which principles each of them states."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from constitutions.asking import ask_all
from constitutions.material import answer_type, shown, written
from llm_client import LLM, LLMError, Prompt, Request, load_prompt

PROMPTS = Path(__file__).parent / "prompts"
READS = "read_reasons"
PURPOSE = "report: read reasons"
MOST_TOGETHER = 10  # reasons of a call


class Reason(NamedTuple):
    """What someone wrote about a choice: who, how the ledger of model calls names them (None where nobody needs to be
    found again), and the words."""

    who: str
    subject: str | None
    text: str


class ReadReasons(NamedTuple):
    """What each reason states: `states` and `opposes` have the shape (reasons, principles); of a reason that is `missing` no
    answer came, and both are False."""

    states: np.ndarray
    opposes: np.ndarray
    missing: np.ndarray


@lru_cache
def prompt_named(name: str) -> Prompt:
    """Return a prompt of this room."""
    return load_prompt(PROMPTS / f"{name}.md")


def read_reasons(reasons: Sequence[Reason], principles: Sequence[str], *, llm: LLM) -> ReadReasons:
    """Return which principles, or their opposites, each reason states. A call holds one person's words alone, so that they can
    be forgotten with the person.

    Raises LLMBudgetReached, and LLMUnavailable where nobody can be reached.
    """
    by_subject: dict[str | None, list[int]] = {}
    for place, reason in enumerate(reasons):
        by_subject.setdefault(reason.subject, []).append(place)
    batches = [
        places[start : start + MOST_TOGETHER]
        for places in by_subject.values()
        for start in range(0, len(places), MOST_TOGETHER)
    ]
    answers = ask_all([_request(reasons, batch, principles) for batch in batches], llm)
    states, opposes = (np.zeros((len(reasons), len(principles)), dtype=bool) for _ in range(2))
    missing = np.zeros(len(reasons), dtype=bool)
    for batch, answer in zip(batches, answers, strict=True):
        for number, place in enumerate(batch, 1):
            if isinstance(answer, LLMError):
                missing[place] = True
                continue
            states[place, [p - 1 for p in getattr(answer, f"r{number}_states")]] = True
            opposes[place, [p - 1 for p in getattr(answer, f"r{number}_opposes")]] = True
    return ReadReasons(states, opposes, missing)


def _request(reasons: Sequence[Reason], batch: Sequence[int], principles: Sequence[str]) -> Request[Any]:
    material = {
        "principles": [{"principle": number, "text": text} for number, text in enumerate(principles, 1)],
        "reasons": [{"reason": number, "text": shown(reasons[place].text)} for number, place in enumerate(batch, 1)],
    }
    properties = tuple(f"r{number}_{which}" for number in range(1, len(batch) + 1) for which in ("states", "opposes"))
    numbers: Any = Literal[tuple(range(1, len(principles) + 1))]
    returns = answer_type("Reasons", properties, list[numbers])
    return Request(prompt_named(READS), written(material), returns, PURPOSE, reasons[batch[0]].subject)
