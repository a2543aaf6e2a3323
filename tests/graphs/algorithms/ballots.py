"""Small elections for tests."""

import numpy as np
from hypothesis import strategies as st

from graphs.algorithms.pruning import Rules
from graphs.algorithms.ranking import winner, wisdom_scores
from graphs.algorithms.tally import Vote, Votes, tally

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


def a_million_votes_for_one_pair() -> Votes:
    many = 1_000_000
    voter, same = np.arange(1, many + 1), np.ones(many, np.int64)
    return Votes(voter, same, 2 * same, 0 * same, 0 * same, ("When in doubt",))


def winner_of(election: list[Vote], rules: Rules) -> int | None:
    """Return who wins by the verdicts as they are told, one by one."""
    verdicts = rules.judge(tally(election))
    return winner(wisdom_scores({pair: verdict.weight for pair, verdict in verdicts.items() if verdict.weight}))
