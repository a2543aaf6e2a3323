from django.apps import AppConfig


class ConstitutionsConfig(AppConfig):
    """From annotations and published graphs to principles and constitutions."""

    name = "constitutions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from constitutions import blind_review, ratification
        from elicitation import withdrawal

        withdrawal.also_forget += [ratification.forget, blind_review.forget]
