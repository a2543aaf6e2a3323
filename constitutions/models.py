"""From annotations and published graphs to principles and constitutions."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.access import Caller
from elicitation.models import CanonicalValue, Comparison, Dataset, Participant, Study, ValuesCard, WisdomVote


class ExtractionQuerySet(models.QuerySet["Extraction"]):
    def shown_to(self, caller: Caller) -> "ExtractionQuerySet":
        """Extractions of the datasets and studies that the caller runs."""
        return self.filter(Q(dataset__in=Dataset.objects.run_by(caller)) | Q(study__in=Study.objects.run_by(caller)))


class Extraction(models.Model):
    """One run from comparisons, or a published graph, to tested principles. Same inputs, same row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.CASCADE, related_name="extractions")
    study = models.ForeignKey(Study, null=True, blank=True, on_delete=models.CASCADE, related_name="extractions")
    graph_sha256 = models.CharField(max_length=64, blank=True, help_text="The published snapshot it drew on")
    parameters = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    inputs_sha256 = models.CharField(max_length=64, unique=True)
    body = models.TextField(help_text="Canonical JSON of the result")
    sha256 = models.CharField(max_length=64)
    cells = models.JSONField(default=dict, help_text="How many cells were asked, answered, cached and missing")
    calls = models.JSONField(default=dict, help_text="Requests, retries, tokens and cost of what was asked")
    repairs = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text="The degraded run whose missing cells it asked",
    )
    evidence_count = models.PositiveIntegerField(default=0, help_text="Rows of evidence there were when it was made")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    objects = ExtractionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]


class Cell(models.Model):
    """What a model said once about one principle and one comparison. Kept under the SHA-256 of everything that shaped it, so
    that no run pays for it twice. `answer` is in terms of the comparison's own sides: a, b, both or neither."""

    sha256 = models.CharField(max_length=64, unique=True)
    scope_key = models.CharField(max_length=64, blank=True, db_index=True)
    answer = models.CharField(max_length=7)
    llm_call = models.ForeignKey("core.LLMCall", null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)


class PrincipleEvidence(models.Model):
    """What stands behind one principle of an extraction. Served beside the hashed body, so that it can honour
    withdrawal. `stance`: of a comparison for, against, irrelevant, both or missing; of a vote for, against or unsure; or source
    (where it comes from)."""

    extraction = models.ForeignKey(Extraction, on_delete=models.CASCADE, related_name="evidence")
    principle = models.PositiveIntegerField(help_text="The principle's number in the extraction")
    stance = models.CharField(max_length=10)
    side = models.CharField(max_length=1, blank=True, help_text="Of a comparison: the text that it speaks for, a or b")
    comparison = models.ForeignKey(Comparison, null=True, blank=True, on_delete=models.CASCADE)
    value = models.ForeignKey(CanonicalValue, null=True, blank=True, on_delete=models.CASCADE)
    card = models.ForeignKey(ValuesCard, null=True, blank=True, on_delete=models.CASCADE)
    vote = models.ForeignKey(WisdomVote, null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        ordering = ["extraction_id", "principle", "id"]
        indexes = [models.Index(fields=["extraction", "principle", "stance"])]


class ConstitutionQuerySet(models.QuerySet["Constitution"]):
    def run_by(self, caller: Caller, *, change: bool = False) -> "ConstitutionQuerySet":
        return self.filter(
            Q(dataset__in=Dataset.objects.run_by(caller, change=change))
            | Q(study__in=Study.objects.run_by(caller, change=change))
        )

    def shown_to(self, caller: Caller) -> "ConstitutionQuerySet":
        """Constitutions with a published version for everyone, and all that the caller runs."""
        published = Q(id__in=ConstitutionVersion.objects.values("constitution_id"))
        return self.filter(published | Q(id__in=self.run_by(caller).values("id")))


class Constitution(models.Model):
    """A name under which numbered versions are published."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=160)
    study = models.ForeignKey(Study, null=True, blank=True, on_delete=models.CASCADE, related_name="constitutions")
    dataset = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.CASCADE, related_name="constitutions")
    licence = models.CharField(max_length=100, default="CC-BY-4.0")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConstitutionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "slug"]

    def __str__(self) -> str:
        return self.slug


class ConstitutionVersion(models.Model):
    """One published state. Append-only. `body` is canonical JSON and holds no clock time, key or quote."""

    constitution = models.ForeignKey(Constitution, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    extraction = models.ForeignKey(Extraction, on_delete=models.RESTRICT, related_name="versions")
    note = models.CharField(max_length=500, blank=True)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    code_version = models.CharField(max_length=40, blank=True)
    published_at = models.DateTimeField(auto_now_add=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)

    class Meta:
        ordering = ["constitution_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["constitution", "number"], name="one_version_per_number")]


class Approval(models.Model):
    """Whether a person approves of one principle of a version. The newest answer counts; all stay until the person leaves."""

    class Answer(models.TextChoices):
        APPROVE = "approve", _("Yes")
        DISAPPROVE = "disapprove", _("No")
        PASS = "pass", _("I’d rather not say")

    version = models.ForeignKey(ConstitutionVersion, on_delete=models.CASCADE, related_name="approvals")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="approvals")
    principle = models.PositiveIntegerField()
    answer = models.CharField(max_length=10, choices=Answer.choices)
    reason = models.TextField(blank=True, max_length=1000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["version", "principle"])]


class PrincipleReview(models.Model):
    """Principles that the people of a study score without knowing where they come from. A study has one open review at a time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="principle_reviews")
    number = models.PositiveIntegerField()
    parameters = models.JSONField(
        default=dict, help_text="Hashes of the bodies, whether with the dropped, and the seed"
    )
    reworded_by = models.JSONField(
        default=dict, help_text="Model and prompt that gave the texts one form; else plain rules"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_review_per_number"),
            models.UniqueConstraint(fields=["study"], condition=Q(closed_at=None), name="one_open_review_per_study"),
        ]


