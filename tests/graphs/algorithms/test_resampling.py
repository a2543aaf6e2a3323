from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.algorithms import resampling
from graphs.algorithms.pruning import RULES, PruningRules, RobustRules, Rules
from graphs.algorithms.resampling import RANGE, Ballots, Stability, _Ends, bootstrap
from graphs.algorithms.tally import Vote, tally
from tests.graphs.algorithms.ballots import a_million_votes_for_one_pair, elections, votes, winner_of

both = pytest.mark.parametrize("rules", RULES.values(), ids=RULES)


def stability(election: list[Vote], rules: Rules, resamples: int = 60, seed: int = 0) -> Stability:
    return bootstrap(Ballots.of(tally(election), rules), resamples=resamples, rng=np.random.default_rng(seed))


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
    assert stability([], RobustRules()) == Stability({}, {}, {}, [], 0)


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


def test_a_million_votes_for_one_pair_have_no_rival() -> None:
    counts = tally(a_million_votes_for_one_pair())
    assert counts[1, 2].deciders == len(counts.votes)
    ballots = Ballots.of(counts, RobustRules())
    assert bootstrap(ballots, resamples=2, rng=np.random.default_rng(0)).wins == {2: 1.0}


@pytest.mark.parametrize(
    "rules", [*RULES.values(), RobustRules(min_voters=2, max_q=0.5)], ids=[*RULES, "a floor of two"]
)
@settings(max_examples=25, deadline=None)
@given(election=elections(), seed=st.integers(0, 99))
def test_contexts_are_built_from_the_people_who_are_drawn_for_the_whole_graph(
    rules: Rules, election: list[Vote], seed: int
) -> None:
    contexts = sorted({vote.context for vote in election})
    rng, people = np.random.default_rng(seed), sorted({vote.voter for vote in election})
    expected: list[Counter[int]] = [Counter() for _ in contexts]
    for _ in range(20 if people else 0):
        drawn = rng.integers(0, len(people), len(people))
        again = [vote._replace(voter=n) for n, i in enumerate(drawn) for vote in election if vote.voter == people[i]]
        for wins, context in zip(expected, contexts, strict=True):
            best = winner_of([vote for vote in again if vote.context == context], rules)
            wins.update([] if best is None else [best])
    apart = [
        Ballots.of(tally([vote for vote in election if vote.context == context]), rules, np.array(people))
        for context in contexts
    ]
    joined = Ballots.joined(apart) if apart else None
    whole = Ballots.of(tally(election), rules)
    found = bootstrap(whole, joined, resamples=20, rng=np.random.default_rng(seed))
    assert found.wins_in == [{value: n / 20 for value, n in sorted(wins.items())} for wins in expected]
    assert found._replace(wins_in=[]) == bootstrap(whole, resamples=20, rng=np.random.default_rng(seed))


@both
@pytest.mark.parametrize("most_drawn", [1, 1000, 100_000], ids=["drawn more often", "in 16 bits", "in 32 bits"])
def test_the_kind_of_numbers_makes_no_difference(
    rules: Rules, most_drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    election = votes(1, 2, wiser=155, not_wiser=95) + votes(1, 3, wiser=17, not_wiser=6, first=1000)
    in_bytes = stability(election, rules)
    assert any(low < high for low, high in in_bytes.scores.values()), "resamples differ, else this shows nothing"
    monkeypatch.setattr(resampling, "MOST_DRAWN", most_drawn)
    assert stability(election, rules) == in_bytes


@pytest.mark.parametrize("rows", [1, 2, 7, 19, 20, 21, 60, 333, 1000])
def test_the_ends_of_many_rows_are_those_of_all_of_them(rows: int) -> None:
    rng = np.random.default_rng(rows)
    table = rng.integers(0, 50, (rows, 6)).astype(np.uint16)
    ends = _Ends(rows, 6, np.uint16)
    for part in np.array_split(table, min(rows, 17)):
        ends.add(part)
    low, high = np.percentile(table, RANGE, axis=0, method="inverted_cdf")
    assert [found.tolist() for found in ends.ends()] == [low.tolist(), high.tolist()]
