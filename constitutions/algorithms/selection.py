"""Which principles the training comparisons support, tested for chance and for saying the same twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from core.algorithms.uncertainty import benjamini_hochberg


@dataclass(frozen=True)
class SelectionRules:
    """When a principle is kept: q over all candidates, how often it says anything, and how far it differs from the others.

    Source: inverse-cai's filter (for above against, relevance), with a test and the false discovery rate added.
    """

    max_q: float = 0.05
    min_relevance: float = 0.1
    max_correlation: float = 0.7
    most: int = 5


class Tested(NamedTuple):
    """One candidate on the training part. `sign` is 1 if the text with more of it was preferred, −1 if that with less.

    `irrelevant` says nothing about the two texts, `both` speaks for both alike; `missing` has no answer, and is no vote. `reason`
    is empty where the principle is kept. `twin` is the kept candidate that votes much like this one, or None.
    """

    candidate: int
    sign: int
    votes_for: int
    votes_against: int
    irrelevant: int
    both: int
    missing: int
    p: float
    q: float
    reason: str
    twin: int | None

    @property
    def total(self) -> int:
        """How many votes there are, whatever they say."""
        return self.votes_for + self.votes_against + self.irrelevant + self.both

    @property
    def relevance(self) -> float:
        return (self.votes_for + self.votes_against) / max(1, self.total)

    @property
    def accuracy(self) -> float:
        """The share of votes for the preferred text among those that speak for one; ½ where none does."""
        spoken = self.votes_for + self.votes_against
        return self.votes_for / spoken if spoken else 0.5

    @property
    def kappa(self) -> float:
        """Cohen's κ with chance at ½, since which text stands first is chance: 2 · (accuracy − ½)."""
        return 2 * (self.accuracy - 0.5)

    @property
    def strength(self) -> float:
        """(for − against) ÷ all votes: κ · relevance, as feedback-forensics defines it."""
        return (self.votes_for - self.votes_against) / max(1, self.total)


def sign_test_p(votes_for: int, votes_against: int) -> float:
    """Return the two-sided exact p-value of as many votes for and against by chance alone; 1 without votes."""
    n = votes_for + votes_against
    return min(1.0, 2 * float(special.bdtrc(max(votes_for, votes_against) - 1, n, 0.5))) if n else 1.0


class Test(NamedTuple):
    """Which test was made, and of how many raters (0: not known)."""

    name: str
    raters: int


FEWEST_TO_FLIP = 12
FEWEST_FOR_T = 6
DRAWN_FLIPS = 4095
FLIPS = "sign flips of whole raters"
CLUSTER_T = "t test of raters (few raters)"
SIGN = "sign test (about these comparisons)"


def p_values(votes: np.ndarray, raters: Sequence[int], rng: np.random.Generator) -> tuple[np.ndarray, Test]:
    """Return each candidate's two-sided p-value against chance, and the test that was made.

    `votes` as in `select`; `raters` numbers who answered each comparison, or is empty where several did or nobody knows.
    One rater's answers go together, so whole raters are turned: from 12 raters on by sign flips (exact at 12), from 6 to
    11 by a t test of their sums with G − 1 degrees of freedom, which keeps a little too much. With fewer raters the exact
    sign test speaks about these comparisons, not about people. Measured: docs/methods/features-judge.md.
    """
    numbers, place = np.unique(np.asarray(raters, dtype=int), return_inverse=True)
    count = len(numbers)
    if count < FEWEST_FOR_T:
        more, less = (votes > 0).sum(axis=0), (votes < 0).sum(axis=0)
        p = np.array([sign_test_p(int(m), int(n)) for m, n in zip(more, less, strict=True)])
        return p, Test(SIGN, count)
    sums = np.zeros((count, votes.shape[1]))
    np.add.at(sums, place, votes)
    if count < FEWEST_TO_FLIP:
        return _t_of_raters(sums), Test(CLUSTER_T, count)
    if count == FEWEST_TO_FLIP:
        flips = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
    else:
        flips = np.vstack([np.ones(count, dtype=int), rng.choice([-1, 1], (DRAWN_FLIPS, count))])
    return (np.abs(flips @ sums) >= np.abs(sums.sum(axis=0))).mean(axis=0), Test(FLIPS, count)


