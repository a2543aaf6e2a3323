import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.algorithms.uncertainty import benjamini_hochberg, exact_p, jeffreys, jeffreys_of_many


def test_the_interval_of_a_known_case() -> None:
    # Brown, Cai, DasGupta 2001, table 5: 5 of 10
    low, high = jeffreys(5, 10)
    assert (round(low, 3), round(high, 3)) == (0.224, 0.776)


def test_an_interval_reaches_the_end_that_everybody_chose() -> None:
    assert jeffreys(0, 8).low == 0
    assert jeffreys(8, 8).high == 1
    assert jeffreys(0, 0) == (0, 1)


def test_many_intervals_at_once_are_each_to_the_last_bit() -> None:
    trials = np.repeat(np.arange(12), 12)
    successes = np.minimum(np.tile(np.arange(12), 12), trials)
    low, high = jeffreys_of_many(successes, trials, 0.9)
    assert [*zip(low, high, strict=True)] == [
        jeffreys(yes, of, 0.9) for yes, of in zip(successes.tolist(), trials.tolist(), strict=True)
    ]


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="between 0 and trials"):
        jeffreys(successes, trials)


@given(st.integers(0, 60), st.integers(0, 60))
def test_an_interval_holds_its_share_and_mirrors(yes: int, no: int) -> None:
    interval, mirrored = jeffreys(yes, yes + no), jeffreys(no, yes + no)
    if yes + no:
        assert interval.low <= yes / (yes + no) <= interval.high
    assert interval.low == pytest.approx(1 - mirrored.high)


def test_intervals_cover_the_truth_nineteen_times_in_twenty() -> None:
    for share in (0.5, 0.7, 0.9):
        chances = stats.binom.pmf(range(21), 20, share)
        covers = [interval.low <= share <= interval.high for interval in (jeffreys(n, 20) for n in range(21))]
        assert 0.92 <= float(np.sum(chances * covers)) <= 0.99


def test_five_of_five_is_one_in_thirty_two() -> None:
    assert exact_p(5, 5) == pytest.approx(1 / 32)
    assert exact_p(0, 5) == 1
    assert exact_p(0, 0) == 1


@given(st.integers(0, 80), st.integers(0, 80))
def test_exact_p_values_are_the_binomial_tail(yes: int, no: int) -> None:
    expected = stats.binomtest(yes, yes + no, 0.5, alternative="greater").pvalue if yes + no else 1.0
    assert exact_p(yes, yes + no) == pytest.approx(expected, abs=1e-12)


def test_q_values_of_a_worked_example() -> None:
    # ranks 1…4 of 4: .01·4/1, .02·4/2, .03·4/3, .5·4/4
    assert benjamini_hochberg(np.array([0.03, 0.01, 0.5, 0.02])) == pytest.approx([0.04, 0.04, 0.5, 0.04])


def test_what_is_not_tested_is_no_part_of_the_family() -> None:
    q = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))
    assert q[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(q[1])


def test_each_row_is_a_family_of_its_own() -> None:
    q = benjamini_hochberg(np.array([[0.01, 0.5], [0.01, np.nan], [np.nan, np.nan]]))
    assert q[0] == pytest.approx([0.02, 0.5])
    assert q[1, 0] == pytest.approx(0.01)
    assert np.isnan(q[2]).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_values_agree_with_scipy(p_values: list[float]) -> None:
    expected = stats.false_discovery_control(p_values, method="bh")
    np.testing.assert_allclose(benjamini_hochberg(np.array(p_values)), expected, atol=1e-12)
