from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """What the answers say about raters, groups and instruments."""

    name = "reports"
    default_auto_field = "django.db.models.BigAutoField"
