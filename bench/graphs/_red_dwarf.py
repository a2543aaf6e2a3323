"""The peer of `opinion_map`, run by a Python that has red-dwarf: `run_pipeline`, its whole Polis pipeline."""

import json
import time
from typing import Any

import numpy as np

from bench.measured import peak_mb


def measured(path: str) -> dict[str, Any]:
    """Return the seconds of one run on the votes in a file, each one's group, and the memory held before the run."""
    from reddwarf.implementations.base import run_pipeline  # type: ignore[import-not-found]

    def votes_of(rows: np.ndarray) -> list[dict[str, int]]:
        return [{"participant_id": p, "statement_id": s, "vote": v, "modified": 0} for p, s, v in rows.tolist()]

    rows = np.load(path)
    run_pipeline(votes=votes_of(rows[rows[:, 0] < 200]), random_state=0)  # so that nothing is loaded for the first time
    votes = votes_of(rows)
    del rows
    before = peak_mb()
    begun = time.perf_counter()
    found = run_pipeline(votes=votes, random_state=0)
    seconds = time.perf_counter() - begun
    group = found.participants_df["cluster_id"]
    labels = [-1 if label is None else int(label) for label in json.loads(group.to_json(orient="values"))]
    return {"seconds": seconds, "people": [int(p) for p in group.index], "labels": labels, "before_mb": before}
