"""REST for constitutions: extract, list, pull, compare versions, and see what stands behind a principle."""

import hashlib
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django_filters import CharFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from constitutions.estimating import estimate
from constitutions.evidence import ORDERS, STANCES, evidence_behind
from constitutions.exports import FORMS, export
from constitutions.extraction import must_be_there, must_lack_answers, same_again
from constitutions.models import Constitution, ConstitutionVersion, Extraction
from constitutions.options import options_among
from constitutions.publishing import diff, notice_withdrawals, version_body
from constitutions.serializers import ConstitutionSerializer, ExtractSerializer, VersionSerializer
from constitutions.signing import signature_of
from core.access import HasScope, IsFacilitator, caller_of
from core.api import JobSerializer, accepted
from core.jobs import request_job
from core.problems import Problem
from core.pulls import pull
from core.queries import Filters, one_of, whole_number
from elicitation.models import Dataset, Study

LAST_START = 99_999_999
EXPORT = OpenApiParameter("export", str, enum=sorted(FORMS), description="The form; json where none is given")


class ConstitutionFilters(Filters):
    study = CharFilter("study__slug")
    dataset = CharFilter("dataset__slug")


class ConstitutionListView(generics.ListAPIView[Constitution]):
    """Constitutions with a published version, listed to everyone; with a key, also those of yours."""

    permission_classes = (HasScope,)
    serializer_class = ConstitutionSerializer
    filterset_class = ConstitutionFilters
    queryset = Constitution.objects.none()

    def get_queryset(self) -> QuerySet[Constitution]:
        shown = Constitution.objects.shown_to(caller_of(self.request))
        return shown.select_related("study", "dataset").prefetch_related("versions")

    def get_permissions(self) -> list[Any]:
        return [IsFacilitator() if self.request.method == "POST" else HasScope()]

    @extend_schema(request=ExtractSerializer, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Extract principles in the background, and publish them if a `slug` is given."""
        serializer = ExtractSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = dict(serializer.validated_data)
        caller = caller_of(request)
        study = dataset = None
        if slug := wanted.pop("study", None):
            study = get_object_or_404(Study.objects.run_by(caller, change=True), slug=slug)
            wanted["study"] = str(study.id)
        if slug := wanted.pop("dataset", None):
            dataset = get_object_or_404(Dataset.objects.run_by(caller, change=True), slug=slug)
            wanted["dataset"] = str(dataset.id)
        if repair := wanted.get("repair"):
            found = get_object_or_404(Extraction.objects.shown_to(caller), id=repair)
            must_lack_answers(found)
            wanted |= same_again(found) | {"repair": str(repair)}
            study, dataset = found.study, found.dataset
        must_be_there(dataset, study, options_among(wanted))
        owner = study or dataset
        assert owner is not None
        assert caller.user is not None
        inputs = wanted | {"user": caller.user.id}
        return accepted(
            request_job("constitutions.extract", inputs, scope_key=owner.scope_key, user=caller.user), request
        )


class EstimateView(APIView):
    """POST what would be extracted, and read what it would ask a model and cost, by stage. Nothing is asked or stored."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=ExtractSerializer, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        serializer = ExtractSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = dict(serializer.validated_data)
        dataset = None
        if slug := wanted.get("dataset"):
            dataset = get_object_or_404(Dataset.objects.run_by(caller_of(request)), slug=slug)
        return Response(estimate(dataset, **options_among(wanted)))


class ConstitutionView(generics.RetrieveAPIView[Constitution]):
    """A constitution and its versions."""

    permission_classes = (HasScope,)
    serializer_class = ConstitutionSerializer
    lookup_field = "slug"
    queryset = Constitution.objects.none()

    def get_queryset(self) -> QuerySet[Constitution]:
        return Constitution.objects.shown_to(caller_of(self.request)).prefetch_related("versions")


class VersionListView(generics.ListAPIView[ConstitutionVersion]):
    """The versions of a constitution, newest first, with what stands beside their hashed bodies."""

    permission_classes = (HasScope,)
    serializer_class = VersionSerializer
    queryset = ConstitutionVersion.objects.none()

    def get_queryset(self) -> QuerySet[ConstitutionVersion]:
        shown = Constitution.objects.shown_to(caller_of(self.request))
        constitution = get_object_or_404(shown, slug=self.kwargs["slug"])
        return constitution.versions.select_related("constitution", "parent", "extraction")


def find_version(request: Request, slug: str, number: int | None) -> ConstitutionVersion:
    """Return the version that an address names, or the newest; else 404."""
    shown = Constitution.objects.shown_to(caller_of(request)).filter(slug=slug)
    versions = ConstitutionVersion.objects.filter(constitution__in=shown).select_related(
        "constitution__study", "extraction__dataset", "parent", "signature__key"
    )
    found = versions.filter(number=number).first() if number is not None else versions.order_by("-number").first()
    if found is None:
        raise Http404
    return found


class PullView(APIView):
    """Pull a version, in the form asked for by `?export=` or `Accept: text/markdown`. Its bytes never change; `latest`
    is the newest one. The ETag is the hash of the form's own bytes: send it back as `If-None-Match` and get 304 while nothing is new."""

    permission_classes = (HasScope,)
    queries = ("export",)
    also_served = ("text/markdown", "text/plain", "application/x-ndjson")
    is_pull = True

    @extend_schema(parameters=[EXPORT], responses={200: OpenApiTypes.OBJECT, 304: None})
    def get(self, request: Request, slug: str, number: int | None = None) -> HttpResponseBase:
        version = find_version(request, slug, number)
        form = request.query_params.get("export") or self._accepted(request)
        if form not in FORMS:
            known = ", ".join(sorted(FORMS))
            raise Problem(400, "unknown-export", f"There is no export {form[:40]!r}", f"Choose one of: {known}.")
        written = FORMS[form]
        body = export(version, form).encode()
        response = pull(
            request,
            lambda: body,
            sha256=version.sha256 if form == "json" else hashlib.sha256(body).hexdigest(),
            export=form,
            content_type=written.content_type,
            last_modified=version.published_at if written.of_body_alone else None,
            immutable=number is not None and form == "json",
        )
        if response.status_code == 200:
            name = f"{version.constitution.slug}-v{version.number}{written.suffix}"
            response["Content-Disposition"] = f'inline; filename="{name}"'
        sheet = reverse("constitution-version", args=[slug, version.number])
        response["Link"] = f'<{sheet}?export=data-sheet>; rel="describedby"'
        response["X-Licence"] = version_body(version)["licence"]
        if form == "json" and (signed := signature_of(version)):
            response["X-Signature-Ed25519"] = signed.signature
            response["X-Signing-Key"] = signed.key.key_id
        response["X-Constitution-Version"] = str(version.number)
        if notice_withdrawals(version):
            response["X-Evidence-Withdrawn"] = "true"
        return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Any Accept header is answered: the form is chosen below, and JSON is the rest."""
        return super().perform_content_negotiation(request, force=True)

    def _accepted(self, request: Request) -> str:
        """Return the form that an Accept header likes best; JSON wins a tie, and is the rest."""
        forms = {
            "application/json": "json",
            "text/markdown": "markdown",
            "text/plain": "prompt",
            "application/x-ndjson": "rubric",
        }
        return forms.get(request.get_preferred_type(list(forms)) or "", "json")


class DiffView(APIView):
    """What changed from version m to version n: principles added, removed, reworded, re-weighted."""

    permission_classes = (HasScope,)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, slug: str, number: int, other: int) -> Response:
        return Response(diff(find_version(request, slug, other), find_version(request, slug, number)))


class EvidenceView(APIView):
    """The comparisons, cards, quotes and votes behind a principle, without anyone's identity, as they are now: what
    someone took back is gone from here."""

    permission_classes = (HasScope,)
    queries = ("start", "stance", "order")

    @extend_schema(
        parameters=[
            OpenApiParameter("start", int, description="Comparisons from this place on, 50 at a time"),
            OpenApiParameter("stance", str, enum=STANCES, description="Only these; else those for and against"),
            OpenApiParameter("order", str, enum=ORDERS),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str, number: int, principle: int) -> Response:
        version = find_version(request, slug, number)
        if all(p["id"] != principle for p in version_body(version)["principles"]):
            raise Http404
        start = whole_number(request, "start", LAST_START, least=0) or 0
        stance, order = one_of(request, "stance", STANCES), one_of(request, "order", ORDERS)
        return Response(evidence_behind(version.extraction, principle, start=start, stance=stance, order=order))
