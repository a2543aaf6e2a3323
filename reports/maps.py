"""Places on a map as a report tells them: on a square from −1 to 1, values one by one, people only in fives and more."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MOST_MARKED, MOST_SHOWN = 12, 600
EDGE = 0.975  # the share of places within the map; those further out stand at its edge
AT_LEAST = (5, 10, 20, 50, 100, 200, 500, 1000)


def scaled(places: np.ndarray) -> np.ndarray:
    """Return places (n, 2) so that the map holds almost all of them, rounded to three places."""
    if not len(places):
        return places.reshape(0, 2)
    far = np.abs(places).max(axis=1)
    reach = float(np.quantile(far, EDGE)) or float(far.max())
    return np.clip(places / (reach or 1.0), -1, 1).round(3) + 0.0


def often_seen(seen: np.ndarray, smallest: int) -> list[int]:
    """Return the places of what at least `smallest` people saw, in order; of too many those that most people saw."""
    most = np.argsort(-seen, kind="stable")[:MOST_SHOWN]
    return sorted(int(n) for n in most if seen[n] >= smallest)


def spread(places: np.ndarray, most: int) -> list[int]:
    """Return up to `most` of the places that lie far from each other, the outermost first, each next one as far as possible from
    those before: so many can be named on a map."""
    if not len(places):
        return []
    chosen = [int(np.argmax((places**2).sum(axis=1)))]
    near = ((places - places[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < most and near.max() > 0:
        chosen.append(int(np.argmax(near)))
        near = np.minimum(near, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


def marked(items: Sequence[dict[str, Any]], chosen: Sequence[int]) -> list[dict[str, Any]]:
    """Return the items with a `mark`: 1, 2, … for the chosen ones, which come first, and null for the others."""
    rest = sorted(set(range(len(items))) - set(chosen))
    numbered = [items[n] | {"mark": mark} for mark, n in enumerate(chosen, start=1)]
    return numbered + [items[n] | {"mark": None} for n in rest]


def binned(places: np.ndarray, labels: np.ndarray, smallest: int) -> list[dict[str, Any]]:
    """Return squares of the map with people in them: middle, width, group (null for none), and a number that they are at
    least (5, 10, 20, …). Squares with fewer than `smallest` people of a group are left out, and exact numbers are not told, so that
    subtraction gives nobody away."""
    side = int(np.clip(round(np.sqrt(len(places) / 8)), 4, 14))
    column, row = np.minimum(((scaled(places) + 1) / 2 * side).astype(int), side - 1).T
    keys, sizes = np.unique(np.stack([row, column, labels], axis=1), axis=0, return_counts=True)
    return [
        {
            "x": round((2 * column + 1) / side - 1, 3),
            "y": round((2 * row + 1) / side - 1, 3),
            "width": round(2 / side, 3),
            "group": label if label >= 0 else None,
            "at_least": max(n for n in AT_LEAST if n <= size),
        }
        for (row, column, label), size in zip(keys.tolist(), sizes.tolist(), strict=True)
        if size >= smallest
    ]
