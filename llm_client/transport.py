"""The way to the model: one event loop in a thread of its own, one pool of connections, retries, one pause for all.

One loop per process is what keeps a connection from being used in a loop that is not its own. Whoever asks stays in
his own thread, with his own database connection; only what goes over the network happens here.
"""

import asyncio
import atexit
import base64
import contextlib
import json
import math
import os
import random
import re
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import SimpleQueue
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from llm_client.errors import LLMBadAnswer, LLMError, LLMUnavailable
from llm_client.providers import PROVIDERS, Gathered, Message, ProviderError
from llm_client.settings import LLMSettings

CONNECT_SECONDS = 10.0
CLOSING_SECONDS = 1.0
FIRST_WAIT = 0.5
KEPT_OF_ERRORS = 2_000
RETRIED = {408, 409, 429}
WRONG_SHAPE = (LookupError, TypeError, AttributeError, ValueError, RecursionError)

Sleep = Callable[[float], Awaitable[Any]]
OnPiece = Callable[[str], None]


@dataclass
class Reply:
    """What came of one call: an answer, or an error and as much of an answer as had come."""

    gathered: Gathered
    error: LLMError | None = None
    attempts: int = 1
    latency_ms: int = 0


class Incoming:
    """The pieces of one streamed call, to iterate over in the thread that asked. Raises the call's error at the end."""

    def __init__(self, start: Callable[[OnPiece], Future[Reply]]) -> None:
        self.pieces: list[str] = []
        self._arrived: SimpleQueue[str | None] = SimpleQueue()
        self._future = start(self._arrived.put)
        self._future.add_done_callback(lambda _: self._arrived.put(None))

    def __iter__(self) -> Iterator[str]:
        while (piece := self._arrived.get()) is not None:
            self.pieces.append(piece)
            yield piece
        if (error := self._future.result().error) is not None:
            raise error

    def reply(self) -> Reply:
        """Return the whole reply, waiting for it if need be."""
        return self._future.result()

    def stop(self) -> None:
        """End the call: nobody listens any more."""
        self._future.cancel()


_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_lines: dict[tuple[LLMSettings, Sleep], "Line"] = {}
_inherited: list[Any] = []


