"""REST for blind reviews: open one and see how it stands, for those who run the study; score principles, for its people."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from constitutions.blind_review import CRITERIA, LEAST, MOST, Made, close, given_by, items_for, open_of, score, state_of
from constitutions.models import ConstitutionVersion, Extraction, PrincipleReview, ReviewItem, ReviewScore
from constitutions.tasks import request_review
from core.access import IsFacilitator, IsParticipant, caller_of
from core.api import JobSerializer, accepted
from core.seeds import LARGEST_SEED
from elicitation.api.draws import participant_in
from elicitation.api.studies import changeable_study
from elicitation.models import Study


class OpenReviewSerializer(serializers.Serializer[Any]):
    """Which principles are to be reviewed: those of extractions, by their ids, and of published versions, as SLUG/N."""

    extractions = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=20, default=list)
    versions = serializers.ListField(
        child=serializers.RegexField(r"^[-\w]{1,60}/\d{1,8}$"), required=False, max_length=20, default=list
    )
    dropped = serializers.BooleanField(default=False, help_text="Also those that were tested and not kept")
    seed = serializers.IntegerField(default=0, min_value=0, max_value=LARGEST_SEED)


class ReviewScoreSerializer(serializers.ModelSerializer[ReviewScore]):
    """What you give a principle, 1 to 5 by each criterion."""

    class Meta:
        model = ReviewScore
        fields = (*CRITERIA, "comment")
        extra_kwargs = {name: {"min_value": LEAST, "max_value": MOST} for name in CRITERIA} | {
            "comment": {"required": False}
        }


class ReviewItemSerializer(serializers.ModelSerializer[ReviewItem]):
    """A principle to be scored, and what you gave it. Where it comes from is not told."""

    given = serializers.SerializerMethodField()

    class Meta:
        model = ReviewItem
        fields = ("id", "text", "given")
        read_only_fields = fields

    @extend_schema_field(ReviewScoreSerializer(allow_null=True))
    def get_given(self, item: ReviewItem) -> dict[str, Any] | None:
        given = self.context["given"].get(item.id)
        return ReviewScoreSerializer(given).data if given else None


class ReviewListView(APIView):
    """The study's blind reviews, newest first, without scores. POST opens one in the background."""

    permission_classes = (IsFacilitator,)

    @extend_schema(operation_id="studies_reviews_list", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, slug: str) -> Response:
        study = get_object_or_404(Study.objects.run_by(caller_of(request)), slug=slug)
        return Response([state_of(review) for review in study.principle_reviews.all()])

    @extend_schema(request=OpenReviewSerializer, responses={202: JobSerializer})
    def post(self, request: Request, slug: str) -> Response:
        study = changeable_study(request, slug)
        serializer = OpenReviewSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted, caller = serializer.validated_data, caller_of(request)
        extractions = [get_object_or_404(Extraction.objects.shown_to(caller), id=pk) for pk in wanted["extractions"]]
        versions = [_version(caller, named) for named in wanted["versions"]]
        made: list[Made] = [*extractions, *versions]
        assert caller.user is not None
        job = request_review(study, made, dropped=wanted["dropped"], seed=wanted["seed"], user=caller.user)
        return accepted(job, request)


def _version(caller: Any, named: str) -> ConstitutionVersion:
    slug, _sign, number = named.partition("/")
    mine = ConstitutionVersion.objects.filter(extraction__in=Extraction.objects.shown_to(caller))
    return get_object_or_404(mine, constitution__slug=slug, number=int(number))


class ReviewView(APIView):
    """How a review stands: its principles by source, and how many people scored them. Under five people that is withheld."""

    permission_classes = (IsFacilitator,)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, slug: str, number: int) -> Response:
        mine = Study.objects.run_by(caller_of(request))
        return Response(state_of(get_object_or_404(PrincipleReview, study__in=mine, study__slug=slug, number=number)))


class CloseReviewView(APIView):
    """POST to close a review: it takes no more scores."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, slug: str, number: int) -> Response:
        review = get_object_or_404(PrincipleReview, study=changeable_study(request, slug), number=number)
        close(review)
        return Response(state_of(review))


class ReviewItemListView(APIView):
    """The principles of the study's open review, in an order of your own, with what you gave them. Empty while none is open."""

    permission_classes = (IsParticipant,)

    @extend_schema(responses=ReviewItemSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        me = participant_in(request, slug)
        review = open_of(me.study)
        if review is None:
            return Response([])
        context = {"given": given_by(me, review)}
        return Response(ReviewItemSerializer(items_for(review, me), many=True, context=context).data)


class ReviewScoreView(APIView):
    """PUT what you give a principle. A second time supersedes the first; both stay."""

    permission_classes = (IsParticipant,)

    @extend_schema(request=ReviewScoreSerializer, responses=ReviewScoreSerializer)
    def put(self, request: Request, slug: str, pk: UUID) -> Response:
        me = participant_in(request, slug)
        item = get_object_or_404(ReviewItem.objects.select_related("review"), id=pk, review__study=me.study)
        serializer = ReviewScoreSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        told = dict(serializer.validated_data)
        comment = told.pop("comment", "")
        return Response(ReviewScoreSerializer(score(item, me, told, comment)).data)
