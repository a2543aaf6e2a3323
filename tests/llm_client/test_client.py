import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from llm_client import (
    LLM,
    LLMBadAnswer,
    LLMBudgetReached,
    LLMError,
    LLMUnavailable,
    MemoryLedger,
    Prompt,
    Request,
    guards,
)
from tests.llm_client.conftest import GREETING, PROMPT, Greeting, Waits, greet
from tests.llm_client.server import Answer, FakeModelServer

MakeLLM = Callable[..., LLM]
WRONG = {"say": "Hello", "mood": 9}


@pytest.fixture
def forbidden() -> Iterator[None]:
    def refuse() -> None:
        raise AssertionError("not now")

    guards.before_call.append(refuse)
    yield
    guards.before_call.remove(refuse)


def requests(count: int) -> list[Request[Greeting]]:
    return [Request(PROMPT, {"name": "Ada", "number": number}, Greeting, "greet") for number in range(count)]


def number_in(body: dict[str, Any]) -> int:
    return int(body["messages"][1]["content"].rsplit(" ", 1)[1].rstrip("."))


# ------------------------------------------------------------------------------------------------------------- one answer


def test_an_answer_has_the_type_that_was_asked_for(llm: LLM) -> None:
    answer, _ = greet(llm)
    assert answer == GREETING


def test_the_record_says_what_was_asked_what_came_and_what_it_cost(llm: LLM) -> None:
    _, call = greet(llm, subject="participant:7")
    assert (call.purpose, call.subject, call.outcome, call.attempts) == ("greet", "participant:7", "ok", 1)
    assert (call.provider, call.model, call.model_returned) == ("openai", "small", "small-2026")
    assert (call.prompt_name, call.prompt_sha256) == (PROMPT.name, PROMPT.sha256)
    assert (call.tokens_in, call.tokens_out, call.tokens_estimated) == (100, 20, False)
    assert call.cost == Decimal("0.0004")
    assert call.raw_text == GREETING.model_dump_json()


def test_an_answer_that_does_not_fit_gets_one_attempt_at_repair(
    llm: LLM, server: FakeModelServer, ledger: MemoryLedger
) -> None:
    server.answer_in_turn(WRONG, GREETING)
    answer, call = greet(llm)
    assert answer == GREETING
    told = server.requests[1]["messages"]
    assert [message["role"] for message in told] == ["system", "user", "assistant", "user"]
    assert "mood: Input should be less than or equal to 5" in told[3]["content"]
    assert [c.outcome for c in ledger.calls] == ["bad_answer", "ok"]
    assert call is ledger.calls[1]
    assert call.parameters == {"repair": 1}


@pytest.mark.parametrize(
    "bad",
    [
        WRONG,
        "I'd rather not.",
        "",
        GREETING.model_dump_json()[:-4],
        Answer(GREETING.model_dump_json(), finish="length"),
        Answer(GREETING.model_dump_json(), finish="content_filter"),
        Answer(finish="refusal"),
        '{"say": "a\\ud800b", "mood": 3}',
    ],
)
def test_after_a_second_bad_answer_it_is_an_error_and_both_are_recorded(
    llm: LLM, server: FakeModelServer, ledger: MemoryLedger, bad: Any
) -> None:
    server.answer_with(lambda body: bad)
    with pytest.raises(LLMBadAnswer) as caught:
        greet(llm)
    assert len(server.requests) == 2
    assert [call.outcome for call in ledger.calls] == ["bad_answer", "bad_answer"]
    assert caught.value.call is ledger.calls[1]
    assert all(call.error and call.cost for call in ledger.calls)


def test_a_failed_call_is_recorded_and_costs_nothing(llm: LLM, server: FakeModelServer, ledger: MemoryLedger) -> None:
    server.answer_with(lambda body: Answer(status=500))
    with pytest.raises(LLMUnavailable) as caught:
        greet(llm)
    [call] = ledger.calls
    assert caught.value.call is call
    assert (call.outcome, call.attempts, call.cost, call.raw_text) == ("unavailable", 4, 0, "")


def test_tokens_are_estimated_where_the_server_does_not_count_them(llm: LLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: Answer(GREETING.model_dump_json(), tokens=None))
    _, call = greet(llm)
    assert call.tokens_estimated
    assert call.tokens_in > 20
    assert call.cost > 0


