from django.apps import AppConfig


class GraphsConfig(AppConfig):
    """From wisdom votes to a moral graph."""

    name = "graphs"
    default_auto_field = "django.db.models.BigAutoField"
