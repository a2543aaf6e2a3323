"""Groups of people who answer alike: a map of their answers, k-means on it, and how far the groups can be relied on.

Answers are 1 (agree), −1 (disagree), 0 (pass); what someone never saw is missing and counts as the mean of the item. The map and
its projection are those of Polis (Small et al. 2021); stability and the comparison with shuffled answers are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

FIT_STARTS, REPEAT_STARTS = 10, 3
BLOCK = 1_000_000  # distances held at once
DENSE = 1_000  # as many items are decomposed exactly; above, iteratively
one_thread = ThreadpoolController().wrap(
    limits=1
)  # so that sums have one order, and small fits do not wait for threads


@dataclass(frozen=True)
class GroupRules:
    """Who is placed, which numbers of groups are tried, and when groups count as clear."""

    least_answers: int = 7
    most_groups: int = 5
    smallest_group: int = 5
    least_silhouette: float = 0.1
    least_stability: float = 0.5
    resamples: int = 100
    shuffles: int = 19


class Answers(NamedTuple):
    """Columns of one length: people 0…, items 0…, answers 1, 0 or −1; each person answers an item at most once. Then how
    many people and items there are."""

    person: np.ndarray
    item: np.ndarray
    answer: np.ndarray
    people: int
    items: int


class Space(NamedTuple):
    """A plane in the space of items: each item's mean (items,), two axes of length one (2, items), and the share of the
    variance along each (2,). Axes are zero where people do not differ."""

    mean: np.ndarray
    axes: np.ndarray
    explained: np.ndarray


class Tried(NamedTuple):
    """One number of groups: its mean silhouette, and whether every group has enough people to be told."""

    k: int
    silhouette: float
    is_large_enough: bool


class OpinionGroups(NamedTuple):
    """What was found. `labels` has each person's group 0… by size, or −1 for those who are not placed; all −1 without groups.

    `stability` is the mean adjusted Rand index of resamples, `stability_interval` where 90 % of them lie;
    `chance_silhouette` is the highest of shuffled answers. `reasons` says why groups are not clear; empty: they are.
    """

    space: Space
    points: np.ndarray
    placed: np.ndarray
    labels: np.ndarray
    tried: list[Tried]
    k: int | None
    silhouette: float | None
    stability: float | None
    stability_interval: tuple[float, float] | None
    chance_silhouette: float | None
    reasons: list[str]

    @property
    def is_clear(self) -> bool:
        return not self.reasons


TOO_FEW = "too few people answered enough"
ALIKE = "people do not differ"
SMALL = "only groups of fewer than five people"
BLURRED = "groups run into each other"
UNSTABLE = "other people would make other groups"
CHANCE = "shuffled answers make groups as clear"


@one_thread
def find_groups(answers: Answers, *, rules: GroupRules = GroupRules(), seed: int = 0) -> OpinionGroups:
    """Return the opinion groups of the people who answered enough, with what speaks against relying on them.

    The number of groups is that of 2…5 with the highest mean silhouette whose groups all have enough people. `seed` is for the
    resamples and shuffles alone: the same answers have the same groups, so that no two runs differ by a person. Raises
    nothing: too few people is an answer.
    """
    space, points, placed = place(answers, rules)
    tried, fits = try_numbers(points[placed], rules, FIT_STARTS)
    labels = np.full(answers.people, -1)
    able = [t for t in tried if t.is_large_enough]
    nothing = OpinionGroups(space, points, placed, labels, tried, None, None, None, None, None, [])
    if not tried:
        return nothing._replace(reasons=[ALIKE if answers.people and _enough(placed, rules) else TOO_FEW])
    if not able:
        return nothing._replace(reasons=[SMALL])
    best = max(able, key=lambda t: (t.silhouette, -t.k))
    labels[placed] = fits[best.k]
    runs = stability(answers, labels, best.k, rules, seed)
    chance = max((_best_shuffled(answers, rules, seed, n) for n in range(rules.shuffles)), default=-1.0)
    agreement = float(np.mean(runs)) if len(runs) else None
    reasons = [
        reason
        for reason, holds in (
            (BLURRED, best.silhouette < rules.least_silhouette),
            (UNSTABLE, agreement is not None and agreement < rules.least_stability),
            (CHANCE, best.silhouette <= chance),
        )
        if holds
    ]
    interval = (float(np.quantile(runs, 0.05)), float(np.quantile(runs, 0.95))) if len(runs) else None
    return OpinionGroups(
        space, points, placed, labels, tried, best.k, best.silhouette, agreement, interval, chance, reasons
    )


def place(answers: Answers, rules: GroupRules) -> tuple[Space, np.ndarray, np.ndarray]:
    """Return the map, everyone's place on it (people, 2), and who is placed (a mask): those with `least_answers` or answers to
    all items if there are fewer. If that is fewer than fifteen people, the most active are added up to fifteen."""
    space = fit_space(answers)
    count = np.bincount(answers.person, minlength=answers.people)
    placed = count >= max(min(rules.least_answers, answers.items), 1)
    if placed.sum() < 15:
        placed[np.argsort(-count, kind="stable")[:15]] = True
        placed &= count > 0
    return space, project(answers, space), placed


def fit_space(answers: Answers, weight: np.ndarray | None = None) -> Space:
    """Return the two main axes of the answers, each missing one at the mean of its item. `weight` (people,) counts a person
    several times. The largest entry of each axis is positive, so that the map does not flip."""
    mean = _means(answers, weight)
    centred = _centred(answers, mean)
    if weight is not None:
        centred = sparse.diags_array(np.sqrt(weight)) @ centred
    total = float((centred.data**2).sum())
    axes, strength = np.zeros((2, answers.items)), np.zeros(2)
    if total > 1e-12:
        vectors, squares = _main_axes(centred)
        axes[: len(vectors)], strength[: len(squares)] = vectors, squares / total
        axes[strength < 1e-12] = 0
    largest = np.argmax(np.round(np.abs(axes), 9), axis=1) if answers.items else np.zeros(2, dtype=int)
    signs = np.sign(axes[[0, 1], largest]) if answers.items else np.ones(2)
    return Space(mean, axes * np.where(signs == 0, 1, signs)[:, None], strength)


def project(answers: Answers, space: Space) -> np.ndarray:
    """Return everyone's place (people, 2). Who answered few items is moved out as if they had answered all in the same way;
    who answered none stands at 0."""
    count = np.bincount(answers.person, minlength=answers.people)
    reach = np.sqrt(answers.items / np.maximum(count, 1))
    return np.asarray((_centred(answers, space.mean) @ space.axes.T) * reach[:, None])


def try_numbers(
    points: np.ndarray, rules: GroupRules, starts: int, seed: int = 0
) -> tuple[list[Tried], dict[int, np.ndarray]]:
    """Return each number of groups that was tried with its silhouette, and its labels. More than 2 + n/12 are not tried, nor
    more than there are different places; none under twice the smallest group."""
    different = len(np.unique(points.round(9), axis=0)) if len(points) else 0
    most = min(rules.most_groups, 2 + len(points) // 12, different)
    if len(points) < 2 * rules.smallest_group or most < 2:
        return [], {}
    fits = {k: _cluster(points, k, seed, starts)[0] for k in range(2, most + 1)}
    scores = silhouettes(points, [fits[k] for k in fits])
    tried = [
        Tried(k, score, bool(np.bincount(fits[k]).min() >= rules.smallest_group))
        for k, score in zip(fits, scores, strict=True)
    ]
    return tried, fits


def silhouettes(points: np.ndarray, labelings: Sequence[np.ndarray]) -> list[float]:
    """Return the mean silhouette of each labeling 0…k−1 (people,) of the same points (people, d); someone alone counts 0.

    Exact, over all pairs of people, whose distances are worked out once for all labelings. Source: Rousseeuw 1987.
    """
    sizes = [np.bincount(labels) for labels in labelings]
    hot = np.concatenate(
        [np.eye(len(size), dtype=np.float32)[of] for size, of in zip(sizes, labelings, strict=True)], 1
    )
    axes = np.ascontiguousarray(points.T, dtype=np.float32)
    sums = np.empty((len(points), hot.shape[1]))
    step = max(1, BLOCK // max(len(points), 1))
    for start in range(0, len(points), step):
        far = np.zeros((len(points[start : start + step]), len(points)), dtype=np.float32)
        for axis in axes:
            part = axis[start : start + step, None] - axis
            part *= part
            far += part
        sums[start : start + step] = np.sqrt(far, out=far) @ hot
    found, column = [], 0
    for size, labels in zip(sizes, labelings, strict=True):
        mine = sums[:, column : column + len(size)]
        column += len(size)
        rows = np.arange(len(points))
        own = mine[rows, labels] / np.maximum(size[labels] - 1, 1)
        other = mine / size
        other[rows, labels] = np.inf
        near = other.min(axis=1)
        score = np.where(size[labels] > 1, (near - own) / np.maximum(np.maximum(near, own), 1e-12), 0.0)
        found.append(float(score.mean()))
    return found


def stability(answers: Answers, labels: np.ndarray, k: int, rules: GroupRules, seed: int) -> np.ndarray:
    """Return the adjusted Rand index of each resample: as many people are drawn with replacement, map and k groups are made of
    them anew, and everyone placed is put into the nearest of these groups and compared with `labels`."""
    rng = np.random.default_rng([seed, 1])
    answered = np.unique(answers.person)
    placed = labels >= 0
    found = []
    for turn in range(rules.resamples):
        drawn = rng.choice(answered, len(answered))
        weight = np.bincount(drawn, minlength=answers.people).astype(float)
        points = project(answers, fit_space(answers, weight))[placed]
        weight = weight[placed]
        if len(np.unique(points[weight > 0].round(9), axis=0)) < k:
            found.append(0.0)
            continue
        _labels, centres = _cluster(points[weight > 0], k, seed + turn, REPEAT_STARTS, weight[weight > 0])
        nearest = ((points[:, None, :] - centres) ** 2).sum(axis=2).argmin(axis=1)
        found.append(float(adjusted_rand_score(labels[placed], nearest)))
    return np.array(found)


def _best_shuffled(answers: Answers, rules: GroupRules, seed: int, turn: int) -> float:
    """Return the best silhouette where each item's answers are dealt out anew among those who answered it: who saw what and how
    popular each item is stay, what people think does not."""
    rng = np.random.default_rng([seed, 2, turn])
    order = np.lexsort((rng.random(len(answers.item)), answers.item))
    by_item = np.argsort(answers.item, kind="stable")
    dealt = np.empty_like(answers.answer)
    dealt[by_item] = answers.answer[order]
    _space, points, placed = place(answers._replace(answer=dealt), rules)
    tried, _fits = try_numbers(points[placed], rules, REPEAT_STARTS, seed)
    return max((t.silhouette for t in tried), default=-1.0)


def _cluster(
    points: np.ndarray, k: int, seed: int, starts: int, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, the largest group first, and the groups' centres in that order."""
    fit = KMeans(n_clusters=k, n_init=starts, random_state=seed % 2**32).fit(points, sample_weight=weight)
    size = np.bincount(fit.labels_, minlength=k)
    first = np.array([np.argmax(fit.labels_ == label) for label in range(k)])
    order = np.lexsort((first, -size))
    rank = np.empty(k, dtype=int)
    rank[order] = np.arange(k)
    return rank[fit.labels_], fit.cluster_centers_[order]


