"""Planted graphs whose true support is known, people who answer as those of the 2023 trial did, and ways to draw.

The draws of the product are the product's own function (`elicitation.algorithms.selection`), and firm arrows are those of its
own rules (`graphs.algorithms.pruning`).
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from elicitation.algorithms.selection import DrawRule, StoryOptions, choose_stories
from graphs.algorithms.pruning import RobustRules
from graphs.algorithms.tally import Counts

VALUES, PAIRS, EACH = 60, 130, 3
TRIAL_VOTES = 1_560  # about as many as the trial had, in whole people
SUPPORT = (3.34, 0.98)  # Beta fitted to the trial's shares of decided answers
NOT_SURE = 0.12
LINE = 2 / 3  # support from which an arrow is truly to be kept: net support 1/3
SPREAD = 1.15  # of the log popularity of a pair: median 6, most 108 votes; in the trial 5 and 112


class World(NamedTuple):
    """A planted graph: values, true support and popularity of each pair, and what the pair's k-th voter will answer."""

    first: np.ndarray
    second: np.ndarray
    support: np.ndarray
    popularity: np.ndarray
    is_sure: np.ndarray
    says_wiser: np.ndarray


class Votes(NamedTuple):
    """Votes so far on each pair: all, those that decide, and those that say wiser; and how many are on their way."""

    asked: np.ndarray
    decided: np.ndarray
    wiser: np.ndarray
    waiting: np.ndarray


Way = Callable[[World, Votes, np.random.Generator], np.ndarray]


def planted(rng: np.random.Generator, *, most: int, half_null: bool) -> World:
    """Return a graph with room for `most` votes on one pair. In a half-null world half of the pairs have support 1/2."""
    every = np.stack(np.triu_indices(VALUES, 1), axis=1)
    first, second = every[rng.choice(len(every), PAIRS, replace=False)].T
    support = rng.beta(*SUPPORT, PAIRS)
    if half_null:
        support[rng.permutation(PAIRS)[: PAIRS // 2]] = 0.5
    popularity = rng.lognormal(0, SPREAD, PAIRS)
    is_sure = rng.random((PAIRS, most)) >= NOT_SURE
    return World(first, second, support, popularity, is_sure, rng.random((PAIRS, most)) < support[:, None])


def by_rule(rule: DrawRule) -> Way:
    """Draw as the product does under a rule."""

    def way(world: World, votes: Votes, rng: np.random.Generator) -> np.ndarray:
        ones = np.ones(PAIRS, dtype=np.int64)
        options = StoryOptions(
            key=np.arange(PAIRS), first=world.first, second=world.second, fits=ones, asked=votes.asked, told=votes.asked,
            wiser=votes.wiser, decided=votes.decided, waiting=votes.waiting,
        )  # fmt: skip
        return np.array([chosen.key for chosen in choose_stories(options, how_many=EACH, rng=rng, rule=rule)])

    return way


def uniform(world: World, votes: Votes, rng: np.random.Generator) -> np.ndarray:
    """Draw any three pairs."""
    return rng.choice(PAIRS, EACH, replace=False)


def popular(world: World, votes: Votes, rng: np.random.Generator) -> np.ndarray:
    """Draw as the trial did, in effect: a few pairs are asked of nearly everyone, many of hardly anyone."""
    return np.argsort(rng.exponential(size=PAIRS) / world.popularity)[:EACH]


class Course(NamedTuple):
    """What became of one graph, drawn one way: F1 of the kept set after each person; firm and false firm arrows and the most
    votes on one pair at the trial's number of votes; the last votes."""

    f1: np.ndarray
    firm: int
    false_firm: int
    most: int
    last: Votes


def run(world: World, way: Way, people: int, rng: np.random.Generator, *, at_once: int = 1) -> Course:
    """Let `people` people answer one after the other; `at_once` of them have drawn and not answered yet."""
    votes = Votes(*(np.zeros(PAIRS, dtype=np.int64) for _column in Votes._fields))
    is_kept = world.support >= LINE
    f1 = np.zeros(people)
    at_trial = (0, 0, 0)
    drawn: deque[np.ndarray] = deque()
    for person in range(people):
        while len(drawn) < at_once:
            drawn.append(way(world, votes, rng))
            votes.waiting[drawn[-1]] += 1
        pairs = drawn.popleft()
        votes.waiting[pairs] -= 1
        place = votes.asked[pairs]
        sure = world.is_sure[pairs, place]
        votes.asked[pairs] += 1
        votes.decided[pairs] += sure
        votes.wiser[pairs] += sure & world.says_wiser[pairs, place]
        kept = (votes.decided >= 2) & (votes.wiser >= LINE * votes.decided - 1e-9)
        f1[person] = 2 * (kept & is_kept).sum() / max(kept.sum() + is_kept.sum(), 1)
        if (person + 1) * EACH == TRIAL_VOTES:
            at_trial = (*firm(world, votes), int(votes.asked.max()))
    return Course(f1, *at_trial, votes)


class BothWays(Counts):
    """The counts of the asked pairs, and then those of their reverses, which nobody was asked about."""

    def __init__(self, votes: Votes) -> None:
        none = np.zeros_like(votes.asked)
        self.wiser = np.concatenate([votes.wiser, none])
        self.not_wiser = np.concatenate([votes.decided - votes.wiser, none])
        self.less_wise = np.concatenate([none, votes.wiser])
        self.unsure = np.concatenate([votes.asked - votes.decided, none])
        self.impressions = np.concatenate([votes.asked, votes.asked])
        self.deciders = np.concatenate([votes.decided, votes.wiser])


def firm(world: World, votes: Votes) -> tuple[int, int]:
    """Return how many arrows are firm by the product's rules, and how many of those have no true support above 1/2."""
    is_firm = RobustRules().weights(BothWays(votes)) > 0
    is_false = np.concatenate([world.support <= 0.5, world.support >= 0.5])
    return int(is_firm.sum()), int((is_firm & is_false).sum())
