"""What one run asks a model and what that costs, by stage; and a cap at which it stops."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.models import LLMCall
from llm_client import LLM, Call, Ledger

PREFIX = "constitution: "


class CountingLedger:
    """Hands every call on to a ledger, and counts what it was and cost under its stage."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.stages: dict[str, dict[str, Any]] = {}
        self.cost = Decimal(0)

    def find(self, request_sha256: str) -> str | None:
        return self.ledger.find(request_sha256)

    def find_many(self, request_sha256s: Sequence[str]) -> Mapping[str, str]:
        return self.ledger.find_many(request_sha256s)

    def spent(self) -> Decimal:
        return self.ledger.spent()

    def batch(self) -> AbstractContextManager[Any]:
        return self.ledger.batch()

    def record(self, call: Call) -> Any:
        stage = call.purpose.removeprefix(PREFIX)
        told = self.stages.setdefault(stage, _nothing())
        _add(told, call.attempts, call.outcome, call.tokens_in, call.tokens_out, call.cost)
        self.cost += call.cost
        return self.ledger.record(call)

    def told(self) -> dict[str, Any]:
        """Return requests, retries, tokens and cost, over all and by stage."""
        return _told(self.stages)


def _nothing() -> dict[str, Any]:
    return {"requests": 0, "retries": 0, "cached": 0, "tokens_in": 0, "tokens_out": 0, "cost": Decimal(0)}


def _summed(stages: list[dict[str, Any]]) -> dict[str, Any]:
    total = {
        name: sum(stage[name] for stage in stages)
        for name in ("requests", "retries", "cached", "tokens_in", "tokens_out")
    }
    cost = sum((stage["cost"] for stage in stages), Decimal(0))
    return total | {"tokens": total["tokens_in"] + total["tokens_out"], "cost": float(cost)}


def no_calls() -> dict[str, Any]:
    """Return what is told where nothing was asked."""
    return _summed([])


def told_since(scope_key: str, since: datetime) -> dict[str, Any]:
    """Return what all calls for constitutions of one study or dataset were and cost since a moment, as `CountingLedger.told`: a run
    that was stopped and went on is told of whole."""
    calls = LLMCall.objects.filter(scope_key=scope_key, purpose__startswith=PREFIX, created_at__gte=since)
    stages: dict[str, dict[str, Any]] = {}
    for purpose, attempts, outcome, tokens_in, tokens_out, cost in calls.order_by("created_at").values_list(
        "purpose", "attempts", "outcome", "tokens_in", "tokens_out", "cost"
    ):
        _add(
            stages.setdefault(purpose.removeprefix(PREFIX), _nothing()), attempts, outcome, tokens_in, tokens_out, cost
        )
    return _told(stages)


def _add(told: dict[str, Any], attempts: int, outcome: str, tokens_in: int, tokens_out: int, cost: Decimal) -> None:
    told["requests"] += min(1, attempts)
    told["retries"] += max(0, attempts - 1)
    told["cached"] += outcome == "cached"
    told["tokens_in"] += tokens_in
    told["tokens_out"] += tokens_out
    told["cost"] += cost


def _told(stages: dict[str, dict[str, Any]]) -> dict[str, Any]:
    by_stage = {name: _summed([stage]) for name, stage in stages.items()}
    return _summed(list(stages.values())) | ({"stages": by_stage} if by_stage else {})


def counted(llm: LLM, cap: Decimal | None = None) -> tuple[LLM, CountingLedger]:
    """Return the model with its calls counted, which stops with LLMBudgetReached when this run has spent `cap`.

    Raises ValidationError if there is a cap and the prices of tokens are not known.
    """
    asked = copy.copy(llm)
    ledger = CountingLedger(llm.ledger)
    asked.ledger = ledger
    if cap is not None:
        if llm.settings.price_in is None or llm.settings.price_out is None:
            told = _("A cap needs the prices of tokens: set FOLKMOOT_LLM_PRICE_IN and FOLKMOOT_LLM_PRICE_OUT.")
            raise ValidationError({"cap": told})
        here = llm.ledger.spent() + cap
        asked.budget = here if llm.budget is None else min(llm.budget, here)
    return asked, ledger
