"""What two values share and what only one of them looks for, from their words alone."""

import re
from collections.abc import Sequence
from typing import NamedTuple

# Words that say nothing about what a policy is about.
_EMPTY = frozenset(
    """a about all an and any are as at be been being both but by can could did do does each even every for from
    had has have he her his how i if in into is it its just keep like look make more most my no not of off on one
    or other others our out over own person's people she should so some someone still such than that the their them
    then there these they thing things this those through to too under up us very was way ways we were what when
    where which while who whom whose will with without would you your""".split()
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


class Difference(NamedTuple):
    """Policies that both values look for, as pairs, and those that only one of them looks for."""

    shared: list[tuple[str, str]]
    only_first: list[str]
    only_second: list[str]


def content_words(text: str) -> frozenset[str]:
    """Return the words of a policy that carry its meaning, in lower case, with a plural or verb ending cut off."""
    words = (word.lower() for word in _WORD.findall(text))
    return frozenset(_stem(word) for word in words if word not in _EMPTY and len(word) > 2)


def difference(first: Sequence[str], second: Sequence[str], *, least: float = 0.34) -> Difference:
    """Match policies that share at least `least` of their content words (Jaccard), best matches first."""
    ours, theirs = [content_words(p) for p in first], [content_words(p) for p in second]
    scored = [
        (-len(a & b) / len(a | b), i, j) for i, a in enumerate(ours) for j, b in enumerate(theirs) if a and b and a & b
    ]
    used_first: set[int] = set()
    used_second: set[int] = set()
    pairs: list[tuple[int, int]] = []
    for score, i, j in sorted(scored):
        if -score >= least and i not in used_first and j not in used_second:
            used_first.add(i)
            used_second.add(j)
            pairs.append((i, j))
    return Difference(
        shared=[(first[i], second[j]) for i, j in sorted(pairs)],
        only_first=[p for i, p in enumerate(first) if i not in used_first],
        only_second=[p for j, p in enumerate(second) if j not in used_second],
    )


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
