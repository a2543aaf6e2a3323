"""What changed from one snapshot of a moral graph to another, and why, told from their bodies."""

from collections.abc import Mapping
from typing import Any

from elicitation.groups import SMALLEST_CELL
from graphs.algorithms.ranking import PLACES
from graphs.building import body_of, titles_of
from graphs.looking import decided
from graphs.models import GraphSnapshot
from graphs.pins import merged_between, pins_of

NOT_JUDGED = "not judged"
NO_ARROW = "in no arrow that holds"
MERGED = "counts as value %d"

Body = dict[str, Any]


def differences(older: GraphSnapshot, newer: GraphSnapshot) -> dict[str, Any]:
    """Return what changed between two snapshots of a study, as `compare` finds and `tell` says it."""
    was, now = body_of(older), body_of(newer)
    merged = merged_between(newer.study, *(pins_of(newer.study, snapshot.pins) for snapshot in (older, newer)))
    return {"from": older.number, "to": newer.number} | tell(compare(was, now, merged), was, now)


def compare(older: Body, newer: Body, merged: Mapping[int, int] | None = None) -> dict[str, Any]:
    """Return what changed, by kind. Every row of an arrow has `was` and `now`, the figures of the two snapshots (None where the
    pair was not judged), and `withheld`, true where they would tell what one to four people of a group added: both are None then.

    `gained`, `lost`: the arrows that hold in one body only; `reason` is why the other has them not, empty where nobody
    judged the pair. `changed`: arrows that hold in both with other figures; `is_clear` if their intervals do not meet.
    `values_gained`, `values_lost`: the values that are in the graph in one body only, with a `reason`.
    `moved`: values whose rank lies outside the rank interval of the other snapshot, both ways; other moves are chance, and
    are not told. `moves_known` is false where a snapshot has no rank intervals.
    `winners`: the situations with another winner (numbers of values or None).
    `because`: what differs in what was counted and how: `votes` and `voters` (None if withheld), `mode`, `rules`,
    `filters`, `seed`, and `merged`, the values that count as another one only in the newer body (`merged` as it is given).
    """
    merged = dict(merged or {})
    before, after = _pairs(older["edges"]), _pairs(newer["edges"])
    was = before | _pairs(older["dropped"])
    now = after | _pairs(newer["dropped"])
    hides = _hides(older, newer)
    gained = [_row(edge, was.get(pair), edge, hides) for pair, edge in after.items() if pair not in before]
    lost = [_row(edge, edge, now.get(pair), hides) for pair, edge in before.items() if pair not in after]
    both = [_row(edge, before[pair], edge, hides) for pair, edge in after.items() if pair in before]
    return {
        "because": _because(older, newer, hides) | {"merged": merged},
        "gained": [row | {"reason": _reason(was.get(_pair(row)))} for row in gained],
        "lost": [row | {"reason": _reason(now.get(_pair(row))) or _merged(_pair(row), merged)} for row in lost],
        "changed": [
            row | {"is_clear": _are_apart(row["was"]["interval"], row["now"]["interval"])}
            for row in both
            if not row["withheld"] and row["was"] != row["now"]
        ],
        "values_gained": _values_without(newer, older, {}),
        "values_lost": _values_without(older, newer, merged),
        "moved": _moved(older, newer),
        "moves_known": all("rank_interval" in value for body in (older, newer) for value in body["values"]),
        "winners": _winners(older, newer),
    }


def tell(found: dict[str, Any], older: Body, newer: Body) -> dict[str, Any]:
    """Return what `compare` found with the titles of values, and of arrows only what changed: nothing that is withheld."""
    titles = titles_of(older) | titles_of(newer)

    def named(number: int | None) -> dict[str, Any] | None:
        return None if number is None else {"number": number, "title": titles.get(number, "")}

    arrows = {
        kind: [
            {name: row[name] for name in ("reason", "was", "now", "withheld", "is_clear") if name in row}
            | {"from": named(row["from"]), "to": named(row["to"])}
            for row in found[kind]
        ]
        for kind in ("gained", "lost", "changed")
    }
    merged = [{"value": named(value), "into": named(into)} for value, into in found["because"]["merged"].items()]
    winners = [row | {"was": named(row["was"]), "now": named(row["now"])} for row in found["winners"]]
    return found | arrows | {"because": found["because"] | {"merged": merged}, "winners": winners}


def _pairs(edges: list[dict[str, Any]]) -> dict[tuple[int, int], dict[str, Any]]:
    return {_pair(edge): edge for edge in edges}


