"""Which proposed principles say the same in other words, from their words alone."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

ALIKE_FROM = 0.5  # cosine; every two phrases of a group are at least so alike
_NEGATIVE = frozenset(
    "not no never none nothing without avoid avoids avoiding less fewer lack lacks lacking omit omits omitting refrain refrains"
    " fail fails failing refuse refuses refusing hide hides hiding violate violates reject rejects ignore ignores remove removes"
    " don't doesn't isn't aren't won't can't cannot".split()
)
_TURNED_BY = ("un", "in", "im", "ir", "il", "dis", "non", "mis")
_SAME_STEM = 5  # letters that two words have in common at their beginning
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def merge(phrases: Sequence[str], alike_from: float = ALIKE_FROM) -> list[list[str]]:
    """Return the distinct phrases in groups that say the same; each begins with its medoid.

    Alike is the mean of two cosines, of words and of runs of letters. Phrases are never alike where one denies, where each has a
    word that the other lacks, or where one has the other's word turned round ("safe", "unsafe"). Groups are made by complete linkage,
    so that no chain of small steps joins what differs. How often a phrase was said counts for the medoid. The order of the
    phrases makes no difference.
    """
    times = Counter(phrases)
    distinct = sorted(times)
    if not distinct:
        return []
    alike = similarity(distinct, alike_from)
    groups = []
    for places in _linked(alike, alike_from):
        weights = np.array([times[distinct[i]] for i in places])
        central = alike[np.ix_(places, places)] @ weights
        order = sorted(
            range(len(places)), key=lambda i: (-round(float(central[i]), 9), -weights[i], distinct[places[i]])
        )
        groups.append([distinct[places[i]] for i in order])
    return sorted(groups, key=lambda group: group[0])


def similarity(phrases: Sequence[str], alike_from: float = ALIKE_FROM) -> np.ndarray:
    """Return how alike every two phrases are, from `alike_from` to 1, or 0 where they are less: an array of shape (phrases, phrases)."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # large, and no page needs it

    by_words = TfidfVectorizer(analyzer=stems, use_idf=False)
    by_letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), use_idf=False)
    vectors = [vectoriser.fit_transform(phrases) for vectoriser in (by_words, by_letters)]
    alike = np.mean([(v @ v.T).toarray() for v in vectors], axis=0)
    words = [set(_words(phrase)) for phrase in phrases]
    stemmed = [set(stems(phrase)) for phrase in phrases]
    negative = [len(w & _NEGATIVE) % 2 for w in words]
    alike[alike < alike_from] = 0.0
    for i, j in np.argwhere(np.tril(alike, -1)).tolist():
        if negative[i] != negative[j] or _may_differ(stemmed[i] - _NEGATIVE, stemmed[j] - _NEGATIVE):
            alike[i, j] = alike[j, i] = 0.0
    np.fill_diagonal(alike, 1.0)
    return np.asarray(alike)


def _words(phrase: str) -> list[str]:
    return [word.lower().replace("’", "'") for word in _WORD.findall(phrase)]


def stems(phrase: str) -> list[str]:
    """Return the words without those that carry no meaning here and without common endings; all, if none is left."""
    words = [word for word in _words(phrase) if word not in _EMPTY] or _words(phrase) or [phrase]
    return [_stem(word) for word in words]


_EMPTY = frozenset(
    "a an the is are be of to in on for with and or its it their them they that this what as by at from into about more does do"
    " gives give uses use has have offers offer provides provide names shows show includes include contains makes make says".split()
)


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "er", "ly", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _may_differ(first: set[str], second: set[str]) -> bool:
    """Whether each of two phrases has a word that the other lacks, in no form of it, or one has the other's word turned round."""
    only_first, only_second = first - second, second - first
    if any(_is_turned(a, b) or _is_turned(b, a) for a in first for b in second):
        return True
    return _lacks(only_first, second) and _lacks(only_second, first)


def _lacks(words: set[str], other: set[str]) -> bool:
    return any(not any(a[:_SAME_STEM] == b[:_SAME_STEM] for b in other) for a in words)


def _is_turned(word: str, other: str) -> bool:
    return any(word.startswith(prefix) and word[len(prefix) :] == other for prefix in _TURNED_BY)


def _linked(alike: np.ndarray, alike_from: float) -> list[list[int]]:
    """Return complete-linkage groups of places whose members are all at least so alike."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(alike) == 1:
        return [[0]]
    apart = np.clip(1 - alike, 0, 1)
    np.fill_diagonal(apart, 0)
    labels = fcluster(linkage(squareform(apart, checks=False), "complete"), 1 - alike_from, "distance")
    return [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
