"""People and values in one space, and how well it foretells what people choose.

Each item has two poles: agreeing with it, and the other answer. Poles that the same people hold lie close together, and a person
stands in the middle of what they hold. The nearer of two poles is the likelier choice.
Source: neural embedding of beliefs and relative dissonance (methods 37); positive pointwise mutual information and a truncated
singular value decomposition (Levy and Goldberg 2014) stand in for its tuned language model.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse, special
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans
from sklearn.metrics import roc_auc_score

from reports.algorithms.opinion_groups import Answers, one_thread, silhouettes

DIMENSIONS = 8
FOLDS = 5
STARTS = 10
CAMPS_SAMPLE = 2_000  # people among whom the silhouette is worked out


class ValueMap(NamedTuple):
    """Poles (2·items, d) of length one: agreeing with item i in row i, the other answer in row items + i. A pole that nobody
    holds together with another is not known: a row of NaN. People (people, d) are means of what they hold, else NaN."""

    poles: np.ndarray
    people: np.ndarray


class Foretold(NamedTuple):
    """How held-out answers are foretold. `area` is the chance that, of one answer of each kind, the map ranks the agreement
    higher (AUC); `accuracy` the share foretold rightly; `n` the answers, of which `unknown` more cannot be foretold.
    `majority_area` and `majority_accuracy` are what always naming each item's more frequent answer reaches, `both_area` what that
    and the map reach together (each part weighed by the others), `shuffled_area` what the map reaches with shuffled answers.
    `beta` is how strongly dissonance speaks; `dissonance` has that of each answer, NaN where it is unknown."""

    n: int
    unknown: int
    area: float | None
    interval: tuple[float, float] | None
    accuracy: float | None
    beta: float | None
    majority_area: float | None
    majority_accuracy: float | None
    both_area: float | None
    shuffled_area: float | None
    dissonance: np.ndarray


def embed(stances: Answers, dimensions: int = DIMENSIONS) -> ValueMap:
    """Return people and poles in one space. `stances` has no 0: 1 is agreeing, −1 the other answer."""
    pole = stances.item + np.where(stances.answer > 0, 0, stances.items)
    shape = (stances.people, 2 * stances.items)
    held = sparse.csr_array((np.ones(len(pole)), (stances.person, pole)), shape=shape)
    vectors = _vectors(held, dimensions)
    known = np.abs(vectors).sum(axis=1) > 0
    count = held @ known.astype(float)
    people = np.full((stances.people, vectors.shape[1]), np.nan)
    np.divide(held @ vectors, count[:, None], out=people, where=count[:, None] > 0)
    return ValueMap(np.where(known[:, None], vectors, np.nan), people)


def dissonance(space: ValueMap, person: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Return d(person, agreeing) − d(person, the other answer) for people and items in pairs: negative where agreeing is nearer.
    NaN where a person holds nothing or a pole is not known: there is nothing to foretell from."""
    items = len(space.poles) // 2
    near = np.linalg.norm(space.people[person] - space.poles[item], axis=1)
    return np.asarray(near - np.linalg.norm(space.people[person] - space.poles[items + item], axis=1))


def chance_of_agreeing(beta: float, difference: np.ndarray, popular: np.ndarray | float = 0.5) -> np.ndarray:
    """Return σ(−β·Δ); with `popular`, how likely agreeing is before dissonance speaks, σ(logit(popular) − β·Δ)."""
    return np.asarray(special.expit(special.logit(popular) - beta * difference))


def fit_beta(difference: np.ndarray, agrees: np.ndarray, popular: np.ndarray | float = 0.5) -> float:
    """Return the β that makes the answers likeliest, by Newton steps with a slight pull to 0 that keeps it finite. `popular` as
    in `chance_of_agreeing`."""
    beta = 0.0
    for _step in range(50):
        p = chance_of_agreeing(beta, difference, popular)
        slope = float((difference * (p - agrees)).sum()) - 1e-3 * beta
        curve = float((difference**2 * p * (1 - p)).sum()) + 1e-3
        step = slope / curve
        beta += float(np.clip(step, -5, 5))
        if abs(step) < 1e-9:
            break
    return beta


@one_thread
def foretell(stances: Answers, *, seed: int = 0, resamples: int = 200) -> Foretold:
    """Return how well the map foretells answers that it was not made of: each of five parts in turn is held out.

    The interval comes from drawing people anew. Nothing is told (None) where there are not answers of both kinds.
    """
    rng = np.random.default_rng([seed, 0])
    fold = rng.permutation(len(stances.item)) % FOLDS
    difference, popular = _held_out(stances, fold)
    known = ~np.isnan(difference)
    agrees = stances.answer > 0
    unknown = int((~known).sum())
    if len(np.unique(agrees[known])) < 2:
        return Foretold(int(known.sum()), unknown, None, None, None, None, None, None, None, None, difference)
    score, truth = -difference[known], agrees[known]
    runs = []
    for _turn in range(resamples):
        weight = np.bincount(rng.integers(0, stances.people, stances.people), minlength=stances.people)
        own = weight[stances.person[known]]
        if len(np.unique(truth[own > 0])) == 2:
            runs.append(roc_auc_score(truth, score, sample_weight=own))
    shuffled = stances._replace(answer=rng.permutation(stances.answer))
    other, _popular = _held_out(shuffled, fold)
    sure = ~np.isnan(other)
    return Foretold(
        n=int(known.sum()),
        unknown=unknown,
        area=float(roc_auc_score(truth, score)),
        interval=(float(np.quantile(runs, 0.025)), float(np.quantile(runs, 0.975))) if runs else None,
        accuracy=float(((score > 0) == truth).mean()),
        beta=fit_beta(difference[known], truth),
        majority_area=float(roc_auc_score(truth, popular[known])),
        majority_accuracy=float(((popular[known] >= 0.5) == truth).mean()),
        both_area=float(roc_auc_score(truth, _both(difference[known], popular[known], truth, fold[known]))),
        shuffled_area=_area(shuffled.answer[sure] > 0, -other[sure]),
        dissonance=difference,
    )


