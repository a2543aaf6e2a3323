"""The tables beside the picture of a moral graph: arrows that hold, arrows that do not, values. They say what it shows."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from graphs import looking
from graphs.algorithms.pruning import KEPT
from graphs.drawing import is_weak

EVEN = 0.5  # a share or a probability on one side of it is told without doubt
ROWS = 100  # at once
TABLES = ("kept", "dropped", "values")

Row = dict[str, Any]


class Named:
    """An arrow as pages tell of it, with the titles of its values."""

    def __init__(self, titles: Mapping[int, str]) -> None:
        self._titles = titles

    def __call__(self, edge: Row) -> Row:
        weak = is_weak(edge)
        return {
            **edge,
            "from_title": self._titles.get(edge["from"], "?"),
            "to_title": self._titles.get(edge["to"], "?"),
            "decided": looking.decided(edge),
            "is_weak": weak,
            "in_doubt": weak and edge["interval"] is not None and edge["interval"][1] >= EVEN,
            "plain": plain_reason(edge.get("reason", "")),
            "by_context": [here | {"decided": looking.decided(here)} for here in edge.get("by_context", ())],
        }


_PLAIN: list[tuple[str, Callable[[], str]]] = [
    (r"entropy above", lambda: _("the answers are too mixed")),
    (r"net support below", lambda: _("too few more say yes than no")),
    (r"too close to call", lambda: _("too close to call")),
    (r"most say it is not wiser", lambda: _("most say it is not wiser")),
]


def plain_reason(reason: str) -> str:
    """Return why an arrow does not hold in words that need no method: the stored reason, where it is plain already."""
    return next((plain() for pattern, plain in _PLAIN if re.match(pattern, reason)), reason)


class Glance:
    """A value as pages tell of it at a glance: with its place among all, 1 for the wisest."""

    def __init__(self, values: Sequence[Row]) -> None:
        self.by_score = sorted(values, key=lambda v: (-v["wisdom_score"], v["number"]))
        self.places = {v["number"]: place for place, v in enumerate(self.by_score, 1)}

    def place(self, number: int) -> int:
        """Return a value's place; one that is in no arrow comes after all."""
        return self.places.get(number, len(self.places) + 1)

    def __call__(self, value: Row) -> Row:
        return {
            **value,
            "place": self.places.get(value["number"]),
            "of": len(self.places),
            "times": value["wisdom_score"] * len(self.places),
            "times_likely": [score * len(self.places) for score in value.get("score_interval", ())],
            "likely": value.get("rank_interval"),
            "chance": value.get("win_probability"),
        }


class _Column(NamedTuple):
    name: str
    title: str
    key: Callable[[Row], Any]
    falls: bool = True  # the largest first, when it is chosen


def table(asked: QueryDict, look: Row, whole: Row, titles: Mapping[int, str], glance: Glance) -> Row:
    """Return one page of the table that the address asks for, sorted by its `sort`, and its headers.

    `look` is the part of the body `whole` that is looked at, with other thresholds or in one situation.
    """
    name = asked.get("table", "")
    name = name if name in TABLES else "kept" if look["edges"] or not look["dropped"] else "dropped"
    if name == "values":
        rows, columns = _values(look, glance)
    else:
        rows, columns = _arrows(look["edges" if name == "kept" else "dropped"], name, titles, glance)
    sort = asked.get("sort", "")
    column = next((c for c in columns if c.name == sort.lstrip("-")), None)
    if column:
        rows = sorted(rows, key=column.key, reverse=sort.startswith("-"))
    page = Paginator(rows, ROWS).get_page(asked.get("page"))
    tell = glance if name == "values" else Named(titles)
    page.object_list = [tell(row) for row in page.object_list]
    return {
        "name": name,
        "page": page,
        "headers": [_header(c, sort) for c in columns],
        "weak": sum(is_weak(edge) for edge in look["edges"]),
        "tabs": _tabs(asked, look),
        "reasons": _reasons(page.object_list) if name == "dropped" else [],
    }


