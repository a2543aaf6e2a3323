import gc
import json
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator

from llm_client import LLM, LLMBadAnswer, LLMUnavailable, MemoryLedger, StreamedAnswer, sentences
from llm_client.answers import Unusable
from llm_client.streaming import text_field
from tests.llm_client.conftest import GREETING, PROMPT, Greeting
from tests.llm_client.server import Answer, FakeModelServer

MakeLLM = Callable[..., LLM]
SAID = "What a day! You said “it rained”. 😀 What did you look for then? "
LONG = Greeting(say=SAID * 30, mood=3)
NUMBERS = count()


class Tidied(Greeting):
    """A greeting whose type removes what stands round it, as the text gate does."""

    say: Annotated[str, AfterValidator(lambda text: text.removeprefix("\ufeff").replace("\r\n", "\n").strip())]


def typed(llm: LLM, name: str = "Ada") -> StreamedAnswer[Greeting]:
    return llm.ask_streaming(PROMPT, {"name": name, "number": 1}, returns=Greeting, purpose="greet")


def plain(llm: LLM, name: str = "Ada") -> StreamedAnswer[str]:
    return llm.stream(PROMPT, {"name": name, "number": 1}, purpose="tell")


def taken(streamed: StreamedAnswer[Any], error: type[Exception]) -> str:
    """Return what was given out before the error."""
    given: list[str] = []
    with pytest.raises(error):
        given.extend(streamed)  # extend keeps what came before the error
    return "".join(given)


def chopped(text: str, cuts: list[int]) -> list[str]:
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[begin:end] for begin, end in pairwise(places)]


# --------------------------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three? Four", ["One. ", "Two! ", "Three? ", "Four"]),
        ("Wait... What?! (Yes.) “No.” Good", ["Wait... ", "What?! ", "(Yes.) ", "“No.” ", "Good"]),
        ("Look, e.g. Here, at J. Smith. Then go.", ["Look, e.g. Here, at J. Smith. ", "Then go."]),
        ("It was 3.5 km. approx. that far.", ["It was 3.5 km. approx. that far."]),
        ("First\n\nSecond\nthird", ["First\n\n", "Second\nthird"]),
        ("好。真的吗？是", ["好。", "真的吗？", "是"]),
        ("", []),
    ],
)
def test_a_text_is_released_by_whole_sentences(text: str, parts: list[str]) -> None:
    assert list(sentences([text])) == parts


TEXTS = st.text(alphabet=st.sampled_from("aB.!?…。」 \n”1"), max_size=60) | st.text(max_size=40)


@given(TEXTS, st.lists(st.integers(0, 60)))
def test_sentences_do_not_depend_on_how_the_text_was_cut(text: str, cuts: list[int]) -> None:
    pieces = chopped(text, cuts)
    assert list(sentences(pieces)) == list(sentences([text]))
    assert "".join(sentences(pieces)) == text


def test_a_sentence_without_end_is_released_in_parts() -> None:
    text = "a" * 2500
    assert [len(part) for part in sentences(text)] == [1000, 1000, 500]


def test_an_unfinished_sentence_is_not_released_when_the_stream_breaks() -> None:
    def broken() -> Iterator[str]:
        yield "One. Two is"
        raise LLMUnavailable

    given: list[str] = []
    with pytest.raises(LLMUnavailable):
        given.extend(sentences(broken()))
    assert given == ["One. "]


# -------------------------------------------------------------------------------------------- a text field of partial JSON


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), st.booleans(), st.lists(st.integers(0)))
def test_the_text_field_is_read_however_the_json_was_cut(text: str, ascii_only: bool, cuts: list[int]) -> None:
    whole = json.dumps({"say": text, "mood": 3}, ensure_ascii=ascii_only, indent=1)
    if "\0" in text:
        with pytest.raises(Unusable):
            list(text_field(chopped(whole, cuts), "say"))
    else:
        assert "".join(text_field(chopped(whole, cuts), "say")) == text


@pytest.mark.parametrize("text", ['{"mood": 3, "say": "Hi"}', "Hello", "[" * 3000, ""])
def test_nothing_is_read_where_the_field_does_not_come_first(text: str) -> None:
    assert list(text_field(text, "say")) == []


@pytest.mark.parametrize("text", ['{"say": "Hi', '{"say": "Hi\\', '{"say": "Hi\\q there"', '{"say": "Hi\nyou"}'])
def test_a_field_that_is_cut_or_no_json_is_unusable(text: str) -> None:
    with pytest.raises(Unusable):
        list(text_field(text, "say"))


@pytest.mark.parametrize("text", ['{"say": "\\ud83d!"}', '{"say": "\\ude00"}', '{"say": "\\u0000"}'])
def test_characters_that_are_none_are_unusable(text: str) -> None:
    with pytest.raises(Unusable):
        list(text_field(text, "say"))


