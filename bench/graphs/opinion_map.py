"""Opinion groups of 10,000 people and 500 statements, 10 % of them answered, against red-dwarf 0.4.

Both start from a list of votes in memory, as each takes them, and end with everyone's group and what sets groups apart. Ours: map,
k-means for 2 to 5 groups from ten starts each, exact silhouettes over all pairs of people, group-informed consensus in both
directions, representative and divisive statements with adjusted tests. Theirs, `run_pipeline`: map, k-means, exact silhouettes,
consensus, representative statements, priorities. Left out of ours, since they do not have it: stability and shuffled answers.
Two groups are planted, which both find; of three, theirs splits one in two (adjusted Rand index .87), ours does not.

The peer is installed for this alone, in an environment of its own, which RED_DWARF_PYTHON names:
    python -m venv DIR && DIR/bin/pip install red-dwarf==0.4.0 && export RED_DWARF_PYTHON=DIR/bin/python
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from bench.measured import peak_mb
from bench.measuring import ROUNDS, Line, Timing, at_least, in_own_process
from reports.algorithms.consensus import (
    between_groups,
    count_by_group,
    group_informed_consensus,
    representative_items,
)
from reports.algorithms.opinion_groups import Answers, GroupRules, find_groups

PEOPLE, ITEMS, FILLED, GROUPS = 10_000, 500, 0.1, 2
MISSING = (
    "python -m venv DIR && DIR/bin/pip install red-dwarf==0.4.0, then set RED_DWARF_PYTHON to DIR/bin/python: "
    "without it nothing is compared"
)


def made_up_answers(
    people: int, items: int, filled: float, groups: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return each person's planted group, and votes (votes, 3): person, statement, and 1, 0 or −1. Each group leans its own way on
    each statement; every vote is noisy."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, people)
    lean, popular = rng.normal(0, 2.5, (groups, items)), rng.normal(0.3, 0.5, items)
    person, item = np.nonzero(rng.random((people, items)) < filled)
    felt = popular[item] + lean[group[person], item] + rng.logistic(0, 1, len(person))
    answer = np.where(np.abs(felt) < 0.25, 0, np.sign(felt)).astype(np.int64)
    return group, np.stack([person, item, answer], axis=1)


def groups_and_what_sets_them_apart(votes: list[list[int]]) -> np.ndarray:
    """Return each person's group."""
    person, item, answer = np.array(votes).T
    answers = Answers(person, item, answer, int(person.max()) + 1, int(item.max()) + 1)
    found = find_groups(answers, rules=GroupRules(resamples=0, shuffles=0))
    counts = count_by_group(answers, found.labels, found.k or 0)
    group_informed_consensus(counts, "polis")
    representative_items(counts, np.ones(answers.items, dtype=bool))
    between_groups(counts)
    return np.asarray(found.labels)


def measured(path: str) -> dict[str, Any]:
    """Return the same figures as the peer's."""
    rows = np.load(path)
    groups_and_what_sets_them_apart(rows[rows[:, 0] < 200].tolist())  # so that nothing is loaded for the first time
    votes = rows.tolist()
    del rows
    before = peak_mb()
    begun = time.perf_counter()
    labels = groups_and_what_sets_them_apart(votes)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "people": list(range(len(labels))), "labels": labels.tolist(), "before_mb": before}


def lines() -> list[Line]:
    planted, rows = made_up_answers(PEOPLE, ITEMS, FILLED, GROUPS)
    what = f"opinion groups of {PEOPLE:,} people × {ITEMS} statements, {len(rows):,} votes"
    peer = os.environ.get("RED_DWARF_PYTHON", "")
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "votes.npy"
        np.save(path, rows)
        for _turn in range(ROUNDS):
            ours.append(in_own_process("bench.graphs.opinion_map", str(path)))
            if peer:
                theirs.append(
                    in_own_process(
                        "bench.graphs._red_dwarf", str(path), environment={"PYTHONWARNINGS": "ignore"}, python=peer
                    )
                )
    mine = Timing([run["seconds"] for run in ours])
    found = [_planted(what, "ours", planted, ours[0])]
    if not theirs:
        return [*found, Line(what, str(mine), "≥ 8× red-dwarf", False, MISSING)]
    return [
        *found,
        _planted(what, "red-dwarf", planted, theirs[0]),
        at_least(what, mine, Timing([run["seconds"] for run in theirs]), 8, "red-dwarf"),
        _memory(f"{what}: peak memory", ours, theirs, lambda run: run["peak_mb"]),
        _memory(f"{what}: memory beyond the votes", ours, theirs, lambda run: run["peak_mb"] - run["before_mb"]),
    ]


def _planted(what: str, whose: str, planted: np.ndarray, run: dict[str, Any]) -> Line:
    labels = np.array(run["labels"])
    placed = labels >= 0
    index = adjusted_rand_score(planted[np.array(run["people"])[placed]], labels[placed])
    detail = f"{int(placed.sum()):,} people placed"
    return Line(f"{what}: planted groups, {whose}", f"{index:.4f}", "adjusted Rand index ≥ .99", index >= 0.99, detail)


def _memory(
    what: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]], of: Callable[[dict[str, Any]], float]
) -> Line:
    mine, peer = max(map(of, ours)), max(map(of, theirs))
    return Line(
        what, f"{mine / peer:.2f}×", "≤ 0.25× red-dwarf", mine <= peer / 4, f"ours {mine:.0f} MB; theirs {peer:.0f} MB"
    )
