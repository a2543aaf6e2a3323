"""Where a person's value stands in a published moral graph: its neighbours, as a small map and as a table.

Reads the body of the newest published snapshot and nothing else, so that the page says what the graph says.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from core.access import Caller
from elicitation.deduplication import projection
from elicitation.groups import SMALLEST_CELL
from elicitation.models import Participant
from elicitation.values import own_value
from graphs.algorithms.pruning import KEPT
from graphs.building import body_of
from graphs.looking import decided
from graphs.models import GraphSnapshot
from graphs.ordering import order_of

MOST_ON_A_SIDE = 2  # in the drawing, so that titles fit on a phone; the table has them all
MOST_LETTERS = 20  # of a title in the drawing
CLEAR, LIKELY = 0.7, 0.5  # where the interval of a share must begin, for people to be told that it is so

# The drawing, in its own units: width, and where the rows of circles are.
WIDTH, LEFT, MIDDLE, RIGHT = 330, 80, 165, 250
OWN_RADIUS, RADIUS = 26, 12


@dataclass(frozen=True)
class Neighbour:
    """One other value that was compared with the person's own: `wiser` of `asked` people called the upper one wiser."""

    title: str
    is_above: bool
    is_close: bool
    wiser: int
    asked: int
    low: float | None
    high: float | None

    @property
    def is_shown(self) -> bool:
        """Whether enough people answered for the figures to be shown."""
        return self.asked >= SMALLEST_CELL

    @property
    def share(self) -> float:
        return self.wiser / self.asked

    @property
    def in_ten(self) -> int:
        """How many of ten people called the upper value wiser, in round numbers."""
        return round(10 * self.share)

    @property
    def firmness(self) -> str:
        """How sure it is, in words."""
        if not self.is_shown:
            return _("Not enough people answered yet to say.")
        if self.is_close or self.low is None or self.low <= LIKELY:
            return _("That is too close to call.")
        return _("That is clear.") if self.low >= CLEAR else _("That is likely, and more answers could change it.")


@dataclass(frozen=True)
class Judged:
    """A pair that the person judged, their answer, and how many of those asked called the second value wiser."""

    first: str
    second: str
    answer: str
    wiser: int
    asked: int

    @property
    def is_shown(self) -> bool:
        return self.asked >= SMALLEST_CELL


@dataclass(frozen=True)
class Spot:
    """A circle in the drawing, with its title and figures below it."""

    x: int
    y: int
    title: str
    neighbour: Neighbour
    path: str


@dataclass(frozen=True)
class Standing:
    """What a snapshot says about the person's value, and about the pairs that they judged."""

    title: str
    built_at: datetime
    people: int
    neighbours: list[Neighbour]
    judged: list[Judged] = field(default_factory=list)
    way: list[Neighbour] = field(default_factory=list)
    is_top: bool = False

    @property
    def nearest(self) -> list[Neighbour]:
        """The clearest neighbour on each side, for words: the wiser one first."""
        sides = ([n for n in self.neighbours if n.is_shown and n.is_above == above] for above in (True, False))
        return [side[0] for side in sides if side]

    @property
    def above(self) -> list[Spot]:
        return self._row([n for n in self.neighbours if n.is_above], y=RADIUS + 4, end=self.own_y - OWN_RADIUS)

    @property
    def below(self) -> list[Spot]:
        return self._row(
            [n for n in self.neighbours if not n.is_above], y=self.own_y + 112, end=self.own_y + OWN_RADIUS
        )

    @property
    def own_y(self) -> int:
        has_above = any(n.is_above and n.is_shown for n in self.neighbours)
        return 150 if has_above else OWN_RADIUS + 4

    @property
    def height(self) -> int:
        return (self.below[0].y if self.below else self.own_y) + 48

    def _row(self, neighbours: list[Neighbour], *, y: int, end: int) -> list[Spot]:
        shown = [n for n in neighbours if n.is_shown][:MOST_ON_A_SIDE]
        places = [MIDDLE] if len(shown) == 1 else [LEFT, RIGHT]
        return [self._spot(n, x, y, end) for n, x in zip(shown, places, strict=False)]

    def _spot(self, neighbour: Neighbour, x: int, y: int, end: int) -> Spot:
        """Place a circle. Its arrow runs upwards: to the person's own circle from below, from it to one above."""
        title = neighbour.title if len(neighbour.title) <= MOST_LETTERS else neighbour.title[: MOST_LETTERS - 1] + "…"
        own_x = MIDDLE + (x - MIDDLE) // 6
        # titles hang below the circles, so an arrow to one above ends beside its title
        if neighbour.is_above:
            aside = x + (0 if x == MIDDLE else RADIUS + 6 if x < MIDDLE else -RADIUS - 6)
            tip = y + RADIUS + (40 if x == MIDDLE else 4)
            return Spot(x, y, title, neighbour, f"M{own_x} {end}C{own_x} {end - 40} {aside} {tip + 40} {aside} {tip}")
        start = y - RADIUS
        return Spot(x, y, title, neighbour, f"M{x} {start}C{x} {start - 40} {own_x} {end + 44} {own_x} {end + 4}")


