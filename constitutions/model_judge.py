"""The judge `llm`: a model proposes principles from the training comparisons, and votes on all of them.

propose → merge → vote once on every comparison → ask again, the sides turned, about the doubtful principles on the training part →
a third time where the two answers differ → and, if more rounds are asked for, propose from what is still decided wrongly.
Sources: Inverse Constitutional AI (arXiv 2406.06560) for the steps; what differs, and why: docs/methods/model-judge.md.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from constitutions.algorithms import scoring
from constitutions.algorithms.ballots import BOTH, FOR_A, FOR_B, MISSING, NEITHER, UNASKED, disagreeing, majority
from constitutions.algorithms.merging import merge
from constitutions.algorithms.selection import SelectionRules, Tested, orient, test_and_select
from constitutions.judges import Candidate, Cells, Judgement
from constitutions.pairs import Pairs
from constitutions.proposing import MOST_PROPOSED_FROM, Proposal, Shown, candidates_of, propose
from constitutions.spending import PREFIX
from constitutions.voting import vote
from core.algorithms.uncertainty import jeffreys
from elicitation.models import Comparison
from llm_client import LLM

MOST_CANDIDATES = 30
MOST_RESIDUAL = 50  # comparisons that a later round reads
DOUBTFUL = (0.001, 0.5)  # q after the first pass, between which more answers can change what is kept
UNRELIABLE_FROM = 0.2  # share of answers that change with the order of the sides
BY_PLACE = (0.4, 0.6)  # the share of answers that name the first text lies in here, or the model answers by place
MOST_MISSING = 0.02  # of the cells
MOST_UNPROPOSED = 0.1  # of the calls for proposals
MOST_ALIKE, FEWEST_ALIKE = 0.9, 8  # of so many principles, the share that may name one and the same text
BY_HAND = "by hand"

Tell = Callable[[str, int, int], None]


class Position(NamedTuple):
    """How often a principle spoke for one text in both orders of the sides, and how often for the other text then."""

    asked_twice: int
    changed: int

    @property
    def is_unreliable(self) -> bool:
        return self.asked_twice > 0 and self.changed / self.asked_twice > UNRELIABLE_FROM


class Judged(NamedTuple):
    """What the model's votes come to, and what is told of how it votes."""

    judgement: Judgement
    positions: list[Position]
    first_named: int
    second_named: int
    proposals: dict[str, int]
    one_sided: int
    answers: np.ndarray
    swapped: np.ndarray

    @property
    def is_degraded(self) -> bool:
        cells, proposals = self.judgement.cells, self.proposals
        is_unproposed = proposals["missing"] > MOST_UNPROPOSED * proposals["calls"]
        return is_unproposed or cells.missing > MOST_MISSING * cells.asked

    @property
    def first_share(self) -> tuple[float, list[float]] | None:
        """The share of answers for one text that name the one shown first, with its 95 % interval."""
        total = self.first_named + self.second_named
        return (self.first_named / total, list(jeffreys(self.first_named, total))) if total else None

    @property
    def answers_by_place(self) -> bool:
        """Whether the model's answers go by which text stands first."""
        if (told := self.first_share) is None:
            return False
        _share, (low, high) = told
        return high < BY_PLACE[0] or low > BY_PLACE[1]


