"""What must be right before the site starts; every command says so instead of failing at someone's first visit."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

from core.ledger import model_is_configured, model_settings


@register()
def language_model_can_be_asked(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse settings of the language model that cannot work, such as a budget without prices."""
    try:
        if model_is_configured():
            model_settings()
    except ValueError as error:
        hint = "See FOLKMOOT_LLM_… in docs/operations.md. Without FOLKMOOT_LLM_MODEL the written guide asks."
        return [Error(f"The language model cannot be asked: {error}.", hint=hint, id="core.E001")]
    return []
