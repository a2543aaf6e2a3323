from typing import Any

import pytest

from elicitation import deduplication
from elicitation.models import CanonicalValue, Study
from graphs.building import build_graph
from graphs.comparing import compare, differences, tell
from tests.graphs.conftest import crowd_of

TOO_FEW = "fewer than 5 people decided"


def edge(pair: tuple[int, int], wiser: int = 9, of: int = 10, reason: str = "") -> dict[str, Any]:
    counts = {"wiser": wiser, "not_wiser": of - wiser, "less_wise": 0, "unsure": 0, "impressions": of}
    share = wiser / of
    return {
        "from": pair[0], "to": pair[1], "counts": counts, "share": share, "interval": [share - 0.1, share + 0.1],
        "reason": reason,
    }  # fmt: skip


def body(
    *arrows: tuple[int, int] | dict[str, Any],
    dropped: tuple[dict[str, Any], ...] = (),
    scores: dict[int, float] | None = None,
    ranks: dict[int, list[int]] | None = None,
    outside: tuple[int, ...] = (),
    winners: dict[str | None, int | None] | None = None,
    **frame: Any,
) -> dict[str, Any]:
    edges = [arrow if isinstance(arrow, dict) else edge(arrow) for arrow in arrows]
    numbers = sorted({number for e in edges for number in (e["from"], e["to"])} | set(scores or {}))
    places = {number: [rank, rank] for rank, number in enumerate(numbers, 1)} | (ranks or {})
    return {
        "edges": edges,
        "dropped": list(dropped),
        "values": [
            {
                "number": n,
                "title": f"Value {n}",
                "wisdom_score": (scores or {}).get(n, 1 / n if n else 1.0),
                "rank_interval": places[n],
            }
            for n in numbers
        ],
        "values_outside": [{"number": n, "title": f"Value {n}"} for n in outside],
        "winners": [{"context": context, "value": value} for context, value in (winners or {}).items()],
        "counts": {"votes": 100, "voters": 20} | frame.pop("counts", {}),
        "filters": {"group": ""},
        "rules": {"max_q": 0.05},
        "mode": "robust",
        "seed": 0,
        **frame,
    }


def pairs(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(row["from"], row["to"]) for row in rows]


# arrows


def test_an_arrow_that_is_new_is_gained_and_one_that_is_gone_is_lost_with_its_reason() -> None:
    found = compare(body((1, 2), (2, 3)), body((2, 3), (3, 4), dropped=(edge((1, 2), 6, reason="too close to call"),)))
    assert pairs(found["gained"]) == [(3, 4)]
    assert [(*pairs([row])[0], row["reason"]) for row in found["lost"]] == [(1, 2, "too close to call")]
    assert (found["lost"][0]["was"]["wiser"], found["lost"][0]["now"]["wiser"]) == (9, 6)


def test_an_arrow_that_is_gained_says_why_it_was_not_there() -> None:
    [row] = compare(body(dropped=(edge((1, 2), 3, 4, reason=TOO_FEW),)), body((1, 2)))["gained"]
    assert (row["reason"], row["was"]["decided"], row["now"]["decided"]) == (TOO_FEW, 4, 10)


def test_an_arrow_that_nobody_judges_any_more_is_lost_without_a_reason() -> None:
    [row] = compare(body((1, 2)), body())["lost"]
    assert (row["reason"], row["now"]) == ("", None)


def test_an_arrow_whose_value_counts_as_another_one_now_is_lost_for_that() -> None:
    found = compare(body((1, 2)), body(), {2: 5})
    assert found["lost"][0]["reason"] == "counts as value 5" and found["because"]["merged"] == {2: 5}


def test_an_arrow_that_holds_in_both_is_changed_if_its_figures_are_others() -> None:
    older, newer = body((1, 2), edge((2, 3), 9, 10)), body((1, 2), edge((2, 3), 16, 20))
    [row] = compare(older, newer)["changed"]
    assert (row["was"]["share"], row["now"]["share"], row["is_clear"]) == (0.9, 0.8, False)


def test_a_change_is_clear_only_if_the_intervals_do_not_meet() -> None:
    [row] = compare(body(edge((1, 2), 19, 20)), body(edge((1, 2), 24, 40)))["changed"]
    assert row["is_clear"]


# values


def test_values_that_come_and_go_say_why_they_are_not_in_the_other_graph() -> None:
    found = compare(body((1, 2), (3, 4)), body((1, 2), (5, 6), outside=(3,)), {4: 1})
    assert [(v["number"], v["reason"]) for v in found["values_gained"]] == [(5, "not judged"), (6, "not judged")]
    assert [(v["number"], v["reason"]) for v in found["values_lost"]] == [
        (3, "in no arrow that holds"),
        (4, "counts as value 1"),
    ]


def test_a_value_moved_only_if_its_rank_lies_outside_the_rank_interval_both_ways() -> None:
    older = body(scores={1: 0.6, 2: 0.3, 3: 0.1}, ranks={1: [1, 2], 2: [1, 3], 3: [3, 3]})
    newer = body(scores={1: 0.1, 2: 0.3, 3: 0.6}, ranks={1: [3, 3], 2: [1, 3], 3: [1, 2]})
    found = compare(older, newer)["moved"]
    assert [(v["number"], v["was"], v["now"]) for v in found] == [(3, 3, 1), (1, 1, 3)]


