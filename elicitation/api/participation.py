"""REST for taking part: join, come back, tell a few facts, see what is kept, and take it back."""

from typing import Any

from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.access import HasScope, IsParticipant, caller_of
from core.problems import Conflict
from elicitation import participation, personal_data, verification, withdrawal
from elicitation.models import Participant, Study
from elicitation.study_settings import settings_of

STEPS = ("demographics", "question", "interview", "card", "picks", "stories", "finish")


class JoinSerializer(serializers.Serializer[Any]):
    """Someone agrees to take part. `agrees` must be true, for the version of the text that they read."""

    consent_version = serializers.IntegerField()
    agrees = serializers.BooleanField()
    shows_quotes = serializers.BooleanField(required=False, default=False)
    uses_model = serializers.BooleanField(
        required=False, default=False,
        help_text="Whether their words may be sent to an outside language model; unless they say so, the written guide asks",
    )  # fmt: skip
    outside_id = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=participation.MOST_OUTSIDE_ID,
        help_text="A recruitment panel's id; only a keyed digest of it is kept",
    )  # fmt: skip

    def validate_agrees(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError("Nobody takes part without agreeing.")
        return value


class JoinedSerializer(serializers.Serializer[Any]):
    """The token and the return code are shown now and never again."""

    id = serializers.UUIDField()
    token = serializers.CharField(help_text="Send it as: Authorization: Bearer …")
    return_code = serializers.CharField(help_text="For the person, to come back on any device")
    next_step = serializers.ChoiceField(choices=STEPS, allow_null=True)


class CodeSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=60)


class ParticipantSerializer(serializers.ModelSerializer[Participant]):
    """What the study keeps about you beside your talk, card and answers."""

    study = serializers.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    question = serializers.SlugRelatedField(slug_field="number", read_only=True, allow_null=True)  # type: ignore[var-annotated]
    next_step = serializers.SerializerMethodField()
    shows_quotes = serializers.SerializerMethodField()
    position_is_fair = serializers.SerializerMethodField()
    position_comment = serializers.SerializerMethodField()

    class Meta:
        model = Participant
        fields = (
            "id", "study", "question", "demographics", "exit_answers", "position_is_fair", "position_comment",
            "shows_quotes", "is_preview", "joined_at", "finished_at", "withdrawn_at", "next_step",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STEPS, allow_null=True))
    def get_next_step(self, participant: Participant) -> str | None:
        return _next_step(participant)

    def get_shows_quotes(self, participant: Participant) -> bool:
        return participation.consent_of(participant).shows_quotes

    def get_position_is_fair(self, participant: Participant) -> bool | None:
        said = verification.current(participant, verification.Kind.FAIR_POSITION)
        return said.answer == verification.Answer.FAIR if said else None

    def get_position_comment(self, participant: Participant) -> str:
        said = verification.current(participant, verification.Kind.FAIR_POSITION)
        return said.comment if said else ""


class ParticipantChangeSerializer(serializers.Serializer[Any]):
    """What you can tell or change; each on its own."""

    question = serializers.IntegerField(required=False)
    demographics = serializers.DictField(child=serializers.CharField(max_length=200), required=False)
    exit_answers = serializers.DictField(child=serializers.IntegerField(min_value=1, max_value=5), required=False)
    position_is_fair = serializers.BooleanField(required=False)
    position_comment = serializers.CharField(
        max_length=verification.MOST_COMMENT, required=False, allow_blank=True, help_text="Only with position_is_fair"
    )
    shows_quotes = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "position_comment" in attrs and "position_is_fair" not in attrs:
            raise serializers.ValidationError({"position_is_fair": "Say whether it is fair, beside the comment."})
        return attrs


class ParticipantListView(APIView):
    """Join a study. Everyone may who agrees; someone who runs the study and is signed in tries it, and is not counted. A
    key that is sent along needs the scope `participants`, and adds people who count."""

    permission_classes = (HasScope,)
    required_scope = "participants"
    throttle_scope = "join"

    @extend_schema(request=JoinSerializer, responses={201: JoinedSerializer})
    def post(self, request: Request, slug: str) -> Response:
        caller = caller_of(request)
        runs_it = caller.key is None and Study.objects.run_by(caller).filter(slug=slug).exists()
        study = Study.objects.filter(slug=slug).first()
        if study is None or (study.state == Study.State.DRAFT and not runs_it):
            raise Http404
        serializer = JoinSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        agreed = serializer.validated_data
        text = study.consent_texts.filter(version=agreed["consent_version"]).first()
        if text is None:
            raise Conflict("The study has no consent text of this version", "Read the newest one, then agree to that.")
        joined = participation.join(
            study,
            consent_text=text,
            shows_quotes=agreed["shows_quotes"],
            uses_model=agreed["uses_model"],
            outside_id=agreed["outside_id"],
            is_preview=runs_it,
        )
        return Response(_shown(joined), status=status.HTTP_201_CREATED)


