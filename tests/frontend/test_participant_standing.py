"""Where one's value stands is read off the published graph, and small numbers are not shown."""

from typing import Any

import pytest
from django.utils import timezone

from frontend.participant.standing import Neighbour, Standing, neighbours_of, way_up

TITLES = {1: "Care", 2: "Truth", 3: "Calm"}


def edge(source: int, target: int, wiser: int, not_wiser: int, *, is_kept: bool = True) -> dict[str, Any]:
    counts = {"wiser": wiser, "not_wiser": not_wiser, "less_wise": 0, "unsure": 7}
    verdict = "kept" if is_kept else "dropped"
    return {"from": source, "to": target, "counts": counts, "interval": [0.4, 0.9], "verdict": verdict}


def body(*edges: dict[str, Any]) -> dict[str, Any]:
    return {
        "edges": [e for e in edges if e["verdict"] == "kept"],
        "dropped": [e for e in edges if e["verdict"] != "kept"],
    }


def standing(*neighbours: Neighbour) -> Standing:
    return Standing(title="Care", built_at=timezone.now(), people=9, neighbours=list(neighbours))


def test_a_value_that_wins_over_another_stands_above_it() -> None:
    (other,) = neighbours_of(1, body(edge(2, 1, 8, 1)), TITLES)
    assert (other.title, other.is_above, other.is_close, other.wiser, other.asked) == ("Truth", False, False, 8, 9)


def test_a_value_that_others_found_wiser_stands_above_ones_own() -> None:
    (other,) = neighbours_of(1, body(edge(1, 2, 8, 1)), TITLES)
    assert other.is_above


def test_people_who_are_not_sure_are_not_counted_as_against() -> None:
    (other,) = neighbours_of(1, body(edge(2, 1, 8, 1)), TITLES)
    assert other.share == 8 / 9


def test_of_a_pair_asked_both_ways_the_kept_direction_counts() -> None:
    (other,) = neighbours_of(1, body(edge(1, 2, 2, 7, is_kept=False), edge(2, 1, 7, 2)), TITLES)
    assert (other.is_above, other.is_close) == (False, False)


def test_what_is_too_close_to_call_is_said_so_and_comes_last() -> None:
    found = neighbours_of(1, body(edge(2, 1, 5, 4, is_kept=False), edge(3, 1, 6, 0)), TITLES)
    assert [(n.title, n.is_close) for n in found] == [("Calm", False), ("Truth", True)]


def test_comparisons_of_others_are_left_out() -> None:
    assert neighbours_of(1, body(edge(2, 3, 8, 1)), TITLES) == []


def test_figures_of_fewer_than_five_people_are_not_shown() -> None:
    (few,) = neighbours_of(1, body(edge(2, 1, 3, 1)), TITLES)
    assert not few.is_shown
    assert standing(few).below == []


def test_the_drawing_puts_wiser_values_higher() -> None:
    up, down = neighbours_of(1, body(edge(1, 2, 8, 1), edge(3, 1, 8, 1)), TITLES)
    drawn = standing(up, down)
    (above,), (below,) = drawn.above, drawn.below
    assert above.y < drawn.own_y < below.y < drawn.height


def test_long_titles_are_cut_in_the_drawing_only() -> None:
    (other,) = neighbours_of(1, body(edge(2, 1, 8, 1)), {2: "A title that is far too long for a phone"})
    (spot,) = standing(other).below
    assert spot.title == "A title that is far…"
    assert other.title == "A title that is far too long for a phone"


def test_the_way_up_leads_to_a_value_than_which_none_is_wiser() -> None:
    titles = TITLES | {4: "Wisdom"}
    way = way_up(1, body(edge(1, 2, 8, 1), edge(2, 4, 9, 1), edge(3, 4, 8, 1)), titles)
    assert [(step.title, step.wiser, step.asked) for step in way] == [("Truth", 8, 9), ("Wisdom", 9, 10)]


def test_from_a_value_that_nothing_was_called_wiser_than_no_way_leads_up() -> None:
    assert way_up(1, body(edge(2, 1, 8, 1)), TITLES) == []


def test_a_way_leads_along_arrows_that_hold_only() -> None:
    assert way_up(1, body(edge(1, 2, 5, 4, is_kept=False)), TITLES) == []


@pytest.mark.parametrize(
    ("low", "is_close", "asked", "said"),
    [
        (0.75, False, 40, "That is clear."),
        (0.6, False, 20, "That is likely, and more answers could change it."),
        (0.4, False, 9, "That is too close to call."),
        (0.6, True, 9, "That is too close to call."),
        (0.75, False, 4, "Not enough people answered yet to say."),
    ],
)
def test_how_sure_it_is_is_said_in_words(low: float, is_close: bool, asked: int, said: str) -> None:
    assert Neighbour("Truth", True, is_close, 3, asked, low, 0.9).firmness == said


def test_the_clearest_neighbour_on_each_side_is_told_in_words_and_those_of_few_people_are_not() -> None:
    found = neighbours_of(1, body(edge(1, 2, 8, 1), edge(3, 1, 3, 1)), TITLES)
    assert [(n.title, n.in_ten) for n in standing(*found).nearest] == [("Truth", 9)]
