"""The moral graph as a picture: SVG made on the server, without styles or scripts of its own; classes are the page's.

An arrow points to the wiser value and is thicker the clearer the votes are; one that is too close to call is dashed. Where it
does not hold it says nothing about where values stand, and is drawn for the marked value alone. A circle is larger the higher the wisdom score. The table beside it says the same.
"""

import itertools
import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from graphs.algorithms.layout import Place, Size, layout
from graphs.algorithms.pruning import TOO_CLOSE
from graphs.algorithms.tally import Pair

MOST_VALUES = 60
LINE = 18  # letters of a name's line
LINES = 2
LETTER = 6.4  # width of a letter at the page's 13 px
LINE_HEIGHT = 14
SMALLEST, LARGEST = 5.0, 14.0  # radius


def shown_values(body: dict[str, Any], most: int = MOST_VALUES) -> set[int]:
    """Return the numbers of the values in the first view: the `most` with the highest wisdom scores."""
    ranked = sorted(body["values"], key=lambda v: (-v["wisdom_score"], v["number"]))
    return {value["number"] for value in ranked[:most]}


def view_note(body: dict[str, Any], most: int = MOST_VALUES) -> str:
    """Return what the picture shows, in a sentence: everything, or which part."""
    edges = _shown_edges(body, most)
    shown, values = len(_ends(edges)), len(body["values"])
    arrows = ngettext("%d arrow", "%d arrows", len(edges)) % len(edges)
    if values <= most:
        return _("%(values)d values, %(arrows)s.") % {"values": values, "arrows": arrows}
    told = {"shown": shown, "values": values, "most": most, "arrows": arrows}
    return _("%(shown)d of %(values)d values: the %(most)d wisest, where arrows join them; %(arrows)s.") % told


def draw(
    body: dict[str, Any],
    *,
    selected: int | Pair | None = None,
    most: int = MOST_VALUES,
    link: str = "#value-",
    arrow_link: str = "",
) -> SafeString:
    """Return the SVG of a snapshot's body, or an empty text where there is no arrow to draw.

    Each value links to `link` followed by its number and, where `arrow_link` is given, each arrow to that followed by
    "1-2", its two numbers. `selected` is the number of a value that is marked with its arrows, or the arrow that is
    marked with its values.
    """
    edges = _shown_edges(body, most)
    if not edges:
        return SafeString("")
    inside = _ends(edges)
    doubtful = [edge for edge in _doubtful(body, inside) if _is_on(edge, selected)]
    values = {value["number"]: value for value in body["values"] if value["number"] in inside}
    scores = {number: value["wisdom_score"] for number, value in values.items()}
    highest = max(scores.values())
    radius = {n: SMALLEST + (LARGEST - SMALLEST) * math.sqrt(score / highest) for n, score in scores.items()}
    names = {number: wrap(value["title"]) for number, value in values.items()}
    sizes = {n: Size(radius[n], radius[n] + 5 + LETTER * max(map(width_of, names[n]))) for n in values}
    plan = layout({(e["from"], e["to"]): e["weight"] for e in edges}, scores, sizes)
    ways = plan.ways | {(e["from"], e["to"]): [] for e in doubtful}  # places are those of what holds
    edges = [*doubtful, *edges]
    ports = _ports(edges, plan.places, ways)
    marked = selected if isinstance(selected, tuple) else (selected,)
    return format_html(
        '<svg class="graph" viewBox="0 0 {} {}" role="group" aria-label="{} {} {}">{}<g class="edges">{}</g>{}</svg>',
        *(plan.width, plan.height, _("Moral graph."), view_note(body, most), _("The table holds the same facts.")),
        _MARKERS,
        format_html_join(
            "",
            "{}",
            (
                (_linked(e, values, _arrow(e, plan.places, ways, radius, ports, _is_on(e, selected)), arrow_link),)
                for e in edges
            ),
        ),
        format_html_join(
            "",
            "{}",
            ((_node(values[n], plan.places[n], radius[n], names[n], n in marked, link),) for n in sorted(values)),
        ),
    )


def _shown_edges(body: dict[str, Any], most: int) -> list[dict[str, Any]]:
    shown = shown_values(body, most)
    return [edge for edge in body["edges"] if edge["from"] in shown and edge["to"] in shown]


def _doubtful(body: dict[str, Any], inside: set[int]) -> list[dict[str, Any]]:
    """Return the arrows between drawn values that do not hold because the votes do not decide them."""
    dropped = (edge for edge in body.get("dropped", ()) if edge["reason"] == TOO_CLOSE)
    return [edge for edge in dropped if edge["from"] in inside and edge["to"] in inside]


def _ends(edges: Sequence[dict[str, Any]]) -> set[int]:
    return {number for edge in edges for number in (edge["from"], edge["to"])}


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


