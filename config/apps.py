from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Wires the rooms together: settings, addresses, the commands that span rooms."""

    name = "config"

    def ready(self) -> None:
        from config.celery import app

        # Celery's own discovery runs only in a worker; the web process asks for work and must know every task too.
        app.autodiscover_tasks(force=True)