def test_a_rank_that_chance_alone_could_give_is_no_move() -> None:
    older = body(scores={1: 0.6, 2: 0.4}, ranks={1: [1, 2], 2: [1, 2]})
    newer = body(scores={1: 0.4, 2: 0.6}, ranks={1: [1, 2], 2: [1, 1]})
    assert compare(older, newer)["moved"] == []


def test_graphs_without_rank_intervals_say_that_moves_are_not_known() -> None:
    plain = body((1, 2))
    for value in plain["values"]:
        del value["rank_interval"]
    found = compare(plain, body((1, 2)))
    assert (found["moved"], found["moves_known"]) == ([], False)


def test_only_situations_with_another_winner_are_told() -> None:
    found = compare(body(winners={"home": 1, "work": 2, "gone": 5}), body(winners={"home": 1, "work": 3, "new": None}))
    assert found["winners"] == [{"context": "work", "was": 2, "now": 3}, {"context": "gone", "was": 5, "now": None}]


# why


def test_what_was_counted_and_how_is_told_where_it_differs() -> None:
    newer = body(
        mode="mge-2023", rules={"max_q": 0.1}, filters={"group": "party=A"}, seed=2, counts={"votes": 130, "voters": 26}
    )
    because = compare(body(), newer)["because"]
    assert because == {
        "votes": {"was": 100, "now": 130},
        "voters": {"was": 20, "now": 26},
        "mode": {"was": "robust", "now": "mge-2023"},
        "rules": {"max_q": {"was": 0.05, "now": 0.1}},
        "filters": {"group": {"was": "", "now": "party=A"}},
        "seed": {"was": 0, "now": 2},
        "merged": {},
    }


def test_the_same_graph_has_no_changes() -> None:
    same = body((1, 2), winners={"home": 2})
    found = compare(same, same)
    assert not any(
        found[kind] for kind in ("gained", "lost", "changed", "values_gained", "values_lost", "moved", "winners")
    )
    assert not any(found["because"][name] for name in ("mode", "rules", "filters", "seed", "merged"))


# groups


@pytest.mark.parametrize(("added", "withheld"), [(1, True), (4, True), (5, False)])
def test_of_one_group_nothing_tells_what_one_to_four_people_added(added: int, withheld: bool) -> None:
    group: Any = {"filters": {"group": "party=A"}}
    older = body(edge((1, 2), 9, 10), dropped=(edge((2, 3), 5, 10, "too close to call"),), **group)
    newer = body(
        edge((1, 2), 9, 10 + added),
        edge((2, 3), 5 + added, 10 + added),
        counts={"voters": 20 + added, "votes": 101},
        **group,
    )
    found = compare(older, newer)
    [row] = found["gained"]
    assert (row["withheld"], row["was"] is None, row["now"] is None) == (withheld, withheld, withheld)
    assert (found["changed"] == [], found["because"]["voters"] is None, found["because"]["votes"] is None) == (
        withheld,
    ) * 3
    assert "counts" not in tell(found, older, newer)["gained"][0]


def test_a_new_answer_of_someone_who_was_counted_before_is_not_told_of_a_group() -> None:
    group: Any = {"filters": {"group": "party=A"}}
    assert compare(body(**group), body(counts={"votes": 103}, **group))["because"]["votes"] is None


def test_between_different_groups_nothing_is_added_and_figures_are_told() -> None:
    first, second = (
        body(edge((1, 2), 9, of), filters={"group": name}) for of, name in ((10, "party=A"), (12, "party=B"))
    )
    assert [row["now"]["decided"] for row in compare(first, second)["changed"]] == [12]


# told


def test_changes_are_told_with_the_titles_of_values() -> None:
    older, newer = body((1, 2), winners={None: 2}), body((2, 3), winners={None: 3})
    told = tell(compare(older, newer, {1: 3}), older, newer)
    assert told["gained"][0]["to"] == {"number": 3, "title": "Value 3"}
    assert told["winners"][0]["was"] == {"number": 2, "title": "Value 2"}
    assert told["because"]["merged"] == [
        {"value": {"number": 1, "title": "Value 1"}, "into": {"number": 3, "title": "Value 3"}}
    ]


@pytest.mark.django_db
def test_between_two_snapshots_a_merge_is_the_reason(study: Study, values: list[CanonicalValue]) -> None:
    crowd_of(9, values[0], values[1])
    crowd_of(9, values[0], values[2])
    older = build_graph(study)
    deduplication.merge(study, values[1:])
    told = differences(older, build_graph(study))
    assert [(row["to"]["number"], row["reason"]) for row in told["lost"]] == [(3, "counts as value 2")]
    assert [(m["value"]["number"], m["into"]["number"]) for m in told["because"]["merged"]] == [(3, 2)]
    assert [(value["number"], value["reason"]) for value in told["values_lost"]] == [(3, "counts as value 2")]
