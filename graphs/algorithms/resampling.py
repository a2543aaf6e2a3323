"""How sure the winner is: drawing people anew, and looking for the fewest votes that would crown another value."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import combinations_with_replacement
from math import comb
from typing import NamedTuple

import numpy as np
from scipy import sparse

from graphs.algorithms.pruning import Rules
from graphs.algorithms.ranking import (
    PLACES,
    Scores,
    page_rank,
    ranks_of_many,
    winner,
    wisdom_scores,
    wisdom_scores_of_many,
)
from graphs.algorithms.tally import (
    ANSWERS,
    NO_UPGRADE,
    UPGRADE,
    ByGroup,
    Counts,
    Tallies,
    Vote,
    Votes,
    order_by,
    places_of,
    tally,
)

CELLS_AT_ONCE = 250_000  # how many numbers an array may hold, which bounds memory
RANGE = (5, 95)  # per cent: the ends of the intervals of rank and score
SCORE_PLACES = 6
CANDIDATE_CELLS = 100_000  # answers tried × pairs, which bounds the time of a step
LEAST_CANDIDATES = 20
LARGEST_MIXTURE = 3  # of so many answers all mixtures are tried
MIXTURE_CELLS = 2_000_000  # if mixtures × pairs are no more: enough for every graph of six values
LEAST_GAIN = 1e-9
TIE = 2 * 10.0**-PLACES  # leads up to this may be a tie, which the lower number wins


class Stability(NamedTuple):
    """For each value, by its number: in which share of resamples it wins (0 is left out), and between which ranks and
    wisdom scores it lies in 90 % of them. 1 is wisest; values that drop out of the graph share the rank after all that
    are in it, and score 0."""

    wins: dict[int, float]
    ranks: dict[int, tuple[int, int]]
    scores: dict[int, tuple[float, float]]
    resamples: int


def bootstrap(votes: Iterable[Vote] | Tallies, rules: Rules, *, resamples: int, rng: np.random.Generator) -> Stability:
    """Draw as many people as there are, with replacement and each with all their votes, and build the graph each time,
    pruning included.

    The order of `votes` does not matter; they may be counted already. Each resample is one call `rng.integers(0, people,
    people)` over the people sorted by number, so that a seed gives the same resamples however they are computed. Source: Efron and Tibshirani
    1993, ch. 8.
    """
    ballots = _Ballots(_counted(votes), rules)
    if not ballots.people or resamples < 1:
        return Stability({}, {}, {}, 0)
    numbers = ballots.values.tolist()
    wins = np.zeros(len(numbers), np.int64)
    places = np.empty((resamples, len(numbers)), np.min_scalar_type(len(numbers) + 1))
    heights = np.zeros(places.shape, np.float16)  # beside the average, which small numbers hold to 0.05 %
    for rows, scores in ballots.resampled(resamples, rng):
        ranks = ranks_of_many(scores)
        wins += np.bincount(scores.value[ranks == 1], minlength=len(wins))
        sizes = np.bincount(scores.graph, minlength=len(rows))
        places[rows.start : rows.stop] = 1 + sizes[:, None]
        places[rows.start + scores.graph, scores.value] = ranks
        heights[rows.start + scores.graph, scores.value] = scores.score * len(numbers)
    return Stability(
        wins={number: n / resamples for number, n in zip(numbers, wins.tolist(), strict=True) if n},
        ranks={number: (int(low), int(high)) for number, low, high in zip(numbers, *_ends(places), strict=True)},
        scores={
            number: (round(low / len(numbers), SCORE_PLACES), round(high / len(numbers), SCORE_PLACES))
            for number, low, high in zip(numbers, *_ends(heights), strict=True)
        },
        resamples=resamples,
    )


def win_shares(
    votes: Iterable[Vote] | Tallies, rules: Rules, *, resamples: int, rng: np.random.Generator
) -> dict[int, float]:
    """Return `wins` of the same `bootstrap`, for less work."""
    ballots = _Ballots(_counted(votes), rules)
    wins = np.zeros(len(ballots.values), np.int64)
    for _rows, scores in ballots.resampled(resamples, rng):
        wins += np.bincount(scores.value[ranks_of_many(scores) == 1], minlength=len(wins))
    return {number: n / resamples for number, n in zip(ballots.values.tolist(), wins.tolist(), strict=True) if n}


def _counted(votes: Iterable[Vote] | Tallies) -> Tallies:
    return votes if isinstance(votes, Tallies) else tally(votes)


def _ends(table: np.ndarray) -> tuple[list[float], list[float]]:
    """Return between which two numbers 90 % of each column lie."""
    low: list[float] = []
    high: list[float] = []
    for columns in _chunks(table.shape[1], len(table)):
        ends = np.percentile(table[:, columns.start : columns.stop], RANGE, axis=0, method="inverted_cdf")
        low += ends[0].tolist()
        high += ends[1].tolist()
    return low, high


class _Ballots:
    """Votes as sparse matrices (pairs, people), so that many resamples are a product of matrices.

    `pairs` are the places in the tallies of those counted in full, each with its reverse, which is at `back` among them;
    the people in the matrices, `heard`, are those who answered about one of them what the rules look at.
    Pairs about which one person decides, `alone`, are kept apart: where votes are few they are most, and reach a floor of
    several people only in the few resamples that draw this person as often. Others never reach the rules' floor.
    """

    def __init__(self, tallies: Tallies, rules: Rules) -> None:
        self.tallies, self.rules = tallies, rules
        self.values = np.unique(tallies.sources)  # each pair is there in both directions
        numbers, (self._person,) = places_of(tallies.votes.voter)
        self.people = len(numbers)
        self.sources, self.targets = (np.searchsorted(self.values, v) for v in (tallies.sources, tallies.targets))
        name, least = rules.floor
        reach = getattr(tallies, name)
        full = reach > (1 if name == "deciders" and least > 1 else 0)
        full |= full[tallies.back]
        self.pairs = np.flatnonzero(full)
        self.back = np.searchsorted(self.pairs, tallies.back[self.pairs])
        self.alone = np.flatnonzero((reach == 1) & ~full)
        votes = tallies.votes
        counts = full[tallies.pair_of]
        if name == "deciders":
            counts &= votes.answer <= NO_UPGRADE
        is_heard = np.zeros(self.people, bool)
        is_heard[self._person[counts]] = True
        self.heard = np.flatnonzero(is_heard)

    def resampled(self, resamples: int, rng: np.random.Generator) -> Iterator[tuple[range, Scores]]:
        """Draw people anew again and again; yield the wisdom scores of some resamples at a time. Those without an arrow
        have none."""
        for rows in _chunks(resamples, max(len(self.pairs), self.people)):
            yield rows, self._scores(rng.integers(0, self.people, (len(rows), self.people)))

    def _scores(self, people: np.ndarray) -> Scores:
        """Return the wisdom scores of some resamples (resamples, people drawn)."""
        times = np.empty(people.shape, np.int16)
        for row, drawn in zip(times, people, strict=True):
            row[:] = np.bincount(drawn, minlength=self.people)
        cells = _Drawn(self, times)
        weights = self.rules.weights(cells, cells.graph)
        kept = np.flatnonzero(weights)
        pair = cells.pair[kept]
        arrows = (cells.graph[kept], self.sources[pair], self.targets[pair], weights[kept])
        return wisdom_scores_of_many(*arrows)

    @cached_property
    def wiser(self) -> sparse.csr_array:
        return self._matrix(self.tallies.votes.answer == UPGRADE)

    @cached_property
    def not_wiser(self) -> sparse.csr_array:
        return self._matrix(self.tallies.votes.answer == NO_UPGRADE)

    @cached_property
    def every(self) -> sparse.csr_array:
        return self._matrix(np.ones(len(self.tallies.votes), bool))

    @cached_property
    def by_group(self) -> list[tuple[sparse.csr_array, sparse.csr_array]]:
        """Of each group, "wiser" and "not wiser"."""
        votes = self.tallies.votes
        return [
            (
                self._matrix((votes.group == place) & (votes.answer == UPGRADE)),
                self._matrix((votes.group == place) & (votes.answer == NO_UPGRADE)),
            )
            for place in range(len(self.tallies.by_group.wiser))
        ]

    @cached_property
    def again(self) -> tuple[np.ndarray, sparse.csr_array]:
        """The pairs about which people decide more than once, and how often beyond the first time: few."""
        rows = np.flatnonzero((self.tallies.decided != self.tallies.deciders)[self.pairs])
        beyond = self.wiser[rows] + self.not_wiser[rows] + self.wiser[self.back[rows]]
        beyond.data -= 1
        beyond.eliminate_zeros()
        return rows, beyond

    @cached_property
    def alone_by(self) -> tuple[np.ndarray, np.ndarray]:
        """The pairs in `alone` one person after the other, and where each person's begin."""
        votes, pair = self.tallies.votes, self.tallies.pair_of
        who = np.empty(len(self.tallies), np.int64)
        wiser, decides = votes.answer == UPGRADE, votes.answer <= NO_UPGRADE
        who[pair[decides]] = self._person[decides]
        who[self.tallies.back[pair[wiser]]] = self._person[wiser]
        who = who[self.alone]
        return self.alone[order_by(who)], np.append(0, np.cumsum(np.bincount(who, minlength=self.people)))

    def _matrix(self, which: np.ndarray) -> sparse.csr_array:
        place = np.full(len(self.tallies), -1, np.int32)
        place[self.pairs] = np.arange(len(self.pairs))
        row = place[self.tallies.pair_of[which]]
        column = np.full(self.people, -1, np.int32)
        column[self.heard] = np.arange(len(self.heard))
        person = column[self._person[which]]
        there = (row >= 0) & (person >= 0)
        cells = (row[there], person[there])
        return sparse.csr_array((np.ones(len(cells[0]), np.int32), cells), shape=(len(self.pairs), len(self.heard)))


