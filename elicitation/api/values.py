"""REST for a study's values, for those who run it. Participants see values only in what is drawn for them."""

from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from core.access import IsFacilitator, caller_of
from elicitation import norms, values
from elicitation.algorithms.norms import LABELS
from elicitation.api.downloads import DownloadableList
from elicitation.models import CanonicalValue, Study


class ShownValueSerializer(serializers.ModelSerializer[CanonicalValue]):
    """A value as other people see it: its canonical text, and nothing about who holds it."""

    policies = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = CanonicalValue
        fields: tuple[str, ...] = ("number", "title", "description", "policies")
        read_only_fields = fields


class ValueSerializer(ShownValueSerializer):
    """A value with how many people hold it. One that was merged into another counts as that: its holders are there."""

    question = serializers.SlugRelatedField[Any](slug_field="number", read_only=True, allow_null=True)
    holders = serializers.SerializerMethodField()

    class Meta(ShownValueSerializer.Meta):
        fields = (*ShownValueSerializer.Meta.fields, "source_id", "question", "is_archived", "holders")
        read_only_fields = fields

    def get_holders(self, value: CanonicalValue) -> int:
        return int(self.context["holders"].get(value.id, 0))


class ValueListView(DownloadableList[CanonicalValue]):
    """All values of a study that you run, also archived and merged ones."""

    permission_classes = (IsFacilitator,)
    serializer_class = ValueSerializer
    filterset_fields = ("is_archived",)
    queryset = CanonicalValue.objects.none()
    file_name = "values"
    queries = ("export", *norms.FILTERS)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                name, str, enum=list(map(str, LABELS[name].choices)), description="A confirmed norm's label"
            )
            for name in norms.FILTERS
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[CanonicalValue]:
        study = self._study()
        labelled = norms.with_labels(study.values.all(), study, self.request.query_params)
        return labelled.select_related("question").order_by("number")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "holders": values.holders(self._study())}

    def _study(self) -> Study:
        return get_object_or_404(Study.objects.run_by(caller_of(self.request)), slug=self.kwargs["slug"])


urlpatterns = [path("studies/<slug:slug>/values/", ValueListView.as_view(), name="values")]
