from typing import Any

from rest_framework import serializers
from rest_framework.reverse import reverse

from constitutions.models import Constitution, ConstitutionVersion, Webhook, WebhookDelivery
from constitutions.options import JUDGES, MOST_FIXED, MOST_FIXED_TEXT, MOST_PRINCIPLES, MOST_ROUNDS
from constitutions.publishing import notice_withdrawals
from constitutions.webhooks import PUBLISHED, TEST
from core.seeds import LARGEST_SEED


class VersionSerializer(serializers.ModelSerializer[ConstitutionVersion]):
    """What stands beside a version's hashed body."""

    url = serializers.SerializerMethodField()
    parent = serializers.SlugRelatedField[Any](slug_field="number", read_only=True, allow_null=True)  # type: ignore[assignment]
    evidence_withdrawn = serializers.SerializerMethodField(help_text="Whether someone took back evidence since")

    class Meta:
        model = ConstitutionVersion
        fields = ("number", "url", "parent", "note", "sha256", "published_at", "code_version", "evidence_withdrawn")
        read_only_fields = fields

    def get_url(self, version: ConstitutionVersion) -> str:
        names = {"slug": version.constitution.slug, "number": version.number}
        return reverse("constitution-version", kwargs=names, request=self.context.get("request"))

    def get_evidence_withdrawn(self, version: ConstitutionVersion) -> bool:
        return notice_withdrawals(version)


class ConstitutionSerializer(serializers.ModelSerializer[Constitution]):
    """A constitution and where its versions are."""

    url = serializers.SerializerMethodField()
    latest = serializers.SerializerMethodField()
    study = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)
    dataset = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)
    versions = serializers.SerializerMethodField()

    class Meta:
        model = Constitution
        fields = ("slug", "title", "url", "latest", "study", "dataset", "licence", "created_at", "versions")
        read_only_fields = fields

    def get_url(self, constitution: Constitution) -> str:
        return reverse("constitution", kwargs={"slug": constitution.slug}, request=self.context.get("request"))

    def get_latest(self, constitution: Constitution) -> str:
        return reverse("constitution-latest", kwargs={"slug": constitution.slug}, request=self.context.get("request"))

    def get_versions(self, constitution: Constitution) -> list[int]:
        return sorted((v.number for v in constitution.versions.all()), reverse=True)


class ExtractSerializer(serializers.Serializer[Any]):
    """What to extract principles from, and how. With `slug` the result is published as its next version."""

    dataset = serializers.SlugField(required=False)
    study = serializers.SlugField(required=False, help_text="A study whose newest published graph gives principles")
    annotators = serializers.ListField(child=serializers.CharField(max_length=200), required=False, max_length=100)
    group = serializers.CharField(required=False, max_length=300)
    by = serializers.CharField(
        required=False, max_length=100, help_text="Compare the groups that this question makes, or annotator"
    )
    judge = serializers.ChoiceField(choices=JUDGES, default="features")
    test_fraction = serializers.FloatField(default=0.5, min_value=0.1, max_value=0.9)
    seed = serializers.IntegerField(default=0, min_value=0, max_value=LARGEST_SEED)
    principles = serializers.IntegerField(default=5, min_value=1, max_value=MOST_PRINCIPLES)
    fixed = serializers.ListField(
        child=serializers.CharField(max_length=MOST_FIXED_TEXT),
        required=False,
        max_length=MOST_FIXED,
        help_text="Principles of your own, tested like the others; for the judge llm",
    )
    rounds = serializers.IntegerField(
        default=1, min_value=1, max_value=MOST_ROUNDS, help_text="Later ones look at what is still decided wrongly"
    )
    reader = serializers.BooleanField(default=True, help_text="Also score a model that reads the constitution")
    wording = serializers.BooleanField(default=False, help_text="Also put other wordings of what was kept to the vote")
    cap = serializers.DecimalField(
        required=False, max_digits=12, decimal_places=6, help_text="The most that this run may cost; it can go on later"
    )
    repair = serializers.UUIDField(
        required=False, help_text="A degraded extraction: only what stayed without an answer is asked again"
    )
    slug = serializers.SlugField(required=False, max_length=60)
    title = serializers.CharField(required=False, max_length=160)
    note = serializers.CharField(required=False, max_length=500, allow_blank=True)
    licence = serializers.CharField(required=False, max_length=100, help_text="Of a new constitution; else CC-BY-4.0")

    def validate_test_fraction(self, value: float) -> float:
        if not 0.1 <= value <= 0.9:  # what is no number at all passes the bounds above
            raise serializers.ValidationError("The held-out fraction lies between 0.1 and 0.9.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("dataset") and not attrs.get("study") and not attrs.get("repair"):
            raise serializers.ValidationError({"dataset": "Name a dataset, a study with a published graph, or both."})
        return attrs


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """An address that is told of new versions of a study's or dataset's constitutions."""

    study = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)
    dataset = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)

    class Meta:
        model = Webhook
        fields = ("id", "url", "study", "dataset", "created_at", "disabled_at", "disabled_why")
        read_only_fields = fields


class WebhookMadeSerializer(WebhookSerializer):
    """A webhook that was just made: its secret is shown this once."""

    secret = serializers.CharField(read_only=True, help_text="Signs the deliveries; shown this once")

    class Meta:
        model = Webhook
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class WebhookWantedSerializer(serializers.Serializer[Any]):
    """Where to tell of new versions, and of which study or imported dataset."""

    url = serializers.CharField(max_length=500)
    study = serializers.SlugField(required=False)
    dataset = serializers.SlugField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("study")) == bool(attrs.get("dataset")):
            raise serializers.ValidationError({"study": "Name a study or a dataset, and not both."})
        return attrs


class WebhookChangeSerializer(serializers.Serializer[Any]):
    """Turn a webhook off, or on again."""

    is_active = serializers.BooleanField()


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One message to a webhook, and how it went. The id is the header `webhook-id`."""

    type = serializers.SerializerMethodField(help_text="constitution.published or test")
    version = serializers.SlugRelatedField[Any](slug_field="number", read_only=True, allow_null=True)
    constitution = serializers.CharField(source="version.constitution.slug", read_only=True, default=None)

    class Meta:
        model = WebhookDelivery
        fields = (
            "id",
            "type",
            "constitution",
            "version",
            "state",
            "tries",
            "status",
            "error",
            "created_at",
            "tried_at",
            "next_try_at",
        )
        read_only_fields = fields

    def get_type(self, delivery: WebhookDelivery) -> str:
        return PUBLISHED if delivery.version_id else TEST
