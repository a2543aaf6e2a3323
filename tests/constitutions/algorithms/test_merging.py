import random

import pytest

from constitutions.algorithms.merging import merge


def together(*phrases: str) -> bool:
    return any(set(phrases) <= set(group) for group in merge(phrases))


def test_other_words_for_the_same_are_merged() -> None:
    assert together("names a concrete next step", "gives a concrete next step", "offers concrete next steps")
    assert together("asks a clarifying question", "asks clarifying questions")


OPPOSITES = """is longer / is shorter
mentions the risks / does not mention the risks
uses more formal language / uses less formal language
gives a direct answer / gives an indirect answer
avoids jargon / uses jargon
gives a biased view of the matter / gives an unbiased view of the matter
states the facts accurately / states the facts inaccurately
adds relevant detail / adds irrelevant detail
gives a correct answer / gives an incorrect answer
is well formatted text / is well unformatted text
is polite to the person / is impolite to the person
gives safe advice / gives unsafe advice
puts the warning before the advice / puts the warning after the advice
increases the person's worry / decreases the person's worry
refuses the request / fulfils the request
adds a warning / removes a warning
agrees with the person's view / challenges the person's view
refuses the request / complies with the request
gives many examples / gives few examples
presents one view of the matter / presents several views of the matter
begins with a summary / ends with a summary
admits its uncertainty / hides its uncertainty
fails to answer the question / answers the question
follows the instructions / violates the instructions
uses technical language / uses plain language
supports the person's plan / opposes the person's plan"""


@pytest.mark.parametrize("pair", OPPOSITES.splitlines())
def test_opposites_are_never_merged(pair: str) -> None:
    assert not together(*pair.split(" / "))


def test_what_differs_stays_apart() -> None:
    assert len(merge(["names a next step", "cites a source", "is polite"])) == 3


def test_the_order_makes_no_difference() -> None:
    phrases = ["is polite", "is more polite", "cites a source", "cites sources", "names a step", "is polite"]
    shuffled = random.Random(3).sample(phrases, len(phrases))
    assert merge(phrases) == merge(shuffled)


def test_the_medoid_stands_first_and_is_what_was_said_most() -> None:
    [group] = merge(["cites a source", "cites sources", "cites sources", "cites sources"])
    assert group == ["cites sources", "cites a source"]


def test_nothing_gives_nothing() -> None:
    assert merge([]) == []
