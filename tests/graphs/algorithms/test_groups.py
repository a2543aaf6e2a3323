import numpy as np
import pytest
from scipy import stats

from graphs.algorithms.groups import (
    CONTRADICTION,
    MAYBE_CONTRADICTION,
    MAYBE_SHARED,
    NEITHER,
    SHARED,
    TOO_FEW,
    UNCLEAR,
    Compared,
    compare,
)


def compared(*rows: list[tuple[int, int]], least: int = 5) -> list[Compared]:
    """Compare groups, each row an arrow with (wiser, decided) of each group."""
    counts = np.array(rows)
    return compare(counts[:, :, 0], counts[:, :, 1], counts[:, :, 1] >= least)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ([(9, 9), (8, 8)], SHARED),
        ([(9, 9), (0, 9)], CONTRADICTION),
        ([(0, 9), (9, 9)], CONTRADICTION),
        ([(9, 9), (4, 6)], MAYBE_SHARED),
        ([(9, 9), (2, 6)], MAYBE_CONTRADICTION),
        ([(1, 9), (3, 6)], NEITHER),
        ([(9, 9), (3, 6)], UNCLEAR),
        ([(9, 9), (4, 4)], TOO_FEW),
        ([(9, 9), (8, 8), (7, 7)], SHARED),
        ([(9, 9), (8, 8), (0, 9)], CONTRADICTION),
        ([(9, 9), (8, 8), (3, 4)], TOO_FEW),
    ],
)
def test_what_holds_of_an_arrow(row: list[tuple[int, int]], verdict: str) -> None:
    [found] = compared(row)
    assert found.verdict == verdict


def test_shared_ground_is_as_sure_as_the_least_sure_group() -> None:
    [found] = compared([(9, 9), (5, 5)])
    assert found.q_shared == pytest.approx(1 / 32)


def test_a_contradiction_may_go_either_way_which_costs_a_factor_of_two() -> None:
    [found] = compared([(9, 9), (0, 6)])
    assert found.q_contradiction == pytest.approx(2 / 64)


def test_a_difference_is_fishers() -> None:
    [found] = compared([(9, 10), (3, 10)])
    assert found.q_difference == pytest.approx(stats.fisher_exact([[9, 1], [3, 7]]).pvalue)
    assert found.differs and found.verdict == MAYBE_CONTRADICTION


def test_of_three_groups_the_two_that_differ_most_are_tested_three_times() -> None:
    [found] = compared([(9, 10), (3, 10), (6, 10)])
    assert found.q_difference == pytest.approx(3 * stats.fisher_exact([[9, 1], [3, 7]]).pvalue)


def test_arrows_are_tested_as_one_family_and_those_with_too_few_are_not_in_it() -> None:
    alone, *_rest = compared([(6, 6), (6, 6)], [(4, 4), (9, 9)])
    beside, *_rest = compared([(6, 6), (6, 6)], [(5, 9), (5, 9)])
    assert alone.q_shared == pytest.approx(1 / 64) and beside.q_shared == pytest.approx(2 / 64)


def test_what_is_not_tested_has_no_q() -> None:
    [found] = compared([(9, 9), (4, 4)])
    assert (found.q_shared, found.q_contradiction, found.q_difference, found.differs) == (None, None, None, False)


def test_the_order_of_groups_does_not_matter() -> None:
    rows = [[(9, 9), (2, 8)], [(6, 9), (7, 8)], [(7, 7), (8, 8)]]
    for one, other in zip(compared(*rows), compared(*(row[::-1] for row in rows)), strict=True):
        assert one[:2] == other[:2] and one[2:] == pytest.approx(other[2:])


def test_one_group_is_no_comparison() -> None:
    with pytest.raises(ValueError, match="two groups"):
        compared([(9, 9)])


@pytest.mark.parametrize(("shares", "claim"), [((0.5, 0.95), "q_shared"), ((0.5, 0.95), "q_contradiction")])
def test_where_one_group_is_even_claims_about_both_are_seldom_made(shares: tuple[float, float], claim: str) -> None:
    """Planted: one group is even and the other nearly of one mind. At 5 % a valid test claims at most 5 % of the time."""
    rng = np.random.default_rng(0)
    decided = rng.integers(5, 30, size=(2000, 2))
    wiser = rng.binomial(decided, shares)
    enough = np.array([True])
    claims = 0
    for row, of in zip(wiser, decided, strict=True):
        [found] = compare(row[None], of[None], enough[None].repeat(2, axis=1))
        claims += getattr(found, claim) <= 0.05
    assert claims / 2000 <= 0.05
