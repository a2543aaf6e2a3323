"""REST for studies: find, read, make and change them, open, pause and close them, and share the work."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.access import HasScope, IsFacilitator, MakesNew, caller_of
from elicitation import participation, studies
from elicitation.api.participation import CodeSerializer
from elicitation.models import ConsentText, Study, StudyMembership
from elicitation.study_settings import StudySettings, settings_of

# What everyone may know of a study's settings: what it asks of people and what it promises them.
PUBLIC_SETTINGS = (
    "interviewer", "turn_budget", "minutes", "has_interview", "picks_shown", "picks_least", "stories_each",
    "comparisons_each", "comparison_seconds", "dimensions",
    "demographics", "exit_questions", "contact", "withdraw_until", "keep_talks_months", "help_text",
)  # fmt: skip


class QuestionSerializer(serializers.Serializer[Any]):
    """What people respond to. `number` is the study's own reference; leave it out for a new question."""

    number = serializers.IntegerField(required=False)
    text = serializers.CharField(max_length=studies.MOST_QUESTION)
    title = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    is_heavy = serializers.BooleanField(required=False, default=False)


class ConsentTextSerializer(serializers.ModelSerializer[ConsentText]):
    class Meta:
        model = ConsentText
        fields = ("version", "text", "sha256")


class StudySerializer(serializers.ModelSerializer[Study]):
    """A study as people see it before they take part."""

    questions = serializers.SerializerMethodField()
    contexts = serializers.SerializerMethodField()
    consent = serializers.SerializerMethodField()
    settings = serializers.SerializerMethodField()
    can_join = serializers.SerializerMethodField()

    class Meta:
        model = Study
        fields: tuple[str, ...] = (
            "slug", "title", "description", "language", "state", "is_listed", "is_simulated",
            "questions", "contexts", "consent", "settings", "can_join", "created_at", "opened_at", "closed_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(QuestionSerializer(many=True))
    def get_questions(self, study: Study) -> Any:
        asked = [question for question in study.questions.all() if not question.is_archived]
        return QuestionSerializer(asked, many=True).data

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_contexts(self, study: Study) -> list[str]:
        return [context.text for context in study.contexts.all()]

    @extend_schema_field(ConsentTextSerializer(allow_null=True))
    def get_consent(self, study: Study) -> Any:
        newest = max(study.consent_texts.all(), key=lambda text: text.version, default=None)
        return ConsentTextSerializer(newest).data if newest else None

    @extend_schema_field(serializers.DictField())
    def get_settings(self, study: Study) -> dict[str, Any]:
        return settings_of(study).model_dump(mode="json", include=set(PUBLIC_SETTINGS))

    def get_can_join(self, study: Study) -> bool:
        return participation.open_invitation(study).is_open


class RunStudySerializer(StudySerializer):
    """A study as those who run it see it: with all settings, and what is missing before it can open."""

    missing = serializers.SerializerMethodField()
    advice = serializers.SerializerMethodField()

    class Meta(StudySerializer.Meta):
        fields = (*StudySerializer.Meta.fields, "missing", "advice")
        read_only_fields = fields

    @extend_schema_field(serializers.DictField())
    def get_settings(self, study: Study) -> dict[str, Any]:
        return settings_of(study).model_dump(mode="json")

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_missing(self, study: Study) -> list[str]:
        return studies.missing_before_opening(study)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_advice(self, study: Study) -> list[str]:
        return studies.advice_before_opening(study)


class StudyChangeSerializer(serializers.Serializer[Any]):
    """What can be changed of a study. Settings that are left out keep their value; questions that are left out of the list
    are archived; contexts are only added."""

    title = serializers.CharField(max_length=studies.MOST_TITLE, required=False)
    description = serializers.CharField(max_length=studies.MOST_DESCRIPTION, required=False, allow_blank=True)
    language = serializers.RegexField(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=12, required=False)
    is_listed = serializers.BooleanField(required=False)
    questions = QuestionSerializer(many=True, required=False)
    contexts = serializers.ListField(
        child=serializers.CharField(max_length=studies.MOST_CONTEXT), max_length=studies.MOST_CONTEXTS, required=False
    )
    consent = serializers.CharField(max_length=studies.MOST_CONSENT, required=False)
    settings = serializers.DictField(required=False, help_text=f"Any of: {', '.join(StudySettings.model_fields)}")


class NewStudySerializer(StudyChangeSerializer):
    template = serializers.ChoiceField(choices=list(studies.TEMPLATES))
    title = serializers.CharField(max_length=studies.MOST_TITLE)
    slug = serializers.CharField(max_length=60, required=False)


class MembershipSerializer(serializers.ModelSerializer[StudyMembership]):
    study = serializers.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = StudyMembership
        fields = ("study", "email", "role", "created_at")
        read_only_fields = fields


class InvitingSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=["facilitator", "viewer"])
    code = serializers.CharField(read_only=True, help_text="Shown now and never again; works once, for a week")


