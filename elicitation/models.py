"""What people tell us and what we ask them: studies, participants, interviews, values, stories, votes, comparisons."""

import uuid
from collections.abc import Iterable
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.access import Caller


class StudyQuerySet(models.QuerySet["Study"]):
    def run_by(self, caller: Caller, *, change: bool = False) -> "StudyQuerySet":
        """Studies that the caller is a member of, within the limit of the caller's key; to `change`, as an editor."""
        if caller.user is None:
            return self.none()
        memberships = StudyMembership.objects.filter(user=caller.user)
        if change:
            memberships = memberships.exclude(role=StudyMembership.Role.VIEWER)
        mine = self.filter(id__in=memberships.values("study_id"))
        if caller.key is not None and caller.key.limited_to:
            kind, _colon, ident = caller.key.limited_to.partition(":")
            mine = mine.filter(id=ident) if kind == "study" else mine.none()
        return mine

    def listed(self) -> "StudyQuerySet":
        """Studies that everyone may find: set to be listed, and no longer a draft."""
        return self.filter(is_listed=True).exclude(state=Study.State.DRAFT)

    def shown_to(self, caller: Caller) -> "StudyQuerySet":
        """Studies whose description the caller may read: listed, run by the caller, or taken part in."""
        seen = Q(id__in=self.listed().values("id")) | Q(id__in=self.run_by(caller).values("id"))
        if caller.participant is not None:
            seen |= Q(id=caller.participant.study_id)
        return self.filter(seen)


class Study(models.Model):
    """One inquiry: its questions, contexts, consent text and settings."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        OPEN = "open", _("Open")
        PAUSED = "paused", _("Paused")
        CLOSED = "closed", _("Closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=160)
    description = models.TextField(blank=True, max_length=4000)
    language = models.CharField(max_length=12, default="en")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    is_listed = models.BooleanField(default=False)
    is_simulated = models.BooleanField(default=False, help_text="Its people are simulated, and so said everywhere")
    settings = models.JSONField(default=dict, help_text="elicitation.study_settings.StudySettings")
    outside_id_key = models.BinaryField(default=bytes, help_text="Keys the digests of outside ids; deletable")
    source_sha256 = models.CharField(max_length=64, blank=True, help_text="Hash of the folder it was imported from")
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawals = models.PositiveIntegerField(default=0, help_text="How many people took everything back")
    opened_count = models.PositiveIntegerField(default=0, help_text="How often its page was opened by newcomers")
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = StudyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "slug"]
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return self.slug

    @property
    def scope_key(self) -> str:
        return f"study:{self.id}"


class StudyMembership(models.Model):
    """What an account may do in a study."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        FACILITATOR = "facilitator", _("Facilitator")
        VIEWER = "viewer", _("Viewer")

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "user"], name="one_membership_per_study_and_user")]


class ConsentText(models.Model):
    """What people are asked to agree to. A change makes a new version; who agreed to the old one keeps it."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="consent_texts")
    version = models.PositiveIntegerField()
    text = models.TextField(max_length=20000)
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study_id", "version"]
        constraints = [models.UniqueConstraint(fields=["study", "version"], name="one_text_per_consent_version")]


class Question(models.Model):
    """What people respond to (the papers: case). `number` is the study's own reference."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="questions")
    number = models.PositiveIntegerField()
    source_id = models.CharField(max_length=100, blank=True)
    title = models.CharField(max_length=120, blank=True)
    text = models.TextField(max_length=2000)
    is_heavy = models.BooleanField(default=False, help_text="Warn people before they choose it")
    is_archived = models.BooleanField(default=False)

    class Meta:
        ordering = ["study_id", "number"]
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="one_question_per_number")]


class Context(models.Model):
    """A situation that values are wise in: "When …"."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="contexts")
    number = models.PositiveIntegerField()
    text = models.CharField(max_length=300)
    questions = models.ManyToManyField(Question, through="QuestionContext", related_name="contexts")

    class Meta:
        ordering = ["study_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_context_per_number"),
            models.UniqueConstraint(fields=["study", "text"], name="one_context_per_text"),
        ]


class QuestionContext(models.Model):
    """That a context belongs to a question; `number` keeps the source's order."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE)
    context = models.ForeignKey(Context, on_delete=models.CASCADE)
    number = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["number", "id"]
        constraints = [
            models.UniqueConstraint(fields=["question", "context"], name="one_link_per_question_and_context")
        ]


