import time

import pytest

from elicitation.algorithms.own_words import lines_of, says_nothing


def line(said: str) -> str:
    lines = [line.text for line in lines_of(said)]
    assert len(lines) <= 1
    return lines[0] if lines else ""


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("when he can still choose", "MOMENTS when he can still choose"),
        ("If he can still choose", "SIGNS of whether he can still choose"),
        ("moments when she laughs", "MOMENTS when she laughs"),
        ("a sign that she trusts me", "SIGNS that she trusts me"),
        ("how he reacts to the news", "SIGNS of how he reacts to the news"),
        ("that nobody is left out", "SIGNS that nobody is left out"),
        ("to give her time", "WAYS to give her time"),
        ("I'd ask him first", "WAYS to ask him first"),
        ("i would try to listen", "WAYS to listen"),
        ("listen to what she says", "WAYS to listen to what she says"),
        ("asking before doing", "WAYS of asking before doing"),
        ("he goes quiet", "SIGNS that he goes quiet"),
        ("the look on her face", "SIGNS in the look on her face"),
        ("small changes in his voice", "SMALL CHANGES in his voice"),
        ("people who were there", "PEOPLE who were there"),
        ("PEOPLE whose task it is to decide this", "PEOPLE whose task it is to decide this"),
        ("someone who listens", "SIGNS of someone who listens"),
        ("eye contact", "SIGNS of eye contact"),
        ("I ask him how he is", "MOMENTS when I ask him how he is"),
        ("LOSSES that sit under it", "LOSSES that sit under it"),
        ("I would look for changes in her voice", "CHANGES in her voice"),
        ("And maybe, I'd watch out for the little things he says", "SIGNS in the little things he says"),
        ("don't push her", "don't push her"),
        ("Mum goes silent whenever dad comes home", "Mum goes silent whenever dad comes home"),
        ("• his hands.", "SIGNS in his hands"),
        ("2) his hands", "SIGNS in his hands"),
        ("I'd watch whether she looks at the stove", "SIGNS of whether she looks at the stove"),
        ("jokes she makes about forgetting", "JOKES she makes about forgetting"),
        ("her hands shake", "SIGNS that her hands shake"),
        ("his voice gets quiet", "SIGNS that his voice gets quiet"),
        ("the kids laughing", "SIGNS in the kids laughing"),
        ("what else?", ""),
        ("Okay.", ""),
    ],
)
def test_a_line_is_the_persons_words_with_a_word_in_capitals_before_them(said: str, made: str) -> None:
    assert line(said) == made


def test_each_sentence_line_and_part_is_a_line_of_its_own() -> None:
    said = "his hands. the way she looks; if he eats\nwhether he sleeps"
    assert [line.said for line in lines_of(said)] == [
        "his hands.",
        "the way she looks",
        "if he eats",
        "whether he sleeps",
    ]


@pytest.mark.parametrize(
    "said", ["", "  ", "I don’t know", "idk", "No.", "that's all, thanks", "Nothing else", "huh?", "not sure really"]
)
def test_some_answers_say_nothing(said: str) -> None:
    assert says_nothing(said)


@pytest.mark.parametrize("said", ["No one listened to him", "nothing was left of his days", "not knowing what comes"])
def test_others_only_look_so(said: str) -> None:
    assert not says_nothing(said)


def test_a_long_sentence_is_cut_after_a_whole_part() -> None:
    long = "when he can still choose the next step, " + "and when it is quiet in the house, " * 12
    made = line(long)
    assert len(made) <= 240 and made.endswith("the house")


@pytest.mark.parametrize("piece", ["a", "and ", "(", "no ", "I'd look for ", ".", "; ", "’"])
def test_a_hundred_kilobytes_of_anything_are_read_quickly(piece: str) -> None:
    began = time.thread_time()
    list(lines_of(piece * (100_000 // len(piece))))
    assert time.thread_time() - began < 3