def standing_of(participant: Participant) -> Standing | None:
    """Return what the newest published graph says of the person's value and answers, or None where there is no graph."""
    published = GraphSnapshot.objects.shown_to(Caller(participant=participant)).filter(study=participant.study)
    snapshot = published.order_by("-publication__published_at").first()
    if snapshot is None:
        return None
    body, value = body_of(snapshot), own_value(participant)
    titles = {v.number: v.title for v in participant.study.values.all()}
    way = way_up(value.number, body, titles) if value else []
    return Standing(
        title=value.title if value else "",
        built_at=snapshot.built_at,
        people=snapshot.voter_count,
        neighbours=neighbours_of(value.number, body, titles) if value else [],
        judged=_judged_by(participant, body),
        way=way,
        is_top=value is not None and any(value.number in part for part in order_of(body).maximal()),
    )


def _judged_by(participant: Participant, body: dict[str, Any]) -> list[Judged]:
    """Return the pairs that the person judged and the snapshot counts, as they count now."""
    edges = {(edge["from"], edge["to"]): edge for edge in [*body["edges"], *body["dropped"]]}
    target = projection(participant.study)
    values = participant.study.values.in_bulk()
    found = []
    for vote in participant.wisdom_votes.current():
        first, second = (values[target.get(v, v)] for v in (vote.from_value_id, vote.to_value_id))
        edge = edges.get((first.number, second.number))
        if edge is not None:
            said = vote.get_answer_display()
            found.append(Judged(first.title, second.title, said, edge["counts"]["wiser"], decided(edge)))
    return found


def neighbours_of(own: int, body: dict[str, Any], titles: dict[int, str]) -> list[Neighbour]:
    """Return the values that a snapshot compares with value `own`: the clearest and most asked first.

    Of a pair that was asked in both directions the kept one counts, else the one that more people said yes to.
    """
    best: dict[int, tuple[tuple[bool, float], Neighbour]] = {}
    for edge in [*body["edges"], *body["dropped"]]:
        if own not in (edge["from"], edge["to"]):
            continue
        other = edge["from"] if edge["to"] == own else edge["to"]
        neighbour = _neighbour(edge, titles.get(other, ""), is_above=edge["from"] == own)
        weight = (not neighbour.is_close, neighbour.share if neighbour.asked else 0)
        if other not in best or weight > best[other][0]:
            best[other] = (weight, neighbour)
    return sorted((n for _weight, n in best.values()), key=lambda n: (n.is_close, -n.asked, n.title))


def way_up(own: int, body: dict[str, Any], titles: dict[int, str]) -> list[Neighbour]:
    """Return the values on a way of arrows from value `own` up to one than which none is wiser: of those the one with the highest
    wisdom score. Each is told as compared with the one before. Empty where no arrow leads up."""
    order, edges = order_of(body), {(edge["from"], edge["to"]): edge for edge in body["edges"]}
    scores = {value["number"]: value["wisdom_score"] for value in body.get("values", ())}
    tops = [value for part in order.maximal() for value in part if value != own]
    ways = {top: way for top in tops if (way := order.path(own, top))}
    if not ways:
        return []
    best = min(ways, key=lambda top: (-scores.get(top, 0.0), len(ways[top]), top))
    return [_neighbour(edges[pair], titles.get(pair[1], ""), is_above=True) for pair in ways[best]]


def _neighbour(edge: dict[str, Any], title: str, *, is_above: bool) -> Neighbour:
    low, high = edge["interval"] or (None, None)
    return Neighbour(title, is_above, edge["verdict"] != KEPT, edge["counts"]["wiser"], decided(edge), low, high)
