"""REST for endorsements: a person picks which of the values shown to them are wise; those who run the study download all."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from core.access import IsFacilitator, IsParticipant, caller_of
from elicitation import picks
from elicitation.api.downloads import DownloadableList
from elicitation.api.draws import participant_in
from elicitation.models import Draw, Endorsement, Participant, Study


class EndorsementSerializer(serializers.ModelSerializer[Endorsement]):
    """What one person says of one value: agree, disagree or pass. `participant` is the study's own number."""

    participant = serializers.IntegerField(source="participant.number", read_only=True)
    value = serializers.IntegerField(source="value.number", read_only=True)

    class Meta:
        model = Endorsement
        fields = ("participant", "value", "answer", "created_at")
        read_only_fields = fields


class PicksSerializer(serializers.Serializer[Any]):
    """Which of the values drawn for you you pick, by their numbers. The others count as passed."""

    picked = serializers.ListField(child=serializers.IntegerField(), max_length=100)


class EndorsementListView(DownloadableList[Endorsement]):
    """The newest endorsements, for those who run the study. POST is for people who take part; a second one supersedes."""

    serializer_class = EndorsementSerializer
    filterset_fields = ("answer",)
    queryset = Endorsement.objects.none()
    file_name = "endorsements"

    def get_permissions(self) -> list[Any]:
        return [IsParticipant() if self.request.method == "POST" else IsFacilitator()]

    def get_queryset(self) -> QuerySet[Endorsement]:
        study = get_object_or_404(Study.objects.run_by(caller_of(self.request)), slug=self.kwargs["slug"])
        counted = Endorsement.objects.current().filter(participant__in=Participant.objects.counted(study))
        return counted.select_related("participant", "value").order_by("id")

    @extend_schema(request=PicksSerializer, responses={201: EndorsementSerializer(many=True)})
    def post(self, request: Request, slug: str) -> Response:
        me = participant_in(request, slug)
        serializer = PicksSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        draw = me.draws.filter(kind=Draw.Kind.PICKS).order_by("created_at").last()
        if draw is None:
            raise Http404
        ids = dict(draw.exposures.values_list("value__number", "value_id"))
        picked = serializer.validated_data["picked"]
        if unknown := [number for number in picked if number not in ids]:
            raise serializers.ValidationError({"picked": f"Value {unknown[0]} was not shown to you."})
        picks.save_picks(draw, [ids[number] for number in picked])
        now = Endorsement.objects.current().filter(draw=draw).select_related("participant", "value").order_by("id")
        return Response(EndorsementSerializer(now, many=True).data, status=status.HTTP_201_CREATED)


urlpatterns = [path("studies/<slug:slug>/endorsements/", EndorsementListView.as_view(), name="endorsements")]
