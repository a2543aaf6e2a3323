import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elicitation.algorithms.quotes import Quote, find_quote, own_quote, quotes_behind, sentences

SAID = "if he could still decide something. like let him  pick\nthe day he stops — and who’s got the car"


def found(quote: str, text: str = SAID) -> str | None:
    span = find_quote(quote, text)
    return text[slice(*span)] if span else None


def test_what_is_found_is_the_persons_own_text() -> None:
    assert found("let him pick the day he stops") == "let him  pick\nthe day he stops"


@pytest.mark.parametrize(
    ("quote", "own"),
    [
        ("Let him pick", "let him  pick"),
        ("“who's got the car.”", "who’s got the car"),
        ("…pick the day he stops - and", "pick\nthe day he stops — and"),
    ],
)
def test_typing_habits_do_not_matter(quote: str, own: str) -> None:
    assert found(quote) == own


@pytest.mark.parametrize(
    "quote",
    [
        "let him choose the day",
        "pick the day, he stops",
        "decide something like",
        "ould still",
        "he",
        "",
        "…",
        "the day he stop",
    ],
)
def test_other_words_parts_of_words_and_scraps_are_no_quotes(quote: str) -> None:
    assert found(quote) is None


def test_letters_with_marks_are_found_however_they_are_typed() -> None:
    assert found("café", "the cafe\u0301 by the lake") == "cafe\u0301"
    assert found("cafe", "the cafe\u0301 by the lake") is None


def test_scripts_without_spaces_are_found_within_a_sentence() -> None:
    assert found("父の記憶", "最近、父の記憶が薄れている") == "父の記憶"


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_a_quote_found_stands_in_the_text(before: str, quote: str, after: str) -> None:
    text = before + quote + after
    if span := find_quote(quote, text):
        assert 0 <= span[0] < span[1] <= len(text)


def test_a_quote_is_looked_for_where_it_is_said_to_be_and_then_elsewhere() -> None:
    turns = {1: "the car was his", 3: "I mean the car was his last thing", 5: "no"}
    assert own_quote("the car was his", turns, turn=3) == Quote(3, "the car was his")
    assert own_quote("the car was his", turns, turn=5) == Quote(1, "the car was his")
    assert own_quote("the boat was his", turns) is None


def test_sentences_are_verbatim() -> None:
    text = "Yes with my uncle. My aunt hid the keys!  (He looked for weeks…)\nno dot here"
    assert list(sentences(text)) == [
        "Yes with my uncle.",
        "My aunt hid the keys!",
        "(He looked for weeks…)",
        "no dot here",
    ]


def test_sentences_behind_a_line_share_its_words() -> None:
    turns = {2: "My aunt hid the keys. He lost the car and he lost his Sunday.", 4: "It rained on Sunday."}
    assert quotes_behind("LOSSES of the car and of Sunday", turns) == [
        Quote(2, "He lost the car and he lost his Sunday.")
    ]
    assert quotes_behind("PATIENCE in queues", turns) == []


@pytest.mark.parametrize("piece", ["a", "(", " ", ".", "a.", "a a "])
def test_a_hundred_kilobytes_of_anything_are_searched_quickly(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.thread_time()
    find_quote("a a a a b", text)
    assert time.thread_time() - began < 3
