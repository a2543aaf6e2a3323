"""How far annotators agree, beyond chance. Units are comparisons, categories are answers; missing answers are allowed.

Every coefficient depends only on how often each pattern of answers occurs, so its interval comes of drawing units anew as
one multinomial draw over the patterns. The `krippendorff` package is GPL, so this is our own; checked against the published
figures of the PandaLM humans.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Ratings = Sequence[Mapping[str, str]]  # one mapping from annotator to answer per unit
FEWEST_UNITS = 10
RESAMPLES = 1000


class Agreement(NamedTuple):
    """A coefficient, None where it is not defined, the number of units that bear on it, and its 95 % interval, None under
    ten units or without `rng`."""

    value: float | None
    n: int
    ci: tuple[float, float] | None = None


def krippendorff_alpha(ratings: Ratings, *, rng: np.random.Generator | None = None) -> Agreement:
    """Return Krippendorff's α for nominal data: 1 − observed / expected disagreement, over units with two answers or more.

    None if fewer than two units bear on it or only one category occurs. Source: Krippendorff 2011, Computing α.
    """
    table, times = _patterns([unit for unit in ratings if len(unit) >= 2])
    sizes = table.sum(axis=1)

    def alpha(weights: np.ndarray) -> float | None:
        total = weights @ sizes
        margins = weights @ table
        expected = total**2 - (margins**2).sum()
        if weights.sum() < 2 or expected == 0:
            return None
        observed = weights @ ((sizes**2 - (table**2).sum(axis=1)) / (sizes - 1))
        return float(1 - observed * (total - 1) / expected)

    return _with_interval(alpha, times, rng)


def fleiss_kappa(ratings: Ratings, *, rng: np.random.Generator | None = None) -> Agreement:
    """Return Fleiss' κ over units that all have the greatest number of answers. Source: Fleiss 1971."""
    most = max((len(unit) for unit in ratings), default=0)
    table, times = _patterns([unit for unit in ratings if len(unit) == most >= 2])

    def kappa(weights: np.ndarray) -> float | None:
        n = weights.sum()
        if n < 2:
            return None
        shares = weights @ table / (n * most)
        chance = float((shares**2).sum())
        if chance == 1:
            return None
        within = float(weights @ ((table**2).sum(axis=1) - most)) / (n * most * (most - 1))
        return float((within - chance) / (1 - chance))

    return _with_interval(kappa, times, rng)


def percent_agreement(
    ratings: Ratings, first: str, second: str, *, rng: np.random.Generator | None = None
) -> Agreement:
    """Return the share of units on which two annotators give the same answer."""
    table, times = _crossed(ratings, first, second)
    same = np.array([float(np.trace(cell)) for cell in table])

    def percent(weights: np.ndarray) -> float | None:
        return float(weights @ same / weights.sum()) if weights.sum() else None

    return _with_interval(percent, times, rng)


def cohen_kappa(ratings: Ratings, first: str, second: str, *, rng: np.random.Generator | None = None) -> Agreement:
    """Return Cohen's κ of two annotators over the units that both answered. Source: Cohen 1960."""
    cells, times = _crossed(ratings, first, second)

    def kappa(weights: np.ndarray) -> float | None:
        n = weights.sum()
        if not n:
            return None
        table = np.tensordot(weights, cells, axes=1) / n
        chance = float(table.sum(axis=0) @ table.sum(axis=1))
        return None if chance == 1 else (float(np.trace(table)) - chance) / (1 - chance)

    return _with_interval(kappa, times, rng)


def _patterns(units: Ratings) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct counts of answers, shape (patterns, categories), and how many units have each."""
    categories = sorted({answer for unit in units for answer in unit.values()})
    found = Counter(tuple(Counter(unit.values())[c] for c in categories) for unit in units)
    order = sorted(found)
    return np.array(order, dtype=float).reshape(len(order), len(categories)), np.array([found[p] for p in order])


def _crossed(ratings: Ratings, first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct pairs of answers, each as a table with one 1, shape (pairs, categories, categories), and how
    many units have each."""
    found = Counter((unit[first], unit[second]) for unit in ratings if first in unit and second in unit)
    categories = {answer: place for place, answer in enumerate(sorted({a for pair in found for a in pair}))}
    cells = np.zeros((len(found), len(categories), len(categories)))
    order = sorted(found)
    for place, (a, b) in enumerate(order):
        cells[place, categories[a], categories[b]] = 1
    return cells, np.array([found[pair] for pair in order])


def _with_interval(
    coefficient: Callable[[np.ndarray], float | None], times: np.ndarray, rng: np.random.Generator | None
) -> Agreement:
    n = int(times.sum())
    value = coefficient(times) if n else None
    if rng is None or value is None or n < FEWEST_UNITS:
        return Agreement(value, n)
    drawn = (coefficient(weights) for weights in rng.multinomial(n, times / n, RESAMPLES))
    low, high = np.percentile([v for v in drawn if v is not None], [2.5, 97.5])
    return Agreement(value, n, (float(low), float(high)))
