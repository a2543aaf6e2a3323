"""How sure the winner is: drawing people anew, and building the graph each time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from scipy import sparse

from core.algorithms.chunks import chunks
from graphs.algorithms.pruning import Rules
from graphs.algorithms.ranking import Scores, ranks_of_many, winners_of_many, wisdom_scores_of_many
from graphs.algorithms.tally import (
    NO_UPGRADE,
    UNSURE,
    UPGRADE,
    ByGroup,
    Counts,
    Tallies,
    distinct,
    divided,
    order_by,
    place_by_number,
    places_of,
    starts_of,
)

CELLS_AT_ONCE = 700_000  # people or pairs × resamples that are counted together: mostly a byte for each
ROWS_AT_ONCE = 32_000  # pairs that are counted together
MOST_DRAWN = 12  # hardly ever is anyone drawn more often in one resample
THREADS = 2  # that count at the same time
RANGE = (5, 95)  # per cent: the ends of the intervals of rank and score
SCORE_PLACES = 6


_T = TypeVar("_T")
_Done = TypeVar("_Done")


class Stability(NamedTuple):
    """For each value, by its number: in which share of resamples it wins (0 is left out), and between which ranks and
    wisdom scores it lies in 90 % of them. 1 is wisest; values that drop out of the graph share the rank after all that
    are in it, and score 0. `wins_in` has the wins in each context."""

    wins: dict[int, float]
    ranks: dict[int, tuple[int, int]]
    scores: dict[int, tuple[float, float]]
    wins_in: list[dict[int, float]]
    resamples: int


class _Key(NamedTuple):
    """What is counted: a name in `Counts`, of everyone or of one group."""

    name: str
    group: int | None = None


class _Alone(NamedTuple):
    """Pairs about which one person decides, and what they say: columns of one length, in the order of the people."""

    person: np.ndarray
    source: np.ndarray
    target: np.ndarray
    wiser: np.ndarray
    not_wiser: np.ndarray
    less_wise: np.ndarray


@dataclass(frozen=True, eq=False)
class Ballots:
    """What drawing people anew needs to know of a graph, or of several parts that are graphs by themselves: a small part of
    the tallies. Ends of pairs are places in `values`, and `part_of` says in which part each value is.

    The rows are the pairs that people were asked about and that are counted in full; `answers` are matrices (rows, people)
    of how often each person says what about them. The reverse of a pair that nobody was asked about is never kept, since
    nobody calls it wiser, but may reach the rules' floor: `is_mirrored` says of which rows. Pairs that one person decides
    `alone` are kept apart: where votes are few they are most, and reach a floor of several people only where this person is
    drawn as often. Others never reach it. Groups are told of in the rows of `is_told` (groups, rows).
    """

    rules: Rules
    values: np.ndarray
    part_of: np.ndarray
    source: np.ndarray
    target: np.ndarray
    is_mirrored: np.ndarray
    is_told: np.ndarray
    answers: dict[_Key, sparse.sparray]
    alone: _Alone

    @classmethod
    def of(cls, tallies: Tallies, rules: Rules, people: np.ndarray | None = None) -> "Ballots":
        """Return the ballots of one graph. `people` are the sorted numbers of those who are drawn, else all who voted."""
        votes, pair, back = tallies.votes, tallies.pair_of, tallies.back
        people = distinct(votes.voter) if people is None else people
        person = place_by_number(people).take(votes.voter)
        values, ends = places_of(tallies.sources, tallies.targets)
        source, target = (places.astype(np.int32) for places in ends)
        name, least = rules.floor
        reach = getattr(tallies, name)
        is_full = reach > (1 if name == "deciders" and least > 1 else 0)
        is_full |= is_full[back]
        rows = np.flatnonzero(is_full & tallies.was_asked)
        row = np.full(len(tallies), -1, np.int32)
        row[rows] = np.arange(len(rows))
        forth, reverse = row[pair], row[back[pair]]
        wiser, decides, every = votes.answer == UPGRADE, votes.answer <= NO_UPGRADE, votes.answer >= 0
        saying = {
            "wiser": [(forth, wiser)],
            "not_wiser": [(forth, votes.answer == NO_UPGRADE)],
            "less_wise": [(reverse, wiser)],
            "unsure": [(forth, votes.answer >= UNSURE)],
            "impressions": [(forth, every), (reverse, every)],
            "decided": [(forth, decides), (reverse, wiser)],
        }
        shape = (len(rows), len(people))

        def matrix(key: _Key) -> sparse.sparray:
            theirs = True if key.group is None else votes.group == key.group
            found = [(about, (about >= 0) & which & theirs) for about, which in saying[key.name]]
            about, who = (
                np.concatenate([column[which] for column, which in columns])
                for columns in (found, [(person, which) for _about, which in found])
            )
            found = sparse.csr_array((np.ones(len(about), np.int32), (about, who)), shape=shape)
            found.data = _small(found.data)
            return found

        is_told = tallies.by_group.decided[:, rows] > 0
        decider = np.empty(len(tallies), np.int32)
        decider[pair[decides]] = person[decides]
        decider[back[pair[wiser]]] = person[wiser]
        alone = np.flatnonzero((reach == 1) & ~is_full)
        alone = alone[order_by(decider[alone])]
        counts = (_small(column[alone]) for column in (tallies.wiser, tallies.not_wiser, tallies.less_wise))
        return cls(
            rules=rules,
            values=values.astype(np.int32),
            part_of=np.zeros(len(values), np.int16),
            source=source[rows],
            target=target[rows],
            is_mirrored=~tallies.was_asked[back[rows]],
            is_told=is_told,
            answers={key: matrix(key) for key in _keys(rules, len(is_told))},
            alone=_Alone(decider[alone], source[alone], target[alone], *counts),
        )

    @classmethod
    def joined(cls, parts: Sequence["Ballots"]) -> "Ballots":
        """Return the ballots of several graphs with the same rules, each of which is a part."""
        sizes, groups = [len(part.values) for part in parts], max(len(part.is_told) for part in parts)
        firsts = np.cumsum([0, *sizes])[:-1].astype(np.int32)

        def matrix(key: _Key) -> sparse.sparray:
            nothing = [sparse.csr_array((len(part.source), parts[0].people), dtype=np.uint8) for part in parts]
            found = [part.answers.get(key, empty) for part, empty in zip(parts, nothing, strict=True)]
            return sparse.vstack(found, format="csr")

        alone = _Alone(*map(np.concatenate, zip(*(part.alone for part in parts), strict=True)))
        first = np.repeat(firsts, [len(part.alone.person) for part in parts])
        order = order_by(alone.person)
        alone = alone._replace(source=alone.source + first, target=alone.target + first)
        return cls(
            rules=parts[0].rules,
            values=np.concatenate([part.values for part in parts]),
            part_of=np.repeat(np.arange(len(parts), dtype=np.min_scalar_type(len(parts))), sizes),
            source=np.concatenate([part.source + first for part, first in zip(parts, firsts, strict=True)]),
            target=np.concatenate([part.target + first for part, first in zip(parts, firsts, strict=True)]),
            is_mirrored=np.concatenate([part.is_mirrored for part in parts]),
            is_told=np.hstack([np.pad(p.is_told, ((0, groups - len(p.is_told)), (0, 0))) for p in parts]),
            answers={key: matrix(key) for key in _keys(parts[0].rules, groups)},
            alone=_Alone(*(column[order] for column in alone)),
        )

    @property
    def people(self) -> int:
        """How many people are drawn."""
        return int(self.answers[_WISER].shape[1])


_WISER = _Key("wiser")


def _keys(rules: Rules, groups: int) -> list[_Key]:
    of_groups = [_Key(name, group) for name in ByGroup._fields for group in range(groups)]
    return [*map(_Key, rules.looks_at), *of_groups]


def _small(column: np.ndarray) -> np.ndarray:
    """Return whole numbers in as little room as they need: there are many."""
    return column.astype(np.min_scalar_type(column.max(initial=0)))


def bootstrap(whole: Ballots, apart: Ballots | None = None, *, resamples: int, rng: np.random.Generator) -> Stability:
    """Draw as many people as there are, with replacement and each with all their votes, and build the graph each time,
    pruning included: the whole one, and the parts `apart`, its contexts, whose ballots are of the same people.

    The order of votes does not matter. Each resample is one call `rng.integers(0, people, people)` over the people of the
    whole graph sorted by number, so that a seed gives the same resamples however they are computed. Source: Efron and
    Tibshirani 1993, ch. 8.
    """
    people, values = whole.people, len(whole.values)
    if not people or resamples < 1:
        return Stability({}, {}, {}, [], 0)
    graph, parts = _Together(whole), _Together(apart) if apart else None
    width = max(people, 2 * len(whole.source), len(apart.source) if apart else 0)  # arrows of the whole take most room
    wins, wins_apart = np.zeros(values, np.int32), np.zeros(len(apart.values) if apart else 0, np.int32)
    kinds = (np.min_scalar_type(values + 1), np.float16)  # beside the average, which small numbers hold to 0.05 %
    places, heights = _Ends(resamples, values, kinds[0]), _Ends(resamples, values, np.uint16)

    def counted(times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        scores = graph.scores(times)
        ranks = ranks_of_many(scores)
        place, height = (np.zeros((times.shape[1], values), kind) for kind in kinds)
        place += 1 + np.bincount(scores.graph, minlength=len(place)).astype(place.dtype)[:, None]
        place[scores.graph, scores.value] = ranks
        height[scores.graph, scores.value] = scores.score * values
        won_apart = winners_of_many(parts.scores(times)) if parts else wins_apart[:0]
        return place, height, scores.value.compress(ranks == 1), won_apart

    drawn = (_drawn(people, len(rows), rng) for rows in chunks(resamples, width, CELLS_AT_ONCE))
    for place, height, won, won_apart in _in_threads(counted, drawn):
        places.add(place)
        heights.add(height.view(np.uint16))  # in the same order, since none is below 0, and sorted much faster
        wins += np.bincount(won, minlength=values)
        np.add.at(wins_apart, won_apart, 1)
    numbers = whole.values.tolist()
    rank_ends = (ends.tolist() for ends in places.ends())
    score_ends = (ends.view(np.float16).tolist() for ends in heights.ends())
    return Stability(
        wins=_shares(whole.values, wins, resamples),
        ranks={number: (int(low), int(high)) for number, low, high in zip(numbers, *rank_ends, strict=True)},
        scores={
            number: (round(low / values, SCORE_PLACES), round(high / values, SCORE_PLACES))
            for number, low, high in zip(numbers, *score_ends, strict=True)
        },
        wins_in=[
            _shares(apart.values[part], wins_apart[part], resamples)
            for part in np.split(np.arange(len(apart.values)), starts_of(apart.part_of)[1:])
        ]
        if apart
        else [],
        resamples=resamples,
    )


def _in_threads(work: Callable[[_T], _Done], given: Iterable[_T]) -> Iterator[_Done]:
    """Yield what comes of the work in the order of what is given, which is read as it is needed. Numpy lets other threads
    run, so that two do more than one."""
    with ThreadPoolExecutor(THREADS) as threads:
        begun: deque[Future[_Done]] = deque()
        for one in given:
            begun.append(threads.submit(work, one))
            if len(begun) > THREADS:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _shares(values: np.ndarray, wins: np.ndarray, resamples: int) -> dict[int, float]:
    there = np.flatnonzero(wins)
    return dict(zip(values[there].tolist(), (wins[there] / resamples).tolist(), strict=True))


def _drawn(people: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each person is drawn in each resample (people, resamples): small numbers, if they can be."""
    times = np.empty((resamples, people), np.int32)
    for row in times:
        row[:] = np.bincount(rng.integers(0, people, people), minlength=people)
    return np.ascontiguousarray(times.T, np.uint8 if times.max() <= MOST_DRAWN else np.int32)


