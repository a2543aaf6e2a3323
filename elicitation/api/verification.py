"""REST for what people say afterwards: of the value that their card counts as, and of its place in the graph."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.access import IsFacilitator, IsParticipant, caller_of
from elicitation import verification
from elicitation.api.downloads import DownloadableList
from elicitation.api.values import ShownValueSerializer
from elicitation.models import Participant, Study, ValuesCard, VerificationAnswer
from elicitation.verification import ANSWERS, Kind


class VerificationAnswerSerializer(serializers.ModelSerializer[VerificationAnswer]):
    """The newest answer of one person. `participant` and `value` are the study's own numbers."""

    participant = serializers.IntegerField(source="participant.number", read_only=True)
    value = serializers.IntegerField(source="value.number", read_only=True, allow_null=True, default=None)

    class Meta:
        model = VerificationAnswer
        fields = ("participant", "kind", "value", "answer", "comment", "created_at")
        read_only_fields = fields


class OwnWordsSerializer(serializers.ModelSerializer[ValuesCard]):
    """Your card, in your words."""

    policies = serializers.SerializerMethodField()

    class Meta:
        model = ValuesCard
        fields = ("title", "description", "policies")
        read_only_fields = fields

    def get_policies(self, card: ValuesCard) -> list[str]:
        return [policy["text"] for policy in card.policies]


class SameCardSerializer(serializers.Serializer[Any]):
    """Your card, and the value that it counts as in other words."""

    card = OwnWordsSerializer()
    value = ShownValueSerializer()
    answer = VerificationAnswerSerializer(allow_null=True)


class AskedSerializer(serializers.Serializer[Any]):
    """What you can be asked, with what you said. `same_card` is null while your card stands in your own words."""

    same_card = SameCardSerializer(allow_null=True)
    fair_position = VerificationAnswerSerializer(allow_null=True)


class SayingSerializer(serializers.Serializer[Any]):
    """Your answer: `same`, `different` or `unsure` for `same_card`; `fair` or `not_fair` for `fair_position`."""

    kind = serializers.ChoiceField(choices=Kind.choices)
    answer = serializers.ChoiceField(choices=VerificationAnswer.Answer.choices)
    value = serializers.IntegerField(required=False, help_text="The number of the value that you were shown")
    comment = serializers.CharField(max_length=verification.MOST_COMMENT, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["answer"] not in ANSWERS[Kind(attrs["kind"])]:
            told = ", ".join(ANSWERS[Kind(attrs["kind"])])
            raise serializers.ValidationError({"answer": f"For {attrs['kind']} it is one of: {told}."})
        return attrs


class LinkKindSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Kind.choices)


class LinkSerializer(serializers.Serializer[Any]):
    """A link that lets one person answer, without an account, for as many days as `LINK_DAYS` says. Whoever has it can
    answer: send it to nobody else."""

    participant = serializers.IntegerField(help_text="The study's own number")
    id = serializers.UUIDField(help_text="As it was returned when the person joined")
    link = serializers.URLField()


def links_for(study: Study, kind: str, request: Request | HttpRequest) -> list[dict[str, Any]]:
    """Return a link for each person who has something to answer and has not: the rows of `LinkSerializer`."""
    return [
        {
            "participant": person.number,
            "id": person.id,
            "link": request.build_absolute_uri(reverse("check-link", args=[verification.link_token(person, kind)])),
        }
        for person in verification.to_ask(study, kind)
    ]


class MyVerificationView(APIView):
    """What you can be asked about your card's value and its place, and your answers. A second answer supersedes the first."""

    permission_classes = (IsParticipant,)

    @extend_schema(responses=AskedSerializer)
    def get(self, request: Request) -> Response:
        return Response(self._asked(caller_of(request).participant))

    @extend_schema(request=SayingSerializer, responses=AskedSerializer)
    def post(self, request: Request) -> Response:
        me: Participant = caller_of(request).participant
        serializer = SayingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        verification.say(me, said["kind"], said["answer"], said["comment"], value=said.get("value"))
        return Response(self._asked(me))

    def _asked(self, me: Participant) -> Any:
        fair = verification.current(me, Kind.FAIR_POSITION)
        return AskedSerializer({"same_card": verification.merged_card(me), "fair_position": fair}).data


class VerificationListView(DownloadableList[VerificationAnswer]):
    """The newest answers, for those who run the study: people who left and previews are not in it."""

    permission_classes = (IsFacilitator,)
    serializer_class = VerificationAnswerSerializer
    filterset_fields = ("kind", "answer")
    queryset = VerificationAnswer.objects.none()
    file_name = "verification"

    def get_queryset(self) -> QuerySet[VerificationAnswer]:
        study = get_object_or_404(Study.objects.run_by(caller_of(self.request)), slug=self.kwargs["slug"])
        counted = VerificationAnswer.objects.current().filter(participant__in=Participant.objects.counted(study))
        return counted.select_related("participant", "value").order_by("id")


class VerificationLinkView(APIView):
    """Make links for the people who have something to answer and have not. Only who keeps their own list of whom they let
    join can tell whose they are: a study knows no names."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=LinkKindSerializer, responses=LinkSerializer(many=True))
    def post(self, request: Request, slug: str) -> Response:
        study = get_object_or_404(Study.objects.run_by(caller_of(request), change=True), slug=slug)
        serializer = LinkKindSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        kind = serializer.validated_data["kind"]
        return Response(LinkSerializer(links_for(study, kind, request), many=True).data)


urlpatterns = [
    path("participants/me/verification/", MyVerificationView.as_view(), name="participant-verification"),
    path("studies/<slug:slug>/verification/", VerificationListView.as_view(), name="verification"),
    path("studies/<slug:slug>/verification/links/", VerificationLinkView.as_view(), name="verification-links"),
]