class ParticipantQuerySet(models.QuerySet["Participant"]):
    def counted(self, study: Study) -> "ParticipantQuerySet":
        """Those whose answers count in the study's figures: not withdrawn, no previews, no simulated people but in a
        study that is simulated as a whole."""
        counted = self.filter(study=study, withdrawn_at=None, is_preview=False)
        return counted if study.is_simulated else counted.filter(is_simulated=False)


class Participant(models.Model):
    """Someone who takes part: a random id, no name, no address."""

    is_participant: ClassVar[bool] = True
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="participants")
    number = models.PositiveIntegerField(help_text="1…n in order of joining; the study's own reference")
    source_id = models.CharField(max_length=100, blank=True)
    outside_digest = models.CharField(max_length=64, blank=True, help_text="Keyed digest of a panel's id")
    token_digest = models.CharField(max_length=64, blank=True, db_index=True)
    return_digest = models.CharField(max_length=64, blank=True, db_index=True)
    is_simulated = models.BooleanField(default=False)
    is_preview = models.BooleanField(default=False, help_text="A facilitator trying the study; never counted")
    question = models.ForeignKey(Question, null=True, blank=True, on_delete=models.SET_NULL)
    demographics = models.JSONField(default=dict)
    demographics_at = models.DateTimeField(null=True, blank=True)
    exit_answers = models.JSONField(default=dict)
    needs_eye = models.CharField(max_length=200, blank=True, help_text="Why a facilitator should look")
    joined_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        ordering = ["study_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_participant_per_number"),
            models.UniqueConstraint(
                fields=["study", "source_id"], condition=~Q(source_id=""), name="one_participant_per_source_id"
            ),
            models.UniqueConstraint(
                fields=["study", "outside_digest"],
                condition=~Q(outside_digest=""),
                name="one_participant_per_outside_id",
            ),
        ]

    @property
    def subject(self) -> str:
        """How the ledger of model calls names whose words a call holds."""
        return f"participant:{self.id}"


class Consent(models.Model):
    """That a person agreed, to which text, and whether short quotes may be shown. Append-only: the newest counts."""

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="consents")
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT)
    text_sha256 = models.CharField(max_length=64)
    shows_quotes = models.BooleanField(default=False)
    uses_model = models.BooleanField(default=True, help_text="Whether words may be sent to an outside language model")
    agreed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]


class Interview(models.Model):
    """One person's talk about one question."""

    class Mode(models.TextChoices):
        GUIDE = "guide", _("Written guide")
        MODEL = "model", _("Language model")

    class State(models.TextChoices):
        TALKING = "talking", _("Talking")
        ENOUGH = "enough", _("Enough said")
        CONFIRMED = "confirmed", _("Card confirmed")
        LEFT = "left", _("Left")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="interviews")
    question = models.ForeignKey(Question, on_delete=models.PROTECT)
    mode = models.CharField(max_length=6, choices=Mode.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.TALKING)
    stage = models.CharField(max_length=30, blank=True)
    turn_budget = models.PositiveSmallIntegerField(default=8)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "id"]


