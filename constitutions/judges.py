"""Who says which text a principle speaks for. One interface, so that a model can judge beside measured features."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from django.utils.translation import gettext as _

from constitutions.algorithms.features import FEATURES, differences
from core.problems import Problem


class Candidate(NamedTuple):
    """A principle that could be proposed: its name for programs, and its words for the two directions."""

    name: str
    more: str
    less: str


class Cells(NamedTuple):
    """How many principle × comparison cells were asked: asked = answered + cached + missing."""

    asked: int
    answered: int
    cached: int
    missing: int


class Judgement(NamedTuple):
    """How much more each candidate speaks for text a than for text b: array of shape (comparisons, candidates)."""

    candidates: list[Candidate]
    differences: np.ndarray
    cells: Cells
    source: str


class Judge(Protocol):
    """Judges candidates on comparisons."""

    @property
    def candidates(self) -> list[Candidate]:
        """What would be judged."""
        ...

    def judge(self, prompts: Sequence[str], texts_a: Sequence[str], texts_b: Sequence[str]) -> Judgement:
        """Return the judgement of every candidate on every comparison."""
        ...


class FeatureJudge:
    """Counts in the texts; no model is asked, and no principle says more than what was counted."""

    @property
    def candidates(self) -> list[Candidate]:
        return [Candidate(f.name, f.more, f.less) for f in FEATURES]

    def judge(self, prompts: Sequence[str], texts_a: Sequence[str], texts_b: Sequence[str]) -> Judgement:
        counted = differences(prompts, texts_a, texts_b)
        return Judgement(self.candidates, counted, Cells(counted.size, counted.size, 0, 0), "measured: text feature")


def judge_named(name: str) -> Judge:
    """Return the judge with this name. Raises Problem for one that is not there."""
    if name == "features":
        return FeatureJudge()
    if name == "llm":
        raise Problem(501, "judge-not-built", _("The model judge is not built yet"), _("Use the judge “features”."))
    raise Problem(400, "unknown-judge", _("There is no judge %r") % name[:40], _("Choose features."))
