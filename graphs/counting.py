"""Which votes count: those of a study, current at a moment, about values as the active deduplication run sees them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.db.models import Case, QuerySet, Value, When
from django.utils.translation import gettext as _

from core.algorithms.lookup import Lookup
from core.columns import read_columns
from core.text import near
from elicitation.deduplication import projection
from elicitation.groups import SMALLEST_CELL, members
from elicitation.models import CanonicalValue, Context, Participant, Question, Study, WisdomVote
from graphs.algorithms.tally import ANSWERS, Votes, differs, order_by, starts_of
from graphs.pins import Pins, pins_now, pins_of

COLUMNS = (np.int64, np.int32, np.int32, np.int32, np.int32, np.int8)  # ids, and those of `Votes`


@dataclass(frozen=True)
class Filters:
    """Which votes are counted; None and "" mean all. Made by `read_filters`, which checks what it is given."""

    before: datetime | None = None
    context: Context | None = None
    question: Question | None = None
    group: str = ""

    def stored(self) -> dict[str, str]:
        """Return the filters as a graph's body says them: times in UTC, the study's own references."""
        return {
            "before": self.before.isoformat().replace("+00:00", "Z") if self.before else "",
            "context": self.context.text if self.context else "",
            "question": (self.question.source_id or str(self.question.number)) if self.question else "",
            "group": self.group,
        }


class Counted(NamedTuple):
    """The votes that are counted, in the order in which they were given, and how many were left out, and why."""

    votes: Votes
    last_vote_id: int
    archived: int
    merged: int
    withheld_cells: int


def read_filters(
    study: Study,
    *,
    before: str | None = None,
    context: str = "",
    question: str = "",
    group: str = "",
    pins: Pins | None = None,
) -> Filters:
    """Return checked filters. `before` is an ISO time with its zone, `context` a context's text (as it was when `pins` were
    taken), `question` a question's id or number, `group` "key=value" of the demographics. Raises ValidationError that names
    the option."""
    if group:
        _numbers_of(study, group)
    return Filters(
        before=_moment(before) if before else None,
        context=_context(study, context, pins) if context else None,
        question=_question(study, question) if question else None,
        group=group,
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValidationError({"before": _("%r lacks a time zone; add Z for UTC.") % text})
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationError({"before": _("%r is no ISO time such as 2023-10-18T00:00:00Z.") % text}) from None


def _context(study: Study, text: str, pins: Pins | None) -> Context:
    texts = pins.contexts if pins else {}
    contexts = {texts.get(context.number, context.text): context for context in study.contexts.all()}
    if text not in contexts:
        told = {"text": text, "known": "; ".join(contexts) or _("none")}
        if hint := near(text, contexts):
            raise ValidationError({"context": _("There is no context %(text)r") % told + hint})
        raise ValidationError({"context": _("There is no context %(text)r. There are: %(known)s.") % told})
    return contexts[text]


def _question(study: Study, name: str) -> Question:
    questions = list(study.questions.all())
    for question in questions:
        if name == question.source_id:
            return question
    for question in questions:
        if name == str(question.number):
            return question
    told = {"name": name, "known": ", ".join(q.source_id or str(q.number) for q in questions) or _("none")}
    raise ValidationError({"question": _("There is no question %(name)r. There are: %(known)s.") % told})


def count_votes(study: Study, filters: Filters, *, pins: Pins | None = None, until: int | None = None) -> Counted:
    """Return the votes that the filters let through, values by their numbers and people by theirs.

    A vote on an archived value, and one that a merge turned into a comparison of a value with itself, is left out and
    counted. `pins` and `until`, the last vote that there was, are those of a moment in the past; without them it is now.
    With a group, whatever could tell about fewer than five people is left out too (`_safe_cells`).
    Raises ValidationError if no vote is left, or if the group or the rest is of fewer than five people.
    """
    found = _projected(study, filters, pins or pins_now(study), until=until)
    votes, withheld = found.votes, 0
    if filters.group:
        rows, withheld = _safe_cells(votes, _numbers_of(study, filters.group))
        votes = votes.take(rows)
    if not len(votes):
        raise ValidationError({"votes": _("There is no vote to count here, so there is no graph to build.")})
    return Counted(votes, found.last_id, found.archived, found.merged, withheld)


def votes_behind(
    study: Study, stored: Mapping[str, Any], last_vote_id: int, pinned: Mapping[str, Any] | None = None
) -> tuple[np.ndarray, Votes]:
    """Return the ids and the votes of a count with these stored filters and pins up to that vote: those of them that are still
    there, whatever people answered since. Empty if what the filters name is gone."""
    try:
        pins = pins_of(study, pinned)
        filters = read_filters(study, pins=pins, **stored)
        found = _projected(study, filters, pins, until=last_vote_id)
        rows = np.arange(len(found.votes))
        if filters.group:
            rows = _safe_cells(found.votes, _numbers_of(study, filters.group))[0]
    except ValidationError:
        return np.empty(0, np.int64), Votes.of([])
    return found.ids[rows], found.votes.take(rows)


def votes_since(
    study: Study, stored: Mapping[str, Any], last_vote_id: int, pinned: Mapping[str, Any] | None = None
) -> int:
    """Return how many votes that these stored filters let through came after that vote. None is told of a group, where one
    more vote might tell of a person."""
    if stored.get("group"):
        return 0
    try:
        filters = read_filters(study, pins=pins_of(study, pinned), **stored)
    except ValidationError:
        return 0
    votes = _given(study, filters, None).filter(id__gt=last_vote_id)
    counted = votes.filter(participant__in=Participant.objects.counted(study))
    return counted.exclude(id__in=_superseded(study, filters, None)).distinct().count()


class _Projected(NamedTuple):
    """Votes about values as the active run sees them, one for each person, pair and context, and their ids."""

    votes: Votes
    ids: np.ndarray
    last_id: int
    archived: int
    merged: int


def _projected(study: Study, filters: Filters, pins: Pins, *, until: int | None = None) -> _Projected:
    values = CanonicalValue.objects.filter(study=study)
    merges = projection(study, pins.run)
    number_of = dict(values.values_list("id", "number"))
    target, numbers = Lookup(merges), Lookup(number_of)
    archived_ids = [value for value, number in number_of.items() if number in pins.archived]
    named = study.contexts.values_list("number", "text", "id")
    contexts = sorted((pins.contexts.get(number, text), context_id) for number, text, context_id in named)
    places = Lookup({context_id: place for place, (_text, context_id) in enumerate(contexts)})
    room = _given(study, filters, until).count()
    columns = [
        np.empty(room, kind) for kind in COLUMNS
    ]  # made once: parts put together later would take twice the room
    last = archived = merged = count = 0
    for ids, voter, source, goal, context, answer in _standing(study, filters, until):
        last = max(last, int(ids.max(initial=0)))
        source, goal = target.of(source), target.of(goal)
        is_archived = np.isin(source, archived_ids) | np.isin(goal, archived_ids)
        is_merged = (source == goal) & ~is_archived
        archived, merged = archived + int(is_archived.sum()), merged + int(is_merged.sum())
        rows = (ids, voter, numbers.of(source), numbers.of(goal), places.of(context), answer)
        kept = ~(is_archived | is_merged)
        start, count = count, count + int(kept.sum())
        if count > room:  # votes given meanwhile
            columns = [np.append(column[:start], np.empty(count - start, column.dtype)) for column in columns]
            room = count
        for column, found in zip(columns, rows, strict=True):
            column[start:count] = found[kept]
    ids, voter, source, goal, context, answer = (column[:count] for column in columns)
    votes = Votes(voter, source, goal, context, answer, tuple(text for text, _id in contexts))
    if merges:  # merging values can bring a person's votes on two pairs together
        newest = _newest(votes)
        ids, votes = ids[newest], votes.take(newest)
    return _Projected(votes, ids, last, archived, merged)


def _standing(study: Study, filters: Filters, until: int | None) -> Iterator[list[np.ndarray]]:
    """Yield the votes that stood at the moment asked about, some at a time in the order of their ids, as columns of ids,
    numbers of people, ids of values and contexts, and places in `ANSWERS`.

    Who counts and what was superseded is looked up here: joined in the database, it takes several times as long.
    """
    people = list(read_columns(Participant.objects.counted(study).values_list("id", "number")))
    if not people:
        return
    keys, numbers = (np.concatenate(parts) for parts in zip(*people, strict=True))
    order = np.argsort(keys)
    keys, numbers, halves = keys[order], numbers[order], _halves(keys[order])
    halves_differ = bool(differs(halves).all())
    later = (ids for [ids] in read_columns(_superseded(study, filters, until)))
    superseded = np.sort(np.concatenate([[0], *later]))  # no vote has the id 0
    answer = Case(*(When(answer=text, then=Value(place)) for place, text in enumerate(ANSWERS)))
    fields = ("id", "participant", "from_value", "to_value", "context", answer)
    for ids, voter, *others in read_columns(_given(study, filters, until).order_by("id").values_list(*fields)):
        person = _places(_halves(voter), halves) if halves_differ else _places(voter, keys)
        stands = (keys[person] == voter) & (superseded[_places(ids, superseded)] != ids)
        yield [column[stands] for column in (ids, numbers[person], *others)]


def _places(wanted: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return a place for each in a sorted array that is not empty: its own, if it is there."""
    return np.minimum(np.searchsorted(among, wanted), len(among) - 1)


