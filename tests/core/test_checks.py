"""A language model that cannot be asked is said at the start, not at someone's first visit."""

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from core import ledger

MODEL = {"LLM_BASE_URL": "http://localhost:11434/v1", "LLM_MODEL": "small"}


@pytest.fixture(autouse=True)
def _settings_are_read_anew() -> Iterator[None]:
    ledger.model_settings.cache_clear()
    yield
    ledger.model_settings.cache_clear()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"LLM_BUDGET": "20"}, "a budget needs the prices"),
        ({"LLM_BUDGET": "lots"}, "FOLKMOOT_LLM_BUDGET must be a number"),
        ({"LLM_PRICE_IN": "-1"}, "FOLKMOOT_LLM_PRICE_IN must be a number"),
        ({"LLM_PRICE_OUT": "nan"}, "FOLKMOOT_LLM_PRICE_OUT must be a number"),
        ({"LLM_BASE_URL": "localhost:11434/v1"}, "must be an http or https address"),
        ({"LLM_PROVIDER": "somebody"}, "the provider is openai or anthropic"),
    ],
)
def test_settings_that_cannot_work_stop_every_command(settings: Settings, given: dict[str, str], reason: str) -> None:
    for name, value in (MODEL | given).items():
        setattr(settings, name, value)
    with pytest.raises((SystemCheckError, CommandError), match=reason):
        call_command("check")


@pytest.mark.parametrize(
    "given",
    [{}, {"LLM_BUDGET": "20", "LLM_PRICE_IN": "0.15", "LLM_PRICE_OUT": "0"}, {"LLM_MODEL": "", "LLM_BUDGET": "20"}],
)
def test_settings_that_work_or_name_no_model_are_fine(settings: Settings, given: dict[str, str]) -> None:
    for name, value in (MODEL | given).items():
        setattr(settings, name, value)
    call_command("check")
