"""The moral graph as a picture: SVG made on the server, without styles or scripts of its own; classes are the page's.

An arrow points to the wiser value and is thicker the clearer the votes are; one that is too close to call is dashed.
Where it does not hold it says nothing about where values stand, and is drawn for the marked value alone. A circle is
larger the higher the wisdom score, its ring and core say how large it may be. The table beside it says the same.
"""

import itertools
import math
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from graphs.algorithms.layout import Place, Size, layout
from graphs.algorithms.pruning import KEPT, TOO_CLOSE
from graphs.algorithms.reach import ends, wisest
from graphs.algorithms.tally import Pair
from graphs.looking import Group, Thresholds, decided, pairs_of

MOST_VALUES = 60
LINE = 18  # letters of a name's line
LINES = 2
LETTER = 6.4  # width of a letter at the page's 13 px
LINE_HEIGHT = 14
SMALLEST, LARGEST = 4.0, 15.0  # radius
LARGEST_RING = 22.0

_Ways = dict[Pair, list[Place] | None]  # None: straight from one community to another


def shown_values(body: dict[str, Any], most: int = MOST_VALUES) -> set[int]:
    """Return the numbers of the values in the first view: up to `most` of those with the highest wisdom scores, each with
    the values that it was judged wiser than most clearly."""
    scores = {value["number"]: value["wisdom_score"] for value in body["values"]}
    return wisest({(e["from"], e["to"]): e["weight"] for e in body["edges"]}, scores, most)


def view_note(
    body: dict[str, Any], most: int = MOST_VALUES, *, inside: Collection[int] | None = None, is_first: bool = True
) -> str:
    """Return what the picture shows, in a sentence: everything, or which part. `inside` are the values that are drawn,
    if they are known, and whether that is the first view."""
    edges = _shown_edges(body, shown_values(body, most) if inside is None else inside)
    shown, values = len(ends(pairs_of(edges))), len(body["values"])
    told = {
        "shown": number_format(shown, force_grouping=True),
        "values": number_format(values, force_grouping=True),
        "arrows": ngettext("%d arrow", "%d arrows", len(edges)) % len(edges),
    }
    if shown == values:
        return _("%(values)s values, %(arrows)s.") % told
    if not is_first:
        return _("%(shown)s of %(values)s values; %(arrows)s.") % told
    return _("%(shown)s of %(values)s values: the wisest, with those they were judged wiser than; %(arrows)s.") % told


