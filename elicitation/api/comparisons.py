"""REST for a study's comparisons: which of two texts is better? Those who run the study add pairs, people judge them."""

from typing import Any, ClassVar

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.access import IsFacilitator, IsParticipant, caller_of
from elicitation import arena, comparisons, side_by_side
from elicitation.api.downloads import DownloadableList
from elicitation.api.draws import participant_in
from elicitation.api.studies import changeable_study
from elicitation.candidates import MOST_PROMPT
from elicitation.comparison_formats.content import MOST_CONTEXT
from elicitation.models import Annotation, Comparison, ShownComparison, Study
from elicitation.study_settings import settings_of
from elicitation.tables import MOST_ID


class PairSerializer(serializers.ModelSerializer[Comparison]):
    """Two texts that answer the same prompt. Which model wrote them is not told to those who judge."""

    class Meta:
        model = Comparison
        fields = ("number", "prompt", "context", "text_a", "text_b")
        read_only_fields = ("number",)
        extra_kwargs = {
            "prompt": {"required": True, "allow_null": False, "allow_blank": True},
            "text_a": {"required": True, "allow_blank": False},
            "text_b": {"required": True, "allow_blank": False},
        }


class ShownPairSerializer(PairSerializer):
    """A pair as one person is to see it: `first` stands first, and `order_shown` says which side that is, `ab` or `ba`. Where the
    study draws no pairs it is empty, and you choose the order."""

    order_shown = serializers.CharField(read_only=True)
    first = serializers.SerializerMethodField()
    second = serializers.SerializerMethodField()

    class Meta(PairSerializer.Meta):
        fields = (*PairSerializer.Meta.fields, "order_shown", "first", "second")  # type: ignore[assignment]

    def get_first(self, pair: Comparison) -> str:
        return pair.text_b if self._is_turned(pair) else pair.text_a

    def get_second(self, pair: Comparison) -> str:
        return pair.text_a if self._is_turned(pair) else pair.text_b

    def _is_turned(self, pair: Comparison) -> bool:
        return getattr(pair, "order_shown", "") == "ba"


class OpenedPairSerializer(ShownPairSerializer):
    """A pair that the person has open. An answer counts from when `seconds_left` have passed."""

    seconds_left = serializers.IntegerField(read_only=True)

    class Meta(ShownPairSerializer.Meta):
        fields = (*ShownPairSerializer.Meta.fields, "seconds_left")  # type: ignore[assignment]


class JudgementSerializer(serializers.ModelSerializer[Annotation]):
    """Which text is better, by the comparison's own sides: `a` is `text_a`, also where it stood second. `order_shown` says which
    side stood first; where the order was drawn, that one is stored."""

    answer = serializers.ChoiceField(choices=["a", "b", "tie", "both_bad"])
    order_shown = serializers.ChoiceField(choices=["ab", "ba"], default="ab")
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")

    by_dimension = serializers.DictField(
        child=serializers.ChoiceField(choices=["a", "b", "tie"]), required=False, write_only=True
    )

    class Meta:
        model = Annotation
        fields = ("answer", "order_shown", "reason", "by_dimension")


class TwoSerializer(serializers.Serializer[Any]):
    """Two things, by their numbers, and what people are asked about them."""

    first = serializers.IntegerField(min_value=0, max_value=MOST_ID)
    second = serializers.IntegerField(min_value=0, max_value=MOST_ID)
    prompt = serializers.CharField(max_length=MOST_PROMPT, required=False, allow_blank=True, default="")
    context = serializers.CharField(  # type: ignore[assignment]
        max_length=MOST_CONTEXT, required=False, allow_blank=True, default=""
    )


