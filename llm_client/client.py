"""The one way to ask a language model: a typed answer, a stored record, or a loud failure."""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from llm_client import guards
from llm_client.answers import Unusable, check_text, read_answer, schema_of, storable
from llm_client.errors import LLMBadAnswer, LLMBudgetReached, LLMError, LLMUnavailable
from llm_client.ledger import Call, Ledger, Outcome
from llm_client.prompts import Prompt
from llm_client.providers import Gathered, Message
from llm_client.settings import LLMSettings
from llm_client.streaming import StreamedAnswer, sentences, text_field
from llm_client.transport import Incoming, OnPiece, Reply, Sleep, line_to

A = TypeVar("A", bound=BaseModel)
T = TypeVar("T")

CHARACTERS_A_TOKEN = 4
MOST_TOKENS = 1_000_000_000
KEPT_OF_BAD_ANSWERS = 100_000
SHOWN_FOR_REPAIR = 20_000
NAME_LENGTH = 120
MOMENT = 0.003  # seconds in which replies that come are kept together
OUT_OF_REACH = 10  # so many failed calls in a row, and many are no longer asked

OnAnswer = Callable[[int, Any, Any], None]
# Yields what to ask, is sent the replies, returns the answer and what the ledger returned for its record.
Exchange = Generator["Asked", Reply, tuple[A, Any]]


@dataclass(frozen=True)
class Request(Generic[A]):
    """One question to a model. `sample` tells independent answers to the same question apart."""

    prompt: Prompt
    variables: Mapping[str, str | int]
    returns: type[A]
    purpose: str
    subject: str | None = None
    sample: int = 0


@dataclass(frozen=True)
class Asked:
    """A question as it leaves for the model; `sha256` is of everything that shapes the answer."""

    prompt: Prompt
    purpose: str
    subject: str | None
    messages: tuple[Message, ...]
    returns: type[BaseModel] | None
    schema: dict[str, Any] | None
    parameters: Mapping[str, Any]
    sha256: str

    @property
    def system(self) -> str:
        return self.messages[0].content

    @property
    def user(self) -> str:
        return self.messages[1].content

    @property
    def text(self) -> str:
        """Everything the model is told."""
        return "\n\n".join(message.content for message in self.messages)


