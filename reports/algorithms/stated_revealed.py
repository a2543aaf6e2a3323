"""What people say beside what they choose: the weights of principles in choices, with intervals, and what the two come to.

Source: Language Models Surface the Unwritten Code of Science and Society (methods, paper 3): the gap between how often a rule is
stated and how much it is rewarded. The rules for a verdict are our own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from constitutions.algorithms.merging import stems
from constitutions.algorithms.scoring import FEWEST_CLUSTERS
from core.algorithms.uncertainty import benjamini_hochberg

PENALTY = 1.0  # of half the squared weights, beside the log-likelihood of all choices
RESAMPLES = 400
MAX_Q = 0.05
SMALL_WEIGHT = float(special.logit(0.6))  # one standard deviation of votes moves an even choice to at most 60 %
SAID_FROM = 0.05  # of the reasons
FEWEST_FOR_R = 10  # principles, for an interval of r
ROUNDED = 6  # places of what comes from a solver, so that the same input gives the same bytes

SAID_REWARDED = "said and rewarded"
SAID_ONLY = "said, not rewarded"
REWARDED_ONLY = "rewarded, not said"
NEITHER = "neither"
UNKNOWN = "not enough evidence"


class Weight(NamedTuple):
    """A principle's weight in the choices, per standard deviation of its votes, with its 95 % interval and q over all
    principles; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    q: float | None = None

    @property
    def is_rewarded(self) -> bool | None:
        """Whether choices follow the principle or its opposite; None where that is open."""
        if self.low is None or self.high is None or self.q is None:
            return None
        if self.q <= MAX_Q and not self.low <= 0 <= self.high:
            return True
        return False if max(-self.low, self.high) <= SMALL_WEIGHT else None


def weights(votes: np.ndarray, clusters: Sequence[object], rng: np.random.Generator) -> list[Weight]:
    """Return the weight of each principle in a logistic regression of the choices on all of them together.

    `votes` has shape (choices, principles): 1 where a principle speaks for the chosen text, −1 for the other one, 0 for neither.
    Its columns are divided by their root mean square; there is no intercept, since which text stands first is chance, and an L2
    penalty keeps weights finite. The interval is ± t (clusters − 1) times the standard deviation over resamples of whole
    clusters, and p is of the same t; under ten clusters there is none. A principle that never speaks has no weight.
    """
    votes = np.asarray(votes, dtype=float)
    size = np.sqrt((votes**2).mean(axis=0)) if len(votes) else np.zeros(votes.shape[1])
    speaks = size > 0
    if not speaks.any():
        return [Weight(None)] * votes.shape[1]
    x = votes[:, speaks] / size[speaks]
    value = _fitted(x, np.ones(len(x)), np.zeros(x.shape[1]))
    found: list[Weight | None] = [None] * votes.shape[1]
    _names, place = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(place.max()) + 1
    if count < FEWEST_CLUSTERS:
        rows = [Weight(round(float(v), ROUNDED)) for v in value]
    else:
        times = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES)
        drawn = np.array([_fitted(x, drawn[place].astype(float), value) for drawn in times])
        error = np.maximum(drawn.std(axis=0, ddof=1), 1e-9)
        reach = float(special.stdtrit(count - 1, 0.975)) * error
        q = benjamini_hochberg(2 * special.stdtr(count - 1, -np.abs(value / error)))
        rows = [
            Weight(*(round(float(n), ROUNDED) for n in row))
            for row in zip(value, value - reach, value + reach, q, strict=True)
        ]
    for column, row in zip(np.flatnonzero(speaks), rows, strict=True):
        found[column] = row
    return [row or Weight(None) for row in found]


def _fitted(x: np.ndarray, times: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the penalised weights by Newton's method; `times` is how often each choice counts."""
    fitted = start
    for _step in range(50):
        missed = special.expit(-(x @ fitted))
        slope = x.T @ (times * missed) - PENALTY * fitted
        curve = (x.T * (times * missed * (1 - missed))) @ x + PENALTY * np.eye(x.shape[1])
        step = np.linalg.solve(curve, slope)
        longest = np.abs(step).max()
        fitted = fitted + step * min(1.0, 2 / longest if longest else 1.0)
        if longest < 1e-8:
            break
    return fitted


def is_said(interval: tuple[float, float] | None) -> bool | None:
    """Return whether a principle is said: whether the interval of its share of the reasons lies above, or below,
    `SAID_FROM`; None where that is open."""
    if interval is None or interval[0] <= SAID_FROM <= interval[1]:
        return None
    return interval[0] > SAID_FROM


def verdict(said: bool | None, rewarded: bool | None) -> str:
    """Return what a principle's two sides come to."""
    if said is None or rewarded is None:
        return UNKNOWN
    if said:
        return SAID_REWARDED if rewarded else SAID_ONLY
    return REWARDED_ONLY if rewarded else NEITHER


class Correlation(NamedTuple):
    """Pearson's r over n principles, None where it is not defined, with Fisher's interval from ten principles on."""

    r: float | None
    n: int
    ci: tuple[float, float] | None = None


def correlation(first: Sequence[float], second: Sequence[float]) -> Correlation:
    """Return Pearson's r of two figures of the same principles; not defined under three, or where one never varies."""
    n = len(first)
    if n < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return Correlation(None, n)
    r = round(float(np.corrcoef(first, second)[0, 1]), ROUNDED)
    if n < FEWEST_FOR_R or abs(r) == 1:
        return Correlation(r, n)
    reach = 1.959964 / np.sqrt(n - 3)
    low, high = np.tanh(np.arctanh(r) + np.array([-reach, reach]))
    return Correlation(r, n, (round(float(low), ROUNDED), round(float(high), ROUNDED)))


def words_of(principle: str) -> list[str]:
    """Return the stems of a principle's words that carry meaning, each once, in their order."""
    return list(dict.fromkeys(stems(principle)))


def shares_words(reason: str, words: Sequence[str]) -> bool:
    """Whether a reason has at least half of these stems, which is all that can be said without understanding it."""
    return bool(words) and 2 * len(set(words) & set(stems(reason))) >= len(words)
