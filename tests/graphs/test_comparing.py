from typing import Any

from graphs.comparing import compare


def body(edges: list[tuple[int, int]], dropped: tuple[int, int] | None = None, **winners: int | None) -> dict[str, Any]:
    return {
        "edges": [{"from": a, "to": b, "reason": ""} for a, b in edges],
        "dropped": [{"from": dropped[0], "to": dropped[1], "reason": "too close to call"}] if dropped else [],
        "winners": [{"context": context, "value": value} for context, value in winners.items()],
    }


def test_an_arrow_that_is_new_is_gained_and_one_that_is_gone_is_lost_with_its_reason() -> None:
    found = compare(body([(1, 2), (2, 3)]), body([(2, 3), (3, 4)], dropped=(1, 2)))
    assert [(e["from"], e["to"]) for e in found["gained"]] == [(3, 4)]
    assert [(e["from"], e["to"], e["reason"]) for e in found["lost"]] == [(1, 2, "too close to call")]


def test_an_arrow_that_nobody_judges_any_more_is_lost_without_a_reason() -> None:
    assert compare(body([(1, 2)]), body([]))["lost"][0]["reason"] == ""


def test_only_situations_with_another_winner_are_told() -> None:
    found = compare(body([], home=1, work=2, gone=5), body([], home=1, work=3, new=None))
    assert found["winners"] == [{"context": "work", "was": 2, "now": 3}, {"context": "gone", "was": 5, "now": None}]


def test_the_same_graph_has_no_changes() -> None:
    same = body([(1, 2)], home=2)
    assert compare(same, same) == {"gained": [], "lost": [], "winners": []}
