"""The features judge on planted comparisons (`bench/planted.py`); `python -m bench.features_judge` measures many seeds."""

import numpy as np

from bench.features_judge import found_in
from bench.planted import COUNTED, MARKS, NAMES, TRUE, planted
from constitutions.algorithms.features import FEATURES, differences

TRUTH = {p.name: p.sign for p in TRUE}
UPSIDE_DOWN = {name: -sign for name, sign in TRUTH.items()}


def test_the_features_judge_counts_exactly_what_is_planted() -> None:
    world = planted(60, seed=3)
    counted = np.sign(differences(world.prompts, world.texts_a, world.texts_b))
    features = [feature.name for feature in FEATURES]
    for place, name in enumerate(NAMES[:COUNTED]):
        assert np.array_equal(counted[:, features.index(name)], world.has_more[:, place]), name


def test_planted_texts_are_of_equal_length_and_thirty_candidates_could_be_true() -> None:
    world = planted(20, seed=3)
    counted = differences(world.prompts, world.texts_a, world.texts_b)
    assert not counted[:, [feature.name for feature in FEATURES].index("words")].any()
    assert len({mark.name for mark in MARKS}) == 30


def test_the_same_seed_plants_the_same_comparisons() -> None:
    assert planted(30, seed=5).rows() == planted(30, seed=5).rows() != planted(30, seed=6).rows()


def test_three_true_principles_are_found_and_inverted_when_inverted() -> None:
    everyone = np.arange(300)
    assert TRUTH.items() <= found_in(planted(300, seed=1, others=0), everyone, 1).items()
    assert UPSIDE_DOWN.items() <= found_in(planted(300, seed=1, others=0, inverted=True), everyone, 1).items()


def test_the_group_that_contradicts_one_principle_has_it_the_other_way_round() -> None:
    world = planted(seed=20)
    one, other = (found_in(world, np.flatnonzero(world.others == which), 20) for which in (False, True))
    assert {name for name in TRUTH if one[name] == -other[name]} == {"digits"}
