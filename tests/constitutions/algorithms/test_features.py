import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constitutions.algorithms.features import FEATURES, MOST_READ, differences, measure

NAMES = [feature.name for feature in FEATURES]


def counted(name: str, text: str, prompt: str = "") -> float:
    return float(measure([text], [prompt])[0, NAMES.index(name)])


@pytest.mark.parametrize(
    ("name", "more", "less"),
    [
        ("words", "one two three", "one two"),
        ("sentence_length", "one two three four.", "One. Two."),
        ("sentences", "One. Two! Three?", "One and two and three."),
        ("sentences", "これは本です。あれは猫です。", "これは本です。"),
        ("newlines", "a\nb\nc", "a b c"),
        ("paragraphs", "a\n\nb", "a\nb"),
        ("list_items", "- a\n- b\n1. c", "a, b and c"),
        ("bold", "**this** and __that__", "this and that"),
        ("headings", "# Head\ntext", "Head\ntext"),
        ("code", "call `f()`", "call f()"),
        ("questions", "Why?", "Because."),
        ("exclamations", "Yes!", "Yes."),
        ("quotes", "“so” he said", "so he said"),
        ("digits", "in 1904 and 1905", "in a year"),
        ("capitals", "Ana met Bo", "she met him"),
        ("commas", "a, b; c", "a b c"),
        ("brackets", "a (b)", "a b"),
        ("emoji", "fine 🙂", "fine"),
        ("links", "see https://example.org", "see there"),
        ("refusals", "I can't help with that", "I help with that"),
        ("hedges", "perhaps it might rain", "it will rain"),
        ("certainty", "it always rains", "it often rains"),
        ("politeness", "please come, thank you", "come"),
        ("warnings", "be careful, a risk", "go ahead"),
        ("first_person", "I think we agree", "they agree"),
        ("second_person", "you and your dog", "a dog"),
        ("causes", "wet because of rain", "wet and rain"),
        ("contrasts", "small but strong", "small and strong"),
        ("examples", "fruit, for example pears", "fruit"),
        ("negations", "it is not so", "it is so"),
        ("feelings", "I feel sad", "a table stands"),
        ("distinct_words", "a b c d", "a a a a"),
        ("word_variety", "a b c d", "a a b b"),
        ("repeated_sentences", "It rains. It rains.", "It rains. It snows."),
        ("word_length", "extraordinary circumstances", "a big cat"),
        ("reading_ease", "The cat sat on the mat.", "Institutional considerations necessitate deliberation."),
    ],
)
def test_a_feature_counts_what_it_says(name: str, more: str, less: str) -> None:
    assert counted(name, more) > counted(name, less)


@pytest.mark.parametrize("name", ["prompt_echo", "prompt_copied", "prompt_coverage"])
def test_the_prompt_features_count_what_is_taken_from_the_prompt(name: str) -> None:
    prompt = "what is the tallest mountain of all"
    assert counted(name, "what is the tallest mountain of all? Everest", prompt) > counted(name, "Everest", prompt)


def test_every_feature_is_named_once_and_worded_in_both_directions() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert len({wording for f in FEATURES for wording in (f.more, f.less)}) == 2 * len(NAMES)


def test_no_wording_judges() -> None:
    judging = ("clear", "kind", "helpful", "honest", "better", "polite ", "safe ", "good")
    assert not [f.more for f in FEATURES for word in judging if word in f"{f.more} {f.less} "]


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=100))
def test_exchanged_texts_exchange_the_sign(first: str, second: str, prompt: str) -> None:
    assert np.array_equal(differences([prompt], [first], [second]), -differences([prompt], [second], [first]))


@given(st.text(max_size=500))
def test_equal_texts_do_not_differ(text: str) -> None:
    assert not differences(["prompt"], [text], [text]).any()


def test_an_empty_text_can_be_measured() -> None:
    assert np.isfinite(measure([""], [""])).all()


def test_no_texts_give_an_empty_table() -> None:
    assert measure([], []).shape == (0, len(FEATURES))


@pytest.mark.parametrize("piece", ["\n", ".", ". ", "*", "_", "`", "- ", "1", "a'", "\n \t", "(", "# "])
def test_a_text_of_nothing_but_marks_is_measured_in_no_time(piece: str) -> None:
    text = (piece * MOST_READ)[: MOST_READ - 1] + "a"
    began = time.thread_time()
    measure([text], [text])
    assert time.thread_time() - began < 3


def test_a_thousand_pairs_take_less_than_five_seconds() -> None:
    text = "You could try this, because it is **simple**. First, ask them what they want.\n- Then wait.\n" * 6
    began = time.thread_time()
    differences(["Should I ask them?"] * 1000, [text] * 1000, [text[:400]] * 1000)
    assert time.thread_time() - began < 5
