from django.apps import AppConfig


class ConstitutionsConfig(AppConfig):
    """From annotations and published graphs to principles and constitutions."""

    name = "constitutions"
    default_auto_field = "django.db.models.BigAutoField"