@one_thread
def two_camps(space: ValueMap, *, seed: int = 0) -> tuple[np.ndarray, float | None]:
    """Return which of two camps each person is in (people,), −1 for who holds nothing, and the mean silhouette of the split:
    near 1 if people stand in two far camps, near 0 if they stand in one cloud. None for fewer than ten people."""
    camp = np.full(len(space.people), -1)
    known = ~np.isnan(space.people).any(axis=1)
    points = space.people[known]
    if len(points) < 10 or len(np.unique(points.round(9), axis=0)) < 2:
        return camp, None
    camp[known] = KMeans(n_clusters=2, n_init=STARTS, random_state=seed % 2**32).fit_predict(points)
    chosen = np.arange(len(points))
    if len(chosen) > CAMPS_SAMPLE:
        chosen = np.sort(np.random.default_rng([seed, 1]).choice(chosen, CAMPS_SAMPLE, replace=False))
    return camp, silhouettes(points[chosen], [camp[known][chosen]])[0]


def flat(space: ValueMap) -> tuple[np.ndarray, np.ndarray]:
    """Return poles (2·items, 2) and people (people, 2) on the plane in which known poles differ most; NaN stays NaN. The largest
    weight of each axis is positive, so that the picture does not flip."""
    known = space.poles[~np.isnan(space.poles).any(axis=1)]
    if not len(known):
        return space.poles[:, :2], space.people[:, :2]
    middle = known.mean(axis=0)
    axes = np.linalg.svd(known - middle, full_matrices=False)[2][:2]
    axes = axes * _signs(axes)[:, None]
    return (space.poles - middle) @ axes.T, (space.people - middle) @ axes.T


def _vectors(held: sparse.csr_array, dimensions: int) -> np.ndarray:
    """Return a vector of length one for each pole, 0 for a pole that stands alone."""
    together = (held.T @ held).tolil()
    together.setdiag(0)
    together = together.tocsr()
    together.eliminate_zeros()
    own = np.asarray(together.sum(axis=0)).ravel()
    row, column = together.nonzero()
    surprise = np.log(together.data * own.sum() / (own[row] * own[column])) if len(row) else np.zeros(0)
    positive = sparse.csr_array((np.maximum(surprise, 0), (row, column)), shape=together.shape)
    size = together.shape[0]
    if not size:
        return np.zeros((0, dimensions))
    if size > 4 * dimensions:
        u, s, _v = svds(positive, k=dimensions, v0=np.ones(size))
    else:
        u, s, _v = np.linalg.svd(positive.toarray())
        u, s = u[:, :dimensions], s[:dimensions]
    order = np.argsort(-s, kind="stable")
    u, s = u[:, order], s[order]
    vectors = u * _signs(u.T) * np.sqrt(np.where(s > 1e-9, s, 0))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-9))


def _signs(axes: np.ndarray) -> np.ndarray:
    largest = np.argmax(np.round(np.abs(axes), 9), axis=1)
    return np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)


def _held_out(stances: Answers, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each answer's dissonance and its item's share of agreement, from the answers outside its fold."""
    difference, popular = np.full(len(fold), np.nan), np.full(len(fold), 0.5)
    for out in range(FOLDS):
        kept, left = fold != out, fold == out
        known = stances._replace(person=stances.person[kept], item=stances.item[kept], answer=stances.answer[kept])
        space = embed(known)
        difference[left] = dissonance(space, stances.person[left], stances.item[left])
        agreed = np.bincount(known.item, known.answer > 0, minlength=stances.items)
        share = (agreed + 1) / (np.bincount(known.item, minlength=stances.items) + 2)
        popular[left] = share[stances.item[left]]
    return difference, popular


def _both(difference: np.ndarray, popular: np.ndarray, agrees: np.ndarray, fold: np.ndarray) -> np.ndarray:
    chance = np.empty(len(fold))
    for out in range(FOLDS):
        kept = fold != out
        beta = fit_beta(difference[kept], agrees[kept], popular[kept])
        chance[~kept] = chance_of_agreeing(beta, difference[~kept], popular[~kept])
    return chance


def _area(truth: np.ndarray, score: np.ndarray) -> float | None:
    return float(roc_auc_score(truth, score)) if len(np.unique(truth)) == 2 else None
