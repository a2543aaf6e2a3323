"""Do firm arrows hold on other people? People are split in halves again and again, and each half is judged by itself.

Source: split-half reliability (Spearman 1910, Brown 1910), with the yardstick of direction: a share above one half.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from graphs.algorithms.pruning import Rules
from graphs.algorithms.tally import NO_UPGRADE, UPGRADE, Counts, Tallies, Vote, tally

NEARLY_ALL = 0.9


class _Ballots:
    """Who gave which answer about which pair, so that the answers of some people are counted fast. `person` and `pair` are
    places."""

    def __init__(self, tallies: Tallies) -> None:
        self.tallies = tallies
        numbers, person = np.unique(tallies.votes.voter, return_inverse=True)
        self.people = len(numbers)
        answer, pair = tallies.votes.answer, tallies.pair_of
        yes, no = answer == UPGRADE, answer == NO_UPGRADE
        self.wiser, self.not_wiser, self.every = (
            (pair[which], person[which]) for which in (yes, no, np.ones(len(pair), bool))
        )
        decide = (
            np.concatenate([pair[yes], pair[no], tallies.back[pair[yes]]]),
            np.concatenate([person[yes], person[no], person[yes]]),
        )
        key = np.unique(decide[0].astype(np.int64) * self.people + decide[1])  # a person decides about a pair once
        self.deciders = key // self.people, key % self.people

    def count(self, of: tuple[np.ndarray, np.ndarray], chosen: np.ndarray) -> np.ndarray:
        """Return how many answers there are about each pair, of the people who are `chosen` (people,)."""
        pair, person = of
        return np.bincount(pair[chosen[person]], minlength=len(self.tallies))


class Half(Counts):
    """The counts of some of the people, with a place for each pair of all their tallies."""

    def __init__(self, ballots: _Ballots, chosen: np.ndarray) -> None:
        back = ballots.tallies.back
        self.wiser = ballots.count(ballots.wiser, chosen)
        self.not_wiser = ballots.count(ballots.not_wiser, chosen)
        self.deciders = ballots.count(ballots.deciders, chosen)
        every = ballots.count(ballots.every, chosen)
        self.unsure = every - self.wiser - self.not_wiser
        self.less_wise = self.wiser[back]
        self.impressions = every + every[back]

    @property
    def points_up(self) -> np.ndarray:
        """Whether more than one half of those who decided say wiser."""
        return np.asarray(2 * self.wiser > self.decided)


class Rate(NamedTuple):
    """The mean of a figure over all halves that have it, its standard deviation, and its ends. None without any."""

    mean: float | None
    sd: float | None
    low: float | None
    high: float | None


class Held(NamedTuple):
    """What became, on the other half, of the arrows that rules keep on one half.

    `kept` is how many a half keeps, `confirmed` the share of them that points the same way on the other half (one that
    the other half did not decide on counts as not confirmed), `kept_again` the share that the other half keeps too.
    `halves_at_least_90` is the share of halves with at least 90 % confirmed, among those that keep any arrow.
    """

    kept: Rate
    confirmed: Rate
    confirmed_of_decided: Rate
    kept_again: Rate
    halves_at_least_90: float | None


class SplitHalf(NamedTuple):
    """What holds for each of some rules; and beside it, for each least number of decided answers, which share of the pairs
    that have so many on one half, and more than half of them "wiser", point the same way on the other half."""

    held: dict[str, Held]
    base_rates: dict[int, Rate]


def halves(votes: Iterable[Vote], splits: int, seed: int) -> Iterator[tuple[Half, Half]]:
    """Yield the counts of both halves of each split, in places of one order of pairs.

    People, sorted by number, are split by `numpy.random.default_rng([seed, split]).permutation(people)`: the first half of
    it, rounded down, and the rest. Raises ValueError for fewer than two people.
    """
    ballots = _Ballots(tally(votes))
    if ballots.people < 2:
        raise ValueError("one person cannot be split in halves")
    for split in range(splits):
        drawn = np.random.default_rng([seed, split]).permutation(ballots.people)
        first = np.zeros(ballots.people, bool)
        first[drawn[: ballots.people // 2]] = True
        yield Half(ballots, first), Half(ballots, ~first)


def split_half(
    votes: Iterable[Vote], rules: Mapping[str, Rules], *, least: Sequence[int] = (), splits: int, seed: int
) -> SplitHalf:
    """Return what becomes of the arrows that each of the rules keeps on one half, on the other; each split is looked at from
    both sides. `least` are those of the base rates. The order of votes does not matter."""
    seen: dict[str, list[tuple[float, ...]]] = {mode: [] for mode in rules}
    base: dict[int, list[float]] = {n: [] for n in least}
    for pair in halves(votes, splits, seed):
        kept = {mode: [of.weights(half) > 0 for half in pair] for mode, of in rules.items()}
        for one, other in ((0, 1), (1, 0)):
            up, decided = pair[other].points_up, pair[other].decided > 0
            for mode, (mine, again) in ((mode, (both[one], both[other])) for mode, both in kept.items()):
                shares = (_share(mine & up, mine), _share(mine & up, mine & decided), _share(mine & again, mine))
                seen[mode].append((float(mine.sum()), *shares))
            for n in least:
                there = pair[one].points_up & (pair[one].decided >= n)
                base[n].append(_share(there & up, there))
    return SplitHalf(
        {mode: _held(np.array(figures)) for mode, figures in seen.items()},
        {n: _rate(np.array(shares)) for n, shares in base.items()},
    )


def _held(figures: np.ndarray) -> Held:
    told = figures[:, 1][~np.isnan(figures[:, 1])]
    kept, confirmed, of_decided, again = (_rate(column) for column in figures.T)
    return Held(kept, confirmed, of_decided, again, float((told >= NEARLY_ALL).mean()) if told.size else None)


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    n = int(whole.sum())
    return int(part.sum()) / n if n else float("nan")


def _rate(values: np.ndarray) -> Rate:
    values = values[~np.isnan(values)]
    if not values.size:
        return Rate(None, None, None, None)
    return Rate(float(values.mean()), float(values.std()), float(values.min()), float(values.max()))
