"""A small model on loopback, a small question, and waits that take no time."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field

from llm_client import LLM, LLMSettings, MemoryLedger, Prompt
from tests.llm_client.server import FakeModelServer

PROMPT = Prompt(
    "greet", "# Greets a person\n\nYou greet people.\n\n---\n\nSay hello to {{ name }}, number {{ number }}.\n"
)
KEY = "sk-canary-0123456789"


class Greeting(BaseModel):
    """A greeting."""

    say: str = Field(min_length=1, max_length=2000)
    mood: int = Field(ge=1, le=5)


GREETING = Greeting(say="Hello there. How are you?", mood=4)


class Waits:
    """Stands in for `asyncio.sleep`: notes how long the wait would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def server() -> Iterator[FakeModelServer]:
    with FakeModelServer(lambda body: GREETING) as server:
        yield server


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def make_llm(server: FakeModelServer, ledger: MemoryLedger, waits: Waits) -> Callable[..., LLM]:
    """Make an LLM that asks the server; settings can be given by name."""

    def make(**changes: Any) -> LLM:
        settings: dict[str, Any] = {
            "base_url": server.url,
            "api_key": KEY,
            "model": "small",
            "timeout": 5.0,
            "price_in": Decimal(2),
            "price_out": Decimal(10),
        } | changes
        return LLM(LLMSettings(**settings), ledger=ledger, sleep=waits)

    return make


@pytest.fixture
def llm(make_llm: Callable[..., LLM]) -> LLM:
    return make_llm()


def greet(llm: LLM, name: str = "Ada", number: int = 1, **more: Any) -> tuple[Greeting, Any]:
    """Ask for a greeting."""
    return llm.ask(PROMPT, {"name": name, "number": number}, returns=Greeting, purpose="greet", **more)
