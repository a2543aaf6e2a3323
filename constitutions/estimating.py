"""What an extraction would ask a model and cost, by stage, before it is run: made of the real texts, and of assumptions that are
told where only the run itself can know."""

import json
from collections.abc import Sequence
from math import ceil
from statistics import median
from typing import Any

from constitutions.algorithms.ballots import MOST_CELLS, MOST_PAIRS
from constitutions.algorithms.features import FEATURES
from constitutions.executors import PROMPT as READER
from constitutions.extraction import MOST_READ, left_out
from constitutions.judges import OPENING
from constitutions.material import asked_about, prompt_named, written
from constitutions.model_judge import MOST_CANDIDATES, MOST_RESIDUAL
from constitutions.options import Options, check_model, read_options
from constitutions.pairs import Pairs, read_pairs
from constitutions.proposing import MOST_PROPOSED_FROM
from constitutions.proposing import PROMPT as PROPOSER
from constitutions.spending import no_calls
from constitutions.voting import PROMPT as VOTER
from constitutions.wording import EACH, MOST_COMPARISONS
from constitutions.wording import PROMPT as WORDER
from core.ledger import model_settings
from core.models import LLMCall
from elicitation.models import Comparison, Dataset
from llm_client import LLMSettings
from llm_client.client import CHARACTERS_A_TOKEN

# What only a run can know. On planted judges (tests/constitutions/planted_judge.py) they come near.
PROPOSED_A_CALL = 2.5  # distinct principles that one call adds, until there are enough
PROPOSED_LATER = 1  # that one call of a later round adds
DOUBTFUL_SHARE = 0.2  # of the principles, asked again on the training part
DIFFERING_SHARE = 0.6  # of those comparisons, asked a third time
PHRASE = "x" * 26
SECONDS_A_CALL = 2.0  # where the ledger knows no call of this model yet
LATEST_CALLS = 200


def estimate(dataset: Dataset | None, *, settings: LLMSettings | None = None, **options: Any) -> dict[str, Any]:
    """Return what an extraction would ask and cost: comparisons, candidates, cells, and calls with tokens, money and seconds, by
    stage. Measured features ask no model, and no more does a graph. `settings` are the model's, by default the configured one's.
    Raises as `extract`."""
    chosen = read_options(**options)
    pairs = read_pairs(dataset, chosen.annotators, chosen.group, left_out(chosen)) if dataset is not None else None
    rows = pairs.rows if pairs else []
    if not chosen.asks_a_model:
        candidates, calls = len(FEATURES), no_calls()
    else:
        if settings is None:
            check_model()
            settings = model_settings()
        candidates, calls = _asked(pairs, chosen, settings) if pairs else (0, no_calls())
    return {
        "comparisons": len(rows),
        "candidates": candidates,
        "cells": len(rows) * candidates,
        "calls": calls,
        "judge": chosen.judge,
    }