class Turn(models.Model):
    """One thing said. A person's turn is committed before anything is asked of a model; a changed answer is a new turn
    that `replaces` the old one, which stays."""

    class Role(models.TextChoices):
        PERSON = "person", _("You")
        GUIDE = "guide", _("Guide")

    interview = models.ForeignKey(Interview, on_delete=models.CASCADE, related_name="turns")
    number = models.PositiveIntegerField()
    role = models.CharField(max_length=6, choices=Role.choices)
    stage = models.CharField(max_length=30, blank=True)
    text = models.TextField(max_length=8000)
    is_skip = models.BooleanField(default=False)
    client_key = models.CharField(max_length=255, blank=True, help_text="Idempotency key of the request that sent it")
    replaces = models.OneToOneField("self", null=True, blank=True, on_delete=models.CASCADE, related_name="replaced_by")
    llm_call = models.ForeignKey("core.LLMCall", null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["interview_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["interview", "number"], name="one_turn_per_number"),
            models.UniqueConstraint(
                fields=["interview", "client_key"], condition=~Q(client_key=""), name="one_turn_per_client_key"
            ),
        ]


class ValuesCard(models.Model):
    """What a person cares about, in their own words: the newest state. Every earlier state is a CardRevision.

    `policies` is a list of {"text": …, "quotes": [{"turn": number, "text": verbatim}]}.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        CONFIRMED = "confirmed", _("Confirmed")

    class Origin(models.TextChoices):
        MODEL = "model", _("Written by a language model from the person's words")
        GUIDE = "guide", _("Put together from the person's words, no AI")
        PERSON = "person", _("Written by the person")
        IMPORT = "import", _("Imported")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="cards")
    interview = models.OneToOneField(Interview, null=True, blank=True, on_delete=models.CASCADE, related_name="card")
    participant = models.ForeignKey(Participant, null=True, blank=True, on_delete=models.CASCADE, related_name="cards")
    question = models.ForeignKey(Question, null=True, blank=True, on_delete=models.SET_NULL)
    number = models.PositiveIntegerField(help_text="1…n; the study's own reference")
    source_id = models.CharField(max_length=100, blank=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, max_length=2000)
    detail = models.TextField(blank=True, max_length=8000, help_text="Longer wording, where an import has one")
    policies = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    origin = models.CharField(max_length=8, choices=Origin.choices)
    revision = models.PositiveIntegerField(default=1)
    fidelity = models.PositiveSmallIntegerField(null=True, blank=True, help_text="5: this is me … 1: not me at all")
    quality = models.CharField(max_length=10, blank=True, help_text="ok, invalid or empty: a facilitator's judgement")
    llm_call = models.ForeignKey("core.LLMCall", null=True, blank=True, on_delete=models.SET_NULL)
    source_created_at = models.CharField(max_length=40, blank=True, help_text="As the imported file writes it")
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["study_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_card_per_number"),
            models.CheckConstraint(condition=Q(fidelity=None) | Q(fidelity__range=(1, 5)), name="fidelity_is_1_to_5"),
        ]


class CardRevision(models.Model):
    """One state of a card, and who wrote it."""

    card = models.ForeignKey(ValuesCard, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    author = models.CharField(max_length=8, choices=ValuesCard.Origin.choices)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    detail = models.TextField(blank=True)
    policies = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["card_id", "number"]
        constraints = [models.UniqueConstraint(fields=["card", "number"], name="one_revision_per_number")]


class CanonicalValue(models.Model):
    """A value as the study knows it: what several nearly equal cards share, or one card alone."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="values")
    number = models.PositiveIntegerField(help_text="1…n, or the source's id where it is a number; never reused")
    source_id = models.CharField(max_length=100, blank=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, max_length=2000)
    detail = models.TextField(blank=True, max_length=8000)
    policies = models.JSONField(default=list, help_text="A list of texts")
    question = models.ForeignKey(Question, null=True, blank=True, on_delete=models.SET_NULL)
    is_archived = models.BooleanField(default=False)
    extra = models.JSONField(default=dict, help_text="Fields of the source that we keep for its export")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_value_per_number"),
            models.UniqueConstraint(
                fields=["study", "source_id"], condition=~Q(source_id=""), name="one_value_per_source_id"
            ),
        ]


class AboutValue(models.Model):
    """Something said about a value's text. Only what a person confirmed counts; what a model says is a proposal."""

    class Origin(models.TextChoices):
        PERSON = "person", _("Written by a facilitator")
        MODEL = "model", _("Proposed by a language model")
        IMPORT = "import", _("Imported")

    class State(models.TextChoices):
        PROPOSED = "proposed", _("To be reviewed")
        CONFIRMED = "confirmed", _("Confirmed")
        REJECTED = "rejected", _("Rejected")

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="%(class)ss")
    value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="%(class)ss")
    number = models.PositiveIntegerField()
    origin = models.CharField(max_length=8, choices=Origin.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    llm_call = models.ForeignKey("core.LLMCall", null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["study_id", "number"]
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="one_%(class)s_per_number")]


