"""What groups share and what sets them apart: group-informed consensus, representative and divisive items.

Counts are arrays (groups, items) of people: who agreed, who disagreed, and who saw the item (passing included).
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from core.algorithms.uncertainty import benjamini_hochberg
from reports.algorithms.opinion_groups import Answers

MODES = ("polis", "standard")


class GroupCounts(NamedTuple):
    """How many of each group agreed, disagreed and saw it (groups, items), and how many of no group saw it (items,)."""

    agree: np.ndarray
    disagree: np.ndarray
    seen: np.ndarray
    seen_by_others: np.ndarray


class Consensus(NamedTuple):
    """Scores (items,) of agreeing and of disagreeing across all groups, each between 0 and 1."""

    agree: np.ndarray
    disagree: np.ndarray


class Representative(NamedTuple):
    """An item that tells a group apart: `agrees` or disagrees with it more than the others do, and more often than not.

    `z_share` tests the group's share against one half, `z_others` against the others' share; `q` adjusts the weaker of the
    two over all items, directions and groups. `ratio` is the share over the others'.
    """

    item: int
    agrees: bool
    z_share: float
    z_others: float
    ratio: float
    q: float


def count_by_group(answers: Answers, labels: np.ndarray, groups: int) -> GroupCounts:
    """Return counts by `labels` (people,) 0…groups−1, −1 for people in no group."""
    label = labels[answers.person]

    def counted(which: np.ndarray) -> np.ndarray:
        place = (label[which] + 1) * answers.items + answers.item[which]
        return np.bincount(place, minlength=(groups + 1) * answers.items).reshape(groups + 1, answers.items)

    everyone = counted(np.ones(len(label), dtype=bool))
    return GroupCounts(counted(answers.answer > 0)[1:], counted(answers.answer < 0)[1:], everyone[1:], everyone[0])


def may_be_told(counts: GroupCounts, smallest: int) -> np.ndarray:
    """Return whether an item's counts tell about nobody (items,): in every group, and outside all, either nobody or at least
    `smallest` people saw it. Else none of its counts may be told: the others and the score would give the missing one."""
    seen = np.concatenate([counts.seen, counts.seen_by_others[None]])
    return np.asarray(((seen == 0) | (seen >= smallest)).all(axis=0))


def group_informed_consensus(counts: GroupCounts, mode: str) -> Consensus:
    """Return the consensus of all groups about each item.

    "polis": the product over groups of (agree + 1) / (seen + 2), a group that did not see it giving ½; it falls with the number
    of groups. "standard": the geometric mean over groups of p·(1 − q), where p = (agree + ½) / (seen + 1) and q is the same of
    disagreeing; it does not. Raises ValueError for another mode.
    Source: Small et al. 2021, and the two modes of red-dwarf.
    """
    if mode == "polis":
        shares = [(answer + 1) / (counts.seen + 2) for answer in (counts.agree, counts.disagree)]
        return Consensus(shares[0].prod(axis=0), shares[1].prod(axis=0))
    if mode != "standard":
        raise ValueError(f"there is no mode {mode!r}; choose {' or '.join(MODES)}")
    p, q = ((answer + 0.5) / (counts.seen + 1) for answer in (counts.agree, counts.disagree))
    groups = max(len(counts.seen), 1)
    return Consensus((p * (1 - q)).prod(axis=0) ** (1 / groups), (q * (1 - p)).prod(axis=0) ** (1 / groups))


def representative_items(
    counts: GroupCounts, may_count: np.ndarray, *, most: int = 5, level: float = 0.05
) -> list[list[Representative]]:
    """Return, for each group, up to `most` items that set it apart from the other groups, the strongest first.

    Two tests must hold: most of those who saw it agree (or disagree), and more of them than in the other groups. The larger of
    the two p-values is adjusted after Benjamini and Hochberg over items of `may_count`, directions and groups together; items up to
    `level` are kept, ranked by ratio · z · share · z as Polis does. Where the groups were found in these very answers the
    tests are too hopeful: read them as a ranking. Source: Polis, repness.clj.
    """
    groups, items = counts.seen.shape
    if groups < 2 or not items:
        return [[] for _ in range(groups)]
    told = []
    for answer in (counts.agree, counts.disagree):
        others = answer.sum(axis=0) - answer
        seen, seen_others = counts.seen, counts.seen.sum(axis=0) - counts.seen
        share, ratio = (answer + 1) / (seen + 2), (answer + 1) / (seen + 2) / ((others + 1) / (seen_others + 2))
        z_share = 2 * np.sqrt(seen + 1) * ((answer + 1) / (seen + 1) - 0.5)
        told.append((share, ratio, z_share, _two_shares(answer, seen, others, seen_others)))
    share, ratio, z_share, z_others = (np.stack(part, axis=1) for part in zip(*told, strict=True))
    p = np.maximum(special.ndtr(-z_share), special.ndtr(-z_others))
    p[:, :, ~may_count] = np.nan
    q = benjamini_hochberg(p.reshape(1, -1)).reshape(p.shape)
    strength = ratio * z_others * share * z_share
    found: list[list[Representative]] = []
    for group in range(groups):
        keys = np.argwhere(np.nan_to_num(q[group], nan=1.0) <= level)
        ranked = sorted(map(tuple, keys.tolist()), key=lambda key: (-strength[group][key], key))
        found.append(
            [
                Representative(
                    item,
                    direction == 0,
                    *(float(part[group, direction, item]) for part in (z_share, z_others, ratio, q)),
                )
                for direction, item in ranked[:most]
            ]
        )
    return found


def between_groups(counts: GroupCounts) -> np.ndarray:
    """Return how far groups differ about each item (items,): the variance between their mean answers (1 agree, −1 disagree),
    weighted by who saw it, less what chance alone gives groups of this size; 0 … 1, NaN where fewer than two groups saw it."""
    seen = counts.seen.astype(float)
    mean = np.divide(counts.agree - counts.disagree, seen, out=np.zeros_like(seen), where=seen > 0)
    square = np.divide(counts.agree + counts.disagree, seen, out=np.zeros_like(seen), where=seen > 0)
    weight = seen / np.maximum(seen.sum(axis=0), 1)
    spread = (weight * (mean - (weight * mean).sum(axis=0)) ** 2).sum(axis=0)
    own = np.divide(square - mean**2, seen - 1, out=np.zeros_like(seen), where=seen > 1)
    chance = (weight * (1 - weight) * own).sum(axis=0)
    return np.where((seen > 0).sum(axis=0) > 1, np.maximum(spread - chance, 0), np.nan)


def _two_shares(n: np.ndarray, seen: np.ndarray, other: np.ndarray, other_seen: np.ndarray) -> np.ndarray:
    a, b, first, second = n + 1, other + 1, seen + 1, other_seen + 1
    pooled = (a + b) / (first + second)
    error = np.sqrt(np.maximum(pooled * (1 - pooled), 0) * (1 / first + 1 / second))
    return np.asarray(np.divide(a / first - b / second, error, out=np.zeros(n.shape), where=error > 0))
