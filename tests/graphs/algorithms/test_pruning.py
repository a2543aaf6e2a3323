import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import binom

from core.algorithms.uncertainty import jeffreys_of_many
from graphs.algorithms.pruning import DROPPED, KEPT, RULES, TOO_FEW, PruningRules, RobustRules, Rules
from graphs.algorithms.tally import NO_UPGRADE, UPGRADE, Vote, Votes, tally
from tests.graphs.algorithms.ballots import elections, votes


def verdict_of(rules: Rules, election: list[Vote], pair: tuple[int, int] = (1, 2)) -> tuple[str, str]:
    verdict = rules.judge(tally(election))[pair]
    return verdict.verdict, verdict.reason


def test_the_trial_keeps_two_of_two() -> None:
    assert verdict_of(PruningRules(), votes(1, 2, wiser=2)) == (KEPT, "")


@pytest.mark.parametrize(
    ("election", "reason"),
    [
        (votes(1, 2, wiser=1), "fewer than 2 say wiser"),
        (votes(1, 2, wiser=2, not_wiser=5), "net support below 0.33"),
        (votes(1, 2, wiser=3, not_wiser=2, unsure=2), "entropy above 1.69"),
    ],
)
def test_the_trial_drops_an_arrow_for_the_first_reason_that_holds(election: list[Vote], reason: str) -> None:
    assert verdict_of(PruningRules(), election) == (DROPPED, reason)


def test_a_kept_arrow_of_the_trial_weighs_its_net_support() -> None:
    assert PruningRules().judge(tally(votes(1, 2, wiser=3, unsure=1)))[1, 2].weight == 0.75


def test_a_robust_arrow_needs_five_people_who_decided() -> None:
    assert verdict_of(RobustRules(), votes(1, 2, wiser=4, unsure=9)) == (TOO_FEW, "fewer than 5 people decided")


def test_five_answers_of_one_person_are_not_five_people() -> None:
    election = [Vote(1, 1, 2, f"When {n}", "upgrade") for n in range(9)]
    assert verdict_of(RobustRules(), election)[0] == TOO_FEW


def test_a_clear_majority_is_kept_and_weighs_its_lead_among_those_who_decided() -> None:
    verdict = RobustRules().judge(tally(votes(1, 2, wiser=9, not_wiser=1, unsure=4)))[1, 2]
    assert verdict.verdict == KEPT
    assert verdict.weight == pytest.approx(0.8)
    assert verdict.share == 0.9


def test_the_family_is_both_directions_so_that_a_lone_pair_is_tested_twice() -> None:
    verdict = RobustRules().judge(tally(votes(1, 2, wiser=9, not_wiser=1)))[1, 2]
    assert verdict.q == pytest.approx(2 * 11 / 1024)


def test_an_even_split_is_too_close_to_call() -> None:
    assert verdict_of(RobustRules(), votes(1, 2, wiser=6, not_wiser=5)) == (DROPPED, "too close to call")


def test_a_clear_no_says_so() -> None:
    assert verdict_of(RobustRules(), votes(1, 2, not_wiser=9)) == (DROPPED, "most say it is not wiser")


def test_more_pairs_tested_make_each_harder_to_keep() -> None:
    clear = votes(1, 2, wiser=7, not_wiser=1)
    others = [v for n in range(20) for v in votes(10 + 2 * n, 11 + 2 * n, wiser=3, not_wiser=3, first=100 + 10 * n)]
    assert verdict_of(RobustRules(max_q=0.1), clear)[0] == KEPT
    assert verdict_of(RobustRules(max_q=0.1), clear + others)[0] == DROPPED


def test_false_firm_arrows_are_rare_when_nothing_is_true() -> None:
    rng = np.random.default_rng(0)
    with_false = 0
    for _ in range(300):
        wiser = rng.binomial(12, 0.5, 40)
        election = [
            v for n, w in enumerate(wiser) for v in votes(2 * n, 2 * n + 1, wiser=int(w), not_wiser=12 - int(w))
        ]
        with_false += any(verdict.weight for verdict in RobustRules().judge(tally(election)).values())
    assert with_false / 300 <= 0.05


# How many people decided each pair of the 2023 trial about which five did or more (1,540 votes; the rest were asked of few)
TRIAL = np.repeat(
    [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 22, 25, 26, 30, 32, 35, 36, 40, 45, 46, 47, 49, 51, 60, 95],
    [8, 3, 1, 4, 4, 6, 3, 2, 3, 2, 1, 2, 2, 1, 1, 3, 1, 1, 1, 1, 1, 1, 2, 1, 1, 2, 1, 1, 1],
)


