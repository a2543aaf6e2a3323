"""How far two groupings of the same things agree: pairs that both, one or neither of them puts together; and how well a
threshold does on groups that it was not chosen on."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.metrics import adjusted_rand_score

FOLDS = 5
# The group of each thing, by any name.
Groups: TypeAlias = Sequence[Any] | np.ndarray


class PairScore(NamedTuple):
    """Of the pairs that a grouping puts together, the share that the reference does (precision); the other way round
    (recall); their harmonic mean. None where there is no such pair. `ari` is the adjusted Rand index, None if not asked."""

    precision: float | None
    recall: float | None
    f1: float | None
    ari: float | None


class HeldOut(NamedTuple):
    """Scores on groups that had no part in choosing the threshold: means over the draws of folds, the spread of F1, and the
    mean threshold that was chosen."""

    precision: float
    recall: float
    f1: float
    f1_sd: float
    threshold: float


def pair_score(found: Groups, reference: Groups) -> PairScore:
    """Compare two groupings, given as the group of each thing. Raises ValueError for different lengths."""
    together, sizes = _together(found, reference)
    right = float((np.diag(together) - sizes).sum() / 2)
    said = right + float((together.sum() - np.trace(together)) / 2)
    there = float((sizes * (sizes - 1)).sum() / 2)
    return _score(right, said, there)._replace(ari=float(adjusted_rand_score(reference, found)) if len(sizes) else None)


def held_out(
    groupings: Sequence[Groups], thresholds: Sequence[float], reference: Groups, *, draws: int, seed: int
) -> HeldOut:
    """Choose among groupings (one for each threshold, in order) on four fifths of the reference's groups and
    score on the rest, over `draws` seeded divisions into five folds.

    The choice looks at pairs within the four fifths: the best F1, of equals the middle one. The score looks at pairs that
    touch the rest; a pair of two groups that are held out in different folds is seen twice and counts half each time, so
    that every pair counts once in a draw. Raises ValueError for fewer than five groups.
    """
    counted = [_together(found, reference) for found in groupings]
    sizes = counted[0][1]
    if len(sizes) < FOLDS:
        raise ValueError(f"holding out needs {FOLDS} groups or more, not {len(sizes)}")
    between = np.array([together for together, _sizes in counted], dtype=float)
    right = (np.diagonal(between, axis1=1, axis2=2) - sizes) / 2  # pairs of one group, by threshold and group
    between[:, range(len(sizes)), range(len(sizes))] = 0.0
    there = sizes * (sizes - 1) / 2
    scores, chosen = [], []
    for draw in range(draws):
        fold = np.random.default_rng([seed, draw]).permutation(len(sizes)) % FOLDS
        totals = np.zeros(3)
        for number in range(FOLDS):
            rest = fold == number
            kept = ~rest
            hits = right[:, kept].sum(axis=1)
            said = hits + between[:, kept][:, :, kept].sum(axis=(1, 2)) / 2
            f1 = 2 * hits / np.maximum(said + there[kept].sum(), 1)
            equal = np.flatnonzero(f1 >= f1.max() - 1e-12)
            best = int(equal[len(equal) // 2])
            chosen.append(thresholds[best])
            wrong = between[best][np.ix_(rest, rest)].sum() / 2 + between[best][np.ix_(rest, kept)].sum() / 2
            totals += right[best, rest].sum(), right[best, rest].sum() + wrong, there[rest].sum()
        scores.append(_score(*map(float, totals)))
    f1s = [score.f1 or 0.0 for score in scores]
    return HeldOut(
        precision=float(np.mean([score.precision or 0.0 for score in scores])),
        recall=float(np.mean([score.recall or 0.0 for score in scores])),
        f1=float(np.mean(f1s)),
        f1_sd=float(np.std(f1s)),
        threshold=float(np.mean(chosen)),
    )


def _score(right: float, said: float, there: float) -> PairScore:
    """Return the score of `right` pairs, where `said` were put together and `there` are to be."""
    return PairScore(
        precision=right / said if said else None,
        recall=right / there if there else None,
        f1=2 * right / (said + there) if said + there else None,
        ari=None,
    )


def _together(found: Groups, reference: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each two groups of the reference, how many ordered pairs of their things `found` puts together (on the
    diagonal with each thing and itself), and how many things each group has."""
    if len(found) != len(reference):
        raise ValueError("both groupings must be of the same things")
    _names, rows = np.unique(np.asarray(reference), return_inverse=True)
    _names, columns = np.unique(np.asarray(found), return_inverse=True)
    counts = np.zeros((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1))
    np.add.at(counts, (rows, columns), 1)
    return counts @ counts.T, counts.sum(axis=1)