def _asked(pairs: Pairs, options: Options, settings: LLMSettings) -> tuple[int, dict[str, Any]]:
    rows = pairs.rows
    held = round(len(rows) * options.test_fraction)
    train = len(rows) - held
    read_for_proposals = min(train, MOST_PROPOSED_FROM)
    proposing = 2 * ceil(read_for_proposals / 2 / MOST_PAIRS)
    new = min(MOST_CANDIDATES, round(PROPOSED_A_CALL * proposing))
    candidates = len(options.fixed) + new
    stages = {
        "propose": _stage(PROPOSER, rows, proposing, read_for_proposals / proposing, 0, 6 * len(PHRASE)),
        "vote": _voting(rows, len(rows), candidates),
        "repeat": _repeating(rows, train, candidates),
    }
    for _later in range(1, options.rounds):
        more = min(MOST_RESIDUAL, train // 3)
        calls = 2 * ceil(more / 2 / MOST_PAIRS)
        added = min(MOST_CANDIDATES, PROPOSED_LATER * calls)
        candidates += added
        stages["propose"] = _sum(
            stages["propose"], _stage(PROPOSER, rows, calls, more / calls, candidates, 6 * len(PHRASE))
        )
        stages["vote"] = _sum(stages["vote"], _voting(rows, len(rows), added))
        stages["repeat"] = _sum(stages["repeat"], _repeating(rows, train, added))
    if options.reader:
        read = min(held, MOST_READ)
        calls = ceil(read / MOST_PAIRS)
        one = _stage(READER, rows, calls, min(read, MOST_PAIRS), options.principles, 16 * MOST_PAIRS)
        stages["read"] = _sum(one, _stage(READER, rows, calls, min(read, MOST_PAIRS), 0, 16 * MOST_PAIRS))
    if options.wording:
        said = _stage(WORDER, rows, 1, 0, options.principles, 2 * options.principles * len(PHRASE))
        looked_at = min(train, MOST_COMPARISONS)
        stages["wording"] = _sum(said, _voting(rows, looked_at, EACH * options.principles))
    total = {"requests": 0, "tokens_in": 0, "tokens_out": 0}
    for stage in stages.values():
        total = _sum(total, stage)
    waits = SECONDS_A_CALL if (known := _latency(settings)) is None else known
    told = _priced(total, settings) | {
        "retries": 0,
        "seconds": round(ceil(total["requests"] / settings.max_concurrency) * waits, 1),
        "seconds_a_call": waits,
        "assumes": {
            "doubtful_share": DOUBTFUL_SHARE,
            "differing_share": DIFFERING_SHARE,
            "candidates": candidates,
            "latency_known": known is not None,
        },
        "stages": {name: _priced(stage, settings) for name, stage in stages.items()},
    }
    return candidates, told


def _voting(rows: Sequence[Comparison], comparisons: int, principles: int) -> dict[str, int]:
    """Return what a pass over so many comparisons and principles asks."""
    if not principles or not comparisons:
        return {"requests": 0, "tokens_in": 0, "tokens_out": 0}
    pieces = ceil(principles / MOST_CELLS)
    together = max(1, min(MOST_PAIRS, MOST_CELLS // principles))
    calls = ceil(comparisons / together) * pieces
    cells = min(principles, MOST_CELLS) * together
    return _stage(VOTER, rows, calls, together, min(principles, MOST_CELLS), 18 * cells, questions=cells)


def _repeating(rows: Sequence[Comparison], train: int, principles: int) -> dict[str, int]:
    doubtful = round(principles * DOUBTFUL_SHARE)
    third = _voting(rows, round(train * DIFFERING_SHARE), max(1, doubtful // 3) if doubtful else 0)
    return _sum(_voting(rows, train, doubtful), third)


def _stage(
    prompt: str,
    rows: Sequence[Comparison],
    calls: int,
    together: float,
    principles: int,
    answer: int,
    questions: int = 0,
) -> dict[str, int]:
    """Return requests and tokens of so many calls, each of which shows `together` comparisons and so many principles."""
    material = {
        "principles": [{"principle": n, "text": f"{OPENING} {PHRASE}."} for n in range(1, principles + 1)],
        "questions": [f"c1_p{n % 30 + 1}" for n in range(questions)],
    }
    empty = prompt_named(prompt).render({"material": ""})
    fixed = len(empty.system) + len(empty.user) + len(written(material)["material"])
    characters = fixed + together * _mean_length(rows)
    return {
        "requests": calls,
        "tokens_in": round(calls * characters / CHARACTERS_A_TOKEN),
        "tokens_out": round(calls * answer / CHARACTERS_A_TOKEN),
    }


def _mean_length(rows: Sequence[Comparison]) -> float:
    """Return how many characters a comparison takes as material."""
    shown = (asked_about(row, 1, {"first": row.text_a, "second": row.text_b}) for row in rows)
    lengths = [len(json.dumps(told, ensure_ascii=False)) + 2 for told in shown]
    return sum(lengths) / max(1, len(lengths))


def _sum(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return {name: first[name] + second[name] for name in first}


def _priced(stage: dict[str, int], settings: LLMSettings) -> dict[str, Any]:
    cost = float(settings.cost(stage["tokens_in"], stage["tokens_out"])) if settings.price_in is not None else None
    return {**stage, "tokens": stage["tokens_in"] + stage["tokens_out"], "cost": cost}


def _latency(settings: LLMSettings) -> float | None:
    """Return the median seconds of this model's latest calls, or None if there were none."""
    calls = LLMCall.objects.filter(model=settings.model, outcome="ok").order_by("-created_at")
    taken = list(calls.values_list("latency_ms", flat=True)[:LATEST_CALLS])
    return median(taken) / 1000 if taken else None
