"""A model server on loopback that says what a test tells it to, over real HTTP, in both providers' formats."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel

PIECE = 16


@dataclass(frozen=True)
class Answer:
    """What the server answers.

    `body` replaces what the provider's format would hold; an endless one is sent until the client goes away. `cut_at` closes
    the connection after so many bytes of the body. `chunked=False` leaves a stream's end to the end of the connection.
    """

    text: str = ""
    finish: str = "stop"
    status: int = 200
    delay: float = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] | None = None
    cut_at: int | None = None
    chunked: bool = True
    tokens: tuple[int, int] | None = (100, 20)


Told = Answer | BaseModel | dict[str, Any] | str


class FakeModelServer:
    """A context manager. `url` is the base URL for the openai provider, `anthropic_url` for the other.

    `requests` holds the bodies that came, `headers` those of each request, `most_at_once` how many were being answered at a time.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], Told] = lambda body: "Hello.") -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.tell = tell
        owner = self

        class Handler(_Handler):
            server_of = owner

        self._server = _Server(("127.0.0.1", 0), Handler)
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url, self.anthropic_url = f"{address}/v1", address

    def answer_with(self, tell: Callable[[dict[str, Any]], Told]) -> None:
        """Answer each request with what `tell` says to its body."""
        self.tell = tell

    def answer_in_turn(self, *answers: Told) -> None:
        """Answer with these, one after the other, and go on with the last."""
        left = list(answers)
        self.tell = lambda body: left.pop(0) if len(left) > 1 else left[0]

    def __enter__(self) -> "FakeModelServer":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_of: FakeModelServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        owner = self.server_of
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with owner.lock:
            owner.requests.append(asked)
            owner.headers.append({name.lower(): value for name, value in self.headers.items()})
            owner.at_once += 1
            owner.most_at_once = max(owner.most_at_once, owner.at_once)
            told = owner.tell(asked)
        try:
            self._answer(asked, _answer(told))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with owner.lock:
                owner.at_once -= 1

    def _answer(self, asked: dict[str, Any], answer: Answer) -> None:
        time.sleep(answer.delay)
        is_stream = bool(asked.get("stream")) and answer.status == 200
        form = _Anthropic if self.path.endswith("/messages") else _OpenAI
        pieces: Iterable[bytes]
        if answer.body is not None:
            pieces = [answer.body] if isinstance(answer.body, bytes) else answer.body
        elif answer.status != 200:
            pieces = [json.dumps({"error": {"message": f"status {answer.status}"}}).encode()]
        elif is_stream:
            pieces = (f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()
                      for event in form.events(asked, answer))  # fmt: skip
        else:
            pieces = [json.dumps(form.whole(asked, answer)).encode()]
        self.send_response(answer.status)
        headers = {"Content-Type": "text/event-stream" if is_stream else "application/json"} | dict(answer.headers)
        for name, value in headers.items():
            self.send_header(name, value)
        if is_stream and answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            pieces = _chunked(_cut(pieces, answer.cut_at), whole=answer.cut_at is None)
        elif not isinstance(pieces, list):
            self.send_header("Connection", "close")
            pieces = _cut(pieces, answer.cut_at)
        else:
            self.send_header("Content-Length", str(sum(map(len, pieces))))
            pieces = _cut(pieces, answer.cut_at)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
        if answer.cut_at is not None:
            self.close_connection = True


def _answer(told: Told) -> Answer:
    if isinstance(told, BaseModel):
        return Answer(told.model_dump_json())
    if isinstance(told, dict):
        return Answer(json.dumps(told))
    return Answer(told) if isinstance(told, str) else told


def _cut(pieces: Iterable[bytes], at: int | None) -> Iterator[bytes]:
    for piece in pieces:
        if at is not None and len(piece) >= at:
            yield piece[:at]
            return
        yield piece
        at = None if at is None else at - len(piece)


def _chunked(pieces: Iterable[bytes], *, whole: bool) -> Iterator[bytes]:
    for piece in pieces:
        if piece:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
    if whole:
        yield b"0\r\n\r\n"


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


class _OpenAI:
    @staticmethod
    def whole(asked: dict[str, Any], answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.finish == "refusal":
            message = {"role": "assistant", "content": None, "refusal": "No."}
        body = {"model": asked["model"] + "-2026", "choices": [{"message": message, "finish_reason": answer.finish}]}
        return body | _OpenAI.usage(answer)

    @staticmethod
    def usage(answer: Answer) -> dict[str, Any]:
        if answer.tokens is None:
            return {}
        return {"usage": {"prompt_tokens": answer.tokens[0], "completion_tokens": answer.tokens[1]}}

    @staticmethod
    def events(asked: dict[str, Any], answer: Answer) -> Iterator[dict[str, Any] | str]:
        head = {"model": asked["model"] + "-2026"}
        for piece in _pieces(answer.text):
            yield head | {"choices": [{"delta": {"content": piece}, "finish_reason": None}]}
        yield head | {"choices": [{"delta": {}, "finish_reason": answer.finish}]}
        if asked.get("stream_options"):
            yield head | {"choices": []} | _OpenAI.usage(answer)
        yield "[DONE]"


class _Anthropic:
    STOPS = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}

    @staticmethod
    def whole(asked: dict[str, Any], answer: Answer) -> dict[str, Any]:
        block: dict[str, Any] = {"type": "text", "text": answer.text}
        if asked.get("tools"):
            block = {"type": "tool_use", "name": asked["tools"][0]["name"], "input": json.loads(answer.text)}
        tokens = answer.tokens or (0, 0)
        return {
            "type": "message",
            "model": asked["model"] + "-2026",
            "content": [block],
            "stop_reason": _Anthropic.STOPS[answer.finish],
            "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
        }

    @staticmethod
    def events(asked: dict[str, Any], answer: Answer) -> Iterator[dict[str, Any] | str]:
        tokens = answer.tokens or (0, 0)
        message = {"model": asked["model"] + "-2026", "usage": {"input_tokens": tokens[0], "output_tokens": 1}}
        yield {"type": "message_start", "message": message}
        yield {"type": "ping"}
        for piece in _pieces(answer.text):
            delta = {"type": "text_delta", "text": piece}
            if asked.get("tools"):
                delta = {"type": "input_json_delta", "partial_json": piece}
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
        stop = {"stop_reason": _Anthropic.STOPS[answer.finish]}
        yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": tokens[1]}}
        yield {"type": "message_stop"}
