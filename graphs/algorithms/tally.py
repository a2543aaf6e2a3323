"""From wisdom votes to counts per ordered pair of values.

Votes are columns of numbers, and so are the counts, so that a million of them are counted by sorting once.

Source: democratic fine-tuning repository, app/values-tools/generate-moral-graph.ts (the 2023 trial), reproduced
exactly, its quirks named where they are.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from core.algorithms.disclosure import LEAST

Pair = tuple[int, int]
ANSWERS = ("upgrade", "no_upgrade", "too_similar", "it_depends", "not_sure")  # those of `WisdomVote`
UPGRADE, NO_UPGRADE, UNSURE = range(3)  # places in it; the trial had only not_sure, and all others count as that


class Vote(NamedTuple):
    """One person's answer: is `target` wiser than `source` in this context?"""

    voter: int
    source: int
    target: int
    context: str
    answer: str


@dataclass(frozen=True, eq=False)
class Votes:
    """Many votes as columns of one length. `voter`, `source` and `target` are numbers of people and values, `context` is
    a place in `contexts`, which are sorted, and `answer` one in `ANSWERS`. Where groups of people count, `group` is the
    place of each vote's group, −1 of none."""

    voter: np.ndarray
    source: np.ndarray
    target: np.ndarray
    context: np.ndarray
    answer: np.ndarray
    contexts: tuple[str, ...]
    group: np.ndarray | None = None

    @classmethod
    def of(cls, votes: Iterable[Vote]) -> "Votes":
        """Return votes as columns. Raises ValueError for an answer that there is not."""
        if isinstance(votes, Votes):
            return votes
        rows = list(votes)
        if unknown := {vote.answer for vote in rows}.difference(ANSWERS):
            raise ValueError(f"there is no answer {min(unknown)!r}; there are: {', '.join(ANSWERS)}")
        contexts = tuple(sorted({vote.context for vote in rows}))
        places = {context: place for place, context in enumerate(contexts)}
        return cls(
            voter=np.array([vote.voter for vote in rows], np.int32),
            source=np.array([vote.source for vote in rows], np.int32),
            target=np.array([vote.target for vote in rows], np.int32),
            context=np.array([places[vote.context] for vote in rows], np.int32),
            answer=np.array([ANSWERS.index(vote.answer) for vote in rows], np.int8),
            contexts=contexts,
        )

    def take(self, rows: np.ndarray) -> "Votes":
        """Return some of the votes: those at these places, or where this mask is true."""
        columns = (self.voter, self.source, self.target, self.context, self.answer)
        voter, source, target, context, answer = (column[rows] for column in columns)
        group = None if self.group is None else self.group[rows]
        return Votes(voter, source, target, context, answer, self.contexts, group)

    @property
    def voters(self) -> int:
        """How many people voted."""
        return len(distinct(self.voter))

    def __len__(self) -> int:
        return len(self.voter)

    def __getitem__(self, row: int) -> Vote:
        numbers = (int(self.voter[row]), int(self.source[row]), int(self.target[row]))
        return Vote(*numbers, self.contexts[self.context[row]], ANSWERS[self.answer[row]])

    def __iter__(self) -> Iterator[Vote]:
        return (self[row] for row in range(len(self)))


def order_by(*columns: np.ndarray) -> np.ndarray:
    """Return the places of rows in the order of these columns, the first one first; equal rows stay in their order.
    Columns hold whole numbers, none below 0."""
    widths = [int(column.max(initial=0)).bit_length() for column in columns]
    if sum(widths) > 63:
        return np.lexsort(columns[::-1])
    packed = columns[0].astype(np.int64)  # one number that holds all
    for column, width in zip(columns[1:], widths[1:], strict=True):
        packed <<= width
        packed |= column
    if (packed[1:] >= packed[:-1]).all():
        return np.arange(len(packed))
    parts = [(packed >> shift).astype(np.uint16) for shift in range(0, sum(widths), 16)]
    order = np.argsort(parts[0], kind="stable")  # the last bits first: numpy sorts 16 of them without comparing
    for part in parts[1:]:
        order = order[np.argsort(part[order], kind="stable")]
    return order