class StudyListView(generics.ListAPIView[Study]):
    """Studies that are listed for everyone, and those that you run or take part in. POST makes a draft that you own."""

    serializer_class = StudySerializer
    filterset_fields = ("state", "language", "is_simulated")
    queryset = Study.objects.none()

    def get_permissions(self) -> list[Any]:
        return [MakesNew() if self.request.method == "POST" else HasScope()]

    def get_queryset(self) -> QuerySet[Study]:
        shown = Study.objects.shown_to(caller_of(self.request))
        return shown.prefetch_related("questions", "contexts", "consent_texts")

    @extend_schema(request=NewStudySerializer, responses={201: RunStudySerializer})
    def post(self, request: Request) -> Response:
        serializer = NewStudySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = caller_of(request).user
        assert user is not None
        study = studies.create_study(user, **_as_asked(serializer.validated_data))
        return Response(RunStudySerializer(study).data, status=status.HTTP_201_CREATED)


class StudyView(APIView):
    """One study, by its address. Those who run it also get all settings, what is `missing` before it opens, and `advice`."""

    def get_permissions(self) -> list[Any]:
        return [HasScope() if self.request.method in SAFE_METHODS else IsFacilitator()]

    @extend_schema(responses=StudySerializer)
    def get(self, request: Request, slug: str) -> Response:
        caller = caller_of(request)
        study = get_object_or_404(Study.objects.shown_to(caller), slug=slug)
        runs_it = Study.objects.run_by(caller).filter(id=study.id).exists()
        return Response((RunStudySerializer if runs_it else StudySerializer)(study).data)

    @extend_schema(request=StudyChangeSerializer, responses=RunStudySerializer)
    def patch(self, request: Request, slug: str) -> Response:
        study = changeable_study(request, slug)
        serializer = StudyChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        studies.change_study(study, **_as_asked(serializer.validated_data))
        return Response(RunStudySerializer(study).data)


class StudyActView(APIView):
    """Open a study, pause it or close it. Opening says what is missing."""

    permission_classes = (IsFacilitator,)
    act = "open"

    @extend_schema(request=None, responses=RunStudySerializer)
    def post(self, request: Request, slug: str) -> Response:
        study = changeable_study(request, slug)
        {"open": studies.open_study, "pause": studies.pause_study, "close": studies.close_study}[self.act](study)
        return Response(RunStudySerializer(study).data)


class MemberListView(generics.ListAPIView[StudyMembership]):
    """Who runs the study, and with which role."""

    permission_classes = (IsFacilitator,)
    serializer_class = MembershipSerializer
    queryset = StudyMembership.objects.none()

    def get_queryset(self) -> QuerySet[StudyMembership]:
        study = get_object_or_404(Study.objects.run_by(caller_of(self.request)), slug=self.kwargs["slug"])
        return study.memberships.select_related("user", "study").order_by("id")


class StudyInvitationView(APIView):
    """Invite someone to run the study with you."""

    permission_classes = (IsFacilitator,)

    @extend_schema(request=InvitingSerializer, responses={201: InvitingSerializer})
    def post(self, request: Request, slug: str) -> Response:
        study = changeable_study(request, slug)
        serializer = InvitingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        role, user = serializer.validated_data["role"], caller_of(request).user
        assert user is not None
        code = studies.invite_member(study, role, by=user)
        return Response({"role": role, "code": code}, status=status.HTTP_201_CREATED)


class InvitationView(APIView):
    """Use a code that someone gave you, to run their study with them."""

    permission_classes = (MakesNew,)
    throttle_scope = "return"

    @extend_schema(request=CodeSerializer, responses={201: MembershipSerializer})
    def post(self, request: Request) -> Response:
        serializer = CodeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = caller_of(request).user
        assert user is not None
        membership = studies.accept_invitation(user, serializer.validated_data["code"])
        return Response(MembershipSerializer(membership).data, status=status.HTTP_201_CREATED)


def changeable_study(request: Request, slug: str) -> Study:
    """Return the study at an address if the caller may change it; else 404."""
    return get_object_or_404(Study.objects.run_by(caller_of(request), change=True), slug=slug)


def _as_asked(fields: dict[str, Any]) -> dict[str, Any]:
    """Return validated fields with questions as the step functions take them."""
    asked = dict(fields)
    if "questions" in asked:
        asked["questions"] = [studies.AskedQuestion(**question) for question in asked["questions"]]
    return asked


urlpatterns = [
    path("studies/", StudyListView.as_view(), name="studies"),
    path("studies/<slug:slug>/", StudyView.as_view(), name="study"),
    path("studies/<slug:slug>/open/", StudyActView.as_view(act="open"), name="study-open"),
    path("studies/<slug:slug>/pause/", StudyActView.as_view(act="pause"), name="study-pause"),
    path("studies/<slug:slug>/close/", StudyActView.as_view(act="close"), name="study-close"),
    path("studies/<slug:slug>/members/", MemberListView.as_view(), name="study-members"),
    path("studies/<slug:slug>/invitations/", StudyInvitationView.as_view(), name="study-invitations"),
    path("invitations/", InvitationView.as_view(), name="invitations"),
]
