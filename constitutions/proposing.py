"""Propose principles: a model reads what people chose and what they did not, and says what could explain it."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from constitutions.algorithms.ballots import MOST_PAIRS
from constitutions.asking import Progress, ask_all
from constitutions.judges import OPENING, Candidate
from constitutions.material import asked_about, prompt_named, written
from elicitation.models import Comparison
from llm_client import LLM, LLMError, Request

PROMPT = "propose_principles"
MOST_PROPOSED_FROM = 100  # comparisons that are read for proposals
MOST_WORDS = 16  # the prompt asks for 12
_OPENINGS = re.compile(
    r"^(?:(?:prefer|choose|select|pick)\w* (?:the|an?) (?:answer|response|text|one)s? )?(?:that|which|who)\s+", re.I
)
_AVOID = re.compile(r"^avoid (?=\w+ing\b)", re.I)
# What a rule must not say: which side it is ("the right answer" is none: sides are called first and second), or what whoever judges
# should do; and a sentence that cannot follow "the answer that".
_UNUSABLE = re.compile(
    r"\b(?:first|second|left) (?:answer|text|response|one)\b"
    r"|\b(?:text|answer|response|option) (?:(?-i:[AB])\b|[12]\b|[ab]$)"
    r"|\bvote (?:for|against)\b|^(?:always )?(?:prefer|choose|pick|select|vote|avoid)\b|\bthis (?:one|answer|text|response)\b"
    r"|\bignore (?:all |any |the |previous |other )*(?:rules|instructions|principles)\b|\bthe judges?\b",
    re.IGNORECASE,
)


class Principles(BaseModel):
    model_config = ConfigDict(extra="forbid")

    principles: list[str] = Field(max_length=6)


class Shown(NamedTuple):
    """A comparison as it is read for proposals: which text was preferred, and on which half sample it lies (0 or 1)."""

    comparison: Comparison
    preferred: str
    half: int


class Proposal(NamedTuple):
    """One proposal, by its phrase, and the half sample that it came from."""

    phrase: str
    half: int


class Proposed(NamedTuple):
    """What was proposed, in the order of the calls; how many calls were made and stayed without an answer; and how many phrases could
    not be used."""

    proposals: list[Proposal]
    asked: int
    missing: int
    refused: int


def propose(
    shown: Sequence[Shown],
    *,
    known: Sequence[str] = (),
    purpose: str,
    llm: LLM,
    progress: Progress = lambda done, total: None,
) -> Proposed:
    """Return phrases that complete "Prefer the answer that …", a few comparisons a call, each call within one half sample.

    `known` are principles that need not be proposed again. Raises LLMBudgetReached, and LLMUnavailable where nobody can be
    reached.
    """
    batches = [batch for which in (0, 1) for batch in _evenly([row for row in shown if row.half == which])]
    answers = ask_all([_request(batch, known, purpose) for batch in batches], llm, progress)
    said = [
        (usable(phrase, batch), batch[0].half)
        for batch, answer in zip(batches, answers, strict=True)
        if not isinstance(answer, LLMError)
        for phrase in answer.principles
    ]
    proposals = [Proposal(phrase, half) for phrase, half in said if phrase]
    missing = sum(isinstance(answer, LLMError) for answer in answers)
    return Proposed(proposals, len(batches), missing, len(said) - len(proposals))


def _evenly(half: Sequence[Shown]) -> list[Sequence[Shown]]:
    """Return calls of nearly equal size, at most `MOST_PAIRS` each: what a comparison alone suggests fits little else."""
    calls = -(-len(half) // MOST_PAIRS)
    return [half[len(half) * call // calls : len(half) * (call + 1) // calls] for call in range(calls)]


def _request(batch: Sequence[Shown], known: Sequence[str], purpose: str) -> Request[Principles]:
    material: dict[str, Any] = {"known": list(known)} if known else {}
    material["comparisons"] = [
        asked_about(row.comparison, number, {"preferred": row.preferred, "other": _other(row)})
        for number, row in enumerate(batch, 1)
    ]
    return Request(prompt_named(PROMPT), written(material), Principles, purpose)


def _other(row: Shown) -> str:
    texts = row.comparison.text_a, row.comparison.text_b
    return texts[1] if row.preferred == texts[0] else texts[0]


def usable(said: str, batch: Sequence[Shown] = ()) -> str:
    """Return a proposal as the phrase that completes "Prefer the answer that …", or nothing if it is none: too long, copied
    from a text, about the sides or the judge, or no end of that sentence."""
    phrase = _AVOID.sub("avoids ", _OPENINGS.sub("", " ".join(said.split()).lstrip("… "))).rstrip(".!… ")
    if not phrase or len(phrase.split()) > MOST_WORDS or _UNUSABLE.search(phrase):
        return ""
    is_copied = len(phrase.split()) > 5 and any(
        phrase.lower() in text.lower() for row in batch for text in (row.comparison.text_a, row.comparison.text_b)
    )
    return "" if is_copied else phrase[0].lower() + phrase[1:] if not phrase[:2].isupper() else phrase


def candidates_of(groups: Sequence[Sequence[Proposal]], source: str, round: int, most: int) -> list[Candidate]:
    """Return merged proposals as candidates, those that were proposed most often first, at most `most`.

    The first of each group is the one that is kept; `stable` where both half samples proposed it.
    """
    ordered = sorted(groups, key=lambda group: (-len(group), group[0].phrase))[:most]
    return [
        Candidate(
            name=f"{OPENING} {group[0].phrase}",
            more=group[0].phrase,
            source=source,
            merged=tuple(sorted({proposal.phrase for proposal in group} - {group[0].phrase})),
            stable=len({proposal.half for proposal in group}) == 2,
            round=round,
        )
        for group in ordered
    ]
