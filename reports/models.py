"""What the answers say about raters, judges, groups and instruments: one stored row per run."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.access import Caller
from elicitation.models import Dataset, Study


class ReportQuerySet(models.QuerySet["Report"]):
    def shown_to(self, caller: Caller) -> "ReportQuerySet":
        """Reports on the studies and datasets that the caller runs."""
        return self.filter(Q(dataset__in=Dataset.objects.run_by(caller)) | Q(study__in=Study.objects.run_by(caller)))


class Report(models.Model):
    """One run of one kind of report. `body` is canonical JSON; `sha256` is its hash."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    study = models.ForeignKey(Study, null=True, blank=True, on_delete=models.CASCADE, related_name="reports")
    dataset = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.CASCADE, related_name="reports")
    parameters = models.JSONField(default=dict)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
