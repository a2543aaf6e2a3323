"""What published graphs of groups tell together: whoever has several can subtract one from another.

A graph of a group tells, in each cell, of the group's answers and, since everyone's graph of the same votes may be published at
any time, of all others'. A balanced graph tells of several groups and of everyone. Graphs of everyone alone tell of no group.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError

from core.algorithms.disclosure import Item, tells_of_few
from elicitation.deduplication import projection
from elicitation.groups import Groups, groups_of
from elicitation.models import CanonicalValue
from graphs.algorithms.tally import Pair, Votes, tally
from graphs.counting import votes_behind
from graphs.groups import with_groups
from graphs.models import GraphSnapshot

Cell = tuple[int, int, str]  # two values, the lower number first, in a context
Place = (
    Cell | tuple[str] | None
)  # a cell; a context, in which people are counted; the whole graph, in which they are too


class Told(NamedTuple):
    """What one graph tells: in each place the sets of answers, or people, whose number follows from it; and pairs whose
    figures cannot be counted again, since a vote, a group or a merge changed."""

    cuts: dict[Place, list[frozenset[Item]]]
    lost: set[Pair]


def tells_of_groups(snapshot: GraphSnapshot) -> bool:
    """Whether a graph tells of a group of people apart from others."""
    return bool(snapshot.filters.get("group") or snapshot.rules.get("balance"))


def told_by(snapshot: GraphSnapshot, body: dict[str, Any]) -> Told:
    """Return what a graph that tells of groups tells, by counting its votes again."""
    everyone = snapshot.filters | {"group": ""}
    ids, votes = votes_behind(snapshot.study, everyone, snapshot.last_vote_id)
    cuts: dict[Place, list[frozenset[Item]]] = {}
    if key := snapshot.rules.get("balance"):
        try:
            groups = groups_of(snapshot.study, key, "balance")
        except ValidationError:  # nobody has told it any more
            groups = Groups(key, [], {})
        votes, _withheld = with_groups(votes, groups._replace(names=snapshot.rules["groups"]))
        assert votes.group is not None
        whole = _by_cell(votes, ids)
        for place in range(len(snapshot.rules["groups"])):
            mine = np.flatnonzero(votes.group == place)
            for cell, answers in _by_cell(votes.take(mine), ids[mine]).items():
                cuts.setdefault(cell, [whole[cell]]).append(answers)
        told = votes
    else:
        told_ids, told = votes_behind(snapshot.study, snapshot.filters, snapshot.last_vote_id)
        whole = _by_cell(votes, ids)
        for cell, answers in _by_cell(told, told_ids).items():
            cuts[cell] = [answers, whole[cell] - answers]
        people, all_people = _people(told), _people(votes)
        cuts |= {place: [people[place], all_people[place]] for place in people}
    return Told(cuts, _lost(snapshot, body, told))


def unsafe_places(new: Told, published: Iterable[Told]) -> list[Place]:
    """Return the places in which a graph would tell of one to four people, by itself or with those that are published."""
    others = list(published)
    lost = set().union(*(told.lost for told in others)) if others else set()
    found = []
    for place, cuts in new.cuts.items():
        together = {*cuts, *(cut for told in others for cut in told.cuts.get(place, ()))}
        is_lost = place is not None and len(place) == 3 and place[:2] in lost
        if is_lost or tells_of_few(sorted(together, key=sorted)):
            found.append(place)
    return found


def _by_cell(votes: Votes, ids: np.ndarray) -> dict[Place, frozenset[Item]]:
    cells: dict[Place, set[Item]] = defaultdict(set)
    for vote, vote_id in zip(votes, ids.tolist(), strict=True):
        cell = (min(vote.source, vote.target), max(vote.source, vote.target), vote.context)
        cells[cell].add((vote.voter, vote_id))
    return {cell: frozenset(answers) for cell, answers in cells.items()}


def _people(votes: Votes) -> dict[Place, frozenset[Item]]:
    """Return who voted in each context, and at all: a graph tells how many those are."""
    people: dict[Place, set[Item]] = defaultdict(set)
    for vote in votes:
        people[None].add(vote.voter)
        people[(vote.context,)].add(vote.voter)
    return {place: frozenset(them) for place, them in people.items()}


def _lost(snapshot: GraphSnapshot, body: dict[str, Any], votes: Votes) -> set[Pair]:
    """Return the pairs, the lower number first and as the active run sees them, whose figures in the body are not those of
    the votes."""
    tallies = tally(votes)
    now = {}
    for place in tallies.asked.tolist():
        edge = tallies.edge(place)
        pair = (int(tallies.sources[place]), int(tallies.targets[place]))
        sides = [[int(n) for n in column[:, place]] for column in tallies.by_group]
        now[pair] = ([edge.wiser, edge.not_wiser, edge.less_wise, edge.unsure], sides)
    then = {}
    names = snapshot.rules.get("groups", [])
    for row in [*body["edges"], *body["dropped"]]:
        said = [row["groups"][name] or {"wiser": 0, "decided": 0} for name in names]
        sides = [[side[figure] for side in said] for figure in ("wiser", "decided")]
        counts = [row["counts"][name] for name in ("wiser", "not_wiser", "less_wise", "unsure")]
        then[row["from"], row["to"]] = (counts, sides)
    target = _targets(snapshot)
    changed = {pair for pair in now.keys() | then.keys() if now.get(pair) != then.get(pair)}
    ends = ((target.get(source, source), target.get(goal, goal)) for source, goal in changed)
    return {(min(pair), max(pair)) for pair in ends}


def _targets(snapshot: GraphSnapshot) -> dict[int, int]:
    """Return which value, by number, each value is seen as by the active run."""
    numbers = dict(CanonicalValue.objects.filter(study=snapshot.study).values_list("id", "number"))
    return {numbers[value]: numbers[target] for value, target in projection(snapshot.study).items()}
