"""From a million votes in memory to wisdom scores, beside networkx and beside sorting as many numbers.

The kernel is what every graph needs: count answers per ordered pair, apply the trial's rules, PageRank. Distinct voters
and contexts are counted when they are asked for, and are timed apart. The peer builds a `MultiDiGraph` with an arrow for
each vote, sums up each pair, and ranks the pairs that the same rules keep.
"""

from collections.abc import Iterator
from math import log

import networkx as nx
import numpy as np

from bench.measuring import Line, at_least, at_most, side_by_side
from bench.votes import as_votes, made_up_votes
from graphs.algorithms.pruning import PruningRules
from graphs.algorithms.ranking import page_rank
from graphs.algorithms.tally import UPGRADE, Tallies, Votes

RULES = PruningRules()
VOTES = 1_000_000


def lines() -> Iterator[Line]:
    for values in (1_000, 10_000):
        votes = as_votes(made_up_votes(VOTES, values))
        what = f"kernel, {VOTES:,} votes of {values:,} values"
        numbers = np.random.default_rng(0).integers(0, 2**62, VOTES)
        ours, peer = side_by_side(lambda v=votes: kernel(v), lambda n=numbers: np.sort(n), rounds=15)  # type: ignore[misc]
        yield at_most(what, ours, peer, 2, "np.sort of as many int64")
        ours, peer = side_by_side(lambda v=votes: kernel(v), lambda v=votes: networkx_of(v))  # type: ignore[misc]
        yield at_least(what, ours, peer, 50, "networkx")
        (whole,) = side_by_side(lambda v=votes: with_people_and_contexts(v))  # type: ignore[misc]
        yield Line(f"{what}, with distinct voters and contexts", str(whole))
    yield _slope()


def kernel(votes: Votes) -> tuple[np.ndarray, np.ndarray]:
    tallies = Tallies(votes)
    weights = RULES.weights(tallies)
    kept = np.flatnonzero(weights)
    return page_rank(tallies.sources[kept], tallies.targets[kept], weights[kept])


def with_people_and_contexts(votes: Votes) -> None:
    tallies = Tallies(votes)
    assert len(tallies.deciders) and tallies.contexts_at(int(tallies.asked[0]))


def networkx_of(votes: Votes) -> dict[int, float]:
    graph = nx.MultiDiGraph()
    columns = (votes.source.tolist(), votes.target.tolist(), votes.answer.tolist())
    graph.add_edges_from((source, target, {"answer": answer}) for source, target, answer in zip(*columns, strict=True))
    counts: dict[tuple[int, int], list[int]] = {}
    for source, target, answer in graph.edges(data="answer"):
        counts.setdefault((source, target), [0, 0, 0])[min(answer, 2)] += 1
    kept = nx.DiGraph()
    for (source, target), (wiser, not_wiser, unsure) in counts.items():
        back = counts.get((target, source), [0, 0, 0])
        answers = wiser + not_wiser + unsure + back[UPGRADE]
        support = (wiser - back[UPGRADE]) / answers
        five = (wiser, not_wiser, back[UPGRADE], unsure, wiser + not_wiser + unsure + sum(back))
        entropy = -sum(n / sum(five) * log(n / sum(five), 2) for n in five if n)
        if wiser >= RULES.min_wiser and support >= RULES.min_net_support and entropy <= RULES.max_entropy:
            kept.add_edge(source, target, weight=support)
    return dict(nx.pagerank(kept, alpha=0.85, tol=1e-13, max_iter=1000))


def _slope() -> Line:
    sizes = [30_000, 100_000, 300_000, 1_000_000]
    elections = [as_votes(made_up_votes(size, 10_000)) for size in sizes]
    timings = side_by_side(*(lambda v=votes: kernel(v) for votes in elections))
    slope = float(np.polyfit(np.log(sizes), np.log([timing.median for timing in timings]), 1)[0])
    detail = "; ".join(f"{size:,}: {timing.median:.3g} s" for size, timing in zip(sizes, timings, strict=True))
    return Line("kernel, slope of log time over log votes", f"{slope:.2f}", "≤ 1.15", slope <= 1.15, detail)
