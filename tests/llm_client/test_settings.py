from decimal import Decimal
from typing import Any

import pytest

from llm_client import LLMSettings


@pytest.mark.parametrize(
    "changes",
    [
        {"model": ""},
        {"base_url": ""},
        {"base_url": "localhost:11434"},
        {"base_url": "file:///etc/passwd"},
        {"provider": "other"},
        {"max_attempts": 0},
        {"budget": Decimal(20)},
        {"budget": Decimal(20), "price_in": Decimal(1)},
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        LLMSettings(**({"model": "small", "base_url": "http://localhost/v1"} | changes))


def test_anthropic_needs_no_address() -> None:
    assert LLMSettings(model="small", provider="anthropic").base_url.startswith("https://")


def test_the_key_is_not_shown() -> None:
    assert "canary" not in repr(LLMSettings(model="small", base_url="http://localhost", api_key="canary"))


def test_cost_is_rounded_up_to_a_millionth() -> None:
    settings = LLMSettings(
        model="small", base_url="http://localhost", price_in=Decimal("0.15"), price_out=Decimal("0.6")
    )
    assert settings.cost(1, 0) == Decimal("0.000001")
    assert settings.cost(1_000_000, 2_000_000) == Decimal("1.35")


def test_a_free_model_may_have_a_budget() -> None:
    free = Decimal(0)
    LLMSettings(model="small", base_url="http://localhost", budget=Decimal(1), price_in=free, price_out=free)
