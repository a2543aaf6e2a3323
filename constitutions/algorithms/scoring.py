"""How well principles decide comparisons that they were not chosen on, beside baselines, with intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse, special

from core.algorithms.uncertainty import jeffreys

FEWEST_CLUSTERS = 10
RESAMPLES = 1000


class Split(NamedTuple):
    """Places of the training and of the held-out comparisons. No prompt is on both sides."""

    train: np.ndarray
    test: np.ndarray


def split_by_prompt(prompts: Sequence[str], test_fraction: float, rng: np.random.Generator) -> Split:
    """Split so that all comparisons of a prompt fall on one side, and about `test_fraction` of them are held out.

    Raises ValueError if a side would be empty or the fraction is not between 0 and 1.
    """
    if not 0 < test_fraction < 1:
        raise ValueError("the held-out fraction lies between 0 and 1")
    groups = sorted(set(prompts))
    if len(groups) < 2:
        raise ValueError("a split by prompt needs two prompts or more")
    shuffled = [groups[i] for i in rng.permutation(len(groups))]
    held = set(shuffled[: min(len(groups) - 1, max(1, round(len(groups) * test_fraction)))])
    is_held = np.array([prompt in held for prompt in prompts])
    return Split(np.flatnonzero(~is_held), np.flatnonzero(is_held))


class Share(NamedTuple):
    """A share with its 95 % interval, or None where there are too few clusters for one."""

    n: int
    value: float
    low: float | None
    high: float | None


def share_by_cluster(hits: np.ndarray, clusters: Sequence[str], rng: np.random.Generator) -> Share:
    """Return the mean of `hits` (0 to 1) with a bootstrap interval that draws whole clusters.

    From about 100 clusters its true coverage is 93–97 % (docs/methods/features-judge.md); below 50 a cluster t interval with
    G − 1 degrees of freedom, which is the better there; under 10 none.
    """
    if not len(hits):
        return Share(0, float("nan"), None, None)
    _names, place = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(place, weights=hits)
    sizes = np.bincount(place)
    count, value = len(sums), float(hits.mean())
    if count < FEWEST_CLUSTERS:
        return Share(len(hits), value, None, None)
    if value in (0.0, 1.0):  # nothing varies, so resampling would claim certainty: Jeffreys on the clusters
        return Share(len(hits), value, *jeffreys(count if value else 0, count))
    if count < 50:
        residuals = sums - value * sizes
        error = float(np.sqrt(count / (count - 1) * (residuals**2).sum())) / len(hits)
        reach = float(special.stdtrit(count - 1, 0.975)) * error
        return Share(len(hits), value, max(0.0, value - reach), min(1.0, value + reach))
    drawn = rng.integers(0, count, (RESAMPLES, count))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Share(len(hits), value, float(low), float(high))


def difference_by_cluster(
    first: np.ndarray, second: np.ndarray, clusters: Sequence[str], rng: np.random.Generator
) -> Share:
    """Return the mean difference of two judges' hits on the same comparisons, with an interval as `share_by_cluster`.

    Only where the interval excludes 0 may one be said to beat the other.
    """
    shifted = share_by_cluster((first - second + 1) / 2, clusters, rng)
    ends = [None if end is None else 2 * end - 1 for end in (shifted.low, shifted.high)]
    return Share(shifted.n, 2 * shifted.value - 1, *ends)


def hits(decisions: np.ndarray, answers: Sequence[str]) -> np.ndarray:
    """Return 1 where a decision (above 0: a, below: b) is the answer, 0 where it is not, ½ where it decides nothing."""
    side = np.array([1 if answer == "a" else -1 for answer in answers])
    return np.where(decisions == 0, 0.5, (np.sign(decisions) == side).astype(float))


def weighted_votes(
    differences: np.ndarray, candidates: Sequence[int], signs: Sequence[int], weights: Sequence[float]
) -> np.ndarray:
    """Return the transparent executor's decisions: each principle votes for the text it speaks for, with its weight."""
    if not len(candidates):
        return np.zeros(len(differences))
    votes = np.sign(differences[:, list(candidates)]) * np.asarray(signs)
    return np.asarray(np.round(votes @ np.asarray(weights), 12))


def damped(differences: np.ndarray) -> np.ndarray:
    """Return the signed square root, so that a text with a hundred of something does not decide alone."""
    return np.asarray(np.sign(differences) * np.sqrt(np.abs(differences)))


def logistic_decisions(train: np.ndarray, answers: Sequence[str], test: np.ndarray) -> np.ndarray:
    """Return the decisions of a logistic regression on all features: a ceiling that is scored and cannot be read."""
    from sklearn.linear_model import LogisticRegression  # large, and no page needs it
    from sklearn.preprocessing import StandardScaler

    y = np.array([answer == "a" for answer in answers])
    if len(set(y)) < 2:
        return np.zeros(len(test))
    scaler = StandardScaler(with_mean=False).fit(damped(train))
    model = LogisticRegression(C=0.01, fit_intercept=False, max_iter=2000).fit(scaler.transform(damped(train)), y)
    return np.asarray(model.decision_function(scaler.transform(damped(test))))


def tfidf_decisions(
    train: tuple[np.ndarray, Sequence[str], Sequence[str]],
    answers: Sequence[str],
    test: tuple[np.ndarray, Sequence[str], Sequence[str]],
) -> np.ndarray:
    """Return the decisions of a logistic regression on all features and the words themselves; each part is (feature
    differences, texts a, texts b). Unreadable; a figure above 80 % usually means that the split leaks."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # large, and no page needs it
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    y = np.array([answer == "a" for answer in answers])
    if len(set(y)) < 2:
        return np.zeros(len(test[0]))
    vectoriser = TfidfVectorizer(min_df=3, sublinear_tf=True, ngram_range=(1, 2), max_features=20_000)
    try:
        vectoriser.fit([*train[1], *train[2]])
    except ValueError:  # no word occurs often enough
        return logistic_decisions(train[0], answers, test[0])
    scaler = StandardScaler(with_mean=False).fit(damped(train[0]))

    def together(part: tuple[np.ndarray, Sequence[str], Sequence[str]]) -> sparse.csr_matrix:
        words = vectoriser.transform(part[1]) - vectoriser.transform(part[2])
        return sparse.hstack([sparse.csr_matrix(scaler.transform(damped(part[0])) * 0.3), words]).tocsr()

    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=2000).fit(together(train), y)
    return np.asarray(model.decision_function(together(test)))