def _pair(edge: dict[str, Any]) -> tuple[int, int]:
    return edge["from"], edge["to"]


def _reason(edge: dict[str, Any] | None) -> str:
    return str(edge["reason"]) if edge else ""


def _merged(pair: tuple[int, int], merged: Mapping[int, int]) -> str:
    return next((MERGED % merged[value] for value in pair if value in merged), "")


def _hides(older: Body, newer: Body) -> bool:
    """Whether small differences are withheld: both snapshots are of one group, so that they are about who joined it."""
    groups = [body.get("filters", {}).get("group", "") for body in (older, newer)]
    return bool(groups[0]) and groups[0] == groups[1]


def _are_few(was: int, now: int) -> bool:
    return 0 < abs(now - was) < SMALLEST_CELL


def _row(edge: dict[str, Any], was: dict[str, Any] | None, now: dict[str, Any] | None, hides: bool) -> dict[str, Any]:
    answers = [row["counts"]["impressions"] if row else 0 for row in (was, now)]
    withheld = hides and _are_few(*answers)
    figures = {"was": None, "now": None} if withheld else {"was": _figures(was), "now": _figures(now)}
    return edge | figures | {"withheld": withheld}


def _figures(edge: dict[str, Any] | None) -> dict[str, Any] | None:
    if edge is None:
        return None
    return {
        "wiser": edge["counts"]["wiser"],
        "decided": decided(edge),
        "share": edge["share"],
        "interval": edge["interval"],
    }


def _are_apart(first: list[float] | None, second: list[float] | None) -> bool:
    return first is not None and second is not None and (first[1] < second[0] or second[1] < first[0])


def _values_without(body: Body, other: Body, merged: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return the values of the graph that are not in the other graph, with the reason why not there."""
    there = {value["number"] for value in other["values"]}
    judged = {value["number"] for value in other.get("values_outside", ())}
    return [
        {
            "number": value["number"],
            "title": value["title"],
            "reason": NO_ARROW
            if value["number"] in judged
            else _merged((value["number"], value["number"]), merged) or NOT_JUDGED,
        }
        for value in body["values"]
        if value["number"] not in there
    ]


def _moved(older: Body, newer: Body) -> list[dict[str, Any]]:
    was, now = _ranks(older), _ranks(newer)
    found = []
    for value in newer["values"]:
        number = value["number"]
        if (
            number in was
            and _is_outside(was[number][0], now[number][1])
            and _is_outside(now[number][0], was[number][1])
        ):
            places = {"was": was[number][0], "now": now[number][0]}
            intervals = {"was_interval": was[number][1], "now_interval": now[number][1]}
            found.append({"number": number, "title": value["title"], **places, **intervals})
    return sorted(found, key=lambda row: (row["now"], row["number"]))


def _ranks(body: Body) -> dict[int, tuple[int, list[int] | None]]:
    """Return each value's rank by wisdom score, from 1, and its interval if the body has one."""
    ranked = sorted(body["values"], key=lambda value: (-round(value["wisdom_score"], PLACES), value["number"]))
    return {value["number"]: (rank, value.get("rank_interval")) for rank, value in enumerate(ranked, 1)}


def _is_outside(rank: int, interval: list[int] | None) -> bool:
    return interval is not None and not interval[0] <= rank <= interval[1]


def _winners(older: Body, newer: Body) -> list[dict[str, Any]]:
    was = {winner["context"]: winner["value"] for winner in older["winners"]}
    now = {winner["context"]: winner["value"] for winner in newer["winners"]}
    return [
        {"context": context, "was": was.get(context), "now": now.get(context)}
        for context in now | was
        if was.get(context) != now.get(context)
    ]


def _because(older: Body, newer: Body, hides: bool) -> dict[str, Any]:
    counts = [body.get("counts", {}) for body in (older, newer)]
    people = [count.get("voters", 0) for count in counts]
    withheld = hides and (_are_few(*people) or people[0] == people[1])
    return {
        **{
            name: None if withheld else {"was": counts[0].get(name, 0), "now": counts[1].get(name, 0)}
            for name in ("votes", "voters")
        },
        **{name: _other(older.get(name), newer.get(name)) for name in ("mode", "seed")},
        **{name: _others(older.get(name, {}), newer.get(name, {})) for name in ("rules", "filters")},
    }


def _other(was: Any, now: Any) -> dict[str, Any] | None:
    return None if was == now else {"was": was, "now": now}


def _others(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return those entries that differ."""
    names = sorted({*was, *now})
    return {name: {"was": was.get(name), "now": now.get(name)} for name in names if was.get(name) != now.get(name)}
