"""Arrows in which each group counts the same."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from core.algorithms.uncertainty import benjamini_hochberg, exact_p
from graphs.algorithms.flipping import votes_to_flip
from graphs.algorithms.pruning import BalancedRules, RobustRules
from graphs.algorithms.ranking import winner, wisdom_scores
from graphs.algorithms.resampling import Ballots, bootstrap
from graphs.algorithms.tally import Vote, Votes, tally
from tests.graphs.algorithms.ballots import votes

RULES = BalancedRules(balance="age")


def grouped(*sides: list[Vote]) -> Votes:
    """Return votes of groups: the first list's of group 0, the next one's of 1 …; people are told apart by place."""
    cast = [vote._replace(voter=100 * place + vote.voter) for place, side in enumerate(sides) for vote in side]
    group = [place for place, side in enumerate(sides) for _vote in side]
    return replace(Votes.of(cast), group=np.array(group))


def test_the_weight_is_of_the_mean_of_the_groups_shares() -> None:
    """15 of 20 and 5 of 5 say wiser: 20 of 25 of everyone, .875 if both groups count the same."""
    cast = grouped(votes(1, 2, wiser=15, not_wiser=5), votes(1, 2, wiser=5))
    assert RobustRules().judge(tally(cast))[1, 2].weight == pytest.approx(2 * 0.8 - 1)
    assert RULES.judge(tally(cast))[1, 2].weight == pytest.approx(2 * 0.875 - 1)


def test_the_decision_is_of_everyones_answers() -> None:
    cast = grouped(votes(1, 2, wiser=15, not_wiser=5), votes(1, 2, wiser=5))
    balanced, plain = RULES.judge(tally(cast))[1, 2], RobustRules().judge(tally(cast))[1, 2]
    assert (balanced.q, balanced.share, balanced.interval) == (plain.q, plain.share, plain.interval)


def test_an_arrow_that_a_large_group_alone_carries_is_dropped_with_the_reason() -> None:
    """28 of 30 and none of 5: firm over everyone, and below one half if both count the same."""
    cast = grouped(votes(1, 2, wiser=28, not_wiser=2), votes(1, 2, not_wiser=5))
    assert RobustRules().judge(tally(cast))[1, 2].verdict == "kept"
    verdict = RULES.judge(tally(cast))[1, 2]
    assert (verdict.verdict, verdict.reason) == ("dropped", "not so if groups count the same")
    assert RULES.weights(tally(cast)).tolist() == [0, 0]


def test_a_group_of_which_fewer_than_five_decide_does_not_count() -> None:
    cast = grouped(votes(1, 2, wiser=18, not_wiser=2), votes(1, 2, not_wiser=4, unsure=3))
    assert RULES.judge(tally(cast))[1, 2].weight == pytest.approx(2 * 18 / 24 - 1)
    assert tally(cast).by_group.decided.tolist() == [[20, 18], [0, 0]]


def test_people_of_no_group_count_in_the_test_alone() -> None:
    cast = grouped(votes(1, 2, wiser=9, not_wiser=3), votes(1, 2, wiser=6), votes(1, 2, not_wiser=2))
    cast = replace(cast, group=np.where(np.equal(cast.group, 2), -1, cast.group))  # type: ignore[arg-type]
    verdict = RULES.judge(tally(cast))[1, 2]
    assert verdict.share == pytest.approx(15 / 20)
    assert verdict.weight == pytest.approx(2 * (0.75 + 1) / 2 - 1)


def test_groups_of_equal_shares_change_nothing() -> None:
    cast = grouped(votes(1, 2, wiser=18, not_wiser=2), votes(1, 2, wiser=9, not_wiser=1))
    assert RULES.judge(tally(cast))[1, 2].weight == pytest.approx(RobustRules().judge(tally(cast))[1, 2].weight)


def test_a_reverse_answer_counts_against_in_its_group() -> None:
    cast = grouped([*votes(1, 2, wiser=8), *votes(2, 1, wiser=2, first=9)], votes(1, 2, wiser=6))
    counts = tally(cast).by_group
    assert (counts.wiser[:, 0].tolist(), counts.decided[:, 0].tolist()) == ([8, 6], [10, 6])


def test_resampling_judges_every_resample_by_the_same_rules() -> None:
    """Against a plain reckoning: people drawn anew with their votes, the groups told of in all votes counting the same."""
    cast = grouped(
        [*votes(1, 2, wiser=16, not_wiser=4), *votes(3, 2, wiser=4, not_wiser=7), *votes(1, 4, wiser=15, not_wiser=1)],
        [*votes(1, 2, wiser=5, not_wiser=4), *votes(3, 2, wiser=6), *votes(1, 4, wiser=9, not_wiser=4)],
    )
    found = bootstrap(Ballots.of(tally(cast), RULES), resamples=150, rng=np.random.default_rng(3))
    told = tally(cast).by_group.decided > 0
    rng, people = np.random.default_rng(3), np.unique(cast.voter)
    wins: Counter[int] = Counter()
    for _resample in range(150):
        drawn = people[rng.integers(0, len(people), len(people))]
        times = np.array([np.count_nonzero(drawn == voter) for voter in cast.voter])
        wins[winner(wisdom_scores(_weights(cast, times, told))) or 0] += 1
    assert {value: n / 150 for value, n in wins.items() if value} == pytest.approx(found.wins)
    assert (
        found.wins
        != bootstrap(Ballots.of(tally(cast), RobustRules()), resamples=150, rng=np.random.default_rng(3)).wins
    )


def _weights(cast: Votes, times: np.ndarray, told: np.ndarray) -> dict[tuple[int, int], float]:
    pairs = list(tally(cast))
    rows = list(zip(cast, times.tolist(), cast.group.tolist() if cast.group is not None else [], strict=True))

    def said(pair: tuple[int, int], group: int | None) -> tuple[int, int]:
        mine = [(vote, n) for vote, n, of in rows if group in (None, of)]
        yes = sum(n for vote, n in mine if (vote.source, vote.target) == pair and vote.answer == "upgrade")
        no = sum(n for vote, n in mine if (vote.source, vote.target) == pair and vote.answer == "no_upgrade")
        back = sum(n for vote, n in mine if (vote.target, vote.source) == pair and vote.answer == "upgrade")
        return yes, yes + no + back

    everyone = [said(pair, None) for pair in pairs]
    q = benjamini_hochberg(np.array([float(exact_p(yes, of)) if of >= 5 else np.nan for yes, of in everyone]))
    weights = {}
    for place, pair in enumerate(pairs):
        shares = [yes / of for group in (0, 1) if told[group, place] for yes, of in [said(pair, group)] if of]
        yes, of = everyone[place]
        share = sum(shares) / len(shares) if len(shares) == 2 else yes / of if of else 0.0
        if q[place] <= 0.05 and share > 0.5:
            weights[pair] = 2 * share - 1
    return weights


def test_made_up_people_are_of_no_group_and_may_change_the_winner_all_the_same() -> None:
    cast = grouped(votes(1, 2, wiser=9), votes(1, 2, wiser=6, not_wiser=1), votes(3, 4, wiser=9))
    flip = votes_to_flip(cast, RULES)
    assert flip is not None and flip.new_winner != 2


@pytest.mark.parametrize("rows", [slice(None), np.array([3, 1])])
def test_votes_keep_their_group_when_some_are_taken(rows: np.ndarray) -> None:
    cast = grouped(votes(1, 2, wiser=3), votes(1, 2, wiser=2))
    assert cast.group is not None and cast.take(rows).group is not None
    assert cast.take(np.arange(5)[rows]).group.tolist() == cast.group[rows].tolist()  # type: ignore[union-attr]
