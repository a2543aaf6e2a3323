"""REST for what every room shares: jobs and API keys."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from core import api_keys, jobs
from core.access import IsFacilitator, caller_of
from core.models import ApiKey, Job
from core.problems import Conflict


class JobSerializer(serializers.ModelSerializer[Job]):
    """The state of background work: waiting, running with progress, and what came of it."""

    url = serializers.HyperlinkedIdentityField(view_name="job", lookup_field="pk")

    class Meta:
        model = Job
        fields = (
            "id", "url", "kind", "state", "attempt", "done", "total", "note", "result", "error",
            "created_at", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


def accepted(job: Job, request: Request) -> Response:
    """Return 202 with the job and its address."""
    response = Response(JobSerializer(job, context={"request": request}).data, status=status.HTTP_202_ACCEPTED)
    response["Location"] = reverse("job", kwargs={"pk": job.id}, request=request)
    return response


class JobListView(generics.ListAPIView[Job]):
    """Background work of the studies and datasets that you run, newest first."""

    permission_classes = (IsFacilitator,)
    serializer_class = JobSerializer
    filterset_fields = ("state", "kind")
    queryset = Job.objects.none()

    def get_queryset(self) -> QuerySet[Job]:
        return Job.objects.shown_to(caller_of(self.request))


class JobView(generics.RetrieveAPIView[Job]):
    """State, progress and result of anything that was answered with 202."""

    permission_classes = (IsFacilitator,)
    serializer_class = JobSerializer
    queryset = Job.objects.none()

    def get_queryset(self) -> QuerySet[Job]:
        return Job.objects.shown_to(caller_of(self.request))


class JobActView(generics.GenericAPIView[Job]):
    """Cancel a job, or resume a paused or failed one. What was already done is not done twice."""

    permission_classes = (IsFacilitator,)
    serializer_class = JobSerializer
    queryset = Job.objects.none()
    act = "cancel"

    def get_queryset(self) -> QuerySet[Job]:
        return Job.objects.shown_to(caller_of(self.request), change=True)

    @extend_schema(request=None, responses=JobSerializer)
    def post(self, request: Request, pk: str) -> Response:
        job = self.get_object()
        if not {"cancel": jobs.cancel, "resume": jobs.resume}[self.act](job):
            raise Conflict(f"This job can't be changed so: it is {job.state}")
        job.refresh_from_db()
        return Response(self.get_serializer(job).data)


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(ApiKey.SCOPES)), allow_empty=False)

    class Meta:
        model = ApiKey
        fields = (
            "id", "name", "prefix", "scopes", "limited_to", "created_at", "expires_at", "revoked_at", "last_used_at",
        )  # fmt: skip
        read_only_fields = ("id", "prefix", "created_at", "revoked_at", "last_used_at")

    def validate_expires_at(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("That moment is over; the key would work for nothing.")
        return value

    def validate_limited_to(self, value: str) -> str:
        if value and value not in caller_of(self.context["request"]).scope_keys():
            raise serializers.ValidationError("That is not a study or dataset of yours.")
        return value


class MadeApiKeySerializer(ApiKeySerializer):
    """A key just made: the only answer that ever holds its secret."""

    secret = serializers.CharField(read_only=True)

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "secret")  # type: ignore[assignment]


class NotThroughAKey(IsFacilitator):
    """Keys are managed by people who signed in: a key can't make another key."""

    message = "Sign in for that; a key can't manage keys."
    schemes = ("cookieAuth",)

    def has_permission(self, request: Any, view: Any) -> bool:
        return caller_of(request).key is None and super().has_permission(request, view)


class ApiKeyListView(generics.ListCreateAPIView[ApiKey]):
    """Your API keys. The secret is in the answer to POST and never again."""

    permission_classes = (NotThroughAKey,)
    serializer_class = ApiKeySerializer
    queryset = ApiKey.objects.none()

    def get_queryset(self) -> QuerySet[ApiKey]:
        return ApiKey.objects.filter(owner=caller_of(self.request).user)

    @extend_schema(request=ApiKeySerializer, responses={201: MadeApiKeySerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = caller_of(request).user
        assert user is not None
        key, secret = api_keys.make_key(user, **serializer.validated_data)
        key.secret = secret  # type: ignore[attr-defined]
        return Response(MadeApiKeySerializer(key).data, status=status.HTTP_201_CREATED)


class ApiKeyView(generics.RetrieveDestroyAPIView[ApiKey]):
    """One key of yours. DELETE revokes it at once; its row stays, so that you see when it ended."""

    permission_classes = (NotThroughAKey,)
    serializer_class = ApiKeySerializer
    queryset = ApiKey.objects.none()

    def get_queryset(self) -> QuerySet[ApiKey]:
        return ApiKey.objects.filter(owner=caller_of(self.request).user)

    def perform_destroy(self, instance: ApiKey) -> None:
        api_keys.revoke(instance)


class RootView(APIView):
    """Where to begin."""

    permission_classes = ()

    @extend_schema(responses={200: dict[str, str]})
    def get(self, request: Request) -> Response:
        names = ("studies", "datasets", "constitutions", "reports", "jobs", "schema", "docs")
        base = request.build_absolute_uri(request.path)
        return Response({name: f"{base}{name}/" for name in names})
