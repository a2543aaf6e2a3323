"""A model that says what a test tells it to. All else is real: prompts, validation, repair, ledger, budget, guards."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from llm_client.client import LLM, Asked
from llm_client.errors import LLMError, LLMUnavailable
from llm_client.ledger import Call, Ledger, MemoryLedger
from llm_client.providers import Gathered
from llm_client.settings import LLMSettings
from llm_client.transport import OnPiece, Reply

PIECE = 7
SETTINGS = LLMSettings(base_url="http://model.invalid/v1", model="fake")


@dataclass(frozen=True)
class Cut:
    """An answer that breaks off after this much of it."""

    text: str


Said = BaseModel | dict[str, Any] | str | Cut | Exception


class FakeLLM(LLM):
    """An LLM that gives these answers in turn, or those of a function of what it is asked.

    An answer is a value of the type that is asked for, its JSON as a dict or text, an LLMError to fail with, any
    other exception to raise, or a `Cut`. Answers that do not fit are bad answers, and the attempt at repair takes
    the next one. `asked` is what would have left for the model, `calls` what was recorded. Raises AssertionError
    when asked more often than there are answers. Without a `ledger` it has one of its own, which finds answers to
    the same question again.
    """

    def __init__(
        self,
        answers: Iterable[Said] | Callable[[Asked], Said] = (),
        *,
        ledger: Ledger | None = None,
        settings: LLMSettings = SETTINGS,
    ) -> None:
        super().__init__(settings, ledger=MemoryLedger() if ledger is None else ledger)
        self.asked: list[Asked] = []
        self.calls: list[Call] = []
        self._answer = answers if callable(answers) else _in_turn(answers)

    def _send(self, asked: Asked, on_piece: OnPiece | None = None) -> Future[Reply]:
        self.asked.append(asked)
        said = self._answer(asked)
        if isinstance(said, Exception) and not isinstance(said, LLMError):
            raise said
        reply = _reply(said, self.settings.model)
        text = reply.gathered.text
        for start in range(0, len(text) if on_piece else 0, PIECE):
            assert on_piece is not None
            on_piece(text[start : start + PIECE])
        future: Future[Reply] = Future()
        future.set_result(reply)
        return future

    def _keep(self, call: Call) -> Any:
        self.calls.append(call)
        return super()._keep(call)


def _in_turn(answers: Iterable[Said]) -> Callable[[Asked], Said]:
    left = iter(list(answers))

    def answer(asked: Asked) -> Said:
        said = next(left, None)
        assert said is not None, f"FakeLLM has no answer left for {asked.purpose}"
        return said

    return answer


def _reply(said: Said, model: str) -> Reply:
    if isinstance(said, LLMError):
        return Reply(Gathered(), error=said)
    if isinstance(said, Cut):
        return Reply(Gathered([said.text]), error=LLMUnavailable("The language model's answer broke off."))
    if isinstance(said, BaseModel):
        said = said.model_dump_json()
    elif isinstance(said, dict):
        said = json.dumps(said)
    return Reply(Gathered([str(said)], finish="stop", model=model))
