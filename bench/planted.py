"""Planted comparisons whose true principles are known, for every judge: `planted(pairs, seed=…)`.

Each text is the same short sentences in a drawn order, each in a plain or a marked form of as many words. What marks a
sentence is one candidate of `MARKS`; the first `COUNTED` of them are things that the features judge counts, and have its
names, the others only a reader sees. So texts are of equal length, candidates do not go together, and what people prefer is
nothing but the true principles and noise.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Mark(NamedTuple):
    """A candidate principle: its name, what the text that has it does, and its sentence in both forms."""

    name: str
    words: str
    plain: str
    marked: str


MARKS: tuple[Mark, ...] = (
    Mark("list_items", "has more list items", "Bread lies on the table.", "- Bread lies on the table."),
    Mark("questions", "has more question marks", "The door is open.", "The door is open?"),
    Mark("digits", "has more numbers", "So nine boats came and four left.", "So 9 boats came and 4 left."),
    Mark("exclamations", "has more exclamation marks", "The lamp is lit.", "The lamp is lit!"),
    Mark("bold", "has more bold words", "A red coat hangs there.", "A **red** coat hangs there."),
    Mark("quotes", "has more quotation marks", "They call it home.", "They call it “home”."),
    Mark("brackets", "has more brackets", "The old well runs dry.", "The (old) well runs dry."),
    Mark("code", "has more code", "Write print on the board.", "Write `print` on the board."),
    Mark("emoji", "has more emoji", "The sun is up.", "The sun is up 🙂."),
    Mark("commas", "has more commas", "Apples pears and plums grow here.", "Apples, pears, and plums grow here."),
    Mark("hedges", "has more words such as “maybe”", "Today it rains in town.", "Maybe it rains in town."),
    Mark("politeness", "has more words such as “please”", "Now close the gate.", "Please close the gate."),
    Mark("warnings", "has more words such as “risk”", "That road has a ditch.", "That road has a risk."),
    Mark("first_person", "has more of “I” and “we”", "They walked to school.", "We walked to school."),
    Mark("second_person", "has more of “you”", "Ana took the train.", "You took the train."),
    Mark("causes", "has more words such as “because”", "He slept when it snowed.", "He slept because it snowed."),
    Mark("contrasts", "has more words such as “but”", "Small and strong it stood.", "Small but strong it stood."),
    Mark("negations", "has more words such as “not”", "The key is still here.", "The key is not here."),
    Mark("feelings", "has more words such as “sad”", "She was tall that day.", "She was sad that day."),
    Mark("certainty", "has more words such as “always”", "The bus there waits.", "The bus always waits."),
    Mark("sea", "speaks of the sea", "A path leads to the field.", "A path leads to the sea."),
    Mark("music", "speaks of music", "Someone carried a basket.", "Someone carried a violin."),
    Mark("child", "speaks of a child", "A guard waved from afar.", "A child waved from afar."),
    Mark("night", "is set at night", "At noon the street fell quiet.", "At midnight the street fell quiet."),
    Mark("winter", "is set in winter", "The summer had just begun.", "The winter had just begun."),
    Mark("animal", "speaks of an animal", "A cart crossed the yard.", "A horse crossed the yard."),
    Mark("money", "speaks of money", "He found a button there.", "He found a coin there."),
    Mark("gift", "speaks of a gift", "She brought home the parcel.", "She brought home the present."),
    Mark("doctor", "speaks of a doctor", "The baker lived next door.", "The doctor lived next door."),
    Mark("garden", "speaks of a garden", "Behind it was a wall.", "Behind it was a garden."),
)
COUNTED = 20
NAMES = tuple(mark.name for mark in MARKS)


class Principle(NamedTuple):
    """A true principle: people prefer the text with the mark (sign 1) or that without (−1); `other` is the sign that the
    other group follows."""

    name: str
    sign: int
    other: int


TRUE = (Principle("list_items", 1, 1), Principle("questions", -1, -1), Principle("digits", 1, -1))


class Planted(NamedTuple):
    """Comparisons with one answer each. `has_more` tells which text has each mark: shape (pairs, marks), 1 for a, −1 for b,
    0 for both or neither. `others` tells whose answer it is: true for a person of the group that contradicts."""

    prompts: list[str]
    texts_a: list[str]
    texts_b: list[str]
    answers: list[str]
    raters: list[int]
    others: np.ndarray
    has_more: np.ndarray
    principles: tuple[Principle, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return the comparisons as lines of our own JSONL."""
        columns = zip(self.prompts, self.texts_a, self.texts_b, self.answers, self.raters, strict=True)
        return [
            {"id": n, "prompt": prompt, "text_a": a, "text_b": b, "annotations": {"human": {f"rater-{rater}": answer}}}
            for n, (prompt, a, b, answer, rater) in enumerate(columns, 1)
        ]


def planted(
    pairs: int = 2000,
    *,
    seed: int,
    principles: Sequence[Principle] = TRUE,
    noise: float = 0.1,
    raters: int = 60,
    others: float = 0.2,
    per_prompt: int = 3,
    inverted: bool = False,
) -> Planted:
    """Return planted comparisons. `noise` of the answers are turned, `others` of the raters are the group that contradicts,
    and with `inverted` every answer is turned. An odd number of principles speaks about each pair, so that all are decided."""
    rng = np.random.default_rng(seed)
    places = [NAMES.index(p.name) for p in principles]
    has_more = rng.choice([1, 0, -1], (pairs, len(MARKS)), p=[0.25, 0.5, 0.25])
    while len(even := np.flatnonzero((has_more[:, places] != 0).sum(axis=1) % 2 == 0)):
        has_more[even] = rng.choice([1, 0, -1], (len(even), len(MARKS)), p=[0.25, 0.5, 0.25])
    rater = rng.integers(0, raters, pairs)
    is_other = rater < round(raters * others)
    signs = np.where(is_other[:, None], [p.other for p in principles], [p.sign for p in principles])
    turned = (rng.random(pairs) < noise) != inverted
    prefers_a = ((has_more[:, places] * signs).sum(axis=1) > 0) != turned
    both = rng.random((pairs, len(MARKS))) < 0.5  # where no text has more of a mark: both have it, or neither
    texts_a, texts_b = (_texts(has_more * side, both, rng) for side in (1, -1))
    return Planted(
        [f"What did you see on walk {n // per_prompt + 1}?" for n in range(pairs)],
        texts_a,
        texts_b,
        ["a" if a else "b" for a in prefers_a],
        rater.tolist(),
        is_other,
        has_more,
        tuple(principles),
    )


def _texts(has_more: np.ndarray, both: np.ndarray, rng: np.random.Generator) -> list[str]:
    is_marked = (has_more > 0) | ((has_more == 0) & both)
    return [
        "\n".join(MARKS[m].marked if row[m] else MARKS[m].plain for m in rng.permutation(len(MARKS)))
        for row in is_marked
    ]
