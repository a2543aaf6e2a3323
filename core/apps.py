import gc

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """What every room stands on."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import append_only, checks  # noqa: F401  the checks register themselves

        append_only.watch_connections()
        gc.freeze()  # what is loaded by now stays to the end: no collection needs to walk through it again
