"""Whether people fall into groups that answer alike, how far that can be relied on, and what sets the groups apart."""

from dataclasses import asdict
from typing import Any

import numpy as np

from elicitation.groups import SMALLEST_CELL
from elicitation.models import Study
from reports.algorithms.consensus import count_by_group
from reports.algorithms.opinion_groups import OpinionGroups
from reports.maps import MOST_MARKED, binned, marked, often_seen, scaled, spread
from reports.opinions import RULES, Opinions, found_grouping, found_groups, rounded, told_apart, told_groups, told_item
from reports.parameters import Seeded
from reports.registry import report


@report("opinion_groups", title="Opinion groups", about="study", parameters=Seeded)
def opinion_groups(study: Study, parameters: Seeded) -> dict[str, Any]:
    """Return the groups, if there are clear ones, with the reasons if not; a map of the items and of where people are."""
    opinions, found = found_groups(study, parameters.seed)
    grouping = found_grouping(opinions, found)
    labels = grouping.labels(opinions.people) if found.is_clear else np.full(len(opinions.people), -1)
    counts = count_by_group(opinions.answers, labels, len(grouping.names) if found.is_clear else 0)
    placed, answered = int(found.placed.sum()), len(opinions.people)
    kinds = [item.kind for item in opinions.items]
    apart = told_apart(opinions, counts, grouping.names if found.is_clear else [])
    return {
        "is_simulated": study.is_simulated,
        "is_clear": found.is_clear,
        "reasons": found.reasons,
        "rules": asdict(RULES),
        "people": None if 0 < answered - placed < SMALLEST_CELL else answered,
        "placed": placed,
        "items": {
            "values": kinds.count("value"),
            "stories": kinds.count("story"),
            "answers": len(opinions.answers.item),
        },
        "numbers": [
            {"groups": t.k, "silhouette": rounded(t.silhouette), "is_large_enough": t.is_large_enough}
            for t in found.tried
        ],
        "best": found.k,
        "silhouette": rounded(found.silhouette),
        "chance_silhouette": rounded(found.chance_silhouette),
        "stability": rounded(found.stability),
        "stability_interval": [rounded(end) for end in found.stability_interval] if found.stability_interval else None,
        "groups": told_groups(grouping, placed) if found.is_clear else [],
        "map": _map(opinions, found, labels, apart),
    } | apart


def _map(opinions: Opinions, found: OpinionGroups, labels: np.ndarray, apart: dict[str, Any]) -> dict[str, Any]:
    """Return the picture: items by their weight on both axes, and how many people are where, by groups. Marked are the items that
    set groups apart; without groups, some that lie far from each other."""
    seen = np.bincount(opinions.answers.item, minlength=len(opinions.items))
    shown = often_seen(seen, SMALLEST_CELL)
    weight = found.space.axes.T[shown]
    length = np.linalg.norm(weight, axis=1, keepdims=True)
    places = scaled(
        weight / np.sqrt(np.maximum(length, 1e-9))
    )  # by the root of their weight, so that few do not crowd the rest
    items = [told_item(opinions.items[n]) | {"x": x, "y": y} for n, (x, y) in zip(shown, places.tolist(), strict=True)]
    telling = [row for group in apart["representative"] for row in group["items"]] + apart["divisive"]
    place = {item["id"]: n for n, item in enumerate(items)}
    chosen = list(dict.fromkeys(place[row["id"]] for row in telling if row["id"] in place)) or spread(
        places, MOST_MARKED
    )
    return {
        "explained": [rounded(float(share)) for share in found.space.explained],
        "items": marked(items, chosen[: 2 * MOST_MARKED]),
        "people": binned(found.points[found.placed], labels[found.placed], SMALLEST_CELL),
    }