def _ports(
    edges: Sequence[dict[str, Any]], places: dict[int, Place], ways: dict[tuple[int, int], list[Place]]
) -> dict[tuple[int, int, int], float]:
    """Return how far from its circle's middle, as a share of the radius −1…1, each arrow begins (…, 0) and ends (…,
    1)."""
    sides: dict[tuple[int, bool], list[tuple[float, tuple[int, int, int]]]] = {}
    for edge in edges:
        pair = (edge["from"], edge["to"])
        points = [places[pair[0]], *ways[pair], places[pair[1]]]
        rises = points[0].y > points[-1].y
        sides.setdefault((pair[0], rises), []).append((points[1].x, (*pair, 0)))
        sides.setdefault((pair[1], not rises), []).append((points[-2].x, (*pair, 1)))
    found = {}
    for arrows in sides.values():
        arrows.sort()
        for i, (_x, port) in enumerate(arrows):
            found[port] = 0.0 if len(arrows) == 1 else 1.4 * (i / (len(arrows) - 1) - 0.5)
    return found


def _arrow(
    edge: dict[str, Any],
    places: dict[int, Place],
    ways: dict[tuple[int, int], list[Place]],
    radius: dict[int, float],
    ports: dict[tuple[int, int, int], float],
    selected: bool,
) -> SafeString:
    pair = (edge["from"], edge["to"])
    rises = places[pair[0]].y > places[pair[1]].y
    start = _on_circle(places[pair[0]], radius[pair[0]] + 1, ports[(*pair, 0)], top=rises)
    end = _on_circle(places[pair[1]], radius[pair[1]] + 4, ports[(*pair, 1)], top=not rises)
    path = _curve([start, *ways[pair], end])
    weak = is_weak(edge)
    classes = " ".join(name for name, on in (("weak", weak), ("sel", selected)) if on)
    width = 1.4 if weak else 1.6 + 3.2 * max(0.0, edge["net_support"])
    mark = "w" if weak else "m"
    return format_html(
        '<path class="{}" stroke-width="{}" marker-end="url(#{})" d="{}"/>', classes, _number(width), mark, path
    )


def _is_on(edge: dict[str, Any], selected: int | Pair | None) -> bool:
    pair = (edge["from"], edge["to"])
    return pair == selected if isinstance(selected, tuple) else selected in pair


def _linked(edge: dict[str, Any], values: dict[int, dict[str, Any]], arrow: SafeString, link: str) -> SafeString:
    """Return an arrow as a link, if there is one, with a wider line below it that is easier to hit. The keyboard reaches
    the same links in the table, where they are in order."""
    if not link:
        return arrow
    told = _("From “%(source)s” to “%(target)s”") % {
        "source": values[edge["from"]]["title"],
        "target": values[edge["to"]]["title"],
    }
    path = arrow.split(' d="')[1].split('"')[0]
    return format_html(
        '<a href="{}{}-{}" tabindex="-1" aria-label="{}"><title>{}</title><path class="hit" d="{}"/>{}</a>',
        *(link, edge["from"], edge["to"], told, told, path, arrow),
    )


def _curve(points: Sequence[Place]) -> str:
    """Return a smooth path through points: steep at both ends, so that it passes between names, else along the way."""
    steep = (points[1].y - points[0].y) * 0.45, (points[-1].y - points[-2].y) * 0.45
    slopes = [(0.0, steep[0]), *(((c.x - a.x) / 5, (c.y - a.y) / 5) for a, c in zip(points, points[2:], strict=False))]
    slopes.append((0.0, steep[1]))
    path = f"M{_number(points[0].x)} {_number(points[0].y)}"
    for i, (first, second) in enumerate(itertools.pairwise(points)):
        (ax, ay), (bx, by) = slopes[i], slopes[i + 1]
        numbers = (first.x + ax, first.y + ay, second.x - bx, second.y - by, second.x, second.y)
        path += "C" + " ".join(_number(n) for n in numbers)
    return path


def _on_circle(place: Place, distance: float, port: float, *, top: bool) -> Place:
    angle = port * math.pi / 4
    up = -1 if top else 1
    return Place(place.x + distance * math.sin(angle), place.y + up * distance * math.cos(angle))


def _number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _node(
    value: dict[str, Any], place: Place, radius: float, lines: Sequence[str], selected: bool, link: str
) -> SafeString:
    told = value["title"]
    if people := value.get("holders"):
        told += ", " + ngettext("held by %d person", "held by %d people", people) % people
    x = _number(place.x + radius + 5)
    top = place.y + 4.5 - (len(lines) - 1) * LINE_HEIGHT / 2
    spans = ((x, _number(top + LINE_HEIGHT * i), line) for i, line in enumerate(lines))
    return format_html(
        '<a href="{}{}" aria-label="{}">{}<circle{} cx="{}" cy="{}" r="{}"/><text>{}</text></a>',
        *(link, value["number"], told, _whole_name(value["title"], lines)),
        SafeString(' class="on"') if selected else "",
        *(_number(place.x), _number(place.y), _number(radius)),
        format_html_join("", '<tspan x="{}" y="{}">{}</tspan>', spans),
    )


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
