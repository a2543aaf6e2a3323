"""Answers that are made together so that they differ in values, and become comparisons: what people choose between them tells more
than a choice between answers that happen to be alike. Method: Community Alignment (joint candidates), with their spread measured.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field

from core.canonical import sha256_of
from core.models import LLMCall
from core.text import clean_text
from elicitation.algorithms.similarity import vectors
from elicitation.comparison_formats.content import MOST_CONTEXT
from elicitation.comparisons import add_comparison, dataset_of
from elicitation.models import CandidateSet, Study
from llm_client import LLM, Prompt, load_prompt

FEWEST, MOST = 2, 6
MOST_ANSWER = 4000
MOST_PROMPT = 4000


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: str = Field(min_length=1, max_length=80)
    text: str = Field(min_length=1, max_length=MOST_ANSWER)


class Answers(BaseModel):
    model_config = ConfigDict(extra="forbid")

    answers: list[Answer] = Field(min_length=FEWEST, max_length=MOST)


@lru_cache
def _prompt() -> Prompt:
    return load_prompt(Path(__file__).parent / "prompts" / "candidates.md")


def spread(texts: Sequence[str]) -> float:
    """Return how far texts are apart in their words: 1 minus the mean cosine of every two, 0 (equal) to 1."""
    if len(texts) < 2:
        return 0.0
    rows = vectors(list(texts))
    alike = (rows @ rows.T).toarray()
    return float(1 - np.mean([alike[i, j] for i, j in combinations(range(len(texts)), 2)]))


def write_candidates(study: Study, *, prompt: str, context: str = "", wanted: int = 4, llm: LLM) -> CandidateSet:
    """Let a model write answers that differ in values, and make a comparison of every two. The same prompt again gives the same
    set. Raises ValidationError for a prompt that cannot be stored, and LLMError where no usable answer came."""
    prompt, context = _checked(prompt, context)
    if not FEWEST <= wanted <= MOST:
        raise ValidationError({"wanted": _("Ask for %(few)d to %(most)d answers.") % {"few": FEWEST, "most": MOST}})
    asked = sha256_of(["model", prompt, context, wanted])
    if found := CandidateSet.objects.filter(study=study, inputs_sha256=asked).first():
        return found
    answer, call = llm.ask(
        _prompt(),
        {"prompt": prompt, "context": context or "any", "wanted": wanted},
        returns=Answers,
        purpose="candidates",
    )
    told = [{"value": " ".join(one.value.split()), "text": one.text.strip()} for one in answer.answers[:wanted]]
    return _store(study, prompt, context, wanted, told, f"model: {llm.settings.model}", call, asked)


def add_candidates(study: Study, *, prompt: str, texts: Sequence[str], context: str = "") -> CandidateSet:
    """Make a comparison of every two of the texts that someone wrote. Raises ValidationError for texts that cannot be stored or are
    equal, and for fewer than two or more than six."""
    prompt, context = _checked(prompt, context)
    written = [clean_text(text, field="texts", most=MOST_ANSWER, required=True).strip() for text in texts]
    if not FEWEST <= len(written) <= MOST or len(set(written)) < len(written):
        what = _("Write %(few)d to %(most)d different answers.") % {"few": FEWEST, "most": MOST}
        raise ValidationError({"texts": what})
    told = [{"value": "", "text": text} for text in written]
    return _store(study, prompt, context, len(written), told, "", None, sha256_of(["hand", prompt, context, written]))


def _checked(prompt: str, context: str) -> tuple[str, str]:
    prompt = clean_text(prompt, field="prompt", most=MOST_PROMPT, required=True).strip()
    return prompt, clean_text(context, field="context", most=MOST_CONTEXT).strip()


def _store(
    study: Study,
    prompt: str,
    context: str,
    wanted: int,
    told: list[dict[str, str]],
    model: str,
    call: Any,
    inputs_sha256: str,
) -> CandidateSet:
    """Store a set and its comparisons, or return the equal one that someone else stored at the same moment."""
    dataset = dataset_of(study)
    texts = [one["text"] for one in told]
    try:
        with transaction.atomic():
            made = CandidateSet.objects.create(
                study=study,
                prompt=prompt,
                context=context,
                wanted=wanted,
                answers=told,
                spread=spread(texts),
                inputs_sha256=inputs_sha256,
                llm_call=call if isinstance(call, LLMCall) else None,
            )
            shared = {"prompt": prompt, "context": context, "model_a": model, "model_b": model}
            pairs = [
                add_comparison(dataset, text_a=one, text_b=other, **shared) for one, other in combinations(texts, 2)
            ]
            made.comparisons = [pair.number for pair in pairs]
            made.save(update_fields=["comparisons"])
            return made
    except IntegrityError:
        return CandidateSet.objects.get(study=study, inputs_sha256=inputs_sha256)
