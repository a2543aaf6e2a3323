from typing import Any

from rest_framework import serializers
from rest_framework.reverse import reverse

from core.seeds import LARGEST_SEED
from graphs.building import MODES, waiting_votes
from graphs.models import GraphSnapshot


class GraphSerializer(serializers.ModelSerializer[GraphSnapshot]):
    """One snapshot in a list: what it counts and where it is. Its body is at `url`."""

    url = serializers.SerializerMethodField()
    study = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    published_at = serializers.DateTimeField(
        source="publication.published_at", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = GraphSnapshot
        fields: tuple[str, ...] = (
            "id", "number", "url", "study", "mode", "filters", "seed", "sha256", "vote_count", "voter_count",
            "value_count", "edge_count", "built_at", "published_at", "code_version",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, snapshot: GraphSnapshot) -> str:
        names = {"slug": snapshot.study.slug, "graph": snapshot.number}
        return reverse("graph", kwargs=names, request=self.context.get("request"))


class GraphAboutSerializer(GraphSerializer):
    """What stands beside a snapshot's body, and whether it is stale: how many votes came since."""

    waiting_votes = serializers.SerializerMethodField(help_text="Votes that came since and are not counted here")

    class Meta(GraphSerializer.Meta):
        fields = (*GraphSerializer.Meta.fields, "rules", "waiting_votes")
        read_only_fields = fields

    def get_waiting_votes(self, snapshot: GraphSnapshot) -> int:
        return waiting_votes(snapshot)


class BuildSerializer(serializers.Serializer[Any]):
    """How a graph is to be built."""

    mode = serializers.ChoiceField(choices=MODES, default="robust")
    before = serializers.DateTimeField(required=False, help_text="Count only votes given before this moment")
    context = serializers.CharField(  # type: ignore[assignment]
        required=False, max_length=300, help_text="The text of a context"
    )
    question = serializers.CharField(required=False, max_length=100, help_text="A question's id or number")
    group = serializers.CharField(required=False, max_length=300, help_text="key=value of the demographics")
    balance = serializers.CharField(
        required=False, max_length=40, help_text="A key of the demographics whose groups are to count the same"
    )
    seed = serializers.IntegerField(default=0, min_value=0, max_value=LARGEST_SEED)
    publish = serializers.BooleanField(default=False)

    def validate_before(self, value: Any) -> str:
        return str(value.isoformat())
