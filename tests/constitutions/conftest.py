"""Comparisons to extract from: made up, with one thing that people always prefer, and with nothing."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.models import User
from elicitation.comparisons import import_comparisons
from elicitation.models import Dataset

Preferring = Callable[..., Dataset]
WORDS = "bread river stone window garden letter winter table morning road".split()


@pytest.fixture
def preferring(tmp_path: Path, facilitator: User) -> Preferring:
    """Import comparisons whose people prefer the text with more list items, this often: `preferring("lists", share=0.9)`.

    Two comparisons for each prompt, three people each, all of one mind; the facilitator owns the dataset.
    """

    def make(slug: str, *, share: float = 0.9, pairs: int = 160, seed: int = 1, prompts: int | None = None) -> Dataset:
        rng = random.Random(seed)
        lines = []
        for n in range(pairs):
            texts = [plain(rng), "\n".join(f"- {word}" for word in plain(rng).split())]
            listed = rng.randrange(2)
            answer = "ab"[listed if rng.random() < share else 1 - listed]
            row = {
                "id": n,
                "prompt": f"Question {n % (prompts or pairs // 2)}",
                "text_a": texts[listed == 0],
                "text_b": texts[listed == 1],
                "annotations": {"human": dict.fromkeys(("ana", "bo", "cleo"), answer)},
            }
            lines.append(json.dumps(row) + "\n")
        path = tmp_path / f"{slug}.jsonl"
        path.write_text("".join(lines))
        import_comparisons(path, slug, owner=facilitator)
        return Dataset.objects.get(slug=slug)

    return make


@pytest.fixture
def dataset(preferring: Preferring) -> Dataset:
    return preferring("lists")


def plain(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=12))


def principle_texts(body: dict[str, Any]) -> list[str]:
    return [principle["text"] for principle in body["principles"]]
