"""Answers of a judge that is asked more than once, and which cells to ask together."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np

# What a judge says of one principle and one comparison, in terms of the comparison's own sides.
FOR_B, NEITHER, FOR_A, BOTH, MISSING, UNASKED = -1, 0, 1, 2, 3, 4
MOST_PAIRS, MOST_CELLS = 5, 40

Cell = tuple[int, int]  # the place of a comparison, and of a principle


def majority(passes: Sequence[np.ndarray]) -> np.ndarray:
    """Return what more than half of the answers to each cell say, of up to three passes of equal shape.

    Cells that were not asked in a pass, or stayed without an answer, do not count in it. Without a majority the judge does
    not know: NEITHER. A cell that has no answer at all is MISSING if it was ever asked, else UNASKED.
    """
    stacked = np.stack(passes)
    said = (stacked != MISSING) & (stacked != UNASKED)
    given = said.sum(axis=0)
    result = np.full(stacked.shape[1:], NEITHER, dtype=np.int8)
    for answer in (FOR_B, FOR_A, BOTH):
        result[((stacked == answer) & said).sum(axis=0) * 2 > given] = answer
    result[given == 0] = UNASKED
    result[(given == 0) & (stacked == MISSING).any(axis=0)] = MISSING
    return result


def disagreeing(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return where two passes gave different answers. Only there does a third one matter to the majority of three."""
    answered = ~np.isin(first, (MISSING, UNASKED)) & ~np.isin(second, (MISSING, UNASKED))
    return np.asarray(answered & (first != second))


def packed(cells: Iterable[Cell], most_pairs: int = MOST_PAIRS, most_cells: int = MOST_CELLS) -> Iterator[list[Cell]]:
    """Yield the cells, which come comparison by comparison, in calls: those of one comparison together, and of several where
    they fit. Each call is yielded as soon as it is full.

    A call holds at most `most_pairs` comparisons and `most_cells` cells; a comparison with more is cut.
    """
    call: list[Cell] = []
    pairs = 0
    for _place, group in groupby(cells, key=itemgetter(0)):
        together = list(group)
        for start in range(0, len(together), most_cells):
            piece = together[start : start + most_cells]
            if call and (pairs == most_pairs or len(call) + len(piece) > most_cells):
                yield call
                call, pairs = [], 0
            call, pairs = call + piece, pairs + 1
    if call:
        yield call
