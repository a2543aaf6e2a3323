import asyncio
import gzip
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_client import LLM, LLMBadAnswer, LLMError, LLMSettings, LLMUnavailable, MemoryLedger
from llm_client.transport import EventParser, Line
from tests.llm_client.conftest import GREETING, KEY, PROMPT, Waits, greet
from tests.llm_client.server import Answer, FakeModelServer

MakeLLM = Callable[..., LLM]
GOOD = GREETING.model_dump_json()
# What the system takes from a sender, at the most, before anyone reads it.
IN_THE_SOCKETS = 64_000_000


def fault_of(llm: LLM, **more: Any) -> LLMError:
    with pytest.raises(LLMError) as caught:
        greet(llm, **more)
    return caught.value


# ----------------------------------------------------------------------------------------------------------------- retries


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_may_pass_is_tried_again(llm: LLM, server: FakeModelServer, waits: Waits, status: int) -> None:
    server.answer_in_turn(Answer(status=status), Answer(status=status), GREETING)
    _, call = greet(llm)
    assert call.attempts == 3
    assert 0 < waits.seconds[0] < waits.seconds[1]


@pytest.mark.parametrize("status", [500, 429])
def test_it_gives_up_after_the_last_attempt(make_llm: MakeLLM, server: FakeModelServer, status: int) -> None:
    server.answer_with(lambda body: Answer(status=status))
    fault = fault_of(make_llm(max_attempts=3))
    assert isinstance(fault, LLMUnavailable)
    assert fault.temporary
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "refused the request"),
        (401, "refused the API key"),
        (402, "no credit"),
        (403, "refused the API key"),
        (404, "No such model"),
        (302, "refused the request"),
    ],
)
def test_what_will_not_pass_is_said_at_once(llm: LLM, server: FakeModelServer, status: int, reason: str) -> None:
    server.answer_with(lambda body: Answer(status=status, headers={"Location": server.url}))
    fault = fault_of(llm)
    assert isinstance(fault, LLMUnavailable)
    assert reason in fault.reason
    assert not fault.temporary
    assert len(server.requests) == 1


