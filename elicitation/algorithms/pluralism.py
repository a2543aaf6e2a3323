"""Values, rights and duties that bear on one thing: which of them are worth keeping, and what they say together.

The way of Kaleido (Sorensen and others 2023, arXiv 2309.00779; repository tsor13/kaleido). Its thresholds stand in its model's
configuration, which is not published with it: ours are our own. We do not reduce words to their stems.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from elicitation.algorithms.similarity import similarities

TYPES = ("value", "right", "duty")
_WORD = re.compile(r"\w+")
_OPENING = re.compile(r"^(right|duty) to (?=\w)")


class Item(NamedTuple):
    """A value, right or duty. `relevance` is 0 to 1; `valence` are the probabilities of supports, opposes and either, which
    sum to 1."""

    type: str
    text: str
    relevance: float
    valence: tuple[float, float, float]


class Rules(NamedTuple):
    """What is too little relevant, by type, and from where on two texts of a type say the same: as the share of words in
    common order (ROUGE-L precision, recall or F), or as cosine similarity of their words."""

    least_relevance: Mapping[str, float] = dict.fromkeys(TYPES, 0.5)
    same_words: float = 0.75
    same_similarity: float = 0.7


RULES = Rules()


class Decision(NamedTuple):
    """What the items say together: their valence weighed by relevance, and its entropy in bits (0 to log2 3)."""

    supports: float
    opposes: float
    either: float
    entropy: float


def kept(items: Iterable[Item], *, known: Sequence[tuple[str, str]] = (), rules: Rules = RULES) -> list[Item]:
    """Return the items that are relevant enough and say what no more relevant one of their type says, most relevant first.

    `known` are (type, text) that are there already: an item that says the same as one of them is left out, too.
    """
    relevant = [item for item in items if item.relevance >= rules.least_relevance[item.type]]
    relevant.sort(key=lambda item: (-item.relevance, TYPES.index(item.type), item.text))
    relevant = _first_of_each(relevant, known, lambda a, b: max(rouge_l(a, b)) > rules.same_words)
    texts = [*(text for _type, text in known), *(item.text for item in relevant)]
    alike, place = similarities(texts), {text: n for n, text in enumerate(texts)}
    return _first_of_each(relevant, known, lambda a, b: alike[place[a], place[b]] > rules.same_similarity)


def _first_of_each(
    items: Sequence[Item], known: Sequence[tuple[str, str]], says_the_same: Callable[[str, str], bool]
) -> list[Item]:
    found: list[Item] = []
    for item in items:
        before = [*known, *((other.type, other.text) for other in found)]
        if not any(type == item.type and says_the_same(item.text, text) for type, text in before):
            found.append(item)
    return found


def rouge_l(text: str, other: str) -> tuple[float, float, float]:
    """Return precision, recall and F of the longest common subsequence of two texts' words (Lin 2004). The opening "right
    to" or "duty to" does not count; a text without words shares nothing."""
    first, second = (_WORD.findall(_OPENING.sub("", t.strip().casefold())) for t in (text, other))
    if not first or not second:
        return 0.0, 0.0, 0.0
    row = [0] * (len(second) + 1)
    for word in first:
        row = _next_row(row, [word == there for there in second])
    common = row[-1]
    return common / len(first), common / len(second), 2 * common / (len(first) + len(second))


def _next_row(above: Sequence[int], matches: Sequence[bool]) -> list[int]:
    row = [0]
    for place, matched in enumerate(matches):
        row.append(above[place] + 1 if matched else max(above[place + 1], row[place]))
    return row


def decision(items: Iterable[Item]) -> Decision | None:
    """Return what the items say together: v = Σ relevance · valence / Σ relevance, and H(v). None without any relevance."""
    rows = list(items)
    whole = math.fsum(item.relevance for item in rows)
    if not whole:
        return None
    supports, opposes, either = (
        math.fsum(item.relevance * item.valence[side] for item in rows) / whole for side in range(3)
    )
    entropy = -math.fsum(share * math.log2(share) for share in (supports, opposes, either) if share > 0)
    return Decision(supports, opposes, either, entropy or 0.0)
