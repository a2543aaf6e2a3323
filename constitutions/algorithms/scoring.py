"""How well principles decide comparisons that they were not chosen on, beside baselines, with intervals."""

import hashlib
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

    Prompts are ranked by a hash of their own, salted by `rng`: one more prompt leaves nearly all others where they were.
    Raises ValueError if a side would be empty or the fraction is not between 0 and 1.
    """
    if not 0 < test_fraction < 1:
        raise ValueError("the held-out fraction lies between 0 and 1")
    groups = sorted(set(prompts))
    if len(groups) < 2:
        raise ValueError("a split by prompt needs two prompts or more")
    salt = rng.bytes(8)
    ranked = sorted(groups, key=lambda prompt: hashlib.sha256(salt + prompt.encode(errors="surrogatepass")).digest())
    held = set(ranked[: min(len(groups) - 1, max(1, round(len(groups) * test_fraction)))])
    is_held = np.array([prompt in held for prompt in prompts])
    return Split(np.flatnonzero(~is_held), np.flatnonzero(is_held))


class Share(NamedTuple):
    """A share with its 95 % interval, or None where there are too few clusters for one."""

    n: int
    value: float
    low: float | None
    high: float | None


def number(value: float) -> float | None:
    """Return a figure as a body says it: None where there is none."""
    return None if np.isnan(value) else float(value)


def ends(share: Share) -> list[float] | None:
    """Return the ends of the interval as a body says them."""
    return None if share.low is None or share.high is None else [share.low, share.high]


def share_by_cluster(
    hits: np.ndarray, clusters: Sequence[str], rng: np.random.Generator, raters: Sequence[int] = ()
) -> Share:
    """Return the mean of `hits` (0 to 1) with a bootstrap interval that draws whole clusters.

    Where it is known who answered (`raters`, a number for each), and there are ten of them or more, raters are drawn, and then
    prompts within each: what one person prefers goes together, and so does what is about one prompt.

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
    if len(raters) and len(set(raters)) >= FEWEST_CLUSTERS:
        means = _drawn_raters_first(hits, place, np.asarray(raters), rng)
        low, high = np.percentile(means, [2.5, 97.5])
        return Share(len(hits), value, float(low), float(high))
    if count < 50:
        residuals = sums - value * sizes
        error = float(np.sqrt(count / (count - 1) * (residuals**2).sum())) / len(hits)
        reach = float(special.stdtrit(count - 1, 0.975)) * error
        return Share(len(hits), value, max(0.0, value - reach), min(1.0, value + reach))
    drawn = rng.integers(0, count, (RESAMPLES, count))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Share(len(hits), value, float(low), float(high))


def _drawn_raters_first(
    hits: np.ndarray, prompts: np.ndarray, raters: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the means of resamples that draw raters, and within each of them as many prompts as they have."""
    _names, who = np.unique(raters, return_inverse=True)
    count = int(who.max()) + 1
    times = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES)  # how often each rater is drawn
    sums, sizes = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for rater in range(count):
        mine = np.flatnonzero(who == rater)
        _own, place = np.unique(prompts[mine], return_inverse=True)
        own_sums, own_sizes = np.bincount(place, weights=hits[mine]), np.bincount(place)
        drawn = rng.multinomial(times[:, rater] * len(own_sums), np.full(len(own_sums), 1 / len(own_sums)))
        sums += drawn @ own_sums
        sizes += drawn @ own_sizes
    return np.asarray(sums / sizes)


def strength_by_cluster(
    votes: np.ndarray, clusters: Sequence[str], rng: np.random.Generator, raters: Sequence[int] = ()
) -> Share:
    """Return the mean of votes (1, 0 or −1), which is the strength, −1 to 1, with an interval as `share_by_cluster`."""
    return _doubled(share_by_cluster((votes + 1) / 2, clusters, rng, raters))


def difference_by_cluster(
    first: np.ndarray,
    second: np.ndarray,
    clusters: Sequence[str],
    rng: np.random.Generator,
    raters: Sequence[int] = (),
) -> Share:
    """Return the mean difference of two judges' hits on the same comparisons, with an interval as `share_by_cluster`.

    Only where the interval excludes 0 may one be said to beat the other.
    """
    return _doubled(share_by_cluster((first - second + 1) / 2, clusters, rng, raters))


def _doubled(share: Share) -> Share:
    low, high = (None if end is None else 2 * end - 1 for end in (share.low, share.high))
    return Share(share.n, 2 * share.value - 1, low, high)


def agreement(first: np.ndarray, second: np.ndarray) -> dict[str, float | int | None]:
    """Return how often two executors decide alike where both decide (1 text a, −1 text b), and Cohen's κ of it."""
    both = (first != 0) & (second != 0)
    n = int(both.sum())
    if not n:
        return {"n": 0, "share": None, "kappa": None}
    one, two = np.sign(first[both]), np.sign(second[both])
    share = float((one == two).mean())
    chance = float((one > 0).mean() * (two > 0).mean() + (one < 0).mean() * (two < 0).mean())
    return {"n": n, "share": share, "kappa": None if chance == 1 else (share - chance) / (1 - chance)}


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