@pytest.mark.parametrize("share", [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
def test_the_interval_holds_the_truth_in_93_to_97_of_100_cases_at_the_trials_counts(share: float) -> None:
    """By exact enumeration: every number of people who may say wiser, with its probability."""
    covered = 0.0
    for decided in TRIAL.tolist():
        wiser = np.arange(decided + 1)
        low, high = jeffreys_of_many(wiser, np.full(decided + 1, decided), RobustRules().level)
        covered += binom.pmf(wiser, decided, share)[(low <= share) & (share <= high)].sum() / len(TRIAL)
    assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize("true", [0.7, 0.85])
def test_of_the_arrows_that_are_firm_at_most_5_in_100_are_false_where_half_of_the_pairs_are_even(true: float) -> None:
    rng = np.random.default_rng(0)
    firm = false = 0
    for _ in range(300):
        even = rng.permutation(len(TRIAL)) < len(TRIAL) / 2
        wiser = rng.binomial(TRIAL, np.where(even, 0.5, true))
        for (source, target), weight in RobustRules().judge(tally(trial_like(wiser))).kept.items():
            assert weight > 0
            firm += 1
            false += bool(even[source // 2]) or source > target
    assert firm > 300
    assert false / firm <= 0.05


def trial_like(wiser: np.ndarray) -> Votes:
    """Return votes about pairs (0, 1), (2, 3), …, decided by as many as in the trial, of whom so many say wiser."""
    pair = np.repeat(np.arange(len(TRIAL)), TRIAL)
    turn = np.arange(len(pair)) - np.repeat(np.cumsum(TRIAL) - TRIAL, TRIAL)
    answer = np.where(turn < wiser[pair], UPGRADE, NO_UPGRADE)
    return Votes(turn, 2 * pair, 2 * pair + 1, np.zeros_like(pair), answer, ("When in doubt",))


def test_the_rules_are_stored_with_everything_that_decides() -> None:
    assert RobustRules().stored() == {
        "mode": "robust",
        "min_voters": 5,
        "max_q": 0.05,
        "level": 0.95,
        "null": 0.5,
        "test": "exact binomial, one-sided",
        "family": "ordered pairs with enough voters",
    }


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@given(election=elections())
def test_many_graphs_at_once_get_the_weights_that_one_gets(rules: Rules, election: list[Vote]) -> None:
    tallies = tally(election)
    alone = [verdict.weight for verdict in rules.judge(tallies).values()]
    together = rules.weights(tallies)
    np.testing.assert_allclose(together, alone, atol=1e-12)


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@given(election=elections())
def test_only_kept_arrows_weigh_and_they_weigh_more_than_nothing(rules: Rules, election: list[Vote]) -> None:
    for verdict in rules.judge(tally(election)).values():
        assert (verdict.weight > 0) == (verdict.verdict == KEPT) == (verdict.reason == "")
        assert math.isfinite(verdict.weight)


@given(election=elections())
def test_no_robust_arrow_runs_both_ways(election: list[Vote]) -> None:
    verdicts = RobustRules().judge(tally(election))
    assert not [pair for pair, verdict in verdicts.items() if verdict.weight and verdicts[pair[1], pair[0]].weight]


@pytest.mark.parametrize(
    ("make", "given", "told"),
    [
        (RobustRules, {"max_q": math.nan}, "max_q is nan, which is no number"),
        (RobustRules, {"max_q": 0.6}, "max_q is 0.6; it must be from 0 to 0.5"),
        (RobustRules, {"level": math.inf}, "level is inf, which is no number"),
        (RobustRules, {"min_voters": 4.5}, "min_voters is 4.5, which is no whole number"),
        (RobustRules, {"min_voters": 0}, "min_voters is 0; it must be at least 1"),
        (PruningRules, {"min_wiser": True}, "min_wiser is True, which is no whole number"),
        (PruningRules, {"min_net_support": math.nan}, "min_net_support is nan, which is no number"),
        (PruningRules, {"min_net_support": -0.1}, "min_net_support is -0.1; it must be from 0 to 1"),
        (PruningRules, {"max_entropy": "1.69"}, "max_entropy is '1.69', which is no number"),
    ],
)
def test_rules_that_can_not_be_are_named(make: type, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        make(**given)
