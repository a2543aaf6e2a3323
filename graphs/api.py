"""REST for moral graphs: list, build, pull, publish."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django_filters import ChoiceFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.access import HasScope, IsFacilitator, caller_of
from core.api import JobSerializer, accepted
from core.problems import Problem
from core.pulls import pull
from core.queries import Filters, whole_number
from elicitation.models import Study
from graphs.building import MODES, body_of, publish
from graphs.comparing import differences
from graphs.exports import FORMS, export
from graphs.models import GraphSnapshot
from graphs.ordering import compare_values, wisest
from graphs.serializers import BuildSerializer, GraphAboutSerializer, GraphSerializer
from graphs.tasks import request_build

EXPORT = OpenApiParameter("export", str, enum=sorted(FORMS), description="The form; folkmoot where none is given")
MOST_DIGITS = 9  # of a snapshot's number: a database integer holds no more
LARGEST_NUMBER = 2**31 - 1  # of a value


class GraphFilters(Filters):
    mode = ChoiceFilter(choices=[(mode, mode) for mode in MODES])


class GraphListView(generics.ListAPIView[GraphSnapshot]):
    """The snapshots of a study, newest first: the published ones to everyone, all of them to those who run it."""

    permission_classes = (HasScope,)
    serializer_class = GraphSerializer
    filterset_class = GraphFilters
    queryset = GraphSnapshot.objects.none()

    def get_queryset(self) -> QuerySet[GraphSnapshot]:
        slug, caller = self.kwargs["slug"], caller_of(self.request)
        snapshots = GraphSnapshot.objects.shown_to(caller).filter(study__slug=slug)
        if not snapshots.exists() and not Study.objects.shown_to(caller).filter(slug=slug).exists():
            raise Http404
        return snapshots.select_related("study", "publication").defer("body").order_by("-number")

    def get_permissions(self) -> list[Any]:
        return [IsFacilitator() if self.request.method == "POST" else HasScope()]

    @extend_schema(request=BuildSerializer, responses={202: JobSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Build a snapshot in the background. Asking for the same twice gives the same job, and the same snapshot."""
        caller = caller_of(request)
        study = get_object_or_404(Study.objects.run_by(caller, change=True), slug=slug)
        serializer = BuildSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return accepted(request_build(study, user=caller.user, **serializer.validated_data), request)


def find_snapshot(request: Request, slug: str, graph: str) -> GraphSnapshot:
    """Return the snapshot that an address names ("latest", a number or an id), if the caller may see it; else 404.

    The latest is the newest published one.
    """
    snapshots = GraphSnapshot.objects.shown_to(caller_of(request)).filter(study__slug=slug)
    snapshots = snapshots.select_related("publication").defer("body")  # who has it already needs no body, and no study
    found: GraphSnapshot | None
    if graph == "latest":
        found = snapshots.published().order_by("-number").first()
    elif graph.isascii() and graph.isdigit():
        found = snapshots.filter(number=int(graph)).first() if len(graph) <= MOST_DIGITS else None
    else:
        try:
            found = snapshots.filter(id=UUID(graph)).first()
        except ValueError:
            found = None
    if found is None:
        raise Http404
    return found


class AnyForm(BaseContentNegotiation):
    """Take `export` and not the Accept header for the form: a reader that accepts text/csv alone gets its CSV."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class GraphView(APIView):
    """One snapshot, in the form asked for. Its bytes never change; `latest` is the newest published one."""

    permission_classes = (HasScope,)
    content_negotiation_class = AnyForm
    queries = ("export",)
    also_served = ("application/xml", "text/csv")
    is_pull = True

    @extend_schema(parameters=[EXPORT], responses={200: OpenApiTypes.OBJECT, 304: None})
    def get(self, request: Request, slug: str, graph: str = "latest") -> HttpResponseBase:
        snapshot = find_snapshot(request, slug, graph)
        form = request.query_params.get("export", "folkmoot")
        if form not in FORMS:
            known = ", ".join(sorted(FORMS))
            raise Problem(400, "unknown-export", f"There is no export {form[:40]!r}", f"Choose one of: {known}.")
        publication = getattr(snapshot, "publication", None)
        response = pull(
            request,
            lambda: export(snapshot, form).encode(),
            sha256=snapshot.sha256,
            export="json" if form == "folkmoot" else form,
            content_type=FORMS[form].content_type,
            last_modified=publication.published_at if publication else snapshot.built_at,
            public=publication is not None,
            immutable=graph != "latest" and publication is not None,
            filename=f"{slug}-{snapshot.number}.{FORMS[form].ending}" if form in ("csv", "graphml") else "",
        )
        response["X-Graph-Number"] = str(snapshot.number)
        return response


class GraphAboutView(generics.RetrieveAPIView[GraphSnapshot]):
    """What stands beside a snapshot's hashed body: when it was built, by which code, and how many votes wait."""

    permission_classes = (HasScope,)
    serializer_class = GraphAboutSerializer
    queryset = GraphSnapshot.objects.none()

    def get_object(self) -> GraphSnapshot:
        return find_snapshot(self.request, self.kwargs["slug"], self.kwargs["graph"])


class GraphCompareView(APIView):
    """Which of two values is wiser, by the arrows of a snapshot: `a` is wiser, less wise, in a circle with `b`, or the two are
    incomparable. The arrows that lead from one to the other are told with their counts."""

    permission_classes = (HasScope,)
    queries = ("a", "b")

    @extend_schema(
        parameters=[OpenApiParameter(name, int, required=True, description="A value's number") for name in ("a", "b")],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str, graph: str) -> Response:
        snapshot = find_snapshot(request, slug, graph)
        a, b = (whole_number(request, name, LARGEST_NUMBER, least=0) for name in ("a", "b"))
        if a is None or b is None:
            raise Problem(400, "bad-query", "Two values are needed", "Send the numbers of two values as `a` and `b`.")
        return Response(compare_values(body_of(snapshot), a, b))


class GraphOrderView(APIView):
    """The values of a snapshot than which none is wiser, and the circles among its values."""

    permission_classes = (HasScope,)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, slug: str, graph: str) -> Response:
        return Response(wisest(body_of(find_snapshot(request, slug, graph))))


class GraphDiffView(APIView):
    """What changed since another snapshot, and why: arrows and values gained, lost and changed, moves beyond chance, winners."""

    permission_classes = (HasScope,)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, slug: str, graph: str, other: str) -> Response:
        older, newer = find_snapshot(request, slug, other), find_snapshot(request, slug, graph)
        return Response(differences(older, newer))


class GraphPublishView(APIView):
    """Publish a snapshot: from then on everyone may pull it. Publishing twice changes nothing."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=None, responses=GraphAboutSerializer)
    def post(self, request: Request, slug: str, graph: str) -> Response:
        caller = caller_of(request)
        snapshot = find_snapshot(request, slug, graph)
        get_object_or_404(Study.objects.run_by(caller, change=True), id=snapshot.study_id)
        publish(snapshot, caller.user)
        published = find_snapshot(request, slug, str(snapshot.id))
        return Response(GraphAboutSerializer(published, context={"request": request}).data)
