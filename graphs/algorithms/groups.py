"""Groups side by side: where all of them find the same value wiser, where they contradict each other, where they differ.

Three questions are asked of every arrow that enough people of every group decided on, each with its own family of tests over
all such arrows (Benjamini–Hochberg). A claim about all groups at once takes the largest of their p-values
(intersection–union, Berger 1982), so that it needs no further correction.
"""

from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np

from core.algorithms.uncertainty import benjamini_hochberg, exact_p

SHARED = "shared ground"
CONTRADICTION = "contradiction"
MAYBE_SHARED = "may be shared ground"
MAYBE_CONTRADICTION = "may be a contradiction"
NEITHER = "no group finds it wiser"
UNCLEAR = "unclear"
TOO_FEW = "not enough evidence"
VERDICTS = (SHARED, CONTRADICTION, MAYBE_SHARED, MAYBE_CONTRADICTION, NEITHER, UNCLEAR, TOO_FEW)


class Compared(NamedTuple):
    """What holds of one arrow over all groups; each q is the smallest false discovery rate at which its claim would be kept,
    None where there was not enough evidence to test.

    `q_shared`: more than half of those who decide in every group say wiser. `q_contradiction`: more than half of one group
    say wiser, and fewer than half of another. `q_difference`: two groups' shares differ.
    """

    verdict: str
    differs: bool
    q_shared: float | None
    q_contradiction: float | None
    q_difference: float | None


def compare(wiser: np.ndarray, decided: np.ndarray, enough: np.ndarray, max_q: float = 0.05) -> list[Compared]:
    """Return what holds of each arrow.

    `wiser` and `decided` (arrows, groups) count answers, `enough` says where they may be judged: an arrow is tested where
    all groups have enough. Raises ValueError for fewer than two groups.
    """
    if wiser.ndim != 2 or wiser.shape[1] < 2:
        raise ValueError("a comparison takes two groups or more")
    tested = np.asarray(enough.all(axis=1))
    for_it, against_it = exact_p(wiser, decided), exact_p(decided - wiser, decided)
    shared = for_it.max(axis=1)
    ways = list(permutations(range(wiser.shape[1]), 2))
    opposed = np.minimum(
        1.0, len(ways) * np.min([np.maximum(for_it[:, one], against_it[:, other]) for one, other in ways], axis=0)
    )
    differ = np.array([_difference(*row) if on else np.nan for *row, on in zip(wiser, decided, tested, strict=True)])
    qs = [benjamini_hochberg(np.where(tested, p, np.nan)) for p in (shared, opposed, differ)]
    side = np.sign(2 * wiser - decided)
    return [
        Compared(
            verdict=_verdict(side[i], qs[0][i] <= max_q, qs[1][i] <= max_q) if tested[i] else TOO_FEW,
            differs=bool(qs[2][i] <= max_q),
            q_shared=None if np.isnan(qs[0][i]) else float(qs[0][i]),
            q_contradiction=None if np.isnan(qs[1][i]) else float(qs[1][i]),
            q_difference=None if np.isnan(qs[2][i]) else float(qs[2][i]),
        )
        for i in range(len(wiser))
    ]


def _verdict(side: np.ndarray, is_shared: bool, is_contradiction: bool) -> str:
    if is_shared:
        return SHARED
    if is_contradiction:
        return CONTRADICTION
    if (side > 0).all():
        return MAYBE_SHARED
    if (side <= 0).all():
        return NEITHER
    return MAYBE_CONTRADICTION if (side < 0).any() else UNCLEAR


def _difference(wiser: np.ndarray, decided: np.ndarray) -> float:
    """Return the p-value that all groups' shares are equal: Fisher's exact test of the two that differ most clearly, times
    the number of pairs of groups (Bonferroni)."""
    from scipy import stats  # large, and little needs it

    pairs = list(combinations(range(len(wiser)), 2))
    found = [
        float(stats.fisher_exact([[wiser[a], decided[a] - wiser[a]], [wiser[b], decided[b] - wiser[b]]]).pvalue)
        for a, b in pairs
    ]
    return min(1.0, len(pairs) * min(found))
