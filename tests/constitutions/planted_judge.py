"""Comparisons whose reasons are known, and a model that knows them: to see whether what was planted is found.

A text says which of 30 properties it has by marks such as `{7}`. A property's principle is "shows magenta island", so that a judge can
read from a principle which mark to look for. People prefer by the true properties, with noise; the model errs, partly alike
whenever it is asked the same.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from elicitation.comparisons import import_comparisons
from elicitation.models import Dataset
from llm_client import Cut, FakeLLM
from llm_client.client import Asked

PROPERTIES = 30
TRUE = (3, 11, 19)
WORDS = (
    "amber birch cedar delta ember fjord grove harbour island jasper kelp lagoon meadow nectar orchard pebble quartz river summit"
    " thistle umber valley willow xenon yarrow zephyr acorn bramble clover dune"
).split()
COLOURS = (
    "scarlet crimson ivory teal navy maroon indigo violet magenta turquoise ochre sepia cobalt fuchsia khaki lavender mauve olive"
    " peach plum rust sage sienna silver tan vermilion white yellowish blackened grey"
).split()
MARK = re.compile(r"\{(\d+)\}")
FENCED = re.compile(r"<data-\w+>\n(.*)\n</data-\w+>", re.DOTALL)


def phrase(number: int) -> str:
    """Return the words of a property's principle; no two are alike."""
    return f"shows {COLOURS[number]} {WORDS[number]}"


@lru_cache(maxsize=1000)
def number_in(principle: str) -> int | None:
    """Return the property that a principle is about, or None."""
    return next((number for number, word in enumerate(WORDS) if re.search(rf"\b{word}\b", principle)), None)


def planted_rows(
    pairs: int,
    seed: int,
    *,
    true: Sequence[int] = TRUE,
    noise: float = 0.1,
    signs: Sequence[int] = (),
    rater: str = "people",
) -> list[dict[str, Any]]:
    """Return comparisons, three to a prompt, whose answers follow the true properties; `signs` turn some of them round."""
    rng = np.random.default_rng(seed)
    relevance = rng.uniform(0.25, 0.85, PROPERTIES)
    turned = np.array(signs or [1] * len(true))
    rows = []
    for number in range(pairs):
        differs = np.where(rng.random(PROPERTIES) < relevance, rng.choice([-1, 1], PROPERTIES), 0)
        alike = rng.random(PROPERTIES) < 0.5  # where they do not differ, both show it or neither does
        both_have = (differs == 0) & alike
        score = float((differs[list(true)] * turned).sum()) or float(rng.choice([-1, 1]))
        answer = "a" if (score > 0) != (rng.random() < noise) else "b"
        rows.append(
            {
                "id": f"{rater}-{number}",
                "prompt": f"What about matter {number // 3}?",
                "text_a": _text((differs > 0) | both_have, number, "one"),
                "text_b": _text((differs < 0) | both_have, number, "two"),
                "annotations": {"human": {rater: answer}},
            }
        )
    return rows


def _text(has: np.ndarray, number: int, side: str) -> str:
    return f"Text {side} of {number}. " + " ".join(f"{{{place}}}" for place in np.flatnonzero(has))


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def planted(folder: Path, rows: Sequence[dict[str, Any]], slug: str = "planted") -> Dataset:
    path = folder / f"{slug}.jsonl"
    write_rows(path, rows)
    import_comparisons(path, slug)
    return Dataset.objects.get(slug=slug)


@dataclass
class PlantedJudge:
    """Answers as a model that reads the marks. `error` is how often a vote is wrong, half of it whenever the same is asked."""

    error: float = 0.1
    proposes: Sequence[int] = tuple(range(PROPERTIES))

    def __call__(self, asked: Asked) -> dict[str, Any]:
        return self.answer(asked.user, json.dumps(asked.parameters))

    def answer(self, user: str, salt: str) -> dict[str, Any]:
        material = json.loads(FENCED.search(user)[1])  # type: ignore[index]
        if "questions" in material:
            return self._votes(material, salt)
        if "rules" in material:
            return {
                f"r{rule['rule']}_{which}": f"{('Choose', 'Pick')[which - 1]} what {phrase(number_in(rule['text']) or 0)}."
                for rule in material["rules"]
                for which in (1, 2)
            }
        if material["comparisons"] and "preferred" in material["comparisons"][0]:
            return self._proposals(material)
        return self._choices(material)

    def _proposals(self, material: dict[str, Any]) -> dict[str, Any]:
        leads = [0] * PROPERTIES
        for row in material["comparisons"]:
            for place in self.proposes:
                leads[place] += (place in marks(row["preferred"])) - (place in marks(row["other"]))
        best = sorted(self.proposes, key=lambda place: (-abs(leads[place]), _hash("order", place, str(material))))[:6]
        return {"principles": [phrase(place) for place in best]}

    def _votes(self, material: dict[str, Any], salt: str) -> dict[str, Any]:
        rows = {row["comparison"]: row for row in material["comparisons"]}
        texts = {row["principle"]: row["text"] for row in material["principles"]}
        said = {}
        for question in material["questions"]:
            pair, rank = (int(part[1:]) for part in question.split("_"))
            said[question] = self._vote(rows[pair], texts[rank], salt)
        return said

    def _vote(self, row: dict[str, Any], text: str, salt: str) -> str:
        number = number_in(text)
        has = [number in marks(row[side]) for side in ("first", "second")]
        truth = "first" if has[0] > has[1] else "second" if has[1] > has[0] else "neither"
        same = sorted([row["first"], row["second"]])
        lasting = _hash(text, *same) < self.error / 2
        fleeting = _hash(text, row["first"], salt) < self.error / 2
        if not (lasting or fleeting):
            return truth
        return ("first", "second", "neither")[int(_hash("wrong", text, *same) * 3)]

    def _choices(self, material: dict[str, Any]) -> dict[str, Any]:
        numbers = [number_in(text) for text in material.get("constitution", [])]
        said = {}
        for row in material["comparisons"]:
            lead = sum((n in marks(row["first"])) - (n in marks(row["second"])) for n in numbers if n is not None)
            said[f"c{row['comparison']}"] = "first" if lead > 0 else "second" if lead < 0 else "undecided"
        return said


@lru_cache(maxsize=10_000)
def marks(text: str) -> frozenset[int]:
    return frozenset(int(found) for found in MARK.findall(text))


def _hash(*parts: Any) -> float:
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def planted_model(
    judge: Callable[[Asked], Any] | None = None, *, fails: float = 0.0, error: float = 0.1, salt: int = 0
) -> FakeLLM:
    """Return a model that answers as planted, or as another judge does; a share of its answers breaks off."""
    answers = judge or PlantedJudge(error)
    asked_before: dict[str, int] = {}

    def answer(asked: Asked) -> Any:
        times = asked_before[asked.sha256] = asked_before.get(asked.sha256, 0) + 1
        return Cut('{"c1') if _hash("fails", asked.sha256, times, salt) < fails else answers(asked)

    return FakeLLM(answer)
