"""A model proposes in which traits two sides' texts differ, and says for each pair of texts which has more of each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from constitutions.algorithms.ballots import MISSING
from constitutions.algorithms.merging import merge
from constitutions.asking import ask_all
from constitutions.judges import Candidate, Cells
from constitutions.material import asked_about, written
from constitutions.model_judge import is_turned
from constitutions.proposing import Proposal, Shown, candidates_of, usable
from constitutions.voting import vote
from elicitation.models import Comparison
from llm_client import LLM, LLMError, Request
from reports.reading import prompt_named

PROPOSES = "propose_axes"
TOGETHER = 5  # pairs of a call
MOST_PROPOSED_FROM = 30  # pairs
MOST_AXES = 10


class Axes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    axes: list[str] = Field(max_length=10)


class SidedPair(NamedTuple):
    """Two texts that answer one prompt: which of them, a or b, is the first side's, and which was preferred, or nothing."""

    row: Comparison
    one: str
    preferred: str

    def shown(self) -> dict[str, str]:
        """Return the first side's text as x, the other one as y."""
        texts = {"a": self.row.text_a, "b": self.row.text_b}
        return {"x": texts.pop(self.one), "y": next(iter(texts.values()))}


class ProposedAxes(NamedTuple):
    """What was proposed, merged, those proposed most often first; how many calls were made and stayed without an answer, and
    how many phrases came and could not be used."""

    axes: list[Candidate]
    calls: int
    missing: int
    phrases: int
    refused: int


def propose_axes(
    pairs: Sequence[SidedPair], known: Sequence[Candidate], *, round: int, most: int, llm: LLM
) -> ProposedAxes:
    """Return at most `most` axes that say nothing `known`. Raises LLMBudgetReached, and LLMUnavailable where nobody can be
    reached."""
    batches = [pairs[start : start + TOGETHER] for start in range(0, len(pairs), TOGETHER)]
    answers = ask_all([_request(batch, known) for batch in batches], llm)
    said = [
        Proposal(usable(phrase, [Shown(pair.row, "", 0) for pair in batch]), number % 2)
        for number, (batch, answer) in enumerate(zip(batches, answers, strict=True))
        if not isinstance(answer, LLMError)
        for phrase in answer.axes
    ]
    by_phrase: dict[str, list[Proposal]] = {}
    for proposal in said:
        if proposal.phrase:
            by_phrase.setdefault(proposal.phrase, []).append(proposal)
    old = {axis.more for axis in known}
    groups = [
        [proposal for phrase in group for proposal in by_phrase[phrase]]
        for group in merge([proposal.phrase for proposal in said if proposal.phrase] + sorted(old))
        if not set(group) & old
    ]
    refused = sum(not proposal.phrase for proposal in said)
    missing = sum(isinstance(answer, LLMError) for answer in answers)
    axes = candidates_of(groups, f"model: {llm.settings.model}", round, most)
    return ProposedAxes(axes, len(batches), missing, len(said), refused)


def _request(batch: Sequence[SidedPair], known: Sequence[Candidate]) -> Request[Axes]:
    material: dict[str, Any] = {"known": [axis.more for axis in known]} if known else {}
    material["pairs"] = [asked_about(pair.row, number, pair.shown()) for number, pair in enumerate(batch, 1)]
    return Request(prompt_named(PROPOSES), written(material), Axes, "report: propose axes")


class JudgedAxes(NamedTuple):
    """Two independent judgings of every axis on every pair, each of shape (pairs, axes): 1 where text a has more of it in both
    orders, −1 text b, 0 where neither has or the orders conflict. `missing`: one of the four answers never came."""

    first: np.ndarray
    second: np.ndarray
    missing: np.ndarray
    cells: Cells


def judge_axes(rows: Sequence[Comparison], axes: Sequence[Candidate], *, llm: LLM, scope_key: str) -> JudgedAxes:
    """Put every axis to the vote four times, twice in each order of the texts. Raises as `vote`; what was answered until then is
    kept as cells, and is not asked again."""
    swapped = np.array([is_turned(row) for row in rows])
    wanted = [(place, column) for place in range(len(rows)) for column in range(len(axes))]
    passes = [
        vote(
            rows,
            [axis.text for axis in axes],
            wanted,
            swapped=~swapped if repeat % 2 else swapped,
            repeat=repeat,
            purpose="report: judge axes",
            llm=llm,
            scope_key=scope_key,
        )
        for repeat in range(4)
    ]
    codes = [one.answers for one in passes]
    first, second = (
        np.where((codes[i] == codes[i + 1]) & (np.abs(codes[i]) == 1), codes[i], 0).astype(float) for i in (0, 2)
    )
    missing = np.any([code == MISSING for code in codes], axis=0)
    cells = Cells(*(sum(part) for part in zip(*(one.cells for one in passes), strict=True)))
    return JudgedAxes(np.where(missing, 0, first), np.where(missing, 0, second), missing, cells)
