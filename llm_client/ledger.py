"""What is remembered of every call. The ledger itself is handed in: a table in the product, a list in a notebook."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

Outcome = Literal["ok", "bad_answer", "unavailable", "cached"]


@dataclass(frozen=True)
class Call:
    """One call to a model, good or not, or one answer found in the ledger (`cached`: no attempts, no cost).

    `request_sha256` is of everything that shapes the answer: provider, model, messages, schema, parameters. A
    repaired answer is filed under the question as it was first asked. `subject` says whose words the call holds.
    `attempts` counts HTTP requests, `latency_ms` runs from the first one to the last byte. `tokens_estimated`: the
    provider gave no count, so a token was taken to be four characters. `raw_text` is what the model said, with what
    no database stores replaced.
    """

    purpose: str
    subject: str
    provider: str
    model: str
    model_returned: str
    prompt_name: str
    prompt_sha256: str
    request_sha256: str
    parameters: Mapping[str, Any]
    outcome: Outcome
    attempts: int
    tokens_in: int
    tokens_out: int
    tokens_estimated: bool
    cost: Decimal
    latency_ms: int
    raw_text: str
    error: str


class Ledger(Protocol):
    """Keeps the calls. Its methods are called in the thread that asks, never in an event loop."""

    def find(self, request_sha256: str) -> str | None:
        """Return the raw text of an "ok" call with this hash, or None."""

    def find_many(self, request_sha256s: Sequence[str]) -> Mapping[str, str]:
        """Return those of the texts that `find` would return, by their hash."""

    def record(self, call: Call) -> Any:
        """Keep the call and return whatever the caller of the model shall hold: a row, or the call itself."""

    def spent(self) -> Decimal:
        """Return what all calls have cost so far."""

    def batch(self) -> AbstractContextManager[Any]:
        """Return a context in which what is recorded may be kept all at once, when it ends. No model is asked inside."""


class MemoryLedger:
    """A ledger for notebooks and tests: a list."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._answers: dict[str, str] = {}

    def find(self, request_sha256: str) -> str | None:
        return self._answers.get(request_sha256)

    def find_many(self, request_sha256s: Sequence[str]) -> Mapping[str, str]:
        return {asked: self._answers[asked] for asked in request_sha256s if asked in self._answers}

    def record(self, call: Call) -> Call:
        self.calls.append(call)
        if call.outcome == "ok":
            self._answers.setdefault(call.request_sha256, call.raw_text)
        return call

    def spent(self) -> Decimal:
        return sum((call.cost for call in self.calls), Decimal(0))

    def batch(self) -> AbstractContextManager[Any]:
        return nullcontext()
