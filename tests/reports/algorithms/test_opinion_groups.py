"""Opinion groups: planted ones are found, chance ones are not, and the map does not flip."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from reports.algorithms.opinion_groups import (
    ALIKE,
    CHANCE,
    SMALL,
    TOO_FEW,
    UNSTABLE,
    Answers,
    GroupRules,
    find_groups,
    fit_space,
    place,
    project,
    silhouettes,
)
from tests.reports.algorithms.made_up import camps

QUICK = GroupRules(resamples=10, shuffles=3)
NOBODY = Answers(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), 0, 0)


@pytest.mark.parametrize("groups", [2, 3])
def test_planted_groups_are_found(groups: int) -> None:
    planted, answers = camps(300, 60, groups, filled=0.6, taste=2.5, seed=groups)
    found = find_groups(answers, seed=1)
    assert found.is_clear and found.k == groups
    assert adjusted_rand_score(planted, found.labels) >= 0.99
    assert found.stability is not None and found.stability > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_clear_groups(seed: int) -> None:
    _one, answers = camps(200, 60, 1, filled=0.3, taste=0, seed=seed)
    found = find_groups(answers, seed=seed)
    assert {UNSTABLE, CHANCE} & set(found.reasons)


def test_who_was_asked_what_makes_no_opinion_groups() -> None:
    """Two halves of the people are asked about two halves of the values, and do not differ."""
    rng = np.random.default_rng(0)
    half = rng.integers(0, 2, 300)
    item = rng.permuted(np.tile(np.arange(10), (300, 1)), axis=1)[:, :8] + 10 * half[:, None]
    answer = np.where(rng.random(item.shape) < 0.5, 1, 0)
    answers = Answers(np.repeat(np.arange(300), 8), item.ravel(), answer.ravel(), 300, 20)
    assert not find_groups(answers, seed=0).is_clear


def test_the_same_answers_and_seed_give_the_same_and_another_seed_the_same_groups() -> None:
    _planted, answers = camps(150, 40, 2, filled=0.4, taste=1, seed=5)
    first, again, other = (find_groups(answers, rules=QUICK, seed=seed) for seed in (3, 3, 4))
    assert (first.stability, first.chance_silhouette) == (again.stability, again.chance_silhouette)
    assert (first.labels == other.labels).all() and first.stability != other.stability


def test_the_order_of_answers_does_not_matter() -> None:
    _planted, answers = camps(150, 40, 2, filled=0.4, taste=1, seed=5)
    order = np.random.default_rng(0).permutation(len(answers.item))
    mixed = answers._replace(person=answers.person[order], item=answers.item[order], answer=answers.answer[order])
    assert (find_groups(answers, rules=QUICK).labels == find_groups(mixed, rules=QUICK).labels).all()


def test_groups_are_named_by_size() -> None:
    _planted, answers = camps(300, 60, 3, filled=0.6, taste=2.5, seed=3)
    sizes = np.bincount(find_groups(answers, rules=QUICK).labels)
    assert list(sizes) == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (NOBODY, TOO_FEW),
        (Answers(np.arange(9), np.zeros(9, int), np.ones(9, int), 9, 1), TOO_FEW),
        (Answers(np.repeat(np.arange(40), 8), np.tile(np.arange(8), 40), np.ones(320, int), 40, 8), ALIKE),
    ],
)
def test_too_few_people_and_people_who_agree_are_told_as_that(answers: Answers, reason: str) -> None:
    found = find_groups(answers)
    assert (found.reasons, found.k, found.stability) == ([reason], None, None)


def test_a_group_of_fewer_than_five_is_not_made() -> None:
    person, item = np.repeat(np.arange(43), 10), np.tile(np.arange(10), 43)
    answer = np.where(person >= 40, -1, 1)  # three people against forty
    found = find_groups(Answers(person, item, answer, 43, 10))
    assert (found.reasons, found.k) == ([SMALL], None)
    assert (found.labels == -1).all()


def test_who_answered_too_little_is_not_placed() -> None:
    _planted, answers = camps(60, 30, 2, filled=0.6, taste=2, seed=0)
    more = answers._replace(
        person=np.append(answers.person, [60, 60]),
        item=np.append(answers.item, [0, 1]),
        answer=np.append(answers.answer, [1, -1]),
        people=62,  # the last one answered nothing
    )
    found = find_groups(more)
    assert list(found.labels[60:]) == [-1, -1] and not found.placed[60:].any()


def test_where_few_answered_enough_the_most_active_are_placed_up_to_fifteen() -> None:
    person, item = np.nonzero(np.arange(10) < 1 + np.arange(30)[:, None] // 6)  # one to five answers each
    answers = Answers(person, item, np.where((person + item) % 2, 1, -1), 30, 10)
    _space, _points, placed = place(answers, GroupRules())
    assert placed.sum() == 15 and placed[24:].all() and not placed[:12].any()


# the map


def test_the_axes_are_those_of_a_principal_component_analysis_with_means_for_what_is_missing() -> None:
    _planted, answers = camps(80, 20, 2, filled=0.5, taste=2, seed=1)
    table = np.full((80, 20), np.nan)
    table[answers.person, answers.item] = answers.answer
    table = np.where(np.isnan(table), np.nanmean(table, axis=0), table)
    _u, s, v = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)
    space = fit_space(answers)
    assert np.abs((space.axes * v[:2]).sum(axis=1)) == pytest.approx([1, 1], abs=1e-9)
    assert space.explained == pytest.approx(s[:2] ** 2 / (s**2).sum(), abs=1e-9)


def test_many_items_give_the_same_axes_as_few() -> None:
    _planted, answers = camps(80, 60, 2, filled=0.5, taste=2, seed=1)
    wide = answers._replace(items=1_200)  # most of which nobody saw
    assert np.abs(fit_space(wide).axes[:, :60]) == pytest.approx(np.abs(fit_space(answers).axes), abs=1e-6)


def test_answering_a_part_of_the_items_in_the_same_way_leads_as_far() -> None:
    _planted, answers = camps(80, 20, 2, filled=0.5, taste=2, seed=1)
    space = fit_space(answers)
    alone = Answers(np.array([0]), np.array([4]), np.array([1]), 1, 20)
    assert project(alone, space)[0] == pytest.approx(20**0.5 * (1 - space.mean[4]) * space.axes[:, 4])


def test_the_largest_weight_of_each_axis_is_positive_so_the_map_does_not_flip() -> None:
    _planted, answers = camps(80, 20, 2, filled=0.5, taste=2, seed=1)
    axes = fit_space(answers).axes
    assert (axes[[0, 1], np.abs(axes).argmax(axis=1)] > 0).all()


def test_a_person_who_counts_twice_moves_the_map_as_two_would() -> None:
    _planted, answers = camps(30, 10, 2, filled=0.7, taste=2, seed=1)
    mine = answers.person == 0
    doubled = answers._replace(
        person=np.append(answers.person, np.full(mine.sum(), 30)),
        item=np.append(answers.item, answers.item[mine]),
        answer=np.append(answers.answer, answers.answer[mine]),
        people=31,
    )
    weight = np.ones(30)
    weight[0] = 2
    assert fit_space(answers, weight).axes == pytest.approx(fit_space(doubled).axes, abs=1e-9)


def test_silhouettes_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(200, 2)), np.arange(200) % 3
    assert silhouettes(points, [labels])[0] == pytest.approx(silhouette_score(points, labels), abs=1e-5)


def test_someone_alone_in_a_group_has_silhouette_zero() -> None:
    points, labels = np.array([[0.0, 0], [1, 0], [9, 0]]), np.array([0, 0, 1])
    assert silhouettes(points, [labels])[0] == pytest.approx((8 / 9 + 7 / 8) / 3, abs=1e-6)
