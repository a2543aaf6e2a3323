import time
from typing import Any

import pytest

from elicitation.algorithms.lints import lint_card, names_in, reading_age

GOOD = [
    "MOMENTS when someone can still choose the next step",
    "LOSSES that sit under what looks like stubbornness",
    "SMALL SIGNS that someone feels watched instead of cared for",
]


def codes(*policies: str, title: str = "Letting go together", **more: Any) -> set[tuple[str, str]]:
    return {(f.code, f.where) for f in lint_card(title, "", [*policies], **more)}


def of_line(line: str, **more: Any) -> set[str]:
    return {code for code, where in codes(line, *GOOD, **more) if where == "policies.0"}


def test_a_good_card_has_nothing_to_say_about() -> None:
    assert codes(*GOOD) == set()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("when someone can still choose", "no_capitals"),
        ("MOMENT when someone can still choose", "not_plural"),
        ("BUSINESS that someone minds", "not_plural"),
        ("avoid taking away what is theirs", "avoids"),
        ("Don’t take away what is theirs", "avoids"),
        ("WAYS to keep what the thing gave them", "vague"),
        ("MEANINGFUL MOMENTS that last", "vague"),
        ("SIGNS that I should step in", "should"),
        ("SIGNS of institutionalisation at home", "hard_word"),
        ("WAYS " + "to go on and " * 9, "long_line"),
        ("PEOPLE to write to at anna@moot.example", "contact"),
        ("PEOPLE to call at +49 170 1234567", "contact"),
    ],
)
def test_a_line_is_looked_at_by_plain_rules(line: str, code: str) -> None:
    assert code in of_line(line)


@pytest.mark.parametrize("line", ["PEOPLE who were there", "CHILDREN and what they see", "SMALL SIGNS of fear"])
def test_plurals_are_known_with_and_without_s(line: str) -> None:
    assert of_line(line) == set()


@pytest.mark.parametrize(("policies", "code"), [(2, "few"), (8, "many")])
def test_three_to_seven_lines_are_advised(policies: int, code: str) -> None:
    numbers = "one two three four five six seven eight".split()
    assert (code, "policies") in codes(*(f"MOMENTS of number {n}" for n in numbers[:policies]))


@pytest.mark.parametrize("title", ["Freedom", "Letting go together of what was always mine"])
def test_two_to_six_words_are_advised_for_the_title(title: str) -> None:
    assert codes(*GOOD, title=title) == {("title_length", "title")}


def test_two_lines_of_the_same_words_are_told() -> None:
    assert ("twice", "policies.3") in codes(
        *GOOD, "MOMENTS when people could choose their next steps, and someone can still"
    )


def test_a_name_from_the_talk_is_found_in_the_card() -> None:
    said = ["My aunt and Miriam hid the keys.", "Then miriam cried"]
    assert "name" not in of_line("MOMENTS when Miriam can choose", said=said)
    assert "name" in of_line("MOMENTS when Miriam can choose", said=said[:1])


def test_the_first_word_of_a_sentence_is_no_name() -> None:
    assert names_in(["Losses hurt me. Then my cousin Karim left: Nobody spoke of it.\nMoments later"]) == {"Karim"}


def test_a_talk_in_capitals_tells_no_names() -> None:
    assert names_in(["MY AUNT HID THE KEYS OF THE CAR", "My Aunt Hid The Keys Of It"]) == frozenset()


def test_rules_about_english_words_are_silent_in_other_languages() -> None:
    lines = ["Momente, in denen jemand noch wählen kann", "Zeichen von Angst", "Wege, die bleiben"]
    assert codes(*lines, title="Loslassen", language="de") == set()


def test_reading_age_tells_plain_from_heavy() -> None:
    plain = "Your card is shown to others without your name. You can take it back."
    heavy = "Participation constitutes authorisation of indefinite institutional retention of pseudonymised material."
    assert reading_age(plain) <= 11
    assert reading_age(heavy) >= 18
    assert reading_age("") == 5


@pytest.mark.parametrize("piece", ["a", "(", " ", "!", "1", "A ", "a@", "Ab ", "'", "é", "+1-", "http://", "\n"])
def test_a_hundred_kilobytes_of_anything_are_looked_at_at_once(piece: str) -> None:
    text = piece * (100_000 // len(piece))

    def look() -> float:
        began = time.thread_time()
        lint_card(text, text, [text], said=[text])
        reading_age(text)
        return time.thread_time() - began

    # what grows with the square of the text takes minutes; a collection of garbage may fall into one try
    assert any(look() < 1 for _ in range(3))
