from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings

from graphs.algorithms.flipping import sybil_share, votes_to_flip
from graphs.algorithms.pruning import RULES, PruningRules, RobustRules, Rules
from graphs.algorithms.tally import Vote
from tests.graphs.algorithms.ballots import a_million_votes_for_one_pair, elections, votes, winner_of

both = pytest.mark.parametrize("rules", RULES.values(), ids=RULES)


def test_votes_to_flip_of_a_case_for_pencil_and_paper() -> None:
    # 2 and 3 are equal and 2 has the lower number: one more "wiser" makes 3's arrow count for more
    election = votes(1, 2, wiser=3, unsure=1) + votes(1, 3, wiser=3, unsure=1, first=100)
    assert winner_of(election, PruningRules()) == 2
    flip = votes_to_flip(election, PruningRules())
    assert flip is not None and flip.new_winner == 3 and len(flip.votes) == 1


def with_added(election: list[Vote], added: list[tuple[int, int, str]]) -> list[Vote]:
    return [*election, *(Vote(1000 + n, a, b, "When in doubt", answer) for n, (a, b, answer) in enumerate(added))]


@both
@settings(max_examples=60, deadline=None)
@given(election=elections())
def test_the_votes_told_do_crown_the_value_told(rules: Rules, election: list[Vote]) -> None:
    flip = votes_to_flip(election, rules)
    if flip is not None:
        assert flip.new_winner != winner_of(election, rules)
        assert winner_of(with_added(election, flip.votes), rules) == flip.new_winner


@both
@settings(max_examples=25, deadline=None)
@given(election=elections(values=4, people=8))
def test_no_fewer_equal_answers_about_one_pair_would_do(rules: Rules, election: list[Vote]) -> None:
    best = winner_of(election, rules)
    flip = votes_to_flip(election, rules, most=3)
    fewest = len(flip.votes) if flip else 4
    asked = {(vote.source, vote.target) for vote in election}
    for count in range(1, fewest):
        for pair in asked:
            for answer in ("upgrade", "no_upgrade"):
                after = winner_of(with_added(election, [(*pair, answer)] * count), rules)
                assert best is None or after in (best, None)


def small_election(seed: int) -> list[Vote]:
    """Votes about six pairs of six values or fewer, most of which find the second wiser."""
    rng = np.random.default_rng(seed)
    pairs = {tuple(rng.choice(6, 2, replace=False).tolist()) for _ in range(6)}
    election = []
    for n, (source, target) in enumerate(sorted(pairs)):
        wiser, not_wiser, unsure = (int(rng.integers(low, high)) for low, high in ((3, 15), (0, 5), (0, 3)))
        election += votes(source, target, wiser=wiser, not_wiser=not_wiser, unsure=unsure, first=100 * n)
    return election


def fewest_by_brute_force(election: list[Vote], rules: Rules, most: int) -> int | None:
    """Return how many added answers it takes at least to crown another value, by trying all of one size after the
    other."""
    before = winner_of(election, rules)
    answers = [(*pair, answer) for pair in sorted({v[1:3] for v in election}) for answer in ("upgrade", "no_upgrade")]
    for size in range(1, most + 1):
        for added in combinations_with_replacement(answers, size):
            if winner_of(with_added(election, list(added)), rules) not in (before, None):
                return size
    return None


SMALL = [("robust", n) for n in (3, 4, 6, 7, 9, 17)] + [("mge-2023", n) for n in (4, 9, 12, 17, 21)]


@pytest.mark.parametrize(("mode", "seed"), SMALL)
def test_up_to_three_votes_the_fewest_are_those_that_trying_everything_finds(mode: str, seed: int) -> None:
    election, rules = small_election(seed), RULES[mode]
    assert winner_of(election, rules) is not None
    flip = votes_to_flip(election, rules)
    expected = fewest_by_brute_force(election, rules, 3)
    if expected is None:
        assert flip is None or len(flip.votes) > 3
    else:
        assert flip is not None and len(flip.votes) == expected
        assert winner_of(with_added(election, flip.votes), rules) == flip.new_winner


def test_small_elections_need_one_two_three_and_more_votes() -> None:
    """So that the test above does say something."""
    flips = [votes_to_flip(small_election(seed), RULES[mode]) for mode, seed in SMALL]
    assert {1, 2, 3, 4} <= {len(flip.votes) for flip in flips if flip}


def test_only_pairs_that_people_are_asked_about_are_voted_on() -> None:
    flip = votes_to_flip(votes(1, 2, wiser=3), PruningRules())
    assert flip is None, "with one pair, asked in one direction, nobody else can win"


def test_where_no_answers_about_one_pair_do_several_pairs_are_combined() -> None:
    # 2 is not firm and 3 is: the one has to be raised, and then the other lowered
    election = votes(1, 2, wiser=8, not_wiser=4) + votes(1, 3, wiser=12, first=100)
    flip = votes_to_flip(election, RobustRules())
    assert flip is not None and flip.new_winner == 2
    assert set(flip.votes) == {(1, 2, "upgrade"), (1, 3, "no_upgrade")}
    for i in range(len(flip.votes)):
        assert winner_of(with_added(election, flip.votes[:i] + flip.votes[i + 1 :]), RobustRules()) != 2


def test_what_needs_more_votes_than_asked_for_is_not_told() -> None:
    election = votes(1, 2, wiser=8, not_wiser=4) + votes(1, 3, wiser=12, first=100)
    assert votes_to_flip(election, RobustRules(), most=3) is None


def test_no_winner_no_flip() -> None:
    assert votes_to_flip(votes(1, 2, wiser=1), RobustRules()) is None


def test_sybil_share_is_that_of_accounts_among_all_people() -> None:
    assert sybil_share(2, 98) == 0.02


def test_a_million_votes_for_one_pair_are_not_to_be_flipped() -> None:
    assert votes_to_flip(a_million_votes_for_one_pair(), RobustRules()) is None