class ReturnView(APIView):
    """Come back with a return code, and get the token again."""

    permission_classes = ()
    throttle_scope = "return"

    @extend_schema(request=CodeSerializer, responses=JoinedSerializer)
    def post(self, request: Request, slug: str) -> Response:
        serializer = CodeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        study = get_object_or_404(Study, slug=slug)
        joined = participation.by_return_code(study, serializer.validated_data["code"])
        return Response(_shown(joined))


class MeView(APIView):
    """You, as someone who takes part."""

    permission_classes = (IsParticipant,)

    @extend_schema(responses=ParticipantSerializer)
    def get(self, request: Request) -> Response:
        return Response(ParticipantSerializer(_me(request)).data)

    @extend_schema(request=ParticipantChangeSerializer, responses=ParticipantSerializer)
    def patch(self, request: Request) -> Response:
        participant = _me(request)
        serializer = ParticipantChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():  # all of it or nothing
            self._change(participant, serializer.validated_data)
        return Response(ParticipantSerializer(participant).data)

    def _change(self, participant: Participant, told: dict[str, Any]) -> None:
        if "demographics" in told:
            participation.save_demographics(participant, told["demographics"])
        if "question" in told:
            question = participant.study.questions.filter(number=told["question"]).first()
            if question is None:
                raise serializers.ValidationError({"question": "The study has no question of this number."})
            participation.choose_question(participant, question)
        if "exit_answers" in told:
            participation.save_exit_answers(participant, told["exit_answers"])
        if "position_is_fair" in told:
            answer = verification.Answer.FAIR if told["position_is_fair"] else verification.Answer.NOT_FAIR
            comment = told.get("position_comment", "")
            verification.say(participant, verification.Kind.FAIR_POSITION, answer, comment)
        if "shows_quotes" in told:
            participation.set_quotes_shown(participant, told["shows_quotes"])

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Take everything back. What is published keeps its counts and the texts of its values, also one made of your card,
        and never held your name or your talk."""
        withdrawal.withdraw(_me(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MyTalkView(APIView):
    """DELETE what you said in your talks, and every quote of it; your card and your answers stay."""

    permission_classes = (IsParticipant,)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        withdrawal.delete_talk(_me(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MyDataView(APIView):
    """Everything that is kept about you."""

    permission_classes = (IsParticipant,)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(personal_data.collect(_me(request)))


class FinishView(APIView):
    """Say that you are through; the study's completion code is in the answer."""

    permission_classes = (IsParticipant,)

    @extend_schema(
        request=None,
        responses={
            200: {
                "type": "object",
                "properties": {"finished_at": {"type": "string"}, "completion_code": {"type": "string"}},
            }
        },
    )
    def post(self, request: Request) -> Response:
        participant = _me(request)
        participation.must_be_here(participant)
        if (step := participation.next_step(participant)) != "finish":
            raise Conflict("You are not through yet", f"Next comes: {step}.", next_step=step)
        participation.finish(participant)
        code = settings_of(participant.study).completion_code
        return Response({"finished_at": participant.finished_at, "completion_code": code})


def _me(request: Request) -> Participant:
    participant: Participant = caller_of(request).participant
    return participant


def _next_step(participant: Participant) -> str | None:
    return None if participant.withdrawn_at else participation.next_step(participant)


def _shown(joined: participation.Joined) -> dict[str, Any]:
    return {
        "id": str(joined.participant.id),
        "token": joined.token,
        "return_code": joined.return_code,
        "next_step": _next_step(joined.participant),
    }


urlpatterns = [
    path("studies/<slug:slug>/participants/", ParticipantListView.as_view(), name="participants"),
    path("studies/<slug:slug>/participants/return/", ReturnView.as_view(), name="participant-return"),
    path("participants/me/", MeView.as_view(), name="participant-me"),
    path("participants/me/talk/", MyTalkView.as_view(), name="participant-talk"),
    path("participants/me/data/", MyDataView.as_view(), name="participant-data"),
    path("participants/me/finish/", FinishView.as_view(), name="participant-finish"),
]
