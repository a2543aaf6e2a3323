"""Group-informed consensus, representative and divisive items, by paper and pencil."""

import numpy as np
import pytest

from reports.algorithms.consensus import (
    GroupCounts,
    between_groups,
    count_by_group,
    group_informed_consensus,
    may_be_told,
    representative_items,
)
from reports.algorithms.opinion_groups import Answers


def counts(agree: list[list[int]], disagree: list[list[int]], seen: list[list[int]], others: list[int]) -> GroupCounts:
    return GroupCounts(np.array(agree), np.array(disagree), np.array(seen), np.array(others))


def test_answers_are_counted_by_group_and_those_of_no_group_apart() -> None:
    answers = Answers(np.array([0, 1, 2, 2, 3]), np.array([0, 0, 0, 1, 1]), np.array([1, -1, 1, 0, 1]), 4, 2)
    found = count_by_group(answers, np.array([0, 0, 1, -1]), 2)
    assert found.agree.tolist() == [[1, 0], [1, 0]]
    assert found.disagree.tolist() == [[1, 0], [0, 0]]
    assert found.seen.tolist() == [[2, 0], [1, 1]]
    assert found.seen_by_others.tolist() == [0, 1]


def test_consensus_as_polis_is_the_product_of_smoothed_shares() -> None:
    score = group_informed_consensus(counts([[8, 0], [3, 0]], [[1, 0], [0, 0]], [[10, 0], [4, 0]], [0, 0]), "polis")
    assert score.agree == pytest.approx([9 / 12 * 4 / 6, 1 / 4])
    assert score.disagree == pytest.approx([2 / 12 * 1 / 6, 1 / 4])


def test_consensus_as_standard_does_not_fall_with_the_number_of_groups() -> None:
    one = group_informed_consensus(counts([[8]], [[1]], [[10]], [0]), "standard")
    three = group_informed_consensus(counts([[8]] * 3, [[1]] * 3, [[10]] * 3, [0]), "standard")
    assert one.agree[0] == pytest.approx(8.5 / 11 * (1 - 1.5 / 11)) == pytest.approx(three.agree[0])


def test_another_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="polis or standard"):
        group_informed_consensus(counts([[1]], [[0]], [[1]], [0]), "median")


@pytest.mark.parametrize(
    ("seen", "others", "told"),
    [([5, 9], 0, True), ([5, 4], 0, False), ([5, 0], 0, True), ([50, 60], 3, False), ([50, 60], 5, True)],
)
def test_a_small_cell_or_rest_withholds_the_counts_of_every_group(seen: list[int], others: int, told: bool) -> None:
    found = counts([[0], [0]], [[0], [0]], [[n] for n in seen], [others])
    assert may_be_told(found, 5).tolist() == [told]


def test_an_item_on_which_a_group_stands_alone_represents_it_and_an_even_one_nobody() -> None:
    found = counts([[40, 20], [5, 20]], [[5, 20], [40, 20]], [[45, 45], [45, 45]], [0, 0])
    first, second = representative_items(found, np.array([True, True]))
    assert [(r.item, r.agrees) for r in first] == [(0, True)]
    assert [(r.item, r.agrees) for r in second] == [(0, False)]


def test_the_two_tests_are_those_of_polis() -> None:
    found = counts([[30], [10]], [[5], [20]], [[40], [40]], [0])
    (row,) = representative_items(found, np.array([True]), level=1.0)[0][:1]
    pooled = (31 + 11) / 82
    assert row.z_share == pytest.approx(2 * 41**0.5 * (31 / 41 - 0.5))
    assert row.z_others == pytest.approx((31 / 41 - 11 / 41) / (pooled * (1 - pooled) * 2 / 41) ** 0.5)
    assert row.ratio == pytest.approx((31 / 42) / (11 / 42))


def test_a_majority_that_others_share_represents_no_group() -> None:
    found = counts([[40], [39]], [[0], [0]], [[45], [45]], [0])
    assert representative_items(found, np.array([True])) == [[], []]


def test_what_may_not_be_told_is_not_representative() -> None:
    found = counts([[40], [5]], [[5], [40]], [[45], [45]], [0])
    assert representative_items(found, np.array([False])) == [[], []]


def test_representative_items_of_groups_dealt_by_lot_are_rare() -> None:
    """Two hundred items that nobody differs about, fifty times: any at all in at most 5 % of them, and a little."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(50):
        agree = rng.binomial(40, 0.65, (2, 200))
        found = GroupCounts(agree, 40 - agree, np.full((2, 200), 40), np.zeros(200, int))
        hits += any(representative_items(found, np.ones(200, dtype=bool)))
    assert hits <= 5


def test_groups_that_differ_only_by_chance_have_no_variance_between_them_on_average() -> None:
    rng = np.random.default_rng(0)
    agree = rng.binomial(20, 0.5, (2, 4000))
    found = GroupCounts(agree, 20 - agree, np.full((2, 4000), 20), np.zeros(4000, int))
    apart = between_groups(counts([[20], [0]], [[0], [20]], [[20], [20]], [0]))
    assert between_groups(found).mean() < 0.02 and apart == pytest.approx([1.0])


def test_an_item_that_one_group_alone_saw_divides_nobody() -> None:
    assert np.isnan(between_groups(counts([[9], [0]], [[0], [0]], [[9], [0]], [0]))).all()
