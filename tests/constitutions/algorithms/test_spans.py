"""What a page points at in a text is what a feature counts."""

import numpy as np
import pytest

from constitutions.algorithms.features import FEATURES, MOST_READ, measure, spans
from frontend.templatetags.folkmoot import counted_in

TEXT = "- Maybe we **must** go?\n- Yes! I can't, because 12 (or 13) ships <wait>, see https://a.example/x please."


@pytest.mark.parametrize(
    "name", ["list_items", "questions", "exclamations", "digits", "brackets", "links", "bold", "quotes"]
)
def test_as_many_places_are_pointed_at_as_are_counted(name: str) -> None:
    place = [feature.name for feature in FEATURES].index(name)
    counted = measure([TEXT], [""])[0, place]
    pointed_at = len(spans(name, TEXT))
    assert counted == pytest.approx(pointed_at) or counted == pytest.approx(np.log1p(pointed_at))


def test_a_word_list_points_at_its_words() -> None:
    assert [TEXT[start:end] for start, end in spans("hedges", TEXT)] == ["Maybe"]
    assert [TEXT[start:end] for start, end in spans("first_person", TEXT)] == ["we", "I"]


def test_what_is_of_the_whole_text_points_at_nothing() -> None:
    assert spans("words", TEXT) == spans("no such feature", TEXT) == spans("questions", "") == []


def test_only_what_is_measured_is_pointed_at() -> None:
    assert spans("questions", "x" * MOST_READ + "?") == []


def test_a_text_is_escaped_where_it_is_pointed_at() -> None:
    shown = counted_in(TEXT, "questions")
    assert '<span class="counted">?</span>' in shown and "&lt;wait&gt;" in shown
