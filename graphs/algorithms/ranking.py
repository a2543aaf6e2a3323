"""Which values are wisest: weighted PageRank over the kept arrows, which point to the wiser value."""

from collections.abc import Mapping

import networkx as nx
import numpy as np

from graphs.algorithms.tally import Pair

DAMPING = 0.85
PLACES = 9  # scores that differ by less are a tie, whatever the last digits of the arithmetic


def kept_graph(weights: Mapping[Pair, float]) -> nx.DiGraph:
    """Return the kept arrows as a graph. Nodes and arrows go in sorted, since PageRank's last digits depend on the
    order."""
    graph = nx.DiGraph()
    graph.add_nodes_from(sorted({value for pair in weights for value in pair}))
    graph.add_weighted_edges_from((source, target, weights[source, target]) for source, target in sorted(weights))
    return graph


def wisdom_scores(weights: Mapping[Pair, float]) -> dict[int, float]:
    """Return each value's PageRank; they sum to 1, and the mass of values without an arrow out is spread over all.

    Weights must be positive. Dividing the trial's own figures by their sum gives these (they drop that mass).
    """
    if not weights:
        return {}
    return dict(nx.pagerank(kept_graph(weights), alpha=DAMPING, tol=1e-13, max_iter=1000))


def wisdom_scores_of_many(sources: np.ndarray, targets: np.ndarray, weights: np.ndarray, values: int) -> np.ndarray:
    """Return the wisdom scores of many graphs at once, of shape (graphs, values); NaN where a value is in no arrow.

    `sources` and `targets` (arrows,) are places 0…values−1; `weights` (graphs, arrows) is 0 where a graph lacks an
    arrow. Equal to `wisdom_scores` to about 1e-10.
    """
    graphs = len(weights)
    row, arrow = np.nonzero(weights)
    size = graphs * values
    source, target = row * values + sources[arrow], row * values + targets[arrow]
    weight = weights[row, arrow]
    out = np.bincount(source, weight, size)
    there = np.zeros(size, dtype=bool)
    there[source] = there[target] = True
    weight = weight / out[source]
    grid = there.reshape(graphs, values)
    members = np.maximum(grid.sum(axis=1, keepdims=True), 1)
    ends = grid & (out == 0).reshape(graphs, values)
    scores = grid / members
    for _ in range(1000):
        passed = np.bincount(target, scores.ravel()[source] * weight, size).reshape(graphs, values)
        lost = np.where(ends, scores, 0.0).sum(axis=1, keepdims=True)
        new = grid * ((1 - DAMPING) + DAMPING * lost) / members + DAMPING * passed
        if np.abs(new - scores).sum(axis=1).max(initial=0.0) < 1e-12:
            break
        scores = new
    return np.where(grid, new, np.nan)


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
    groups = nx.weakly_connected_components(kept_graph(weights))
    return sorted((sorted(group) for group in groups), key=lambda group: (-len(group), group))


def cycles(weights: Mapping[Pair, float], most: int = 50, longest: int = 6) -> list[list[int]]:
    """Return up to `most` simple cycles of at most `longest` values, each from its lowest number, sorted."""
    found = []
    for cycle in nx.simple_cycles(kept_graph(weights), length_bound=longest):
        start = cycle.index(min(cycle))
        found.append(cycle[start:] + cycle[:start])
        if len(found) == most:
            break
    return sorted(found)
