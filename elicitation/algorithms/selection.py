"""What to show whom next: seeded, replayable from the stored draws, never the same twice to one person."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class StoryOption(NamedTuple):
    """A story that could be asked: the pair and context it is about, its votes so far, and whether it fits the person's
    own question."""

    key: int
    pair: tuple[int, int]
    votes: int
    fits: bool


def choose_stories(options: Sequence[StoryOption], *, how_many: int, rng: np.random.Generator) -> list[int]:
    """Return the keys of up to `how_many` stories, no two about the same pair of values.

    Those that fit the person's question come first, then the least voted; ties are broken at random.
    """
    luck = rng.random(len(options))
    order = sorted(range(len(options)), key=lambda i: (not options[i].fits, options[i].votes, luck[i]))
    chosen: list[int] = []
    pairs: set[frozenset[int]] = set()
    for i in order:
        if len(chosen) >= how_many:
            break
        pair = frozenset(options[i].pair)
        if pair not in pairs:
            pairs.add(pair)
            chosen.append(options[i].key)
    return chosen


def choose_values(
    exposures: Mapping[int, int], *, how_many: int, rng: np.random.Generator, preferred: frozenset[int] = frozenset()
) -> list[int]:
    """Return up to `how_many` values: those `preferred` (of the person's own question) first, the least shown first
    among them, ties at random; in random order."""
    keys = sorted(exposures)
    luck = dict(zip(keys, rng.random(len(keys)), strict=True))
    chosen = sorted(keys, key=lambda k: (k not in preferred, exposures[k], luck[k]))[:how_many]
    return [chosen[i] for i in rng.permutation(len(chosen))]
