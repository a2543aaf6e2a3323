"""REST for the talk: begin, say something, change it, skip, go on with the written guide, end. Only one's own."""

from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from core.access import IsParticipant, caller_of
from core.ledger import llm_for
from elicitation import interviews, participation
from elicitation.api.streams import MEDIA_TYPE, EventStreamRenderer, event_stream, model_problem
from elicitation.models import Interview, Participant, Question, Turn
from llm_client import LLMError


class TalkThrottle(UserRateThrottle):
    """A person writes; what comes faster than this does not, and each turn can cost a call to a model."""

    scope = "talk"
    rate = "40/min"


class TurnSerializer(serializers.ModelSerializer[Turn]):
    is_from_model = serializers.SerializerMethodField()

    class Meta:
        model = Turn
        fields = ("number", "role", "stage", "text", "is_skip", "is_from_model", "created_at")
        read_only_fields = fields

    def get_is_from_model(self, turn: Turn) -> bool:
        return turn.llm_call_id is not None


class InterviewSerializer(serializers.ModelSerializer[Interview]):
    """A talk about one question. While the last turn is yours and `state` is talking, a reply is still to come."""

    question = serializers.SlugRelatedField(slug_field="number", read_only=True)  # type: ignore[var-annotated]
    turns = serializers.SerializerMethodField()
    answers_left = serializers.SerializerMethodField()

    class Meta:
        model = Interview
        fields = (
            "id", "question", "mode", "state", "stage", "turn_budget", "answers_left", "turns", "created_at", "ended_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(TurnSerializer(many=True))
    def get_turns(self, interview: Interview) -> Any:
        return TurnSerializer(interviews.transcript(interview), many=True).data

    def get_answers_left(self, interview: Interview) -> int:
        return interviews.answers_left(interview)


class BeginSerializer(serializers.Serializer[Any]):
    question = serializers.IntegerField(required=False, help_text="Its number; the one that you chose, if left out")


class SaySerializer(serializers.Serializer[Any]):
    """One thing said: `text`, or `skip`; with `changes_last` in the place of your last answer. With none of them, a reply
    that never came is asked for again."""

    text = serializers.CharField(max_length=interviews.MOST_SAID, required=False, trim_whitespace=False)
    skip = serializers.BooleanField(required=False, default=False)
    changes_last = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["skip"] and "text" in attrs:
            raise serializers.ValidationError("Send either a text or skip.")
        if attrs["changes_last"] and "text" not in attrs:
            raise serializers.ValidationError("Send the text that takes the place of your last answer.")
        return attrs


class ExchangeSerializer(serializers.Serializer[Any]):
    turn = TurnSerializer()
    reply = TurnSerializer()
    is_enough = serializers.BooleanField()


class InterviewListView(generics.ListAPIView[Interview]):
    """Your talks, oldest first. POST begins one, or gives the one about this question that is going on."""

    permission_classes = (IsParticipant,)
    serializer_class = InterviewSerializer
    queryset = Interview.objects.none()

    def get_queryset(self) -> QuerySet[Interview]:
        return own_interviews(self.request).prefetch_related("turns")

    @extend_schema(request=BeginSerializer, responses={201: InterviewSerializer})
    def post(self, request: Request) -> Response:
        serializer = BeginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        participant: Participant = caller_of(request).participant
        question = _question_of(participant, serializer.validated_data.get("question"))
        participation.choose_question(participant, question)
        interview = interviews.begin_interview(participant, question, llm=llm_for(participant.study))
        return Response(InterviewSerializer(interview).data, status=status.HTTP_201_CREATED)


class InterviewView(generics.RetrieveAPIView[Interview]):
    """One talk of yours, as it counts: an answer that was changed later is left out."""

    permission_classes = (IsParticipant,)
    serializer_class = InterviewSerializer
    queryset = Interview.objects.none()

    def get_queryset(self) -> QuerySet[Interview]:
        return own_interviews(self.request)


class TurnListView(APIView):
    """Say something. Send an `Idempotency-Key`: the same key again stores nothing new and gives the same reply.

    With `Accept: text/event-stream` the answer comes as events: `saved`, `say` for each sentence, `done`; or `problem`.
    """

    permission_classes = (IsParticipant,)
    throttle_classes = (TalkThrottle,)
    renderer_classes = (*APIView.renderer_classes, EventStreamRenderer)

    @extend_schema(
        request=SaySerializer,
        responses={
            (200, "application/json"): ExchangeSerializer,
            (200, MEDIA_TYPE): OpenApiResponse(response=str, description="events: saved, say, done, problem"),
        },
    )
    def post(self, request: Request, pk: str) -> HttpResponseBase:
        interview = get_object_or_404(own_interviews(request), pk=pk)
        serializer = SaySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        turn = _said(interview, serializer.validated_data, request.headers.get("Idempotency-Key", ""))
        events = interviews.reply_to(interview, turn, llm=llm_for(interview.participant.study))
        if getattr(request.accepted_renderer, "media_type", "") == MEDIA_TYPE:
            return event_stream(events)
        try:
            return Response(ExchangeSerializer(interviews.last_of(events)).data)
        except LLMError as error:
            raise model_problem(error) from error


class InterviewActView(APIView):
    """End your talk ("I've said enough"), or let the written guide go on in the place of the model."""

    permission_classes = (IsParticipant,)
    act = "end"

    @extend_schema(request=None, responses=InterviewSerializer)
    def post(self, request: Request, pk: str) -> Response:
        interview = get_object_or_404(own_interviews(request), pk=pk)
        {"end": interviews.end_talk, "guide": interviews.switch_to_guide}[self.act](interview)
        return Response(InterviewSerializer(interview).data)


def own_interviews(request: Any) -> QuerySet[Interview]:
    """Return the talks of the person who asks: nobody else sees them here."""
    mine = Interview.objects.filter(participant=caller_of(request).participant)
    return mine.select_related("participant__study", "question").order_by("created_at", "id")


def _said(interview: Interview, said: dict[str, Any], key: str) -> Turn:
    """Commit what was sent, and return the turn that is to be replied to."""
    if said["changes_last"]:
        return interviews.say_instead(interview, said["text"], client_key=key)
    if "text" in said:
        return interviews.say(interview, said["text"], client_key=key)
    if said["skip"]:
        return interviews.say_nothing(interview, client_key=key)
    return interviews.last_said(interview)


def _question_of(participant: Participant, number: int | None) -> Question:
    chosen = participant.question if number is None else participant.study.questions.filter(number=number).first()
    if chosen is None:
        raise serializers.ValidationError({"question": "Choose one of this study's questions by its number."})
    return chosen


urlpatterns = [
    path("interviews/", InterviewListView.as_view(), name="interviews"),
    path("interviews/<uuid:pk>/", InterviewView.as_view(), name="interview"),
    path("interviews/<uuid:pk>/turns/", TurnListView.as_view(), name="turns"),
    path("interviews/<uuid:pk>/end/", InterviewActView.as_view(act="end"), name="interview-end"),
    path("interviews/<uuid:pk>/guide/", InterviewActView.as_view(act="guide"), name="interview-guide"),
]
