"""REST for the values card of a talk: draft it, edit it, have it written again, confirm it. Only one's own."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.access import IsParticipant, caller_of
from core.ledger import llm_for
from core.problems import Problem
from elicitation import cards
from elicitation.api.interviews import TalkThrottle, own_interviews
from elicitation.api.streams import model_problem
from elicitation.models import ValuesCard
from llm_client import LLMError

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description='The ETag of the card that you saw: "3" for revision 3'
)


class QuoteSerializer(serializers.Serializer[Any]):
    turn = serializers.IntegerField(help_text="The number of the turn in the talk")
    text = serializers.CharField(help_text="The person's own words, verbatim")


class PolicySerializer(serializers.Serializer[Any]):
    """What the person pays attention to, with their own words behind it; without any it is not yet supported."""

    text = serializers.CharField()
    quotes = QuoteSerializer(many=True)


class LintSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    where = serializers.CharField(help_text="title, description, policies, or policies.2")
    message = serializers.CharField()


class CardSerializer(serializers.ModelSerializer[ValuesCard]):
    """`origin` says who wrote the first draft; `lints` advise and never stand in the way."""

    policies = PolicySerializer(many=True)
    lints = serializers.SerializerMethodField()

    class Meta:
        model = ValuesCard
        fields = (
            "id", "title", "description", "policies", "state", "origin", "revision", "fidelity", "lints",
            "created_at", "confirmed_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(LintSerializer(many=True))
    def get_lints(self, card: ValuesCard) -> list[dict[str, str]]:
        return [lint._asdict() for lint in cards.lints(card)]


class WordsSerializer(serializers.Serializer[Any]):
    """The card in the person's own wording. Their quotes stay with the lines that they belong to."""

    title = serializers.CharField(max_length=cards.MOST_TITLE, allow_blank=True)
    description = serializers.CharField(max_length=cards.MOST_DESCRIPTION, allow_blank=True, required=False, default="")
    policies = serializers.ListField(
        child=serializers.CharField(max_length=cards.MOST_POLICY, allow_blank=True), max_length=cards.MOST_POLICIES
    )
    revision = serializers.IntegerField(required=False, help_text="In the place of If-Match")


class WishSerializer(serializers.Serializer[Any]):
    wish = serializers.CharField(max_length=cards.MOST_WISH)
    revision = serializers.IntegerField(required=False, help_text="In the place of If-Match")


class FitSerializer(serializers.Serializer[Any]):
    fidelity = serializers.IntegerField(min_value=1, max_value=5, help_text="5: this is me … 1: not me at all")
    revision = serializers.IntegerField(required=False, help_text="In the place of If-Match")


class CardView(APIView):
    """The card of a talk. POST drafts it from the talk, or gives the one there is; PUT stores the person's wording.

    A change under an `If-Match` that is out of date is refused with 412, and the card as it is now in `current`.
    """

    permission_classes = (IsParticipant,)

    def get_throttles(self) -> list[Any]:
        return [TalkThrottle()] if self.request.method == "POST" else super().get_throttles()

    @extend_schema(responses=CardSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return _shown(_card(request, pk))

    @extend_schema(request=None, responses={201: CardSerializer})
    def post(self, request: Request, pk: str) -> Response:
        interview = get_object_or_404(own_interviews(request), pk=pk)
        try:
            card = cards.articulate_card(interview, llm=llm_for(interview.participant.study))
        except LLMError as error:
            raise model_problem(error) from error
        return _shown(card, status.HTTP_201_CREATED)

    @extend_schema(request=WordsSerializer, responses=CardSerializer, parameters=[IF_MATCH])
    def put(self, request: Request, pk: str) -> Response:
        card = _card(request, pk)
        words = _valid(WordsSerializer, request)
        return _shown(cards.edit_card(card, **words))


class CardRevisionView(APIView):
    """Say what is off, and let the model write the card again."""

    permission_classes = (IsParticipant,)
    throttle_classes = (TalkThrottle,)

    @extend_schema(request=WishSerializer, responses=CardSerializer, parameters=[IF_MATCH])
    def post(self, request: Request, pk: str) -> Response:
        card = _card(request, pk)
        wish = _valid(WishSerializer, request)
        try:
            return _shown(cards.revise_card(card, llm=llm_for(card.study), **wish))
        except LLMError as error:
            raise model_problem(error) from error


class CardConfirmView(APIView):
    """Say "yes, that is me", and how well the card fits. It becomes a value that others can judge."""

    permission_classes = (IsParticipant,)

    @extend_schema(request=FitSerializer, responses=CardSerializer, parameters=[IF_MATCH])
    def post(self, request: Request, pk: str) -> Response:
        card = _card(request, pk)
        return _shown(cards.confirm_card(card, **_valid(FitSerializer, request)))


def _own_cards(request: Request) -> QuerySet[ValuesCard]:
    mine = ValuesCard.objects.filter(participant=caller_of(request).participant)
    return mine.select_related("study", "interview", "participant__study", "question")


def _card(request: Request, interview: str) -> ValuesCard:
    return get_object_or_404(_own_cards(request), interview=interview)


def _valid(serializer_class: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the validated body, with the revision that the person saw from `If-Match` where that is sent."""
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    seen = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if not seen or seen == "*":
        return dict(serializer.validated_data)
    if not (seen.isascii() and seen.isdecimal() and len(seen) < 10):
        raise Problem(400, "if-match", "This If-Match can't be read", 'Send the ETag of the card, for example "3".')
    return dict(serializer.validated_data) | {"revision": int(seen)}


def _shown(card: ValuesCard, code: int = status.HTTP_200_OK) -> Response:
    response = Response(CardSerializer(card).data, status=code)
    response["ETag"] = f'"{card.revision}"'
    return response


urlpatterns = [
    path("interviews/<uuid:pk>/card/", CardView.as_view(), name="interview-card"),
    path("interviews/<uuid:pk>/card/revise/", CardRevisionView.as_view(), name="interview-card-revise"),
    path("interviews/<uuid:pk>/card/confirm/", CardConfirmView.as_view(), name="interview-card-confirm"),
]
