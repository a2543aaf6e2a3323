import random

from constitutions.algorithms.merging import merge


def together(*phrases: str) -> bool:
    return any(set(phrases) <= set(group) for group in merge(phrases))


def test_other_words_for_the_same_are_merged() -> None:
    assert together("names a concrete next step", "gives a concrete next step", "offers concrete next steps")
    assert together("asks a clarifying question", "asks clarifying questions")


def test_opposites_are_never_merged() -> None:
    for first, second in (
        ("is longer", "is shorter"),
        ("mentions the risks", "does not mention the risks"),
        ("uses more formal language", "uses less formal language"),
        ("gives a direct answer", "gives an indirect answer"),
        ("avoids jargon", "uses jargon"),
    ):
        assert not together(first, second), (first, second)


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
