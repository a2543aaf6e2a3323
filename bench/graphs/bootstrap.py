"""Drawing people anew: our resamples of a graph, beside networkx, which builds the graph again for each.

The peer's time is that of a few resamples, scaled linearly; it is too slow for all of them.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.graphs.kernel import RULES, networkx_of
from bench.measuring import Line, Timing, at_least, in_own_process, side_by_side
from bench.votes import as_votes, made_up_votes
from graphs.algorithms.pruning import RobustRules, Rules
from graphs.algorithms.resampling import Ballots, bootstrap
from graphs.algorithms.tally import Vote, Votes, tally

VOTES, RESAMPLES, PEER_RESAMPLES = 100_000, 200, 2
TRIAL = Path("../shared/data/moral-graph-trial/wisdom_votes.csv")


def lines() -> Iterator[Line]:
    for values in (1_000, 10_000):
        votes = as_votes(made_up_votes(VOTES, values))
        ours, few, robust = side_by_side(
            lambda v=votes: resampled(v, RULES, RESAMPLES),  # type: ignore[misc]
            lambda v=votes: networkx_resamples(v, PEER_RESAMPLES),  # type: ignore[misc]
            lambda v=votes: resampled(v, RobustRules(), RESAMPLES),  # type: ignore[misc]
        )
        peer = Timing([run * RESAMPLES / PEER_RESAMPLES for run in few.runs])
        what = f"{RESAMPLES} resamples of {VOTES:,} votes of {values:,} values by participant"
        yield at_least(what, ours, peer, 100, f"networkx ({PEER_RESAMPLES} resamples, scaled)")
        yield at_least(f"{what}, robust rules", robust, peer, 100, f"networkx ({PEER_RESAMPLES} resamples, scaled)")
        peak = in_own_process(__name__, str(values))["peak_mb"]
        yield Line(f"{what}, memory", f"{peak:.0f} MB", "< 200 MB", peak < 200, "peak of the whole process")
    if TRIAL.is_file():
        (ours,) = side_by_side(lambda: resampled(trial(), RobustRules(), 1000))
        yield Line("1,000 resamples of the 2023 trial", f"{ours.median:.3g} s", "< 2 s", ours.median < 2, str(ours))


def measured(values: str) -> dict[str, Any]:
    votes = as_votes(made_up_votes(VOTES, int(values)))
    resampled(votes, RULES, RESAMPLES)
    return {}


def resampled(votes: Votes, rules: Rules, resamples: int) -> None:
    bootstrap(Ballots.of(tally(votes), rules), resamples=resamples, rng=np.random.default_rng(0))


def networkx_resamples(votes: Votes, resamples: int) -> None:
    rng = np.random.default_rng(0)
    order = np.argsort(votes.voter, kind="stable")
    people, starts = np.unique(votes.voter[order], return_index=True)
    ballots = np.split(order, starts[1:])
    for _ in range(resamples):
        drawn = rng.integers(0, len(people), len(people))
        networkx_of(votes.take(np.concatenate([ballots[person] for person in drawn])))


def trial() -> Votes:
    rows = list(csv.DictReader(TRIAL.open(encoding="utf-8")))
    people = {name: i for i, name in enumerate(sorted({row["participant"] for row in rows}), 1)}
    return Votes.of(
        Vote(people[r["participant"]], int(r["from_id"]), int(r["to_id"]), r["context"], r["relationship"])
        for r in rows
    )
