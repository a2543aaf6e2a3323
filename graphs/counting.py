"""Which votes count: those of a study, current at a moment, about values as the active deduplication run sees them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.db.models import Case, IntegerField, QuerySet, When
from django.utils.translation import gettext as _

from core.text import near
from elicitation.groups import SMALLEST_CELL, members
from elicitation.models import CanonicalValue, Context, Participant, Question, Study, WisdomVote
from graphs.algorithms.tally import ANSWERS, Votes, order_by, starts_of
from graphs.pins import Pins, pins_now, pins_of, projection_in


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
    found = _projected(study, _standing(study, filters, until=until), pins or pins_now(study))
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
        found = _projected(study, _standing(study, filters, until=last_vote_id), pins)
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
    return _standing(study, filters).filter(id__gt=last_vote_id).distinct().count()


class _Projected(NamedTuple):
    """Votes about values as the active run sees them, one for each person, pair and context, and their ids."""

    votes: Votes
    ids: np.ndarray
    last_id: int
    archived: int
    merged: int


def _projected(study: Study, votes: QuerySet[WisdomVote], pins: Pins) -> _Projected:
    values = CanonicalValue.objects.filter(study=study)
    target = projection_in(study, pins.run)
    numbers = dict(values.values_list("id", "number"))
    archived_ids = [value for value, number in numbers.items() if number in pins.archived]
    ids, voter, source, goal, context, answer = _columns(votes)
    source, goal = _looked_up(source, target), _looked_up(goal, target)
    archived = np.isin(source, archived_ids) | np.isin(goal, archived_ids)
    merged = (source == goal) & ~archived
    named = study.contexts.values_list("number", "text", "id")
    contexts = sorted((pins.contexts.get(number, text), context_id) for number, text, context_id in named)
    places = {context_id: place for place, (_text, context_id) in enumerate(contexts)}
    found = Votes(
        voter=voter.astype(np.int32),
        source=_looked_up(source, numbers).astype(np.int32),
        target=_looked_up(goal, numbers).astype(np.int32),
        context=_looked_up(context, places).astype(np.int32),
        answer=answer.astype(np.int8),
        contexts=tuple(text for text, _id in contexts),
    )
    kept = np.flatnonzero(~(archived | merged))
    kept = kept[_newest(found.take(kept))]
    last = int(ids.max(initial=0))
    return _Projected(found.take(kept), ids[kept], last, int(archived.sum()), int(merged.sum()))


def _columns(votes: QuerySet[WisdomVote]) -> list[np.ndarray]:
    """Return ids, numbers of people, ids of values and contexts, and places in `ANSWERS`, as columns."""
    code = Case(*(When(answer=answer, then=place) for place, answer in enumerate(ANSWERS)), output_field=IntegerField())
    fields = ("id", "participant__number", "from_value_id", "to_value_id", "context_id", code)
    rows = votes.values_list(*fields).iterator(5000)
    return list(np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, len(fields)).T)


def _looked_up(keys: np.ndarray, table: Mapping[int, int]) -> np.ndarray:
    """Return what the table has for each key, or the key itself."""
    if not table:
        return keys
    known = np.array(sorted(table))
    found = np.array([table[key] for key in known.tolist()])
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[places] == keys, found[places], keys)


def _standing(study: Study, filters: Filters, *, until: int | None = None) -> QuerySet[WisdomVote]:
    """Return the votes that stood at the moment asked about: a later change of mind does not undo an earlier answer.
    `until` is the last vote that there was then."""
    votes = WisdomVote.objects.filter(study=study, participant__in=Participant.objects.counted(study))
    if until is not None:
        votes = votes.filter(id__lte=until)
    if filters.before:
        newer = {} if until is None else {"superseded_by__id__lte": until}
        votes = votes.filter(voted_at__lt=filters.before)
        votes = votes.exclude(superseded_by__voted_at__lt=filters.before, **newer)
    elif until is not None:
        votes = votes.exclude(superseded_by__id__lte=until)
    else:
        votes = votes.filter(superseded_by=None)
    if filters.context:
        votes = votes.filter(context=filters.context)
    if filters.question:
        votes = votes.filter(context__questions=filters.question)
    return votes.order_by("id")


def _newest(votes: Votes) -> np.ndarray:
    """Return where the newest vote of each person about each pair in each context is, in order: merging values can
    bring a person's votes on two pairs together."""
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
    cell = _cells(votes)
    unsafe = np.zeros(cell.max(initial=0) + 1, bool)
    for which in (inside, ~inside):
        voted = np.unique(np.stack([cell[which], votes.voter[which]]), axis=1)[0]
        sizes = np.bincount(voted, minlength=len(unsafe))
        unsafe |= (sizes > 0) & (sizes < SMALLEST_CELL)
    safe = inside & ~unsafe[cell]
    return np.flatnonzero(safe), len(np.unique(cell[inside & ~safe]))


def _cells(votes: Votes) -> np.ndarray:
    """Return numbers of the cells that the votes are in."""
    columns = (np.minimum(votes.source, votes.target), np.maximum(votes.source, votes.target), votes.context)
    order = order_by(*columns)
    starts = starts_of(*(column[order] for column in columns))
    cells = np.empty(len(votes), np.int64)
    cells[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(votes)))
    return cells
