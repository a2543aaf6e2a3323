"""Blind review finds a planted difference, and finds none where there is none."""

import numpy as np
import pytest
from scipy import stats

from core.algorithms.uncertainty import holm
from reports.algorithms.blind_review import Reviews, compare, enough, mean_of, paired, random_intercept, welch

ITEMS, PEOPLE, EACH = 100, 40, 2


def planted(rng: np.random.Generator, effect: float, criteria: int = 1) -> Reviews:
    """Two sources of 100 items, each item scored by two of 40 people. Item means vary by 1 within a source."""
    item = np.repeat(np.arange(2 * ITEMS), EACH)
    start = rng.permutation(2 * ITEMS)
    person = (np.repeat(start, EACH) * EACH + np.tile(np.arange(EACH), 2 * ITEMS)) % PEOPLE
    own, noise = 0.5, np.sqrt(EACH * (1 - 0.5**2 / EACH))
    scores = rng.normal(0, own, (PEOPLE, criteria))[person] + rng.normal(0, noise, (len(item), criteria))
    source = np.where(item < ITEMS, "model", "people")
    return Reviews(item, person, source, scores + effect * (source == "model")[:, None])


def test_half_a_standard_deviation_is_found_in_nine_of_ten_studies_of_a_hundred_a_side() -> None:
    rng = np.random.default_rng(54)
    found = [compare(planted(rng, 0.5), [("model", "people")], 1)[0] for _ in range(300)]
    for analysis in ("reviews", "items", "people", "mixed"):
        assert np.mean([getattr(pair, analysis).p <= 0.05 for pair in found]) >= 0.9, analysis
    assert all(pair.better in (None, "model") for pair in found)


def test_without_a_difference_each_analysis_errs_one_time_in_twenty() -> None:
    rng = np.random.default_rng(55)
    found = [pair for _ in range(250) for pair in compare(planted(rng, 0.0, 4), [("model", "people")], 4)]
    for analysis in ("reviews", "items", "people", "mixed"):
        assert 0.03 <= np.mean([getattr(pair, analysis).p <= 0.05 for pair in found]) <= 0.07, analysis
    claims = np.reshape([pair.better is not None for pair in found], (-1, 4)).any(axis=1)
    assert claims.mean() <= 0.05


def test_one_review_a_side_of_a_hundred_people_finds_it_too() -> None:
    rng = np.random.default_rng(56)
    power = np.mean([welch(rng.normal(0.5, 1, 100), rng.normal(0, 1, 100)).p <= 0.05 for _ in range(1000)])  # type: ignore[operator]
    assert 0.92 <= power <= 0.96


def test_the_tests_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, 12), rng.normal(1, 3, 30)
    ours, theirs = welch(first, second), stats.ttest_ind(first, second, equal_var=False)
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.ci == pytest.approx(tuple(theirs.confidence_interval()))
    assert paired(first).p == pytest.approx(stats.ttest_1samp(first, 0).pvalue)
    assert mean_of(np.array([1.0, 2.0, 3.0])).ci == pytest.approx(stats.t.interval(0.95, 2, 2, stats.sem([1, 2, 3])))


def test_on_balanced_scores_the_mixed_model_is_the_comparison_within_people() -> None:
    rng = np.random.default_rng(2)
    person = np.repeat(np.arange(30), 10)
    is_first = np.tile(np.repeat([1.0, 0.0], 5), 30)
    values = rng.normal(0, 2, 30)[person] + 0.4 * is_first + rng.normal(0, 1, 300)
    mixed = random_intercept(values, is_first, person)
    within = values - np.array([values[person == p].mean() for p in range(30)])[person]
    slope = within - within.mean()
    x = is_first - 0.5
    b = (x @ slope) / (x @ x)
    error = np.sqrt(((slope - b * x) ** 2).sum() / (300 - 31) / (x @ x))
    assert mixed.difference == pytest.approx(b)
    assert mixed.p == pytest.approx(2 * stats.t.sf(abs(b) / error, 269), rel=1e-3)
    assert mixed.p < welch(values[is_first == 1], values[is_first == 0]).p  # type: ignore[operator]


def test_holm_multiplies_by_what_is_left_and_leaves_out_what_is_not_tested() -> None:
    assert holm(np.array([0.01, np.nan, 0.04, 0.03])) == pytest.approx([0.03, np.nan, 0.06, 0.06], nan_ok=True)


def test_items_with_one_review_are_left_out() -> None:
    one = Reviews(np.array([1, 1, 2]), np.array([1, 2, 1]), np.array(["a", "a", "b"]), np.ones((3, 1)))
    assert enough(one, 2).item.tolist() == [1, 1]


def test_what_is_too_little_or_does_not_vary_is_not_tested() -> None:
    assert welch(np.ones(1), np.ones(5)).p is None
    assert welch(np.ones(3), np.zeros(3)) == ((3, 3), 1.0, None, None, None)
    assert random_intercept(np.ones(6), np.repeat([1.0, 0.0], 3), np.arange(6)).p is None
