"""Our client beside a bare aiohttp client and the openai package, at 50 and 200 calls at a time, in one run.

    python -m bench.llm_client

The openai package is asked in the environment whose interpreter `OPENAI_PYTHON` names; else that part is skipped. Measured are
the whole of `LLM.ask_many` (prompt, cache look-up, checks, typed answer, record), and the line under it alone.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import aiohttp
from pydantic import BaseModel

from bench.measuring import Line, report
from llm_client import LLM, LLMSettings, MemoryLedger, Prompt, Request
from llm_client.providers import Message
from llm_client.transport import Reply, line_to

CALLS, ROUNDS = 2000, 5
TEXT = "word " * 260  # with the rest some 1.5 KB
LEAST = {50: 0.85, 200: 0.45}
LEAST_OF_OPENAI, MOST_CPU = 3, 0.75
PROMPT = Prompt("bench", "# For measuring\n\nSay something.\n\n---\n\n{{ text }}")


class Said(BaseModel):
    say: str


class Taken(NamedTuple):
    """Seconds and CPU milliseconds a call of several rounds."""

    seconds: list[float]
    cpu: list[float]

    @property
    def a_second(self) -> float:
        return CALLS / median(self.seconds)

    def __str__(self) -> str:
        return f"{self.a_second:.0f} calls/s, {median(self.cpu):.2f} ms CPU a call"


@contextmanager
def a_server() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.llm_client.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout and server.stdin
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        server.stdin.close()


def bare(url: str, at_once: int) -> None:
    """Ask with aiohttp and nothing else, and read the JSON."""

    async def main() -> None:
        free = asyncio.Semaphore(at_once)
        body = {"model": "fixed", "messages": [{"role": "user", "content": TEXT}]}
        connector = aiohttp.TCPConnector(limit=at_once)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask() -> None:
                async with free, session.post(f"{url}/chat/completions", json=body) as answer:
                    json.loads(await answer.read())["choices"][0]["message"]["content"]

            await asyncio.gather(*(ask() for _ in range(CALLS)))

    asyncio.run(main())


def settings_at(url: str, at_once: int) -> LLMSettings:
    return LLMSettings(base_url=url, model="fixed", max_concurrency=at_once, max_attempts=1)


def whole(url: str, at_once: int) -> None:
    """Ask as the product does."""
    llm = LLM(settings_at(url, at_once), ledger=MemoryLedger())
    requests = [Request(PROMPT, {"text": TEXT}, Said, "bench", sample=number) for number in range(CALLS)]
    answers = llm.ask_many(requests)
    assert all(isinstance(answer, Said) for answer in answers)


def only_the_line(url: str, at_once: int) -> None:
    """Ask over the line alone: connections, limit, retries and checks of what comes."""
    line = line_to(settings_at(url, at_once), asyncio.sleep)
    sent: list[Future[Reply]] = [line.send((Message("user", TEXT),), None) for _ in range(CALLS)]
    assert all(future.result().error is None for future in sent)


def in_turn(ways: dict[str, Callable[[], None]]) -> dict[str, Taken]:
    """Run the ways in turn, after one unmeasured turn."""
    taken = {name: Taken([], []) for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            begun, cpu = time.perf_counter(), time.process_time()
            way()
            if turn:
                taken[name].seconds.append(time.perf_counter() - begun)
                taken[name].cpu.append(1000 * (time.process_time() - cpu) / CALLS)
    return taken


def openai(python: str, url: str, at_once: int) -> Taken:
    taken = Taken([], [])
    for _round in range(ROUNDS):
        command = [python, str(Path(__file__).parent / "_openai.py"), url, str(CALLS), str(at_once), TEXT]
        told: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        taken.seconds.append(told["seconds"])
        taken.cpu.append(1000 * told["cpu"] / CALLS)
    return taken


def lines() -> Iterator[Line]:
    with a_server() as url:
        for at_once, least in LEAST.items():
            ways: dict[str, Callable[[], None]] = {
                "aiohttp": lambda n=at_once: bare(url, n),  # type: ignore[misc]
                "line": lambda n=at_once: only_the_line(url, n),  # type: ignore[misc]
                "whole": lambda n=at_once: whole(url, n),  # type: ignore[misc]
            }
            taken = in_turn(ways)
            peer = taken["aiohttp"]
            for name, what in (("line", "the line"), ("whole", "all of ask_many")):
                ratio = taken[name].a_second / peer.a_second
                detail = f"ours {taken[name]}; aiohttp {peer}"
                target = f"≥ {least} of aiohttp"
                yield Line(f"{at_once} at once, {what}", f"{ratio:.2f}", target, ratio >= least, detail)
                cpu = median(taken[name].cpu)
                yield Line(
                    f"{at_once} at once, {what}, CPU a call", f"{cpu:.2f} ms", f"≤ {MOST_CPU} ms", cpu <= MOST_CPU
                )
            if not (python := os.environ.get("OPENAI_PYTHON")):
                yield Line(f"{at_once} at once, openai", "skipped", detail="OPENAI_PYTHON names no interpreter")
                continue
            theirs = openai(python, url, at_once)
            ratio = taken["whole"].a_second / theirs.a_second
            is_asked = at_once == max(LEAST)
            yield Line(
                f"{at_once} at once, beside openai",
                f"{ratio:.2g}×",
                f"≥ {LEAST_OF_OPENAI}×" if is_asked else "",
                ratio >= LEAST_OF_OPENAI if is_asked else None,
                f"openai {theirs}",
            )


if __name__ == "__main__":
    sys.exit(int(report(list(lines())) > 0))
