"""What is asked next: the least voted, and the closest calls; chance decides among equals, and the seed decides chance."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.draws.planted import by_rule, planted, run, uniform
from elicitation.algorithms.selection import (
    CLOSE_CALL,
    LEAST_VOTED,
    Chosen,
    DrawRule,
    StoryOptions,
    choose_stories,
    choose_values,
)

LEAST, CLOSEST = DrawRule(close_calls=0, later=0), DrawRule(close_calls=1, later=1)


def options(*rows: dict[str, int]) -> StoryOptions:
    """Make options of rows that say only what matters; each row is a pair of its own unless it says otherwise."""
    columns: dict[str, list[int]] = {name: [] for name in StoryOptions._fields}
    for place, row in enumerate(rows):
        usual = {"key": place, "first": 2 * place, "second": 2 * place + 1, "fits": 1}
        for name, column in columns.items():
            column.append(row.get(name, usual.get(name, 0)))
    return StoryOptions(**{name: np.array(column, dtype=np.int64) for name, column in columns.items()})


def chosen(found: StoryOptions, many: int, seed: int = 0, rule: DrawRule = LEAST) -> list[Chosen]:
    return choose_stories(found, how_many=many, rng=np.random.default_rng(seed), rule=rule)


def keys(*args: Any, **more: Any) -> list[int]:
    return [one.key for one in chosen(*args, **more)]


def test_the_pairs_with_the_fewest_answers_come_first() -> None:
    found = options({"asked": 5}, {"asked": 2}, {"asked": 9}, {"asked": 2})
    assert set(keys(found, 2)) == {1, 3}


def test_of_one_pair_the_direction_and_context_told_least_is_asked() -> None:
    pair = {"first": 1, "second": 2, "asked": 6}
    assert keys(options(pair | {"told": 4}, pair | {"told": 2}), 1) == [1]


def test_no_pair_is_asked_twice_in_one_draw() -> None:
    pair = {"first": 1, "second": 2}
    assert len(keys(options(pair, pair, pair, {"asked": 9}), 3)) == 2


def test_what_is_on_others_screens_counts_as_asked() -> None:
    assert keys(options({"asked": 3, "waiting": 4}, {"asked": 5}), 1) == [1]
    close = {"wiser": 6, "decided": 9}
    assert keys(options(close | {"waiting": 30}, close), 1, rule=CLOSEST) == [1]


def test_the_closest_to_the_line_is_the_closest_for_what_is_known_of_it() -> None:
    near, far = {"wiser": 6, "decided": 9}, {"wiser": 9, "decided": 9}
    assert keys(options(far, near), 1, rule=CLOSEST) == [1]
    settled = {"wiser": 600, "decided": 900}
    assert keys(options(settled, {"wiser": 2, "decided": 4}), 1, rule=CLOSEST) == [1]
    assert keys(options(near, {}), 1, rule=CLOSEST) == [1], "of what nobody was asked nothing is known"


def test_contexts_of_ones_own_question_come_before_all_others() -> None:
    found = options({"fits": 0}, {"asked": 50, "fits": 1}, {"fits": 0})
    for rule in (LEAST, CLOSEST):
        assert keys(found, 2, rule=rule)[0] == 1


def test_half_are_close_calls_early_and_a_quarter_later() -> None:
    for asked, share in ((0, 0.5), (7, 0.25)):
        found = options(*[{"asked": asked, "wiser": n % 3, "decided": 3} for n in range(40)])
        whys = Counter(one.why for seed in range(400) for one in chosen(found, 3, seed, DrawRule()))
        assert whys[CLOSE_CALL] / whys.total() == pytest.approx(share, abs=0.03)


def test_each_says_why_it_was_chosen() -> None:
    found = options(
        {"asked": 9, "wiser": 6, "decided": 9}, {"asked": 1, "wiser": 1, "decided": 1}, {"asked": 1, "decided": 1}
    )
    half = DrawRule(close_calls=0.5, later=0.5, prior=0.0)
    told = {(one.key, one.why) for one in chosen(found, 2, rule=half)}
    assert (0, CLOSE_CALL) in told and {why for _key, why in told} == {CLOSE_CALL, LEAST_VOTED}


def test_either_side_is_shown_first_as_often() -> None:
    found = options({}, {}, {})
    sides = [one.from_first for seed in range(400) for one in chosen(found, 3, seed)]
    assert np.mean(sides) == pytest.approx(0.5, abs=0.04)


def test_chance_alone_decides_among_equals() -> None:
    found = options(*[{}] * 10)
    firsts = Counter(keys(found, 1, seed)[0] for seed in range(1000))
    assert len(firsts) == 10 and max(firsts.values()) < 150


def test_one_draw_after_the_other_asks_all_pairs_equally_often() -> None:
    asked = np.zeros(13, dtype=np.int64)
    for seed in range(130):
        for key in keys(options(*[{"asked": int(n)} for n in asked]), 3, seed):
            asked[key] += 1
    assert asked.max() - asked.min() <= 1


def test_a_pair_with_a_million_answers_keeps_no_other_from_being_asked() -> None:
    million = {"asked": 10**6, "wiser": 666_667, "decided": 10**6}
    found = options(million, {"asked": 3, "wiser": 3, "decided": 3}, {"asked": 2, "decided": 2})
    assert 0 not in keys(found, 2, rule=LEAST) + keys(found, 2, rule=CLOSEST)


@pytest.mark.parametrize("rule", [LEAST, CLOSEST, DrawRule()])
def test_where_there_is_nothing_to_ask_nothing_is_drawn(rule: DrawRule) -> None:
    assert chosen(options(), 3, rule=rule) == []
    assert chosen(options({}), 0, rule=rule) == []


rows = st.lists(
    st.fixed_dictionaries(
        {
            "first": st.integers(0, 3),
            "fits": st.integers(0, 1),
            "asked": st.integers(0, 5),
            "decided": st.integers(0, 5),
        }
    ).map(lambda row: row | {"second": row["first"] + 1}),
    max_size=12,
)


@given(rows, st.integers(0, 5), st.integers(0, 2**62), st.floats(0, 1))
def test_any_draw_is_the_same_again_and_as_long_as_it_can_be(
    told: list[dict[str, int]], many: int, seed: int, share: float
) -> None:
    found, rule = options(*told), DrawRule(close_calls=share, later=share)
    first = chosen(found, many, seed, rule)
    assert chosen(found, many, seed, rule) == first
    pairs = [(found.first[one.place], found.second[one.place]) for one in first]
    there = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs) == min(many, len(there))


def test_the_hash_of_the_options_changes_with_any_of_them() -> None:
    base = options({"asked": 1}, {"asked": 2})
    assert base.sha256 == options({"asked": 1}, {"asked": 2}).sha256
    assert len({options({"asked": 1}, {name: 3}).sha256 for name in StoryOptions._fields} | {base.sha256}) == 10


def test_values_of_ones_own_question_come_first_and_of_those_the_least_shown() -> None:
    shown = {1: 4, 2: 0, 3: 2, 4: 1}
    found = choose_values(shown, how_many=2, rng=np.random.default_rng(0), preferred=frozenset({1, 3, 4}))
    assert set(found) == {3, 4}


def test_on_planted_graphs_the_same_votes_tell_more_arrows_rightly() -> None:
    f1: dict[str, list[float]] = {"ours": [], "least": [], "uniform": []}
    false = 0
    for graph in range(15):
        world = planted(np.random.default_rng(graph), most=520, half_null=False)
        for name, way in (("ours", by_rule(DrawRule())), ("least", by_rule(LEAST)), ("uniform", uniform)):
            course = run(world, way, 520, np.random.default_rng([graph, 1]))
            f1[name].append(course.f1[199])
            false += course.false_firm if name == "ours" else 0
    assert np.mean(f1["ours"]) > np.mean(f1["least"]) + 0.01 > np.mean(f1["uniform"]) + 0.005
    assert false <= 10
