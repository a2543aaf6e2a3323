"""Moral graphs as they were built. A snapshot never changes; publishing is a row beside it."""

import uuid

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import Q

from core.access import Caller
from elicitation.models import Study
from graphs.algorithms.tally import Votes
from graphs.counting import votes_behind


class GraphSnapshotQuerySet(models.QuerySet["GraphSnapshot"]):
    def published(self) -> "GraphSnapshotQuerySet":
        return self.filter(publication__isnull=False)

    def shown_to(self, caller: Caller) -> "GraphSnapshotQuerySet":
        """Published snapshots for everyone, and all of the studies that the caller runs."""
        if caller.user is None:  # pulls are many, and need no look at who runs what
            return self.published()
        return self.filter(Q(publication__isnull=False) | Q(study__in=Study.objects.run_by(caller)))


class GraphSnapshot(models.Model):
    """A moral graph built from the votes there were, by stated rules. `body` is canonical JSON; `sha256` is its hash.

    Append-only. `inputs_sha256` covers votes, texts, rules and seed: the same inputs give the same row back.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="graphs")
    number = models.PositiveIntegerField()
    mode = models.CharField(max_length=20)
    rules = models.JSONField(default=dict)
    filters = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    inputs_sha256 = models.CharField(max_length=64)
    pins = models.JSONField(null=True, editable=False, help_text="graphs.pins: what counting read beside the votes")
    last_vote_id = models.BigIntegerField(default=0, help_text="Votes after this one wait for the next snapshot")
    vote_count = models.PositiveIntegerField()
    voter_count = models.PositiveIntegerField()
    value_count = models.PositiveIntegerField()
    edge_count = models.PositiveIntegerField()
    code_version = models.CharField(max_length=40, blank=True)
    built_at = models.DateTimeField(auto_now_add=True)

    objects = GraphSnapshotQuerySet.as_manager()

    class Meta:
        ordering = ["study_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_snapshot_per_number"),
            models.UniqueConstraint(fields=["study", "inputs_sha256"], name="one_snapshot_per_inputs"),
        ]

    def votes(self) -> tuple[np.ndarray, Votes]:
        """Return the ids of the votes that the snapshot counted and that are still there, and those votes."""
        return votes_behind(self.study, self.filters, self.last_vote_id, self.pins)


class GraphPublication(models.Model):
    """That a snapshot is published: it is listed to everyone and stays as it is."""

    snapshot = models.OneToOneField(GraphSnapshot, on_delete=models.CASCADE, related_name="publication")
    published_at = models.DateTimeField(auto_now_add=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
