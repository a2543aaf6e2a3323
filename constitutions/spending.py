"""What one run asks a model and what that costs, by stage; and a cap at which it stops."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

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
        told["requests"] += min(1, call.attempts)
        told["retries"] += max(0, call.attempts - 1)
        told["cached"] += call.outcome == "cached"
        told["tokens_in"] += call.tokens_in
        told["tokens_out"] += call.tokens_out
        told["cost"] += call.cost
        self.cost += call.cost
        return self.ledger.record(call)

    def told(self) -> dict[str, Any]:
        """Return requests, retries, tokens and cost, over all and by stage."""
        stages = {name: _summed([stage]) for name, stage in self.stages.items()}
        return _summed(list(self.stages.values())) | ({"stages": stages} if stages else {})


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
