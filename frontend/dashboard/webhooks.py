"""Addresses that are told of new versions: add one, try it, see how deliveries went, turn it off."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from constitutions.models import Webhook, WebhookDelivery
from constitutions.webhooks import add_webhook, disable, enable, send_test
from core.access import caller_of
from elicitation.models import Dataset, Study
from frontend.dashboard.desk import DeskPage, uuid_in

SHOWN_DELIVERIES = 5


class WebhooksView(DeskPage):
    """The webhooks of one's studies and datasets."""

    template = "webhooks.html"
    here = "developers"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        if request.POST.get("act") == "add":
            _webhook, secret = add_webhook(request.POST.get("url", ""), **self._owner(request.POST.get("about", "")))
            return self.show(secret=secret)
        webhook = get_object_or_404(self._mine(), id=uuid_in(request.POST.get("webhook", "")))
        match request.POST.get("act"):
            case "test":
                send_test(webhook)
                told = _("A test is on its way. Look here again in a moment.")
            case "off":
                disable(webhook, "")
                told = _("It is turned off: nothing more is sent there.")
            case "on":
                enable(webhook)
                told = _("It is turned on, for the versions to come.")
            case "remove":
                webhook.delete()
                told = _("It is removed.")
            case _other:
                raise ValidationError(_("Nothing was changed."))
        return self.done(told, "dashboard:webhooks")

    def _owner(self, about: str) -> dict[str, Any]:
        kind, _sign, slug = about.partition(":")
        caller = caller_of(self.request)
        if kind == "study":
            return {"study": get_object_or_404(Study.objects.run_by(caller, change=True), slug=slug)}
        if kind == "dataset":
            return {"dataset": get_object_or_404(Dataset.objects.run_by(caller, change=True), slug=slug)}
        raise ValidationError(_("Choose whose versions it should be told of."))

    def _mine(self) -> Any:
        return Webhook.objects.run_by(caller_of(self.request)).select_related("study", "dataset")

    def context(self) -> dict[str, Any]:
        caller = caller_of(self.request)
        deliveries = Prefetch("deliveries", WebhookDelivery.objects.select_related("version__constitution"))
        rows = list(self._mine().prefetch_related(deliveries))
        return {
            "webhooks": [(webhook, list(webhook.deliveries.all())[:SHOWN_DELIVERIES]) for webhook in rows],
            "owners": [
                *((f"study:{study.slug}", study.title) for study in Study.objects.run_by(caller, change=True)),
                *(
                    (f"dataset:{dataset.slug}", dataset.title)
                    for dataset in Dataset.objects.run_by(caller, change=True).filter(study=None)
                ),
            ],
        }