class _Ends:
    """Between which two numbers 90 % of each column of a long table lie: of its rows only those are kept that may be an end
    yet."""

    def __init__(self, rows: int, columns: int, kind: Any) -> None:
        self._lowest, last = (max(0, -(-rows * share // 100) - 1) + 1 for share in RANGE)
        self._highest = rows - last + 1
        self._low, self._high = np.empty((2, columns, 0), kind)
        self._fresh: list[np.ndarray] = []

    def add(self, rows: np.ndarray) -> None:
        """Add some rows (rows, columns)."""
        self._fresh.append(rows.T.astype(self._low.dtype))
        if sum(part.shape[1] for part in self._fresh) >= self._lowest:
            self._sort_out()

    def _sort_out(self) -> None:
        low, high = (np.hstack([kept, *self._fresh]) for kept in (self._low, self._high))
        self._fresh = []
        if low.shape[1] > self._lowest:
            low = np.partition(low, self._lowest - 1, axis=1)[:, : self._lowest].copy()
        if high.shape[1] > self._highest:
            high = np.partition(high, -self._highest, axis=1)[:, -self._highest :].copy()
        self._low, self._high = low, high

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the low and the high end of each column, once all rows are added. Of an even split the lower number is
        told (`inverted_cdf`)."""
        self._sort_out()
        return self._low.max(axis=1), self._high.min(axis=1)


class _Counted(Counts):
    """What is counted of some pairs, of what the rules look at: arrays with a place for each."""

    def __init__(self, counts: Mapping[_Key, np.ndarray]) -> None:
        vars(self).update({key.name: column for key, column in counts.items() if key.group is None})
        self.by_group = ByGroup(
            *(
                np.array([c for key, c in counts.items() if key.group is not None and key.name == name])
                for name in ByGroup._fields
            )
        )


class _Arrows(NamedTuple):
    """Pairs that may be kept, and in which resample: columns of one length."""

    resample: np.ndarray
    source: np.ndarray
    target: np.ndarray
    counts: dict[_Key, np.ndarray]


class _Together:
    """Ballots as they are counted in many resamples at once."""

    def __init__(self, ballots: Ballots) -> None:
        self._ballots, self._rules = ballots, ballots.rules
        self._parts = int(ballots.part_of.max(initial=0)) + 1
        answers = (matrix.sum(axis=1) for key, matrix in ballots.answers.items() if key.group is None)
        most, least = sum(answers) * MOST_DRAWN, -1
        self._rows: list[_Rows] = []
        for kind in (np.uint8, np.int16, np.int32):  # the smaller, the faster
            rows = np.flatnonzero((least < most) & (most <= np.iinfo(kind).max))
            self._rows += [_Rows(ballots, rows[part], kind) for part in chunks(len(rows), 1, ROWS_AT_ONCE)]
            least = np.iinfo(kind).max
        alone = ballots.alone
        self._alone_part = ballots.part_of[alone.source]
        self._alone_starts = np.append(0, np.cumsum(np.bincount(alone.person, minlength=ballots.people)))

    def scores(self, times: np.ndarray) -> Scores:
        """Return the wisdom scores where people count as often as `times` (people, resamples) says. The graph of part k in
        resample r has number r × parts + k; those without an arrow have no scores."""
        family = np.zeros((times.shape[1], self._parts), np.int32)
        found = [rows.arrows(times, family) for rows in self._rows]
        found.append(self._of_one_person(times, family))
        resample, source, target = (np.concatenate(columns) for columns in zip(*(f[:3] for f in found), strict=True))
        counts = _Counted({key: np.concatenate([f.counts[key] for f in found]) for key in self._ballots.answers})
        del found
        graph, part_of = resample, None
        if self._parts > 1:
            part_of = self._ballots.part_of
            graph = resample * self._parts + part_of.take(source)
        weights = self._rules.weights(counts, graph, family.ravel())
        del graph, counts
        kept = np.flatnonzero(weights > 0)
        resample, source, target, weights = (column.take(kept) for column in (resample, source, target, weights))
        return wisdom_scores_of_many(resample, source, target, weights, part_of)

    def _of_one_person(self, times: np.ndarray, family: np.ndarray) -> _Arrows:
        """As `_Rows.arrows`, of the pairs about which one person decides. Of groups nothing is told there."""
        alone, starts = self._ballots.alone, self._alone_starts
        person, resample = divided(np.flatnonzero(times >= self._rules.floor[1]), times.shape[1])
        theirs = starts[person + 1] - starts[person]
        pair = np.repeat(starts[person] - np.cumsum(theirs) + theirs, theirs) + np.arange(theirs.sum())
        drawn, resample = np.repeat(times[person, resample].astype(np.int32), theirs), np.repeat(resample, theirs)
        which = resample * self._parts + self._alone_part.take(pair)
        family += np.bincount(which, minlength=family.size).astype(np.int32).reshape(family.shape)
        some = np.flatnonzero(alone.wiser.take(pair))
        pair, drawn, resample = pair.take(some), drawn.take(some), resample.take(some)
        counts = {key: np.zeros(len(pair), np.int32) for key in self._ballots.answers}
        for name in ("wiser", "not_wiser", "less_wise"):
            counts[_Key(name)] = getattr(alone, name).take(pair) * drawn
        return _Arrows(resample, alone.source.take(pair), alone.target.take(pair), counts)


class _Rows:
    """Some rows of ballots, which are counted in numbers of one kind."""

    def __init__(self, ballots: Ballots, rows: np.ndarray, kind: Any) -> None:
        self._rules, self._keys = ballots.rules, [*ballots.answers]
        self._source, self._target, self._is_told = ballots.source[rows], ballots.target[rows], ballots.is_told[:, rows]
        part = ballots.part_of[self._source]
        self._starts = starts_of(part)
        self._parts = part[self._starts]
        self._not_mirrored = np.flatnonzero(~ballots.is_mirrored[rows])
        answers = {key: matrix[rows].astype(kind) for key, matrix in ballots.answers.items()}
        self._answers = sparse.vstack([*answers.values()], format="csc")
        if self._rules.floor[0] == "deciders":
            wiser, not_wiser, less_wise = (answers[_Key(name)] for name in ("wiser", "not_wiser", "less_wise"))
            self._again, self._again_wiser = _beyond_once(wiser + not_wiser + less_wise), _beyond_once(wiser)

    def arrows(self, times: np.ndarray, family: np.ndarray) -> _Arrows:
        """Return the arrows that may be kept where people count as often as `times` (people, resamples) says, and add to
        `family` (resamples, parts) how many reach the rules' floor."""
        found = (self._answers @ times).reshape(len(self._keys), len(self._source), times.shape[1])
        tables = dict(zip(self._keys, found, strict=True))
        everyone = _Counted({key: table for key, table in tables.items() if key.group is None})
        name, least = self._rules.floor
        if name == "deciders":
            everyone.deciders = _deciders(everyone.decided, self._again, times)
        reach = getattr(everyone, name) >= least
        reaching = reach.view(np.int8)
        if name == "deciders":
            reverse = _deciders(everyone.wiser, self._again_wiser, times) >= least
            reverse[self._not_mirrored] = False
            reaching = reaching + reverse
        family[:, self._parts] += np.add.reduceat(reaching, self._starts, axis=0, dtype=np.int32).T
        cells = np.flatnonzero(reach & self._rules.may_keep(everyone))
        row, resample = divided(cells, times.shape[1])
        counts = {key: table.take(cells).astype(np.int32) for key, table in tables.items()}
        for key in counts:
            if key.group is not None:
                counts[key] *= self._is_told[key.group, row]
        return _Arrows(resample, self._source.take(row), self._target.take(row), counts)


_Again = tuple[np.ndarray, sparse.csr_array]


def _beyond_once(matrix: sparse.csr_array) -> _Again:
    """Return the rows in which people are there more than once, and how often beyond the first time: few."""
    beyond = matrix.copy()
    beyond.data -= 1
    beyond.eliminate_zeros()
    rows = np.flatnonzero(np.diff(beyond.indptr))
    return rows, beyond[rows]


def _deciders(answers: np.ndarray, again: _Again, times: np.ndarray) -> np.ndarray:
    """Return how many people gave so many answers."""
    rows, beyond = again
    if not len(rows):
        return answers
    people = answers.copy()
    people[rows] -= beyond @ times
    return people
