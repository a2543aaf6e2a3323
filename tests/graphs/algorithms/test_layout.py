import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.algorithms.layout import Layout, Size, layout
from graphs.algorithms.ranking import wisdom_scores
from graphs.algorithms.tally import Pair

PAIRS = [(source, target) for source in range(14) for target in range(14) if source != target]
graphs = st.lists(st.sampled_from(PAIRS), min_size=1, max_size=24).map(lambda pairs: dict.fromkeys(pairs, 0.5))
upward = graphs.map(lambda weights: {(min(pair), max(pair)): weight for pair, weight in weights.items()})
SIZE = Size(left=10, right=110)


def laid_out(weights: dict[Pair, float], **options: float) -> Layout:
    scores = wisdom_scores(weights)
    return layout(weights, scores, dict.fromkeys(scores, SIZE), **options)  # type: ignore[arg-type]


def test_the_wiser_value_stands_above() -> None:
    places = laid_out({(1, 2): 1.0}).places
    assert places[2].y < places[1].y and places[2].x == places[1].x


def test_a_long_arrow_passes_beside_the_value_between() -> None:
    plan = laid_out({(1, 2): 1.0, (2, 3): 1.0, (1, 3): 1.0})
    (point,) = plan.ways[1, 3]
    assert point.y == plan.places[2].y
    assert abs(point.x - plan.places[2].x) >= SIZE.left


def test_long_arrows_to_one_value_run_together() -> None:
    plan = laid_out({(1, 2): 1.0, (2, 3): 1.0, (1, 3): 1.0, (4, 2): 1.0, (4, 3): 1.0})
    assert plan.ways[1, 3] == plan.ways[4, 3] != []


def test_a_part_that_is_too_large_is_drawn_as_its_communities() -> None:
    pairs = [(a, b) for start in (0, 50) for a in range(start, start + 50) for b in (a + 1, a + 2) if b < start + 50]
    plan = laid_out(dict.fromkeys([*pairs, (0, 50)], 1.0))
    assert set(plan.places) == set(range(100)) and (0, 50) not in plan.ways
    assert 2 * len(plan.ways) > len(pairs)


def test_values_that_no_arrow_joins_stand_side_by_side() -> None:
    places = laid_out({(1, 2): 1.0, (3, 4): 1.0}).places
    assert places[2].y == places[4].y
    assert abs(places[2].x - places[4].x) >= SIZE.left + SIZE.right


def test_what_hangs_together_with_the_wisest_value_comes_first() -> None:
    chain = {(n, n + 1): 1.0 for n in range(10, 20)}
    places = layout({**chain, (1, 2): 1.0}, {2: 0.9, **dict.fromkeys(range(10, 21), 0.1)},
                    dict.fromkeys((1, 2, *range(10, 21)), SIZE)).places  # fmt: skip
    assert places[2].y < min(place.y for value, place in places.items() if value >= 10)


def test_in_a_circle_of_arrows_the_higher_score_stands_above() -> None:
    weights = {(1, 2): 1.0, (2, 3): 1.0, (3, 1): 1.0, (4, 3): 1.0}
    scores, places = wisdom_scores(weights), laid_out(weights).places
    order = sorted((1, 2, 3), key=lambda value: places[value].y)
    assert order == sorted((1, 2, 3), key=lambda value: -scores[value])


def test_nothing_to_place_is_an_empty_picture() -> None:
    plan = layout({}, {}, {})
    assert plan.places == {} and plan.height > 0


@settings(deadline=None)
@given(upward)
def test_without_circles_every_arrow_rises_at_every_step(weights: dict[Pair, float]) -> None:
    plan = laid_out(weights)
    for source, target in weights:
        heights = [plan.places[source].y, *(point.y for point in plan.ways[source, target]), plan.places[target].y]
        assert all(np.diff(heights) < 0)


@settings(deadline=None)
@given(graphs)
def test_neither_names_nor_long_arrows_touch_a_circle_or_name(weights: dict[Pair, float]) -> None:
    plan = laid_out(weights)
    values = list(plan.places.values())
    for i, place in enumerate(values):
        for other in values[i + 1 :]:
            if abs(place.y - other.y) < 1:
                assert abs(place.x - other.x) >= SIZE.left + SIZE.right
        for points in plan.ways.values():
            beside = [point.x - place.x for point in points if abs(point.y - place.y) < 1]
            assert all(x <= -SIZE.left or x >= SIZE.right for x in beside)


@settings(deadline=None)
@given(graphs)
def test_everything_lies_within_the_picture(weights: dict[Pair, float]) -> None:
    plan = laid_out(weights)
    for place in plan.places.values():
        assert SIZE.left <= place.x <= plan.width - SIZE.right
        assert 0 <= place.y <= plan.height
    for points in plan.ways.values():
        assert all(0 <= point.x <= plan.width for point in points)


@settings(deadline=None)
@given(graphs, st.integers(1, 6))
def test_layers_hold_no_more_values_than_columns(weights: dict[Pair, float], columns: int) -> None:
    plan = laid_out(weights, columns=columns, width=1.0)  # so narrow that every block has a row of its own
    heights = [place.y for place in plan.places.values()]
    assert max(heights.count(y) for y in heights) <= columns


@settings(deadline=None)
@given(graphs, st.randoms(use_true_random=False))
def test_the_order_of_arrows_does_not_change_the_picture(weights: dict[Pair, float], chance: st.DataObject) -> None:
    shuffled = list(weights.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert laid_out(dict(shuffled)) == laid_out(weights)