def _arrows(
    edges: Sequence[Row], name: str, titles: Mapping[int, str], glance: Glance
) -> tuple[list[Row], list[_Column]]:
    """Return arrows, those to the wisest first, and the columns of their table."""
    rows = sorted(edges, key=lambda e: (glance.place(e["to"]), -(e["share"] or 0), glance.place(e["from"]), e["from"]))
    return rows, [
        _Column("from", _("From"), lambda e: titles.get(e["from"], "").casefold(), falls=False),
        _Column("to", _("To (wiser)"), lambda e: titles.get(e["to"], "").casefold(), falls=False),
        _Column("said", _("Said wiser"), lambda e: (e["counts"]["wiser"], looking.decided(e))),
        _Column("share", _("Share of those who decided, with interval"), lambda e: e["interval"] or (-1, -1)),
        _Column(
            "verdict",
            _("Verdict") if name == "kept" else _("Why not"),
            lambda e: (is_weak(e), plain_reason(e["reason"])),
            falls=False,
        ),
    ]


def _values(look: Row, glance: Glance) -> tuple[list[Row], list[_Column]]:
    """Return the values that are looked at, the wisest first, with how many others each was judged wiser and less wise
    than, and the columns of their table."""
    wiser: dict[int, int] = {}
    less: dict[int, int] = {}
    for edge in look["edges"]:
        wiser[edge["to"]] = wiser.get(edge["to"], 0) + 1
        less[edge["from"]] = less.get(edge["from"], 0) + 1
    inside = {value["number"] for value in look["values"]}
    values = [*glance.by_score, *(v for v in look["values"] if v["number"] not in glance.places)]
    rows = [
        {**v, "wiser_than": wiser.get(v["number"], 0), "less_wise_than": less.get(v["number"], 0)}
        for v in values
        if v["number"] in inside
    ]
    last = glance.place(0)
    return rows, [
        _Column("place", _("Place"), lambda v: glance.place(v["number"]), falls=False),
        _Column("title", _("Value"), lambda v: v["title"].casefold(), falls=False),
        _Column("score", _("Wisdom score, 1 is average"), lambda v: v["wisdom_score"]),
        _Column("likely", _("Place, in 9 of 10 draws"), lambda v: v.get("rank_interval") or (last, last), falls=False),
        _Column("chance", _("Wins again"), lambda v: v.get("win_probability") or 0),
        _Column("holders", _("Held by"), lambda v: v.get("holders") or 0),
        _Column("wiser", _("Wiser than"), lambda v: v["wiser_than"]),
        _Column("less", _("Less wise than"), lambda v: v["less_wise_than"]),
    ]


def _tabs(asked: QueryDict, look: Row) -> list[Row]:
    kept, dropped, values = len(look["edges"]), len(look["dropped"]), len(look["values"])
    has_looser = any(edge.get("verdict", KEPT) != KEPT for edge in look["edges"])
    if has_looser:
        first = ngettext("%d arrow passes", "%d arrows pass", kept)
    else:
        first = ngettext("%d arrow holds", "%d arrows hold", kept)
    told = (
        first % kept,
        ngettext("%d does not", "%d do not", dropped) % dropped,
        ngettext("%d value", "%d values", values) % values,
    )
    address = asked.copy()
    for name in ("sort", "page"):
        address.pop(name, None)
    tabs = []
    for name, title in zip(TABLES, told, strict=True):
        address["table"] = name
        tabs.append({"name": name, "title": title, "link": f"?{address.urlencode()}#table"})
    return tabs


def _header(column: _Column, sort: str) -> Row:
    """Return a column's header: its order, and what choosing it sorts by."""
    is_chosen, falls = sort.lstrip("-") == column.name, sort.startswith("-")
    turned = not falls if is_chosen else column.falls
    return {
        "name": column.name,
        "title": column.title,
        "sort": f"-{column.name}" if turned else column.name,
        "order": ("descending" if falls else "ascending") if is_chosen else "",
    }


def _reasons(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the plain words for a reason and the expert's, where they differ."""
    return sorted({(row["plain"], row["reason"]) for row in rows if row["plain"] != row["reason"]})