def draw(
    body: dict[str, Any],
    *,
    selected: int | Pair | None = None,
    most: int = MOST_VALUES,
    inside: Collection[int] | None = None,
    link: str = "#value-",
    arrow_link: str = "",
    way: Collection[Pair] = (),
    groups: Sequence[Group] = (),
    thresholds: Mapping[Pair, Thresholds] | None = None,
) -> SafeString:
    """Return the SVG of a snapshot's body, or an empty text where there is no arrow to draw.

    Each value links to `link` followed by its number and, where `arrow_link` is given, each arrow to that followed by
    "1-2", its two numbers. `selected` is the number of a value that is marked with its arrows, or the arrow that is
    marked with its values; `way` are arrows that are marked as well. `inside` limits the picture to these values, else
    the first view is drawn. The values of each of `groups` have a colour and a shape of their own.

    With `thresholds`, the strictest that each arrow passes, those that do not hold are all drawn, hidden, so that
    a page can show them for other thresholds.
    """
    inside = shown_values(body, most) if inside is None else inside
    edges = _shown_edges(body, inside)
    if not edges:
        return SafeString("")
    drawn = ends(pairs_of(edges))
    if thresholds is None:
        hidden = [e for e in _between(body, drawn) if e["reason"] == TOO_CLOSE and _is_on(e, selected)]
    else:
        hidden = [e for e in _between(body, drawn) if (e["from"], e["to"]) in thresholds or e["reason"] == TOO_CLOSE]
    values = {value["number"]: value for value in body["values"] if value["number"] in drawn}
    scores = {number: value["wisdom_score"] for number, value in values.items()}
    highest = max(scores.values()) or 1.0
    radius = {number: _radius(score, highest) for number, score in scores.items()}
    rings = {n: _ring(value.get("score_interval"), highest) for n, value in values.items()}
    names = {number: wrap(value["title"]) for number, value in values.items()}
    reach = {n: max(radius[n], (rings[n] or (0.0, 0.0))[1]) for n in values}
    sizes = {n: Size(reach[n] + 2, reach[n] + 5 + LETTER * max(map(width_of, names[n]))) for n in values}
    plan = layout({(e["from"], e["to"]): e["weight"] for e in edges}, scores, sizes)
    ways: _Ways = {(e["from"], e["to"]): [] for e in hidden}  # places are those of what holds
    ways |= {(e["from"], e["to"]): plan.ways.get((e["from"], e["to"])) for e in edges}
    ports = _ports(edges, plan.places, ways) | _ports(hidden, plan.places, ways)
    marked = selected if isinstance(selected, tuple) else (selected,)
    looks = {number: f"g{place}" for place, group in enumerate(groups, 1) for number in group.members}

    def arrow(edge: dict[str, Any], *, holds: bool) -> SafeString:
        pair = (edge["from"], edge["to"])
        told = {
            "sel": _is_on(edge, selected) and (holds or edge["reason"] == TOO_CLOSE),
            "up": pair in way,
            "weak": _is_dashed(edge),
            "far": ways[pair] is None,
            "off": not holds,
        }
        classes = "".join(f" {name}" for name, on in told.items() if on)
        path = _path(edge, plan.places, ways, radius, ports)
        return _arrow(edge, values, classes, path, arrow_link, (thresholds or {}).get(pair))

    return format_html(
        '<svg class="graph" viewBox="0 0 {} {}" width="{}" height="{}" role="group" aria-label="{} {} {}">{}'
        '<g class="edges">{}{}</g><g class="values">{}</g></svg>',
        *(plan.width, plan.height, plan.width, plan.height),
        *(_("Moral graph."), view_note(body, inside=inside), _("The table holds the same facts.")),
        _MARKERS,
        format_html_join("", "{}", ((arrow(edge, holds=False),) for edge in hidden)),
        format_html_join("", "{}", ((arrow(edge, holds=True),) for edge in edges)),
        format_html_join(
            "",
            "{}",
            (
                (
                    _node(
                        values[n], plan.places[n], radius[n], rings[n], names[n],
                        looks.get(n, ""), n in marked, link,
                    ),
                )
                for n in sorted(values)
            ),
        ),
    )  # fmt: skip


def _radius(score: float, highest: float) -> float:
    return SMALLEST + (LARGEST - SMALLEST) * score / highest


def _ring(interval: Sequence[float] | None, highest: float) -> tuple[float, float] | None:
    """Return how large a circle may be at least and at most, if its score has an interval; 0 where the value may be in no
    arrow at all."""
    if interval is None:
        return None
    low, high = interval
    return _radius(low, highest) if low else 0.0, min(_radius(high, highest), LARGEST_RING)


def _shown_edges(body: dict[str, Any], inside: Collection[int]) -> list[dict[str, Any]]:
    return [edge for edge in body["edges"] if edge["from"] in inside and edge["to"] in inside]


def _between(body: dict[str, Any], drawn: Collection[int]) -> list[dict[str, Any]]:
    """Return the arrows between drawn values that do not hold."""
    return [edge for edge in body.get("dropped", ()) if edge["from"] in drawn and edge["to"] in drawn]


_MARKERS = SafeString(
    '<defs><marker id="m" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="11" markerHeight="11" '
    'markerUnits="userSpaceOnUse" orient="auto"><path class="mh" d="M0 0l8 4-8 4z"/></marker>'
    '<marker id="w" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="10" markerHeight="10" '
    'markerUnits="userSpaceOnUse" orient="auto"><path class="mw" d="M0 0l8 4-8 4z"/></marker></defs>'
)


def is_weak(edge: dict[str, Any]) -> bool:
    """Whether an arrow is too close to call: the interval of its share crosses one half, or chance alone could make it
    among so many pairs."""
    return edge.get("reason") == TOO_CLOSE or (edge["interval"] is not None and edge["interval"][0] < 0.5)


def _is_dashed(edge: dict[str, Any]) -> bool:
    return is_weak(edge) or edge.get("verdict", KEPT) != KEPT