class _Drawn(Counts):
    """Counts when people count as often as `times` (resamples, people) says: of the pairs and resamples that reach the
    rules' floor, one after the other. `pair` and `graph` say which pair in which resample each is."""

    def __init__(self, ballots: _Ballots, times: np.ndarray) -> None:
        self._ballots = ballots
        self._drawn = np.ascontiguousarray(times[:, ballots.heard].T, dtype=np.int32)
        name, least = ballots.rules.floor
        counted = self._wiser if name == "wiser" else self._deciders
        self._cells = np.flatnonzero(counted.ravel() >= least)
        self._row, graph = np.divmod(self._cells, len(times))
        resample, person = np.divmod(np.flatnonzero(times.ravel() >= least), times.shape[1])
        pairs, starts = ballots.alone_by
        theirs = starts[person + 1] - starts[person]  # how many pairs each person who is drawn so often decides alone
        first = np.repeat(starts[person] - np.cumsum(theirs) + theirs, theirs)
        self._alone = pairs[first + np.arange(len(first))]
        self._times = np.repeat(times[resample, person], theirs).astype(np.int32)
        self.pair = np.concatenate([ballots.pairs[self._row], self._alone])
        self.graph = np.concatenate([graph, np.repeat(resample, theirs)])

    def _here(self, counted: np.ndarray, alone: np.ndarray) -> np.ndarray:
        """Return what is counted in these pairs (full pairs, resamples), and where one person decides what they say
        (pairs,) as often as they are drawn."""
        return np.concatenate([counted.ravel()[self._cells], alone[self._alone] * self._times])

    def _other_way(self, counted: np.ndarray, alone: np.ndarray) -> np.ndarray:
        resamples = counted.shape[1]
        cells = self._cells + (self._ballots.back[self._row] - self._row) * resamples
        return np.concatenate([counted.ravel()[cells], alone[self._alone] * self._times])

    @cached_property
    def _wiser(self) -> np.ndarray:
        return np.asarray(self._ballots.wiser @ self._drawn)

    @cached_property
    def _not_wiser(self) -> np.ndarray:
        return np.asarray(self._ballots.not_wiser @ self._drawn)

    @cached_property
    def _every(self) -> np.ndarray:
        return np.asarray(self._ballots.every @ self._drawn)

    @cached_property
    def _decided(self) -> np.ndarray:
        return np.asarray(self._wiser + self._not_wiser + self._wiser[self._ballots.back])

    @cached_property
    def _deciders(self) -> np.ndarray:
        rows, beyond = self._ballots.again
        deciders = self._decided.copy()
        deciders[rows] -= beyond @ self._drawn
        return deciders

    @cached_property
    def wiser(self) -> np.ndarray:  # type: ignore[override]
        return self._here(self._wiser, self._ballots.tallies.wiser)

    @cached_property
    def not_wiser(self) -> np.ndarray:  # type: ignore[override]
        return self._here(self._not_wiser, self._ballots.tallies.not_wiser)

    @cached_property
    def less_wise(self) -> np.ndarray:  # type: ignore[override]
        return self._other_way(self._wiser, self._ballots.tallies.less_wise)

    @cached_property
    def decided(self) -> np.ndarray:
        return self._here(self._decided, self._ballots.tallies.decided)

    @cached_property
    def deciders(self) -> np.ndarray:  # type: ignore[override]
        return self._here(self._deciders, self._ballots.tallies.deciders)

    @cached_property
    def by_group(self) -> ByGroup:  # type: ignore[override]
        """The groups that are told of in all votes are those that count."""
        told = self._ballots.tallies.by_group.decided[:, self.pair] > 0  # nowhere that one person decides alone
        nothing = np.zeros(len(self._ballots.tallies), np.int64)
        wiser, decided = np.zeros((2, *told.shape), np.int64)
        for place, matrices in enumerate(self._ballots.by_group):
            yes, no = (np.asarray(matrix @ self._drawn) for matrix in matrices)
            wiser[place] = self._here(yes, nothing)
            decided[place] = wiser[place] + self._here(no, nothing) + self._other_way(yes, nothing)
        return ByGroup(wiser * told, decided * told)

    @cached_property
    def unsure(self) -> np.ndarray:  # type: ignore[override]
        return self._here(self._every - self._wiser - self._not_wiser, self._ballots.tallies.unsure)

    @cached_property
    def impressions(self) -> np.ndarray:  # type: ignore[override]
        nothing = np.zeros(len(self._ballots.tallies), np.int64)
        return np.asarray(self._here(self._every, nothing) + self._other_way(self._every, nothing))


