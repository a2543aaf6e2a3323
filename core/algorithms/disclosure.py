"""Which counts of groups may be told together, so that nothing about one to four people follows from them.

What is told are counts of people in overlapping sets (cuts): a group, everyone, the same group later. Whoever reads them can
add and subtract. A combination Σ λ·count that rests on one to four people alone tells of them, also where it does not give
their number outright; so no such combination may exist.
Source: primary and complementary cell suppression (Willenborg and de Waal 2001, ch. 6), by linear algebra over the sets' atoms.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

LEAST = 5  # people

Item = int | tuple[int, int]


def tells_of_few(cuts: Sequence[Collection[Item]], least: int = LEAST) -> bool:
    """Whether some combination of the counts of these sets rests on one to `least` − 1 people alone.

    Items are people, by number, or answers, as (person, what tells it from the person's others). Items that are in the same
    cuts cannot be told apart; they are one atom, and a cut is a row of zeros and ones over the atoms. A combination that is 0
    on every atom outside a set K exists where leaving K's columns out lowers the matrix's rank; K is tried where its
    items are of few people.
    """
    inside: dict[Item, int] = {}
    for bit, cut in enumerate(cuts):
        for item in cut:
            inside[item] = inside.get(item, 0) | 1 << bit
    people: dict[int, set[int]] = {}
    for item, signature in inside.items():
        people.setdefault(signature, set()).add(item[0] if isinstance(item, tuple) else item)
    atoms = sorted(people)
    few = _of_few([(place, people[atom]) for place, atom in enumerate(atoms) if len(people[atom]) < least], least)
    if not few:
        return False
    rows = np.array([[signature >> bit & 1 for signature in atoms] for bit in range(len(cuts))], dtype=float)
    rank = np.linalg.matrix_rank(rows)
    return any(np.linalg.matrix_rank(np.delete(rows, columns, axis=1)) < rank for columns in few)


def _of_few(small: Sequence[tuple[int, set[int]]], least: int) -> list[list[int]]:
    """Return the sets of atoms, by their places, that are of fewer than `least` people together and cannot be made larger."""
    found: list[list[int]] = []

    def grow(chosen: list[int], people: set[int], start: int) -> None:
        for i in range(start, len(small)):
            if len(people | small[i][1]) < least:
                grow([*chosen, small[i][0]], people | small[i][1], i + 1)
        if chosen and all(place in chosen or len(people | mine) >= least for place, mine in small):
            found.append(chosen)

    grow([], set(), 0)
    return found


def safe_cuts(
    cuts: Mapping[str, Collection[Item]], known: Sequence[Collection[Item]] = (), least: int = LEAST
) -> set[str]:
    """Return the names of those cuts that may be told together and with what is `known` already.

    They are looked at in their order, and each is told if nothing about a few people follows from it and those before it.
    Cuts of fewer than `least` people are never told, not even those of nobody.
    """
    told: dict[str, Collection[Item]] = {}
    for name, people in cuts.items():
        if len(people) >= least and not tells_of_few([*known, *told.values(), people], least):
            told[name] = people
    return set(told)


def told_of_disjoint(everyone: np.ndarray, groups: np.ndarray, least: int = LEAST) -> np.ndarray:
    """Return which groups may be told in each cell, as `safe_cuts` does where nobody is in two groups and everyone's count is
    known: of at least `least` people, if those who are told of in no group are nobody or as many.

    `everyone` (cells,) and `groups` (cells, groups) are numbers of people; groups are looked at in their order.
    """
    told = np.zeros(groups.shape, bool)
    rest = everyone.copy()
    for place in range(groups.shape[1]):
        left = rest - groups[:, place]
        told[:, place] = (groups[:, place] >= least) & ((left == 0) | (left >= least))
        rest = np.where(told[:, place], left, rest)
    return told
