import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.algorithms.ranking import (
    Scores,
    components,
    cycles,
    incoming_support,
    kept_graph,
    legacy_scores,
    ranks_of_many,
    winner,
    wisdom_scores,
    wisdom_scores_of_many,
)
from graphs.algorithms.tally import Pair

PAIRS = [(source, target) for source in range(6) for target in range(6) if source != target]
graphs = st.dictionaries(st.sampled_from(PAIRS), st.floats(0.1, 1), max_size=12)


def test_the_wiser_of_two_has_the_higher_score_and_scores_sum_to_one() -> None:
    # a = (1 − d)/2 + d·b/2, b = a + d·a, since b passes its mass to both: a = 1/(2 + d)
    scores = wisdom_scores({(1, 2): 0.8})
    assert scores[1] == pytest.approx(1 / 2.85, abs=1e-12)
    assert sum(scores.values()) == pytest.approx(1)


def test_weight_decides_where_a_value_passes_its_mass() -> None:
    scores = wisdom_scores({(1, 2): 0.9, (1, 3): 0.3})
    assert scores[2] > scores[3] > scores[1]


def test_the_trials_own_scores_lose_the_mass_of_values_without_an_arrow_out() -> None:
    raw = legacy_scores({(1, 2): 0.8})
    assert raw == pytest.approx({1: 0.075, 2: 0.075 + 0.85 * 0.075})


@given(graphs)
def test_the_trials_own_scores_divided_by_their_sum_are_the_wisdom_scores(weights: dict[Pair, float]) -> None:
    raw = legacy_scores(weights, rounds=300)
    total = sum(raw.values())
    assert {value: score / total for value, score in raw.items()} == pytest.approx(wisdom_scores(weights), abs=1e-9)


@given(graphs, st.randoms(use_true_random=False))
def test_the_order_of_arrows_does_not_change_a_bit(weights: dict[Pair, float], chance: st.DataObject) -> None:
    shuffled = list(weights.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert wisdom_scores(dict(shuffled)) == wisdom_scores(weights)


@given(st.lists(graphs, min_size=1, max_size=5))
def test_many_graphs_at_once_get_the_scores_that_each_gets_alone(many: list[dict[Pair, float]]) -> None:
    arrows = [(n, *pair, weight) for n, graph in enumerate(many) for pair, weight in graph.items()]
    numbers, sources, targets, weights = np.array(arrows).reshape(-1, 4).T
    numbers, sources, targets = (column.astype(int) for column in (numbers, sources, targets))
    together = wisdom_scores_of_many(numbers, sources, targets, weights)
    for n, graph in enumerate(many):
        here = together.graph == n
        found = dict(zip(together.value[here].tolist(), together.score[here].tolist(), strict=True))
        assert found == pytest.approx(wisdom_scores(graph), abs=1e-9)


@given(graphs)
def test_scores_are_those_of_networkx_to_the_last_bit(weights: dict[Pair, float]) -> None:
    assert wisdom_scores(weights) == nx.pagerank(kept_graph(weights), alpha=0.85, tol=1e-13, max_iter=1000)


@given(st.lists(graphs, min_size=1, max_size=5))
def test_ranks_of_many_graphs_name_the_winner_of_each(many: list[dict[Pair, float]]) -> None:
    scores = [
        (n, value, score) for n, graph in enumerate(many) for value, score in sorted(wisdom_scores(graph).items())
    ]
    numbers, values, found = np.array(scores).reshape(-1, 3).T
    ranks = ranks_of_many(Scores(numbers.astype(int), values.astype(int), found))
    winners = {n: winner(wisdom_scores(graph)) for n, graph in enumerate(many) if graph}
    assert dict(zip(numbers[ranks == 1].tolist(), values[ranks == 1].tolist(), strict=True)) == winners


def test_no_arrow_no_score() -> None:
    assert wisdom_scores({}) == {}
    assert winner({}) is None


def test_of_equals_the_lowest_number_wins() -> None:
    assert winner({7: 0.25, 3: 0.25 + 1e-14, 5: 0.5 - 1e-13, 4: 0.5}) == 4


def test_incoming_support_sums_what_points_to_a_value() -> None:
    assert incoming_support({(1, 3): 0.5, (2, 3): 0.75, (3, 4): 1.0}) == {3: 1.25, 4: 1.0}


def test_components_come_largest_first() -> None:
    assert components({(9, 8): 1.0, (1, 2): 1.0, (3, 2): 1.0}) == [[1, 2, 3], [8, 9]]


def test_a_cycle_is_told_from_its_lowest_number() -> None:
    assert cycles({(3, 1): 1.0, (1, 2): 1.0, (2, 3): 1.0, (3, 4): 1.0}) == [[1, 2, 3]]


def test_a_dense_graph_tells_a_bounded_number_of_cycles() -> None:
    dense = {(a, b): 1.0 for a in range(12) for b in range(12) if a != b}
    assert len(cycles(dense, most=50)) == 50


@given(graphs, st.integers(2, 6))
def test_the_cycles_are_all_that_networkx_finds_sorted(weights: dict[Pair, float], longest: int) -> None:
    found = list(nx.simple_cycles(kept_graph(weights), length_bound=longest))
    turned = [cycle[cycle.index(min(cycle)) :] + cycle[: cycle.index(min(cycle))] for cycle in found]
    assert cycles(weights, most=1000, longest=longest) == sorted(turned)


@given(graphs)
def test_the_components_are_those_of_networkx(weights: dict[Pair, float]) -> None:
    found = [sorted(group) for group in nx.weakly_connected_components(kept_graph(weights))]
    assert components(weights) == sorted(found, key=lambda group: (-len(group), group))