# -------------------------------------------------------------------------------------------------- typed answers, streamed


def test_sentences_come_first_and_the_whole_answer_at_the_end(llm: LLM, server: FakeModelServer) -> None:
    streamed = typed(llm)
    given = []
    for sentence in streamed:
        assert not streamed.is_complete
        given.append(sentence)
    assert given == ["Hello there. ", "How are you?"]
    assert streamed.is_complete
    assert streamed.answer == GREETING
    assert (streamed.call.outcome, streamed.call.tokens_out) == ("ok", 20)
    assert server.requests[0]["stream_options"] == {"include_usage": True}


def test_before_the_end_there_is_no_answer(llm: LLM) -> None:
    with pytest.raises(RuntimeError, match="not complete"):
        _ = typed(llm).answer


def test_the_streamed_field_must_be_the_first_to_be_written(llm: LLM) -> None:
    with pytest.raises(ValueError, match="must be the first field"):
        llm.ask_streaming(PROMPT, {"name": "Ada", "number": 1}, returns=Greeting, purpose="greet", text_field="mood")


def test_streamed_or_not_it_is_the_same_question_to_the_ledger(llm: LLM, server: FakeModelServer) -> None:
    list(typed(llm))
    answer, call = llm.ask(PROMPT, {"name": "Ada", "number": 1}, returns=Greeting, purpose="greet")
    assert (answer, call.outcome) == (GREETING, "cached")
    again = typed(llm)
    assert list(again) == ["Hello there. ", "How are you?"]
    assert again.call.outcome == "cached"
    assert len(server.requests) == 1


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 16_000), chunked=st.booleans())
def test_a_stream_that_is_cut_anywhere_is_never_taken_for_complete(
    make_llm: MakeLLM, server: FakeModelServer, ledger: MemoryLedger, cut: int, chunked: bool
) -> None:
    server.answer_with(lambda body: Answer(LONG.model_dump_json(), cut_at=cut, chunked=chunked))
    streamed = typed(make_llm(max_attempts=1), name=f"Ada {next(NUMBERS)}")
    given: list[str] = []
    try:
        given.extend(streamed)
    except LLMUnavailable:
        assert not streamed.is_complete
        assert LONG.say.startswith("".join(given))
        assert ledger.calls[-1].outcome == "unavailable"
    else:  # the cut came after the model had said that it was done
        assert streamed.answer == LONG
        assert "".join(given) == LONG.say


def test_a_cut_releases_whole_sentences_only_and_asking_again_gives_one_reply(
    llm: LLM, server: FakeModelServer
) -> None:
    server.answer_in_turn(Answer(LONG.model_dump_json(), cut_at=1500), LONG)
    given = taken(typed(llm), LLMUnavailable)
    assert LONG.say.startswith(given)
    assert given.endswith(("! ", "”. ", "? "))
    again = typed(llm)
    assert "".join(again) == LONG.say
    assert again.call.outcome == "ok"


def test_a_stream_is_not_begun_again_once_something_was_heard(llm: LLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: Answer(LONG.model_dump_json(), cut_at=1500))
    taken(typed(llm), LLMUnavailable)
    assert len(server.requests) == 1


def test_before_anything_was_heard_a_stream_is_tried_again(llm: LLM, server: FakeModelServer) -> None:
    server.answer_in_turn(Answer(status=503), Answer(LONG.model_dump_json(), cut_at=10), GREETING)
    streamed = typed(llm)
    assert "".join(streamed) == GREETING.say
    assert streamed.call.attempts == 3


def test_what_was_heard_of_a_broken_answer_is_recorded_and_paid(
    llm: LLM, server: FakeModelServer, ledger: MemoryLedger
) -> None:
    server.answer_with(lambda body: Answer(LONG.model_dump_json(), cut_at=1500))
    taken(typed(llm), LLMUnavailable)
    [call] = ledger.calls
    assert LONG.model_dump_json().startswith(call.raw_text)
    assert call.raw_text
    assert call.tokens_estimated
    assert call.cost > 0


def test_a_repair_may_not_take_back_what_was_said(llm: LLM, server: FakeModelServer, ledger: MemoryLedger) -> None:
    server.answer_in_turn({"say": "One. Two.", "mood": 9}, {"say": "Three.", "mood": 3})
    streamed = typed(llm)
    assert taken(streamed, LLMBadAnswer) == "One. Two."
    assert not streamed.is_complete


def test_a_repair_that_keeps_what_was_said_completes_it(llm: LLM, server: FakeModelServer) -> None:
    server.answer_in_turn({"say": "One. Two.", "mood": 9}, {"say": "One. Two. Three.", "mood": 3})
    streamed = typed(llm)
    assert list(streamed) == ["One. ", "Two.", " Three."]
    assert streamed.answer.mood == 3