class Consideration(AboutValue):
    """A value, right or duty that bears on living by a canonical value: how relevant it is, and how likely it supports or
    opposes that, or could do either."""

    class Type(models.TextChoices):
        VALUE = "value", _("Value")
        RIGHT = "right", _("Right")
        DUTY = "duty", _("Duty")

    type = models.CharField(max_length=5, choices=Type.choices)
    text = models.CharField(max_length=200)
    relevance = models.FloatField(help_text="0 to 1")
    supports = models.FloatField(help_text="Probability; the three sum to 1")
    opposes = models.FloatField()
    either = models.FloatField()
    explanation = models.TextField(blank=True, max_length=1000)

    class Meta(AboutValue.Meta):
        constraints = [
            *AboutValue.Meta.constraints,
            models.UniqueConstraint(fields=["value", "type", "text"], name="one_consideration_per_type_and_text"),
            models.CheckConstraint(condition=Q(relevance__range=(0, 1)), name="relevance_is_0_to_1"),
        ]


class Norm(AboutValue):
    """A rule of thumb that a value stands for, with one reader's labels: `elicitation.algorithms.norms.LABELS`."""

    rule = models.CharField(max_length=500, blank=True)
    labels = models.JSONField(default=dict)
    source = models.JSONField(default=dict, help_text="The imported row's situation and characters")


class DeduplicationRun(models.Model):
    """One grouping of cards into values. At most one is active; activating another, or the parent, undoes it."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("To be reviewed")
        READY = "ready", _("Ready")

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="deduplication_runs")
    number = models.PositiveIntegerField()
    source_id = models.CharField(max_length=100, blank=True, help_text="Generation, where imported")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    method = models.CharField(max_length=30, help_text="own (one value a card), similarity, model, facilitator, import")
    parameters = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.READY)
    is_active = models.BooleanField(default=False)
    note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_deduplication_run_per_number"),
            models.UniqueConstraint(fields=["study"], condition=Q(is_active=True), name="one_active_deduplication_run"),
        ]


class ValueMember(models.Model):
    """That a run counts a card under a canonical value, and why."""

    run = models.ForeignKey(DeduplicationRun, on_delete=models.CASCADE, related_name="members")
    card = models.ForeignKey(ValuesCard, on_delete=models.CASCADE, related_name="memberships")
    value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="members")
    reason = models.CharField(max_length=500, blank=True)
    similarity = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["run_id", "id"]
        constraints = [models.UniqueConstraint(fields=["run", "card"], name="one_value_per_card_and_run")]


class ValueProjection(models.Model):
    """That a run counts votes on `value` as votes on `target`. Votes themselves are never rewritten."""

    run = models.ForeignKey(DeduplicationRun, on_delete=models.CASCADE, related_name="projections")
    value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="+")
    target = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "value"], name="one_target_per_value_and_run")]


class MergeCandidate(models.Model):
    """Two values that look nearly equal, waiting for a facilitator's yes or no."""

    run = models.ForeignKey(DeduplicationRun, on_delete=models.CASCADE, related_name="candidates")
    first = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="+")
    similarity = models.FloatField()
    reason = models.CharField(max_length=500, blank=True)
    judgement = models.JSONField(default=dict, help_text="The model's five answers, each true or false; empty without")
    decision = models.CharField(max_length=6, blank=True, help_text="merge, keep or empty")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["run_id", "-similarity", "id"]
        constraints = [models.UniqueConstraint(fields=["run", "first", "second"], name="one_candidate_per_pair")]


