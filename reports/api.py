"""REST for reports: ask for one, list them, read one."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import CharFilter
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.access import IsFacilitator, caller_of
from core.api import JobSerializer, accepted
from core.jobs import request_job
from core.queries import Filters
from elicitation.models import Dataset, Study
from reports.models import Report
from reports.registry import kinds
from reports.running import body_of, read_parameters


class ReportSerializer(serializers.ModelSerializer[Report]):
    """A report in a list; its body is at `url`."""

    url = serializers.HyperlinkedIdentityField(view_name="report", lookup_field="pk")
    study = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)
    dataset = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)

    class Meta:
        model = Report
        fields = ("id", "url", "kind", "study", "dataset", "parameters", "sha256", "created_at")
        read_only_fields = fields


class ReportBodySerializer(ReportSerializer):
    """A report with its body as it was hashed."""

    body = serializers.SerializerMethodField()

    class Meta(ReportSerializer.Meta):
        fields = (*ReportSerializer.Meta.fields, "body")  # type: ignore[assignment]

    def get_body(self, report: Report) -> dict[str, Any]:
        return body_of(report)


class AskSerializer(serializers.Serializer[Any]):
    """Which report, about what, with which parameters."""

    kind = serializers.CharField(max_length=40)
    study = serializers.SlugField(required=False)
    dataset = serializers.SlugField(required=False)
    params = serializers.DictField(required=False, default=dict)

    def validate_kind(self, value: str) -> str:
        if value not in kinds():
            raise serializers.ValidationError(f"Choose one of: {', '.join(kinds())}.")
        return value


class ReportFilters(Filters):
    kind = CharFilter("kind")
    study = CharFilter("study__slug")
    dataset = CharFilter("dataset__slug")


class ReportListView(generics.ListAPIView[Report]):
    """Reports about the studies and datasets that you run, newest first. POST asks for one: 202 and a job."""

    permission_classes = (IsFacilitator,)
    serializer_class = ReportSerializer
    filterset_class = ReportFilters
    queryset = Report.objects.none()

    def get_queryset(self) -> QuerySet[Report]:
        return Report.objects.shown_to(caller_of(self.request)).select_related("study", "dataset")

    @extend_schema(request=AskSerializer, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        serializer = AskSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted, caller = serializer.validated_data, caller_of(request)
        about = kinds()[wanted["kind"]].about
        if not wanted.get(about):
            raise serializers.ValidationError({about: f"This report is about a {about}; name one."})
        owners: Any = Study.objects if about == "study" else Dataset.objects
        owner = get_object_or_404(owners.run_by(caller), slug=wanted[about])
        read_parameters(wanted["kind"], wanted["params"])
        assert caller.user is not None
        inputs = {"kind": wanted["kind"], about: str(owner.id), "params": wanted["params"], "user": caller.user.id}
        return accepted(request_job("reports.run", inputs, scope_key=owner.scope_key, user=caller.user), request)


class ReportView(generics.RetrieveAPIView[Report]):
    """One report with its result."""

    permission_classes = (IsFacilitator,)
    serializer_class = ReportBodySerializer
    queryset = Report.objects.none()

    def get_queryset(self) -> QuerySet[Report]:
        return Report.objects.shown_to(caller_of(self.request)).select_related("study", "dataset")
