"""Comparing the sources of principles by blind reviews: three analyses of the same scores, and a mixed model to check them.

Source: Si, Yang, Hashimoto 2024, Can LLMs Generate Novel Research Ideas?: each review independent, means by item, differences within
reviewers; Welch t-tests, corrected.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import minimize_scalar

from core.algorithms.uncertainty import holm

LEVEL = 0.95
MOST_P = 0.05
MOST_ICC = 0.999
FEWEST = 2  # of whatever is averaged: below there is no variance


class Reviews(NamedTuple):
    """Scores, a row a review: which item and person (numbers) and the item's source, each of shape (n,), and the `scores` by
    criterion, of shape (n, criteria)."""

    item: np.ndarray
    person: np.ndarray
    source: np.ndarray
    scores: np.ndarray

    def where(self, rows: np.ndarray) -> "Reviews":
        return Reviews(*(column[rows] for column in self))


class Mean(NamedTuple):
    """A mean of `n` numbers and its 95 % t-interval, None for fewer than two."""

    n: int
    mean: float | None
    ci: tuple[float, float] | None


class Compared(NamedTuple):
    """First less second: the difference, its 95 % interval, and the two-sided p; None where too few or nothing varies. `n` is what
    was averaged on each side, `holm` the p adjusted over the family."""

    n: tuple[int, int]
    difference: float | None = None
    ci: tuple[float, float] | None = None
    p: float | None = None
    holm: float | None = None


class Pair(NamedTuple):
    """Two sources by one criterion (its place). `reviews`, `items` and `people` are the three analyses, `mixed` the check."""

    first: str
    second: str
    criterion: int
    reviews: Compared
    items: Compared
    people: Compared
    mixed: Compared

    @property
    def better(self) -> str | None:
        """The source that is better: where the item and the reviewer analyses say the same, each with an adjusted p ≤ .05."""
        if any(told.holm is None or told.holm > MOST_P for told in (self.items, self.people)):
            return None
        by_items, by_people = self.items.difference or 0.0, self.people.difference or 0.0
        if by_items * by_people <= 0:
            return None
        return self.first if by_items > 0 else self.second


def enough(reviews: Reviews, fewest: int) -> Reviews:
    """Return the reviews of items that have at least `fewest` of them."""
    numbers, counts = np.unique(reviews.item, return_counts=True)
    return reviews.where(np.isin(reviews.item, numbers[counts >= fewest]))


def mean_of(values: np.ndarray) -> Mean:
    """Return the mean of values of shape (n,), with its interval."""
    n = len(values)
    if n < FEWEST:
        return Mean(n, float(values.mean()) if n else None, None)
    centre, error = float(values.mean()), float(values.std(ddof=1)) / np.sqrt(n)
    return Mean(n, centre, _around(centre, error, n - 1))


def item_means(reviews: Reviews, criterion: int) -> np.ndarray:
    """Return the mean score of each item, in the order of their numbers."""
    return _means(reviews.item, reviews.scores[:, criterion])


def compare(reviews: Reviews, pairs: Sequence[tuple[str, str]], criteria: int) -> list[Pair]:
    """Return each pair of sources by each criterion. Holm's adjustment is over criteria × pairs, for each analysis on its own."""
    found = [_pair(reviews, first, second, criterion) for first, second in pairs for criterion in range(criteria)]
    for analysis in ("reviews", "items", "people", "mixed"):
        told = [getattr(pair, analysis) for pair in found]
        adjusted = holm(np.array([np.nan if one.p is None else one.p for one in told]))
        found = [
            pair._replace(**{analysis: one._replace(holm=None if np.isnan(q) else float(q))})
            for pair, one, q in zip(found, told, adjusted, strict=True)
        ]
    return found


def _pair(reviews: Reviews, first: str, second: str, criterion: int) -> Pair:
    one, other = (reviews.where(reviews.source == name) for name in (first, second))
    values = [side.scores[:, criterion] for side in (one, other)]
    both = np.intersect1d(one.person, other.person)
    within = [
        _means(side.person[rows], side.scores[rows, criterion])
        for side in (one, other)
        for rows in [np.isin(side.person, both)]
    ]
    return Pair(
        first,
        second,
        criterion,
        welch(*values),
        welch(item_means(one, criterion), item_means(other, criterion)),
        paired(within[0] - within[1]),
        random_intercept(
            np.concatenate(values),
            np.repeat([1.0, 0.0], [len(values[0]), len(values[1])]),
            np.concatenate([one.person, other.person]),
        ),
    )


