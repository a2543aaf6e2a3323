"""REST for webhooks: those of the studies and datasets that one may change."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from constitutions.models import Webhook, WebhookDelivery
from constitutions.serializers import (
    DeliverySerializer,
    WebhookChangeSerializer,
    WebhookMadeSerializer,
    WebhookSerializer,
    WebhookWantedSerializer,
)
from constitutions.webhooks import add_webhook, disable, enable, send_test
from core.access import IsFacilitator, caller_of
from elicitation.models import Dataset, Study


class WebhookListView(generics.ListAPIView[Webhook]):
    """Your webhooks."""

    permission_classes = (IsFacilitator,)
    serializer_class = WebhookSerializer
    queryset = Webhook.objects.none()

    def get_queryset(self) -> QuerySet[Webhook]:
        return Webhook.objects.run_by(caller_of(self.request)).select_related("study", "dataset")

    @extend_schema(request=WebhookWantedSerializer, responses={201: WebhookMadeSerializer})
    def post(self, request: Request) -> Response:
        """Add a webhook. The answer holds its secret, which is shown this once."""
        serializer = WebhookWantedSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        caller, wanted = caller_of(request), serializer.validated_data
        study = dataset = None
        if slug := wanted.get("study"):
            study = get_object_or_404(Study.objects.run_by(caller, change=True), slug=slug)
        else:
            dataset = get_object_or_404(Dataset.objects.run_by(caller, change=True), slug=wanted["dataset"])
        webhook, secret = add_webhook(wanted["url"], study=study, dataset=dataset, by=caller.user)
        return Response(WebhookSerializer(webhook).data | {"secret": secret}, status=201)


def find_webhook(request: Request, pk: Any) -> Webhook:
    mine = Webhook.objects.run_by(caller_of(request)).select_related("study", "dataset")
    return get_object_or_404(mine, id=pk)


class WebhookView(APIView):
    """One webhook."""

    permission_classes = (IsFacilitator,)

    @extend_schema(responses=WebhookSerializer)
    def get(self, request: Request, pk: Any) -> Response:
        return Response(WebhookSerializer(find_webhook(request, pk)).data)

    @extend_schema(request=WebhookChangeSerializer, responses=WebhookSerializer)
    def patch(self, request: Request, pk: Any) -> Response:
        """Turn a webhook off, or on again."""
        webhook = find_webhook(request, pk)
        serializer = WebhookChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if serializer.validated_data["is_active"]:
            enable(webhook)
        else:
            disable(webhook, "")
        return Response(WebhookSerializer(find_webhook(request, pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: Any) -> Response:
        """Remove a webhook with its deliveries."""
        find_webhook(request, pk).delete()
        return Response(status=204)


class WebhookTestView(APIView):
    """Send a message of the type `test`."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, pk: Any) -> Response:
        return Response(DeliverySerializer(send_test(find_webhook(request, pk))).data, status=202)


class DeliveryListView(generics.ListAPIView[WebhookDelivery]):
    """What was sent to a webhook and how it went, newest first."""

    permission_classes = (IsFacilitator,)
    serializer_class = DeliverySerializer
    queryset = WebhookDelivery.objects.none()

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        webhook = find_webhook(self.request, self.kwargs["pk"])
        return webhook.deliveries.select_related("version__constitution")
