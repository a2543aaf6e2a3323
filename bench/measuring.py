"""Time two ways side by side, measure memory in a process of its own, and print figures beside their targets."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

ROUNDS = 5


class Timing(NamedTuple):
    """Seconds of several runs."""

    runs: list[float]

    @property
    def median(self) -> float:
        return median(self.runs)

    def __str__(self) -> str:
        return f"{min(self.runs):.3g} / {self.median:.3g} / {max(self.runs):.3g} s"


class Line(NamedTuple):
    """One measured figure beside its target. `holds` says whether the target is met; None: there is no target."""

    what: str
    figure: str
    target: str = ""
    holds: bool | None = None
    detail: str = ""

    def __str__(self) -> str:
        said = {True: "holds", False: "MISSED", None: ""}[self.holds]
        return " | ".join(part for part in (self.what, self.figure, self.target, said, self.detail) if part)


def side_by_side(*ways: Callable[[], Any], rounds: int = ROUNDS) -> list[Timing]:
    """Run the ways in turn, `rounds` times each after one unmeasured turn, so that what disturbs one disturbs all."""
    runs: list[list[float]] = [[] for _ in ways]
    for turn in range(rounds + 1):
        for way, seconds in zip(ways, runs, strict=True):
            begun = time.perf_counter()
            way()
            if turn:
                seconds.append(time.perf_counter() - begun)
    return [Timing(seconds) for seconds in runs]


def at_least(what: str, ours: Timing, peer: Timing, times: float, peer_name: str) -> Line:
    """Say how many times faster we are than the peer."""
    ratio = peer.median / ours.median
    return Line(what, f"{ratio:.3g}×", f"≥ {times:g}× {peer_name}", ratio >= times, f"ours {ours}; {peer_name} {peer}")


def at_most(what: str, ours: Timing, peer: Timing, times: float, peer_name: str) -> Line:
    """Say how many times longer we take than the peer, or than the bare minimum."""
    ratio = ours.median / peer.median
    return Line(what, f"{ratio:.3g}×", f"≤ {times:g}× {peer_name}", ratio <= times, f"ours {ours}; {peer_name} {peer}")


def in_own_process(
    module: str,
    *arguments: str,
    environment: dict[str, str] | None = None,
    python: str = sys.executable,
    quiet: bool = False,
) -> dict[str, Any]:
    """Run `python -m module arguments` and return the JSON object on its last line, with `peak_mb`, its peak memory. What a
    `quiet` one says of its progress is not shown."""
    command = [python, "-m", "bench.measured", module, *arguments]
    ran = subprocess.run(
        command,
        env=os.environ | (environment or {}),
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        text=True,
    )
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def report(lines: Sequence[Line]) -> int:
    """Print the figures; return how many targets were missed."""
    for line in lines:
        print(line, flush=True)
    return sum(line.holds is False for line in lines)
