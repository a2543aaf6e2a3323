from django.apps import AppConfig


class ElicitationConfig(AppConfig):
    """What people tell us and what we ask them."""

    name = "elicitation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import access, ledger
        from elicitation.models import scope_keys_of
        from elicitation.withdrawal import is_gone

        access.scope_providers.append(scope_keys_of)
        ledger.gone_checks.append(is_gone)