def _chunks(rows: int, width: int) -> Iterator[range]:
    size = max(1, CELLS_AT_ONCE // max(1, width))
    return (range(start, min(start + size, rows)) for start in range(0, rows, size))


class Flip(NamedTuple):
    """Votes (from, to, answer) of made-up people that crown another value: an upper bound on how few would do."""

    new_winner: int
    votes: list[tuple[int, int, str]]


def votes_to_flip(votes: Iterable[Vote], rules: Rules, *, most: int = 12) -> Flip | None:
    """Look for few added votes, at most `most`, that crown another value. Each is of a person of its own.

    Tried is "wiser" and "not wiser" about every pair that people are asked about (in very large graphs: those nearest
    to the winner). First the fewest equal answers about one pair; then, for fewer, block after block of equal answers
    with the most gain a vote, less what turns out not to be needed. Where they are not too many, all mixtures of one,
    two and three answers are tried too, so that nothing smaller is overlooked. What is found is counted anew with all
    votes, so it is true; beyond that it is an upper bound. None if there is no winner, or nothing found does.
    """
    votes = Votes.of(votes)
    search = _FlipSearch(tally(votes), rules)
    added = search.fewest(most) if search.winner is not None else []
    if not added:
        return None
    best = winner(wisdom_scores(rules.judge(tally(_with(votes, added))).kept))
    return None if best is None or best == search.winner else Flip(best, added)


def _with(votes: Votes, added: Sequence[tuple[int, int, str]]) -> Votes:
    """Return the votes and those of made-up people, each of whom answers once."""
    source, target, answer = zip(*added, strict=True)
    return Votes(
        voter=np.append(votes.voter, votes.voter.max() + 1 + np.arange(len(added), dtype=np.int32)),
        source=np.append(votes.source, np.array(source, np.int32)),
        target=np.append(votes.target, np.array(target, np.int32)),
        context=np.append(votes.context, np.zeros(len(added), np.int32)),
        answer=np.append(votes.answer, np.array([ANSWERS.index(text) for text in answer], np.int8)),
        contexts=votes.contexts,
        group=None if votes.group is None else np.append(votes.group, np.full(len(added), -1)),
    )


class _FlipSearch:
    """What-ifs about one graph. An answer that could be added is a row of `_pairs` and `_wiser`; what is tried is an array
    (what-ifs, answers added) of their places."""

    def __init__(self, tallies: Tallies, rules: Rules) -> None:
        self._rules = rules
        self._values = np.unique(tallies.sources)
        scores = wisdom_scores(rules.judge(tallies).kept)
        self.winner = winner(scores)
        by_value = np.array([scores.get(value, 0.0) for value in self._values.tolist()])
        sources, targets = (np.searchsorted(self._values, v) for v in (tallies.sources, tallies.targets))
        nearest = np.lexsort((targets, sources, -np.maximum(by_value[sources], by_value[targets])))
        answers = np.repeat(nearest[tallies.was_asked[nearest]], 2)
        answers = answers[: max(LEAST_CANDIDATES, CANDIDATE_CELLS // max(1, len(tallies)))]
        name, least = rules.floor
        matters = getattr(tallies, name) >= least
        matters[answers] = matters[tallies.back[answers]] = True
        places = np.flatnonzero(matters)  # all other pairs stay out of it whatever is added
        self._base = _Some(tallies, places)
        self._sources, self._targets = sources[places], targets[places]
        self._pairs, self._back = np.searchsorted(places, answers), np.searchsorted(places, tallies.back[answers])
        self._wiser = np.arange(len(answers)) % 2 == 0

    def fewest(self, most: int) -> list[tuple[int, int, str]]:
        """Return few answers that crown another value; none where nothing was found."""
        added = self._shortest_block(most)
        added = self._mixture(len(added) - 1 if added else most) or added
        for size in range(2, min(len(added) - 1 if added else most, LARGEST_MIXTURE) + 1):  # of one all were tried
            if smaller := self._smallest_mixture(size):
                added = smaller
                break
        return [self._told(place) for place in added]

    def _told(self, place: int) -> tuple[int, int, str]:
        pair = self._pairs[place]
        ends = (int(self._values[self._sources[pair]]), int(self._values[self._targets[pair]]))
        return *ends, ANSWERS[UPGRADE if self._wiser[place] else NO_UPGRADE]

    def _crowns(self, added: Sequence[int]) -> bool:
        """Return whether another value wins with these answers."""
        pair, _graph, weights = self._kept(np.array([added], np.int64))
        values, scores = page_rank(self._sources[pair], self._targets[pair], weights)
        best = winner(dict(zip(self._values[values].tolist(), scores.tolist(), strict=True)))
        return best not in (None, self.winner)

    def _shortest_block(self, most: int) -> list[int]:
        """Return the fewest equal answers about one pair that crown another value; none where `most` do not."""
        for count in range(1, most + 1):
            blocks = self._each(count)
            for i in np.flatnonzero(self._leads(blocks) <= TIE):
                block: list[int] = blocks[i].tolist()
                if self._crowns(block):
                    return block
        return []

    def _mixture(self, most: int) -> list[int]:
        """Return answers about several pairs that crown another value; none where none were found."""
        added: list[int] = []
        lead = float(self._leads(np.empty((1, 0), np.int64))[0])
        while len(added) < most:
            counts = range(1, most - len(added) + 1)
            gains = np.array([(lead - self._leads(self._each(count, added))) / count for count in counts])
            size, best = np.unravel_index(np.argmax(gains), gains.shape)
            if gains[size, best] <= LEAST_GAIN:
                return []
            added += [int(best)] * counts[size]
            lead -= gains[size, best] * counts[size]
            if self._crowns(added):
                return self._needed(added)
        return []

    def _smallest_mixture(self, size: int) -> list[int]:
        """Return so many answers that crown another value, of all that there are; none if they do not or are too
        many to try."""
        answers = len(self._pairs)
        if comb(answers + size - 1, size) * len(self._sources) > MIXTURE_CELLS:
            return []
        mixtures = np.array([*combinations_with_replacement(range(answers), size)])
        for i in np.flatnonzero(self._leads(mixtures) <= TIE):
            mixture: list[int] = mixtures[i].tolist()
            if self._crowns(mixture):
                return mixture
        return []

    def _needed(self, added: list[int]) -> list[int]:
        for i in reversed(range(len(added))):
            fewer = added[:i] + added[i + 1 :]
            if self._crowns(fewer):
                added = fewer
        return added

    def _each(self, count: int, added: Sequence[int] = ()) -> np.ndarray:
        """Return what-ifs: to `added`, each answer so many times."""
        every = np.arange(len(self._pairs))[:, None]
        return np.hstack([np.tile(np.array(added, np.int64), (len(every), 1)), np.repeat(every, count, axis=1)])

    def _leads(self, tried: np.ndarray) -> np.ndarray:
        """Return the winner's lead over the next in each what-if; below 0 it is no longer the winner, and where no arrow is
        left it is infinite."""
        found = [self._leads_at_once(tried[rows.start : rows.stop]) for rows in _chunks(len(tried), len(self._sources))]
        return np.concatenate(found) if found else np.empty(0)

    def _leads_at_once(self, tried: np.ndarray) -> np.ndarray:
        pair, graph, weights = self._kept(tried)
        scores = wisdom_scores_of_many(graph, self._sources[pair], self._targets[pair], weights)
        ours = self._values[scores.value] == self.winner
        lead = np.bincount(scores.graph[ours], scores.score[ours], len(tried))
        rest = np.zeros(len(tried))
        np.maximum.at(rest, scores.graph[~ours], scores.score[~ours])
        return np.where(np.bincount(scores.graph, minlength=len(tried)) > 0, lead - rest, np.inf)

    def _kept(self, tried: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the arrows that are kept in each what-if: which pair, in which what-if, and what it weighs."""
        counts = _Some(self._base, np.tile(np.arange(len(self._sources)), len(tried)))
        row = np.repeat(np.arange(len(tried)) * len(self._sources), tried.shape[1])
        answer = tried.ravel()
        counts.add(row + self._pairs[answer], row + self._back[answer], self._wiser[answer])
        graph = np.repeat(np.arange(len(tried)), len(self._sources))
        weights = self._rules.weights(counts, graph)
        kept = np.flatnonzero(weights)
        return kept % len(self._sources), graph[kept], weights[kept]


class _Some(Counts):
    """Counts of some pairs, each as often as its place is given, to which answers can be added."""

    def __init__(self, counts: Counts, places: np.ndarray) -> None:
        self.wiser, self.not_wiser = counts.wiser[places], counts.not_wiser[places]
        self.less_wise, self.unsure = counts.less_wise[places], counts.unsure[places]
        self.impressions, self.deciders = counts.impressions[places], counts.deciders[places]
        self.by_group = ByGroup(*(column[:, places] for column in counts.by_group))  # new people are of no group

    def add(self, pair: np.ndarray, back: np.ndarray, wiser: np.ndarray) -> None:
        """Add an answer of a new person for each place in `pair`, whose reversed pair is at that in `back`."""
        for column, places in (
            (self.wiser, pair[wiser]),
            (self.not_wiser, pair[~wiser]),
            (self.less_wise, back[wiser]),
            (self.impressions, pair),
            (self.impressions, back),
            (self.deciders, pair),
            (self.deciders, back[wiser]),
        ):
            np.add.at(column, places, 1)


def sybil_share(accounts: int, voters: int) -> float:
    """Return what share of all people `accounts` made-up ones would be. One account answers a pair once, so that as
    many accounts are needed as votes on one pair."""
    return accounts / (voters + accounts)
