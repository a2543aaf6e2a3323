"""From wisdom votes to counts per ordered pair of values.

Source: democratic fine-tuning repository, app/values-tools/generate-moral-graph.ts (the 2023 trial), reproduced
exactly, its quirks named where they are.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

Pair = tuple[int, int]


class Vote(NamedTuple):
    """One person's answer: is `target` wiser than `source` in this context? Answers are those of `WisdomVote`."""

    voter: int
    source: int
    target: int
    context: str
    answer: str


@dataclass
class EdgeTally:
    """How often each answer was given about one ordered pair (from value, to value).

    `less_wise` counts upgrades in the other direction. `impressions` counts answers in both directions. `contexts` are
    those of answers in both directions, in order of appearance. `deciders` are the people whose answers say something
    about this direction.
    """

    wiser: int = 0
    not_wiser: int = 0
    less_wise: int = 0
    unsure: int = 0
    impressions: int = 0
    contexts: list[str] = field(default_factory=list)
    deciders: set[int] = field(default_factory=set)

    @property
    def answers(self) -> int:
        """Answers that bear on this direction; "no" and "not sure" of the other direction do not."""
        return self.wiser + self.not_wiser + self.less_wise + self.unsure

    @property
    def decided(self) -> int:
        """Answers that say something about the direction: wiser, not wiser, or less wise."""
        return self.wiser + self.not_wiser + self.less_wise

    @property
    def was_asked(self) -> bool:
        """Whether anyone was asked about this direction, and not only about the other."""
        return self.wiser + self.not_wiser + self.unsure > 0


def tally(votes: Iterable[Vote]) -> dict[Pair, EdgeTally]:
    """Count votes per ordered pair, in the order in which pairs first appear: asked directions first, then mirrored
    ones.

    Answers other than upgrade and no_upgrade count as unsure, as the trial had only not_sure.
    """
    votes = list(votes)
    pairs: dict[Pair, EdgeTally] = {}
    for vote in votes:
        edge = pairs.setdefault((vote.source, vote.target), EdgeTally())
        if vote.answer == "upgrade":
            edge.wiser += 1
        elif vote.answer == "no_upgrade":
            edge.not_wiser += 1
        else:
            edge.unsure += 1
        _note(edge, vote, decides=vote.answer in ("upgrade", "no_upgrade"))
    for vote in votes:
        edge = pairs.setdefault((vote.target, vote.source), EdgeTally())
        if vote.answer == "upgrade":
            edge.less_wise += 1
        _note(edge, vote, decides=vote.answer == "upgrade")
    return pairs


def _note(edge: EdgeTally, vote: Vote, *, decides: bool) -> None:
    edge.impressions += 1
    if decides:
        edge.deciders.add(vote.voter)
    if vote.context not in edge.contexts:
        edge.contexts.append(vote.context)


def net_support(edge: EdgeTally) -> float:
    """Return (wiser − less wise) / answers: 1 is unanimous support, −1 unanimous reversal.

    The published trial graph calls this `wiserLikelihood`; it is not a probability. Raises ValueError if nobody
    answered.
    """
    if not edge.answers:
        raise ValueError("net_support needs at least one answer")
    return (edge.wiser - edge.less_wise) / edge.answers


def entropy(edge: EdgeTally) -> float:
    """Return the trial's disagreement measure in bits; 0 without answers.

    Quirk kept for reproduction: impressions are one of its five categories, so that it is about 1 + H/2 for the
    entropy H of the four answers.
    """
    counts = (edge.wiser, edge.not_wiser, edge.less_wise, edge.unsure, edge.impressions)
    total = sum(counts)
    return -sum(n / total * math.log2(n / total) for n in counts if n)


class Counts(NamedTuple):
    """Tallies of many ordered pairs at once: integer arrays of one shape, whose last axis runs over the pairs.

    A further axis in front holds resamples, or what-ifs. `deciders` counts people, the others answers.
    """

    wiser: np.ndarray
    not_wiser: np.ndarray
    less_wise: np.ndarray
    unsure: np.ndarray
    impressions: np.ndarray
    deciders: np.ndarray

    @property
    def decided(self) -> np.ndarray:
        """As `EdgeTally.decided`."""
        return np.asarray(self.wiser + self.not_wiser + self.less_wise)

    @property
    def net_support(self) -> np.ndarray:
        """As `net_support`, and 0 where nobody answered."""
        answers = np.maximum(self.decided + self.unsure, 1)
        return np.asarray((self.wiser - self.less_wise) / answers)

    @property
    def entropy(self) -> np.ndarray:
        """As `entropy`."""
        five = np.stack([self.wiser, self.not_wiser, self.less_wise, self.unsure, self.impressions])
        shares = five / np.maximum(five.sum(axis=0), 1)
        return np.asarray(-(shares * np.log2(np.where(five > 0, shares, 1.0))).sum(axis=0))


def counts_of(tallies: Mapping[Pair, EdgeTally]) -> Counts:
    """Return tallies as arrays of shape (pairs,), in their order."""
    edges = list(tallies.values())
    rows = (
        [edge.wiser for edge in edges],
        [edge.not_wiser for edge in edges],
        [edge.less_wise for edge in edges],
        [edge.unsure for edge in edges],
        [edge.impressions for edge in edges],
        [len(edge.deciders) for edge in edges],
    )
    return Counts(*(np.array(row, dtype=np.int64) for row in rows))
