from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.algorithms import resampling
from graphs.algorithms.pruning import RULES, PruningRules, RobustRules, Rules
from graphs.algorithms.ranking import winner, wisdom_scores
from graphs.algorithms.resampling import bootstrap, sybil_share, votes_to_flip, win_shares
from graphs.algorithms.tally import Vote, Votes, tally
from tests.graphs.algorithms.ballots import elections, votes

both = pytest.mark.parametrize("rules", RULES.values(), ids=RULES)


def winner_of(election: list[Vote], rules: Rules) -> int | None:
    verdicts = rules.judge(tally(election))
    return winner(wisdom_scores({pair: verdict.weight for pair, verdict in verdicts.items() if verdict.weight}))


def stability(election: list[Vote], rules: Rules, resamples: int = 60, seed: int = 0) -> resampling.Stability:
    return bootstrap(election, rules, resamples=resamples, rng=np.random.default_rng(seed))


def test_a_unanimous_winner_wins_every_resample() -> None:
    found = stability(votes(1, 2, wiser=40), PruningRules())
    assert found.wins == {2: 1.0}
    assert found.ranks == {1: (2, 2), 2: (1, 1)}


def test_two_equal_rivals_share_the_wins() -> None:
    election = votes(1, 2, wiser=8, not_wiser=3) + votes(1, 3, wiser=8, not_wiser=3, first=100)
    wins = stability(election, PruningRules(), 1000).wins
    assert 0.35 < wins[2] < 0.65 and 0.35 < wins[3] < 0.65


def test_a_score_that_people_agree_on_has_no_width_and_one_that_may_drop_out_begins_at_nothing() -> None:
    sure = stability(votes(1, 2, wiser=40), PruningRules())
    low, high = sure.scores[2]
    assert low == high == pytest.approx(0.649123, rel=1e-3)
    assert sum(ends[0] for ends in sure.scores.values()) == pytest.approx(1, rel=1e-3)
    shaky = stability(votes(1, 2, wiser=40) + votes(3, 4, wiser=4, not_wiser=2, first=100), PruningRules(), 400)
    assert shaky.scores[4][0] == 0 < shaky.scores[4][1] < shaky.scores[2][1]


def test_where_no_arrow_is_kept_nobody_wins() -> None:
    found = stability(votes(1, 2, wiser=1), RobustRules())
    assert found.wins == {} and found.ranks == {1: (1, 1), 2: (1, 1)}


def test_without_votes_there_is_nothing_to_draw() -> None:
    assert stability([], RobustRules()) == ({}, {}, {}, 0)


@pytest.mark.parametrize(
    "rules",
    # by the last one, a person who judges a pair alone decides about it in each resample that draws them twice
    [*RULES.values(), RobustRules(min_voters=2, max_q=0.5)],
    ids=[*RULES, "a floor of two"],
)
@settings(max_examples=25, deadline=None)
@given(election=elections(), seed=st.integers(0, 99))
def test_resampling_all_at_once_is_building_each_graph_from_people_drawn_one_by_one(
    rules: Rules, election: list[Vote], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    people = sorted({vote.voter for vote in election})
    expected: dict[int, int] = {}
    for _ in range(20 if people else 0):
        drawn = rng.integers(0, len(people), len(people))
        # each time that a person is drawn they count as another person
        again = [vote._replace(voter=n) for n, i in enumerate(drawn) for vote in election if vote.voter == people[i]]
        best = winner_of(again, rules)
        if best is not None:
            expected[best] = expected.get(best, 0) + 1
    found = stability(election, rules, 20, seed)
    assert found.wins == {value: n / 20 for value, n in sorted(expected.items())}


@both
@given(election=elections(), chance=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_votes_does_not_matter(rules: Rules, election: list[Vote], chance: st.DataObject) -> None:
    shuffled = list(election)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert stability(election, rules) == stability(shuffled, rules)


def test_another_seed_draws_other_people() -> None:
    election = votes(1, 2, wiser=5, not_wiser=4) + votes(1, 3, wiser=5, not_wiser=4, first=100)
    assert stability(election, PruningRules(), seed=1) != stability(election, PruningRules(), seed=2)


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


def test_a_million_votes_for_one_pair_have_no_rival() -> None:
    many = 1_000_000
    voter, same = np.arange(1, many + 1), np.ones(many, np.int64)
    election = Votes(voter, same, 2 * same, 0 * same, 0 * same, ("When in doubt",))
    assert tally(election)[1, 2].deciders == many
    assert win_shares(election, RobustRules(), resamples=2, rng=np.random.default_rng(0)) == {2: 1.0}
    assert votes_to_flip(election, RobustRules()) is None


@both
@settings(max_examples=25, deadline=None)
@given(election=elections(), seed=st.integers(0, 99))
def test_win_shares_are_the_wins_of_the_same_bootstrap(rules: Rules, election: list[Vote], seed: int) -> None:
    shares = win_shares(election, rules, resamples=20, rng=np.random.default_rng(seed))
    assert shares == stability(election, rules, 20, seed).wins
