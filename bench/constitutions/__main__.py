"""Constitutions from planted comparisons by the judge `llm`, beside inverse-cai 0.4.8, on one model server.

    python -m bench.constitutions [--pairs N] [--latency SECONDS]

Both get the same comparisons, 30 calls at a time, and 30 candidates; ours ends with its held-out scores and with a model that reads
the constitution, theirs runs without the annotators at its end, which would ask two calls a comparison more. The peer is installed
for this alone, in an environment of its own, which ICAI_PYTHON names; without it that part is skipped:

    python -m venv DIR && DIR/bin/pip install inverse-cai==0.4.8 && export ICAI_PYTHON=DIR/bin/python

Memory is that of the whole process, and wall is without loading the program; of ours the median and the largest of five runs, each in a
process of its own. No real model is asked: what is kept says what the method finds in data built so.

300 pairs, 2 cores, SQLite:

| | ours | inverse-cai 0.4.8 |
|---|---|---|
| calls a pair | 1.29–1.32 | 4.00 (300 propose, 900 vote) |
| pair texts a pair | 2.45–2.58 | 4.00 |
| wall | 1.73 times the ideal (1.09–1.19 s); 2 to 2.7 times where other work shares the cores | 5.5 to 6.3 times, three runs |
| memory | 192–193 MB | 411 MB |
| votes lost | none, also where 10 % of the calls fail | 10 %, where nothing fails |
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from bench import databases
from bench.measuring import Line, Timing, in_own_process, report

AT_ONCE, LATENCY, CANDIDATES, SEED, RUNS = 30, 0.05, 30, 1, 5
MOST_CALLS, MOST_TEXTS, LEAST_ALIKE, MOST_IDEALS, MOST_MB, FAILING = 1.5, 2.6, 0.95, 2, 200, 0.1


def main() -> int:
    parser = ArgumentParser(prog="python -m bench.constitutions", description=__doc__)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--latency", type=float, default=LATENCY, help="of each call; models take .5 to 5 s")
    told = parser.parse_args()
    if told.pairs < 60:
        parser.error("--pairs is 60 or more")
    with a_server(told.latency) as url:
        return int(report([*ours(url, told.pairs, told.latency), *peer(url, told.pairs, told.latency)]) > 0)


@contextmanager
def a_server(latency: float) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.constitutions.server", str(latency)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout and server.stdin
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.stdin.close()


def counts(url: str, failing: float = 0.0) -> dict[str, int]:
    """Return what was asked since the last time; from now on this share of calls fails."""
    with build_opener(ProxyHandler({})).open(f"{url}/counts/{failing}") as told:
        found: dict[str, int] = json.loads(told.read())
        return found


def calls_in(told: dict[str, int]) -> int:
    return sum(told.get(kind, 0) for kind in ("propose", "vote", "read", "embed"))


def ours(url: str, pairs: int, latency: float) -> Iterator[Line]:
    runs = []
    for _ in range(RUNS):
        counts(url)
        with databases.sqlite() as environment:
            runs.append(_prepared("run", url, pairs, environment))
            told = counts(url)
            more = in_own_process("bench.constitutions.__main__", "more", url, str(pairs), environment=environment)
    with databases.sqlite() as environment:
        full = _prepared("full", url, pairs, environment)
        counts(url, FAILING)
    with databases.sqlite() as environment:
        failing = _prepared("run", url, pairs, environment)
        failed = counts(url)
    calls, texts = calls_in(told) / pairs, told["pair texts"] / pairs
    by_kind = ", ".join(f"{told.get(kind, 0)} {kind}" for kind in ("propose", "vote", "read"))
    yield Line("ours, calls a pair", f"{calls:.2f}", f"≤ {MOST_CALLS}", calls <= MOST_CALLS, by_kind)
    yield Line("ours, pair texts a pair", f"{texts:.2f}", f"≤ {MOST_TEXTS}", texts <= MOST_TEXTS)
    yield _wall("ours", Timing([run["seconds"] for run in runs]), calls_in(told), latency, target=True)
    peak = max(run["peak_mb"] for run in runs)
    yield Line("ours, memory", f"{peak:.0f} MB", f"≤ {MOST_MB} MB", peak <= MOST_MB)
    kept, all_kept = {*runs[-1]["kept"]}, {*full["kept"]}
    alike, how = len(kept & all_kept) / max(len(kept | all_kept), 1), f"{len(kept)} and {len(all_kept)} kept"
    yield Line("ours, kept as by three full passes", f"{alike:.2f}", f"≥ {LEAST_ALIKE}", alike >= LEAST_ALIKE, how)
    missing, how = failing["cells"]["missing"], f"{failed['failed']} of {calls_in(failed)} calls failed"
    yield Line(f"ours, missing where {FAILING:.0%} fail", f"{missing}", "0", missing == 0, how)
    for what, floor in (("pair", CANDIDATES), ("principle", pairs + 1)):
        asked = more[what]
        yield Line(f"ours, cells asked for one more {what}", f"{asked}", f"{floor}", asked == floor)


def _prepared(task: str, url: str, pairs: int, environment: dict[str, str]) -> dict[str, Any]:
    in_own_process("bench.constitutions.__main__", "prepare", url, str(pairs), environment=environment)
    return in_own_process("bench.constitutions.__main__", task, url, str(pairs), environment=environment)


def peer(url: str, pairs: int, latency: float) -> Iterator[Line]:
    python = os.environ.get("ICAI_PYTHON")
    if not python:
        yield Line("inverse-cai", "skipped", detail="ICAI_PYTHON names no interpreter that has inverse-cai 0.4.8")
        return
    counts(url)
    with tempfile.TemporaryDirectory() as folder, databases.sqlite() as environment:
        path = f"{folder}/pairs.csv"
        in_own_process("bench.constitutions.__main__", "write", path, str(pairs), environment=environment)
        arguments = (f"{url}/v1", path, f"{folder}/out", str(CANDIDATES))
        found = in_own_process("bench.constitutions._icai", *arguments, python=python, quiet=True)
    told = counts(url)
    by_kind = ", ".join(f"{told.get(kind, 0)} {kind}" for kind in ("propose", "vote", "embed"))
    yield Line("inverse-cai, calls a pair", f"{calls_in(told) / pairs:.2f}", detail=by_kind)
    yield Line("inverse-cai, pair texts a pair", f"{told['pair texts'] / pairs:.2f}")
    yield _wall("inverse-cai", Timing([found["seconds"]]), calls_in(told), latency, target=False)
    yield Line("inverse-cai, memory", f"{found['peak_mb']:.0f} MB")
    share = found["lost"] / max(found["votes"], 1)
    yield Line(
        "inverse-cai, votes lost where nothing fails", f"{share:.1%}", detail=f"{found['lost']} of {found['votes']}"
    )


def _wall(who: str, took: Timing, calls: int, latency: float, *, target: bool) -> Line:
    ideal = calls / AT_ONCE * latency
    times = took.median / ideal
    detail = f"{took}; {calls} calls, {AT_ONCE} at once, {latency * 1000:.0f} ms each: {ideal:.2f} s"
    if not target:
        return Line(f"{who}, wall", f"{times:.2f}× the ideal", detail=detail)
    return Line(f"{who}, wall", f"{times:.2f}× the ideal", f"≤ {MOST_IDEALS}×", times <= MOST_IDEALS, detail)


def measured(task: str, where: str, pairs: str) -> dict[str, Any]:
    import django

    django.setup()
    if task == "write":
        return _write(Path(where), int(pairs))
    if task == "prepare":  # in a process of its own: who makes a constitution neither migrates nor imports
        return _prepare(int(pairs))
    from core.ledger import DatabaseLedger
    from llm_client import LLM, LLMSettings

    settings = LLMSettings(base_url=f"{where}/v1", model="planted", max_concurrency=AT_ONCE)
    llm = LLM(settings, ledger=DatabaseLedger())
    if task == "more":
        return _more(llm, int(pairs))
    return _run(llm, is_full=task == "full")


def _write(path: Path, pairs: int) -> dict[str, Any]:
    """Write the comparisons as inverse-cai reads them."""
    from tests.constitutions.planted_judge import planted_rows

    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text_a", "text_b", "preferred_text"])
        for row in planted_rows(pairs, seed=SEED):
            table.writerow([row["text_a"], row["text_b"], f"text_{row['annotations']['human']['people']}"])
    return {}


def _prepare(pairs: int) -> dict[str, Any]:
    from django.core.management import call_command

    from tests.constitutions.planted_judge import planted, planted_rows

    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory() as folder:
        planted(Path(folder), planted_rows(pairs, seed=SEED))
    return {}


def _run(llm: Any, *, is_full: bool) -> dict[str, Any]:
    # what is loaded when it is first needed, as a worker has done: loading is timed for neither
    import sklearn.feature_extraction.text
    import sklearn.linear_model  # noqa: F401

    from constitutions.extraction import body_of, extract
    from constitutions.model_judge import ModelJudge
    from elicitation.models import Dataset

    if is_full:  # every principle is asked about again: the majority is that of three passes over everything

        def all_of_them(self: ModelJudge) -> list[int]:
            return list(range(len(self.candidates)))

        ModelJudge._doubtful = all_of_them  # type: ignore[method-assign]
    dataset = Dataset.objects.get()
    begun = time.perf_counter()
    extraction = extract(dataset=dataset, judge="llm", llm=llm)
    seconds = time.perf_counter() - begun
    kept = [principle["text"] for principle in body_of(extraction)["principles"]]
    return {"seconds": seconds, "kept": kept, "cells": extraction.cells}


def _more(llm: Any, pairs: int) -> dict[str, Any]:
    """Return the cells that are asked for one pair more, and then for one principle more, of those that a vote has."""
    import numpy as np

    from constitutions.voting import vote
    from elicitation.models import Comparison
    from tests.constitutions.planted_judge import phrase, planted, planted_rows

    with tempfile.TemporaryDirectory() as folder:
        dataset = planted(Path(folder), planted_rows(pairs + 1, seed=SEED + 1), "more")
    rows = list(Comparison.objects.filter(dataset=dataset).order_by("id"))
    texts = [f"Prefer the answer that {phrase(number)}." for number in range(CANDIDATES)]
    asked = []
    for shown, principles in ((rows[:-1], texts), (rows, texts), (rows, [*texts, "Prefer the answer that is kind."])):
        found = vote(
            shown,
            principles,
            [(place, column) for place in range(len(shown)) for column in range(len(principles))],
            swapped=np.zeros(len(shown), dtype=bool),
            repeat=0,
            purpose="bench",
            llm=llm,
            scope_key="",
        )
        asked.append(found.cells.asked - found.cells.cached)
    return {"pair": asked[1], "principle": asked[2]}


if __name__ == "__main__":
    sys.exit(main())
