"""REST for what a person is asked to judge: other people's values, and upgrade stories. Only one's own draws."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.access import IsFacilitator, IsParticipant, caller_of
from core.problems import Problem
from elicitation import draws, participation, picks, stories
from elicitation.api.downloads import DownloadableList
from elicitation.api.values import ShownValueSerializer
from elicitation.models import Draw, DrawItem, Exposure, Participant, Study, WisdomVote


def shown_draws() -> QuerySet[Draw]:
    """Return draws with all that is told of them, in as many queries for many as for one."""
    votes = Prefetch("votes", WisdomVote.objects.current(), to_attr="newest_votes")
    there = DrawItem.objects.filter(story__from_value__is_archived=False, story__to_value__is_archived=False)
    items = there.select_related("story__context", "story__from_value", "story__to_value")
    exposures = Exposure.objects.select_related("value")
    return Draw.objects.prefetch_related(
        Prefetch("exposures", exposures.order_by("position")),
        Prefetch("items", items.prefetch_related(votes).order_by("position")),
    )


class DifferenceSerializer(serializers.Serializer[Any]):
    """What two values share and what only one of them looks for, found by comparing their words.

    `shared` has for each shared line its words in either value.
    """

    shared = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    only_first = serializers.ListField(child=serializers.CharField())
    only_second = serializers.ListField(child=serializers.CharField())


class StorySerializer(serializers.Serializer[Any]):
    """One story to judge: is `to_value` wiser than `from_value` in this context? `from_first` says which to show first.

    `origin` says who wrote it: model, pair (two cards and no story), person or import.
    """

    number = serializers.IntegerField(source="story.number")
    context = serializers.CharField(source="story.context.text")  # type: ignore[assignment]
    text = serializers.CharField(source="story.text")
    origin = serializers.CharField(source="story.origin")
    from_value = ShownValueSerializer(source="story.from_value")
    to_value = ShownValueSerializer(source="story.to_value")
    from_first = serializers.BooleanField()
    difference = serializers.SerializerMethodField(help_text="`first` is `from_value`, `second` is `to_value`")
    answer = serializers.SerializerMethodField()
    is_skipped = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=WisdomVote.Answer.choices, allow_null=True))
    def get_answer(self, item: DrawItem) -> str | None:
        newest = item.newest_votes  # type: ignore[attr-defined]
        return newest[0].answer if newest else None

    @extend_schema_field(DifferenceSerializer)
    def get_difference(self, item: DrawItem) -> Any:
        return DifferenceSerializer(stories.difference(item.story)).data

    def get_is_skipped(self, item: DrawItem) -> bool:
        return item.skipped_at is not None


class DrawSerializer(serializers.ModelSerializer[Draw]):
    """What was drawn: `values` to pick from, or `stories` to judge. The other list is empty."""

    values = serializers.SerializerMethodField()
    stories = serializers.SerializerMethodField()

    class Meta:
        model = Draw
        fields = ("id", "kind", "values", "stories", "completed_at")
        read_only_fields = fields

    @extend_schema_field(ShownValueSerializer(many=True))
    def get_values(self, draw: Draw) -> Any:
        return ShownValueSerializer([exposure.value for exposure in draw.exposures.all()], many=True).data

    @extend_schema_field(StorySerializer(many=True))
    def get_stories(self, draw: Draw) -> Any:
        return StorySerializer(draw.items.all(), many=True).data


class DrawingSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Draw.Kind.choices)


class DrawListView(generics.ListAPIView[Draw]):
    """What was drawn for you. POST draws values or stories, or gives what was drawn before.

    Nobody sees other people's values before their own card is confirmed.
    """

    permission_classes = (IsParticipant,)
    serializer_class = DrawSerializer
    queryset = Draw.objects.none()

    def get_queryset(self) -> QuerySet[Draw]:
        me = participant_in(self.request, self.kwargs["slug"])
        return shown_draws().filter(participant=me).order_by("created_at", "id")

    @extend_schema(request=DrawingSerializer, responses=DrawSerializer)
    def post(self, request: Request, slug: str) -> Response:
        me = participant_in(request, slug)
        serializer = DrawingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        participation.must_be_open(me)
        if step := participation.step_of_own_card(me):
            raise Problem(403, "own-card-first", "Your own card comes first", f"Next comes: {step}.", next_step=step)
        is_picks = serializer.validated_data["kind"] == Draw.Kind.PICKS
        draw = picks.draw_values(me) if is_picks else draws.draw_stories(me)
        for item in draws.items_to_judge(draw):
            draws.mark_shown(item)
        draws.complete_if_through(draw)
        return Response(DrawSerializer(shown_draws().get(id=draw.id)).data)


class DrawnSerializer(serializers.ModelSerializer[DrawItem]):
    """A story that was drawn for someone: by which rule and seed, why, and what is known of the pair's answers then.

    `asked` counts the answers about the pair, `decided` those that say something about this direction, and `wiser` those of
    them that say yes. `from_first` says which side was shown first.
    """

    participant = serializers.IntegerField(source="draw.participant.number", read_only=True)
    story = serializers.IntegerField(source="story.number", read_only=True)
    from_value = serializers.IntegerField(source="story.from_value.number", read_only=True)
    to_value = serializers.IntegerField(source="story.to_value.number", read_only=True)
    context = serializers.CharField(source="story.context.text", read_only=True)  # type: ignore[assignment]
    asked = serializers.IntegerField(source="counts.asked", read_only=True, default=None)
    wiser = serializers.IntegerField(source="counts.wiser", read_only=True, default=None)
    decided = serializers.IntegerField(source="counts.decided", read_only=True, default=None)
    rule = serializers.CharField(source="draw.rule.name", read_only=True, default="")
    seed = serializers.IntegerField(source="draw.seed", read_only=True)
    answer = serializers.SerializerMethodField()

    class Meta:
        model = DrawItem
        fields = (
            "participant", "position", "story", "from_value", "to_value", "context", "from_first", "why", "asked", "wiser",
            "decided", "rule", "seed", "shown_at", "skipped_at", "answer",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=WisdomVote.Answer.choices, allow_null=True))
    def get_answer(self, item: DrawItem) -> str | None:
        newest = item.newest_votes  # type: ignore[attr-defined]
        return newest[0].answer if newest else None


class DrawnListView(DownloadableList[DrawItem]):
    """Every story that was drawn for someone of the study, and why, for those who run it: with it, answers can be weighted
    by how likely they were to be asked for. People who left and previews are not in it."""

    permission_classes = (IsFacilitator,)
    serializer_class = DrawnSerializer
    filterset_fields = ("why",)
    queryset = DrawItem.objects.none()
    file_name = "draws"

    def get_queryset(self) -> QuerySet[DrawItem]:
        study = get_object_or_404(Study.objects.run_by(caller_of(self.request)), slug=self.kwargs["slug"])
        counted = DrawItem.objects.filter(draw__participant__in=Participant.objects.counted(study))
        told = counted.select_related("draw__participant", "story__from_value", "story__to_value", "story__context")
        votes = Prefetch("votes", WisdomVote.objects.current(), to_attr="newest_votes")
        return told.prefetch_related(votes).order_by("draw__participant__number", "draw_id", "position")


def participant_in(request: Any, slug: str) -> Participant:
    """Return the participant who asks, if they take part in the study at this address; else 404."""
    me = caller_of(request).participant
    return get_object_or_404(Participant.objects.select_related("study"), id=me.id if me else None, study__slug=slug)


urlpatterns = [
    path("studies/<slug:slug>/draws/", DrawListView.as_view(), name="draws"),
    path("studies/<slug:slug>/draws/all/", DrawnListView.as_view(), name="draws-all"),
]