def test_nobody_at_the_address_is_tried_again_and_said(make_llm: MakeLLM, waits: Waits) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        fault = fault_of(make_llm(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
    assert isinstance(fault, LLMUnavailable)
    assert "connection to the language model failed" in fault.reason
    assert len(waits.seconds) == 3


def test_a_slow_model_is_given_up_after_the_timeout(make_llm: MakeLLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: Answer(GOOD, delay=0.5))
    fault = fault_of(make_llm(timeout=0.05, max_attempts=2))
    assert "did not answer within 0.05 seconds" in fault.reason
    assert len(server.requests) == 2


def test_a_model_that_drips_is_given_up_after_the_timeout(make_llm: MakeLLM, server: FakeModelServer) -> None:
    def drip() -> Any:
        while True:
            time.sleep(0.02)
            yield b" "

    server.answer_with(lambda body: Answer(body=drip()))
    assert "did not answer within" in fault_of(make_llm(timeout=0.2, max_attempts=1)).reason


def test_a_body_that_is_cut_is_asked_for_again(llm: LLM, server: FakeModelServer) -> None:
    server.answer_in_turn(Answer(GOOD, cut_at=40), GREETING)
    assert greet(llm)[1].attempts == 2


KINDS = [
    kind
    for kind in vars(httpx).values()
    if isinstance(kind, type) and issubclass(kind, httpx.RequestError | httpx.StreamError | httpx.InvalidURL)
]


def one(kind: type[Exception]) -> Exception:
    try:
        return kind("broken")
    except TypeError:  # some take no message
        return kind()


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_of_the_connection_is_an_outage(kind: type[Exception]) -> None:
    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise one(kind)

    async def attempt() -> LLMError | None:
        settings = LLMSettings(base_url="http://model.invalid", model="small")
        line = Line(settings, Waits(), asyncio.get_running_loop())
        line._transport = Broken()
        return (await line._send((), None, None, None)).error

    assert isinstance(asyncio.run(attempt()), LLMUnavailable)


# ------------------------------------------------------------------------------------------------------------- Retry-After


def date(seconds: float) -> str:
    """Return the HTTP date in so many seconds."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("2", 1.5, 2),
        ("0.2", 0.1, 0.2),
        (25, 20, 25),
        ("999999", 29, 30),
        (999999, 29, 30),
        (-50, 0, 0),
        ("-5", 0.3, 0.7),
        ("nan", 0.3, 0.7),
        ("inf", 0.3, 0.7),
        ("1e9", 0.3, 0.7),
        ("²", 0.3, 0.7),
        ("soon", 0.3, 0.7),
        ("Mon, 99 Foo 2026 99:99:99 GMT", 0.3, 0.7),
        ("", 0.3, 0.7),
    ],
)
def test_it_waits_as_long_as_it_is_told_up_to_a_limit(
    make_llm: MakeLLM, server: FakeModelServer, waits: Waits, asked: str | int, least: float, most: float
) -> None:
    header = date(asked) if isinstance(asked, int) else asked
    server.answer_in_turn(Answer(status=429, headers={"Retry-After": header}), GREETING)
    greet(make_llm(max_retry_after=30))
    assert least <= sum(waits.seconds) <= most


def test_when_one_caller_is_told_to_wait_all_wait(make_llm: MakeLLM, server: FakeModelServer, waits: Waits) -> None:
    server.answer_in_turn(Answer(status=429, headers={"Retry-After": "20"}), GREETING)
    greet(make_llm())
    greet(make_llm(), name="Bo")  # another LLM with the same settings, as another request of the site would make
    assert [round(seconds) for seconds in waits.seconds] == [20, 20]


def test_an_outage_of_one_call_does_not_hold_up_the_others(llm: LLM, server: FakeModelServer, waits: Waits) -> None:
    server.answer_in_turn(Answer(status=500), GREETING)
    greet(llm)
    greet(llm, name="Bo")
    assert len(waits.seconds) == 1


# ----------------------------------------------------------------------------------------------------------------- garbage


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"choices": []}',
        b'{"choices": {}}',
        b'{"choices": [{"message": "text"}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": [{"text": 7}]}}]}',
        b'{"error": {"message": "no credit"}}',
        b"[" * 100_000,
        b'{"choices": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_answer_of_a_model_is_an_outage(
    make_llm: MakeLLM, server: FakeModelServer, ledger: MemoryLedger, body: bytes
) -> None:
    server.answer_with(lambda asked: Answer(body=body))
    assert isinstance(fault_of(make_llm(max_attempts=2)), LLMUnavailable)
    assert ledger.calls[0].outcome == "unavailable"


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("chunk", [b" " * 65536, b'data: {"choices": [{"delta": {"content": "la"}}]}\n\n' * 500])
def test_an_endless_answer_is_cut_at_the_limit_in_little_memory(
    llm: LLM, server: FakeModelServer, chunk: bytes, streams: bool
) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += len(chunk)
            yield chunk

    server.answer_with(lambda body: Answer(body=endless()))
    greet_once = llm.stream(PROMPT, {"name": "Ada", "number": 1}, purpose="greet")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LLMBadAnswer, match="longer than 2000000 bytes"):
        list(greet_once) if streams else greet(llm)
    assert sent < 2_000_000 + IN_THE_SOCKETS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    assert len(server.requests) == 1


def test_a_packed_answer_is_not_unpacked(llm: LLM, server: FakeModelServer) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    server.answer_with(lambda body: Answer(body=bomb, headers={"Content-Encoding": "gzip"}))
    assert "packed" in fault_of(llm).reason
    assert server.headers[0]["accept-encoding"] == "identity"


def test_the_key_is_sent_and_never_told(llm: LLM, server: FakeModelServer, ledger: MemoryLedger) -> None:
    server.answer_with(lambda body: Answer(status=401, body=f'{{"error": "wrong key {KEY}"}}'.encode()))
    fault = fault_of(llm)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(ledger.calls) + str(fault) + fault.detail
    assert "wrong key" in ledger.calls[0].error


@pytest.mark.parametrize("key", ["", KEY])
def test_a_name_and_password_in_the_address_are_sent_in_place_of_the_key(
    make_llm: MakeLLM, server: FakeModelServer, key: str
) -> None:
    greet(make_llm(base_url=server.url.replace("//", "//ada:s3cret@"), api_key=key))
    assert server.headers[0]["authorization"] == "Basic YWRhOnMzY3JldA=="


def test_a_key_that_no_header_can_hold_is_said_and_not_told(make_llm: MakeLLM, server: FakeModelServer) -> None:
    fault = fault_of(make_llm(api_key=f"{KEY}\nX-Other: 1"))
    assert isinstance(fault, LLMUnavailable) and not fault.temporary
    assert KEY not in fault.reason + fault.detail
    assert not server.requests


def test_the_reason_holds_nothing_of_what_the_server_said(llm: LLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: Answer(status=400, body=b"my secret wish"))
    fault = fault_of(llm)
    assert "secret" not in str(fault)
    assert "secret" in fault.detail


# ---------------------------------------------------------------------------------------------------------------- patience


def impatient(llm: LLM, seconds: float) -> LLM:
    return LLM(llm.settings, ledger=llm.ledger, patience=seconds)


def test_who_waits_before_the_screen_is_told_in_time(llm: LLM, server: FakeModelServer, ledger: MemoryLedger) -> None:
    server.answer_with(lambda body: Answer(status=503))
    fault = fault_of(impatient(llm, 1))
    assert isinstance(fault, LLMUnavailable) and fault.temporary
    assert ledger.calls[-1].outcome == "unavailable" and ledger.calls[-1].attempts < llm.settings.max_attempts


def test_a_slow_answer_ends_at_the_end_of_patience(llm: LLM, server: FakeModelServer, ledger: MemoryLedger) -> None:
    def slow(body: Any) -> Answer:
        time.sleep(3)
        return Answer(status=503)

    server.answer_with(slow)
    fault = fault_of(impatient(llm, 0.5))
    assert "0.5 seconds" in str(fault) and ledger.calls[-1].attempts == 1


def test_who_waits_is_not_kept_waiting_for_a_server_that_asks_for_more_patience(
    llm: LLM, server: FakeModelServer
) -> None:
    server.answer_with(lambda body: Answer(status=429, headers={"Retry-After": "30"}))
    waiting = impatient(llm, 20)
    assert "too often" in str(fault_of(waiting))
    assert "too often" in str(fault_of(waiting, name="Bo"))
    assert len(server.requests) == 1


# ------------------------------------------------------------------------------------------------------------------ others


def test_a_forked_worker_asks_over_a_line_of_its_own(llm: LLM, server: FakeModelServer) -> None:
    greet(llm)
    if (child := os.fork()) == 0:
        try:
            os._exit(0 if greet(llm, name="Bo")[0] == GREETING else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    greet(llm, name="Cy")
    assert len(server.requests) == 3


@given(st.lists(st.sampled_from([b"data: a", b"data:b", b": ping", b"event: x", b"", b"\r"])), st.data())
def test_events_are_the_same_however_the_network_cuts_them(lines: list[bytes], data: st.DataObject) -> None:
    sent = b"\n".join(lines)
    whole = EventParser().feed(sent)
    cut = data.draw(st.integers(0, len(sent)))
    parser = EventParser()
    assert parser.feed(sent[:cut]) + parser.feed(sent[cut:]) == whole


def test_an_event_without_its_empty_line_does_not_count() -> None:
    parser = EventParser()
    assert parser.feed(b"data: 1\n\ndata: 2\n") == [b"1"]
