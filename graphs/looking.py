"""Looking at a snapshot otherwise than it was built: with other thresholds, a part of it, its values in groups. A look
changes nothing; the snapshot keeps its own rules.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphs.algorithms.pruning import KEPT
from graphs.algorithms.reach import tops, ways_up
from graphs.algorithms.tally import Pair

Q_STEPS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 1.0)  # the last: whatever chance may do
LOW_STEP = 5  # per cent
MOST_PEOPLE = 50
MOST_GROUPS = 5

Body = Mapping[str, Any]


class Thresholds(NamedTuple):
    """How many answers must decide, how many per cent say wiser at the interval's low end, and up to which of `Q_STEPS`
    the false discovery rate may go. For an arrow: the strictest that it passes."""

    people: int
    low: int
    q: int

    def let_through(self, arrow: "Thresholds") -> bool:
        return arrow.people >= self.people and arrow.low >= self.low and arrow.q <= self.q


def usual(body: Body) -> Thresholds:
    """Return the thresholds that let exactly the kept arrows through."""
    rules = body.get("rules", {})
    return Thresholds(rules.get("min_voters", 1), 0, _step(rules["max_q"]) if "max_q" in rules else len(Q_STEPS) - 1)


def _step(q: float | None) -> int:
    return next((i for i, most in enumerate(Q_STEPS) if q is not None and q <= most), len(Q_STEPS) - 1)


def decided(edge: Mapping[str, Any]) -> int:
    """Return how many answers about an arrow say something about its direction."""
    counts = edge["counts"]
    return int(counts["wiser"] + counts["not_wiser"] + counts["less_wise"])


def candidates(body: Body) -> list[dict[str, Any]]:
    """Return the arrows that some thresholds let through: the kept ones and, where a test decided, those it dropped
    although most say wiser."""
    looser = [e for e in body.get("dropped", ()) if (e["share"] or 0) > 0.5] if "max_q" in body.get("rules", {}) else []
    return [*body["edges"], *looser]


def strictest(edge: Mapping[str, Any], own: Thresholds) -> Thresholds:
    """Return the strictest thresholds that an arrow passes; `own` are those of its graph."""
    low = int(100 * edge["interval"][0] / LOW_STEP) * LOW_STEP if edge["interval"] else 0
    if edge.get("verdict", KEPT) == KEPT:
        return Thresholds(max(min(decided(edge), MOST_PEOPLE), own.people), low, min(_step(edge["q"]), own.q))
    return Thresholds(min(decided(edge), MOST_PEOPLE), low, max(_step(edge["q"]), own.q + 1))


def spectrum(arrows: Sequence[Thresholds]) -> list[list[int]]:
    """Return how many arrows share each strictest thresholds, as [people, low, q, arrows]: few rows, however many arrows,
    from which the survivors of any thresholds can be counted."""
    return [[*at, count] for at, count in sorted(Counter(arrows).items())]


class Group(NamedTuple):
    """Values that are shown in one colour and shape."""

    name: str
    members: frozenset[int]


def parts(body: Body) -> list[Group]:
    """Return the largest parts that no arrow joins, each named by its wisest value."""
    values = {value["number"]: value for value in body["values"]}
    found = []
    for members in body["components"][:MOST_GROUPS]:
        best = min(members, key=lambda number: (-values[number]["wisdom_score"], number))
        found.append(Group(values[best]["title"], frozenset(members)))
    return found


def by_situation(body: Body) -> list[Group]:
    """Return the values by the situation in which most of their arrows were judged; of equals the first by name."""
    judged: dict[int, Counter[str]] = {}
    for edge in body["edges"]:
        for number in (edge["from"], edge["to"]):
            judged.setdefault(number, Counter()).update(edge["contexts"])
    return grouped({number: min(told, key=lambda c: (-told[c], c)) for number, told in judged.items() if told})


def grouped(names: Mapping[int, str]) -> list[Group]:
    """Return the largest groups of values by the name that each has."""
    sizes = Counter(names.values())
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_GROUPS]
    return [Group(name, frozenset(n for n, told in names.items() if told == name)) for name in largest]


def pairs_of(edges: Sequence[Mapping[str, Any]]) -> list[Pair]:
    return [(edge["from"], edge["to"]) for edge in edges]


def maximal(body: Body) -> list[int]:
    """Return the values that nothing was judged wiser than, by kept arrows: wisest first."""
    scores = {value["number"]: value["wisdom_score"] for value in body["values"]}
    return sorted(tops(pairs_of(body["edges"])), key=lambda number: (-scores[number], number))


def ways_to_wiser(body: Body, number: int, most: int = 5) -> list[list[int]]:
    """Return the ways along kept arrows from a value to the maximal ones above it: to the wisest first, `most` of
    them."""
    scores = {value["number"]: value["wisdom_score"] for value in body["values"]}
    ways = ways_up(pairs_of(body["edges"]), number)
    return sorted(ways, key=lambda way: (-scores[way[-1]], len(way), way))[:most]
