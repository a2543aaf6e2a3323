import pytest
from django.core.exceptions import ValidationError

from core.text import clean_text


def test_line_ends_become_newlines_and_the_byte_order_mark_goes() -> None:
    assert clean_text("\ufeffone\r\ntwo\rthree", field="text", most=100) == "one\ntwo\nthree"


@pytest.mark.parametrize("bad", ["\x00", "\ud800", "\u202e", "\x1b", "\u2066"])
def test_what_cannot_be_stored_or_shown_is_refused_by_its_place(bad: str) -> None:
    with pytest.raises(ValidationError) as caught:
        clean_text(f"ab{bad}", field="comment", most=100)
    assert "Character 3" in caught.value.message_dict["comment"][0]


def test_too_long_a_text_is_told_by_how_much() -> None:
    with pytest.raises(ValidationError, match="11 characters; at most 10"):
        clean_text("x" * 11, field="text", most=10)


def test_a_required_text_is_not_blank() -> None:
    with pytest.raises(ValidationError):
        clean_text(" \n", field="text", most=10, required=True)


@pytest.mark.parametrize("words", ["", "Größe", "مرحبا", "👩‍👩‍👧 family", "tab\tand\nline"])
def test_what_people_write_stays_as_it_is(words: str) -> None:
    assert clean_text(words, field="text", most=100) == words


@pytest.mark.parametrize("thing", [None, 3, ["a"], {"a": 1}])
def test_what_is_no_text_is_refused(thing: object) -> None:
    with pytest.raises(ValidationError):
        clean_text(thing, field="text", most=10)
