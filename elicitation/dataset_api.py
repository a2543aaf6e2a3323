"""REST for datasets of comparisons: list, read, import a file, download."""

from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.access import HasScope, IsFacilitator, MakesNew, caller_of
from core.problems import MOST_FILE_BYTES, Problem
from elicitation.comparison_formats import EXPORTS, FORMATS
from elicitation.comparisons import Preview, export_comparisons, import_upload, preview_upload
from elicitation.models import Annotation, Comparison, Dataset
from elicitation.tables import BadFile

SUFFIXES = {"icai-csv": ".csv", "annotated-pairs": ".json"}


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset and what is in it."""

    comparisons = serializers.IntegerField(source="comparison_count", read_only=True)
    study = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)

    class Meta:
        model = Dataset
        fields = ("slug", "title", "study", "licence", "source_format", "comparisons", "created_at")
        read_only_fields = fields


class AnnotationSerializer(serializers.ModelSerializer[Annotation]):
    annotator = serializers.SlugRelatedField[Any](slug_field="source_id", read_only=True)

    class Meta:
        model = Annotation
        fields = ("annotator", "answer", "why_none", "order_shown")


class ComparisonSerializer(serializers.ModelSerializer[Comparison]):
    """Two texts that answer the same prompt, with every current answer about them. Reasons are left out: they are
    people's own words."""

    annotations = serializers.SerializerMethodField()

    class Meta:
        model = Comparison
        fields = ("number", "source_id", "prompt", "context", "text_a", "text_b", "model_a", "model_b", "annotations")

    @extend_schema_field(AnnotationSerializer(many=True))
    def get_annotations(self, comparison: Comparison) -> Any:
        current = [a for a in comparison.annotations.all() if not hasattr(a, "superseded_by")]
        return AnnotationSerializer(current, many=True).data


class DatasetListView(generics.ListAPIView[Dataset]):
    """Datasets of yours, and those that are listed."""

    permission_classes = (HasScope,)
    serializer_class = DatasetSerializer
    queryset = Dataset.objects.none()

    def get_queryset(self) -> QuerySet[Dataset]:
        shown = Dataset.objects.shown_to(caller_of(self.request)).select_related("study")
        return shown.annotate(comparison_count=Count("comparisons")).order_by("-created_at", "slug")


class DatasetView(generics.RetrieveAPIView[Dataset]):
    """One dataset."""

    permission_classes = (HasScope,)
    serializer_class = DatasetSerializer
    lookup_field = "slug"
    queryset = Dataset.objects.none()

    def get_queryset(self) -> QuerySet[Dataset]:
        return Dataset.objects.shown_to(caller_of(self.request)).annotate(comparison_count=Count("comparisons"))


class ComparisonUpload(serializers.Serializer[Any]):
    """A file of comparisons; all of it is taken in, or nothing."""

    file = serializers.FileField()
    format = serializers.ChoiceField(choices=("auto", *FORMATS), default="auto")
    title = serializers.CharField(required=False, max_length=160)
    preview = serializers.BooleanField(default=False, help_text="Tell what the file holds, and take nothing in.")


def _told(preview: Preview) -> dict[str, Any]:
    """Return a preview for REST. What would be shown as text is shown as it would be stored."""
    first = [
        {
            "source_id": row.source_id,
            "prompt": row.prompt,
            "context": row.context,
            "text_a": row.text_a,
            "text_b": row.text_b,
            "annotations": [{"annotator": a.annotator, "answer": a.answer} for a in row.annotations],
        }
        for row in preview.first
    ]
    told = {name: value for name, value in preview._asdict().items() if name not in ("slug", "first")}
    return {"dataset": preview.slug, **told, "first": first}


class ComparisonListView(generics.ListAPIView[Comparison]):
    """A dataset's comparisons with their annotations. POST a file to add some; a new slug makes a new dataset."""

    permission_classes = (HasScope,)
    serializer_class = ComparisonSerializer
    parser_classes = (MultiPartParser,)
    queryset = Comparison.objects.none()

    def get_queryset(self) -> QuerySet[Comparison]:
        shown = Dataset.objects.shown_to(caller_of(self.request))
        dataset = get_object_or_404(shown, slug=self.kwargs["slug"])
        related = ("annotations__annotator", "annotations__superseded_by")
        return dataset.comparisons.prefetch_related(*related).order_by("number")

    def get_permissions(self) -> list[Any]:
        return [IsFacilitator() if self.request.method == "POST" else HasScope()]

    @extend_schema(request={"multipart/form-data": ComparisonUpload}, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, slug: str) -> Response:
        caller = caller_of(request)
        known = Dataset.objects.filter(slug=slug).first()
        if known is not None:
            get_object_or_404(Dataset.objects.run_by(caller, change=True), slug=slug)
        elif not MakesNew().has_permission(request, self):
            raise PermissionDenied(MakesNew.message)
        serializer = ComparisonUpload(data=request.data)
        serializer.is_valid(raise_exception=True)
        upload, form = serializer.validated_data["file"], serializer.validated_data["format"]
        if upload.size > MOST_FILE_BYTES:
            raise Problem(
                413,
                "too-large",
                "This file is too large",
                f"At most {MOST_FILE_BYTES // 1_000_000} MB; use the command.",
            )
        title = serializer.validated_data.get("title", "")
        try:
            if serializer.validated_data["preview"]:
                seen = preview_upload(upload.name, upload.read(), slug, format=form, title=title)
                return Response(_told(seen))
            summary = import_upload(upload.name, upload.read(), slug, format=form, title=title, owner=caller.user)
        except BadFile as bad:
            errors = [{"field": "file", "detail": line} for line in bad.lines]
            raise Problem(400, "bad-file", "Nothing was imported", bad.errors[0], errors=errors) from None
        code = status.HTTP_201_CREATED if summary.changed else status.HTTP_200_OK
        told = {"dataset": slug, "changed": summary.changed, "counts": summary.counts, "notes": summary.notes}
        return Response(told, status=code)


class ComparisonDownloadView(APIView):
    """A whole dataset in one of the formats that can be imported again."""

    permission_classes = (HasScope,)
    queries = ("export",)
    also_served = ("text/csv", "application/x-ndjson")

    @extend_schema(
        parameters=[OpenApiParameter("export", str, enum=list(EXPORTS))], responses={200: OpenApiTypes.OBJECT}
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        dataset = get_object_or_404(Dataset.objects.shown_to(caller_of(request)), slug=slug)
        form = request.query_params.get("export", "jsonl")
        if form not in EXPORTS:
            raise Problem(
                400, "unknown-export", f"There is no export {form[:40]!r}", f"Choose one of: {', '.join(EXPORTS)}."
            )
        kinds = {"icai-csv": "text/csv; charset=utf-8", "annotated-pairs": "application/json"}
        response = HttpResponse(export_comparisons(dataset, form), content_type=kinds.get(form, "application/x-ndjson"))
        response["Content-Disposition"] = f'attachment; filename="{slug}{SUFFIXES.get(form, ".jsonl")}"'
        return response


dataset_urlpatterns = [
    path("datasets/", DatasetListView.as_view(), name="datasets"),
    path("datasets/<slug:slug>/", DatasetView.as_view(), name="dataset"),
    path("datasets/<slug:slug>/comparisons/", ComparisonListView.as_view(), name="comparisons"),
    path("datasets/<slug:slug>/download/", ComparisonDownloadView.as_view(), name="dataset-download"),
]
