"""Principles of every source come to one form, so that their wording does not tell where they come from."""

import pytest

from constitutions.algorithms.style import common_form


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Prefer the answer that names a next step.", "names a next step"),
        ("Choose the response that Is brief", "is brief"),
        ("Avoid the answer that has more words.", "is not one that has more words"),
        ("Do not follow: “Be brief and use lists.”", "is not one that is brief and use lists"),
        ("Be kind and tell the truth!", "is kind and tells the truth"),
        ("Try to listen.", "tries to listen"),
        ("An AI should never mock people.", "does not mock people"),
        ("The assistant must verify what it says", "verifies what it says"),
        ("Don’t guess.", "does not guess"),
        ("Listens before it speaks.", "listens before it speaks"),
        (
            "When a family must decide, attend to: MOMENTS when he can choose; SIGNS of care.",
            "attends, when a family must decide, to moments when he can choose; signs of care",
        ),
        ("Attend to: FEELINGS OF SAFETY in NASA’s texts.", "attends to feelings of safety in NASA’s texts"),
    ],
)
def test_what_rules_know_completes_the_same_opening(text: str, phrase: str) -> None:
    assert common_form(text) == (phrase, True)


def test_what_no_rule_knows_is_quoted_and_says_so() -> None:
    assert common_form("Honesty matters most.") == ("follows this: honesty matters most", False)


def test_nothing_is_no_principle() -> None:
    with pytest.raises(ValueError, match="needs words"):
        common_form(" … ")
