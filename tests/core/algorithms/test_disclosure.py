from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.algorithms.disclosure import safe_cuts, tells_of_few, told_of_disjoint


def people(first: int, many: int) -> set[int]:
    return set(range(first, first + many))


def test_a_cut_of_five_tells_of_nobody_and_one_of_four_of_its_people() -> None:
    assert not tells_of_few([people(1, 5)])
    assert tells_of_few([people(1, 4)])


def test_a_cut_of_nobody_tells_of_nobody() -> None:
    assert not tells_of_few([set(), people(1, 9)])


def test_a_part_and_the_whole_tell_of_the_rest() -> None:
    assert tells_of_few([people(1, 10), people(1, 7)])
    assert not tells_of_few([people(1, 10), people(1, 5)])
    assert not tells_of_few([people(1, 10), people(1, 10)])


def test_two_groups_and_everyone_tell_of_those_in_neither() -> None:
    everyone, one, other = people(1, 20), people(1, 9), people(10, 9)
    assert not tells_of_few([everyone, one]) and not tells_of_few([everyone, other])
    assert tells_of_few([everyone, one, other])


def test_overlapping_groups_tell_of_neither_overlap_nor_difference() -> None:
    everyone, one, other = people(1, 40), people(1, 12), people(10, 12)
    assert not tells_of_few([everyone, one, other])


def test_groups_that_differ_by_a_few_people_tell_of_those() -> None:
    """n(one) − n(other) rests on two people alone, though it is 0."""
    assert tells_of_few([people(1, 12), people(2, 12)])


def test_the_same_group_at_two_moments_tells_of_who_came_between() -> None:
    assert tells_of_few([people(1, 9), people(1, 12)])
    assert not tells_of_few([people(1, 9), people(1, 14)])


def test_inclusion_and_exclusion_tell_of_those_in_both() -> None:
    one, other = people(1, 12), people(10, 12)  # 10, 11 and 12 are in both
    assert tells_of_few([one, other, one | other])


def test_three_cuts_tell_what_no_two_do() -> None:
    """Of A and B of six people and C of three: (B ∪ C) + (A ∪ C) − (A ∪ B) is twice C."""
    a, b, c = people(1, 6), people(10, 6), people(20, 3)
    cuts = [a | b, b | c, a | c]
    assert all(not tells_of_few([one, other]) for one, other in ((cuts[0], cuts[1]), (cuts[0], cuts[2])))
    assert tells_of_few(cuts)


def test_a_cut_that_everyone_may_know_counts_too() -> None:
    assert safe_cuts({"left": people(1, 9)}, [people(1, 12)]) == set()
    assert safe_cuts({"left": people(1, 9)}, [people(1, 20)]) == {"left"}


def test_where_a_group_is_of_few_another_is_withheld_with_it() -> None:
    """Of 9, 8 and 3 people the last must not follow from the whole: one of the others is withheld, the later one."""
    cuts = {"left": people(1, 9), "right": people(10, 8), "middle": people(18, 3)}
    assert safe_cuts(cuts, [people(1, 20)]) == {"left"}
    assert safe_cuts(dict(reversed(cuts.items())), [people(1, 20)]) == {"right"}


def test_nobody_is_not_told_either() -> None:
    assert safe_cuts({"left": people(1, 9), "right": set()}, [people(1, 9)]) == {"left"}


SETS = st.lists(st.sets(st.integers(1, 16), min_size=5), min_size=1, max_size=4)


@given(SETS)
def test_no_adding_and_subtracting_of_safe_cuts_rests_on_one_to_four_people(cuts: list[set[int]]) -> None:
    """An attacker tries every sum with factors −2 … 2, and looks at whom it rests on."""
    if tells_of_few(cuts):
        return
    rows = np.array([[person in cut for person in range(17)] for cut in cuts], dtype=int)
    for factors in product(range(-2, 3), repeat=len(cuts)):
        assert np.count_nonzero(factors @ rows) not in (1, 2, 3, 4)


@given(SETS)
def test_what_may_be_told_together_does_not_depend_on_order(cuts: list[set[int]]) -> None:
    assert tells_of_few(cuts) == tells_of_few(cuts[::-1])


@pytest.mark.parametrize("least", [2, 3, 10])
def test_the_smallest_cell_can_be_another(least: int) -> None:
    assert tells_of_few([people(1, 20), people(1, 20 - least + 1)], least)
    assert not tells_of_few([people(1, 20), people(1, 20 - least)], least)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=4), st.integers(0, 9))
def test_groups_in_which_nobody_is_twice_need_no_algebra(sizes: list[int], rest: int) -> None:
    everyone = sum(sizes) + rest
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    cuts = {str(place): people(start, size) for place, (start, size) in enumerate(zip(starts, sizes, strict=True))}
    told = told_of_disjoint(np.array([everyone]), np.array([sizes]))[0]
    assert {str(place) for place in np.flatnonzero(told)} == safe_cuts(cuts, [people(0, everyone)])
