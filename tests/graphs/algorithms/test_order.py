import networkx as nx
import numpy as np
import pytest

from graphs.algorithms.order import CIRCLE, INCOMPARABLE, LESS_WISE, SAME, WISER, Order
from graphs.algorithms.tally import Pair

CHAINS = [(1, 2), (2, 3), (11, 12), (12, 13)]  # two that no arrow joins


def test_a_value_that_arrows_lead_to_is_wiser_and_the_arrows_are_the_evidence() -> None:
    assert Order(CHAINS).compare(3, 1) == (WISER, [(1, 2), (2, 3)], [])
    assert Order(CHAINS).compare(1, 3) == (LESS_WISE, [], [(1, 2), (2, 3)])


def test_values_of_two_chains_that_nothing_joins_are_incomparable() -> None:
    assert Order(CHAINS).compare(3, 13) == (INCOMPARABLE, [], [])


def test_values_below_one_wiser_value_are_incomparable_with_each_other() -> None:
    assert Order([(1, 3), (2, 3)]).compare(1, 2).relation == INCOMPARABLE


def test_a_value_in_no_arrow_is_incomparable_and_a_value_is_the_same_as_itself() -> None:
    assert Order(CHAINS).compare(1, 99).relation == INCOMPARABLE
    assert Order(CHAINS).compare(99, 99).relation == SAME


def test_two_chains_have_two_maximal_values() -> None:
    assert Order(CHAINS).maximal() == [[3], [13]]


def test_values_in_a_circle_are_told_as_that_with_both_ways() -> None:
    found = Order([(1, 2), (2, 3), (3, 1)]).compare(1, 2)
    assert found == (CIRCLE, [(2, 3), (3, 1)], [(1, 2)])


def test_a_circle_that_nothing_leads_out_of_is_maximal_as_a_whole() -> None:
    assert Order([(0, 1), (1, 2), (2, 3), (3, 1)]).maximal() == [[1, 2, 3]]


def test_a_circle_with_an_arrow_out_of_it_is_not_maximal() -> None:
    order = Order([(1, 2), (2, 1), (2, 5)])
    assert (order.maximal(), order.circles()) == ([[5]], [[1, 2]])


def test_without_arrows_nothing_is_maximal() -> None:
    assert Order([]).maximal() == []


@pytest.mark.parametrize("seed", range(5))
def test_a_comparison_turned_round_is_the_same_and_agrees_with_who_can_be_reached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrows: list[Pair] = [(int(a), int(b)) for a, b in rng.integers(0, 12, (16, 2)) if a != b]
    order, reached = Order(arrows), dict(nx.all_pairs_shortest_path_length(nx.DiGraph(arrows)))
    turned = {WISER: LESS_WISE, LESS_WISE: WISER, CIRCLE: CIRCLE, INCOMPARABLE: INCOMPARABLE, SAME: SAME}
    for a in range(12):
        for b in range(12):
            found, back = order.compare(a, b), order.compare(b, a)
            assert (back.relation, back.up, back.down) == (turned[found.relation], found.down, found.up)
            assert bool(found.up) == (a != b and a in reached.get(b, {}))
            assert set(found.up) | set(found.down) <= set(arrows)
    assert all(order.compare(a, b).relation in (CIRCLE, SAME) for part in order.maximal() for a in part for b in part)


def test_the_order_of_arrows_does_not_matter() -> None:
    arrows = [(1, 2), (1, 3), (2, 4), (3, 4)]  # two ways that are equally short
    assert Order(arrows).compare(4, 1) == Order(arrows[::-1]).compare(4, 1)