class ModelJudge:
    """Judges the comparisons of one extraction: its pairs, by whose answers principles are proposed and chosen, and `others`,
    which are only voted on. `clusters` are of both. `tell(stage, done, total)` hears how far it is."""

    def __init__(
        self,
        pairs: Pairs,
        others: Sequence[Comparison],
        clusters: Sequence[str],
        split: scoring.Split,
        *,
        seed: int,
        llm: LLM,
        scope_key: str,
        tell: Tell,
    ) -> None:
        self.pairs, self.clusters, self.split = pairs, clusters, split
        self.rows = [*pairs.rows, *others]
        self.llm, self.scope_key, self.tell = llm, scope_key, tell
        self.rng = np.random.default_rng([seed, 1])
        # which side stands first is chance, and stays with the comparison: more of them ask nothing about these again
        self.swapped = np.array([is_turned(row) for row in self.rows])
        self.candidates: list[Candidate] = []
        self.passes = [self._nothing(0) for _ in range(3)]
        self.cells = Cells(0, 0, 0, 0)
        self.named = [0, 0]
        self.proposals = {"calls": 0, "missing": 0, "phrases": 0, "refused": 0}

    def judge(self, *, fixed: Sequence[str], rounds: int, rules: SelectionRules) -> Judged:
        """Return the model's votes on what it proposed and on the `fixed` principles. Raises LLMBudgetReached, and
        LLMUnavailable where nobody can be reached; what was answered until then is kept, and is not asked again."""
        by_hand = [Candidate(name=text, more="", source=BY_HAND, sentence=text) for text in fixed]
        self._vote_on(by_hand + self._proposed(self._sample(self.split.train, MOST_PROPOSED_FROM), round=1))
        residual = len(self.split.train)
        for number in range(2, rounds + 1):
            wrong = self._decided_wrongly(rules)
            if not len(wrong) or len(wrong) >= residual:
                break
            residual = len(wrong)
            if not (fresh := self._proposed(self._sample(wrong, MOST_RESIDUAL), round=number)):
                break
            self._vote_on(fresh)
        return self._judged()

    def _nothing(self, principles: int) -> np.ndarray:
        return np.full((len(self.rows), principles), UNASKED, dtype=np.int8)

    def _sample(self, places: np.ndarray, most: int) -> np.ndarray:
        return np.sort(self.rng.permutation(places)[:most])

    def _proposed(self, places: np.ndarray, round: int) -> list[Candidate]:
        """Return what the model proposes from these comparisons, merged, without what is known already."""
        clusters = sorted({self.clusters[i] for i in places})
        second = {clusters[i] for i in self.rng.permutation(len(clusters))[: len(clusters) // 2]}
        shown = [
            Shown(row, row.text_a if self.pairs.answers[i] == "a" else row.text_b, int(self.clusters[i] in second))
            for i in places.tolist()
            for row in (self.pairs.rows[i],)
        ]
        known = [candidate.text for candidate in self.candidates]
        stage = "propose" if round == 1 else f"round {round}: propose"
        found = propose(shown, known=known, purpose=_purpose("propose"), llm=self.llm, progress=self._progress(stage))
        self.proposals["calls"] += found.asked
        self.proposals["missing"] += found.missing
        self.proposals["phrases"] += len(found.proposals)
        self.proposals["refused"] += found.refused
        by_phrase: dict[str, list[Proposal]] = {}
        for proposal in found.proposals:
            by_phrase.setdefault(proposal.phrase, []).append(proposal)
        old = [candidate.more for candidate in self.candidates if candidate.more]
        groups = [
            [proposal for phrase in group for proposal in by_phrase[phrase]]
            for group in merge([p.phrase for p in found.proposals] + old)
            if not set(group) & set(old)
        ]
        return candidates_of(groups, f"model: {self.llm.settings.model}", round, MOST_CANDIDATES)

    def _vote_on(self, candidates: Sequence[Candidate]) -> None:
        """Put new candidates to the vote: once everywhere, then again where more answers can change what is kept."""
        start = len(self.candidates)
        self.candidates += candidates
        self.passes = [np.hstack([old, self._nothing(len(candidates))]) for old in self.passes]
        new = range(start, len(self.candidates))
        everywhere = range(len(self.rows))
        self._ask(0, [(place, column) for place in everywhere for column in new], "vote")
        doubtful = [column for column in self._doubtful() if column in new]
        self._ask(1, [(place, column) for place in self.split.train.tolist() for column in doubtful], "repeat")
        differing = disagreeing(self.passes[0], self.passes[1])
        self._ask(
            2,
            [(place, column) for place in self.split.train.tolist() for column in doubtful if differing[place, column]],
            "repeat",
        )

    def _ask(self, number: int, cells: Sequence[tuple[int, int]], stage: str) -> None:
        if not cells:
            return
        told = vote(
            self.rows,
            [candidate.text for candidate in self.candidates],
            cells,
            swapped=self.swapped if number != 1 else ~self.swapped,
            repeat=number,
            purpose=_purpose(stage),
            llm=self.llm,
            scope_key=self.scope_key,
            progress=self._progress(stage),
        )
        asked = told.answers != UNASKED
        self.passes[number][asked] = told.answers[asked]
        self.cells = Cells(*(a + b for a, b in zip(self.cells, told.cells, strict=True)))
        self.named[0] += told.first_named
        self.named[1] += told.second_named

    def _progress(self, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self.tell(stage, done, total)

    def _tested(self, rules: SelectionRules) -> tuple[np.ndarray, list[Tested]]:
        answers = majority(self.passes)[: len(self.pairs.rows)]
        votes = orient(_sides(answers), self.pairs.answers)
        train = self.split.train
        raters = [self.pairs.raters[i] for i in train] if self.pairs.raters else []
        both, missing = answers[train] == BOTH, answers[train] == MISSING
        rng = np.random.default_rng(0)
        return votes, test_and_select(votes[train], raters, rules, rng, both=both, missing=missing)[0]

    def _doubtful(self) -> list[int]:
        _votes, tested = self._tested(SelectionRules())
        return sorted(t.candidate for t in tested if DOUBTFUL[0] <= t.q <= DOUBTFUL[1])

    def _decided_wrongly(self, rules: SelectionRules) -> np.ndarray:
        """Return the training comparisons that the principles kept so far decide against people, or not at all."""
        votes, tested = self._tested(rules)
        kept = [t for t in tested if not t.reason]
        if not kept:
            return self.split.train
        for_people = sum(votes[:, t.candidate] * t.sign * t.strength for t in kept)
        return np.asarray(self.split.train[np.asarray(for_people)[self.split.train] <= 0])

    def _judged(self) -> Judged:
        answers = majority(self.passes)
        first, second = self.passes[0], self.passes[1]
        twice = (np.abs(first) == 1) & (np.abs(second) == 1)
        turned = twice & (second == -first)
        judgement = Judgement(self.candidates, _sides(answers), answers == BOTH, answers == MISSING, self.cells)
        positions = [Position(int(twice[:, c].sum()), int(turned[:, c].sum())) for c in range(answers.shape[1])]
        return Judged(
            judgement,
            positions,
            self.named[0],
            self.named[1],
            self.proposals,
            self._one_sided(first),
            answers,
            self.swapped,
        )

    def _one_sided(self, answers: np.ndarray) -> int:
        """Return how many comparisons nearly all principles were answered for with one and the same text, as happens where a
        text, and not a principle, is followed."""
        if answers.shape[1] < FEWEST_ALIKE:
            return 0
        shares = np.maximum((answers == FOR_A).mean(axis=1), (answers == FOR_B).mean(axis=1))
        return int((shares >= MOST_ALIKE).sum())


def _sides(answers: np.ndarray) -> np.ndarray:
    return np.where(np.abs(answers) == 1, answers, NEITHER).astype(np.int8)


def is_turned(row: Comparison) -> bool:
    """Return whether text b of a comparison is shown first: a coin thrown by the texts themselves."""
    texts = "\0".join((row.prompt or "", row.text_a, row.text_b)).encode(errors="surrogatepass")
    return bool(hashlib.sha256(texts).digest()[0] & 1)


def _purpose(stage: str) -> str:
    return PREFIX + stage
