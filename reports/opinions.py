"""What people think of values, as a table of people and items, and the groups by which it can be told.

Two kinds of items: a value, with which people agree, disagree or pass; and a story, which stands for the statement "in this
context the second value is wiser than the first": yes is agree, no is disagree, and unsure, too similar or it depends is pass.
A value that was shown among others and not picked is passed. Of several answers about one item the newest counts. Values
are those that the active deduplication run sees.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from core.algorithms.uncertainty import jeffreys
from elicitation import groups
from elicitation.deduplication import projection
from elicitation.groups import SMALLEST_CELL, keys_of
from elicitation.models import CanonicalValue, Endorsement, Exposure, Participant, Study, WisdomVote
from reports.algorithms.consensus import GroupCounts, between_groups, may_be_told, representative_items
from reports.algorithms.opinion_groups import Answers, GroupRules, OpinionGroups, find_groups

AGREE, DISAGREE, PASS = 1, -1, 0
OF_A_VALUE = {"agree": AGREE, "disagree": DISAGREE, "pass": PASS}
OF_A_STORY = {"upgrade": AGREE, "no_upgrade": DISAGREE}  # all else is pass
RULES = GroupRules(smallest_group=SMALLEST_CELL)
IMPORTED = "group"  # the demographic in which an import keeps the groups of its source


class Item(NamedTuple):
    """What an answer is about: a value by the source's id, or a story by "first-second/context", all the study's own numbers."""

    id: str
    kind: str
    title: str
    context: str
    is_archived: bool


class Opinions(NamedTuple):
    """Answers of the people (their numbers, sorted) about the items."""

    people: list[int]
    items: list[Item]
    answers: Answers


def opinions_of(study: Study, *, stories: bool = True, archived: bool = False) -> Opinions:
    """Return what counted people answered: about values and, with `stories`, about which is wiser; `archived` values too."""
    target = projection(study)
    values = {v.id: v for v in CanonicalValue.objects.filter(study=study).order_by("number")}
    left = set() if archived else {ident for ident, value in values.items() if value.is_archived}
    items: dict[tuple[int, ...], Item] = {}
    rows: list[tuple[int, tuple[int, ...], int]] = []
    for person, value, answer in _about_values(study):
        value = target.get(value, value)
        if value not in left:
            key: tuple[int, ...] = (values[value].number,)
            items.setdefault(key, _value_item(values[value]))
            rows.append((person, key, answer))
    for person, source, goal, context, text, story_answer in _about_stories(study) if stories else ():
        source, goal = target.get(source, source), target.get(goal, goal)
        if source != goal and not {source, goal} & left:
            key = (values[source].number, values[goal].number, context)
            items.setdefault(key, _story_item(values[source], values[goal], context, text))
            rows.append((person, key, OF_A_STORY.get(story_answer, PASS)))
    if archived:  # what nobody answered is told as that
        items |= {(v.number,): _value_item(v) for ident, v in values.items() if target.get(ident, ident) == ident}
    return _table(items, rows)


def _about_values(study: Study) -> Iterable[tuple[int, int, int]]:
    """Yield person, value (id) and answer, the newest last; before them what was shown in a draw and not picked."""
    people = Participant.objects.counted(study)
    picks = Endorsement.objects.current().filter(participant__in=people)
    drawn = picks.exclude(draw=None).values("draw")
    shown = Exposure.objects.filter(draw__participant__in=people, draw__in=drawn).order_by("id")
    for person, value in shown.values_list("draw__participant__number", "value_id").iterator(5000):
        yield person, value, PASS
    fields = picks.order_by("id").values_list("participant__number", "value_id", "answer")
    for person, value, answer in fields.iterator(5000):
        yield person, value, OF_A_VALUE[answer]


def _about_stories(study: Study) -> Iterable[tuple[int, int, int, int, str, str]]:
    votes = WisdomVote.objects.current().filter(study=study, participant__in=Participant.objects.counted(study))
    yield from (
        votes.order_by("id")
        .values_list(
            "participant__number", "from_value_id", "to_value_id", "context__number", "context__text", "answer"
        )
        .iterator(5000)
    )


def _value_item(value: CanonicalValue) -> Item:
    return Item(value.source_id or str(value.number), "value", value.title, "", value.is_archived)


def _story_item(source: CanonicalValue, goal: CanonicalValue, context: int, text: str) -> Item:
    ident = f"{source.source_id or source.number}-{goal.source_id or goal.number}/{context}"
    return Item(ident, "story", f"{source.title} → {goal.title}", text, source.is_archived or goal.is_archived)


def _table(items: dict[tuple[int, ...], Item], rows: list[tuple[int, tuple[int, ...], int]]) -> Opinions:
    """Return the table of answers in the order in which they were given: of several to one item the last counts."""
    keys = sorted(items, key=lambda key: (len(key), key))
    place = {key: n for n, key in enumerate(keys)}
    people, person = np.unique(np.array([row[0] for row in rows], dtype=np.int64), return_inverse=True)
    cell = person * len(keys) + np.array([place[row[1]] for row in rows], dtype=np.int64)
    answer = np.array([row[2] for row in rows], dtype=np.int64)
    cells, newest = np.unique(cell[::-1], return_index=True)
    person, item = np.divmod(cells, max(len(keys), 1))
    answers = Answers(person, item, answer[::-1][newest], len(people), len(keys))
    return Opinions(people.tolist(), [items[key] for key in keys], answers)


class Grouping(NamedTuple):
    """Groups of people by their numbers, the largest first. `by` is a key of the demographics, "answers" where groups were
    found in what people answered, or "everyone", for which `reasons` say why. Nobody is in two groups."""

    by: str
    names: list[str]
    members: list[set[int]]
    reasons: tuple[str, ...] = ()

    def labels(self, people: Sequence[int]) -> np.ndarray:
        """Return the group 0… of each of these people, −1 for those in none."""
        label = {person: n for n, members in enumerate(self.members) for person in members}
        return np.array([label.get(person, -1) for person in people], dtype=np.int64)


def groups_of(study: Study, key: str, seed: int) -> Grouping:
    """Return the groups by a key of the demographics, of five people or more each. Without a key: the groups that the import
    brought, else those found in the answers, else everyone.

    Raises LookupError with the keys that there are, and ValueError if no group of that key has five people.
    """
    keys = keys_of(study)
    if not key and IMPORTED not in keys:
        return found_grouping(*found_groups(study, seed))
    key = key or IMPORTED
    if key not in keys:
        raise LookupError(f"nobody told their {key!r}; the keys are {', '.join(sorted(keys)) or 'none'}")
    told = groups.groups_of(study, key, "groups")
    sizes = Counter(told.group_of.values())
    names = sorted(told.names, key=lambda name: (-sizes[name], name))
    if not names:
        raise ValueError(f"no group by {key!r} has {SMALLEST_CELL} people, so none is told")
    members = [{person for person, its in told.group_of.items() if its == name} for name in names]
    return Grouping(key, names, members)


def found_groups(study: Study, seed: int) -> tuple[Opinions, OpinionGroups]:
    """Return what people answered and the opinion groups in it."""
    opinions = opinions_of(study)
    return opinions, find_groups(opinions.answers, rules=RULES, seed=seed)


def found_grouping(opinions: Opinions, found: OpinionGroups) -> Grouping:
    """Return found groups, named A, B, …; everyone, and why, where there are no clear groups."""
    if not found.is_clear or found.k is None:
        return Grouping("everyone", ["everyone"], [set(opinions.people)], tuple(found.reasons))
    members = [
        {person for person, label in zip(opinions.people, found.labels, strict=True) if label == n}
        for n in range(found.k)
    ]
    return Grouping("answers", [chr(ord("A") + n) for n in range(found.k)], members)


MOST_TOLD = 5  # representative items of a group
MOST_DIVISIVE = 10
PLACES = 6


def told_groups(grouping: Grouping, everyone: int) -> list[dict[str, Any]]:
    """Return the groups with their sizes; sizes are withheld where they would leave one to four of `everyone`."""
    rest = everyone - sum(map(len, grouping.members))
    is_told = not 0 < rest < SMALLEST_CELL
    return [
        {"name": name, "people": len(members) if is_told and len(members) >= SMALLEST_CELL else None}
        for name, members in zip(grouping.names, grouping.members, strict=True)
    ]


def rounded(number: float | None) -> float | None:
    """Return a figure of a map or of groups as a report tells it."""
    return None if number is None else round(number, PLACES)


def told_item(item: Item) -> dict[str, Any]:
    """Return what names an item in a report."""
    return {"id": item.id, "kind": item.kind, "text": item.title, "context": item.context or None}


def told_counts(counts: GroupCounts, item: int) -> list[dict[str, Any]]:
    """Return what each group answered about an item, with the share that agreed and its interval. Only for items whose counts
    may be told."""
    told = []
    for agree, disagree, seen in zip(*(part[:, item].tolist() for part in counts[:3]), strict=True):
        share = (
            {"share": agree / seen, "interval": list(jeffreys(agree, seen))}
            if seen
            else {"share": None, "interval": None}
        )
        told.append({"agree": agree, "disagree": disagree, "pass": seen - agree - disagree, "seen": seen} | share)
    return told


def told_apart(opinions: Opinions, counts: GroupCounts, names: Sequence[str]) -> dict[str, Any]:
    """Return what sets groups apart: the representative items of each, and those on which they differ most, all with the
    counts of every group."""
    safe = may_be_told(counts, SMALLEST_CELL) & np.array([not item.is_archived for item in opinions.items], dtype=bool)
    spread = np.where(safe, between_groups(counts), np.nan)
    divisive = [int(i) for i in np.argsort(-np.nan_to_num(spread), kind="stable")[:MOST_DIVISIVE] if spread[i] > 0]
    found = representative_items(counts, safe, most=MOST_TOLD)
    return {
        "representative": [
            {
                "group": name,
                "items": [
                    told_item(opinions.items[r.item])
                    | {"answer": "agree" if r.agrees else "disagree", "q": r.q, "ratio": r.ratio}
                    | {"z_share": r.z_share, "z_others": r.z_others, "counts": told_counts(counts, r.item)}
                    for r in items
                ],
            }
            for name, items in zip(names, found, strict=True)
            if len(names) > 1
        ],
        "divisive": [
            told_item(opinions.items[i]) | {"variance": float(spread[i]), "counts": told_counts(counts, i)}
            for i in divisive
        ],
    }
