from graphs.algorithms.reach import around, tops, ways_up, wisest

DIAMOND = [(1, 2), (1, 3), (2, 4), (3, 4), (3, 5)]


def test_what_nothing_is_wiser_than_is_a_top() -> None:
    assert tops(DIAMOND) == {4, 5}
    assert tops([(1, 2), (2, 1)]) == set()


def test_there_is_one_shortest_way_up_to_each_top() -> None:
    assert ways_up(DIAMOND, 1) == [[1, 2, 4], [1, 3, 5]]
    assert ways_up([*DIAMOND, (1, 4)], 1) == [[1, 4], [1, 3, 5]]


def test_from_a_top_and_from_nowhere_no_way_leads_up() -> None:
    assert ways_up(DIAMOND, 4) == [] and ways_up(DIAMOND, 99) == []


def test_in_a_circle_the_way_ends_at_the_farthest_value() -> None:
    assert ways_up([(1, 2), (2, 3), (3, 1)], 1) == [[1, 2, 3]]


def test_what_is_near_is_found_against_the_arrows_too_and_the_nearest_first() -> None:
    chain = [(n, n + 1) for n in range(1, 10)]
    assert around(chain, 5, 3) == {4, 5, 6}
    assert around(chain, 5, 99) == set(range(1, 11))


def test_the_wisest_are_shown_with_those_they_were_judged_wiser_than() -> None:
    weights = {(n, 100): n / 100 for n in range(1, 10)} | {(n, 200): 0.5 for n in range(11, 20)}
    scores = {100: 0.5, 200: 0.4} | dict.fromkeys((*range(1, 10), *range(11, 20)), 0.01)
    assert wisest(weights, scores, 5) == {100, 9, 8, 7, 6}
    assert wisest(weights, scores, 7) >= {100, 9, 8, 7, 6, 200}
    assert len(wisest(weights, scores, 99)) == 20


def test_the_order_of_arrows_does_not_matter() -> None:
    assert ways_up(DIAMOND[::-1], 1) == ways_up(DIAMOND, 1)
    assert around(DIAMOND[::-1], 1, 3) == around(DIAMOND, 1, 3)
