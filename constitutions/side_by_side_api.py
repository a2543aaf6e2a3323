"""REST for pairs of principles that people compare."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from constitutions.side_by_side import compare_principles
from core.access import IsFacilitator
from elicitation.api.comparisons import PairSerializer, TwoSerializer
from elicitation.api.studies import changeable_study


class TwoPrinciplesSerializer(TwoSerializer):
    """Two principles of a version that was published of the study."""

    constitution = serializers.SlugField(max_length=60)
    version = serializers.IntegerField(min_value=1)


class PrinciplePairView(APIView):
    """POST two principles of a published constitution of the study: people compare them as two texts, blind."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=TwoPrinciplesSerializer, responses={201: PairSerializer})
    def post(self, request: Request, slug: str) -> Response:
        study = changeable_study(request, slug)
        serializer = TwoPrinciplesSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = compare_principles(study, **serializer.validated_data)
        return Response(PairSerializer(made).data, status=status.HTTP_201_CREATED)