def _halves(keys: np.ndarray) -> np.ndarray:
    """Return the first halves of random ids, as numbers in the same order: they are found in a third of the time."""
    return keys.view(">u8")[::2].astype(np.uint64)


def _given(study: Study, filters: Filters, until: int | None) -> QuerySet[WisdomVote]:
    """Return the votes that the filters let through, whoever gave them, also those superseded. `until` is the last vote
    that there was then."""
    votes = WisdomVote.objects.filter(study=study)
    if until is not None:
        votes = votes.filter(id__lte=until)
    if filters.before:
        votes = votes.filter(voted_at__lt=filters.before)
    if filters.context:
        votes = votes.filter(context=filters.context)
    if filters.question:
        votes = votes.filter(context__questions=filters.question)
    return votes


def _superseded(study: Study, filters: Filters, until: int | None) -> QuerySet[WisdomVote, int]:
    """Return the ids of votes that no longer stood at the moment asked about: a later change of mind does not undo an
    earlier answer."""
    later = WisdomVote.objects.filter(study=study, supersedes__isnull=False)
    if filters.before:
        later = later.filter(voted_at__lt=filters.before)
    if until is not None:
        later = later.filter(id__lte=until)
    return later.values_list("supersedes_id", flat=True)


def _newest(votes: Votes) -> np.ndarray:
    """Return where the newest vote of each person about each pair in each context is, in order."""
    columns = (votes.source, votes.target, votes.context, votes.voter)
    order = order_by(*columns)[::-1]
    return np.sort(order[starts_of(*(column[order] for column in columns))])


