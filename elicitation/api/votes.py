"""REST for wisdom votes: a person answers the stories drawn for them; those who run the study download all answers."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from core.access import IsFacilitator, IsParticipant, caller_of
from elicitation import draws, participation, votes
from elicitation.api.downloads import DownloadableList
from elicitation.api.draws import DrawSerializer, participant_in, shown_draws
from elicitation.models import DrawItem, Participant, Study, WisdomVote


class VoteSerializer(serializers.ModelSerializer[WisdomVote]):
    """The newest answer of one person to one pair in one context. `participant` is the study's own number."""

    participant = serializers.IntegerField(source="participant.number", read_only=True)
    story = serializers.IntegerField(source="story.number", read_only=True, allow_null=True)
    from_value = serializers.IntegerField(source="from_value.number", read_only=True)
    to_value = serializers.IntegerField(source="to_value.number", read_only=True)
    context = serializers.CharField(source="context.text", read_only=True)  # type: ignore[assignment]

    class Meta:
        model = WisdomVote
        fields = ("participant", "story", "from_value", "to_value", "context", "answer", "comment", "voted_at")
        read_only_fields = fields


class VotingSerializer(serializers.Serializer[Any]):
    """An answer to a story of your own draw, by the story's number; or that you skip it."""

    story = serializers.IntegerField()
    answer = serializers.ChoiceField(choices=WisdomVote.Answer.choices, required=False)
    comment = serializers.CharField(max_length=votes.MOST_COMMENT, required=False, allow_blank=True, default="")
    skip = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["skip"] == ("answer" in attrs):
            raise serializers.ValidationError("Send either an answer or skip.")
        return attrs


class VoteListView(DownloadableList[WisdomVote]):
    """The study's votes, for those who run it: people who left and previews are not in it.

    POST is for people who take part: a second answer to a story supersedes the first.
    """

    serializer_class = VoteSerializer
    filterset_fields = ("answer",)
    queryset = WisdomVote.objects.none()
    file_name = "votes"

    def get_permissions(self) -> list[Any]:
        return [IsParticipant() if self.request.method == "POST" else IsFacilitator()]

    def get_queryset(self) -> QuerySet[WisdomVote]:
        study = get_object_or_404(Study.objects.run_by(caller_of(self.request)), slug=self.kwargs["slug"])
        counted = WisdomVote.objects.current().filter(participant__in=Participant.objects.counted(study))
        return counted.select_related("participant", "story", "from_value", "to_value", "context").order_by("id")

    @extend_schema(request=VotingSerializer, responses={201: VoteSerializer, 200: DrawSerializer})
    def post(self, request: Request, slug: str) -> Response:
        me = participant_in(request, slug)
        serializer = VotingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        told = serializer.validated_data
        participation.must_be_open(me)
        own = DrawItem.objects.filter(draw__participant=me).select_related("draw", "story")
        item = get_object_or_404(own, story__number=told["story"])
        if told["skip"]:
            draws.skip(item)
            return Response(DrawSerializer(shown_draws().get(id=item.draw_id)).data)
        vote = votes.cast_wisdom_vote(me, item, answer=told["answer"], comment=told["comment"])
        return Response(VoteSerializer(vote).data, status=status.HTTP_201_CREATED)


urlpatterns = [path("studies/<slug:slug>/votes/", VoteListView.as_view(), name="votes")]
