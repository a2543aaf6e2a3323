"""Which values are wisest: weighted PageRank over the kept arrows, which point to the wiser value."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from graphs.algorithms.tally import Pair, divided, order_by, places_of, starts_of

if TYPE_CHECKING:
    import networkx as nx

DAMPING = 0.85
TOLERANCE = 1e-13
MOST_ROUNDS = 1000
LONGEST_CHAIN = 255  # a longer one brings less than 1e-18
PLACES = 9  # scores that differ by less are a tie, whatever the last digits of the arithmetic


def kept_graph(weights: Mapping[Pair, float]) -> "nx.DiGraph":
    """Return the kept arrows as a graph. Nodes and arrows go in sorted, since PageRank's last digits depend on the
    order."""
    import networkx as nx  # large, and few requests need it

    graph = nx.DiGraph()
    graph.add_nodes_from(sorted({value for pair in weights for value in pair}))
    graph.add_weighted_edges_from((source, target, weights[source, target]) for source, target in sorted(weights))
    return graph


def wisdom_scores(weights: Mapping[Pair, float]) -> dict[int, float]:
    """Return each value's PageRank; they sum to 1, and the mass of values without an arrow out is spread over all.

    Weights must be positive. Dividing the trial's own figures by their sum gives these (they drop that mass).
    """
    sources, targets = np.array([*weights], np.int64).reshape(-1, 2).T
    values, scores = page_rank(sources, targets, np.array([*weights.values()]))
    return dict(zip(values.tolist(), scores.tolist(), strict=True))


def page_rank(sources: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values in these arrows, sorted, and the wisdom score of each.

    Takes the steps of `networkx.pagerank` (damping .85, tolerance 1e-13) in the same order, so that not a bit differs.
    """
    values, (source, target) = places_of(sources, targets)
    n = len(values)
    order = order_by(source, target)
    source, target, weights = source[order], target[order], weights[order]
    bounds = np.append(0, np.cumsum(np.bincount(source, minlength=n)))
    starts, ends = np.flatnonzero(np.diff(bounds)), np.flatnonzero(np.diff(bounds) == 0)
    out = np.zeros(n)
    out[starts] = np.add.reduceat(weights, bounds[starts])
    onto = sparse.csc_array((weights * (1.0 / out[source]), target, bounds), shape=(n, n)).tocsr()
    share = 1.0 / max(n, 1)
    scores = np.repeat(share, n)
    for _ in range(MOST_ROUNDS if n else 0):
        before = scores
        lost = np.cumsum(scores[ends])[-1] if len(ends) else 0.0
        scores = onto @ scores
        scores += lost * share
        scores *= DAMPING
        scores += (1 - DAMPING) * share
        if np.abs(scores - before).sum() < n * TOLERANCE:
            break
    return values, scores


_Arrows = tuple[np.ndarray, np.ndarray, np.ndarray]  # columns: from where, to where, by how much


class Scores(NamedTuple):
    """Wisdom scores of many graphs, one after the other: which graph, which value in it (by place), and its score."""

    graph: np.ndarray
    value: np.ndarray
    score: np.ndarray


def wisdom_scores_of_many(
    graph: np.ndarray,
    sources: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    part_of: np.ndarray | None = None,
) -> Scores:
    """Return the wisdom scores of many graphs at once: of the values that are in arrows, sorted by graph and value.

    Each arrow (arrows,) has the number of its graph, the places of the values that it joins, and its weight, above 0. Where
    all graphs fall into the same parts that are graphs by themselves, `part_of` says in which one each value is, in
    order; part k of graph g is then number g × parts + k. Equal to `wisdom_scores` to about 1e-10.
    """
    there, (source, target) = places_of(sources, targets)  # often a few of many
    first = graph * len(there)
    nodes, (source, target) = places_of(first + source, first + target)
    n = len(nodes)
    of, which = divided(nodes, max(len(there), 1))
    value = there.take(which)
    if part_of is not None:
        of = of * (1 + int(part_of[-1])) + part_of[value]
    size = np.bincount(of)
    steps = DAMPING * weights / np.bincount(source, weights, n).take(source)
    share = np.repeat(1 / np.maximum(size, 1), size)
    # what values without an arrow out spread over all makes every score so many times as large: it is left out here, and
    # made up for by the sum
    scores = _settled(share, source, target, steps, of)
    return Scores(of, value, scores / np.repeat(np.bincount(of, scores), size))