def _enough(placed: np.ndarray, rules: GroupRules) -> bool:
    return bool(placed.sum() >= 2 * rules.smallest_group)


def _means(answers: Answers, weight: np.ndarray | None) -> np.ndarray:
    own = np.ones(len(answers.person)) if weight is None else weight[answers.person]
    seen = np.bincount(answers.item, own, minlength=answers.items)
    total = np.bincount(answers.item, own * answers.answer, minlength=answers.items)
    return np.divide(total, seen, out=np.zeros(answers.items), where=seen > 0)


def _centred(answers: Answers, mean: np.ndarray) -> sparse.csr_array:
    """Return the answers less their item's mean: what is missing is at the mean, so it is 0 and need not be held."""
    values = answers.answer - mean[answers.item]
    return sparse.csr_array((values, (answers.person, answers.item)), shape=(answers.people, answers.items))


def _main_axes(centred: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Return up to two main axes (axes, items) and their sums of squares, the largest first."""
    items = centred.shape[1]
    if items <= DENSE:
        gram = (centred.T @ centred).toarray()
        squares, vectors = linalg.eigh(gram, subset_by_index=[max(items - 2, 0), items - 1])
        return vectors.T[::-1], np.maximum(squares[::-1], 0)
    if min(centred.shape) <= 2:
        _u, s, v = np.linalg.svd(centred.toarray(), full_matrices=False)
        return v[:2], s[:2] ** 2
    _u, s, v = svds(centred, k=2, v0=np.ones(min(centred.shape)))
    order = np.argsort(-s)
    return v[order], s[order] ** 2