def _ports(edges: Sequence[dict[str, Any]], places: dict[int, Place], ways: _Ways) -> dict[tuple[int, int, int], float]:
    """Return how far from its circle's middle, as a share of the radius −1…1, each arrow begins (…, 0) and ends (…, 1).
    Arrows that run together end together."""
    sides: dict[tuple[int, bool], list[tuple[Place, tuple[int, int, int]]]] = {}
    for edge in edges:
        pair = (edge["from"], edge["to"])
        if (passed := ways[pair]) is None:
            continue
        points = [places[pair[0]], *passed, places[pair[1]]]
        rises = points[0].y > points[-1].y
        sides.setdefault((pair[0], rises), []).append((points[1], (*pair, 0)))
        sides.setdefault((pair[1], not rises), []).append((points[-2], (*pair, 1)))
    found = {}
    for arrows in sides.values():
        nexts = sorted({point for point, _port in arrows})
        for point, port in arrows:
            found[port] = 0.0 if len(nexts) == 1 else 1.4 * (nexts.index(point) / (len(nexts) - 1) - 0.5)
    return found


def _path(
    edge: dict[str, Any],
    places: dict[int, Place],
    ways: _Ways,
    radius: dict[int, float],
    ports: dict[tuple[int, int, int], float],
) -> str:
    pair = (edge["from"], edge["to"])
    if (passed := ways[pair]) is None:
        return _straight(places[pair[0]], places[pair[1]], radius[pair[0]] + 1, radius[pair[1]] + 4)
    rises = places[pair[0]].y > places[pair[1]].y
    start = _on_circle(places[pair[0]], radius[pair[0]] + 1, ports[(*pair, 0)], top=rises)
    end = _on_circle(places[pair[1]], radius[pair[1]] + 4, ports[(*pair, 1)], top=not rises)
    return _curve([start, *passed, end])


def _straight(first: Place, second: Place, before: float, after: float) -> str:
    """Return a line from one circle to another that begins and ends so far from their middles."""
    way = math.dist(first, second) or 1.0
    x, y = (second.x - first.x) / way, (second.y - first.y) / way
    numbers = (first.x + before * x, first.y + before * y, second.x - after * x, second.y - after * y)
    return "M{} {}L{} {}".format(*map(_number, numbers))


def _arrow(
    edge: dict[str, Any],
    values: dict[int, dict[str, Any]],
    classes: str,
    path: str,
    link: str,
    passes: Thresholds | None,
) -> SafeString:
    """Return an arrow, as a link if there is one, with a wider line below it that is easier to hit. The keyboard reaches
    the same links in the table, where they are in order."""
    weak = _is_dashed(edge)
    width = 1.4 if weak else 1.6 + 3.2 * max(0.0, edge["net_support"])
    line = format_html(
        '<path class="line" stroke-width="{}" marker-end="url(#{})" d="{}"/>',
        _number(width),
        "w" if weak else "m",
        path,
    )
    known = format_html(' data-at="{} {} {}"', *passes) if passes else ""
    if not link:
        return format_html('<g class="arrow{}"{}>{}</g>', classes, known, line)
    told = told_of(edge, values)
    return format_html(
        '<a class="arrow{}" href="{}{}-{}" data-arrow="{}-{}"{} tabindex="-1"><title>{}</title>'
        '<path class="hit" d="{}"/>{}</a>',
        *(classes, link, edge["from"], edge["to"], edge["from"], edge["to"], known, told, path, line),
    )


def told_of(edge: dict[str, Any], values: Mapping[int, dict[str, Any]]) -> str:
    """Return what an arrow says, in words."""
    told = _("From “%(source)s” to “%(target)s”") % {
        "source": values[edge["from"]]["title"],
        "target": values[edge["to"]]["title"],
    }
    if counts := edge.get("counts"):
        said = {"wiser": counts["wiser"], "decided": decided(edge)}
        told += ". " + _("%(wiser)d of %(decided)d answers say wiser") % said
    return told + (", " + _("too close to call") if is_weak(edge) else "")


def _is_on(edge: dict[str, Any], selected: int | Pair | None) -> bool:
    pair = (edge["from"], edge["to"])
    return pair == selected if isinstance(selected, tuple) else selected in pair