def _settled(
    given: np.ndarray, source: np.ndarray, target: np.ndarray, steps: np.ndarray, of: np.ndarray
) -> np.ndarray:
    """Return the scores that are what is `given` and what arrows bring: `steps` times the score of where each comes from,
    each graph's (`of`) to within 1e-12.

    Values that point to nothing add to no other's score, nor then do those that point to them alone: they have theirs last.
    """
    scores = given.copy()
    (source, target, steps), last = _without_ends((source, target, steps))
    here, (source, target) = places_of(source, target)
    scores[here] = _solved(given.take(here), source, target, steps, of.take(here))
    for source, target, steps in reversed(last):
        scores += np.bincount(target, steps * scores.take(source), len(scores))
    return scores


def _without_ends(arrows: _Arrows) -> tuple[_Arrows, list[_Arrows]]:
    """Return arrows without those whose target is no arrow's source, nor then those of what is left, and so on as long as that
    saves work; and what was taken off, layer by layer."""
    layers: list[_Arrows] = []
    while len(arrows[0]):
        is_source = np.zeros(1 + max(arrows[0].max(), arrows[1].max()), bool)
        is_source[arrows[0]] = True
        stays = is_source.take(arrows[1])
        if 16 * np.count_nonzero(stays) > 15 * len(stays):
            break
        layers.append(_some(arrows, np.flatnonzero(~stays)))
        arrows = _some(arrows, np.flatnonzero(stays))
    return arrows, layers


def _some(arrows: _Arrows, which: np.ndarray) -> _Arrows:
    source, target, steps = arrows
    return source.take(which), target.take(which), steps.take(which)


def _solved(given: np.ndarray, source: np.ndarray, target: np.ndarray, steps: np.ndarray, of: np.ndarray) -> np.ndarray:
    """As `_settled`. A value to which one arrow points, or none, has a score that follows from one other's, `constant +
    factor * scores[origin]`: most have, and of the rest without them most again. What is left is gone through again and again,
    until no graph changes by 1e-12."""
    layers = []
    while True:
        follows = np.bincount(target, minlength=len(given)) <= 1
        if 8 * np.count_nonzero(follows) <= len(given):
            break
        to_one = follows.take(target)
        one = np.flatnonzero(to_one)
        origin = np.arange(len(given))
        constant, factor = given * follows, (~follows).astype(float)
        origin[target.take(one)], factor[target.take(one)] = source.take(one), steps.take(one)
        for _turn in range(LONGEST_CHAIN.bit_length()):
            if not (factor * follows.take(origin)).any():
                break
            constant += factor * constant.take(origin)
            factor *= factor.take(origin)
            origin = origin.take(origin)
        factor *= ~follows.take(origin)  # where they follow from each other in a circle
        source, target, steps = _some((source, target, steps), np.flatnonzero(~to_one))
        given = given + np.bincount(target, steps * constant.take(source), len(given))
        steps, source = steps * factor.take(source), origin.take(source)
        source, target, steps = _some((source, target, steps), np.flatnonzero(steps > 0))
        rest = np.flatnonzero(~follows)
        place = np.cumsum(~follows) - 1
        given, source, target, of = given.take(rest), place.take(source), place.take(target), of.take(rest)
        layers.append((constant, factor, origin, rest))
    found = _gone_round(given, source, target, steps, of)
    for constant, factor, origin, rest in reversed(layers):
        scores = np.zeros(len(constant))
        scores[rest] = found
        found = constant + factor * scores.take(origin)
    return found


def _gone_round(
    given: np.ndarray, source: np.ndarray, target: np.ndarray, steps: np.ndarray, of: np.ndarray
) -> np.ndarray:
    arrows = sparse.csr_array((steps, (target, source)), shape=(len(given), len(given)))
    scores = given
    for turn in range(MOST_ROUNDS if len(steps) else 0):
        before = scores
        scores = arrows @ scores
        scores += given
        if turn % 4 == 3 and np.bincount(of, np.abs(scores - before)).max() < 1e-12:
            break
    return scores


def ranks_of_many(scores: Scores) -> np.ndarray:
    """Return the rank of each value in its graph, 1 for the highest score. Of equals the lowest comes first, as in
    `scores`, which are sorted by graph and value."""
    steps = np.rint(scores.score * 10**PLACES).astype(np.int64)
    order = order_by(scores.graph, 10**PLACES - steps)
    starts = starts_of(scores.graph)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = 1 + np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return ranks


