"""The ledger of model calls: what each cost, whose words it holds, and the cache of answers; and the way to the model.

`llm_client` knows no database; it is handed this.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum

from core.bulk import insert_rows
from core.models import LLMCall
from llm_client import LLM, Call, LLMSettings

PATIENCE = 75.0  # seconds that a person waits for a model before they are told, and offered other ways

# Rooms to the right tell whether the one a call is about took everything back, perhaps while the model was asked; within the
# transaction they also keep that person from leaving until it ends.
gone_checks: list[Callable[[str], bool]] = []


_COLUMNS = [field.attname for field in LLMCall._meta.concrete_fields if field.attname != "created_at"]


class DatabaseLedger:
    """Keeps every call as a row of `LLMCall` under a scope key; its answers are the cache, its costs the budget."""

    def __init__(self, scope_key: str = "") -> None:
        self.scope_key = scope_key
        self._waiting: list[LLMCall] | None = None

    def find(self, request_sha256: str) -> str | None:
        """Return the raw text of a good answer to the same request, or None."""
        kept = LLMCall.objects.filter(request_sha256=request_sha256, outcome="ok").exclude(raw_text="")
        call = kept.order_by("created_at").first()
        return call.raw_text if call is not None else None

    def find_many(self, request_sha256s: Sequence[str]) -> dict[str, str]:
        """Return those of the texts that `find` would return, by their hash."""
        kept = LLMCall.objects.filter(request_sha256__in=request_sha256s, outcome="ok").exclude(raw_text="")
        return dict(kept.order_by("-created_at").values_list("request_sha256", "raw_text"))

    def record(self, call: Call) -> LLMCall:
        """Store what a call was and cost, good or not; of someone who left meanwhile, only its cost."""
        row = self._row(call)
        if self._waiting is None:
            self._store([row])
        else:
            self._waiting.append(row)
        return row

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Store what is recorded inside at once when it ends, also when it ends with an error: it was asked and paid."""
        self._waiting = []
        try:
            yield
        finally:
            waiting, self._waiting = self._waiting, None
            self._store(waiting)

    def _store(self, rows: list[LLMCall]) -> None:
        if not rows:
            return
        with transaction.atomic():
            insert_rows(LLMCall, _COLUMNS, ([getattr(row, name) for name in _COLUMNS] for row in rows))
            for row in rows:
                row._state.adding = False
                if row.subject and any(is_gone(row.subject) for is_gone in gone_checks):
                    forget_words(LLMCall.objects.filter(id=row.id))

    def _row(self, call: Call) -> LLMCall:
        return LLMCall(
            scope_key=self.scope_key,
            purpose=call.purpose,
            subject=call.subject,
            provider=call.provider,
            model=call.model,
            model_returned=call.model_returned,
            prompt_name=call.prompt_name,
            prompt_sha256=call.prompt_sha256,
            request_sha256=call.request_sha256,
            parameters=dict(call.parameters),
            outcome=call.outcome,
            attempts=call.attempts,
            tokens_in=call.tokens_in,
            tokens_out=call.tokens_out,
            tokens_estimated=call.tokens_estimated,
            cost=call.cost,
            latency_ms=call.latency_ms,
            raw_text=call.raw_text,
            error=call.error[:500],
        )

    def spent(self) -> Decimal:
        """Return what all calls of the site cost so far: the budget is one for all."""
        return LLMCall.objects.aggregate(total=Sum("cost"))["total"] or Decimal(0)


def forget_words(calls: QuerySet[LLMCall]) -> None:
    """Forget what a model was asked and said, also where a retry would find it. What it cost stays."""
    calls.update(subject="", raw_text="", error="", request_sha256="", parameters={})


def model_is_configured() -> bool:
    """Whether there is a language model to ask. Without one the written guide and measured features do the work."""
    return bool(settings.LLM_MODEL and (settings.LLM_BASE_URL or settings.LLM_PROVIDER == "anthropic"))


@lru_cache
def model_settings() -> LLMSettings:
    """Return how the model is asked. Raises ValueError, with what to mend, where the environment says what cannot work."""
    return LLMSettings(
        base_url=settings.LLM_BASE_URL,
        api_key=settings.LLM_API_KEY,
        model=settings.LLM_MODEL,
        provider=settings.LLM_PROVIDER,
        max_concurrency=settings.LLM_CONCURRENCY,
        budget=_money("FOLKMOOT_LLM_BUDGET", settings.LLM_BUDGET),
        price_in=_money("FOLKMOOT_LLM_PRICE_IN", settings.LLM_PRICE_IN),
        price_out=_money("FOLKMOOT_LLM_PRICE_OUT", settings.LLM_PRICE_OUT),
    )


def _money(name: str, written: str) -> Decimal | None:
    try:
        amount = Decimal(written) if written else None
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise ValueError(f"{name} must be a number, such as 20 or 0.15, not {written!r}")
    return amount


def llm_for(owner: Any = None, *, patience: float | None = PATIENCE) -> LLM | None:
    """Return the model, with its calls entered under the study or dataset `owner`; None if none is configured.

    A person waits for what a page or an endpoint asks; a job passes None for `patience`, and takes its time.
    """
    if not model_is_configured():
        return None
    ledger = DatabaseLedger(owner.scope_key if owner is not None else "")
    return LLM(model_settings(), ledger=ledger, patience=patience)