class ValuePairView(APIView):
    """POST two values of the study: people compare them as two texts, blind."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=TwoSerializer, responses={201: PairSerializer})
    def post(self, request: Request, slug: str) -> Response:
        study = changeable_study(request, slug)
        serializer = TwoSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = side_by_side.compare_values(study, **serializer.validated_data)
        return Response(PairSerializer(made).data, status=status.HTTP_201_CREATED)


class StudyComparisonListView(DownloadableList[Comparison]):
    """The study's comparisons: all of them to those who run it, those still to judge to someone who takes part, with `order_shown`,
    `first` and `second` as drawn. No reading time starts here: get each pair by its number when it is shown.

    POST adds one, for those who run the study. Answers are downloaded with the study's dataset.
    """

    serializer_class = PairSerializer
    queryset = Comparison.objects.none()
    file_name = "comparisons"
    schemes: ClassVar[dict[str, tuple[str, ...]]] = {"GET": ("apiKey", "cookieAuth", "participantToken")}

    def get_permissions(self) -> list[Any]:
        is_person = self.request.method == "GET" and caller_of(self.request).participant is not None
        return [IsParticipant() if is_person else IsFacilitator()]

    def get_serializer_class(self) -> type[PairSerializer]:
        is_person = self.request is not None and caller_of(self.request).participant is not None
        return ShownPairSerializer if is_person else PairSerializer

    def get_queryset(self) -> QuerySet[Comparison]:
        slug, caller = self.kwargs["slug"], caller_of(self.request)
        if caller.participant is not None:
            me = participant_in(self.request, slug)
            open_to_me = Comparison.objects.filter(dataset__study=me.study)
            if settings_of(me.study).comparisons_each:
                waiting = [item for item in arena.pairs_of(me) if not arena.is_done(item)]
                drawn = ShownComparison.objects.filter(participant=me, comparison=OuterRef("id"))
                mine = open_to_me.filter(id__in=[item.comparison_id for item in waiting])
                told = mine.annotate(order_shown=Subquery(drawn.values("order_shown")))
                return told.order_by(Subquery(drawn.values("place")))
            return open_to_me.exclude(annotations__annotator__participant=me).order_by("number")
        study = get_object_or_404(Study.objects.run_by(caller), slug=slug)
        return Comparison.objects.filter(dataset__study=study).order_by("number")

    @extend_schema(request=PairSerializer, responses={201: PairSerializer})
    def post(self, request: Request, slug: str) -> Response:
        study = changeable_study(request, slug)
        serializer = PairSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        comparison = comparisons.add_comparison(comparisons.dataset_of(study), **serializer.validated_data)
        return Response(PairSerializer(comparison).data, status=status.HTTP_201_CREATED)


class PairView(APIView):
    """One pair that you are asked about. Where pairs are drawn its reading time starts now, the first time."""

    permission_classes = (IsParticipant,)

    @extend_schema(responses=OpenedPairSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        me = participant_in(request, slug)
        pair: Any = get_object_or_404(Comparison, dataset__study=me.study, number=number)
        pair.order_shown, pair.seconds_left = "", 0
        if settings_of(me.study).comparisons_each:
            item = arena.item_for(me, pair)
            if item is None:
                raise Http404
            arena.see(item)
            pair.order_shown, pair.seconds_left = item.order_shown, arena.seconds_left(item)
        return Response(OpenedPairSerializer(pair).data)


class JudgementView(APIView):
    """PUT which of two texts you find better. A second answer supersedes the first; both stay."""

    permission_classes = (IsParticipant,)

    @extend_schema(request=JudgementSerializer, responses=JudgementSerializer)
    def put(self, request: Request, slug: str, number: int) -> Response:
        me = participant_in(request, slug)
        comparison = get_object_or_404(
            Comparison.objects.select_related("dataset"), dataset__study=me.study, number=number
        )
        serializer = JudgementSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        told = dict(serializer.validated_data)
        dimensions = told.pop("by_dimension", {})
        if settings_of(me.study).comparisons_each:
            item = arena.item_for(me, comparison)
            if item is None:
                raise Http404
            annotation = arena.judge(item, answer=told["answer"], reason=told["reason"], dimensions=dimensions)
        else:
            annotation = comparisons.annotate(comparison, participant=me, **told)
        return Response(JudgementSerializer(annotation).data)


urlpatterns = [
    path("studies/<slug:slug>/comparisons/", StudyComparisonListView.as_view(), name="study-comparisons"),
    path("studies/<slug:slug>/comparisons/of-values/", ValuePairView.as_view(), name="compare-values"),
    path("studies/<slug:slug>/comparisons/<int:number>/", PairView.as_view(), name="study-comparison"),
    path("studies/<slug:slug>/comparisons/<int:number>/annotation/", JudgementView.as_view(), name="judgement"),
]