@pytest.mark.parametrize("say", [" One. Two.", "\n\nOne. Two.", "One. Two.\n", "One.\r\nTwo.", "\ufeffOne. Two."])
def test_white_space_that_the_type_tidies_away_takes_nothing_back(llm: LLM, server: FakeModelServer, say: str) -> None:
    server.answer_in_turn({"say": say, "mood": 3})
    streamed = llm.ask_streaming(PROMPT, {"name": "Ada", "number": 1}, returns=Tidied, purpose="greet")
    assert "".join(streamed).split() == ["One.", "Two."] or say.startswith("\ufeff")
    assert streamed.answer.say.split() == ["One.", "Two."]


@pytest.mark.parametrize("bad", ["Hello!", "", '{"say": "', Answer('{"say": "Hi, I am', finish="length")])
def test_an_answer_of_which_nothing_can_be_released_is_repaired_unseen(
    llm: LLM, server: FakeModelServer, bad: Any
) -> None:
    server.answer_in_turn(bad, GREETING)
    assert list(typed(llm)) == ["Hello there. ", "How are you?"]


def test_a_server_that_does_not_stream_gives_its_answer_in_one_piece(llm: LLM, server: FakeModelServer) -> None:
    text = json.dumps(GREETING.model_dump_json())
    body = f'{{"choices": [{{"message": {{"content": {text}}}, "finish_reason": "stop"}}]}}'.encode()
    server.answer_with(lambda asked: Answer(body=body, headers={"Content-Type": "application/json"}, chunked=False))
    assert list(typed(llm)) == ["Hello there. ", "How are you?"]


def test_a_server_that_refuses_to_count_tokens_in_a_stream_is_asked_without(llm: LLM, server: FakeModelServer) -> None:
    def tell(body: dict[str, Any]) -> Any:
        refusal = Answer(status=422, body=b'{"detail": [{"loc": ["body", "stream_options", "include_usage"]}]}')
        return refusal if "stream_options" in body else GREETING

    server.answer_with(tell)
    for name in ("Ada", "Bo"):
        streamed = typed(llm, name)
        assert "".join(streamed) == GREETING.say
        assert streamed.call.tokens_estimated
    assert len(server.requests) == 3


def test_an_error_in_the_middle_of_a_stream_is_an_outage(llm: LLM, server: FakeModelServer) -> None:
    events = (
        b'data: {"choices": [{"delta": {"content": "{\\"say\\": \\"One. Two"}}]}\n\ndata: {"error": {"code": 500}}\n\n'
    )
    server.answer_with(lambda body: Answer(body=events, chunked=False))
    assert taken(typed(llm), LLMUnavailable) == "One. "


def test_when_nobody_listens_any_more_the_call_ends_and_is_recorded(
    llm: LLM, server: FakeModelServer, ledger: MemoryLedger
) -> None:
    def slow() -> Iterator[bytes]:
        yield b'data: {"choices": [{"delta": {"content": "{\\"say\\": \\"One. Two. "}}]}\n\n'
        for _ in range(100):
            yield b": still there\n"

    server.answer_with(lambda body: Answer(body=slow()))
    for sentence in typed(llm):
        assert sentence == "One. "
        break
    gc.collect()
    [call] = ledger.calls
    assert (call.outcome, call.error) == ("unavailable", "nobody listened to the end")
    assert call.raw_text == '{"say": "One. Two. '


# ---------------------------------------------------------------------------------------------------- plain text, streamed


def test_plain_text_comes_in_pieces_and_is_whole_at_the_end(llm: LLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: SAID)
    streamed = plain(llm)
    pieces = list(streamed)
    assert len(pieces) > 3
    assert "".join(pieces) == streamed.answer == SAID
    assert streamed.call.outcome == "ok"
    assert "response_format" not in server.requests[0]
    assert list(plain(llm)) == [SAID]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "bad", ["", "  ", "a\0b", "a\ud800b", Answer("Half a", finish="length"), Answer(finish="content_filter")]
)
def test_a_plain_text_that_cannot_be_kept_is_a_bad_answer(llm: LLM, server: FakeModelServer, bad: Any) -> None:
    server.answer_with(lambda body: bad)
    streamed = plain(llm)
    taken(streamed, LLMBadAnswer)
    assert not streamed.is_complete


def test_a_plain_text_that_is_cut_is_not_complete(llm: LLM, server: FakeModelServer) -> None:
    server.answer_with(lambda body: Answer(SAID, cut_at=300))
    streamed = plain(llm)
    assert SAID.startswith(taken(streamed, LLMUnavailable))
    assert not streamed.is_complete
    assert list(streamed) == []
