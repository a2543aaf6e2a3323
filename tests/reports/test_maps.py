"""Places on a map as a report tells them."""

import numpy as np

from reports.maps import MOST_SHOWN, binned, marked, often_seen, scaled, spread


def test_a_square_with_four_people_is_left_out_and_one_with_seven_is_five_or_more() -> None:
    places = np.array([[-1.0, -1.0]] * 4 + [[1.0, 1.0]] * 7)
    (spot,) = binned(places, np.zeros(11, int), 5)
    assert (spot["at_least"], spot["group"], spot["x"] > 0, spot["y"] > 0) == (5, 0, True, True)


def test_four_people_of_one_group_do_not_hide_in_a_square_with_others() -> None:
    places = np.array([[1.0, 1.0]] * 9)
    assert [spot["group"] for spot in binned(places, np.array([0] * 5 + [1] * 4), 5)] == [0]


def test_few_places_far_out_do_not_crowd_the_others() -> None:
    places = scaled(np.concatenate([np.linspace(-1, 1, 99)[:, None] * np.ones(2), [[50.0, 0]]]))
    assert np.abs(places).max() == 1 and places[0, 0] < -0.9 and places[99, 0] == 1


def test_no_place_and_places_that_are_all_one_are_told_without_a_fault() -> None:
    assert scaled(np.zeros((0, 2))).shape == (0, 2) and spread(np.zeros((0, 2)), 3) == []
    assert binned(np.zeros((0, 2)), np.zeros(0, int), 5) == []
    assert scaled(np.zeros((3, 2))).tolist() == [[0, 0]] * 3 and spread(np.zeros((3, 2)), 3) == [0]


def test_marks_go_to_places_far_from_each_other_and_come_first() -> None:
    places = np.array([[0.0, 0], [0.1, 0], [1, 0], [-1, 0]])
    assert spread(places, 3) == [2, 3, 0]
    found = marked([{"id": n} for n in "abcd"], [2, 3])
    assert [(item["id"], item["mark"]) for item in found] == [("c", 1), ("d", 2), ("a", None), ("b", None)]


def test_of_very_many_values_those_that_most_people_saw_are_shown() -> None:
    seen = np.arange(MOST_SHOWN + 50)
    assert often_seen(seen, 5) == list(range(50, MOST_SHOWN + 50))
    assert often_seen(np.array([5, 4, 0, 9]), 5) == [0, 3]