def line_to(settings: LLMSettings, sleep: Sleep) -> "Line":
    """Return this process's line to the model that the settings name."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="llm_client", daemon=True).start()
        key = (settings, sleep)
        if key not in _lines:
            _lines[key] = Line(settings, sleep, _loop)
        return _lines[key]


def _forget() -> None:
    """After a fork the loop's thread is gone and its connections are the parent's: begin anew.

    The old lines are kept: when they are thrown away their connections are closed, and the loop that both processes share
    would no longer listen to those of the parent.
    """
    global _lock, _loop
    _inherited.append((_loop, dict(_lines)))
    _lock, _loop = threading.Lock(), None
    _lines.clear()


os.register_at_fork(after_in_child=_forget)


@atexit.register
def _close() -> None:
    """Close connections when the process ends."""
    for line in _lines.values():
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(line.close(), line.loop).result(CLOSING_SECONDS)


class Line:
    """The way to one model: at most so many calls at a time, and when the server asks for patience, all wait."""

    def __init__(self, settings: LLMSettings, sleep: Sleep, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._sleep = sleep
        self.loop = loop
        self._provider = PROVIDERS[settings.provider]
        self._url = httpx.URL(self._provider.url(settings.base_url))
        # An answer that is packed could unpack to any size.
        told = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "folkmoot"}
        self._headers = httpx.Headers(self._provider.headers(settings.api_key) | told)
        if self._url.userinfo:  # a name and a password in the address stand for the key
            named = f"{self._url.username}:{self._url.password}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(named).decode()}"
            self._url = self._url.copy_with(username=None, password=None)
        self._free = asyncio.Semaphore(settings.max_concurrency)
        self._transport: httpx.AsyncBaseTransport | None = None
        self._extensions = {"timeout": {"connect": min(CONNECT_SECONDS, settings.timeout)}}
        self._paused_until = 0.0
        self._asks_for_usage = True

    def send(
        self,
        messages: tuple[Message, ...],
        schema: dict[str, Any] | None,
        on_piece: OnPiece | None = None,
        patience: float | None = None,
    ) -> Future[Reply]:
        """Ask, and return the reply to come. With `on_piece` the answer is streamed to it, from another thread.

        `patience` is how many seconds it may take with all attempts and waits, where someone sits before the screen.
        """
        return asyncio.run_coroutine_threadsafe(self._send(messages, schema, on_piece, patience), self.loop)

    async def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def _send(
        self,
        messages: tuple[Message, ...],
        schema: dict[str, Any] | None,
        on_piece: OnPiece | None,
        patience: float | None,
    ) -> Reply:
        body = self._provider.body(self._settings, messages, schema, stream=on_piece is not None)
        started = time.monotonic()
        until = math.inf if patience is None else started + patience
        reply = Reply(Gathered(), attempts=0)
        try:
            async with asyncio.timeout(patience), self._free:
                started = time.monotonic()
                await self._persist(reply, body, on_piece, until)
        except TimeoutError:
            reply.error = reply.error or LLMUnavailable(
                f"The language model did not answer within {patience:g} seconds."
            )
        reply.latency_ms = int((time.monotonic() - started) * 1000)
        return reply

    async def _persist(self, reply: Reply, body: dict[str, Any], on_piece: OnPiece | None, until: float) -> None:
        """Try until there is an answer, an error that will not pass, no attempt left, or no time for another."""
        while True:
            if self._paused_until >= until:
                reply.error = reply.error or LLMUnavailable("The language model's address is asked too often.")
                return
            await self._wait_for_pause()
            gathered = reply.gathered = Gathered()
            reply.attempts += 1
            reply.error = None
            try:
                await self._attempt(body, gathered, on_piece)
                return
            except LLMError as error:
                fault = reply.error = error
            if not isinstance(fault, LLMUnavailable):
                return
            wait = fault.retry_after
            if wait is None:
                wait = FIRST_WAIT * 2 ** (reply.attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311  only spreads callers
            if fault.status == 429 or fault.retry_after is not None:
                self._paused_until = max(self._paused_until, time.monotonic() + wait)
                wait = 0.0
            if self._asks_for_usage and fault.status in (400, 422) and "stream_options" in fault.detail:
                # some servers refuse to be asked for a token count in a stream
                self._asks_for_usage, fault.temporary, wait = False, True, 0.0
            has_begun = on_piece is not None and any(gathered.pieces)
            if has_begun or not fault.temporary or reply.attempts >= self._settings.max_attempts:
                return
            if time.monotonic() + wait >= until:
                return
            if wait:
                await self._sleep(wait)

    async def _wait_for_pause(self) -> None:
        waited_for = 0.0
        while self._paused_until > max(waited_for, time.monotonic()):
            waited_for = self._paused_until
            await self._sleep(waited_for - time.monotonic())

    async def _attempt(self, body: dict[str, Any], gathered: Gathered, on_piece: OnPiece | None) -> None:
        import aiohttp  # large, and most processes never ask a model

        if not self._asks_for_usage:
            body.pop("stream_options", None)
        try:
            async with asyncio.timeout(self._settings.timeout):
                content = json.dumps(body).encode()
                # Straight to the transport: of a client's redirects, cookies and authentication nothing is wanted here.
                request = httpx.Request(
                    "POST", self._url, content=content, headers=self._headers, extensions=self._extensions
                )
                response = await self._way().handle_async_request(request)
                try:
                    await self._receive(response, gathered, on_piece)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise LLMUnavailable(
                f"The language model did not answer within {self._settings.timeout:g} seconds."
            ) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError, ValueError) as error:
            reason = "The language model's address or key cannot be used."  # aiohttp raises a bare ValueError
            raise LLMUnavailable(reason, temporary=False, detail=self._detail(repr(error))) from None
        except (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            cut = " in the middle of an answer" if gathered.pieces else ""
            reason = f"The connection to the language model failed{cut}."
            raise LLMUnavailable(reason, detail=self._detail(repr(error))) from None

    def _way(self) -> httpx.AsyncBaseTransport:
        """Return the connections, made when they are first needed: they belong to the loop.

        aiohttp's, under httpx's interface: one pool of httpx's own spends 8 ms of CPU a call on itself at 50 calls at a time
        (docs/decisions/0006-connections-to-the-model.md).
        """
        if self._transport is None:
            import aiohttp
            from httpx_aiohttp import AiohttpTransport

            is_secure = self._url.scheme == "https"
            # loading the trusted authorities takes time; without TLS, trusting nobody will do
            trusted = httpx.create_ssl_context() if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

            def session() -> aiohttp.ClientSession:
                connector = aiohttp.TCPConnector(
                    limit=self._settings.max_concurrency, ssl=trusted, keepalive_timeout=30
                )
                return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

            self._transport = AiohttpTransport(verify=trusted, client=session, proxy=self._proxy())
        return self._transport

    def _proxy(self) -> httpx.Proxy | None:
        """Return the proxy that the environment names for the model's address. Looked up once: aiohttp would at every call."""
        if proxy_bypass(self._url.host):
            return None
        named = getproxies().get(self._url.scheme) or getproxies().get("all")
        return httpx.Proxy(named if "://" in named else f"http://{named}") if named else None

    async def _receive(self, response: httpx.Response, gathered: Gathered, on_piece: OnPiece | None) -> None:
        if response.status_code != 200:
            raise await self._refusal(response)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise LLMUnavailable("The language model's address sends packed answers.", temporary=False)
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        size, body, parser = 0, bytearray(), EventParser()
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > self._settings.max_answer_bytes:
                limit = self._settings.max_answer_bytes
                raise LLMBadAnswer(f"The language model's answer is longer than {limit} bytes.")
            if not is_stream:
                body += chunk
                continue
            for event in parser.feed(chunk):
                text = self._read(self._provider.read_event, event, gathered)
                if text and on_piece is not None:
                    on_piece(text)
        if not is_stream:
            text = self._read(self._provider.read, bytes(body), gathered)
            if text and on_piece is not None:
                on_piece(text)
        elif gathered.finish is None and not parser.is_done:
            raise LLMUnavailable("The language model's answer broke off.")

    def _read(self, read: Callable[[Any, Gathered], str], raw: bytes, gathered: Gathered) -> str:
        """Return the text in one body or event; what is no answer is an outage, not an answer."""
        try:
            return read(json.loads(raw), gathered)
        except ProviderError as error:
            reason, told = "The language model's provider reports an error.", str(error)
        except WRONG_SHAPE:
            reason, told = "What answered is not a language model, or was cut off.", raw.decode(errors="replace")
        raise LLMUnavailable(reason, detail=self._detail(told))

    def _detail(self, told: str) -> str:
        if self._settings.api_key:
            told = told.replace(self._settings.api_key, "…")
        return told[:KEPT_OF_ERRORS]

    async def _refusal(self, response: httpx.Response) -> LLMUnavailable:
        status = response.status_code
        told = b""
        async for chunk in response.aiter_raw():
            told += chunk
            if len(told) > KEPT_OF_ERRORS:
                break
        is_temporary = status in RETRIED or status >= 500
        return LLMUnavailable(
            f"{_REASONS.get(status, _REFUSED)} (HTTP {status}).",
            temporary=is_temporary,
            status=status,
            retry_after=self._retry_after(response) if is_temporary else None,
            detail=self._detail(told.decode(errors="replace")),
        )

    def _retry_after(self, response: httpx.Response) -> float | None:
        """Return the wait in seconds that the server asks for, capped; None if it asks for none or for nonsense."""
        asked = response.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", asked, re.ASCII):
            wait = float(asked)
        else:
            try:
                until = parsedate_to_datetime(asked)
                wait = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
            except (ValueError, TypeError, OverflowError):
                return None
        return min(max(wait, 0.0), self._settings.max_retry_after)


_REFUSED = "The language model's address refused the request"
_REASONS = {
    401: "The language model's address refused the API key",
    402: "The account at the language model's provider has no credit",
    403: "The language model's address refused the API key",
    404: "No such model, or no language model at this address",
    413: "The language model takes no request that long",
    429: "The language model's address is asked too often",
    500: "The language model's server has a fault",
    502: "The language model's server has a fault",
    503: "The language model's server is overloaded",
    504: "The language model's server did not answer in time",
    529: "The language model's server is overloaded",
}


class EventParser:
    """Reads server-sent events. One that is cut off, without its empty line, never comes out."""

    def __init__(self) -> None:
        self.is_done = False
        self._rest = bytearray()
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that this chunk completes. The closing "[DONE]" only sets `is_done`."""
        searched = len(self._rest)
        self._rest += chunk
        if self._rest.find(b"\n", searched) < 0:
            return []
        *lines, last = self._rest.split(b"\n")
        self._rest = last
        found = []
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(bytes(line[5:].strip()))
            elif not line and self._data:
                data, self._data = b"\n".join(self._data), []
                if data == b"[DONE]":
                    self.is_done = True
                else:
                    found.append(data)
        return found
