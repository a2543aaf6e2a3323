"""Maps of values and people as SVG, and the words for what a report of groups found."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from reports.algorithms import opinion_groups as groups

register = template.Library()

SIDE, EDGE = 400, 24  # of the drawing, and what is kept free around it
MARK = 9  # radius of a numbered circle
SHAPES = 5  # groups that have a colour and a shape of their own
REASONS = {
    groups.TOO_FEW: gettext_lazy("Too few people answered enough."),
    groups.ALIKE: gettext_lazy("People do not differ in what they answered."),
    groups.SMALL: gettext_lazy("There would be groups of fewer than five people."),
    groups.BLURRED: gettext_lazy("The groups run into each other."),
    groups.UNSTABLE: gettext_lazy("With other people drawn from these, the groups would be others."),
    groups.CHANCE: gettext_lazy("Answers shuffled at random make groups that look just as clear."),
}


@register.filter
def reason(found: str) -> str:
    """Say in a sentence why there are no clear groups."""
    return str(REASONS.get(found, found))


@register.filter
def group_class(place: int) -> str:
    """Return the class that gives the group at this place, from 0, its colour and shape; those after the fifth have none."""
    return f"g{place + 1}" if place < SHAPES else ""


@register.filter
def nth(groups: Sequence[Mapping[str, Any]], place: int) -> str:
    """Return the name of the group at this place, from 0."""
    return str(groups[place]["name"])


@register.simple_tag
def opinion_map(map: Mapping[str, Any], names: Sequence[Mapping[str, Any]] = ()) -> SafeString:
    """Draw values as points, numbered where they are marked, and behind them where people are: larger shapes are more people.

    Each group has a shape and a colour. What a shape means, and all texts, stand beside the drawing.
    """
    people = [
        (_shape(spot), group_class(spot["group"]) if spot["group"] is not None else "", _said(spot, names))
        for spot in map["people"]
    ]
    plain = [item for item in map["items"] if item["mark"] is None]
    named = [item for item in map["items"] if item["mark"] is not None]
    places = _apart([(_across(item["x"]), _across(-item["y"])) for item in named])
    return format_html(
        '<svg class="map" viewBox="0 0 {} {}" role="img" aria-label="{}"><path class="ax" d="M{} {}H{}M{} {}V{}"/>{}{}{}</svg>',
        *(SIDE, SIDE, _("Map of values and people. The lists beside it hold the same facts.")),
        *(EDGE, SIDE // 2, SIDE - EDGE, SIDE // 2, EDGE, SIDE - EDGE),
        format_html_join("", '<path class="who {1}" d="{0}"><title>{2}</title></path>', people),
        format_html_join(
            "",
            '<circle class="dot{}" cx="{}" cy="{}" r="3"><title>{}</title></circle>',
            ((_kind(item), _across(item["x"]), _across(-item["y"]), item["text"]) for item in plain),
        ),
        format_html_join(
            "",
            '<g class="mark{}"><title>{}</title><circle cx="{}" cy="{}" r="{}"/><text x="{}" y="{}">{}</text></g>',
            (
                (_kind(item), item["text"], x, y, MARK, x, round(y + 3.5, 1), item["mark"])
                for item, (x, y) in zip(named, places, strict=True)
            ),
        ),
    )


@register.simple_tag
def group_shape(place: int) -> SafeString:
    """Draw the shape of the group at this place, from 0. Decoration: its name stands beside it."""
    spot = {"x": 0.0, "y": 0.0, "width": 0.08, "at_least": 10_000, "group": place if place < SHAPES else None}
    return format_html(
        '<svg class="gs {}" viewBox="190 190 20 20" aria-hidden="true"><path d="{}"/></svg>',
        group_class(place),
        _shape(spot),
    )


def _across(x: float) -> float:
    return round(EDGE + (x + 1) / 2 * (SIDE - 2 * EDGE), 1)


def _kind(item: Mapping[str, Any]) -> str:
    return "" if item.get("agrees", True) else " other"


def _said(spot: Mapping[str, Any], names: Sequence[Mapping[str, Any]]) -> str:
    told = {"n": spot["at_least"]}
    if spot["group"] is None:
        return _("%(n)d people or more") % told
    return _("%(n)d people or more of group %(name)s") % (told | {"name": names[spot["group"]]["name"]})


def _shape(spot: Mapping[str, Any]) -> str:
    """Return the outline: a circle for people of no group, else of the first group a circle, then a square, a triangle, a rhomb and
    a star of five."""
    x, y = _across(spot["x"]), _across(-spot["y"])
    full = spot["width"] / 2 * (SIDE - 2 * EDGE) / 2
    r = full * min(0.35 + 0.17 * math.log2(spot["at_least"] / 5 + 1), 0.95)
    if not spot["group"]:
        return f"M{x - r:.1f} {y:.1f}a{r:.1f} {r:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {-2 * r:.1f} 0z"
    corners, turn, dent = {1: (4, 45, 1.0), 2: (3, 0, 1.0), 3: (4, 0, 1.0), 4: (10, 0, 0.5)}[spot["group"]]
    points = []
    for n in range(corners):
        angle = math.radians(turn + 360 * n / corners)
        far = r * (dent if n % 2 else 1.0)
        points.append(f"{x + far * math.sin(angle):.1f} {y - far * math.cos(angle):.1f}")
    return "M" + "L".join(points) + "z"


def _apart(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return places moved apart until no two circles cover each other, as near as possible to where they were."""
    found = [list(place) for place in places]
    for _round in range(60):
        moved = False
        for a in range(len(found)):
            for b in range(a):
                across, up = found[a][0] - found[b][0], found[a][1] - found[b][1]
                gap = math.hypot(across, up)
                if gap < 2 * MARK:
                    moved = True
                    if gap < 0.01:
                        across, up, gap = math.cos(a), math.sin(a), 1.0
                    push = (2 * MARK - min(gap, 2 * MARK)) / 2 + 0.05
                    for place, sign in ((found[a], 1), (found[b], -1)):
                        place[0] = min(max(place[0] + sign * push * across / gap, MARK), SIDE - MARK)
                        place[1] = min(max(place[1] + sign * push * up / gap, MARK), SIDE - MARK)
        if not moved:
            break
    return [(round(x, 1), round(y, 1)) for x, y in found]
