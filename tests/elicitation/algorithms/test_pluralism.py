"""Values, rights and duties: what is too little relevant, what repeats, and what they say together."""

import math
import random

import pytest

from elicitation.algorithms.pluralism import Item, Rules, decision, kept, rouge_l

FOR, AGAINST = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def item(text: str, relevance: float = 0.9, type: str = "value") -> Item:
    return Item(type, text, relevance, FOR)


def test_valence_is_weighed_by_relevance_and_its_entropy_is_in_bits() -> None:
    told = decision([Item("value", "a", 1.0, FOR), Item("duty", "b", 0.5, AGAINST)])
    assert told is not None
    assert told[:3] == pytest.approx((2 / 3, 1 / 3, 0))
    assert told.entropy == pytest.approx(0.9183, abs=5e-5)


def test_where_all_say_the_same_nothing_is_uncertain() -> None:
    told = decision([item("a"), item("b", 0.2)])
    assert told == (1.0, 0.0, 0.0, 0.0) and math.copysign(1, told.entropy) == 1


def test_three_ways_that_are_equally_likely_are_log2_3_bits() -> None:
    told = decision([Item("value", "a", 0.4, (1 / 3, 1 / 3, 1 / 3))])
    assert told is not None and told.entropy == pytest.approx(math.log2(3))


def test_nothing_relevant_says_nothing() -> None:
    assert decision([]) is None and decision([item("a", 0.0)]) is None


def test_the_same_text_survives_as_a_value_and_as_a_duty() -> None:
    found = kept([item("Honesty", type="value"), item("Honesty", 0.8, type="duty")])
    assert [(i.type, i.text) for i in found] == [("value", "Honesty"), ("duty", "Honesty")]


def test_of_two_that_say_the_same_the_more_relevant_stays() -> None:
    found = kept([item("Right to privacy", 0.7, "right"), item("Privacy", 0.9, "right"), item("Safety", 0.8, "right")])
    assert [i.text for i in found] == ["Privacy", "Safety"]


def test_words_in_another_order_are_noticed_by_similarity() -> None:
    first, second = "honesty with people you love, even at a cost", "even at a cost, honesty with people you love"
    assert max(rouge_l(first, second)) < Rules().same_words
    assert [i.text for i in kept([item(second, 0.8), item(first, 0.9)])] == [first]


def test_what_is_too_little_relevant_for_its_type_is_left_out() -> None:
    rules = Rules(least_relevance={"value": 0.5, "right": 0.5, "duty": 0.8})
    found = kept(
        [item("a b", 0.5), item("c d", 0.49), item("e f", 0.79, "duty"), item("g h", 0.8, "duty")], rules=rules
    )
    assert [i.text for i in found] == ["g h", "a b"]


def test_what_is_there_already_is_not_said_again() -> None:
    assert kept([item("Right to privacy", type="right")], known=[("right", "Privacy")]) == []
    assert len(kept([item("Right to privacy", type="right")], known=[("duty", "Privacy")])) == 1


def test_the_order_in_which_items_come_does_not_matter() -> None:
    items = [item(f"{word} of others", n / 20, type) for n, word in enumerate("care trust peace play rest".split(), 10)
             for type in ("value", "right")]  # fmt: skip
    shuffled = random.Random(1).sample(items, len(items))
    assert kept(items) == kept(shuffled)


@pytest.mark.parametrize(
    ("text", "other", "scores"),
    [
        ("the cat sat", "the cat sat", (1, 1, 1)),
        ("police killed the gunman", "police kill the gunman", (3 / 4, 3 / 4, 3 / 4)),
        ("police killed the gunman", "the gunman kill police", (2 / 4, 2 / 4, 2 / 4)),
        ("a b c d", "a x c", (2 / 4, 2 / 3, 4 / 7)),
        ("Duty to care", "care", (1, 1, 1)),
        ("", "care", (0, 0, 0)),
        ("¿?", "¿?", (0, 0, 0)),
    ],
)
def test_rouge_l_is_the_longest_common_subsequence(text: str, other: str, scores: tuple[float, ...]) -> None:
    assert rouge_l(text, other) == pytest.approx(scores)
