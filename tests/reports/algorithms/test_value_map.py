"""The map of values: two planted camps are foretold, shuffled ones are not, and who holds nothing is not foretold."""

import numpy as np
import pytest

from reports.algorithms.opinion_groups import Answers
from reports.algorithms.value_map import (
    chance_of_agreeing,
    dissonance,
    embed,
    fit_beta,
    flat,
    foretell,
    two_camps,
)


def two(people: int, items: int, *, lean: float, seed: int = 0) -> tuple[np.ndarray, Answers]:
    """Two camps that lean opposite ways on every item, half of the items each way; a third of all is answered."""
    rng = np.random.default_rng(seed)
    camp = rng.integers(0, 2, people)
    person, item = np.nonzero(rng.random((people, items)) < 0.3)
    side = np.where(item % 2, 1, -1) * (2 * camp[person] - 1)
    answer = np.where(rng.random(len(item)) < 1 / (1 + np.exp(-lean * side)), 1, -1)
    return camp, Answers(person, item, answer, people, items)


def test_two_planted_camps_are_foretold_and_seen() -> None:
    planted, stances = two(200, 40, lean=3)
    found = foretell(stances, seed=0)
    assert found.area is not None and found.area >= 0.9
    assert found.beta is not None and found.beta > 0
    assert found.majority_area is not None and abs(found.majority_area - 0.5) < 0.05
    assert found.shuffled_area is not None and abs(found.shuffled_area - 0.5) < 0.05
    camp, silhouette = two_camps(embed(stances))
    assert silhouette is not None and silhouette > 0.5
    assert max((camp == planted).mean(), (camp != planted).mean()) >= 0.99


def test_people_who_answer_by_lot_are_neither_foretold_nor_in_camps() -> None:
    _planted, stances = two(200, 40, lean=0)
    found, (_camp, silhouette) = foretell(stances), two_camps(embed(stances))
    assert found.area is not None and abs(found.area - 0.5) < 0.05
    assert silhouette is not None and silhouette < 0.5


def test_who_holds_nothing_is_not_foretold() -> None:
    _planted, stances = two(50, 10, lean=3)
    space = embed(stances._replace(people=51))
    assert np.isnan(space.people[50]).all() and np.isnan(dissonance(space, np.array([50]), np.array([0]))).all()
    assert two_camps(space)[0][50] == -1


def test_a_pole_that_nobody_holds_is_not_known() -> None:
    stances = Answers(np.repeat(np.arange(4), 2), np.tile([0, 1], 4), np.ones(8, int), 4, 3)
    space = embed(stances)
    assert np.isnan(space.poles[2:]).all()
    assert np.isnan(dissonance(space, np.array([0]), np.array([0]))).all()  # nobody disagrees, so no side is nearer


def test_the_nearer_pole_is_the_likelier_choice() -> None:
    assert chance_of_agreeing(2.0, np.array([-1.0, 0.0, 1.0])) == pytest.approx([0.8808, 0.5, 0.1192], abs=1e-4)


def test_beta_is_the_slope_that_made_the_answers() -> None:
    rng = np.random.default_rng(0)
    difference = rng.normal(size=20_000)
    agrees = rng.random(20_000) < chance_of_agreeing(1.7, difference)
    assert fit_beta(difference, agrees) == pytest.approx(1.7, abs=0.06)


def test_beta_stays_finite_where_dissonance_parts_the_answers() -> None:
    assert 1 < fit_beta(np.array([-1.0, -2, 1, 2]), np.array([True, True, False, False])) < 100


def test_the_same_answers_and_seed_foretell_the_same() -> None:
    _planted, stances = two(60, 20, lean=2)
    first, again = foretell(stances, seed=5), foretell(stances, seed=5)
    assert first[:-1] == again[:-1]


def test_answers_of_one_kind_have_nothing_to_foretell() -> None:
    stances = Answers(np.repeat(np.arange(20), 5), np.tile(np.arange(5), 20), np.ones(100, int), 20, 5)
    assert foretell(stances).area is None


def test_nobody_makes_an_empty_map() -> None:
    nothing = Answers(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), 0, 0)
    space = embed(nothing)
    assert space.people.shape[0] == 0 and two_camps(space)[1] is None and flat(space)[0].shape == (0, 2)
    assert foretell(nothing).n == 0