class UpgradeStory(models.Model):
    """How someone might come from one value to another in a context; what a wisdom vote is about."""

    class Origin(models.TextChoices):
        MODEL = "model", _("Written by a language model")
        PAIR = "pair", _("Two cards side by side, no story")
        PERSON = "person", _("Written by a facilitator")
        IMPORT = "import", _("Imported")

    class State(models.TextChoices):
        PROPOSED = "proposed", _("To be reviewed")
        APPROVED = "approved", _("In use")
        ARCHIVED = "archived", _("Archived")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="stories")
    number = models.PositiveIntegerField()
    from_value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="stories_from")
    to_value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="stories_to")
    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="stories")
    text = models.TextField(blank=True, max_length=8000)
    mapping = models.JSONField(default=list, help_text='[{"from": policy, "to": policy or null, "how": text}]')
    grade = models.CharField(max_length=2, blank=True)
    run_label = models.CharField(max_length=100, blank=True)
    origin = models.CharField(max_length=8, choices=Origin.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    llm_call = models.ForeignKey("core.LLMCall", null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study_id", "number"]
        verbose_name_plural = "upgrade stories"
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_story_per_number"),
            models.UniqueConstraint(
                fields=["study", "from_value", "to_value", "context", "run_label"], name="one_story_per_pair_and_run"
            ),
            models.CheckConstraint(condition=~Q(from_value=F("to_value")), name="a_story_joins_two_values"),
        ]


class StoryPool(models.Model):
    """The stories that could be drawn at some time, by their numbers. Draws that stood on the same stories share one."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="story_pools")
    sha256 = models.CharField(max_length=64)
    numbers = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "sha256"], name="one_pool_per_set_of_stories")]


class Draw(models.Model):
    """What was drawn for a person to judge. A vote or endorsement is accepted only for an item of one's own draw.

    `rule` says how its items were chosen. A draw of stories can be replayed from its seed, its `pool` and its `basis`: what
    there was when it was made (`elicitation.draws.replay`).
    """

    class Kind(models.TextChoices):
        PICKS = "picks", _("Other people's values")
        STORIES = "stories", _("Upgrade stories")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="draws")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    question = models.ForeignKey(Question, null=True, blank=True, on_delete=models.SET_NULL)
    seed = models.BigIntegerField(default=0)
    rule = models.JSONField(
        default=dict, help_text="elicitation.algorithms.selection.DrawRule, and how many were wanted"
    )
    basis = models.JSONField(default=dict, help_text="Last vote and item, number of votes, run, hash of the options")
    pool = models.ForeignKey(StoryPool, null=True, blank=True, on_delete=models.SET_NULL, related_name="draws")
    source_id = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "kind"], condition=Q(completed_at=None), name="one_open_draw_per_kind"
            )
        ]


class DrawItem(models.Model):
    """A story in a draw: which side is shown first, and why it was chosen, with the counts that spoke for it."""

    class Why(models.TextChoices):
        LEAST_VOTED = "least_voted", _("Has the fewest answers")
        CLOSE_CALL = "close_call", _("Is a close call")

    draw = models.ForeignKey(Draw, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    story = models.ForeignKey(UpgradeStory, on_delete=models.CASCADE, related_name="draw_items")
    from_first = models.BooleanField(default=True)
    why = models.CharField(max_length=12, choices=Why.choices, blank=True)
    counts = models.JSONField(default=dict, help_text="Answers about the pair when it was drawn: asked, wiser, decided")
    shown_at = models.DateTimeField(null=True, blank=True)
    skipped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["draw_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["draw", "position"], name="one_story_per_place"),
            models.UniqueConstraint(fields=["draw", "story"], name="one_place_per_story"),
        ]


class Exposure(models.Model):
    """That a value was shown to a person: where, when, in which draw."""

    draw = models.ForeignKey(Draw, on_delete=models.CASCADE, related_name="exposures")
    position = models.PositiveSmallIntegerField()
    value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="exposures")
    shown_at = models.DateTimeField(null=True, blank=True)
    source_created_at = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["draw_id", "position"]
        constraints = [models.UniqueConstraint(fields=["draw", "value"], name="one_exposure_per_value_and_draw")]


class EndorsementQuerySet(models.QuerySet["Endorsement"]):
    def current(self) -> "EndorsementQuerySet":
        """The newest answer of each person about each value in each draw."""
        return self.filter(superseded_by=None)


class Endorsement(models.Model):
    """What a person says of someone else's value; picking it is agree. Append-only: a new answer supersedes the old."""

    class Answer(models.TextChoices):
        AGREE = "agree", _("Agree")
        DISAGREE = "disagree", _("Disagree")
        PASS = "pass", _("Pass")

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="endorsements")
    value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="endorsements")
    draw = models.ForeignKey(Draw, null=True, blank=True, on_delete=models.CASCADE, related_name="endorsements")
    question = models.ForeignKey(Question, null=True, blank=True, on_delete=models.SET_NULL)
    answer = models.CharField(max_length=8, choices=Answer.choices)
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="superseded_by"
    )
    source_created_at = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EndorsementQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "value", "draw"],
                condition=Q(supersedes=None, draw__isnull=False),
                name="one_first_endorsement_in_a_draw",
            ),
            models.UniqueConstraint(
                fields=["participant", "value"],
                condition=Q(supersedes=None, draw__isnull=True),
                name="one_first_endorsement_without_a_draw",
            ),
        ]


