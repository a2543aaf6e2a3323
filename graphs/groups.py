"""Groups of people side by side, arrow by arrow: shared ground, contradictions, differences, and what may be told of them.

Groups are the answers to one question about people (`elicitation.groups.read_groups`), or any other grouping of them in which
nobody is in two groups: `Groups` says only who is in which.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.algorithms.disclosure import told_of_disjoint
from core.algorithms.uncertainty import jeffreys
from elicitation.groups import SMALLEST_CELL, Groups
from elicitation.models import CanonicalValue, Study
from graphs.algorithms.groups import VERDICTS, Compared, compare
from graphs.algorithms.tally import ByGroup, Tallies, Votes, tally
from graphs.counting import Filters, cells_of, count_votes


def side_by_side(study: Study, filters: Filters, groups: Groups) -> dict[str, Any]:
    """Return every arrow that was asked about, with what each group says of it, and what holds over all of them.

    The filters name no group. Raises ValidationError if there is no vote to count, or fewer than five people of a group
    voted.
    """
    votes = count_votes(study, filters).votes
    people = _people_told(votes, groups)
    grouped, withheld = with_groups(votes, groups)
    tallies = tally(grouped)
    places = tallies.asked
    counts = ByGroup(*(_of_all(column, len(groups.names)) for column in tallies.by_group))
    wiser, decided = counts.wiser[:, places].T, counts.decided[:, places].T
    found = compare(wiser, decided, decided > 0)
    titles = dict(CanonicalValue.objects.filter(study=study).values_list("number", "title"))
    arrows = [_arrow(place, tallies, titles, wiser[i], decided[i], found[i]) for i, place in enumerate(places.tolist())]
    arrows.sort(key=_order)
    return {
        "key": groups.key,
        **people,
        "arrows": arrows,
        "counts": {verdict: sum(row["verdict"] == verdict for row in arrows) for verdict in VERDICTS},
        "different": sum(row["differs"] for row in arrows),
        "cells_withheld": withheld,
    }


def with_groups(votes: Votes, groups: Groups) -> tuple[Votes, int]:
    """Return the votes with their people's groups, in the order of their names, where those may be told of if everyone's count
    is known; and in how many cells a group is withheld.

    All groups are looked at, not only those that are named: a group is told in a cell or withheld whichever groups it is
    compared with and whichever votes are counted beside, so that two comparisons show no more than one. Where one has to
    be withheld for the sake of a few others, it is the largest, which has the most to say elsewhere.
    """
    every = _smallest_first(groups.group_of)
    code, cell = _codes(votes, groups.group_of, every), cells_of(votes)
    told = told_of_disjoint(*_sizes(votes, code, cell, len(every)))
    place = np.array([groups.names.index(name) if name in groups.names else -1 for name in every] + [-1])
    is_named = place[code] >= 0
    is_told = is_named & told[cell, code]
    withheld = len(np.unique(np.stack([cell, code])[:, is_named & ~is_told], axis=1).T)
    return replace(votes, group=np.where(is_told, place[code], -1)), withheld


def _people_told(votes: Votes, groups: Groups) -> dict[str, Any]:
    """Return how many people voted, of each group and of none; None for what would tell of a few. Raises ValidationError for
    a group of fewer than five."""
    every = _smallest_first(groups.group_of)
    whole, sizes = _sizes(votes, _codes(votes, groups.group_of, every), np.zeros(len(votes), np.int64), len(every))
    told = told_of_disjoint(whole, sizes)[0]
    size = dict(zip(every, sizes[0].tolist(), strict=True))
    if few := [name for name in groups.names if size[name] < SMALLEST_CELL]:
        what = _("Fewer than %(least)d people of these groups voted here, so they are not shown: %(few)s.")
        raise ValidationError({"groups": what % {"least": SMALLEST_CELL, "few": ", ".join(few)}})
    rest = int(whole[0]) - sum(size.values())
    return {
        "groups": [{"name": name, "people": size[name] if told[every.index(name)] else None} for name in groups.names],
        "people": int(whole[0]),
        "in_no_group": rest if told[sizes[0] > 0].all() else None,
    }


def _smallest_first(group_of: Mapping[int, str]) -> list[str]:
    sizes = Counter(group_of.values())
    return sorted(sizes, key=lambda name: (sizes[name], name))


def _codes(votes: Votes, group_of: Mapping[int, str], names: list[str]) -> np.ndarray:
    """Return the place of each vote's group in the names, −1 of none."""
    voters, which = np.unique(votes.voter, return_inverse=True)
    place = {name: i for i, name in enumerate(names)} | {None: -1}
    return np.array([place[group_of.get(voter)] for voter in voters.tolist()], np.int64)[which]


def _sizes(votes: Votes, code: np.ndarray, cell: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how many people voted in each cell (cells,), and how many of each group (cells, groups)."""
    cells = int(cell.max(initial=-1)) + 1
    once = np.unique(cell * (int(votes.voter.max(initial=0)) + 1) + votes.voter, return_index=True)[1]
    whole = np.bincount(cell[once], minlength=cells)
    mine = once[code[once] >= 0]
    sizes = np.bincount(cell[mine] * groups + code[mine], minlength=cells * groups).reshape(cells, groups)
    return whole, sizes


def _of_all(column: np.ndarray, groups: int) -> np.ndarray:
    """Return counts with a row for each group: the last ones may have no vote that is told."""
    return np.pad(column, ((0, groups - len(column)), (0, 0)))


def _arrow(
    place: int, tallies: Tallies, titles: Mapping[int, str], wiser: np.ndarray, decided: np.ndarray, found: Compared
) -> dict[str, Any]:
    source, target = int(tallies.sources[place]), int(tallies.targets[place])
    return {
        "from": source,
        "to": target,
        "from_title": titles[source],
        "to_title": titles[target],
        "contexts": sorted(tallies.contexts_at(place)),
        "groups": [side(yes, of) for yes, of in zip(wiser.tolist(), decided.tolist(), strict=True)],
        **found._asdict(),
    }


def side(wiser: int, decided: int) -> dict[str, Any] | None:
    """Return what one group says of an arrow; None where nobody decided, or it is not told."""
    if not decided:
        return None
    return {
        "wiser": wiser,
        "decided": decided,
        "share": wiser / decided,
        "interval": list(jeffreys(wiser, decided)),
    }


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Sort by verdict, then by how sure it is, and then by pair."""
    sure = row["q_contradiction"] if "contradiction" in row["verdict"] else row["q_shared"]
    return VERDICTS.index(row["verdict"]), 1.0 if sure is None else sure, row["from"], row["to"]