def test_what_a_guard_forbids_is_not_asked(llm: LLM, server: FakeModelServer, forbidden: None) -> None:
    with pytest.raises(AssertionError, match="not now"):
        greet(llm)
    assert not server.requests


# -------------------------------------------------------------------------------------------------------------- the ledger


def test_the_same_question_is_answered_from_the_ledger(llm: LLM, server: FakeModelServer, ledger: MemoryLedger) -> None:
    greet(llm)
    answer, call = greet(llm)
    assert answer == GREETING
    assert len(server.requests) == 1
    assert (call.outcome, call.attempts, call.cost, call.tokens_in) == ("cached", 0, 0, 0)
    assert ledger.spent() == ledger.calls[0].cost


def test_a_repaired_answer_is_found_for_the_question_it_answers(llm: LLM, server: FakeModelServer) -> None:
    server.answer_in_turn(WRONG, GREETING)
    greet(llm)
    greet(llm)
    assert len(server.requests) == 2


def test_a_bad_answer_is_never_found_again(llm: LLM, server: FakeModelServer) -> None:
    server.answer_in_turn(WRONG, WRONG, GREETING)
    with pytest.raises(LLMBadAnswer):
        greet(llm)
    assert greet(llm)[0] == GREETING


def test_everything_that_shapes_the_answer_is_in_the_hash(make_llm: MakeLLM, server: FakeModelServer) -> None:
    class Other(Greeting):
        why: str = ""

    server.answer_with(lambda body: {"say": "Hi", "mood": 1})
    plain, other_prompt = make_llm(), Prompt("greet", PROMPT.text.replace("You greet", "You gladly greet"))
    calls = [
        greet(plain)[1],
        greet(plain, name="Bo")[1],
        greet(plain, number=2)[1],
        greet(plain, sample=1)[1],
        greet(make_llm(model="other"))[1],
        greet(make_llm(temperature=0.5))[1],
        greet(make_llm(max_answer_tokens=50))[1],
        plain.ask(PROMPT, {"name": "Ada", "number": 1}, returns=Other, purpose="greet")[1],
        plain.ask(other_prompt, {"name": "Ada", "number": 1}, returns=Greeting, purpose="greet")[1],
    ]
    assert len({call.request_sha256 for call in calls}) == len(calls)
    assert {call.outcome for call in calls} == {"ok"}


def test_purpose_subject_and_patience_do_not_shape_the_answer(make_llm: MakeLLM, server: FakeModelServer) -> None:
    greet(make_llm())
    greet(make_llm(timeout=9, max_attempts=1), subject="participant:8")
    assert len(server.requests) == 1


def test_an_old_answer_that_no_longer_fits_the_type_is_asked_for_anew(llm: LLM, ledger: MemoryLedger) -> None:
    _, call = greet(llm)
    ledger._answers[call.request_sha256] = '{"say": "", "mood": 1}'
    assert greet(llm)[1].outcome == "ok"


# -------------------------------------------------------------------------------------------------------------- the budget


def test_at_the_budget_nothing_is_asked(make_llm: MakeLLM, server: FakeModelServer) -> None:
    llm = make_llm(budget=Decimal("0.0008"))  # two calls of 0.0004
    for number in range(2):
        greet(llm, number=number)
    with pytest.raises(LLMBudgetReached):
        greet(llm, number=2)
    assert len(server.requests) == 2


def test_what_is_in_the_ledger_can_be_had_without_a_budget(make_llm: MakeLLM) -> None:
    greet(make_llm())
    assert greet(make_llm(budget=Decimal(0)))[1].outcome == "cached"


def test_the_attempt_at_repair_needs_budget_too(make_llm: MakeLLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: WRONG)
    with pytest.raises(LLMBudgetReached):
        greet(make_llm(budget=Decimal("0.0004")))
    assert len(server.requests) == 1


def test_many_stop_cleanly_at_the_budget_and_go_on_without_asking_twice(
    make_llm: MakeLLM, server: FakeModelServer
) -> None:
    llm = make_llm(budget=Decimal("0.004"), max_concurrency=4)  # ten calls
    answers = llm.ask_many(requests(40))
    asked = len(server.requests)
    assert 10 <= asked < 10 + 4
    assert [type(answer) for answer in answers] == [Greeting] * asked + [LLMBudgetReached] * (40 - asked)
    more = LLM(replace(llm.settings, budget=Decimal(1)), ledger=llm.ledger)
    assert all(isinstance(answer, Greeting) for answer in more.ask_many(requests(40)))
    assert len(server.requests) == 40