class WisdomVoteQuerySet(models.QuerySet["WisdomVote"]):
    def current(self) -> "WisdomVoteQuerySet":
        """The newest answer of each person to each pair in each context."""
        return self.filter(superseded_by=None)


class WisdomVote(models.Model):
    """Is the second value wiser than the first, in this context? Append-only: a new answer supersedes the old.

    The values are those that the story joined when it was shown; a deduplication run projects them when counting.
    """

    class Answer(models.TextChoices):
        UPGRADE = "upgrade", _("Yes, wiser")
        NO_UPGRADE = "no_upgrade", _("No, not wiser")
        TOO_SIMILAR = "too_similar", _("Too similar")
        IT_DEPENDS = "it_depends", _("It depends")
        NOT_SURE = "not_sure", _("I'm not sure")

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="wisdom_votes", db_index=False)
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="wisdom_votes", db_index=False)
    story = models.ForeignKey(
        UpgradeStory, null=True, blank=True, on_delete=models.RESTRICT, related_name="votes", db_index=False
    )
    draw_item = models.ForeignKey(
        DrawItem, null=True, blank=True, on_delete=models.RESTRICT, related_name="votes", db_index=False
    )
    from_value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="votes_from")
    to_value = models.ForeignKey(CanonicalValue, on_delete=models.CASCADE, related_name="votes_to")
    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="votes")
    answer = models.CharField(max_length=12, choices=Answer.choices)
    comment = models.TextField(blank=True, max_length=4000)
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="superseded_by"
    )
    run_label = models.CharField(max_length=100, blank=True)
    source = models.JSONField(default=dict, help_text="Fields of an imported row that its export needs")
    voted_at = models.DateTimeField(help_text="When the answer was given; an import keeps the source's time")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WisdomVoteQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            # Of all rows and not only of first votes, so that it also finds the votes of a person.
            models.UniqueConstraint(
                "participant",
                "from_value",
                "to_value",
                "context",
                Coalesce("supersedes", 0, output_field=models.BigIntegerField()),
                name="one_first_wisdom_vote",
            ),
            models.CheckConstraint(condition=~Q(from_value=F("to_value")), name="a_vote_compares_two_values"),
        ]
        # Each index costs every vote that is written: none that another covers, and none of the rows that lack the field.
        indexes = [
            models.Index(fields=["study", "id"]),
            models.Index(fields=["story"], condition=Q(story__isnull=False), name="votes_on_a_story"),
            models.Index(fields=["draw_item"], condition=Q(draw_item__isnull=False), name="votes_on_a_drawn_story"),
        ]


class VerificationAnswerQuerySet(models.QuerySet["VerificationAnswer"]):
    def current(self) -> "VerificationAnswerQuerySet":
        """The newest answer of each person: one about each card, and one about their place in the graph."""
        return self.filter(superseded_by=None)