def places_of(*columns: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the whole numbers in these columns, none below 0, sorted and each once, and of each row its place among
    them."""
    columns = tuple(column.astype(np.intp, copy=False) for column in columns)  # what numpy looks up by
    numbers = distinct(*columns)
    if not _fits_a_table(*columns):
        return numbers, [np.searchsorted(numbers, column) for column in columns]
    place = place_by_number(numbers)
    return numbers, [place.take(column).astype(np.intp) for column in columns]


def place_by_number(numbers: np.ndarray) -> np.ndarray:
    """Return a table of the place of each of these sorted numbers among them, by the number; others mean nothing there."""
    place = np.empty(1 + int(numbers.max(initial=-1)), np.int32)
    place[numbers] = np.arange(len(numbers), dtype=np.int32)
    return place


def divided(places: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return in which row and column of a table of this width, below 2³¹ cells, these places are: as `np.divmod`, several
    times as fast."""
    narrow = places.astype(np.int32)
    row = narrow // width
    return row.astype(np.intp), (narrow - row * width).astype(np.intp)


def distinct(*columns: np.ndarray) -> np.ndarray:
    """Return the whole numbers in these columns, none below 0, sorted and each once."""
    if not _fits_a_table(*columns):
        ordered = np.sort(np.concatenate(columns))  # a fraction of `np.unique`'s hashing
        return np.asarray(ordered[differs(ordered)])
    is_there = np.zeros(_room(*columns), bool)  # and this a fraction of sorting
    for column in columns:
        is_there[column] = True
    return np.flatnonzero(is_there).astype(columns[0].dtype, copy=False)


def _fits_a_table(*columns: np.ndarray) -> bool:
    """Whether there are so many rows that a table of all numbers up to the largest is soon made."""
    return _room(*columns) <= 64 * sum(len(column) for column in columns)


def _room(*columns: np.ndarray) -> int:
    return 1 + max(int(column.max(initial=-1)) for column in columns)


def starts_of(*columns: np.ndarray) -> np.ndarray:
    """Return the places at which a row differs from the one before it, the first row among them."""
    return np.flatnonzero(differs(*columns))


def differs(*columns: np.ndarray) -> np.ndarray:
    """Return of each row whether it differs from the one before it, as the first row does."""
    fresh = np.ones(len(columns[0]), bool)
    if len(fresh):
        np.not_equal(columns[0][1:], columns[0][:-1], out=fresh[1:])
        for column in columns[1:]:
            fresh[1:] |= column[1:] != column[:-1]
    return fresh


@dataclass
class EdgeTally:
    """How often each answer was given about one ordered pair (from value, to value).

    `less_wise` counts upgrades in the other direction. `impressions` counts answers in both directions. `contexts` are
    those of answers in this direction, in order of appearance, and then those of the other. `deciders` is the number of
    people whose answers say something about this direction.
    """

    wiser: int = 0
    not_wiser: int = 0
    less_wise: int = 0
    unsure: int = 0
    impressions: int = 0
    contexts: list[str] = field(default_factory=list)
    deciders: int = 0

    @property
    def answers(self) -> int:
        """Answers that bear on this direction; "no" and "not sure" of the other direction do not."""
        return self.wiser + self.not_wiser + self.less_wise + self.unsure

    @property
    def decided(self) -> int:
        """Answers that say something about the direction: wiser, not wiser, or less wise."""
        return self.wiser + self.not_wiser + self.less_wise

    @property
    def was_asked(self) -> bool:
        """Whether anyone was asked about this direction, and not only about the other."""
        return self.wiser + self.not_wiser + self.unsure > 0


def net_support(edge: EdgeTally) -> float:
    """Return (wiser − less wise) / answers: 1 is unanimous support, −1 unanimous reversal.

    The published trial graph calls this `wiserLikelihood`; it is not a probability. Raises ValueError if nobody
    answered.
    """
    if not edge.answers:
        raise ValueError("net_support needs at least one answer")
    return (edge.wiser - edge.less_wise) / edge.answers


def entropy(edge: EdgeTally) -> float:
    """Return the trial's disagreement measure in bits; 0 without answers.

    Quirk kept for reproduction: impressions are one of its five categories, so that it is about 1 + H/2 for the
    entropy H of the four answers.
    """
    return entropy_of(edge.wiser, edge.not_wiser, edge.less_wise, edge.unsure, edge.impressions)


@lru_cache(10_000)
def entropy_of(*counts: int) -> float:
    """Return the disagreement in counts, in bits; 0 without any."""
    total = sum(counts)
    return -sum(n / total * math.log2(n / total) for n in counts if n)


class ByGroup(NamedTuple):
    """How many of each group say wiser, and decide; arrays (groups, pairs), 0 where too few of a group decide."""

    wiser: np.ndarray
    decided: np.ndarray

    def share(self, otherwise: np.ndarray) -> np.ndarray:
        """Return the share that says wiser if each group counts the same: the mean of the shares of those that decided;
        where fewer than two did, what stands in `otherwise`."""
        there = self.decided > 0
        shares = np.where(there, self.wiser / np.maximum(self.decided, 1), 0.0).sum(axis=0)
        groups = there.sum(axis=0)
        return np.where(groups >= 2, shares / np.maximum(groups, 1), otherwise)


class Counts:
    """What `EdgeTally` says, of many ordered pairs at once: arrays with a place for each pair."""

    wiser: np.ndarray
    not_wiser: np.ndarray
    less_wise: np.ndarray
    unsure: np.ndarray
    impressions: np.ndarray
    deciders: np.ndarray
    by_group: "ByGroup"

    @cached_property
    def decided(self) -> np.ndarray:
        """As `EdgeTally.decided`."""
        return np.asarray(self.wiser + self.not_wiser + self.less_wise)

    @property
    def net_support(self) -> np.ndarray:
        """As `net_support`, and 0 where nobody answered."""
        answers = np.maximum(self.decided + self.unsure, 1)
        return np.asarray((self.wiser - self.less_wise) / answers)

    def entropy(self, where: np.ndarray | slice = slice(None)) -> np.ndarray:
        """As `entropy`, of the pairs at these places."""
        counts = [c[where] for c in (self.wiser, self.not_wiser, self.less_wise, self.unsure, self.impressions)]
        total = np.maximum(sum(counts), 1)
        return np.asarray((_n_log_n(total) - sum(_n_log_n(n) for n in counts)) / total)


def _n_log_n(n: np.ndarray) -> np.ndarray:
    """Return n log₂ n, and 0 for 0: looked up where n is small, as most are."""
    found: np.ndarray = _FEW_LOGS.take(n, mode="clip")
    many = np.flatnonzero(n >= len(_FEW_LOGS))
    found[many] = n[many] * np.log2(n[many])
    return found


_FEW_LOGS = np.arange(256) * np.log2(np.maximum(np.arange(256), 1))


class Tallies(Counts, Mapping[Pair, EdgeTally]):
    """Counts of the ordered pairs in some votes, in both directions, sorted by (from, to).

    `sources` and `targets` are the values of the pairs and `back` the places of the reversed ones. As a mapping it gives
    one pair's `EdgeTally`. What takes a look at every vote again is found when it is asked for: `deciders`, contexts and
    order of appearance.
    """

    def __init__(self, votes: Votes) -> None:
        self.votes = votes
        self._width = int(max(votes.source.max(initial=0), votes.target.max(initial=0))).bit_length()
        cells = self._key(votes.source, votes.target)
        cells <<= self._whole(2)
        cells |= np.minimum(votes.answer, UNSURE).astype(self._whole)
        cells.sort()
        starts = starts_of(cells)
        cells, answers = cells[starts], np.diff(starts, append=len(cells))
        asked = cells >> self._whole(2)
        is_first = differs(asked)
        there = asked[np.flatnonzero(is_first)]
        which = np.cumsum(is_first) - 1
        both = np.concatenate([there, self._key(*self._values(there)[::-1])])
        order = order_by(both)  # of a pair and the reverse of another, the pair comes first
        both = both[order]
        is_first = differs(both)
        starts = np.flatnonzero(is_first)
        self._pairs, self.was_asked = both[starts], order[starts] < len(there)
        self.sources, self.targets = self._values(self._pairs)
        place = np.empty(len(both), np.int64)
        place[order] = np.cumsum(is_first) - 1
        forth, back = np.split(place, 2)
        self.back = np.empty(len(self._pairs), np.int64)
        self.back[forth], self.back[back] = back, forth
        counts = np.zeros((3, len(self._pairs)), np.int32)
        counts[(cells & self._whole(3)).astype(np.int64), forth[which]] = answers
        self.wiser, self.not_wiser, self.unsure = counts
        every = counts.sum(axis=0, dtype=np.int32)
        self.less_wise = self.wiser[self.back]
        self.impressions = every + every[self.back]

    @property
    def _whole(self) -> type[np.unsignedinteger]:
        return np.uint32 if 2 * self._width + 2 <= 32 else np.uint64  # the narrower sorts twice as fast

    def _key(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        key: np.ndarray = source.astype(self._whole)
        key <<= self._whole(self._width)  # in place: a million numbers are made once
        key |= target.astype(self._whole)
        return key

    def _values(self, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        source, target = key >> self._whole(self._width), key & self._whole((1 << self._width) - 1)
        return source.astype(np.int64), target.astype(np.int64)

    @cached_property
    def pair_of(self) -> np.ndarray:
        """Of each vote, the place of the pair that it is about."""
        votes = self.votes
        order = order_by(votes.source, votes.target)
        starts = starts_of(votes.source[order], votes.target[order])
        found = np.empty(len(votes), np.int32)
        found[order] = np.repeat(np.flatnonzero(self.was_asked), np.diff(starts, append=len(votes)))
        return found

    @cached_property
    def deciders(self) -> np.ndarray:  # type: ignore[override]
        """As `EdgeTally.deciders`."""
        votes, pair = self.votes, self.pair_of
        wiser, decides = votes.answer == UPGRADE, votes.answer <= NO_UPGRADE
        pairs = np.concatenate([pair[decides], self.back[pair[wiser]]], dtype=np.int32)
        voters = np.concatenate([votes.voter[decides], votes.voter[wiser]])
        order = order_by(pairs, voters)
        pairs, voters = pairs[order], voters[order]
        return np.bincount(pairs[starts_of(pairs, voters)], minlength=len(self))

    @cached_property
    def asked(self) -> np.ndarray:
        """The places of the pairs that people were asked about, in the order in which they first appear."""
        first = np.zeros(len(self), np.int64)
        first[self.pair_of[::-1]] = np.arange(len(self.votes))[::-1]
        places = np.flatnonzero(self.was_asked)
        return np.asarray(places[order_by(first[places])])

    @cached_property
    def by_group(self) -> ByGroup:  # type: ignore[override]
        """What each group says, where at least `LEAST` of its people decide. Empty where the votes name no group."""
        votes = self.votes
        group = np.full(len(votes), -1) if votes.group is None else votes.group
        counts = np.zeros((3, int(group.max(initial=-1)) + 1, len(self)), np.int64)
        for place in range(counts.shape[1]):
            wiser, not_wiser = ((group == place) & (votes.answer == answer) for answer in (UPGRADE, NO_UPGRADE))
            back = self.back[self.pair_of[wiser]]
            pairs = np.concatenate([self.pair_of[wiser], self.pair_of[not_wiser], back])
            voters = np.concatenate([votes.voter[wiser], votes.voter[not_wiser], votes.voter[wiser]])
            people = np.unique(np.stack([pairs, voters]), axis=1)[0]
            which = (self.pair_of[wiser], pairs, people)
            counts[:, place] = [np.bincount(pair, minlength=len(self)) for pair in which]
        enough = counts[2] >= LEAST
        return ByGroup(counts[0] * enough, counts[1] * enough)

    @cached_property
    def balanced_share(self) -> np.ndarray:
        """The share of each pair that says wiser if each group counts the same; NaN where fewer than two groups are told."""
        return self.by_group.share(np.full(len(self), np.nan))

    @cached_property
    def _contexts(self) -> tuple[np.ndarray, np.ndarray]:
        """The places of the contexts in which people were asked about each pair this way round, one pair after the other, and
        where each pair's begin."""
        votes, pair = self.votes, self.pair_of
        order = order_by(pair, votes.context)
        first = order[starts_of(pair[order], votes.context[order])]  # the first vote on each pair in each context
        first.sort(kind="stable")  # which is quick where they are in order
        first = first[order_by(pair[first])]
        return votes.context[first], np.append(0, np.cumsum(np.bincount(pair[first], minlength=len(self))))

    def contexts_of(self, places: np.ndarray) -> list[list[int]]:
        """Return the contexts of the pairs at these places, by their places in the votes' `contexts`, as in
        `EdgeTally.contexts`."""
        contexts, bounds = self._contexts
        back = self.back[places]
        ends = (bounds[where].tolist() for where in (places, places + 1, back, back + 1))
        return [
            list(dict.fromkeys(contexts[first:last].tolist() + contexts[back_first:back_last].tolist()))
            for first, last, back_first, back_last in zip(*ends, strict=True)
        ]

    def contexts_at(self, place: int) -> list[str]:
        """Return the contexts of the pair at this place, as `EdgeTally.contexts`."""
        return [self.votes.contexts[i] for i in self.contexts_of(np.array([place]))[0]]

    @cached_property
    def is_of_several_contexts(self) -> np.ndarray:
        """Whether people were asked about each pair in several contexts, either way round."""
        context = np.zeros(len(self), np.int32)  # that of some vote on each pair, the other way round if on none
        context[self.pair_of] = self.votes.context
        context = np.where(self.was_asked, context, context[self.back])
        several = context != context[self.back]
        several[self.pair_of[self.votes.context != context[self.pair_of]]] = True
        return np.asarray(several | several[self.back])

    def place(self, pair: Pair) -> int:
        """Return the place of a pair. Raises KeyError for one that no vote is about."""
        if min(pair) >= 0 and max(pair) < 1 << self._width:
            key = (pair[0] << self._width) | pair[1]
            place = int(np.searchsorted(self._pairs, self._whole(key)))
            if place < len(self) and self._pairs[place] == key:
                return place
        raise KeyError(pair)

    def places(self, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the places of pairs that are there."""
        return np.searchsorted(self._pairs, self._key(sources, targets))

    def edge(self, place: int) -> EdgeTally:
        """Return the tally of the pair at this place."""
        return EdgeTally(
            wiser=int(self.wiser[place]),
            not_wiser=int(self.not_wiser[place]),
            less_wise=int(self.less_wise[place]),
            unsure=int(self.unsure[place]),
            impressions=int(self.impressions[place]),
            contexts=self.contexts_at(place),
            deciders=int(self.deciders[place]),
        )

    def __getitem__(self, pair: Pair) -> EdgeTally:
        return self.edge(self.place(pair))

    def __iter__(self) -> Iterator[Pair]:
        return zip(self.sources.tolist(), self.targets.tolist(), strict=True)

    def __len__(self) -> int:
        return len(self._pairs)


def tally(votes: Iterable[Vote]) -> Tallies:
    """Count votes per ordered pair, and for each pair that was asked about its reverse too.

    Answers other than upgrade and no_upgrade count as unsure, as the trial had only not_sure.
    """
    return Tallies(Votes.of(votes))