# ------------------------------------------------------------------------------------------------------------ many at once


def test_many_answers_come_in_the_order_of_the_requests(make_llm: MakeLLM, server: FakeModelServer) -> None:
    def tell(body: dict[str, Any]) -> Answer:
        number = number_in(body)
        return Answer(Greeting(say=str(number), mood=1).model_dump_json(), delay=0.02 if number % 3 == 0 else 0)

    server.answer_with(tell)
    answers = make_llm(max_concurrency=8).ask_many(requests(30))
    assert [answer.say for answer in answers if isinstance(answer, Greeting)] == [str(n) for n in range(30)]


def test_no_more_than_the_limit_are_asked_at_a_time_by_all_threads_together(
    make_llm: MakeLLM, server: FakeModelServer
) -> None:
    server.answer_with(lambda body: Answer(GREETING.model_dump_json(), delay=0.02))
    llm = make_llm(max_concurrency=3)
    threads = [threading.Thread(target=llm.ask_many, args=(requests(12)[part::3],)) for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 12
    assert server.most_at_once == 3


def test_a_second_pass_fares_as_well_as_the_first(make_llm: MakeLLM, server: FakeModelServer) -> None:
    # a loop of its own for each pass would meet connections of the loop before
    for sample in range(3):
        again = [replace(request, sample=sample) for request in requests(20)]
        assert all(isinstance(answer, Greeting) for answer in make_llm().ask_many(again))
    assert len(server.requests) == 60


def test_it_can_be_asked_where_an_event_loop_runs_already(llm: LLM) -> None:
    async def inside() -> Greeting:
        return greet(llm)[0]

    assert asyncio.run(inside()) == GREETING


def test_one_failure_does_not_take_the_others_along(make_llm: MakeLLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: Answer(status=500) if number_in(body) == 3 else Answer(GREETING.model_dump_json()))
    answers = make_llm().ask_many(requests(8))
    assert [isinstance(answer, LLMUnavailable) for answer in answers] == [n == 3 for n in range(8)]


def test_each_answer_is_handed_over_with_its_record_in_the_thread_that_asks(
    make_llm: MakeLLM, server: FakeModelServer
) -> None:
    server.answer_with(lambda body: WRONG if number_in(body) == 1 and len(body["messages"]) == 2 else GREETING)
    handed: dict[int, tuple[Any, Any]] = {}

    def note(number: int, answer: Any, call: Any) -> None:
        assert threading.current_thread() is threading.main_thread()
        handed[number] = (answer, call)

    answers = make_llm().ask_many(requests(5), on_answer=note)
    assert [handed[number][0] for number in range(5)] == answers
    assert all(call.outcome == "ok" for _, call in handed.values())


def test_what_on_answer_raises_ends_the_work(make_llm: MakeLLM, server: FakeModelServer) -> None:
    def lost(number: int, answer: Any, call: Any) -> None:
        raise RuntimeError("lease lost")

    with pytest.raises(RuntimeError, match="lease lost"):
        make_llm(max_concurrency=2).ask_many(requests(50), on_answer=lost)
    assert len(server.requests) <= 3


def test_a_refused_key_ends_the_asking_at_once(make_llm: MakeLLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: Answer(status=401))
    handed: list[LLMError] = []
    answers = make_llm(max_concurrency=2).ask_many(requests(50), on_answer=lambda n, answer, c: handed.append(answer))
    assert len(server.requests) <= 3
    assert len(handed) == len(answers) == 50
    assert all(isinstance(answer, LLMUnavailable) and not answer.temporary for answer in answers)


def test_a_model_that_is_down_is_not_asked_to_the_end(make_llm: MakeLLM, server: FakeModelServer, waits: Waits) -> None:
    server.answer_with(lambda body: Answer(status=503))
    answers = make_llm(max_concurrency=4, max_attempts=2).ask_many(requests(50))
    assert len(server.requests) <= 2 * (10 + 3)
    assert all(isinstance(answer, LLMUnavailable) for answer in answers)


def test_nothing_asked_gives_nothing(llm: LLM) -> None:
    assert llm.ask_many([]) == []