class VerificationAnswer(models.Model):
    """What a person says of how the study treated their card: merged rightly? placed fairly? A new answer supersedes the
    old. `value` is what they were shown; `settled_at` says when the study's team decided about a "different"."""

    class Kind(models.TextChoices):
        SAME_CARD = "same_card", _("Is this card the same as yours?")
        FAIR_POSITION = "fair_position", _("Is this place in the graph fair?")

    class Answer(models.TextChoices):
        SAME = "same", _("The same")
        DIFFERENT = "different", _("Different")
        UNSURE = "unsure", _("Not sure")
        FAIR = "fair", _("Fair")
        NOT_FAIR = "not_fair", _("Not fair")

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="verification_answers")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="verification_answers")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    card = models.ForeignKey(ValuesCard, null=True, blank=True, on_delete=models.CASCADE)
    value = models.ForeignKey(CanonicalValue, null=True, blank=True, on_delete=models.SET_NULL)
    source_value_id = models.CharField(max_length=100, blank=True, help_text="Of an imported answer")
    answer = models.CharField(max_length=10, choices=Answer.choices)
    comment = models.TextField(blank=True, max_length=2000)
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="superseded_by"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VerificationAnswerQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "card"],
                condition=Q(kind="same_card", supersedes=None, source_value_id=""),
                name="one_first_answer_about_a_card",
            ),
            models.UniqueConstraint(
                fields=["participant"],
                condition=Q(kind="fair_position", supersedes=None, source_value_id=""),
                name="one_first_answer_about_a_place",
            ),
        ]


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def run_by(self, caller: Caller, *, change: bool = False) -> "DatasetQuerySet":
        """Datasets of the caller's studies, and the caller's own imports, within the limit of the caller's key."""
        if caller.user is None:
            return self.none()
        mine = Q(study__in=Study.objects.run_by(caller, change=change))
        if caller.key is None or not caller.key.limited_to:
            mine |= Q(owner=caller.user)
        elif caller.key.limited_to.startswith("dataset:"):
            mine |= Q(owner=caller.user, id=caller.key.limited_to.removeprefix("dataset:"))
        return self.filter(mine)

    def shown_to(self, caller: Caller) -> "DatasetQuerySet":
        """Datasets that the caller runs, and those that are listed."""
        return self.filter(Q(is_listed=True) | Q(id__in=self.run_by(caller).values("id")))


class Dataset(models.Model):
    """Comparisons and their annotations. Every study owns one; imports make others."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=160)
    study = models.OneToOneField(Study, null=True, blank=True, on_delete=models.CASCADE, related_name="dataset")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    licence = models.CharField(max_length=100, blank=True)
    is_listed = models.BooleanField(default=False)
    default_annotator = models.CharField(max_length=200, blank=True)
    source_format = models.CharField(max_length=20, blank=True)
    source_record = models.TextField(blank=True, help_text="The imported file's own header, as ASCII JSON, verbatim")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def scope_key(self) -> str:
        return self.study.scope_key if self.study else f"dataset:{self.id}"


class Comparison(models.Model):
    """Two texts that answer the same prompt."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="comparisons")
    number = models.PositiveIntegerField(help_text="1…n, in the order of the source")
    source_id = models.CharField(max_length=200, blank=True)
    prompt = models.TextField(null=True, blank=True)
    context = models.CharField(max_length=300, blank=True)
    text_a = models.TextField(blank=True)
    text_b = models.TextField(blank=True)
    model_a = models.CharField(max_length=200, blank=True)
    model_b = models.CharField(max_length=200, blank=True)
    source_record = models.TextField(blank=True, help_text="The imported record, as ASCII JSON, verbatim")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["dataset_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="one_comparison_per_number"),
            models.UniqueConstraint(
                fields=["dataset", "source_id"], condition=~Q(source_id=""), name="one_comparison_per_source_id"
            ),
        ]


class Annotator(models.Model):
    """Who or what says which text is better: a human, a model, a rule, or a principle."""

    class Kind(models.TextChoices):
        HUMAN = "human", _("Human")
        MODEL = "model", _("Model")
        RULE = "rule", _("Rule")
        PRINCIPLE = "principle", _("Principle")
        UNKNOWN = "unknown", _("Unknown")

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="annotators")
    number = models.PositiveIntegerField(help_text="1…n, in the order of the source")
    source_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=300, blank=True)
    participant = models.ForeignKey(
        Participant, null=True, blank=True, on_delete=models.CASCADE, related_name="annotators"
    )
    source_record = models.TextField(blank=True, help_text="The imported record, as ASCII JSON, verbatim")

    class Meta:
        ordering = ["dataset_id", "number"]
        constraints = [models.UniqueConstraint(fields=["dataset", "source_id"], name="one_annotator_per_source_id")]