def _curve(points: Sequence[Place]) -> str:
    """Return a smooth path through points, upright in each: it goes sideways only between the rows of names."""
    path = f"M{_number(points[0].x)} {_number(points[0].y)}"
    for first, second in itertools.pairwise(points):
        bend = (second.y - first.y) * 0.5
        numbers = (first.x, first.y + bend, second.x, second.y - bend, second.x, second.y)
        path += "C" + " ".join(_number(n) for n in numbers)
    return path


def _on_circle(place: Place, distance: float, port: float, *, top: bool) -> Place:
    angle = port * math.pi / 4
    up = -1 if top else 1
    return Place(place.x + distance * math.sin(angle), place.y + up * distance * math.cos(angle))


def _number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _node(
    value: dict[str, Any],
    place: Place,
    radius: float,
    ring: tuple[float, float] | None,
    lines: Sequence[str],
    group: str,
    is_marked: bool,
    link: str,
) -> SafeString:
    told = value["title"]
    if people := value.get("holders"):
        told += ", " + ngettext("held by %d person", "held by %d people", people) % people
    at = (_number(place.x), _number(place.y))
    x = _number(place.x + max(radius, ring[1] if ring else 0.0) + 5)
    top = place.y + 4.5 - (len(lines) - 1) * LINE_HEIGHT / 2
    spans = ((x, _number(top + LINE_HEIGHT * i), line) for i, line in enumerate(lines))
    return format_html(
        '<a class="value{}" href="{}{}" data-value="{}" aria-label="{}">{}{}{}{}<text>{}</text></a>',
        *((" told" if ring else "") + (" on" if is_marked else ""), link, value["number"], value["number"], told),
        _whole_name(value["title"], lines),
        format_html('<circle class="ring" cx="{}" cy="{}" r="{}"/>', *at, _number(ring[1])) if ring else "",
        shape_of(group, place.x, place.y, radius),
        format_html('<circle class="core" cx="{}" cy="{}" r="{}"/>', *at, _number(ring[0])) if ring and ring[0] else "",
        format_html_join("", '<tspan x="{}" y="{}">{}</tspan>', spans),
    )


CORNERS = {"g1": (4, 0.5), "g2": (3, 0.0), "g3": (4, 0.0), "g4": (6, 0.0), "g5": (3, 0.5)}  # and by how much they turn


def shape_of(group: str, x: float, y: float, radius: float) -> SafeString:
    """Return a value's circle or, for one of the groups "g1" to "g5", another shape of the same area in its colour."""
    if group not in CORNERS:
        return format_html('<circle class="shape" cx="{}" cy="{}" r="{}"/>', _number(x), _number(y), _number(radius))
    corners, turn = CORNERS[group]
    size = radius * math.sqrt(2 * math.pi / (corners * math.sin(2 * math.pi / corners)))
    angles = [2 * math.pi * (i + turn) / corners for i in range(corners)]
    points = (f"{_number(x + size * math.sin(a))} {_number(y - size * math.cos(a))}" for a in angles)
    return format_html('<path class="shape {}" d="M{}z"/>', group, "L".join(points))


def _whole_name(title: str, lines: Sequence[str]) -> SafeString:
    """Return what a pointer shows over a name that was cut."""
    return format_html("<title>{}</title>", title) if any(line.endswith("…") for line in lines) else SafeString("")


def width_of(text: str) -> int:
    """Return about how wide a text is, in letters: those of East Asian scripts count twice."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def wrap(title: str) -> list[str]:
    """Return a title in up to two lines of about 18 letters, cut with an ellipsis where it is longer."""
    lines = [""]
    for word in title.split():
        if lines[-1] and width_of(lines[-1]) + 1 + width_of(word) > LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    kept = [_cut(line, LINE + 3) for line in lines[:LINES]]
    if len(lines) > LINES and not kept[-1].endswith("…"):
        kept[-1] = _cut(kept[-1], LINE).rstrip("… ,;:.") + "…"
    return kept


def _cut(line: str, most: int) -> str:
    if width_of(line) <= most:
        return line
    while width_of(line) >= most:
        line = line[:-1]
    return line.rstrip() + "…"
