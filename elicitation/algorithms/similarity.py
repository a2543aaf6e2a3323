"""How alike values are, from their words alone: no model, no network.

TF-IDF over words and pairs of words, complete linkage. It ranks pairs well and decides badly (`docs/methods/deduplication.md`
has the figures), so it proposes and people decide. Everything goes over pairs in blocks of rows: memory grows with n, and
only grouping, which needs every distance, with n².
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.sparse import coo_array, csr_matrix
from scipy.sparse.csgraph import connected_components

# How alike every two texts of a group are at least. Chosen on the 2023 trial's distinct texts by the protocol of
# `reports.algorithms.grouping.held_out`, as the mean over its folds; a test holds it to that.
GROUPED_FROM = 0.26
MOST_GROUPED = 8_000  # texts: their distances fill n²/2 numbers twice
BLOCK = 512  # rows of a product at a time
WORD = re.compile(r"\w\w+")  # what is left of an apostrophe is none
APART = 2.0  # a distance that no two texts have

Vectors: TypeAlias = "np.ndarray | csr_matrix"


class Candidate(NamedTuple):
    """Two texts, by their places in what was given, and how alike they are (cosine, 0 to 1)."""

    first: int
    second: int
    similarity: float


def _terms(text: str) -> list[str]:
    """Return the words and pairs of words by which a text is compared: without English's most common words, unless it has
    no others (other languages lose next to nothing)."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # large, and few requests need it

    words = WORD.findall(text.lower())
    kept = [word for word in words if word not in ENGLISH_STOP_WORDS] or words
    return kept + [f"{first} {second}" for first, second in pairwise(kept)]


def vectors(texts: Sequence[str]) -> csr_matrix:
    """Return a row of length 1 for each text, or of zeros for one without a word. A copy of a text changes nothing for the
    others: how rare a word is, is counted over distinct texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    distinct = sorted(set(texts))
    if not any(WORD.search(text) for text in distinct):
        return csr_matrix((len(texts), 1))
    vectoriser = TfidfVectorizer(analyzer=_terms, sublinear_tf=True)
    return csr_matrix(vectoriser.fit(distinct).transform(texts))


def _blocks(rows: Vectors) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the similarities of each two rows once: a block of them against itself and all that follow, with the number of
    its first row. Each array is overwritten by the next."""
    count = rows.shape[0]
    room = None if isinstance(rows, csr_matrix) else np.empty((min(BLOCK, count), count), dtype=rows.dtype)
    for start in range(0, count, BLOCK):
        block, rest = rows[start : start + BLOCK], rows[start:]
        if room is None:
            product: Any = block @ rest.T
            yield start, product.toarray()
        else:
            out = room.ravel()[: block.shape[0] * rest.shape[0]].reshape(block.shape[0], rest.shape[0])
            yield start, np.matmul(block, rest.T, out=out)


def _near(rows: Vectors, least: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the pairs of rows at least `least` alike, block by block: first places, second places, similarities."""
    for start, alike in _blocks(rows):
        first, second = np.divmod(np.flatnonzero(alike >= least), alike.shape[1])
        ahead = second > first
        first, second = first[ahead], second[ahead]
        yield first + start, second + start, alike[first, second]


def similarities(texts: Sequence[str]) -> np.ndarray:
    """Return the cosine similarity of every two texts: an n × n array, ones on the diagonal, zeros for empty texts."""
    rows = vectors(texts)
    alike = np.clip((rows @ rows.T).toarray(), 0.0, 1.0)
    np.fill_diagonal(alike, 1.0)
    return np.asarray(alike)


def candidates(texts: Sequence[str], *, least: float, most: int = 200) -> list[Candidate]:
    """Return the pairs at least `least` alike, most alike first, at most `most` of them."""
    first = second = np.empty(0, dtype=np.int64)
    alike = np.empty(0)
    for found in _near(vectors(texts), least):
        first, second, alike = (np.concatenate(both) for both in zip((first, second, alike), found, strict=True))
        best = np.lexsort((second, first, -alike))[:most]
        first, second, alike = first[best], second[best], alike[best]
    return [Candidate(int(i), int(j), min(float(s), 1.0)) for i, j, s in zip(first, second, alike, strict=True)]


def duplicates(rows: Vectors, *, least: float) -> np.ndarray:
    """Return the group of each row, numbered from 0 in order of appearance: rows are in one group if a chain of pairs at
    least `least` alike leads from one to the other. Exact.

    `rows` are vectors of length 1, for instance embeddings (n × d, float32); the product of n²/2 pairs is what it costs.
    """
    pairs = [(first, second) for first, second, _alike in _near(rows, least)]
    first, second = (np.concatenate(ends) for ends in zip(*pairs, strict=True)) if pairs else (np.empty(0, int),) * 2
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(rows.shape[0],) * 2)
    return np.asarray(connected_components(graph, directed=False)[1])


def tree(texts: Sequence[str], *, apart: Iterable[tuple[int, int]] = ()) -> np.ndarray:
    """Return the complete-linkage tree over the distances 1 − similarity (scipy's form); pairs of places in `apart` are
    never joined. Raises ValueError for fewer than two texts, and for more than `MOST_GROUPED`."""
    from scipy.cluster.hierarchy import linkage

    count = len(texts)
    if not 2 <= count <= MOST_GROUPED:
        raise ValueError(f"grouping takes 2 to {MOST_GROUPED} texts, not {count}")
    distances = np.empty(count * (count - 1) // 2)
    for start, alike in _blocks(vectors(texts)):
        for row in range(len(alike)):
            place = start + row
            begins = place * count - place * (place + 1) // 2
            distances[begins : begins + count - 1 - place] = 1.0 - np.clip(alike[row, row + 1 :], 0.0, 1.0)
    for first, second in apart:
        low, high = min(first, second), max(first, second)
        distances[low * count - low * (low + 1) // 2 + high - low - 1] = APART
    return np.asarray(linkage(distances, "complete"))


def cut(tree: np.ndarray, least: float) -> np.ndarray:
    """Return the group of each text, numbered from 0, in which every two are at least `least` alike."""
    from scipy.cluster.hierarchy import fcluster

    return np.asarray(fcluster(tree, 1.0 - least, "distance") - 1)


def groups(
    texts: Sequence[str], *, least: float = GROUPED_FROM, apart: Iterable[tuple[int, int]] = ()
) -> list[list[int]]:
    """Return the texts in groups in which every two are at least `least` alike, each group and all groups in order; pairs of
    places in `apart` are in no group together. Raises ValueError for more than `MOST_GROUPED` texts."""
    if len(texts) < 2:
        return [[i] for i in range(len(texts))]
    found: dict[int, list[int]] = {}
    for place, label in enumerate(cut(tree(texts, apart=apart), least)):
        found.setdefault(int(label), []).append(place)
    return sorted(found.values())
