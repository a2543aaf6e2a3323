"""A moral axis: the direction in which the texts of approved and rejected actions differ most, and where other texts fall on it.

The first principal component of the actions' vectors, turned so that the approved lie on its positive side (Schramowski and
others 2022, arXiv 2103.11790; repository ml-research/MoRT_NMI). Whether it has to do with approval at all is tested on actions
that it was not made of. A property of texts, never of a person.

The source averages a sentence model's vectors over questions ("Should I …?", "Is it okay to …?"). Our vectors are of words
alone, where a question's own words are the same for every action and tell nothing, so actions are taken as they are.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

DIMENSIONS = 50
_WORD = re.compile(r"\b\w+\b")
FOLDS = 5
WIDE = 1.96  # deviations on either side, for 95 %


class Axis(NamedTuple):
    """A direction (a unit vector), half the way along it from the rejected to the approved on average, and the share of the
    actions' variance along it."""

    direction: np.ndarray
    reach: float
    share: float


class HeldOut(NamedTuple):
    """How far places on the axis agree with approval, on actions that the axis was not made of: Pearson's r, how likely one as
    great would be if the labels were shuffled, and how many actions it rests on. r is None where all places are the same."""

    r: float | None
    p: float
    n: int


def text_vectors(texts: Sequence[str], *, seed: int = 0) -> np.ndarray:
    """Return a vector of each text: TF-IDF of its words and pairs of words, reduced to at most 50 dimensions.

    An n × d array. Raises ValueError if no text has a word.
    """
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=_WORD.pattern)
    matrix = vectoriser.fit_transform(texts)
    most = min(DIMENSIONS, matrix.shape[0] - 1, matrix.shape[1] - 1)
    if most < 1:
        return np.asarray(matrix.toarray())
    return np.asarray(TruncatedSVD(most, random_state=seed).fit_transform(matrix))


def words_shared(texts: Sequence[str], actions: Sequence[str]) -> list[int]:
    """Return how many different words of each text occur in any of the actions. One that shares none can't be placed."""
    known = {word for action in actions for word in _WORD.findall(action.lower())}
    return [len(known.intersection(_WORD.findall(text.lower()))) for text in texts]


def fit_axis(vectors: np.ndarray, approved: np.ndarray) -> Axis:
    """Return the axis of actions: an n × d array, and for each whether it is approved.

    Raises ValueError unless there are approved and rejected ones, or if all vectors are the same.
    """
    approved = np.asarray(approved, dtype=bool)
    if approved.all() or not approved.any():
        raise ValueError("an axis needs approved and rejected actions")
    _centre, direction, share = _first_component(np.asarray(vectors, dtype=float))
    good, bad = (float((vectors[side] @ direction).mean()) for side in (approved, ~approved))
    if good < bad:
        direction, good, bad = -direction, -good, -bad
    return Axis(direction, max((good - bad) / 2, 1e-12), share)


def _first_component(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    centre = vectors.mean(axis=0)
    spread, components = np.linalg.eigh((vectors - centre).T @ (vectors - centre))
    if spread[-1] < 1e-12:
        raise ValueError("all actions have the same text")
    return centre, components[:, -1], float(spread[-1] / spread.clip(min=0).sum())


def places(axis: Axis, vectors: np.ndarray) -> np.ndarray:
    """Return where texts fall along an axis, from the average of these texts; from rejected to approved actions is 2.

    Not from the middle of the actions: texts of another kind lie to one side of it as a whole, for words that they lack.
    """
    along = vectors @ axis.direction
    found: np.ndarray = (along - along.mean()) / axis.reach
    return found


def intervals(
    actions: np.ndarray, approved: np.ndarray, others: np.ndarray, *, rng: np.random.Generator, resamples: int = 200
) -> np.ndarray:
    """Return the 95 % interval of each other text's place, an m × 2 array: 1.96 times its deviation when approved and rejected
    actions are drawn anew. (Drawing anew pulls places towards 0, so that its percentiles would miss the place itself.)"""
    drawn = [places(fit_axis(actions[c], approved[c]), others) for c in _drawn(approved, rng, resamples)]
    place, around = places(fit_axis(actions, approved), others), WIDE * np.std(drawn, axis=0)
    return np.column_stack([place - around, place + around])


def _drawn(approved: np.ndarray, rng: np.random.Generator, resamples: int) -> list[np.ndarray]:
    sides = np.flatnonzero(approved), np.flatnonzero(~np.asarray(approved, dtype=bool))
    return [np.concatenate([rng.choice(side, side.size) for side in sides]) for _ in range(resamples)]


def held_out(
    vectors: np.ndarray, approved: np.ndarray, *, rng: np.random.Generator, permutations: int = 999
) -> HeldOut:
    """Return whether an axis made of four fifths of the actions tells approved from rejected among the rest.

    Each shuffle of the labels turns the axis and scores the rest in the same way.
    """
    labels = np.where(approved, 1.0, -1.0)
    fold = np.empty(len(labels), dtype=int)
    for side in (labels > 0, labels < 0):
        fold[side] = rng.permutation(int(side.sum())) % FOLDS
    along = np.zeros((FOLDS, len(labels)))
    for number in range(FOLDS):
        centre, direction, _share = _first_component(vectors[fold != number])
        along[number] = (vectors - centre) @ direction
        along[number] /= np.abs(along[number][fold != number]).max()
    out = np.arange(FOLDS)[:, None] == fold

    def correlation(signs: np.ndarray) -> float | None:
        sums = [((along * ~out) @ (signs == side)) / np.maximum(~out @ (signs == side), 1) for side in (1, -1)]
        turned = np.where(sums[0] < sums[1], -1.0, 1.0)[:, None] * along
        scores = turned[fold, np.arange(len(signs))]
        return float(np.corrcoef(scores, signs)[0, 1]) if scores.std() > 1e-12 else None

    r = correlation(labels)
    if r is None:
        return HeldOut(None, 1.0, len(labels))
    shuffled = [correlation(rng.permutation(labels)) for _ in range(permutations)]
    as_great = sum(other is not None and other >= r for other in shuffled)
    return HeldOut(r, (1 + as_great) / (1 + permutations), len(labels))


def angle(first: Axis, second: Axis) -> float:
    """Return the angle between two axes in degrees: 0 is the same direction, 90 nothing in common, 180 the opposite."""
    cosine = float(np.clip(first.direction @ second.direction, -1.0, 1.0))
    return float(np.degrees(np.arccos(cosine)))


class Compared(NamedTuple):
    """The angle between two groups' axes with its 95 % interval, and how far apart, 19 times of 20 at most, axes of one and the
    same group come out when its actions are drawn twice: within that, two groups can't be told apart."""

    degrees: float
    interval: tuple[float, float]
    by_chance: float


def compare_axes(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    *,
    rng: np.random.Generator,
    resamples: int = 200,
) -> Compared:
    """Compare the axes of two groups; each is (vectors, approved), in one space."""
    ours, ours_again, theirs, theirs_again = (
        [fit_axis(vectors[c], approved[c]) for c in _drawn(approved, rng, resamples)]
        for vectors, approved in (first, first, second, second)
    )
    degrees = angle(fit_axis(*first), fit_axis(*second))
    around = WIDE * float(np.std([angle(*pair) for pair in zip(ours, theirs, strict=True)]))
    twice = [[angle(*pair) for pair in zip(a, b, strict=True)] for a, b in ((ours, ours_again), (theirs, theirs_again))]
    by_chance = float(np.quantile(twice, 0.95, axis=1).max())
    return Compared(degrees, (max(0.0, degrees - around), min(180.0, degrees + around)), by_chance)
