"""Which arrows are kept, what they weigh, and why the others are not kept.

Rules are frozen and stored with the graph. Each judges one graph with reasons (`judge`), and many graphs at once
without (`weights`), which resampling needs.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from core.algorithms.uncertainty import Interval, benjamini_hochberg, exact_p, jeffreys_of_many
from graphs.algorithms.tally import Counts, Pair, Tallies

FEW = 256  # fewer trials have their p-values in a table

KEPT = "kept"
DROPPED = "dropped"
TOO_FEW = "not enough evidence"
TOO_CLOSE = "too close to call"  # the reason of an arrow that the votes do not decide


class Verdict(NamedTuple):
    """What became of one ordered pair, and the numbers behind it.

    `share` and `interval` are of those who decided and say wiser, None where nobody decided; `q` is the smallest
    false discovery rate at which the arrow would be kept, None where it was not tested; `weight` is 0 unless the
    arrow is kept.
    """

    verdict: str
    reason: str
    share: float | None
    interval: Interval | None
    q: float | None
    weight: float


class VerdictColumns(NamedTuple):
    """What became of many ordered pairs: columns of one length as in `Verdict`, NaN for None, and the ends of intervals."""

    verdict: list[str]
    reason: list[str]
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    q: np.ndarray
    weight: np.ndarray


class Verdicts(Mapping[Pair, Verdict]):
    """What became of each pair of some tallies, in their order.

    `weights` and `q` have a place for each pair (`q` is NaN where it was not tested); `why` is the place of the pair's
    verdict and reason in `reasons`.
    """

    def __init__(
        self,
        tallies: Tallies,
        weights: np.ndarray,
        q: np.ndarray,
        reasons: Sequence[tuple[str, str]],
        why: np.ndarray,
        level: float = 0.95,
    ) -> None:
        self._tallies, self.weights, self.q, self._reasons, self._why = tallies, weights, q, reasons, why
        self._level = level

    @property
    def kept(self) -> dict[Pair, float]:
        """The weights of the arrows that are kept."""
        places = np.flatnonzero(self.weights)
        sources, targets = self._tallies.sources[places].tolist(), self._tallies.targets[places].tolist()
        return dict(zip(zip(sources, targets, strict=True), self.weights[places].tolist(), strict=True))

    def columns(self, places: np.ndarray) -> VerdictColumns:
        """Return the verdicts on the pairs at these places."""
        wiser, decided = self._tallies.wiser[places], self._tallies.decided[places]
        ends = jeffreys_of_many(wiser, decided, self._level)
        share, low, high = (
            np.where(decided > 0, numbers, np.nan) for numbers in (wiser / np.maximum(decided, 1), *ends)
        )
        told = [self._reasons[why] for why in self._why[places].tolist()]
        verdict, reason = [verdict for verdict, _reason in told], [reason for _verdict, reason in told]
        return VerdictColumns(verdict, reason, share, low, high, self.q[places], self.weights[places])

    def __getitem__(self, pair: Pair) -> Verdict:
        told = self.columns(np.array([self._tallies.place(pair)]))
        share, low, high, q, weight = (float(column[0]) for column in told[2:])
        is_decided = not math.isnan(share)
        return Verdict(
            verdict=told.verdict[0],
            reason=told.reason[0],
            share=share if is_decided else None,
            interval=Interval(low, high) if is_decided else None,
            q=None if math.isnan(q) else q,
            weight=weight,
        )

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._tallies)

    def __len__(self) -> int:
        return len(self._tallies)


class Rules(Protocol):
    """How a graph is made of tallies."""

    mode: ClassVar[str]

    looks_at: ClassVar[tuple[str, ...]]
    """What a weight follows from, beside the floor: names in `Counts`."""

    @property
    def floor(self) -> tuple[str, int]:
        """Which count (a name in `Counts`) an arrow must have how much of, to be kept or to matter to others."""

    def judge(self, tallies: Tallies) -> Verdicts:
        """Return what becomes of each ordered pair, and why, in the order of `tallies`."""

    def may_keep(self, counts: Counts) -> np.ndarray:
        """Return whether each arrow might be kept in some graph: the others need not be weighed."""

    def weights(self, counts: Counts, graph: np.ndarray | None = None, family: np.ndarray | None = None) -> np.ndarray:
        """Return what each arrow weighs, 0 for one that is not kept. `graph` says, where there are several, which one
        each arrow is in, by numbers from 0. Where only arrows are given that `may_keep` lets through, `family` says of each
        graph how many arrows reach the floor."""

    def stored(self) -> dict[str, Any]:
        """Return the rules as they are kept with the graph."""


def _check(name: str, given: float, least: float, most: float = math.inf, *, whole: bool = False) -> None:
    if isinstance(given, bool) or not isinstance(given, int if whole else int | float) or not math.isfinite(given):
        raise ValueError(f"{name} is {given!r}, which is no {'whole ' if whole else ''}number")
    if not least <= given <= most:
        limits = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise ValueError(f"{name} is {given}; it must be {limits}")


def _p(wiser: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Return `exact_p`, which is looked up where it can be, since many graphs ask for the same numbers very often."""
    trials = np.minimum(decided, FEW - 1)
    found: np.ndarray = _chances().take(trials * (trials + 1) // 2 + np.minimum(wiser, FEW - 1))
    many = np.flatnonzero(decided >= FEW)
    found[many] = exact_p(wiser[many], decided[many])
    return found


def _few() -> tuple[np.ndarray, np.ndarray]:
    """Return every number of trials below `FEW`, from 0, with every number of successes in it: columns of one length."""
    trials = np.repeat(np.arange(FEW), np.arange(1, FEW + 1))
    return trials, np.arange(len(trials)) - trials * (trials + 1) // 2


@cache
def _chances() -> np.ndarray:
    trials, successes = _few()
    return exact_p(successes, trials)


@dataclass(frozen=True)
class PruningRules:
    """The rules of the 2023 trial's published graphs: thresholds that an arrow must pass. It weighs its net support.

    Raises ValueError for thresholds that are no numbers or outside what can be.
    """

    mode: ClassVar[str] = "mge-2023"
    looks_at: ClassVar[tuple[str, ...]] = ("wiser", "not_wiser", "less_wise", "unsure", "impressions")
    min_wiser: int = 2
    min_net_support: float = 0.33
    max_entropy: float = 1.69

    def __post_init__(self) -> None:
        _check("min_wiser", self.min_wiser, 1, whole=True)  # of an arrow that nobody calls wiser nothing can be said
        _check("min_net_support", self.min_net_support, 0, 1)
        _check("max_entropy", self.max_entropy, 0, math.log2(5))

    @property
    def floor(self) -> tuple[str, int]:
        return "wiser", self.min_wiser

    def judge(self, tallies: Tallies) -> Verdicts:
        few, unclear, split = self._faults(tallies)
        reasons = (
            (DROPPED, f"fewer than {self.min_wiser} say wiser"),
            (DROPPED, f"net support below {self.min_net_support}"),
            (DROPPED, f"entropy above {self.max_entropy}"),
            (KEPT, ""),
        )
        why = np.select([few, unclear, split], [0, 1, 2], 3)
        weights = np.where(why == 3, tallies.net_support, 0.0)
        return Verdicts(tallies, weights, np.full(len(tallies), np.nan), reasons, why)

    def _faults(self, counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which arrows too few call wiser, which have too little net support, and of the others which are split."""
        few, unclear = counts.wiser < self.min_wiser, counts.net_support < self.min_net_support
        others = np.flatnonzero(~(few | unclear))
        split = np.zeros(len(few), bool)
        split[others] = counts.entropy(others) > self.max_entropy
        return few, unclear, split

    def may_keep(self, counts: Counts) -> np.ndarray:
        return np.asarray(counts.wiser >= self.min_wiser)

    def weights(self, counts: Counts, graph: np.ndarray | None = None, family: np.ndarray | None = None) -> np.ndarray:
        support = counts.net_support
        places = np.flatnonzero((counts.wiser >= self.min_wiser) & (support >= self.min_net_support))
        places = places[counts.entropy(places) <= self.max_entropy]
        weights = np.zeros(len(support))
        weights[places] = support[places]
        return weights

    def stored(self) -> dict[str, Any]:
        return {"mode": self.mode, **asdict(self)}


@dataclass(frozen=True)
class RobustRules:
    """An arrow is firm if enough people decided, and an exact test holds over all pairs together.

    The test asks whether more than `null` of the decided answers say wiser (one-sided, exact binomial; `null` is one
    half). Its family is every ordered pair, in both directions, about which at least `min_voters` people decided;
    Benjamini–Hochberg holds the false discovery rate at `max_q`, at most one half. `level` is that of the Jeffreys
    interval shown. An arrow weighs (wiser − others) / decided, which is above 0 for every firm one.

    Raises ValueError for thresholds that are no numbers or outside what can be.
    """

    mode: ClassVar[str] = "robust"
    looks_at: ClassVar[tuple[str, ...]] = ("wiser", "not_wiser", "less_wise")
    null: ClassVar[float] = 0.5
    min_voters: int = 5
    max_q: float = 0.05
    level: float = 0.95

    def __post_init__(self) -> None:
        _check("min_voters", self.min_voters, 1, whole=True)
        _check("max_q", self.max_q, 0, 0.5)
        _check("level", self.level, 0, 1)

    @property
    def floor(self) -> tuple[str, int]:
        return "deciders", self.min_voters

    def judge(self, tallies: Tallies) -> Verdicts:
        tested = np.flatnonzero(tallies.deciders >= self.min_voters)
        wiser, decided = tallies.wiser[tested], tallies.decided[tested]
        q, weights = np.full(len(tallies), np.nan), np.zeros(len(tallies))
        q[tested] = benjamini_hochberg(exact_p(wiser, decided))
        firm = (q[tested] <= self.max_q) & (2 * wiser > decided)
        weights[tested] = np.where(firm, np.maximum(self._margin(tallies)[tested], 0.0), 0.0)
        reasons = (
            (TOO_FEW, f"fewer than {self.min_voters} people decided"),
            (KEPT, ""),
            (DROPPED, "not so if groups count the same"),
            (DROPPED, TOO_CLOSE),
            (DROPPED, "most say it is not wiser"),
        )
        high = jeffreys_of_many(wiser, decided, self.level)[1]
        why = np.zeros(len(tallies), np.int64)
        why[tested] = np.select([weights[tested] > 0, firm, high > self.null], [1, 2, 3], 4)
        return Verdicts(tallies, weights, q, reasons, why, self.level)

    def may_keep(self, counts: Counts) -> np.ndarray:
        return np.asarray(counts.wiser >= counts.decided - counts.wiser + self._least_lead)

    @cached_property
    def _least_lead(self) -> np.uint8:
        """By how many the "wiser" must be more than the others at least, or fewer, so that small counts stay small."""
        decided = np.flatnonzero(self._least_wiser <= np.arange(FEW))
        lead = 2 * self._least_wiser[decided] - decided
        return np.uint8(min(lead.min(initial=100), 100))

    @cached_property
    def _least_wiser(self) -> np.ndarray:
        """The fewest "wiser" of so many decided answers with which an arrow may be kept, if it is the only one; of more
        answers it takes no fewer."""
        decided, wiser = _few()
        fits = np.flatnonzero((_chances() <= self.max_q) & (2 * wiser > decided))
        least = np.full(FEW, FEW, np.int32)
        np.minimum.at(least, decided[fits], wiser[fits])
        return least

    def weights(self, counts: Counts, graph: np.ndarray | None = None, family: np.ndarray | None = None) -> np.ndarray:
        decided = counts.decided
        graph = np.zeros(len(decided), np.intp) if graph is None else graph
        places = np.flatnonzero(counts.wiser >= self._least_wiser.take(decided, mode="clip"))
        if family is None:
            tested = counts.deciders >= self.min_voters
            family, places = np.bincount(graph[tested]), places[tested[places]]
        of = graph.take(places)
        scaled = _p(counts.wiser.take(places), decided.take(places)) * family.take(of)
        # Benjamini–Hochberg keeps as many as it can, k, of which each has p · family / k within the limit
        passed = np.flatnonzero(scaled / np.bincount(of).take(of) <= self.max_q)  # who fails mostly fails at once
        places, scaled, of = places.take(passed), scaled.take(passed), of.take(passed)
        all_of = kept = np.bincount(of)
        while True:
            failed = scaled / np.maximum(kept, 1).take(of) > self.max_q
            fewer = all_of - np.bincount(of.compress(failed), minlength=len(all_of))
            if np.array_equal(fewer, kept):
                break
            kept = fewer
        places = places.compress(~failed)
        weights = np.zeros(len(decided))
        weights[places] = np.maximum(self._margin(counts).take(places), 0.0)
        return weights

    def _margin(self, counts: Counts) -> np.ndarray:
        """Return by how much the share that says wiser exceeds the others'."""
        decided = counts.decided
        return np.asarray((2 * counts.wiser - decided) / np.maximum(decided, 1))

    def stored(self) -> dict[str, Any]:
        tests = {"null": self.null, "test": "exact binomial, one-sided", "family": "ordered pairs with enough voters"}
        return {"mode": self.mode, **asdict(self), **tests}


@dataclass(frozen=True)
class BalancedRules(RobustRules):
    """Robust rules by which each group counts the same in what an arrow weighs, however many of it voted.

    `balance` is the question that makes the groups, and `groups` are their names. The test is that of `RobustRules`, on everyone's answers. The share that
    an arrow weighs by is the mean of the groups' shares, where two groups or more are told (`Counts.by_group`), else
    everyone's; a firm arrow whose share is one half or less by this is dropped. People of no group count in the test alone.
    """

    balance: str = ""
    groups: tuple[str, ...] = ()

    def _margin(self, counts: Counts) -> np.ndarray:
        everyone = counts.wiser / np.maximum(counts.decided, 1)
        return 2 * counts.by_group.share(everyone) - 1


RULES: dict[str, Rules] = {rules.mode: rules for rules in (RobustRules(), PruningRules())}