def winners_of_many(scores: Scores) -> np.ndarray:
    """Return the winner of each graph that has one, by its place in `scores.value`'s numbering. Of equals the lowest wins."""
    steps = np.rint(scores.score * 10**PLACES).astype(np.int64)
    starts = starts_of(scores.graph)
    if not len(starts):
        return scores.value
    best = np.repeat(np.maximum.reduceat(steps, starts), np.diff(starts, append=len(steps)))
    wins = np.flatnonzero(steps == best)
    return np.asarray(scores.value[wins[starts_of(scores.graph[wins])]])


def legacy_scores(weights: Mapping[Pair, float], rounds: int = 100) -> dict[int, float]:
    """Return PageRank as the trial computed it: a fixed number of rounds, and the mass of values without an arrow out
    is lost, so that the scores do not sum to 1."""
    if not weights:
        return {}
    graph = kept_graph(weights)
    n = graph.number_of_nodes()
    scores = dict.fromkeys(graph, 1 / n)
    out = {node: sum(graph[node][to]["weight"] for to in graph[node]) for node in graph}
    for _ in range(rounds):
        new = dict.fromkeys(graph, (1 - DAMPING) / n)
        for source, target, weight in graph.edges(data="weight"):
            new[target] += DAMPING * scores[source] * weight / out[source]
        scores = new
    return scores


def incoming_support(weights: Mapping[Pair, float]) -> dict[int, float]:
    """Return the sum of the weights of the arrows that point to each value: the trial viewer's second ranking."""
    found: dict[int, float] = {}
    for source, target in sorted(weights):
        found[target] = found.get(target, 0.0) + weights[source, target]
    return found


def winner(scores: Mapping[int, float]) -> int | None:
    """Return the value with the highest score, of equals the one with the lowest number; None if there is none."""
    return min(scores, key=lambda value: (-round(scores[value], PLACES), value)) if scores else None


def components(weights: Mapping[Pair, float]) -> list[list[int]]:
    """Return the values that are joined by arrows in whatever direction: the largest group first, each sorted."""
    return sorted(_groups(weights, "weak"), key=lambda group: (-len(group), group))


def cycles(weights: Mapping[Pair, float], most: int = 50, longest: int = 6) -> list[list[int]]:
    """Return up to `most` simple cycles of at most `longest` values, each from its lowest number, sorted. Where there are
    more, those from the lowest numbers are told."""
    up: dict[int, list[int]] = {}
    down: dict[int, list[int]] = {}
    for source, target in sorted(weights):
        up.setdefault(source, []).append(target)
        down.setdefault(target, []).append(source)
    rounds = sorted(value for group in _groups(weights, "strong") if len(group) > 1 for value in group)
    return list(islice((cycle for start in rounds for cycle in _cycles_from(start, up, down, longest)), most))


def _groups(weights: Mapping[Pair, float], connection: str) -> list[list[int]]:
    pairs = np.array([*weights], np.int64).reshape(-1, 2)
    values, places = np.unique(pairs, return_inverse=True)
    source, target = places.reshape(-1, 2).T
    arrows = sparse.csr_array((np.ones(len(pairs)), (source, target)), shape=(len(values), len(values)))
    labels = csgraph.connected_components(arrows, connection=connection)[1]
    order = order_by(labels)
    return [group.tolist() for group in np.split(values[order], starts_of(labels[order])[1:]) if len(group)]


def _cycles_from(
    start: int, up: Mapping[int, list[int]], down: Mapping[int, list[int]], longest: int
) -> Iterator[list[int]]:
    """Yield the cycles whose lowest number is `start`, sorted."""
    left = {start: 0}  # how many arrows it takes at least to come back
    reached = {start}
    for steps in range(1, longest):
        reached = {v for value in reached for v in down.get(value, []) if v > start and v not in left}
        left |= dict.fromkeys(reached, steps)
    paths = [[start]]
    while paths:
        path = paths.pop()
        onward = up.get(path[-1], [])
        if start in onward:
            yield path
        paths += [
            [*path, value]
            for value in reversed(onward)
            if value not in path and len(path) + left.get(value, longest) <= longest
        ]
