"""Small elections for tests."""

from hypothesis import strategies as st

from graphs.algorithms.tally import Vote

ANSWERS = ("upgrade", "no_upgrade", "not_sure", "too_similar", "it_depends")


def votes(
    source: int, target: int, *, wiser: int = 0, not_wiser: int = 0, unsure: int = 0, first: int = 1
) -> list[Vote]:
    """Return votes of different people about one pair; `first` is the number of the first of them."""
    answers = ["upgrade"] * wiser + ["no_upgrade"] * not_wiser + ["not_sure"] * unsure
    return [Vote(first + i, source, target, "When in doubt", answer) for i, answer in enumerate(answers)]


def elections(values: int = 5, people: int = 12) -> st.SearchStrategy[list[Vote]]:
    """Lists of votes about few values by few people, so that they meet often; each person judges a pair in a context once."""
    one = st.builds(
        Vote,
        voter=st.integers(1, people),
        source=st.integers(1, values),
        target=st.integers(1, values),
        context=st.sampled_from(["When alone", "When together"]),
        answer=st.sampled_from(ANSWERS),
    ).filter(lambda vote: vote.source != vote.target)
    return st.lists(one, max_size=80, unique_by=lambda vote: vote[:4])
