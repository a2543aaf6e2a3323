"""Which comparisons to ask a person about next: those that lack raters first, and among them those that teach most."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Pair(NamedTuple):
    """A comparison that could be asked: how many people were asked about it, how many of them preferred a and b, whether the
    person's group may still judge it, and its context."""

    number: int
    raters: int
    a: int
    b: int
    is_free: bool
    context: str


def uncertainty(a: int, b: int) -> float:
    """Return how unsure it is which text people prefer: the variance of a share with a uniform prior, Beta(a + 1, b + 1)."""
    n = a + b + 2
    return (a + 1) * (b + 1) / (n * n * (n + 1))


def choose_comparisons(pairs: Sequence[Pair], wanted: int, *, overlap: int, rng: np.random.Generator) -> list[int]:
    """Return the numbers of up to `wanted` comparisons, in the order in which to ask.

    Those with fewer than `overlap` raters come first, so that none exceeds it by more than one while another lacks raters. Among
    them a comparison of a context that this person was asked about least comes first, then the least sure one; chance
    decides where they are equal. What the person's group has judged often enough (`is_free` false) is left out.
    """
    left = [pair for pair in pairs if pair.is_free]
    chance = {pair.number: float(r) for pair, r in zip(left, rng.random(len(left)), strict=True)}
    seen: Counter[str] = Counter()
    chosen: list[int] = []
    while left and len(chosen) < wanted:
        best = min(
            left,
            key=lambda pair: (
                pair.raters >= overlap,
                seen[pair.context],
                -round(uncertainty(pair.a, pair.b), 12),
                pair.raters,
                chance[pair.number],
            ),
        )
        left.remove(best)
        seen[best.context] += 1
        chosen.append(best.number)
    return chosen
