"""What would change the winner: a search for the fewest votes that would crown another value."""

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement
from math import comb
from typing import NamedTuple

import numpy as np

from core.algorithms.chunks import chunks
from graphs.algorithms.pruning import Rules
from graphs.algorithms.ranking import PLACES, page_rank, winner, wisdom_scores, wisdom_scores_of_many
from graphs.algorithms.tally import ANSWERS, NO_UPGRADE, UPGRADE, ByGroup, Counts, Tallies, Vote, distinct, tally

CELLS_AT_ONCE = 250_000  # how many numbers an array may hold, which bounds memory
CANDIDATE_CELLS = 100_000  # answers tried × pairs, which bounds the time of a step
LEAST_CANDIDATES = 20
LARGEST_MIXTURE = 3  # of so many answers all mixtures are tried
MIXTURE_CELLS = 2_000_000  # if mixtures × pairs are no more: enough for every graph of six values
LEAST_GAIN = 1e-9
TIE = 2 * 10.0**-PLACES  # leads up to this may be a tie, which the lower number wins


class Flip(NamedTuple):
    """Votes (from, to, answer) of made-up people that crown another value: an upper bound on how few would do."""

    new_winner: int
    votes: list[tuple[int, int, str]]


def votes_to_flip(votes: Iterable[Vote] | Tallies, rules: Rules, *, most: int = 12) -> Flip | None:
    """Look for few added votes, at most `most`, that crown another value. Each is of a person of its own. The votes may be
    counted already.

    Tried is "wiser" and "not wiser" about every pair that people are asked about (in very large graphs: those nearest
    to the winner). First the fewest equal answers about one pair; then, for fewer, block after block of equal answers
    with the most gain a vote, less what turns out not to be needed. Where they are not too many, all mixtures of one,
    two and three answers are tried too, so that nothing smaller is overlooked. What is found is counted with all
    votes, so it is true; beyond that it is an upper bound. None if there is no winner, or nothing found does.
    """
    search = _FlipSearch(votes if isinstance(votes, Tallies) else tally(votes), rules)
    added = search.fewest(most) if search.winner is not None else []
    best = search.winner_with(added) if added else None
    return None if best is None else Flip(best, search.told(added))


class _FlipSearch:
    """What-ifs about one graph. An answer that could be added is a row of `_pairs` and `_wiser`; what is tried is an array
    (what-ifs, answers added) of their places."""

    def __init__(self, tallies: Tallies, rules: Rules) -> None:
        self._rules = rules
        self._values = distinct(tallies.sources)
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

    def fewest(self, most: int) -> list[int]:
        """Return few answers, by their places, that crown another value; none where nothing was found."""
        added = self._shortest_block(most)
        added = self._mixture(len(added) - 1 if added else most) or added
        for size in range(2, min(len(added) - 1 if added else most, LARGEST_MIXTURE) + 1):  # of one all were tried
            if smaller := self._smallest_mixture(size):
                added = smaller
                break
        return added

    def told(self, added: Sequence[int]) -> list[tuple[int, int, str]]:
        """Return answers as values, by their numbers, and what is said."""
        pair = self._pairs[added]
        sources, targets = (self._values[ends[pair]].tolist() for ends in (self._sources, self._targets))
        said = [ANSWERS[UPGRADE if wiser else NO_UPGRADE] for wiser in self._wiser[added]]
        return list(zip(sources, targets, said, strict=True))

    def winner_with(self, added: Sequence[int]) -> int | None:
        """Return who wins with these answers."""
        pair, _graph, weights = self._kept(np.array([added], np.int64))
        values, scores = page_rank(self._sources[pair], self._targets[pair], weights)
        return winner(dict(zip(self._values[values].tolist(), scores.tolist(), strict=True)))

    def _crowns(self, added: Sequence[int]) -> bool:
        """Return whether another value wins with these answers."""
        return self.winner_with(added) not in (None, self.winner)

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
        found = [
            self._leads_at_once(tried[rows.start : rows.stop])
            for rows in chunks(len(tried), len(self._sources), CELLS_AT_ONCE)
        ]
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
