"""Tables that every room uses: accounts, keys, jobs, idempotency, and the ledger of model calls."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.access import Caller


class EmailUserManager(UserManager["User"]):
    """Makes accounts whose name is the e-mail address."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":  # type: ignore[override]
        user = self.model(email=email.strip().lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":  # type: ignore[override]
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractUser):
    """Someone with an account: a facilitator, developer or analyst. Participants have none."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[EmailUserManager] = EmailUserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="one_account_per_address")]

    def __str__(self) -> str:
        return self.email


class SignInCode(models.Model):
    """A code that works once: to make the first account, or to join a study as its second facilitator."""

    digest = models.CharField(max_length=64, unique=True)
    purpose = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)


class ApiKey(models.Model):
    """A key acts for its owner, within its scopes and, where set, one study or dataset."""

    SCOPES: ClassVar[dict[str, str]] = {
        "read": "read what the owner may read, drafts too",
        "write": "change what the owner may change",
        "participants": "add participants",
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    limited_to = models.CharField(
        max_length=64, blank=True, help_text="A scope key such as study:<id>; empty: no limit"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "id"]

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class JobQuerySet(models.QuerySet["Job"]):
    def shown_to(self, caller: Caller, *, change: bool = False) -> "JobQuerySet":
        """Jobs that the caller asked for, or that belong to a study or dataset that the caller runs; to `change`, as an
        editor."""
        if caller.user is None:
            return self.none()
        mine = Q(scope_key__in=caller.scope_keys(change=change))
        if caller.key is None or not caller.key.limited_to:
            mine |= Q(created_by=caller.user)
        return self.filter(mine)


class Job(models.Model):
    """One piece of background work. This row is the truth; the message to a worker is only a hint."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    ACTIVE: ClassVar[tuple[str, ...]] = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=60)
    inputs = models.JSONField(default=dict)
    inputs_sha256 = models.CharField(max_length=64)
    scope_key = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveIntegerField(
        default=0, help_text="Rises with every claim; whoever lost the lease has a lower one"
    )
    tries = models.PositiveIntegerField(default=0, help_text="Claims since it was asked for or resumed")
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "inputs_sha256"],
                condition=Q(state__in=["queued", "running"]),
                name="one_active_job_per_inputs",
            )
        ]
        indexes = [models.Index(fields=["state", "lease_until"]), models.Index(fields=["scope_key", "-created_at"])]


class IdempotencyKey(models.Model):
    """What a POST with this key was answered, so that the same POST again acts once; `core.idempotency` reads it."""

    actor = models.CharField(max_length=64)
    key_digest = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=bytes, help_text="Sealed under the key, which is not stored")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor", "key_digest"], name="one_answer_per_idempotency_key")]


class LLMCall(models.Model):
    """One call to a language model: what shaped it, what came back, what it cost. The ledger and the cache."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(max_length=60)
    scope_key = models.CharField(max_length=64, blank=True)
    subject = models.CharField(max_length=80, blank=True, help_text="Whose words the call holds: participant:<id>")
    provider = models.CharField(max_length=30)
    model = models.CharField(max_length=120)
    model_returned = models.CharField(max_length=120, blank=True)
    prompt_name = models.CharField(max_length=80)
    prompt_sha256 = models.CharField(max_length=64)
    request_sha256 = models.CharField(max_length=64)
    parameters = models.JSONField(default=dict)
    outcome = models.CharField(max_length=20)
    attempts = models.PositiveSmallIntegerField(default=1)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    tokens_estimated = models.BooleanField(
        default=False, help_text="The provider counted none: four characters make one"
    )
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    latency_ms = models.PositiveIntegerField(default=0)
    raw_text = models.TextField(blank=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["request_sha256", "outcome"]), models.Index(fields=["scope_key", "purpose"])]
