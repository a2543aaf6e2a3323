import json
from collections.abc import Callable
from typing import Any

import pytest

from llm_client import LLM, LLMBadAnswer, LLMUnavailable
from llm_client.answers import schema_of
from llm_client.providers import PROVIDERS
from tests.llm_client.conftest import GREETING, KEY, PROMPT, Greeting, greet
from tests.llm_client.server import Answer, FakeModelServer

MakeLLM = Callable[..., LLM]


@pytest.fixture
def anthropic(make_llm: MakeLLM, server: FakeModelServer) -> LLM:
    return make_llm(provider="anthropic", base_url=server.anthropic_url)


def test_an_openai_compatible_server_is_sent_the_schema_as_a_strict_format(llm: LLM, server: FakeModelServer) -> None:
    greet(llm)
    [body] = server.requests
    assert body["model"] == "small"
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["response_format"]["json_schema"]["schema"] == schema_of(Greeting)
    assert body.keys() == {"model", "messages", "response_format"}


def test_a_limit_and_a_temperature_are_sent_when_set(make_llm: MakeLLM, server: FakeModelServer) -> None:
    _, call = greet(make_llm(temperature=0.0, max_answer_tokens=50))
    assert (server.requests[0]["temperature"], server.requests[0]["max_completion_tokens"]) == (0.0, 50)
    assert call.parameters == {"temperature": 0.0, "max_answer_tokens": 50}


def test_a_server_that_wants_no_key_is_sent_none(make_llm: MakeLLM, server: FakeModelServer) -> None:
    greet(make_llm(api_key=""))
    assert "authorization" not in server.headers[0]


def test_anthropic_must_use_the_tool_that_takes_the_answer(anthropic: LLM, server: FakeModelServer) -> None:
    answer, call = greet(anthropic)
    [body] = server.requests
    assert answer == GREETING
    assert body["system"] == "You greet people."
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert body["tools"][0]["input_schema"] == schema_of(Greeting)
    assert body["tool_choice"] == {"type": "tool", "name": body["tools"][0]["name"]}
    assert body["max_tokens"] > 0
    assert server.headers[0]["x-api-key"] == KEY
    assert (call.provider, call.model_returned, call.tokens_in, call.tokens_out) == ("anthropic", "small-2026", 100, 20)


def test_anthropic_streams_typed_answers(anthropic: LLM) -> None:
    streamed = anthropic.ask_streaming(PROMPT, {"name": "Ada", "number": 1}, returns=Greeting, purpose="greet")
    assert list(streamed) == ["Hello there. ", "How are you?"]
    assert streamed.answer == GREETING
    assert (streamed.call.tokens_in, streamed.call.tokens_out) == (100, 20)


def test_anthropic_streams_plain_text(anthropic: LLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: "Once upon a time, there was a moot.")
    streamed = anthropic.stream(PROMPT, {"name": "Ada", "number": 1}, purpose="tell")
    assert "".join(streamed) == "Once upon a time, there was a moot."


@pytest.mark.parametrize("finish", ["length", "refusal"])
def test_anthropic_that_stops_early_gives_a_bad_answer(anthropic: LLM, server: FakeModelServer, finish: str) -> None:
    server.answer_with(lambda body: Answer(GREETING.model_dump_json(), finish=finish))
    with pytest.raises(LLMBadAnswer):
        greet(anthropic)


def test_anthropic_that_reports_an_error_is_an_outage(anthropic: LLM, server: FakeModelServer) -> None:
    error = b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'
    server.answer_with(lambda body: Answer(body=error))
    with pytest.raises(LLMUnavailable, match="provider reports an error"):
        greet(anthropic)


def test_anthropic_events_of_another_shape_are_an_outage(anthropic: LLM, server: FakeModelServer) -> None:
    events = b'data: {"type": "content_block_delta", "delta": {"text": 7}}\n\n'
    server.answer_with(lambda body: Answer(body=events))
    with pytest.raises(LLMUnavailable, match="is not a language model"):
        list(anthropic.stream(PROMPT, {"name": "Ada", "number": 1}, purpose="tell"))


def test_a_repair_for_anthropic_takes_turns(anthropic: LLM, server: FakeModelServer) -> None:
    server.answer_in_turn({"say": "Hello", "mood": 9}, GREETING)
    greet(anthropic)
    assert [message["role"] for message in server.requests[1]["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("provider", "base_url", "url"),
    [
        ("openai", "http://host/v1", "http://host/v1/chat/completions"),
        ("openai", "http://host/v1/chat/completions", "http://host/v1/chat/completions"),
        ("anthropic", "http://host", "http://host/v1/messages"),
        ("anthropic", "http://host/v1", "http://host/v1/messages"),
        ("anthropic", "http://host/v1/messages", "http://host/v1/messages"),
    ],
)
def test_an_address_may_be_given_with_or_without_its_end(provider: str, base_url: str, url: str) -> None:
    assert PROVIDERS[provider].url(base_url) == url


def test_content_may_come_in_parts(llm: LLM, server: FakeModelServer) -> None:
    text = GREETING.model_dump_json()
    parts: list[dict[str, Any]] = [{"type": "text", "text": text[:5]}, {"type": "text", "text": text[5:]}]
    body = json.dumps({"model": None, "choices": [{"message": {"content": parts}}]}).encode()
    server.answer_with(lambda asked: Answer(body=body))
    assert greet(llm)[0] == GREETING
