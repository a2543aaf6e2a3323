from django.apps import AppConfig


class ElicitationConfig(AppConfig):
    """What people tell us and what we ask them."""

    name = "elicitation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import access
        from elicitation.models import scope_keys_of

        access.scope_providers.append(scope_keys_of)