def _numbers_of(study: Study, group: str) -> set[int]:
    return set(members(Participant.objects.counted(study), group).values_list("number", flat=True))


def _safe_cells(votes: Votes, members: Collection[int]) -> tuple[np.ndarray, int]:
    """Return where the group's votes are but those that could tell of a few people, and how many cells were withheld.

    A cell is a pair of values in a context. It is withheld if one to four people of the group voted in it, or one to
    four others did, whom subtracting from the whole study's graph would show. The same holds for the group as a
    whole.
    """
    inside = np.isin(votes.voter, list(members))
    people = [len(np.unique(votes.voter[which])) for which in (inside, ~inside)]
    if people[0] < SMALLEST_CELL or 0 < people[1] < SMALLEST_CELL:
        told = _("Groups of fewer than %d people, inside or outside, are not shown.") % SMALLEST_CELL
        raise ValidationError({"group": told})
    cell = cells_of(votes)
    unsafe = np.zeros(cell.max(initial=0) + 1, bool)
    for which in (inside, ~inside):
        voted = np.unique(np.stack([cell[which], votes.voter[which]]), axis=1)[0]
        sizes = np.bincount(voted, minlength=len(unsafe))
        unsafe |= (sizes > 0) & (sizes < SMALLEST_CELL)
    safe = inside & ~unsafe[cell]
    return np.flatnonzero(safe), len(np.unique(cell[inside & ~safe]))


def cells_of(votes: Votes) -> np.ndarray:
    """Return numbers, from 0, of the cells that the votes are in: a pair of values, either way round, in a context."""
    columns = (np.minimum(votes.source, votes.target), np.maximum(votes.source, votes.target), votes.context)
    order = order_by(*columns)
    starts = starts_of(*(column[order] for column in columns))
    cells = np.empty(len(votes), np.int64)
    cells[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(votes)))
    return cells
