"""How sure the winner is: drawing people anew, and looking for the fewest votes that would crown another value."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from graphs.algorithms.pruning import Rules
from graphs.algorithms.ranking import PLACES, winner, wisdom_scores, wisdom_scores_of_many
from graphs.algorithms.tally import Counts, EdgeTally, Pair, Vote, counts_of, tally

CELLS_AT_ONCE = 2_000_000  # how many numbers an array may hold, which bounds memory
RANKS = (5, 95)  # per cent: the ends of the rank interval
CANDIDATE_CELLS = 100_000  # answers tried × pairs, which bounds the time of a step
LEAST_CANDIDATES = 20
LEAST_GAIN = 1e-9

Answer = tuple[Pair, str]


class Stability(NamedTuple):
    """For each value, by its number: in which share of resamples it wins (0 is left out), and between which ranks it
    lies in 90 % of them. 1 is wisest; values that drop out of the graph share the rank after all that are in it."""

    wins: dict[int, float]
    ranks: dict[int, tuple[int, int]]
    resamples: int


def bootstrap(votes: Sequence[Vote], rules: Rules, *, resamples: int, rng: np.random.Generator) -> Stability:
    """Draw as many people as there are, with replacement and each with all their votes, and build the graph each time,
    pruning included.

    The order of `votes` does not matter. Each resample is one call `rng.integers(0, people, people)` over the people
    sorted by number, so that a seed gives the same resamples however they are computed. Source: Efron and Tibshirani
    1993, ch. 8.
    """
    if not votes or resamples < 1:
        return Stability({}, {}, 0)
    ballots = _Ballots(votes)
    wins = np.zeros(len(ballots.values), dtype=int)
    places = np.empty((resamples, len(ballots.values)), dtype=int)
    for rows in _chunks(resamples, ballots.width):
        drawn = np.stack(
            [np.bincount(rng.integers(0, ballots.people, ballots.people), minlength=ballots.people) for _ in rows]
        )
        scores = ballots.scores(rules.weights(ballots.counts(drawn)))
        wins += np.bincount(_winners(scores), minlength=len(wins) + 1)[1:]
        places[rows.start : rows.stop] = _ranks(scores)
    low, high = np.percentile(places, RANKS, axis=0, method="inverted_cdf").astype(int)
    numbers = [int(number) for number in ballots.values]
    return Stability(
        wins={number: n / resamples for number, n in zip(numbers, wins.tolist(), strict=True) if n},
        ranks={number: (int(low[i]), int(high[i])) for i, number in enumerate(numbers)},
        resamples=resamples,
    )


class _Ballots:
    """Votes as sparse matrices (pairs, people), so that many resamples are a product of matrices."""

    def __init__(self, votes: Sequence[Vote]) -> None:
        pairs = sorted({pair for v in votes for pair in ((v.source, v.target), (v.target, v.source))})
        people = sorted({v.voter for v in votes})
        self.values = np.array(sorted({pair[0] for pair in pairs}))
        self.people = len(people)
        self.width = max(len(pairs), len(people))
        place = {pair: i for i, pair in enumerate(pairs)}
        person = {voter: i for i, voter in enumerate(people)}
        self._back = np.array([place[target, source] for source, target in pairs])
        self._sources, self._targets = np.searchsorted(self.values, np.array(pairs)).T

        def matrix(*answers: str) -> sparse.csr_array:
            cells = [(place[v.source, v.target], person[v.voter]) for v in votes if v.answer in answers]
            where = np.array(cells, dtype=int).reshape(-1, 2).T
            ones = np.ones(where.shape[1], dtype=np.int64)
            return sparse.csr_array((ones, (where[0], where[1])), shape=(len(pairs), len(people)))

        self._wiser, self._not_wiser = matrix("upgrade"), matrix("no_upgrade")
        self._all = matrix(*{v.answer for v in votes})
        self._deciders = (self._wiser + self._not_wiser + self._wiser[self._back]).sign()

    def counts(self, drawn: np.ndarray) -> Counts:
        """Return the counts when people count as often as `drawn` (resamples, people) says."""
        wiser, not_wiser, every, deciders = (
            np.asarray(matrix @ drawn.T).T for matrix in (self._wiser, self._not_wiser, self._all, self._deciders)
        )
        return Counts(
            wiser=wiser,
            not_wiser=not_wiser,
            less_wise=wiser[:, self._back],
            unsure=every - wiser - not_wiser,
            impressions=every + every[:, self._back],
            deciders=deciders,
        )

    def scores(self, weights: np.ndarray) -> np.ndarray:
        return wisdom_scores_of_many(self._sources, self._targets, weights, len(self.values))


def _chunks(rows: int, width: int) -> Iterator[range]:
    size = max(1, CELLS_AT_ONCE // max(1, width))
    return (range(start, min(start + size, rows)) for start in range(0, rows, size))


def _winners(scores: np.ndarray) -> np.ndarray:
    """Return the place of each row's winner counted from 1, and 0 where there is none. Ties go to the lowest number."""
    there = ~np.isnan(scores)
    best = np.argmax(np.where(there, scores.round(PLACES), -1.0), axis=1) + 1
    return np.where(there.any(axis=1), best, 0)


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Return each value's rank in its row, 1 for the highest score; all that are not there come after those that
    are."""
    there = ~np.isnan(scores)
    order = np.argsort(np.where(there, -scores.round(PLACES), np.inf), axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
    return np.where(there, ranks, there.sum(axis=1, keepdims=True) + 1)


class Flip(NamedTuple):
    """Votes (from, to, answer) of made-up people that crown another value: an upper bound on how few would do."""

    new_winner: int
    votes: list[tuple[int, int, str]]


def votes_to_flip(votes: Sequence[Vote], rules: Rules, *, most: int = 12) -> Flip | None:
    """Look for few added votes, at most `most`, that crown another value. Each is of a person of its own.

    Tried is "wiser" and "not wiser" about every pair that people are asked about (in very large graphs: those nearest
    to the winner). First the fewest equal answers about one pair; then, for fewer, block after block of equal answers
    with the most gain a vote, less what turns out not to be needed. What is found is counted anew with all votes, so
    it is true; it is an upper bound, since not every mixture is tried. None if there is no winner, or nothing found
    does.
    """
    search = _FlipSearch(votes, rules)
    if search.winner is None:
        return None
    added = search.shortest_block(most)
    added = search.mixture(len(added) - 1 if added else most) or added
    crowned = search.crowned(added)
    return None if crowned is None else Flip(crowned, [(*pair, answer) for pair, answer in added])


class _FlipSearch:
    """What-ifs about one graph. An answer that could be added is a pair with "upgrade" or "no_upgrade"."""

    def __init__(self, votes: Sequence[Vote], rules: Rules) -> None:
        self._votes, self._rules = votes, rules
        tallies = tally(votes)
        scores = self._scores(tallies)
        self.winner = winner(scores)
        asked = [pair for pair, edge in tallies.items() if edge.was_asked]
        asked.sort(key=lambda pair: (-max(scores.get(value, 0.0) for value in pair), pair))
        answers = [(pair, answer) for pair in asked for answer in ("upgrade", "no_upgrade")]
        self._candidates = answers[: max(LEAST_CANDIDATES, CANDIDATE_CELLS // max(1, len(tallies)))]
        self._place = {pair: i for i, pair in enumerate(tallies)}
        self._counts = counts_of(tallies)
        self._values = sorted({value for pair in tallies for value in pair})
        self._sources, self._targets = np.searchsorted(self._values, np.array([*tallies]).reshape(-1, 2)).T

    def crowned(self, added: Sequence[Answer]) -> int | None:
        """Return who wins with these answers, if that is another value than before, by counting all votes anew."""
        best = winner(self._scores(self._tally(added)))
        return None if best == self.winner else best

    def shortest_block(self, most: int) -> list[Answer]:
        """Return the fewest equal answers about one pair that crown another value; empty where `most` do not."""
        for count in range(1, most + 1):
            for i in np.flatnonzero(self._margins([], count) <= 0):
                if self.crowned(block := [self._candidates[i]] * count) is not None:
                    return block
        return []

    def mixture(self, most: int) -> list[Answer]:
        """Return answers about several pairs that crown another value; empty where none were found."""
        added: list[Answer] = []
        margin = self._margin(self._scores(self._tally([])))
        while len(added) < most:
            counts = range(1, most - len(added) + 1)
            gains = np.array([(margin - self._margins(added, count)) / count for count in counts])
            size, best = np.unravel_index(np.argmax(gains), gains.shape)
            if gains[size, best] <= LEAST_GAIN:
                return []
            added += [self._candidates[best]] * counts[size]
            margin -= gains[size, best] * counts[size]
            if self.crowned(added) is not None:
                return self._needed(added)
        return []

    def _needed(self, added: list[Answer]) -> list[Answer]:
        for i in reversed(range(len(added))):
            fewer = added[:i] + added[i + 1 :]
            if self.crowned(fewer) is not None:
                added = fewer
        return added

    def _margins(self, added: Sequence[Answer], count: int) -> np.ndarray:
        """Return the winner's lead over the next with each candidate answered `count` times more; below 0 it is no
        longer the winner, and where no arrow is left it is infinite."""
        base = Counts(*(array[None, :].copy() for array in self._counts))
        for answer in added:
            self._add(base, 0, answer, 1)
        found = []
        for rows in _chunks(len(self._candidates), len(self._place)):
            tried = Counts(*(np.repeat(array, len(rows), axis=0) for array in base))
            for row, candidate in enumerate(self._candidates[rows.start : rows.stop]):
                self._add(tried, row, candidate, count)
            weights = self._rules.weights(tried)
            scores = wisdom_scores_of_many(self._sources, self._targets, weights, len(self._values))
            found.append(self._leads(scores))
        return np.concatenate(found) if found else np.empty(0)

    def _add(self, counts: Counts, row: int, added: Answer, times: int) -> None:
        """Add equal answers of new people to a row of counts."""
        (source, target), answer = added
        pair, back = self._place[source, target], self._place[target, source]
        for place in (pair, back):
            counts.impressions[row, place] += times
        counts.deciders[row, pair] += times
        if answer == "upgrade":
            counts.wiser[row, pair] += times
            counts.less_wise[row, back] += times
            counts.deciders[row, back] += times
        else:
            counts.not_wiser[row, pair] += times

    def _leads(self, scores: np.ndarray) -> np.ndarray:
        ours = np.array([value == self.winner for value in self._values])
        rest = np.nan_to_num(np.where(ours, 0.0, scores)).max(axis=1, initial=0.0)
        lead = np.nan_to_num(scores[:, ours].max(axis=1, initial=0.0)) - rest
        return np.where(np.isnan(scores).all(axis=1), np.inf, lead)

    def _margin(self, scores: Mapping[int, float]) -> float:
        row = np.array([[scores.get(value, np.nan) for value in self._values]])
        return float(self._leads(row)[0])

    def _tally(self, added: Sequence[Answer]) -> dict[Pair, EdgeTally]:
        return tally([*self._votes, *(Vote(-1 - n, *pair, "", answer) for n, (pair, answer) in enumerate(added))])

    def _scores(self, tallies: Mapping[Pair, EdgeTally]) -> dict[int, float]:
        verdicts = self._rules.judge(tallies)
        return wisdom_scores({pair: verdict.weight for pair, verdict in verdicts.items() if verdict.weight})


def sybil_share(accounts: int, voters: int) -> float:
    """Return what share of all people `accounts` made-up ones would be. One account answers a pair once, so that as
    many accounts are needed as votes on one pair."""
    return accounts / (voters + accounts)