class LLM:
    """Asks the model that the settings name. Every call is recorded in the ledger, and answers are found there again.

    Costs nothing to make and may be used from any thread: all share one connection pool per process and settings.
    `patience` is for calls that a person waits for: the most seconds that one may take, with all its attempts.
    `sleep` is for tests: an asynchronous function of the seconds to wait between attempts.
    """

    def __init__(
        self, settings: LLMSettings, *, ledger: Ledger, patience: float | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.settings = settings
        self.ledger = ledger
        self.patience = patience
        self.budget = settings.budget  # a run may have a smaller one of its own
        self._sleep = sleep

    def ask(
        self,
        prompt: Prompt,
        variables: Mapping[str, str | int],
        *,
        returns: type[A],
        purpose: str,
        subject: str | None = None,
        sample: int = 0,
    ) -> tuple[A, Any]:
        """Return a valid answer, and what the ledger returned for its record.

        `subject` says whose words the call holds. An answer that does not fit gets one attempt at repair. Raises
        LLMUnavailable, LLMBadAnswer or LLMBudgetReached, and ValueError or TypeError for a prompt, variables or a
        type that cannot work.
        """
        asked = self._asked_by(Request(prompt, variables, returns, purpose, subject, sample))
        return self._drive(self._exchange(asked, returns, self.ledger.find(asked.sha256)))

    def ask_many(self, requests: Iterable[Request[A]], *, on_answer: OnAnswer | None = None) -> list[A | LLMError]:
        """Ask several questions at a time; return the answers, or errors in their place, in the order of the requests.

        `on_answer(number, answer or error, call)` is called in this thread as answers come, so that they can be
        stored and the work resumed. At the budget, when the key or the address is refused, and when ten calls in
        a row have failed to reach the model, nothing more is asked, and what is left gets that error. What
        `on_answer` raises goes through.
        """
        waiting = enumerate(requests)
        is_all_taken = False
        results: list[A | LLMError | None] = []
        ready: deque[tuple[int, Exchange[A], Asked]] = deque()
        flying: dict[int, tuple[Exchange[A], Future[Reply]]] = {}
        landed: SimpleQueue[int] = SimpleQueue()
        at_once = self.settings.max_concurrency
        stopped: LLMError | None = None
        out_of_reach = 0

        def note(answer: A | LLMError) -> None:
            """See whether an answer says that nothing more is to be asked."""
            nonlocal stopped, out_of_reach
            if not isinstance(answer, LLMError):
                out_of_reach = 0
                return
            out_of_reach = out_of_reach + 1 if isinstance(answer, LLMUnavailable) else 0
            is_the_end = isinstance(answer, LLMBudgetReached) or (
                isinstance(answer, LLMUnavailable) and answer.concerns_all
            )
            if is_the_end or out_of_reach >= OUT_OF_REACH:
                stopped = stopped or answer

        def tell(number: int, answer: A | LLMError, call: Any) -> None:
            results[number] = answer
            if on_answer is not None:
                on_answer(number, answer, call)

        def go_on(steps: Iterable[tuple[int, Exchange[A], Reply | None]]) -> None:
            """Take several exchanges a step on: what they record is kept at once, and what they ask is ready to be sent."""
            ended: list[tuple[int, A | LLMError, Any]] = []
            with self.ledger.batch():
                for number, exchange, reply in steps:
                    try:
                        asked = next(exchange) if reply is None else exchange.send(reply)
                    except StopIteration as end:
                        ended.append((number, *end.value))
                    except LLMError as error:
                        ended.append((number, error, error.call))
                    else:
                        ready.append((number, exchange, asked))
            for number, answer, call in ended:
                note(answer)
                tell(number, answer, call)

        def send() -> None:
            while ready and stopped is None and len(flying) < at_once:
                number, exchange, asked = ready.popleft()
                try:
                    self._check_before_call()
                except LLMError as error:
                    note(error)
                    tell(number, error, None)
                    continue
                future = self._send(asked)
                flying[number] = exchange, future
                future.add_done_callback(lambda _, number=number: landed.put(number))  # type: ignore[misc]

        def take(most: int) -> list[tuple[int, Request[A]]]:
            """Return the next requests; each is made when it is taken."""
            nonlocal is_all_taken
            fresh = list(islice(waiting, most))
            results.extend([None] * len(fresh))
            is_all_taken = len(fresh) < most
            return fresh

        def arrive() -> list[tuple[int, Exchange[A], Reply]]:
            """Wait for replies and return them, those together that come within a moment: keeping one takes about as long as
            keeping ten. What is ready goes out in their place at once, unless what they cost has to be known first, or whether
            the model is still there."""
            came: list[tuple[int, Exchange[A], Reply]] = []
            wait = None
            while flying and 3 * len(came) < at_once:
                try:
                    number = landed.get(timeout=wait)
                except Empty:
                    break
                exchange, future = flying.pop(number)
                came.append((number, exchange, future.result()))
                if self.budget is None and not out_of_reach:
                    send()
                wait = MOMENT
            return came

        def prepare() -> None:
            """Have as many requests ready as may be asked at a time, so that none is written out while the model waits: a few where
            it waits already."""
            while not is_all_taken and stopped is None and 2 * len(ready) < at_once:
                fresh = take(at_once if flying else -(-at_once // 4))
                asked = [self._asked_by(request) for _number, request in fresh]
                found = self.ledger.find_many([one.sha256 for one in asked])
                go_on(
                    (number, self._exchange(one, request.returns, found.get(one.sha256)), None)
                    for (number, request), one in zip(fresh, asked, strict=True)
                )
                send()

        try:
            while ready or flying or not is_all_taken:
                send()
                prepare()
                if flying:
                    go_on(arrive())
                elif stopped is not None:
                    left = [number for number, _exchange, _asked in ready]
                    ready.clear()
                    while not is_all_taken:
                        left += [number for number, _request in take(at_once)]
                    for number in sorted(left):
                        tell(number, stopped, None)
        finally:
            for _, future in flying.values():
                future.cancel()
        return [result for result in results if result is not None]

    def stream(
        self,
        prompt: Prompt,
        variables: Mapping[str, str | int],
        *,
        purpose: str,
        subject: str | None = None,
        sample: int = 0,
    ) -> StreamedAnswer[str]:
        """Return a plain text to iterate over as the model writes it. Raises, while iterated, as `ask`."""
        asked = self._asked(prompt, variables, None, purpose, subject, sample)
        return StreamedAnswer(self._stream_text(asked))

    def ask_streaming(
        self,
        prompt: Prompt,
        variables: Mapping[str, str | int],
        *,
        returns: type[A],
        purpose: str,
        text_field: str = "say",
        subject: str | None = None,
        sample: int = 0,
    ) -> StreamedAnswer[A]:
        """Return a typed answer to iterate over: whole sentences of its `text_field` first, the answer at the end.

        What was given out stays: a repair is accepted only if its text begins with it. Raises, while iterated, as
        `ask`; and ValueError at once if `text_field` is not the first field of `returns`.
        """
        if next(iter(returns.model_fields), None) != text_field:
            raise ValueError(f"{text_field} must be the first field of {returns.__name__}, to be written first")
        asked = self._asked(prompt, variables, returns, purpose, subject, sample)
        return StreamedAnswer(self._stream_answer(asked, returns, text_field))

    # What follows is one call, step by step. All but what goes over the network happens in the thread that asks.

    def _send(self, asked: Asked, on_piece: OnPiece | None = None) -> Future[Reply]:
        return line_to(self.settings, self._sleep).send(asked.messages, asked.schema, on_piece, self.patience)

    def _drive(self, exchange: Exchange[A]) -> tuple[A, Any]:
        try:
            asked = next(exchange)
            while True:
                self._check_before_call()
                future = self._send(asked)
                try:
                    reply = future.result()
                finally:
                    future.cancel()  # of use only if the wait was interrupted
                asked = exchange.send(reply)
        except StopIteration as end:
            result: tuple[A, Any] = end.value
            return result

    def _exchange(self, asked: Asked, returns: type[A], text: str | None) -> Exchange[A]:
        """Ask, unless the `text` that was found in the ledger is an answer."""
        if text is not None and (found := self._read_found(asked, text, returns)) is not None:
            return found
        reply = yield asked
        return (yield from self._settle(asked, reply, returns))

    def _asked_by(self, request: Request[A]) -> Asked:
        return self._asked(
            request.prompt, request.variables, request.returns, request.purpose, request.subject, request.sample
        )

    def _settle(self, asked: Asked, reply: Reply, returns: type[A]) -> Exchange[A]:
        """Make an answer of a reply, with one attempt at repair."""
        try:
            return self._read(asked, reply, returns)
        except Unusable as problem:
            repair = _repair(asked, reply, problem)
        reply = yield repair
        try:
            return self._read(repair, reply, returns)
        except Unusable as problem:
            raise _bad_answer(problem) from None

    def _stream_text(self, asked: Asked) -> Generator[str, None, tuple[str, Any]]:
        text = self.ledger.find(asked.sha256)
        if text is not None:
            yield text
            return text, self._record(asked, Reply(Gathered([text]), attempts=0), "cached")
        reply = yield from self._listen(asked, lambda pieces: map(check_text, pieces))
        try:
            return self._read_text(asked, reply)
        except Unusable as problem:
            raise _bad_answer(problem) from None

    def _stream_answer(self, asked: Asked, returns: type[A], name: str) -> Generator[str, None, tuple[A, Any]]:
        given: list[str] = []

        def say(pieces: Iterable[str]) -> Iterator[str]:
            for sentence in sentences(text_field(pieces, name)):
                given.append(sentence)
                yield sentence

        found = self._find(asked, returns)
        if found is None:
            reply = yield from self._listen(asked, say)
            found = self._drive(self._settle(asked, reply, returns))
        answer, call = found
        unsaid = _unsaid(getattr(answer, name), "".join(given))
        if unsaid is None:
            raise LLMBadAnswer("The language model took back what it had already said.", call=call)
        yield from sentences([unsaid])
        return answer, call

    def _listen(self, asked: Asked, heard: Callable[[Iterable[str]], Iterator[str]]) -> Generator[str, None, Reply]:
        """Yield what is heard in the pieces of a streamed call; return the reply, in which stands what went wrong."""
        self._check_before_call()
        incoming = Incoming(lambda on_piece: self._send(asked, on_piece))
        try:
            yield from heard(incoming)
        except (LLMError, Unusable):
            pass
        except GeneratorExit:
            incoming.stop()
            self._record(asked, Reply(Gathered(incoming.pieces)), "unavailable", "nobody listened to the end")
            raise
        return incoming.reply()

    def _asked(
        self,
        prompt: Prompt,
        variables: Mapping[str, str | int],
        returns: type[BaseModel] | None,
        purpose: str,
        subject: str | None,
        sample: int,
    ) -> Asked:
        rendered = prompt.render(variables)
        messages = (Message("system", rendered.system), Message("user", rendered.user))
        schema = schema_of(returns) if returns is not None else None
        possible = {
            "temperature": self.settings.temperature,
            "max_answer_tokens": self.settings.max_answer_tokens,
            "sample": sample or None,
        }
        parameters = {name: value for name, value in possible.items() if value is not None}
        # keys are not sorted: the order of a schema's properties shapes the answer, too
        shape = [self.settings.provider, self.settings.model, messages, schema, parameters]
        sha256 = hashlib.sha256(json.dumps(shape).encode()).hexdigest()
        return Asked(prompt, purpose, subject, messages, returns, schema, parameters, sha256)

    def _check_before_call(self) -> None:
        guards.check()
        if self.budget is not None and self.ledger.spent() >= self.budget:
            raise LLMBudgetReached

    def _find(self, asked: Asked, returns: type[A]) -> tuple[A, Any] | None:
        text = self.ledger.find(asked.sha256)
        return None if text is None else self._read_found(asked, text, returns)

    def _read_found(self, asked: Asked, text: str, returns: type[A]) -> tuple[A, Any] | None:
        try:
            answer = read_answer(text, returns)
        except Unusable:  # the type has rules that its schema does not show, and they have changed since
            return None
        return answer, self._record(asked, Reply(Gathered([text]), attempts=0), "cached")

    def _read(self, asked: Asked, reply: Reply, returns: type[A]) -> tuple[A, Any]:
        return self._recorded(asked, reply, lambda text: read_answer(text, returns))

    def _read_text(self, asked: Asked, reply: Reply) -> tuple[str, Any]:
        return self._recorded(asked, reply, check_text)

    def _recorded(self, asked: Asked, reply: Reply, read: Callable[[str], T]) -> tuple[T, Any]:
        """Return what is read from the reply, and its record. Raises the reply's error or Unusable, both recorded."""
        if (error := reply.error) is not None:
            outcome: Outcome = "bad_answer" if isinstance(error, LLMBadAnswer) else "unavailable"
            error.call = self._record(asked, reply, outcome, f"{error.reason} {error.detail}".strip())
            raise error
        try:
            answer = read(_finished(reply))
        except Unusable as problem:
            problem.call = self._record(asked, reply, "bad_answer", str(problem))
            raise
        return answer, self._record(asked, reply, "ok")

    def _record(self, asked: Asked, reply: Reply, outcome: Outcome, error: str = "") -> Any:
        gathered, text = reply.gathered, reply.gathered.text
        tokens = _tokens(asked, reply)
        return self._keep(
            Call(
                purpose=asked.purpose,
                subject=asked.subject or "",
                provider=self.settings.provider,
                model=self.settings.model,
                model_returned=storable(str(gathered.model))[:NAME_LENGTH],
                prompt_name=asked.prompt.name,
                prompt_sha256=asked.prompt.sha256,
                request_sha256=asked.sha256,
                parameters=asked.parameters,
                outcome=outcome,
                attempts=reply.attempts,
                tokens_in=tokens.sent,
                tokens_out=tokens.returned,
                tokens_estimated=tokens.are_estimated,
                cost=self.settings.cost(tokens.sent, tokens.returned),
                latency_ms=reply.latency_ms,
                raw_text=text if outcome in ("ok", "cached") else storable(text)[:KEPT_OF_BAD_ANSWERS],
                error=storable(error),
            )
        )

    def _keep(self, call: Call) -> Any:
        return self.ledger.record(call)


class _Tokens(NamedTuple):
    sent: int
    returned: int
    are_estimated: bool


def _tokens(asked: Asked, reply: Reply) -> _Tokens:
    """Return what the provider counted, or else an estimate, so that a budget is never blind."""
    gathered = reply.gathered
    was_answered = reply.attempts > 0 and (gathered.text or gathered.tokens_in is not None or reply.error is None)
    if not was_answered:
        return _Tokens(0, 0, False)
    counted = gathered.tokens_in, gathered.tokens_out
    sent, returned = (c if isinstance(c, int) and 0 <= c <= MOST_TOKENS else None for c in counted)
    return _Tokens(
        len(asked.text) // CHARACTERS_A_TOKEN + 1 if sent is None else sent,
        len(gathered.text) // CHARACTERS_A_TOKEN + 1 if returned is None else returned,
        sent is None or returned is None,
    )


def _finished(reply: Reply) -> str:
    """Return the reply's text. Raises Unusable if the model stopped early or said nothing."""
    if reply.gathered.finish == "length":
        raise Unusable("the answer was cut off at the length limit; it must be shorter")
    if reply.gathered.finish == "refusal":
        raise Unusable("the model refused to answer")
    if not reply.gathered.text.strip():
        raise Unusable("the answer is empty")
    return reply.gathered.text


def _repair(asked: Asked, reply: Reply, problem: Unusable) -> Asked:
    """Return the question with the unusable answer and what is wrong with it. The ledger keeps it as the same question."""
    said = storable(reply.gathered.text.strip())[:SHOWN_FOR_REPAIR] or "(nothing)"
    wish = (
        f"That answer cannot be used:\n{problem}\n\n"
        f"Answer again, with nothing but one JSON object that fits this schema:\n{json.dumps(asked.schema)}"
    )
    messages = (*asked.messages, Message("assistant", said), Message("user", wish))
    return replace(asked, messages=messages, parameters={**asked.parameters, "repair": 1})


def _unsaid(text: str, said: str) -> str | None:
    """Return what of the text is still to be said, or None if it does not begin with what was said. White space may
    differ: an answer type may tidy it."""
    place = 0
    for char in said:
        if _is_blank(char):
            continue
        while place < len(text) and _is_blank(text[place]):
            place += 1
        if text[place : place + 1] != char:
            return None
        place += 1
    return text[place:].lstrip() if _is_blank(said[-1:]) else text[place:]


def _is_blank(char: str) -> bool:
    return char.isspace() or char == "\ufeff"


def _bad_answer(problem: Unusable) -> LLMBadAnswer:
    return LLMBadAnswer(detail=str(problem), call=problem.call)
