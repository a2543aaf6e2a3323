"""Which traits set two sides' texts apart, and how well they tell whose a text is and which one people prefer.

Source: VibeCheck (methods, paper 33): a trait is kept if judges agree on it (κ) and if the sides differ in it (mean difference over
.05). The floor of κ, the intervals, the false discovery rate and the held-out part are our own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from constitutions.algorithms import scoring
from constitutions.algorithms.scoring import Share, Split
from constitutions.algorithms.selection import p_values
from core.algorithms.uncertainty import benjamini_hochberg

MIN_KAPPA = 0.4
MIN_DIFFERENCE = 0.05
MAX_Q = 0.05
ALIKE_FROM = 0.9  # correlation of two axes' scores


class TestedAxis(NamedTuple):
    """One axis. `chosen_on` is the mean difference of the sides on the part that it was chosen on, above 0 where the first side has
    more; `difference` that on the other part; `preferred` how far preferred texts have more of it there. `reason` is
    empty where it is kept; `twin` is the kept axis that says the same."""

    axis: int
    chosen_on: Share
    q: float
    difference: Share
    preferred: Share
    reason: str
    twin: int | None


def choose_axes(
    scores: np.ndarray,
    one: np.ndarray,
    preferred: np.ndarray,
    split: Split,
    clusters: Sequence[str],
    rng: np.random.Generator,
    kappas: Sequence[float | None] | None = None,
) -> list[TestedAxis]:
    """Return all axes, kept ones first, those that differ most first.

    `scores` has shape (pairs, axes), above 0 where text a has more; `one` says which text is the first side's (1 text a, −1
    text b) and `preferred` which people prefer (0: not known). `kappas` are those of two judgings, or None where axes are
    measured, and so well-defined.
    """
    if not scores.shape[1]:
        return []
    apart = scores * one[:, None]
    p, _test = p_values(np.sign(apart[split.train]), [], rng)
    q = benjamini_hochberg(p)
    decided = split.test[preferred[split.test] != 0]
    found = []
    for axis in range(scores.shape[1]):
        shares = [
            scoring.strength_by_cluster(values[part, axis], [clusters[i] for i in part], rng)
            for values, part in (
                (apart, split.train),
                (apart, split.test),
                (scores * preferred[:, None], decided),
            )
        ]
        reason = _reason(shares[0], float(q[axis]), None if kappas is None else (kappas[axis],))
        found.append(TestedAxis(axis, shares[0], float(q[axis]), shares[1], shares[2], reason, None))
    found.sort(key=lambda t: (-round(abs(t.chosen_on.value), 12), t.axis))
    kept: list[int] = []
    told = []
    for tested in found:
        if not tested.reason:
            twin = next((k for k in kept if _alike(apart[split.train], tested.axis, k) >= ALIKE_FROM), None)
            if twin is None:
                kept.append(tested.axis)
            else:
                tested = tested._replace(reason="says much the same as another", twin=twin)
        told.append(tested)
    return sorted(told, key=lambda t: bool(t.reason))


def _reason(apart: Share, q: float, kappa: tuple[float | None] | None) -> str:
    """Return why an axis is left out, or nothing. `kappa` is in a tuple, since a κ of None is one that is not defined."""
    if kappa is not None and (kappa[0] is None or kappa[0] < MIN_KAPPA):
        return "not well-defined"
    if apart.low is None or apart.high is None:
        return "too few prompts"
    if abs(apart.value) <= MIN_DIFFERENCE or apart.low <= 0 <= apart.high or q > MAX_Q:
        return "does not set them apart"
    return ""


def _alike(scores: np.ndarray, first: int, second: int) -> float:
    """Return the absolute cosine of two axes' scores, which unlike a correlation is defined where one never varies."""
    one, other = scores[:, first], scores[:, second]
    size = np.sqrt((one @ one) * (other @ other))
    return abs(float(one @ other / size)) if size else 0.0


class Foretold(NamedTuple):
    """How often held-out pairs are told right, and how many pairs it was learned on."""

    share: Share
    trained_on: int


def foretell(
    columns: np.ndarray, side: np.ndarray, split: Split, clusters: Sequence[str], rng: np.random.Generator
) -> tuple[Foretold, np.ndarray]:
    """Return how well a logistic regression on the axes tells on held-out pairs which text it is (`side`: 1 text a, −1 text b, 0
    not known), and 1 for each training pair that it tells right, ½ where it can't, 0 where wrong.

    `columns` has shape (pairs, kept axes). Which text stands first is thrown anew for every pair, so that places tell nothing.
    """
    turned = rng.choice([-1, 1], len(side))
    x, y = columns * turned[:, None], side * turned
    train, test = (part[y[part] != 0] for part in split)
    answers = np.where(y > 0, "a", "b")
    if not columns.shape[1] or not len(train) or not len(test):
        decided = [np.zeros(len(train)), np.zeros(len(test))]
    else:
        decided = [scoring.logistic_decisions(x[train], answers[train].tolist(), x[part]) for part in (train, test)]
    hits = [scoring.hits(made, answers[part].tolist()) for made, part in zip(decided, (train, test), strict=True)]
    share = scoring.share_by_cluster(hits[1], [clusters[i] for i in test], rng)
    return Foretold(share, len(train)), hits[0]


def always_one(
    one: np.ndarray, preferred: np.ndarray, split: Split, clusters: Sequence[str], rng: np.random.Generator
) -> Share:
    """Return how often the side whose texts are preferred more often on the training part is preferred on the other one."""
    train, test = (part[preferred[part] != 0] for part in split)
    sign = 1 if (one * preferred)[train].sum() >= 0 else -1
    hits = ((one * preferred)[test] * sign > 0).astype(float)
    return scoring.share_by_cluster(hits, [clusters[i] for i in test], rng)
