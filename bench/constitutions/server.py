"""A model server that knows what was planted, and answers ours and inverse-cai each in its own form, 50 ms or so long
as it is told after it was asked.

    python -m bench.constitutions.server [SECONDS]

It prints its port. `GET /counts/SHARE` tells the calls by kind and the comparisons in them since the last time, and from then on
lets that share of calls fail: half by status 500, half by a connection that is closed in the middle of the answer.
"""

import asyncio
import hashlib
import json
import re
import sys
import time
from collections import Counter
from typing import Any

import django

django.setup()

from tests.constitutions.planted_judge import FENCED, PROPERTIES, PlantedJudge, marks, number_in, phrase  # noqa: E402

LATENCY = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05  # seconds
ERROR = 0.1
SAMPLE = re.compile(r"Text (?:one|two) of \d+\.[ {}\d]*")
NUMBERED = re.compile(r"(\d+): ['\"]([^'\"]*shows \w+ \w+)")
JUDGE = PlantedJudge(ERROR)


class Planted:
    """What is counted, and what fails."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.share = 0.0
        self.times: Counter[str] = Counter()

    def told(self, share: float) -> bytes:
        told, self.counts, self.share = dict(self.counts), Counter(), share
        self.times.clear()
        return json.dumps(told).encode()

    def answer(self, path: str, body: dict[str, Any]) -> bytes:
        if path.endswith("/embeddings"):
            self.counts["embed"] += 1
            vectors = [
                {"object": "embedding", "index": i, "embedding": _vector(t)} for i, t in enumerate(body["input"])
            ]
            return json.dumps({"object": "list", "data": vectors, "model": "planted", "usage": _USAGE}).encode()
        said = json.dumps(self.said(body["messages"], body))
        message = {"role": "assistant", "content": said}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        head = {"id": "x", "object": "chat.completion", "created": 1, "model": "planted"}
        return json.dumps(head | {"choices": choices, "usage": _USAGE}).encode()

    def said(self, messages: list[dict[str, str]], body: dict[str, Any]) -> dict[Any, Any]:
        user = messages[1]["content"]
        if "response_format" in body and (fenced := FENCED.search(user)):
            material = json.loads(fenced[1])
            kind = "vote" if "questions" in material else "propose" if "preferred" in str(material)[:400] else "read"
            self.counts[kind] += 1
            self.counts["pair texts"] += len(material.get("comparisons", ()))
            # independent answers to the same question differ in what else stands in the call
            return JUDGE.answer(user, user)
        first, second = SAMPLE.findall(user)[:2]
        self.counts["pair texts"] += 1
        if rules := NUMBERED.findall(user):
            self.counts["vote"] += 1
            row = {"first": first, "second": second}
            letters = {"first": "A", "second": "B", "neither": "None"}
            return {number: letters[JUDGE._vote(row, text, user)] for number, text in rules}
        self.counts["propose"] += 1
        shows = sorted(marks(first) - marks(second)) or list(range(PROPERTIES))
        chosen = sorted(shows, key=lambda number: hashlib.sha256(f"{number} {first}".encode()).digest())[:3]
        return {"principles": [f"Select the response that {phrase(number)}." for number in chosen]}

    def fails(self, body: bytes) -> str:
        if not self.share:
            return ""
        name = hashlib.sha256(body).hexdigest()
        self.times[name] += 1
        drawn = int(hashlib.sha256(f"{name} {self.times[name]}".encode()).hexdigest()[:12], 16) / 16**12
        self.counts["failed"] += drawn < self.share
        return "" if drawn >= self.share else "status" if drawn < self.share / 2 else "cut"


_USAGE = {"prompt_tokens": 300, "completion_tokens": 40, "total_tokens": 340}


def _vector(text: Any) -> list[float]:
    number = number_in(str(text))
    return [1.0 if place == number else 0.01 for place in range(PROPERTIES)]


async def serve() -> None:
    planted = Planted()

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                _method, path, _version = head.split("\r\n", 1)[0].split(" ")
                if path.startswith("/counts/"):
                    told, how = planted.told(float(path.rsplit("/", 1)[1])), ""
                else:
                    length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
                    assert length
                    body = await reader.readexactly(int(length[1]))
                    due = time.perf_counter() + LATENCY
                    how = planted.fails(body)
                    told = planted.answer(path, json.loads(body))
                    await asyncio.sleep(due - time.perf_counter())  # thinking up the answer is part of the latency
                if how == "status":
                    told = b'{"error": {"message": "planted"}}'
                status = b"500 Planted" if how == "status" else b"200 OK"
                top = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
                    status,
                    len(told),
                )
                writer.write(top + (told[: len(told) // 2] if how == "cut" else told))
                await writer.drain()
                if how == "cut":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    open_ones: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(answering(reader, writer))
        open_ones.add(task)
        task.add_done_callback(open_ones.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
