"""`python -m bench.draws [--graphs N] [--seed S]`: votes to F1 .90 of the kept set by way of drawing, on planted graphs."""

import sys
from argparse import ArgumentParser
from typing import NamedTuple

import numpy as np

from bench.draws.planted import EACH, TRIAL_VOTES, Course, Way, by_rule, firm, planted, popular, run, uniform
from bench.measuring import Line, report
from elicitation.algorithms.selection import RULE, DrawRule

GOAL = 0.9
RESAMPLES = 1000
OURS, UNIFORM, LEAST, TRIAL = "ours", "uniform", "least voted first", "as the trial drew"
CROWD = 20
OURS_IN_A_CROWD = f"ours, {CROWD} people at once"
WAYS: dict[str, Way] = {
    OURS: by_rule(RULE),
    UNIFORM: uniform,
    LEAST: by_rule(DrawRule(close_calls=0, later=0)),
    TRIAL: popular,
    OURS_IN_A_CROWD: by_rule(RULE),
}
MOST_VOTES = 6_240  # where a graph is not good by then, this is what it took at least


class Figures(NamedTuple):
    """One way to draw on many graphs: F1 by graph and person; by graph firm and false firm arrows at the trial's votes, false
    and firm ones at the end, and the most votes on a pair."""

    f1: np.ndarray
    firm: np.ndarray
    false_firm: np.ndarray
    firm_at_last: np.ndarray
    false_at_last: np.ndarray
    most: np.ndarray


def main() -> int:
    parser = ArgumentParser(prog="python -m bench.draws", description=__doc__)
    parser.add_argument("--graphs", type=int, default=120, help="planted graphs in each world; 60 or more")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    if told.graphs < 1 or told.seed < 0:
        parser.error("--graphs is 1 or more, and --seed 0 or more")
    missed = 0
    for title, half_null, least_saved in (
        ("as in the trial", False, {UNIFORM: 0.4, LEAST: 0.4, TRIAL: 0.7}),
        ("half of the pairs at exactly 1/2", True, {UNIFORM: 0.2, LEAST: 0.2}),
    ):
        print(f"== {title}: {told.graphs} graphs, seed {told.seed}", flush=True)
        found = {
            name: course(way, told.graphs, told.seed, half_null, CROWD if name == OURS_IN_A_CROWD else 1)
            for name, way in WAYS.items()
        }
        missed += report(lines(found, least_saved, np.random.default_rng([told.seed, 9])))
    return int(missed > 0)


def course(way: Way, graphs: int, seed: int, half_null: bool, at_once: int) -> Figures:
    """Draw one way on many graphs: the same graphs, and the same answers of a pair's k-th voter, whatever the way."""
    people = MOST_VOTES // EACH
    rows: list[tuple[Course, int, int]] = []
    for graph in range(graphs):
        world = planted(np.random.default_rng([seed, graph, half_null]), most=people, half_null=half_null)
        one = run(world, way, people, np.random.default_rng([seed, graph, half_null, 1]), at_once=at_once)
        rows.append((one, *firm(world, one.last)))
    return Figures(
        np.stack([one.f1 for one, *_last in rows]),
        np.array([one.firm for one, *_last in rows]),
        np.array([one.false_firm for one, *_last in rows]),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
        np.array([one.most for one, *_last in rows]),
    )


def votes_to_goal(f1: np.ndarray) -> np.ndarray:
    """Return after how many votes the mean F1 first reaches the goal, for each row of means; `MOST_VOTES` if never."""
    reached = f1 >= GOAL
    return np.where(reached.any(axis=-1), (reached.argmax(axis=-1) + 1) * EACH, MOST_VOTES)


def lines(found: dict[str, Figures], least_saved: dict[str, float], rng: np.random.Generator) -> list[Line]:
    """Return each figure beside its target; intervals are from a bootstrap over the graphs, the same graphs for all ways."""
    graphs = len(found[OURS].f1)
    weights = rng.multinomial(graphs, np.full(graphs, 1 / graphs), size=RESAMPLES) / graphs
    needed = {name: int(votes_to_goal(of.f1.mean(axis=0))) for name, of in found.items()}
    drawn = {name: votes_to_goal(weights @ of.f1) for name, of in found.items()}
    told = []
    for name, of in found.items():
        low, high = np.quantile(drawn[name], [0.025, 0.975])
        never = "> " if needed[name] >= MOST_VOTES else ""
        told.append(
            Line(
                f"votes to F1 {GOAL:.2f}, {name}",
                f"{never}{needed[name]:,}",
                detail=f"95 % {low:,.0f}–{high:,.0f}; at {TRIAL_VOTES:,} votes F1 {of.f1[:, TRIAL_VOTES // EACH - 1].mean():.3f}, "
                f"{of.firm.mean():.1f} firm, at most {of.most.mean():.0f} votes on a pair (worst graph {of.most.max()})",
            )
        )
    for name, target in least_saved.items():
        saved = 1 - needed[OURS] / needed[name]
        low, high = np.quantile(1 - drawn[OURS] / drawn[name], [0.025, 0.975])
        bound = "≥ " if needed[name] >= MOST_VOTES else ""
        told.append(
            Line(
                f"fewer votes than {name}",
                f"{bound}{saved:.0%}",
                f"≥ {target:.0%}",
                saved >= target,
                f"95 % {low:.0%}–{high:.0%}",
            )
        )
    ratio = found[OURS].firm.mean() / found[UNIFORM].firm.mean()
    low, high = np.quantile((weights @ found[OURS].firm) / (weights @ found[UNIFORM].firm), [0.025, 0.975])
    detail = f"95 % {low:.0%}–{high:.0%}"
    told.append(
        Line(f"firm arrows at {TRIAL_VOTES:,} votes, of uniform's", f"{ratio:.0%}", "≥ 90%", ratio >= 0.9, detail)
    )
    for when, firm_ones, false_ones in (
        (f"{TRIAL_VOTES:,} votes", found[OURS].firm, found[OURS].false_firm),
        (f"{MOST_VOTES:,} votes", found[OURS].firm_at_last, found[OURS].false_at_last),
    ):
        share = false_ones.sum() / max(firm_ones.sum(), 1)
        drawn_shares = (weights @ false_ones) / np.maximum(weights @ firm_ones, 1e-9)
        detail = f"{false_ones.sum()} of {firm_ones.sum()}; 95 % up to {np.quantile(drawn_shares, 0.975):.1%}"
        told.append(Line(f"false among the firm at {when}", f"{share:.2%}", "≤ 5%", bool(share <= 0.05), detail))
    return told


if __name__ == "__main__":
    sys.exit(main())
