"""Which stories could be asked of a person, and how their pairs stand: all that a choice depends on beside rule and seed.

Everything is counted up to a `Moment`, so that the same options can be made again after later votes. Votes are added up in the
database once and kept in the cache; a person who waits for their stories pays only for what came since.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Max, Q

from core.algorithms.lookup import Lookup
from elicitation.algorithms.selection import StoryOptions
from elicitation.deduplication import number_of_active_run, projection
from elicitation.models import (
    DrawItem,
    Participant,
    QuestionContext,
    Study,
    UpgradeStory,
    WisdomVote,
)

CACHED_SECONDS = 3600
# The newest votes are read one by one each time: of two that are stored at once, the later number may be seen first.
UNSETTLED = 1000
# How many of the newest items of a study may still be on someone's screen, and how far back they are looked for.
ON_SCREENS, LOOKED_AT = 200, 5000


class Moment(NamedTuple):
    """Up to where a draw looked: the last vote, the last item drawn, the number of the deduplication run that counted (0:
    none), and how many people had taken everything back."""

    last_vote: int
    last_item: int
    run: int
    withdrawals: int


class VoteCounts(NamedTuple):
    """Standing answers of counted people up to a vote, as integer rows: from value, to value, context, wiser, not wiser,
    others. Several rows about the same are added up. `withdrawals` is how many people had taken theirs back."""

    last_vote: int
    withdrawals: int
    rows: np.ndarray


class Options(NamedTuple):
    """The options of one person at a moment, and the numbers of all stories that were in use then."""

    stories: StoryOptions
    in_use: list[int]


def count_votes(study: Study, last_vote: int) -> VoteCounts:
    """Add up the answers that stood when `last_vote` was the newest vote, but for those that were taken back since."""
    withdrawals = _withdrawals(study)
    votes = WisdomVote.objects.filter(study=study, id__lte=last_vote)
    standing = votes.filter(participant__in=Participant.objects.counted(study))
    if votes.exclude(supersedes=None).exists():
        standing = standing.exclude(superseded_by__id__lte=last_vote)
    wiser, not_wiser = Q(answer=WisdomVote.Answer.UPGRADE), Q(answer=WisdomVote.Answer.NO_UPGRADE)
    grouped = (
        standing.order_by()
        .values("from_value_id", "to_value_id", "context_id")
        .annotate(
            wiser=Count("id", filter=wiser),
            not_wiser=Count("id", filter=not_wiser),
            others=Count("id", filter=~(wiser | not_wiser)),
        )
        .values_list("from_value_id", "to_value_id", "context_id", "wiser", "not_wiser", "others")
    )
    return VoteCounts(last_vote, withdrawals, _rows(grouped, 6))


def newest_counts(study: Study) -> VoteCounts:
    """Return the counts of all votes there are now: the cached ones, unless votes were taken back, and what came since."""
    key = f"vote-counts:{study.id}"
    newest = WisdomVote.objects.filter(study=study).aggregate(last=Max("id"))["last"] or 0
    settled = max(newest - UNSETTLED, 0)
    kept: VoteCounts | None = cache.get(key)
    if kept is None or kept.withdrawals != _withdrawals(study):
        kept = count_votes(study, settled)
        cache.set(key, kept, CACHED_SECONDS)
    elif settled - kept.last_vote > UNSETTLED:
        kept = _with_newer(study, kept, settled)
        cache.set(key, kept, CACHED_SECONDS)
    return _with_newer(study, kept, newest)


def _withdrawals(study: Study) -> int:
    return Study.objects.values_list("withdrawals", flat=True).get(id=study.id)


def _with_newer(study: Study, kept: VoteCounts, newest: int) -> VoteCounts:
    """Return the counts with the votes up to `newest` added, and what those superseded taken away."""
    votes = WisdomVote.objects.filter(study=study, id__gt=kept.last_vote, id__lte=newest)
    fields = ("participant_id", "from_value_id", "to_value_id", "context_id", "answer", "supersedes__answer")
    told = list(votes.values_list(*fields))
    voters = Participant.objects.counted(study).filter(id__in={person for person, *_vote in told})
    counted = set(voters.values_list("id", flat=True))
    rows = []
    for person, *place, answer, before in told:
        if person in counted:
            rows.append([*place, *_as_counts(answer, 1)])
            rows += [] if before is None else [[*place, *_as_counts(before, -1)]]
    return VoteCounts(newest, kept.withdrawals, np.concatenate([kept.rows, _rows(rows, 6)]))


def _as_counts(answer: str, amount: int) -> list[int]:
    decided = (WisdomVote.Answer.UPGRADE, WisdomVote.Answer.NO_UPGRADE)
    return [amount * (answer == decided[0]), amount * (answer == decided[1]), amount * (answer not in decided)]


def moment_now(study: Study, counts: VoteCounts) -> Moment:
    """Return the moment that these counts and what is in the database now stand for."""
    last_item = DrawItem.objects.aggregate(last=Max("id"))["last"] or 0
    return Moment(counts.last_vote, last_item, number_of_active_run(study), counts.withdrawals)


def options_of(
    participant: Participant,
    question_id: int | None,
    moment: Moment,
    counts: VoteCounts,
    in_use: list[int] | None = None,
) -> Options:
    """Return what could be asked of a person about a question at a moment. `in_use` are the stories that were in use then;
    None means those that are now.

    Left out are stories that are not approved, that join values which are archived or count as one, or whose pair the person
    has judged in that context. Answers count for the values that the moment's run projects them to; where a merge brought
    two answers of one person together, both count here.
    """
    study = participant.study
    number, source, target, context = _stories(study, in_use).T
    in_use = [int(n) for n in number] if in_use is None else in_use
    become = Lookup(projection(study, moment.run)).of
    rows = counts.rows.copy()
    first, second = become(source), become(target)
    rows[:, 0], rows[:, 1] = become(rows[:, 0]), become(rows[:, 1])
    free = (first != second) & ~_is_judged(participant, moment, source, target, context)
    number, first, second, context = number[free], first[free], second[free], context[free]

    code = _coder([first, second], [context])
    there, back = code(first, second), code(second, first)
    about, told = code(rows[:, 0], rows[:, 1]), rows[:, 3:].sum(axis=1)
    wiser, not_wiser, answers = _totals(there, about, rows[:, 3], rows[:, 4], told)
    less_wise, answers_back = _totals(back, about, rows[:, 3], told)
    (here,) = _totals(code(first, second, context), code(rows[:, 0], rows[:, 1], rows[:, 2]), told)
    screens = become(_on_screens(study, moment))
    on_screen, ones = code(screens[:, 0], screens[:, 1]), np.ones(len(screens), dtype=np.int64)
    options = StoryOptions(
        key=number,
        first=np.minimum(first, second),
        second=np.maximum(first, second),
        fits=_fits(study, context, question_id),
        asked=answers + answers_back,
        told=here,
        wiser=wiser,
        decided=wiser + not_wiser + less_wise,
        waiting=_totals(there, on_screen, ones)[0] + _totals(back, on_screen, ones)[0],
    )
    return Options(options, in_use)


def _coder(values: Sequence[np.ndarray], contexts: Sequence[np.ndarray]) -> Callable[..., np.ndarray]:
    """Return the function from columns of values, and perhaps one of contexts, to one number for each row: -1 where a row
    has an id that is not known here."""
    known_values, known_contexts = np.unique(np.concatenate(values)), np.unique(np.concatenate(contexts))

    def code(first: np.ndarray, second: np.ndarray, context: np.ndarray | None = None) -> np.ndarray:
        columns = [(first, known_values), (second, known_values)]
        columns += [] if context is None else [(context, known_contexts)]
        codes, is_known = np.zeros(len(first), dtype=np.int64), np.ones(len(first), dtype=bool)
        for column, known in columns:
            if not known.size:
                return np.full(len(first), -1, dtype=np.int64)
            place = np.minimum(np.searchsorted(known, column), len(known) - 1)
            is_known &= known[place] == column
            codes = codes * len(known) + place
        return np.where(is_known, codes, -1)

    return code


def _totals(wanted: np.ndarray, codes: np.ndarray, *amounts: np.ndarray) -> list[np.ndarray]:
    """Return for each wanted code the sum of the amounts that have it."""
    if not wanted.size:
        return [np.zeros(0, dtype=np.int64) for _column in amounts]
    known, inverse = np.unique(wanted, return_inverse=True)
    place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    hit = known[place] == codes
    sums = (np.bincount(place[hit], weights=column[hit], minlength=len(known)) for column in amounts)
    return [column.astype(np.int64)[inverse] for column in sums]


def _rows(rows: Any, columns: int) -> np.ndarray:
    return np.array(list(rows), dtype=np.int64).reshape(-1, columns)


def _stories(study: Study, in_use: list[int] | None) -> np.ndarray:
    """Return number, from value, to value and context of the stories in use, by number."""
    stories = UpgradeStory.objects.filter(study=study).order_by("number")
    if in_use is None:
        approved = stories.filter(state=UpgradeStory.State.APPROVED)
        stories = approved.filter(from_value__is_archived=False, to_value__is_archived=False)
    rows = _rows(stories.values_list("number", "from_value_id", "to_value_id", "context_id"), 4)
    return rows if in_use is None else rows[np.isin(rows[:, 0], in_use)]


def _is_judged(
    participant: Participant, moment: Moment, source: np.ndarray, target: np.ndarray, context: np.ndarray
) -> np.ndarray:
    """Return which stories are about a pair and context that the person has judged."""
    judged = np.zeros(len(source), dtype=bool)
    votes = WisdomVote.objects.filter(participant=participant, id__lte=moment.last_vote)
    for first, second, where in votes.values_list("from_value_id", "to_value_id", "context_id"):
        judged |= (source == first) & (target == second) & (context == where)
    return judged


def _fits(study: Study, context: np.ndarray, question_id: int | None) -> np.ndarray:
    """Return 1 for the contexts that belong to the question, or to none, and 0 for the others."""
    if question_id is None:
        return np.ones(len(context), dtype=np.int64)
    links = _rows(QuestionContext.objects.filter(context__study=study).values_list("context_id", "question_id"), 2)
    fitting = links[links[:, 1] == question_id, 0]
    return (np.isin(context, fitting) | ~np.isin(context, links[:, 0])).astype(np.int64)


def _on_screens(study: Study, moment: Moment) -> np.ndarray:
    """Return the two values of each story that was drawn a moment ago and had no answer yet: many may come at once."""
    items = DrawItem.objects.filter(
        story__study=study, draw__participant__is_preview=False, id__lte=moment.last_item,
        id__gt=moment.last_item - LOOKED_AT,
    ).order_by("-id")[:ON_SCREENS]  # fmt: skip
    drawn = list(items.values_list("id", "story__from_value_id", "story__to_value_id"))
    answered = WisdomVote.objects.filter(draw_item__in=[item for item, *_pair in drawn], id__lte=moment.last_vote)
    done = set(answered.values_list("draw_item_id", flat=True))
    return _rows([pair for item, *pair in drawn if item not in done], 2)
