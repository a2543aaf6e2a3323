"""Whether a principle's votes depend on its wording: paraphrases of it are put to the vote, on the same comparisons.

Source: AdParaphrase (methods, paper 5): texts that mean the same, so that what differs in the votes is the wording.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from constitutions.algorithms.ballots import BOTH, FOR_A, FOR_B, NEITHER
from constitutions.asking import Progress, ask_all
from constitutions.material import answer_type, prompt_named, written
from constitutions.voting import vote
from core.algorithms.uncertainty import jeffreys
from elicitation.models import Comparison
from llm_client import LLM, LLMError, Request

PROMPT = "paraphrase"
EACH = 2  # paraphrases of a principle
MOST_WORDS = 30
MOST_COMPARISONS = 40
LEAST_AGREEMENT = 0.8  # below which votes are said to depend on the wording


class Checked(NamedTuple):
    """How the votes on a principle's paraphrases agree with those on itself, where both were answered."""

    wordings: list[str]
    compared: int
    agree: int

    def told(self) -> dict[str, Any]:
        interval = list(jeffreys(self.agree, self.compared)) if self.compared else None
        share = self.agree / self.compared if self.compared else None
        depends = interval is not None and interval[1] < LEAST_AGREEMENT
        return {"wordings": self.wordings, "n": self.compared, "agreement": share, "ci": interval, "depends": depends}


def check_wording(
    texts: Sequence[str],
    answers: np.ndarray,
    rows: Sequence[Comparison],
    places: np.ndarray,
    *,
    swapped: np.ndarray,
    purpose: str,
    llm: LLM,
    scope_key: str,
    progress: Progress = lambda done, total: None,
) -> list[Checked]:
    """Return for each principle how far votes on other wordings agree with its own.

    `answers` are the principles' votes, codes of `algorithms.ballots` of shape (comparisons, principles), and `places` the
    comparisons that are looked at, in the same order of the sides. Raises LLMBudgetReached, and LLMUnavailable where nobody can be
    reached.
    """
    said = _paraphrases(texts, purpose, llm)
    wordings = [wording for one in said for wording in one]
    if not wordings:
        return [Checked([], 0, 0) for _text in texts]
    cells = [(int(place), column) for place in places for column in range(len(wordings))]
    told = vote(
        rows,
        wordings,
        cells,
        swapped=swapped,
        repeat=0,
        purpose=purpose,
        llm=llm,
        scope_key=scope_key,
        progress=progress,
    )
    found, start = [], 0
    for principle, own in enumerate(said):
        columns = range(start, start + len(own))
        start += len(own)
        both = [(answers[place, principle], told.answers[place, column]) for place in places for column in columns]
        given = [(first, second) for first, second in both if {first, second} <= {FOR_A, FOR_B, NEITHER, BOTH}]
        found.append(Checked(own, len(given), sum(first == second for first, second in given)))
    return found


def _paraphrases(texts: Sequence[str], purpose: str, llm: LLM) -> list[list[str]]:
    """Return other wordings of each principle: those that are none, too long or equal are left out."""
    names = tuple(f"r{number}_{which}" for number in range(1, len(texts) + 1) for which in range(1, EACH + 1))
    material = {"rules": [{"rule": number, "text": text} for number, text in enumerate(texts, 1)]}
    request = Request(prompt_named(PROMPT), written(material), answer_type("Wordings", names, str), purpose)
    [answer] = ask_all([request], llm)
    if isinstance(answer, LLMError):
        return [[] for _text in texts]
    return [
        [
            wording
            for which in range(1, EACH + 1)
            if (wording := " ".join(getattr(answer, f"r{number}_{which}").split()))
            and len(wording.split()) <= MOST_WORDS
            and wording.casefold() != text.casefold()
        ]
        for number, text in enumerate(texts, 1)
    ]
