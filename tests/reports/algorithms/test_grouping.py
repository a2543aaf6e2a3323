"""Two groupings compared by their pairs, and a threshold scored on groups that it was not chosen on."""

import numpy as np
import pytest
from sklearn.metrics import pair_confusion_matrix

from reports.algorithms.grouping import held_out, pair_score


def test_by_hand() -> None:
    score = pair_score([0, 0, 1, 1, 2], ["a", "a", "a", "b", "b"])
    assert (score.precision, score.recall, score.f1) == (1 / 2, 1 / 4, 1 / 3)


def test_equal_groupings_agree_whatever_their_names() -> None:
    assert pair_score([5, 5, 9, 7], ["x", "x", "y", "z"]) == (1, 1, 1, 1)


def test_without_a_pair_there_is_no_share() -> None:
    score = pair_score([0, 1, 2], [0, 1, 2])
    assert (score.precision, score.recall, score.f1) == (None, None, None)


def test_the_counts_are_those_of_every_pair() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = rng.integers(0, 9, 80), rng.integers(0, 7, 80)
    table = pair_confusion_matrix(theirs, ours)
    score = pair_score(ours, theirs)
    assert score.precision == pytest.approx(table[1, 1] / table[:, 1].sum())
    assert score.recall == pytest.approx(table[1, 1] / table[1].sum())


def test_a_threshold_that_is_best_everywhere_scores_the_same_when_held_out() -> None:
    truth = np.repeat(np.arange(20), 4)
    apart, joined = np.arange(80), truth // 2
    held = held_out([apart, truth, joined], [0.9, 0.5, 0.1], truth, draws=3, seed=0)
    assert held == (1, 1, 1, 0, 0.5)


def test_every_pair_counts_once_over_the_folds() -> None:
    truth = np.repeat(np.arange(20), 4)
    only = held_out([truth // 2], [0.1], truth, draws=4, seed=0)
    assert (only.precision, only.recall) == pytest.approx(pair_score(truth // 2, truth)[:2])


def test_the_same_seed_gives_the_same_figures() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 30, 120)
    options = [truth * (rng.random(120) < share) for share in (0.9, 0.7)]
    assert held_out(options, [0.9, 0.7], truth, draws=5, seed=4) == held_out(
        options, [0.9, 0.7], truth, draws=5, seed=4
    )


def test_too_few_groups_hold_nothing_out() -> None:
    with pytest.raises(ValueError, match="5 groups"):
        held_out([[0, 1]], [0.5], [0, 1], draws=1, seed=0)


def test_groupings_of_different_things_are_refused() -> None:
    with pytest.raises(ValueError, match="same things"):
        pair_score([0, 1], [0])
