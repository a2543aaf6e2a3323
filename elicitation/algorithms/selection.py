"""What to show whom next: seeded, replayable from the stored draws, never the same twice to one person.

Least voted stories are asked so that every pair gets its votes, and those closest to the line that parts kept arrows from
others because a vote teaches most there. Nothing looks at how firm an arrow is: stopping to ask where a test just held would
break the test. Measured by `bench/draws`; docs/methods/draws.md says why.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

LEAST_VOTED, CLOSE_CALL = "least_voted", "close_call"


class StoryOptions(NamedTuple):
    """The stories that could be asked, as integer columns of one length.

    `first` and `second` are the pair's values, the smaller one first. `fits` is 1 where the context belongs to the person's
    own question. `asked` counts the answers about the pair, in either direction and any context; `told` those to this story's
    direction and context. `decided` counts the answers that say something about this direction, `wiser` those that say yes.
    `waiting` counts how often the pair was drawn a moment ago without an answer so far.
    """

    key: np.ndarray
    first: np.ndarray
    second: np.ndarray
    fits: np.ndarray
    asked: np.ndarray
    told: np.ndarray
    wiser: np.ndarray
    decided: np.ndarray
    waiting: np.ndarray

    @property
    def sha256(self) -> str:
        """Return the hash of all that a choice depends on beside rule and seed."""
        return hashlib.sha256(np.stack(self).astype("<i8").tobytes()).hexdigest()


@dataclass(frozen=True)
class DrawRule:
    """How stories are chosen: frozen, and stored with each draw.

    `close_calls` is the share of stories that are asked because they are closest to the line, while pairs have fewer than
    `early` answers on average; from then on it is `later`. All others are the least voted ones.

    Closest to the line is the smallest sqrt(n) · (|share − `line`| + `margin`). There n counts the decided answers, and one
    that may be on its way as `on_its_way`, so that people who come at once are not all asked the same. The share is of those
    that say wiser, drawn towards that of all stories as if by `prior` more answers. `line` is a share of decided answers; 2/3
    is the net support of 1/3 from which the trial's graph keeps an arrow.
    """

    name: str = "least voted and close calls"
    close_calls: float = 0.5
    later: float = 0.25
    early: float = 6.0
    line: float = 2 / 3
    margin: float = 0.05
    prior: float = 4.0
    on_its_way: float = 6.0

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    def share_of_close_calls(self, options: StoryOptions) -> float:
        """Return the share of close calls at this state of the study."""
        is_early = not options.asked.size or options.asked.mean() < self.early
        return self.close_calls if is_early else self.later

    def closeness(self, options: StoryOptions) -> np.ndarray:
        """Return how close each share is to the line, for how much is known of it: the smaller, the more a vote teaches."""
        usual = (options.wiser.sum() + self.prior * self.line) / (options.decided.sum() + self.prior)
        share = (options.wiser + self.prior * usual) / (options.decided + self.prior)
        known = np.sqrt(options.decided + self.on_its_way * options.waiting)
        return np.asarray(known * (np.abs(share - self.line) + self.margin))


RULE = DrawRule()


class Chosen(NamedTuple):
    """A story to ask: its key, its place among the options, why it was chosen, and whether its first value is shown first."""

    key: int
    place: int
    why: str
    from_first: bool


def choose_stories(
    options: StoryOptions, *, how_many: int, rng: np.random.Generator, rule: DrawRule = RULE
) -> list[Chosen]:
    """Return up to `how_many` stories, no two about the same pair of values.

    Those that fit the person's question come before all others; beside that their order is random. Among equals chance
    decides, and so it does which side is shown first. Where the share of close calls is no whole number, chance rounds it.
    """
    luck = rng.random(len(options.key))
    close = int(how_many * rule.share_of_close_calls(options) + rng.random())
    later = options.fits == 0
    orders = {
        CLOSE_CALL: iter(np.lexsort((luck, rule.closeness(options), later)) if close else ()),
        LEAST_VOTED: iter(np.lexsort((luck, options.told, options.asked + options.waiting, later))),
    }
    chosen: list[tuple[int, str]] = []
    pairs: set[tuple[int, int]] = set()
    for why in [CLOSE_CALL] * close + [LEAST_VOTED] * (how_many - close):
        for place in orders[why]:
            pair = (int(options.first[place]), int(options.second[place]))
            if pair not in pairs:
                pairs.add(pair)
                chosen.append((int(place), why))
                break
    sides, order = rng.random(len(chosen)) < 0.5, rng.random(len(chosen))
    shown = sorted(range(len(chosen)), key=lambda i: (bool(later[chosen[i][0]]), order[i]))
    return [Chosen(int(options.key[chosen[i][0]]), *chosen[i], from_first=bool(sides[i])) for i in shown]


def choose_values(
    exposures: Mapping[int, int], *, how_many: int, rng: np.random.Generator, preferred: frozenset[int] = frozenset()
) -> list[int]:
    """Return up to `how_many` values: those `preferred` (of the person's own question) first, the least shown first
    among them, ties at random; in random order."""
    keys = sorted(exposures)
    luck = dict(zip(keys, rng.random(len(keys)), strict=True))
    chosen = sorted(keys, key=lambda k: (k not in preferred, exposures[k], luck[k]))[:how_many]
    return [chosen[i] for i in rng.permutation(len(chosen))]
