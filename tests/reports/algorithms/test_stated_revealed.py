import numpy as np
import pytest
from scipy import special

from reports.algorithms.stated_revealed import (
    NEITHER,
    REWARDED_ONLY,
    SAID_ONLY,
    SAID_REWARDED,
    SMALL_WEIGHT,
    UNKNOWN,
    Weight,
    correlation,
    is_said,
    shares_words,
    verdict,
    weights,
    words_of,
)


def choices(n: int, weight: float, seed: int) -> np.ndarray:
    """Return votes of two principles, oriented by choices that follow the first with this weight and the second not at all."""
    rng = np.random.default_rng(seed)
    votes = rng.choice([-1, 1], (n, 2))
    chosen = np.where(rng.random(n) < special.expit(weight * votes[:, 0]), 1, -1)
    return votes * chosen[:, None]


def test_one_principles_weight_solves_the_penalised_score_equation() -> None:
    """75 choices with it and 25 against: 75 (1 − σ) − 25 σ = w, so w lies just under ln 3."""
    [found] = weights(np.array([[1]] * 75 + [[-1]] * 25), range(100), np.random.default_rng(0))
    assert found.value is not None and found.low is not None
    chance = special.expit(found.value)
    assert 75 * (1 - chance) - 25 * chance == pytest.approx(found.value, abs=1e-4)
    assert np.log(3) - 0.1 < found.value < np.log(3) and found.is_rewarded


def test_the_order_of_choices_makes_no_difference_to_a_weight() -> None:
    votes = choices(200, 0.8, 1)
    one, other = (weights(rows, [0] * 200, np.random.default_rng(0)) for rows in (votes, votes[::-1]))
    assert [w.value for w in one] == [w.value for w in other] and one[0].low is None


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = [0, 0]
    for seed in range(60):
        found = weights(choices(300, 0.8, seed), range(300), np.random.default_rng(seed))
        for place, truth in enumerate((0.8, 0.0)):
            low, high = found[place].low, found[place].high
            assert low is not None and high is not None
            held[place] += low <= truth <= high
    assert all(53 <= times <= 60 for times in held)


def test_few_whole_raters_say_less_than_as_many_single_choices() -> None:
    rng = np.random.default_rng(4)
    votes = np.repeat(np.where(rng.random(20) < 0.7, 1, -1), 30)[:, None]
    [single] = weights(votes, range(600), np.random.default_rng(0))
    [raters] = weights(votes, np.repeat(np.arange(20), 30).tolist(), np.random.default_rng(0))
    assert single.low is not None and raters.low is not None
    assert raters.low < single.low


def test_a_principle_that_never_speaks_has_no_weight() -> None:
    votes = np.column_stack([np.zeros(40), np.ones(40)])
    silent, loud = weights(votes, range(40), np.random.default_rng(0))
    assert silent == Weight(None) and loud.value and loud.value > 0
    assert weights(votes[:, :1], range(40), np.random.default_rng(0)) == [Weight(None)]


def test_both_directions_are_rewards_and_a_wide_interval_is_neither() -> None:
    assert Weight(-1.0, -1.5, -0.5, 0.01).is_rewarded is True
    assert Weight(0.1, -0.2, SMALL_WEIGHT - 0.01, 0.4).is_rewarded is False
    assert Weight(0.1, -0.2, SMALL_WEIGHT + 0.01, 0.4).is_rewarded is None
    assert Weight(0.3, 0.01, 0.59, 0.2).is_rewarded is None
    assert Weight(0.3).is_rewarded is None


def test_said_is_a_matter_of_the_whole_interval() -> None:
    assert [is_said(i) for i in ((0.06, 0.2), (0.0, 0.04), (0.04, 0.06), None)] == [True, False, None, None]


def test_verdicts_need_both_sides() -> None:
    assert [verdict(*sides) for sides in ((True, True), (True, False), (False, True), (False, False))] == [
        SAID_REWARDED, SAID_ONLY, REWARDED_ONLY, NEITHER,
    ]  # fmt: skip
    assert verdict(None, True) == verdict(True, None) == UNKNOWN


def test_a_correlation_has_an_interval_only_from_ten_principles_on() -> None:
    assert correlation([0.1, 0.2], [1, 2]).r is None and correlation([0.1] * 4, [1, 2, 3, 4]).r is None
    assert correlation([1, 2, 3, 4], [2, 1, 4, 3]) == (0.6, 4, None)
    found = correlation(list(range(12)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 10])
    assert found.ci is not None and found.r is not None and found.ci[0] < found.r < found.ci[1] < 1


def test_words_are_looked_for_by_their_stems() -> None:
    words = words_of("has more list items")
    assert shares_words("I like the lists.", words) and not shares_words("It is short.", words)
    assert not shares_words("Anything.", [])
