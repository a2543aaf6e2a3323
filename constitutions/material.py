"""What a model is shown of comparisons: one JSON text, so that no text can pass for another, cut where it is very long."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from elicitation.models import Comparison
from llm_client import Prompt, load_prompt

MOST_SHOWN = 12_000  # characters of a text
SHOWN_AT_END = 3_000
PROMPTS = Path(__file__).parent / "prompts"

# Texts that speak to whoever judges them. Few and plain: what is found is set apart and counted, never silently dropped.
_SPEAKS = re.compile(
    r"\b(?:vote|votes) (?:for|against) (?:me|this|the (?:first|second)|text [ab]|answer [ab]|option [ab])\b"
    r"|\b(?:choose|pick|select|prefer) (?:me\b|this (?:answer|response|text|one)\b|answer [ab]\b|response [ab]\b|text [ab]\b)"
    r"|\b(?:ignore|disregard|forget) (?:all |any |the |your )*(?:previous|prior|above|earlier) (?:instructions?|rules?|prompts?)\b"
    r"|\b(?:note|message|instructions?) (?:to|for) (?:the )?(?:judge|judges|grader|evaluator|annotator|rater)s?\b"
    r"|\byou (?:must|should) (?:answer|choose|vote|pick|prefer|select) (?:first|second|a|b)\b",
    re.IGNORECASE,
)


@lru_cache
def prompt_named(name: str) -> Prompt:
    """Return a prompt of this room."""
    return load_prompt(PROMPTS / f"{name}.md")


def shown(text: str) -> str:
    """Return a text as a model sees it: what is longer than `MOST_SHOWN` characters is cut in the middle, and says so."""
    if len(text) <= MOST_SHOWN:
        return text
    left_out = len(text) - MOST_SHOWN
    return f"{text[: MOST_SHOWN - SHOWN_AT_END]}\n[… {left_out} characters left out …]\n{text[-SHOWN_AT_END:]}"


def is_cut(comparison: Comparison) -> bool:
    return max(len(comparison.text_a), len(comparison.text_b)) > MOST_SHOWN


def speaks_to_a_judge(comparison: Comparison) -> bool:
    """Whether one of the texts asks whoever judges it for something. Such a comparison says little about a model's votes."""
    return bool(_SPEAKS.search(comparison.text_a) or _SPEAKS.search(comparison.text_b))


def asked_about(comparison: Comparison, number: int, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return a comparison as material: its number in the call, its prompt and context where it has them, and its texts."""
    told: dict[str, Any] = {"comparison": number}
    if comparison.prompt:
        told["prompt"] = shown(comparison.prompt)
    if comparison.context:
        told["context"] = comparison.context
    return told | {name: shown(text) for name, text in texts.items()}


def sides(comparison: Comparison, is_swapped: bool) -> dict[str, str]:
    """Return the texts in the order in which they are shown."""
    first, second = comparison.text_a, comparison.text_b
    return {"first": second, "second": first} if is_swapped else {"first": first, "second": second}


def written(material: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a prompt."""
    return {"material": json.dumps(material, ensure_ascii=False)}


@lru_cache(maxsize=2048)
def answer_type(name: str, properties: tuple[str, ...], kind: Any) -> type[BaseModel]:
    """Return the type of an answer that has just these properties, all of one kind: whatever fits can be used."""
    fields: dict[str, Any] = dict.fromkeys(properties, (kind, ...))
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
