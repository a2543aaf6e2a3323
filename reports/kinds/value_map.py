"""People and values in one space: what is held together, how split people are, and how far one choice foretells another."""

from typing import Any

import numpy as np

from core.algorithms.uncertainty import jeffreys
from elicitation.groups import SMALLEST_CELL
from elicitation.models import Study
from reports.algorithms.opinion_groups import Answers
from reports.algorithms.value_map import Foretold, ValueMap, embed, flat, foretell, two_camps
from reports.maps import MOST_MARKED, binned, marked, often_seen, scaled, spread
from reports.opinions import DISAGREE, PASS, Opinions, opinions_of, rounded, told_item
from reports.parameters import Seeded
from reports.registry import report

LEAST_PEOPLE = 2 * SMALLEST_CELL
SPLIT = 0.5  # from this silhouette on, people stand in two camps
WORTH = 0.01  # from this much more area on the map adds to popularity


@report("value_map", title="Map of values", about="study", parameters=Seeded)
def value_map(study: Study, parameters: Seeded) -> dict[str, Any]:
    """Return the map with how well it foretells held-out answers beside what foretells them without it. Figures are about
    values and all people; no person is told. Under ten people there is no map."""
    opinions = opinions_of(study)
    stances, other_pole = _stances(opinions)
    people = len(np.unique(stances.person))
    told: dict[str, Any] = {
        "is_simulated": study.is_simulated,
        "other_pole": other_pole,
        "people": people,
        "least_people": LEAST_PEOPLE,
        "answers": len(stances.item),
        "foretold": None,
        "split": None,
        "camps": [],
        "values": [],
        "map": None,
    }
    if people < LEAST_PEOPLE:
        return told
    found = foretell(stances, seed=parameters.seed)
    space = embed(stances)
    camp, silhouette = two_camps(space)
    is_split = silhouette is not None and silhouette >= SPLIT
    return told | {
        "foretold": _foretold(found),
        "split": {"silhouette": rounded(silhouette), "least": SPLIT, "is_split": is_split},
        "camps": [{"name": "1"}, {"name": "2"}] if is_split else [],
        "values": _values(opinions, stances, found.dissonance, other_pole),
        "map": _map(opinions, stances, space, camp if is_split else np.full(len(camp), -1)),
    }


def _stances(opinions: Opinions) -> tuple[Answers, str]:
    """Return the answers that take a side. Where people could only pick values, not picking one is the other side."""
    answers = opinions.answers
    is_value = np.array([item.kind == "value" for item in opinions.items], dtype=bool)[answers.item]
    picked_only = not (answers.answer[is_value] == DISAGREE).any()
    side = np.where(is_value & picked_only & (answers.answer == PASS), DISAGREE, answers.answer)
    kept = side != PASS
    stances = answers._replace(person=answers.person[kept], item=answers.item[kept], answer=side[kept])
    return stances, "not picked" if picked_only and is_value.any() else "disagree"


def _foretold(found: Foretold) -> dict[str, Any]:
    told = {name: value for name, value in found._asdict().items() if name != "dissonance"}
    told["interval"] = [rounded(end) for end in found.interval] if found.interval else None
    adds = found.both_area is not None and found.both_area >= (found.majority_area or 0) + WORTH
    return {name: rounded(value) if isinstance(value, float) else value for name, value in told.items()} | {
        "adds": adds
    }


def _values(opinions: Opinions, stances: Answers, dissonance: np.ndarray, other_pole: str) -> list[dict[str, Any]]:
    """Return, for each item, how many of those who agree would be foretold not to, from all else that they hold: the values that
    lie crosswise first. Only where five or more agree, and five or more or nobody disagrees; not picking a value is no
    disagreement."""
    agrees, known = stances.answer > 0, ~np.isnan(dissonance)
    holders = np.bincount(stances.item[agrees], minlength=stances.items)
    others = np.bincount(stances.item[~agrees], minlength=stances.items)
    judged = np.bincount(stances.item[agrees & known], minlength=stances.items)
    crosswise = np.bincount(stances.item[agrees & known & (np.nan_to_num(dissonance) > 0)], minlength=stances.items)
    told = []
    for n, item in enumerate(opinions.items):
        if item.kind == "value" and other_pole != "disagree":
            continue
        if min(holders[n], judged[n]) >= SMALLEST_CELL and not 0 < others[n] < SMALLEST_CELL:
            few, all_of = int(crosswise[n]), int(judged[n])
            told.append(
                told_item(item)
                | {"holders": int(holders[n]), "others": int(others[n]), "judged": all_of, "crosswise": few}
                | {"share": few / all_of, "interval": list(jeffreys(few, all_of))}
            )
    return sorted(told, key=lambda row: -row["share"])


def _map(opinions: Opinions, stances: Answers, space: ValueMap, label: np.ndarray) -> dict[str, Any]:
    poles, people = flat(space)
    count = len(opinions.items)
    held = np.bincount(stances.item + np.where(stances.answer > 0, 0, count), minlength=2 * count)
    held[np.isnan(poles).any(axis=1)] = 0
    shown = often_seen(held, SMALLEST_CELL)
    known = ~np.isnan(people).any(axis=1)
    places = scaled(poles[shown])
    items = [
        told_item(opinions.items[n % count]) | {"agrees": n < count, "x": x, "y": y}
        for n, (x, y) in zip(shown, places.tolist(), strict=True)
    ]
    return {
        "items": marked(items, spread(places, MOST_MARKED)),
        "people": binned(people[known], label[known], SMALLEST_CELL),
    }
