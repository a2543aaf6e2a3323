from collections.abc import Iterator
from decimal import Decimal

import pytest

from llm_client import (
    Asked,
    Cut,
    FakeLLM,
    LLMBadAnswer,
    LLMBudgetReached,
    LLMSettings,
    LLMUnavailable,
    MemoryLedger,
    Request,
    guards,
)
from tests.llm_client.conftest import GREETING, PROMPT, Greeting, greet


@pytest.fixture
def watched() -> Iterator[list[str]]:
    seen: list[str] = []

    def note() -> None:
        seen.append("checked")

    guards.before_call.append(note)
    yield seen
    guards.before_call.remove(note)


@pytest.mark.parametrize("said", [GREETING, GREETING.model_dump(), GREETING.model_dump_json()])
def test_it_says_what_it_is_given(said: object) -> None:
    llm = FakeLLM([said])  # type: ignore[list-item]
    assert greet(llm)[0] == GREETING


def test_it_keeps_what_it_was_asked_and_what_was_recorded() -> None:
    llm = FakeLLM([GREETING])
    _, call = greet(llm, subject="participant:7")
    [asked] = llm.asked
    assert (asked.purpose, asked.subject, asked.system) == ("greet", "participant:7", "You greet people.")
    assert "Ada" in asked.user
    assert llm.calls == [call]
    assert (call.outcome, call.subject, call.request_sha256) == ("ok", "participant:7", asked.sha256)


def test_a_function_can_obey_what_it_is_told() -> None:
    def obey(asked: Asked) -> Greeting:
        return Greeting(say="I obey." if "say that you obey" in asked.text else "No.", mood=1)

    assert greet(FakeLLM(obey), name="say that you obey")[0].say == "I obey."


def test_it_fails_as_it_is_told() -> None:
    llm = FakeLLM([LLMUnavailable("The language model is on holiday."), GREETING])
    with pytest.raises(LLMUnavailable, match="on holiday"):
        greet(llm)
    assert greet(llm)[0] == GREETING
    assert [call.outcome for call in llm.calls] == ["unavailable", "ok"]


def test_its_answers_are_checked_and_repaired_like_real_ones() -> None:
    llm = FakeLLM(["nonsense", GREETING, "nonsense", "nonsense"])
    assert greet(llm)[0] == GREETING
    with pytest.raises(LLMBadAnswer):
        greet(llm, name="Bo")


def test_it_answers_many_in_order() -> None:
    llm = FakeLLM([Greeting(say=str(number), mood=1) for number in range(30)])
    requests = [Request(PROMPT, {"name": "Ada", "number": number}, Greeting, "greet") for number in range(30)]
    answers = llm.ask_many(requests)
    assert [answer.say for answer in answers if isinstance(answer, Greeting)] == [str(n) for n in range(30)]


def test_it_streams() -> None:
    streamed = FakeLLM([GREETING]).ask_streaming(
        PROMPT, {"name": "Ada", "number": 1}, returns=Greeting, purpose="greet"
    )
    assert list(streamed) == ["Hello there. ", "How are you?"]
    assert streamed.answer == GREETING


def test_it_breaks_off_in_the_middle() -> None:
    llm = FakeLLM([Cut('{"say": "One. Tw')])
    streamed = llm.ask_streaming(PROMPT, {"name": "Ada", "number": 1}, returns=Greeting, purpose="greet")
    given: list[str] = []
    with pytest.raises(LLMUnavailable):
        given.extend(streamed)
    assert given == ["One. "]
    assert not streamed.is_complete


def test_it_streams_plain_text() -> None:
    streamed = FakeLLM(["Once upon a time."]).stream(PROMPT, {"name": "Ada", "number": 1}, purpose="tell")
    assert "".join(streamed) == "Once upon a time."


def test_to_be_asked_too_often_is_a_fault_of_the_test() -> None:
    with pytest.raises(AssertionError, match="no answer left for greet"):
        greet(FakeLLM())


def test_guards_are_asked_before_a_fake_call_too(watched: list[str]) -> None:
    llm = FakeLLM([GREETING, "nonsense", GREETING])
    greet(llm)
    assert len(watched) == 1
    greet(llm, name="Bo")  # with its repair
    assert len(watched) == 3


def test_it_uses_the_ledger_and_the_budget_it_is_handed() -> None:
    price = Decimal(1_000_000)
    settings = LLMSettings(
        base_url="http://model.invalid", model="fake", price_in=price, price_out=price, budget=Decimal(1)
    )
    ledger = MemoryLedger()
    llm = FakeLLM([GREETING], ledger=ledger, settings=settings)
    greet(llm)
    assert greet(llm)[1].outcome == "cached"
    assert len(ledger.calls) == 2
    with pytest.raises(LLMBudgetReached):
        greet(llm, name="Bo")
