"""Which arrows are kept, what they weigh, and why the others are not kept.

Rules are frozen and stored with the graph. Each judges one graph with reasons (`judge`), and many graphs at once
without (`weights`), which resampling needs.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from core.algorithms.uncertainty import Interval, benjamini_hochberg, exact_p, jeffreys
from graphs.algorithms.tally import Counts, EdgeTally, Pair, counts_of, entropy, net_support

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


class Rules(Protocol):
    """How a graph is made of tallies."""

    mode: ClassVar[str]

    def judge(self, tallies: Mapping[Pair, EdgeTally]) -> dict[Pair, Verdict]:
        """Return what becomes of each ordered pair, and why, in the order of `tallies`."""

    def weights(self, counts: Counts) -> np.ndarray:
        """Return what each arrow weighs, 0 for one that is not kept; shape as that of the counts."""

    def stored(self) -> dict[str, Any]:
        """Return the rules as they are kept with the graph."""


@dataclass(frozen=True)
class PruningRules:
    """The rules of the 2023 trial's published graphs: thresholds that an arrow must pass. It weighs its net support."""

    mode: ClassVar[str] = "mge-2023"
    min_wiser: int = 2
    min_net_support: float = 0.33
    max_entropy: float = 1.69

    def judge(self, tallies: Mapping[Pair, EdgeTally]) -> dict[Pair, Verdict]:
        return {pair: self._verdict(edge) for pair, edge in tallies.items()}

    def _verdict(self, edge: EdgeTally) -> Verdict:
        if edge.wiser < self.min_wiser:
            reason = f"fewer than {self.min_wiser} say wiser"
        elif net_support(edge) < self.min_net_support:
            reason = f"net support below {self.min_net_support}"
        elif entropy(edge) > self.max_entropy:
            reason = f"entropy above {self.max_entropy}"
        else:
            return Verdict(KEPT, "", *_share(edge), q=None, weight=net_support(edge))
        return Verdict(DROPPED, reason, *_share(edge), q=None, weight=0.0)

    def weights(self, counts: Counts) -> np.ndarray:
        support = counts.net_support
        kept = (
            (counts.wiser >= self.min_wiser) & (support >= self.min_net_support) & (counts.entropy <= self.max_entropy)
        )
        return np.where(kept, support, 0.0)

    def stored(self) -> dict[str, Any]:
        return {"mode": self.mode, **asdict(self)}


@dataclass(frozen=True)
class RobustRules:
    """An arrow is firm if enough people decided, and an exact test holds over all pairs together.

    The test asks whether more than `null` of the decided answers say wiser (one-sided, exact binomial; `null` is one
    half). Its family is every ordered pair, in both directions, about which at least `min_voters` people decided;
    Benjamini–Hochberg holds the false discovery rate at `max_q`. `level` is that of the Jeffreys interval shown. An
    arrow weighs (wiser − others) / decided, which is above 0 for every firm one.
    """

    mode: ClassVar[str] = "robust"
    null: ClassVar[float] = 0.5
    min_voters: int = 5
    max_q: float = 0.05
    level: float = 0.95

    def judge(self, tallies: Mapping[Pair, EdgeTally]) -> dict[Pair, Verdict]:
        counts = counts_of(tallies)
        q, weights = self._q(counts), self.weights(counts)
        return {
            pair: self._verdict(edge, None if np.isnan(q[i]) else float(q[i]), float(weights[i]))
            for i, (pair, edge) in enumerate(tallies.items())
        }

    def _verdict(self, edge: EdgeTally, q: float | None, weight: float) -> Verdict:
        share, interval = _share(edge, self.level)
        if q is None:
            return Verdict(TOO_FEW, f"fewer than {self.min_voters} people decided", share, interval, q, weight)
        if weight:
            return Verdict(KEPT, "", share, interval, q, weight)
        may_be_wiser = interval is not None and interval.high > self.null
        return Verdict(DROPPED, TOO_CLOSE if may_be_wiser else "most say it is not wiser", share, interval, q, weight)

    def _q(self, counts: Counts) -> np.ndarray:
        p = exact_p(counts.wiser, counts.decided)
        return benjamini_hochberg(np.where(counts.deciders >= self.min_voters, p, np.nan))

    def weights(self, counts: Counts) -> np.ndarray:
        margin = (2 * counts.wiser - counts.decided) / np.maximum(counts.decided, 1)
        firm = self._q(counts) <= self.max_q  # never so where q is NaN
        return np.where(firm & (margin > 0), margin, 0.0)

    def stored(self) -> dict[str, Any]:
        tests = {"null": self.null, "test": "exact binomial, one-sided", "family": "ordered pairs with enough voters"}
        return {"mode": self.mode, **asdict(self), **tests}


RULES: dict[str, Rules] = {rules.mode: rules for rules in (RobustRules(), PruningRules())}


def _share(edge: EdgeTally, level: float = 0.95) -> tuple[float | None, Interval | None]:
    if not edge.decided:
        return None, None
    return edge.wiser / edge.decided, jeffreys(edge.wiser, edge.decided, level)