def _t_of_raters(sums: np.ndarray) -> np.ndarray:
    count = len(sums)
    error = sums.std(axis=0, ddof=1) / np.sqrt(count)
    same = error == 0  # every rater's sum is the same: as unlikely as their all pointing one way
    t = sums.mean(axis=0) / np.where(same, 1, error)
    p = 2 * special.stdtr(count - 1, -np.abs(t))
    return np.where(same, np.where(sums[0] == 0, 1.0, 2 / 2**count), p)


def select(
    votes: np.ndarray,
    p: np.ndarray,
    rules: SelectionRules,
    *,
    both: np.ndarray | None = None,
    missing: np.ndarray | None = None,
) -> list[Tested]:
    """Keep the best candidates that hold on the training comparisons.

    `votes` has shape (comparisons, candidates): 1 where the preferred text has more of it, −1 where it has less, 0 where
    neither; `p` are the candidates' p-values. `both` and `missing`, of the same shape, tell apart what is 0 there. Returns one row
    per candidate, kept ones first, best first.
    """
    rows = len(votes)
    more, less = (votes > 0).sum(axis=0), (votes < 0).sum(axis=0)
    alike = np.zeros(votes.shape[1], dtype=int) if both is None else both.sum(axis=0)
    unanswered = np.zeros(votes.shape[1], dtype=int) if missing is None else missing.sum(axis=0)
    q = benjamini_hochberg(p)
    tested = [
        Tested(
            c,
            1 if more[c] >= less[c] else -1,
            int(max(more[c], less[c])),
            int(min(more[c], less[c])),
            int(rows - more[c] - less[c] - alike[c] - unanswered[c]),
            int(alike[c]),
            int(unanswered[c]),
            float(p[c]),
            float(q[c]),
            "",
            None,
        )
        for c in range(votes.shape[1])
    ]
    tested.sort(key=lambda t: (-round(t.strength, 12), t.candidate))
    kept: list[int] = []
    judged = []
    for t in tested:
        reason, twin = "", None
        if t.q > rules.max_q:
            reason = f"not enough evidence (q {t.q:.3f})"
        elif t.relevance < rules.min_relevance:
            reason = "says something about too few comparisons"
        elif (twin := _twin(votes, t.candidate, kept, rules.max_correlation)) is not None:
            reason = "says much the same as another"
        elif len(kept) >= rules.most:
            reason = f"after the best {rules.most}"
        else:
            kept.append(t.candidate)
        judged.append(t._replace(reason=reason, twin=twin))
    return sorted(judged, key=lambda t: bool(t.reason))


def test_and_select(
    votes: np.ndarray,
    raters: Sequence[int],
    rules: SelectionRules,
    rng: np.random.Generator,
    *,
    both: np.ndarray,
    missing: np.ndarray,
) -> tuple[list[Tested], Test]:
    """Return every candidate tested against chance and kept or not, and the test: `p_values`, then `select`."""
    p, test = p_values(votes, raters, rng)
    return select(votes, p, rules, both=both, missing=missing), test


def _twin(votes: np.ndarray, candidate: int, kept: Sequence[int], most: float) -> int | None:
    """Return the kept candidate that votes much like this one, or None."""
    return next((k for k in kept if _alike(votes[:, candidate], votes[:, k]) >= most), None)


def _alike(first: np.ndarray, second: np.ndarray) -> float:
    """Return the absolute correlation of two candidates' votes, 0 where one never varies."""
    if not first.std() or not second.std():
        return 0.0
    return abs(float(np.corrcoef(first, second)[0, 1]))


def orient(differences: np.ndarray, answers: Sequence[str]) -> np.ndarray:
    """Return votes from feature differences (a minus b) and answers a / b: positive where the preferred text has more."""
    side = np.array([1 if answer == "a" else -1 for answer in answers], dtype=float).reshape(-1, 1)
    return np.asarray(np.sign(differences * side), dtype=int)