MOST_DWELL = 2**31 - 1  # milliseconds that every database holds: 24 days


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def current(self) -> "AnnotationQuerySet":
        """The newest answer of each annotator to each comparison, per order shown."""
        return self.filter(superseded_by=None)


class Annotation(models.Model):
    """One annotator's answer to one comparison, in terms of the comparison's own sides."""

    class Answer(models.TextChoices):
        A = "a", _("A")
        B = "b", _("B")
        TIE = "tie", _("Tie")
        BOTH_BAD = "both_bad", _("Both bad")
        NONE = "none", _("No answer")

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="annotations")
    annotator = models.ForeignKey(Annotator, on_delete=models.CASCADE, related_name="annotations")
    answer = models.CharField(max_length=8, choices=Answer.choices)
    why_none = models.CharField(max_length=40, blank=True, help_text="not_applicable, invalid, …, where answer is none")
    order_shown = models.CharField(max_length=2, blank=True, help_text="ab, ba, or empty where it is not known")
    reason = models.TextField(blank=True, max_length=4000)
    dwell_ms = models.PositiveIntegerField(null=True, blank=True)
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="superseded_by"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "annotator", "order_shown"],
                condition=Q(supersedes=None),
                name="one_first_annotation",
            )
        ]


class DimensionAnswer(models.Model):
    """What someone who judged a comparison says of one dimension that the study asks about."""

    annotation = models.ForeignKey(Annotation, on_delete=models.CASCADE, related_name="dimensions")
    dimension = models.CharField(max_length=40)
    answer = models.CharField(max_length=3, help_text="a, b or tie")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["annotation", "dimension"], name="one_answer_per_dimension")]


class ComparisonDraw(models.Model):
    """Comparisons that were drawn for a person at one moment. From seed, rule and basis, what there was then, it can be replayed
    (`elicitation.arena.replay`)."""

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="comparison_draws")
    seed = models.BigIntegerField(default=0)
    rule = models.JSONField(default=dict, help_text="How many were wanted, raters of each, the balance and its most")
    basis = models.JSONField(default=dict, help_text="elicitation.arena.Moment, and the hash of the options")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["participant_id", "id"]


class ShownComparison(models.Model):
    """A comparison that was drawn for a person: at which place, with which side first, when they first saw it, and what became of
    it. Who skips a pair and answers it later has both times."""

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="shown_comparisons")
    draw = models.ForeignKey(ComparisonDraw, null=True, blank=True, on_delete=models.CASCADE, related_name="items")
    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="shown")
    place = models.PositiveIntegerField()
    order_shown = models.CharField(max_length=2, help_text="ab or ba")
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    skipped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["participant_id", "place"]
        constraints = [
            models.UniqueConstraint(fields=["participant", "comparison"], name="one_showing_per_comparison"),
            models.UniqueConstraint(fields=["participant", "place"], name="one_comparison_per_place"),
        ]


class CandidateSet(models.Model):
    """Answers to one prompt that were made together, and the comparisons that they became. `spread` says how far they are apart."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="candidate_sets")
    prompt = models.TextField(max_length=4000)
    context = models.CharField(max_length=300, blank=True)
    wanted = models.PositiveSmallIntegerField()
    answers = models.JSONField(default=list, help_text="A list of value (empty where nobody named one) and text")
    spread = models.FloatField(help_text="1 minus the mean cosine of every two, 0 to 1")
    comparisons = models.JSONField(default=list, help_text="Their numbers in the study's dataset")
    inputs_sha256 = models.CharField(max_length=64, help_text="Of what was asked for, or of what someone wrote")
    llm_call = models.ForeignKey("core.LLMCall", null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["study", "inputs_sha256"], name="one_set_of_candidates")]


def scope_keys_of(caller: Caller, change: bool) -> Iterable[str]:
    """Return the scope keys of everything that the caller runs; to `change`, as an editor."""
    for study_id in Study.objects.run_by(caller, change=change).values_list("id", flat=True):
        yield f"study:{study_id}"
    for dataset_id in Dataset.objects.run_by(caller, change=change).filter(study=None).values_list("id", flat=True):
        yield f"dataset:{dataset_id}"
