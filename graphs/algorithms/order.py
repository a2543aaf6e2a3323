"""Which of two values is wiser, if the arrows say: a partial order, in which many values can't be compared.

Source: Zhi-Xuan, Carroll, Franklin, Ashton 2024, Beyond Preferences in AI Alignment (values may be incommensurable, and an
order of them partial).
"""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import networkx as nx

from graphs.algorithms.tally import Pair

WISER = "wiser"
LESS_WISE = "less wise"
CIRCLE = "in a circle"
INCOMPARABLE = "incomparable"
SAME = "the same"


class Compared(NamedTuple):
    """How value a stands to value b, and the arrows that say so: `up` leads from b to a, `down` from a to b."""

    relation: str
    up: list[Pair]
    down: list[Pair]


class Order:
    """The order that arrows make among values; each arrow points to the wiser value."""

    def __init__(self, arrows: Iterable[Pair]) -> None:
        self._graph = nx.DiGraph(sorted(arrows))

    def compare(self, a: int, b: int) -> Compared:
        """Return whether a is wiser than b: arrows lead from b to a. Where they lead both ways the two are in a circle, and
        where no way they are incomparable, as is every value that is in no arrow."""
        if a == b:
            return Compared(SAME, [], [])
        up, down = self.path(b, a), self.path(a, b)
        relation = CIRCLE if up and down else WISER if up else LESS_WISE if down else INCOMPARABLE
        return Compared(relation, up, down)

    def path(self, start: int, end: int) -> list[Pair]:
        """Return the arrows of a shortest way from `start` up to `end`, and none where there is no way. Of equally short
        ones it is the same one each time."""
        if start not in self._graph or end not in self._graph:
            return []
        try:
            way = nx.bidirectional_shortest_path(self._graph, start, end)
        except nx.NetworkXNoPath:
            return []
        return list(itertools.pairwise(way))

    def maximal(self) -> list[list[int]]:
        """Return the values than which none is wiser: from them no arrow leads on. Values that are in one circle stand
        together, and are so only if no arrow leads out of the circle. Sorted."""
        parts = nx.strongly_connected_components(self._graph)
        return sorted(sorted(part) for part in parts if not self._leads_on(part))

    def circles(self) -> list[list[int]]:
        """Return the values that arrows join in circles, each set of them sorted."""
        return sorted(sorted(part) for part in nx.strongly_connected_components(self._graph) if len(part) > 1)

    def _leads_on(self, part: set[int]) -> bool:
        return any(target not in part for value in part for target in self._graph[value])
