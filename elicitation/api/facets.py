"""REST for what is said about a value's text: values, rights and duties, and norms. For those who run the study."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.access import IsFacilitator, caller_of
from core.api import JobSerializer, accepted
from elicitation import facets
from elicitation.algorithms.norms import LABELS, MOST_TEXT, Label
from elicitation.api.studies import changeable_study
from elicitation.models import AboutValue, CanonicalValue, Consideration, Norm, Study
from elicitation.tasks import request_facets


def _field(label: Label) -> serializers.Field[Any, Any, Any, Any]:
    if label.is_many:
        return serializers.ListField(child=serializers.ChoiceField(choices=label.choices), required=False)
    if label.choices:
        return serializers.ChoiceField(choices=label.choices, required=False, allow_null=True)
    return serializers.CharField(max_length=MOST_TEXT, required=False, allow_null=True, allow_blank=True)


LabelsSerializer: Any = type(
    "LabelsSerializer",
    (serializers.Serializer,),
    {"__doc__": "Labels of a rule of thumb; what is left out is not answered."}
    | {name: _field(label) for name, label in LABELS.items()},
)


class ConsiderationSerializer(serializers.ModelSerializer[Consideration]):
    """A value, right or duty. `supports`, `opposes` and `either` are probabilities that sum to 1."""

    class Meta:
        model = Consideration
        fields = (
            "number", "type", "text", "relevance", "supports", "opposes", "either", "explanation", "origin", "state",
        )  # fmt: skip
        read_only_fields = ("number", "origin", "state")
        validators: tuple[Any, ...] = ()


class NormSerializer(serializers.ModelSerializer[Norm]):
    """A rule of thumb, a judgement of an action, with one reader's labels of it."""

    labels = LabelsSerializer()

    class Meta:
        model = Norm
        fields = ("number", "rule", "labels", "origin", "state")
        read_only_fields = ("number", "origin", "state")


class DecisionSerializer(serializers.Serializer[Any]):
    """What the confirmed considerations say together, weighed by relevance; `entropy` is in bits, at most log2 3."""

    supports = serializers.FloatField()
    opposes = serializers.FloatField()
    either = serializers.FloatField()
    entropy = serializers.FloatField()


class FacetsSerializer(serializers.Serializer[Any]):
    """All that is said about a value, also what waits for a decision and what was rejected."""

    considerations = ConsiderationSerializer(many=True)
    decision = DecisionSerializer(allow_null=True)
    norms = NormSerializer(many=True)


class _OneOfTwo(serializers.Serializer[Any]):
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("consideration" in attrs) == ("norm" in attrs):
            raise serializers.ValidationError("Send either a consideration or a norm.")
        return attrs


class NewFacetSerializer(_OneOfTwo):
    """One of the two, to be added. It counts at once; a consideration that is there in the same words is replaced."""

    consideration = ConsiderationSerializer(required=False)
    norm = NormSerializer(required=False)


class DecidingSerializer(_OneOfTwo):
    """The number of one of the two, and whether it is confirmed or rejected."""

    consideration = serializers.IntegerField(min_value=1, required=False)
    norm = serializers.IntegerField(min_value=1, required=False)
    state = serializers.ChoiceField(choices=AboutValue.State.choices)


class FacetsView(APIView):
    """What is said about a value. POST adds to it; PUT confirms or rejects a row. Both answer with all of it."""

    permission_classes = (IsFacilitator,)

    @extend_schema(responses=FacetsSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        study = get_object_or_404(Study.objects.run_by(caller_of(request)), slug=slug)
        return Response(_told(get_object_or_404(study.values, number=number)))

    @extend_schema(request=NewFacetSerializer, responses={201: FacetsSerializer})
    def post(self, request: Request, slug: str, number: int) -> Response:
        value = get_object_or_404(changeable_study(request, slug).values, number=number)
        serializer = NewFacetSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        by = caller_of(request).user
        if "norm" in serializer.validated_data:
            facets.add_norm(value, **serializer.validated_data["norm"], by=by)
        else:
            facets.add_consideration(value, **serializer.validated_data["consideration"], by=by)
        return Response(_told(value), status=status.HTTP_201_CREATED)

    @extend_schema(request=DecidingSerializer, responses=FacetsSerializer)
    def put(self, request: Request, slug: str, number: int) -> Response:
        value = get_object_or_404(changeable_study(request, slug).values, number=number)
        serializer = DecidingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = dict(serializer.validated_data)
        state = asked.pop("state")
        [(kind, row)] = asked.items()
        facets.decide(
            get_object_or_404(facets.about(facets.KINDS[kind], value), number=row), state, caller_of(request).user
        )
        return Response(_told(value))


class FacetProposalsView(APIView):
    """POST asks the model for what bears on this value, once. What it says waits for a decision."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=None, responses={202: JobSerializer})
    def post(self, request: Request, slug: str, number: int) -> Response:
        study = changeable_study(request, slug)
        get_object_or_404(study.values, number=number)
        return accepted(request_facets(study, [number], caller_of(request).user), request)


def _told(value: CanonicalValue) -> Any:
    considerations = facets.about(Consideration, value)
    told = facets.decision_of(considerations)
    return FacetsSerializer(
        {
            "considerations": considerations,
            "decision": told and told._asdict(),
            "norms": facets.about(Norm, value),
        }
    ).data


urlpatterns = [
    path("studies/<slug:slug>/values/<int:number>/facets/", FacetsView.as_view(), name="facets"),
    path(
        "studies/<slug:slug>/values/<int:number>/facets/proposals/",
        FacetProposalsView.as_view(),
        name="facet-proposals",
    ),
]
