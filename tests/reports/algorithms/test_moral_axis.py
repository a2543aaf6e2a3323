"""The moral axis: a planted direction is found, a shuffled one is not, and axes of groups are compared."""

import numpy as np
import pytest

from reports.algorithms.moral_axis import (
    angle,
    compare_axes,
    fit_axis,
    held_out,
    intervals,
    places,
    text_vectors,
)

Planted = tuple[np.ndarray, np.ndarray, np.ndarray]


def planted(direction: np.ndarray, seed: int = 0, n: int = 200, noise: float = 0.3) -> Planted:
    """Return vectors in 50 dimensions of which the approved lie to one side along a direction, their labels, and how far."""
    rng = np.random.default_rng(seed)
    approved = np.arange(n) % 2 == 0
    along = np.where(approved, 1.0, -1.0) * rng.uniform(0.5, 1.5, n)
    return along[:, None] * direction + rng.normal(0, noise, (n, 50)), approved, along


@pytest.fixture
def direction() -> np.ndarray:
    found = np.random.default_rng(7).normal(size=50)
    return found / np.linalg.norm(found)


def test_a_planted_direction_is_found_with_the_approved_on_its_positive_side(direction: np.ndarray) -> None:
    vectors, approved, along = planted(direction)
    axis = fit_axis(vectors, approved)
    assert axis.direction @ direction > 0.95
    assert np.corrcoef(places(axis, vectors), along)[0, 1] > 0.9
    assert places(axis, vectors)[approved].mean() == pytest.approx(1)
    assert places(axis, vectors)[~approved].mean() == pytest.approx(-1)


def test_what_all_texts_have_in_common_moves_none_of_them(direction: np.ndarray) -> None:
    axis = fit_axis(*planted(direction)[:2])
    texts = np.outer([0.5, -0.5, 0.0], direction)
    assert places(axis, texts + 7) == pytest.approx(places(axis, texts))


def test_turning_the_labels_round_turns_the_axis_round(direction: np.ndarray) -> None:
    vectors, approved, _along = planted(direction)
    assert angle(fit_axis(vectors, approved), fit_axis(vectors, ~approved)) == pytest.approx(180, abs=0.01)


def test_on_actions_that_were_held_out_a_planted_axis_agrees_with_approval(direction: np.ndarray) -> None:
    vectors, approved, _along = planted(direction)
    told = held_out(vectors, approved, rng=np.random.default_rng(1), permutations=199)
    assert told.r is not None and told.r > 0.8 and told.p == 1 / 200 and told.n == 200


def test_of_shuffled_labels_there_is_no_axis(direction: np.ndarray) -> None:
    vectors, approved, _along = planted(direction)
    found = [
        held_out(vectors, np.random.default_rng(seed).permutation(approved), rng=np.random.default_rng(seed), permutations=99)
        for seed in range(20)
    ]  # fmt: skip
    assert abs(np.mean([told.r for told in found if told.r is not None])) < 0.05
    assert sum(told.p < 0.05 for told in found) <= 3


@pytest.mark.parametrize("seed", range(5))
def test_axes_that_were_planted_at_a_right_angle_are_at_one(direction: np.ndarray, seed: int) -> None:
    other = np.random.default_rng(11).normal(size=50)
    other -= (other @ direction) * direction
    other /= np.linalg.norm(other)
    first, second = planted(direction, seed)[:2], planted(other, seed + 100)[:2]
    told = compare_axes(first, second, rng=np.random.default_rng(seed), resamples=50)
    assert told.degrees == pytest.approx(90, abs=5)
    assert 80 < told.interval[0] < told.degrees < told.interval[1] < 100 and told.by_chance < 20


def test_two_halves_of_one_group_are_no_further_apart_than_chance(direction: np.ndarray) -> None:
    vectors, approved, _along = planted(direction)
    halves = [(vectors[side], approved[side]) for side in (slice(0, 100), slice(100, 200))]
    told = compare_axes(halves[0], halves[1], rng=np.random.default_rng(0), resamples=50)
    assert told.degrees < told.by_chance


def test_the_interval_of_a_place_holds_it_and_is_wider_for_fewer_actions(direction: np.ndarray) -> None:
    widths = []
    texts = np.outer([0.5, -0.5, 0.0], direction)
    for n in (20, 200):
        vectors, approved, _along = planted(direction, n=n)
        low, high = intervals(vectors, approved, texts, rng=np.random.default_rng(0), resamples=100)[0]
        widths.append(high - low)
        assert 0 < low < places(fit_axis(vectors, approved), texts)[0] < high
    assert widths[0] > widths[1]


def test_an_axis_needs_both_sides_and_different_texts() -> None:
    with pytest.raises(ValueError, match="approved and rejected"):
        fit_axis(np.eye(3), np.array([True] * 3))
    with pytest.raises(ValueError, match="the same text"):
        fit_axis(np.ones((4, 2)), np.array([True, False] * 2))


def test_texts_with_the_same_words_have_the_same_vector_and_the_same_seed_gives_the_same() -> None:
    texts = ["keeping a promise", "keeping a promise", "breaking a promise", "telling a lie"]
    vectors = text_vectors(texts)
    assert np.allclose(vectors[0], vectors[1]) and not np.allclose(vectors[0], vectors[2])
    assert (vectors == text_vectors(texts)).all()
