"""What changed from one snapshot of a moral graph to another, told from their bodies."""

from typing import Any


def compare(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the arrows that hold only in the newer body (`gained`), those that held only in the older one (`lost`, with
    the newer one's reason, or an empty one where nobody judged the pair any more), and the situations with another winner
    (`winners`: `context`, `was` and `now`, numbers of values or None)."""
    before = {_pair(edge): edge for edge in older["edges"]}
    after = {_pair(edge): edge for edge in newer["edges"]}
    reasons = {_pair(edge): edge["reason"] for edge in newer["dropped"]}
    was = {winner["context"]: winner["value"] for winner in older["winners"]}
    now = {winner["context"]: winner["value"] for winner in newer["winners"]}
    return {
        "gained": [edge for pair, edge in after.items() if pair not in before],
        "lost": [edge | {"reason": reasons.get(pair, "")} for pair, edge in before.items() if pair not in after],
        "winners": [
            {"context": context, "was": was.get(context), "now": now.get(context)}
            for context in now | was
            if was.get(context) != now.get(context)
        ],
    }


def _pair(edge: dict[str, Any]) -> tuple[int, int]:
    return edge["from"], edge["to"]
