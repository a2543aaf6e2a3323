"""Which votes count: those of a study, current at a moment, about values as the active deduplication run sees them."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.text import near
from elicitation.deduplication import projection
from elicitation.groups import SMALLEST_CELL, members
from elicitation.models import CanonicalValue, Context, Participant, Question, Study, WisdomVote
from graphs.algorithms.tally import Vote


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

    votes: list[Vote]
    last_vote_id: int
    archived: int
    merged: int
    withheld_cells: int


def read_filters(
    study: Study, *, before: str | None = None, context: str = "", question: str = "", group: str = ""
) -> Filters:
    """Return checked filters. `before` is an ISO time with its zone, `context` a context's text, `question` a
    question's id or number, `group` "key=value" of the demographics. Raises ValidationError that names the option."""
    if group:
        _numbers_of(study, group)
    return Filters(
        before=_moment(before) if before else None,
        context=_context(study, context) if context else None,
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


def _context(study: Study, text: str) -> Context:
    contexts = {context.text: context for context in study.contexts.all()}
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


def count_votes(study: Study, filters: Filters) -> Counted:
    """Return the votes that the filters let through, values by their numbers and people by theirs.

    A vote on an archived value, and one that a merge turned into a comparison of a value with itself, is left out and
    counted. With a group, whatever could tell about fewer than five people is left out too (`_safe_cells`).
    Raises ValidationError if no vote is left, or if the group or the rest is of fewer than five people.
    """
    found = _projected(study, _standing(study, filters))
    votes, withheld = found.votes, 0
    if filters.group:
        votes, withheld = _safe_cells(votes, _numbers_of(study, filters.group))
    if not votes:
        raise ValidationError({"votes": _("There is no vote to count here, so there is no graph to build.")})
    return Counted(votes, found.last_id, found.archived, found.merged, withheld)


def votes_behind(study: Study, stored: Mapping[str, str], last_vote_id: int) -> list[tuple[int, Vote]]:
    """Return the votes, with their ids, of a count with these stored filters up to that vote: those of them that are
    still there, whatever people answered since. Empty if what the filters name is gone."""
    try:
        filters = read_filters(study, **stored)
        found = _projected(study, _standing(study, filters, until=last_vote_id))
        votes = _safe_cells(found.votes, _numbers_of(study, filters.group))[0] if filters.group else found.votes
    except ValidationError:
        return []
    return [(found.ids[_answered(vote)], vote) for vote in votes]


def votes_since(study: Study, stored: Mapping[str, str], last_vote_id: int) -> int:
    """Return how many votes that these stored filters let through came after that vote. None is told of a group, where one
    more vote might tell of a person."""
    if stored.get("group"):
        return 0
    try:
        filters = read_filters(study, **stored)
    except ValidationError:
        return 0
    return _standing(study, filters).filter(id__gt=last_vote_id).distinct().count()


class _Projected(NamedTuple):
    """Votes about values as the active run sees them, one for each person, pair and context, and their ids."""

    votes: list[Vote]
    ids: dict[tuple[int, int, int, str], int]
    last_id: int
    archived: int
    merged: int


def _projected(study: Study, votes: QuerySet[WisdomVote]) -> _Projected:
    target = projection(study)
    values = CanonicalValue.objects.filter(study=study)
    numbers = dict(values.values_list("id", "number"))
    archived_ids = set(values.filter(is_archived=True).values_list("id", flat=True))
    found: list[Vote] = []
    ids: dict[tuple[int, int, int, str], int] = {}
    archived = merged = last = 0
    fields = ("id", "participant__number", "from_value_id", "to_value_id", "context__text", "answer")
    for vote_id, voter, source, goal, context, answer in votes.values_list(*fields).iterator(5000):
        last = max(last, vote_id)
        source, goal = target.get(source, source), target.get(goal, goal)
        if source in archived_ids or goal in archived_ids:
            archived += 1
        elif source == goal:
            merged += 1
        else:
            vote = Vote(voter, numbers[source], numbers[goal], context, answer)
            found.append(vote)
            ids[_answered(vote)] = vote_id
    return _Projected(_one_each(found), ids, last, archived, merged)


def _answered(vote: Vote) -> tuple[int, int, int, str]:
    return vote.voter, vote.source, vote.target, vote.context


def _standing(study: Study, filters: Filters, *, until: int | None = None) -> QuerySet[WisdomVote]:
    """Return the votes that stood at the moment asked about: a later change of mind does not undo an earlier answer.
    `until` is the last vote that there was then."""
    votes = WisdomVote.objects.filter(study=study, participant__in=Participant.objects.counted(study))
    if until is not None:
        votes = votes.filter(id__lte=until)
    if filters.before:
        votes = votes.filter(voted_at__lt=filters.before).exclude(superseded_by__voted_at__lt=filters.before)
    elif until is not None:
        votes = votes.exclude(superseded_by__id__lte=until)
    else:
        votes = votes.filter(superseded_by=None)
    if filters.context:
        votes = votes.filter(context=filters.context)
    if filters.question:
        votes = votes.filter(context__questions=filters.question)
    return votes.order_by("id")


def _one_each(votes: Sequence[Vote]) -> list[Vote]:
    """Return the votes with only the newest of a person about one pair in one context: merging values can bring a
    person's votes on two pairs together."""
    newest = {_answered(vote): place for place, vote in enumerate(votes)}
    return [vote for place, vote in enumerate(votes) if newest[_answered(vote)] == place]


def _numbers_of(study: Study, group: str) -> set[int]:
    return set(members(Participant.objects.counted(study), group).values_list("number", flat=True))


def _safe_cells(votes: Sequence[Vote], members: Collection[int]) -> tuple[list[Vote], int]:
    """Return the group's votes without those that could tell of a few people, and how many cells were withheld.

    A cell is a pair of values in a context. It is withheld if one to four people of the group voted in it, or one to
    four others did, whom subtracting from the whole study's graph would show. The same holds for the group as a
    whole.
    """
    inside = {v.voter for v in votes if v.voter in members}
    outside = {v.voter for v in votes} - inside
    if len(inside) < SMALLEST_CELL or 0 < len(outside) < SMALLEST_CELL:
        told = _("Groups of fewer than %d people, inside or outside, are not shown.") % SMALLEST_CELL
        raise ValidationError({"group": told})
    people = {(_cell(v), v.voter in inside, v.voter) for v in votes}
    sizes = Counter((cell, is_inside) for cell, is_inside, _voter in people)
    unsafe = {cell for (cell, _is_inside), size in sizes.items() if size < SMALLEST_CELL}
    mine = [v for v in votes if v.voter in inside]
    return [v for v in mine if _cell(v) not in unsafe], len({_cell(v) for v in mine} & unsafe)


def _cell(vote: Vote) -> tuple[int, int, str]:
    return min(vote.source, vote.target), max(vote.source, vote.target), vote.context
