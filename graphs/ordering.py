"""What a snapshot's arrows say about two values, and which values are the wisest, told from its body."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from graphs.algorithms.order import Order
from graphs.building import titles_of


def compare_values(body: dict[str, Any], a: int, b: int) -> dict[str, Any]:
    """Return how value a stands to value b: `relation` is "wiser", "less wise", "in a circle", "incomparable" or "the same".

    `up` holds the arrows that lead from b to a, `down` those from a to b: the evidence. Raises ValidationError for a value
    that the snapshot does not hold.
    """
    titles = titles_of(body)
    if unknown := {name: number for name, number in (("a", a), ("b", b)) if number not in titles}:
        raise ValidationError({name: _("This graph has no value %d.") % number for name, number in unknown.items()})
    found = order_of(body).compare(a, b)
    edges = {(edge["from"], edge["to"]): edge for edge in body["edges"]}
    return {
        "a": _named(a, titles),
        "b": _named(b, titles),
        "relation": found.relation,
        "up": [_evidence(edges[pair], titles) for pair in found.up],
        "down": [_evidence(edges[pair], titles) for pair in found.down],
    }


def wisest(body: dict[str, Any]) -> dict[str, Any]:
    """Return `maximal`, the values than which none is wiser, and `circles`, the values that arrows join in circles. Values of
    one circle stand in one list; those of two lists are incomparable."""
    titles, order = titles_of(body), order_of(body)
    return {"maximal": _lists(order.maximal(), titles), "circles": _lists(order.circles(), titles)}


def order_of(body: dict[str, Any]) -> Order:
    """Return the order that the arrows of a snapshot's body make."""
    return Order((edge["from"], edge["to"]) for edge in body["edges"])


def _named(number: int, titles: dict[int, str]) -> dict[str, Any]:
    return {"number": number, "title": titles[number]}


def _lists(parts: Iterable[list[int]], titles: dict[int, str]) -> list[list[dict[str, Any]]]:
    return [[_named(number, titles) for number in part] for part in parts]


def _evidence(edge: dict[str, Any], titles: dict[int, str]) -> dict[str, Any]:
    told = {name: edge[name] for name in ("counts", "share", "interval", "contexts")}
    return {"from": _named(edge["from"], titles), "to": _named(edge["to"], titles), **told}