class ReviewItem(models.Model):
    """One principle of a review. Reviewers see `text` and the random id; `source` and all else is for the report."""

    class Source(models.TextChoices):
        PEOPLE = "people", _("people")
        MODEL = "model", _("a model")
        MERGED = "merged", _("several that met")
        MEASURED = "measured", _("measured in the texts")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey(PrincipleReview, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField()
    source = models.CharField(max_length=10, choices=Source.choices)
    text = models.TextField(help_text="In the form that all of the review share")
    original = models.TextField()
    copies = models.PositiveIntegerField(default=1, help_text="How many principles of its source have these words")
    fits = models.BooleanField(default=True, help_text="Whether the text is in the common form")
    was_kept = models.BooleanField(default=True)
    value = models.ForeignKey(
        CanonicalValue,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text="Whose words these are: they go with it",
    )

    class Meta:
        ordering = ["review_id", "number"]
        constraints = [models.UniqueConstraint(fields=["review", "number"], name="one_item_per_number")]


class ReviewScore(models.Model):
    """What a person gives a principle, 1 to 5 by each criterion. The newest counts; all stay until the person leaves."""

    item = models.ForeignKey(ReviewItem, on_delete=models.CASCADE, related_name="scores")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="review_scores")
    novelty = models.PositiveSmallIntegerField()
    feasibility = models.PositiveSmallIntegerField()
    clarity = models.PositiveSmallIntegerField()
    acceptability = models.PositiveSmallIntegerField()
    comment = models.TextField(blank=True, max_length=1000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["item", "participant"])]


class EvidenceWithdrawal(models.Model):
    """That evidence behind a published version was withdrawn since. How many people is not said: it may be one."""

    version = models.OneToOneField(ConstitutionVersion, on_delete=models.CASCADE, related_name="withdrawal")
    noticed_at = models.DateTimeField(auto_now_add=True)


class SigningKey(models.Model):
    """A public key under which this site has signed. Append-only: old ones stay, so that old signatures can be checked."""

    key_id = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the 32 bytes of the key")
    public_key = models.CharField(max_length=44, help_text="Those bytes in base64")
    first_used_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]


class VersionSignature(models.Model):
    """The site's Ed25519 signature over a version's body. Append-only."""

    version = models.OneToOneField(ConstitutionVersion, on_delete=models.CASCADE, related_name="signature")
    key = models.ForeignKey(SigningKey, on_delete=models.RESTRICT)
    signature = models.CharField(max_length=88, help_text="64 bytes in base64")
    signed_at = models.DateTimeField(auto_now_add=True)


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def run_by(self, caller: Caller) -> "WebhookQuerySet":
        """Those of the studies and datasets that the caller may change: an address may hold a secret of its own."""
        return self.filter(
            Q(study__in=Study.objects.run_by(caller, change=True))
            | Q(dataset__in=Dataset.objects.run_by(caller, change=True))
        )


class Webhook(models.Model):
    """An address that is told of each new version of the constitutions of one study or dataset."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks")
    dataset = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    sealed_secret = models.BinaryField(help_text="What signs the deliveries; sealed under the site's SECRET_KEY")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_why = models.CharField(max_length=300, blank=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]


class WebhookDelivery(models.Model):
    """One message to a webhook, and how its delivery stands. `body` is what is sent and signed, the same each time."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    version = models.ForeignKey(ConstitutionVersion, null=True, blank=True, on_delete=models.CASCADE)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="What the address answered last")
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "version"], name="one_delivery_per_webhook_and_version")
        ]
