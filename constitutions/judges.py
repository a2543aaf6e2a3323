"""Who says which text a principle speaks for. One form of answer, so that a model can judge beside measured features."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from constitutions.algorithms.features import FEATURES, differences

MEASURED = "measured: text feature"
OPENING = "Prefer the answer that"


class Candidate(NamedTuple):
    """A principle that may be chosen.

    `more` completes "Prefer the answer that …", and `less` says the opposite; it is empty where the opposite has no words of
    its own, and the principle is then discouraged rather than turned round. `sentence` is a whole wording that someone wrote by
    hand. `merged` are other wordings that were taken to mean the same, `stable` whether it was found again on two half samples
    (None: nobody looked), `round` in which round it was proposed.
    """

    name: str
    more: str
    less: str = ""
    source: str = MEASURED
    sentence: str = ""
    merged: tuple[str, ...] = ()
    stable: bool | None = None
    round: int = 1

    @property
    def text(self) -> str:
        """The principle as a sentence, as it is put to the vote."""
        return self.sentence or f"{OPENING} {self.more}."

    def wording(self, sign: int) -> str:
        """Return the sentence of the principle as it was kept: for `sign` −1 its opposite, or what is discouraged."""
        if sign > 0:
            return self.text
        if self.less:
            return f"{OPENING} {self.less}."
        return f"Do not follow: “{self.text}”" if self.sentence else f"Avoid the answer that {self.more}."

    def direction(self, sign: int) -> str:
        """Return whether the kept principle is "encouraged" or "discouraged"."""
        return "encouraged" if sign > 0 or self.less else "discouraged"


def phrase_of(text: str) -> str:
    """Return what completes "Prefer the answer that …" in a principle's sentence; the whole of a sentence of another form."""
    return text.removeprefix(OPENING).strip(" .")


def read_back(text: str, source: str, by_hand: bool) -> Candidate:
    """Return the candidate of a model, or one written by hand, from its wording as an extraction tells it, whichever way round."""
    if by_hand:
        said = text.removeprefix("Do not follow: “").removesuffix("”") if text.startswith("Do not follow: “") else text
        return Candidate(name=said, more="", source=source, sentence=said)
    phrase = text.removeprefix(f"{OPENING} ").removeprefix("Avoid the answer that ").removesuffix(".")
    return Candidate(name=f"{OPENING} {phrase}", more=phrase, source=source)


class Cells(NamedTuple):
    """How many principle × comparison cells were asked: asked = answered + cached + missing."""

    asked: int
    answered: int
    cached: int
    missing: int


class Judgement(NamedTuple):
    """What every candidate says about every comparison; the arrays have the shape (comparisons, candidates).

    `differences` is above 0 where the candidate speaks for text a, below 0 for text b, and 0 where it speaks for neither; from a
    model its values are 1, −1 and 0. `both`: it speaks for both alike. `missing`: no answer came. Both of these are 0 in
    `differences`.
    """

    candidates: list[Candidate]
    differences: np.ndarray
    both: np.ndarray
    missing: np.ndarray
    cells: Cells


def measure(prompts: Sequence[str], texts_a: Sequence[str], texts_b: Sequence[str]) -> Judgement:
    """Return the judgement of measured features: counts in the texts. No model is asked, and no principle says more than what
    was counted."""
    counted = differences(prompts, texts_a, texts_b)
    none = np.zeros(counted.shape, dtype=bool)
    candidates = [Candidate(f.name, f.more, f.less) for f in FEATURES]
    return Judgement(candidates, counted, none, none, Cells(counted.size, counted.size, 0, 0))