def welch(first: np.ndarray, second: np.ndarray) -> Compared:
    """Return Welch's t-test of two samples of shapes (n,) and (m,). Source: Welch 1947."""
    n = len(first), len(second)
    if min(n) < FEWEST:
        return Compared(n)
    parts = first.var(ddof=1) / n[0], second.var(ddof=1) / n[1]
    difference, variance = float(first.mean() - second.mean()), sum(parts)
    if variance == 0:
        return _constant(n, difference)
    freedom = variance**2 / (parts[0] ** 2 / (n[0] - 1) + parts[1] ** 2 / (n[1] - 1))
    return _compared(n, difference, float(np.sqrt(variance)), float(freedom))


def paired(differences: np.ndarray) -> Compared:
    """Return the one-sample t-test of differences, shape (n,)."""
    n = len(differences)
    if n < FEWEST:
        return Compared((n, n))
    difference, error = float(differences.mean()), float(differences.std(ddof=1)) / np.sqrt(n)
    if error == 0:
        return _constant((n, n), difference)
    return _compared((n, n), difference, error, n - 1)


def random_intercept(values: np.ndarray, is_first: np.ndarray, person: np.ndarray) -> Compared:
    """Return the difference by a linear mixed model with an intercept for each person, fitted by REML; all of shape (n,).

    score = a + b · is_first + u[person] + e. The variances come of maximising the profiled restricted likelihood over
    var(u) / (var(u) + var(e)) from 0 to .999, the interval of Wald's t with n − people − 1 degrees of freedom. Items have no
    effect of their own in it. Source: Patterson and Thompson 1971.
    """
    n = int(is_first.sum()), int((1 - is_first).sum())
    people, codes, sizes = np.unique(person, return_inverse=True, return_counts=True)
    total, freedom = len(values), len(values) - len(people) - 1
    if min(n) < FEWEST or freedom < 1 or values.var() == 0:
        return Compared(n)
    columns = np.column_stack([np.ones(total), is_first, values - values.mean()])
    sums = np.zeros((len(people), 3))
    np.add.at(sums, codes, columns)
    whole = columns.T @ columns

    def fit(icc: float) -> tuple[np.ndarray, float, np.ndarray, float]:
        ratio = icc / (1 - icc)
        shrunk = whole - sums.T @ (sums * (ratio / (1 + ratio * sizes))[:, None])
        inside = shrunk[:2, :2]
        b = np.linalg.solve(inside, shrunk[:2, 2])
        rest = max(float(shrunk[2, 2] - b @ shrunk[:2, 2]), np.finfo(float).tiny)
        loss = (total - 2) * np.log(rest) + np.log1p(ratio * sizes).sum() + np.linalg.slogdet(inside)[1]
        return b, rest, inside, float(loss)

    found = minimize_scalar(lambda icc: fit(icc)[3], bounds=(0.0, MOST_ICC), method="bounded")
    b, rest, inside, _loss = min((fit(0.0), fit(float(found.x))), key=lambda told: told[3])
    error = float(np.sqrt(rest / (total - 2) * np.linalg.inv(inside)[1, 1]))
    return _compared(n, float(b[1]), error, freedom)


def _compared(n: tuple[int, int], difference: float, error: float, freedom: float) -> Compared:
    p = float(2 * stats.t.sf(abs(difference) / error, freedom))
    return Compared(n, difference, _around(difference, error, freedom), p)


def _constant(n: tuple[int, int], difference: float) -> Compared:
    """Return what is told where nothing varies: no interval, and no test unless both are the same."""
    return Compared(n, difference, None, 1.0 if difference == 0 else None)


def _around(centre: float, error: float, freedom: float) -> tuple[float, float]:
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * float(error)
    return centre - half, centre + half


def _means(of: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean of the values of each number in `of`, in the order of the numbers."""
    _numbers, places, counts = np.unique(of, return_inverse=True, return_counts=True)
    return np.bincount(places, weights=values, minlength=len(counts)) / counts
