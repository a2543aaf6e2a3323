"""REST for ratification: how stakeholder groups stand to a version's principles, and a person's own answers."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from constitutions.api import find_version
from constitutions.models import Approval
from constitutions.ratification import approve, given_by, ratification
from core.access import HasScope, IsParticipant, caller_of


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """Whether you approve of a principle."""

    class Meta:
        model = Approval
        fields = ("principle", "answer", "reason")
        extra_kwargs = {"reason": {"required": False}}


class RatificationView(APIView):
    """How each stakeholder group stands to each principle now, and which are ratified. Groups under five people are withheld."""

    permission_classes = (HasScope,)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, slug: str, number: int) -> Response:
        return Response(ratification(find_version(request, slug, number)))


class ApprovalsView(APIView):
    """Your own answers about a version's principles. POST one; the newest counts."""

    permission_classes = (IsParticipant,)

    @extend_schema(responses=ApprovalSerializer(many=True))
    def get(self, request: Request, slug: str, number: int) -> Response:
        me: Any = caller_of(request).participant
        given = given_by(me, find_version(request, slug, number))
        return Response(ApprovalSerializer([given[principle] for principle in sorted(given)], many=True).data)

    @extend_schema(request=ApprovalSerializer, responses={201: ApprovalSerializer})
    def post(self, request: Request, slug: str, number: int) -> Response:
        me: Any = caller_of(request).participant
        version = find_version(request, slug, number)
        serializer = ApprovalSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = approve(version, me, **serializer.validated_data)
        return Response(ApprovalSerializer(made).data, status=status.HTTP_201_CREATED)
