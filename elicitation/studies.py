"""Studies: made from a template without code, tried, opened, paused and closed; and who runs them."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError as SettingsError

from core.ledger import model_is_configured
from core.models import SignInCode, User
from core.numbers import next_number
from core.problems import Conflict, Problem
from core.secrets import digest, new_code, read_code
from core.text import clean_text
from elicitation.algorithms.lints import reading_age
from elicitation.models import Comparison, ConsentText, Context, Question, QuestionContext, Study, StudyMembership
from elicitation.study_settings import StudySettings, settings_of

MOST_TITLE, MOST_DESCRIPTION, MOST_QUESTION, MOST_CONTEXT, MOST_CONSENT = 160, 4000, 2000, 300, 20000
MOST_QUESTIONS, MOST_CONTEXTS = 200, 100
INVITATION_DAYS = 7
# People of this age can read what they agree to.
PLAIN_AGE = 13


class AskedQuestion(NamedTuple):
    """A question of a study as its makers write it. `number` names one that the study has."""

    text: str
    title: str = ""
    is_heavy: bool = False
    number: int | None = None


class Template(NamedTuple):
    """Where a new study can start from: everything is set, and everything can be changed. One without `has_pages` is for
    programs: people take part in it over REST, or not at all."""

    name: str | Promise
    about: str | Promise
    settings: Mapping[str, Any]
    questions: Sequence[tuple[str | Promise, str | Promise]] = ()
    contexts: Sequence[str | Promise] = ()
    has_pages: bool = True


TEMPLATES = {
    "assistant": Template(
        gettext_lazy("Values for an AI assistant"),
        gettext_lazy("Questions people ask an AI. Interview, stories, graph, constitution."),
        {"minutes": 12},
        (
            (
                gettext_lazy("A friend lost her job and asks me what to do now. What should I say to her?"),
                gettext_lazy("Friends, work"),
            ),
            (
                gettext_lazy("My neighbour has odd views that I find wrong. Should I talk with him about them?"),
                gettext_lazy("Living together"),
            ),
            (
                gettext_lazy("My child wants to stop the sport that she was so good at. How do I talk with her?"),
                gettext_lazy("Family, growing up"),
            ),
        ),
        (
            gettext_lazy("When someone asks for advice in a hard moment"),
            gettext_lazy("When someone hears what they would rather not hear"),
            gettext_lazy("When two people want different things"),
        ),
    ),
    "town": Template(
        gettext_lazy("A town decides"),
        gettext_lazy("One local choice, many sides. Interview and graph, no AI text."),
        {"interviewer": "guide", "minutes": 10},
        (
            (
                gettext_lazy("The old market square could be for cars, for trees or for houses. What should it be?"),
                gettext_lazy("Our town"),
            ),
        ),
        (
            gettext_lazy("When some gain and others lose by a choice"),
            gettext_lazy("When a place changes that people are used to"),
        ),
    ),
    "judge": Template(
        gettext_lazy("Judge answers"),
        gettext_lazy("Two answers side by side. No interview. Ends in a constitution."),
        {"has_interview": False, "stories_each": 0, "comparisons_each": 8, "minutes": 6},
    ),
    "import": Template(
        gettext_lazy("Bring your own votes"),
        gettext_lazy("Import from a file. No participants."),
        {"has_interview": False, "stories_each": 0, "minutes": 1},
        has_pages=False,
    ),
}


def create_study(
    user: User,
    *,
    template: str,
    title: str,
    slug: str = "",
    description: str = "",
    questions: Sequence[str | AskedQuestion] | None = None,
    contexts: Sequence[str] | None = None,
    consent: str = "",
    settings: Mapping[str, Any] | None = None,
    language: str = "en",
    is_listed: bool = False,
) -> Study:
    """Make a draft that `user` owns. What is None comes from the template; nobody sees the draft before it opens.

    Raises ValidationError for an unknown template, an address that is taken, and texts or settings that cannot be used.
    """
    if template not in TEMPLATES:
        raise ValidationError({"template": _("Choose one of: %(names)s.") % {"names": ", ".join(TEMPLATES)}})
    start = TEMPLATES[template]
    title = clean_text(title, field="title", most=MOST_TITLE, required=True).strip()
    checked = checked_settings({**start.settings, **(settings or {})})
    asked = [AskedQuestion(str(t), str(name)) for t, name in start.questions] if questions is None else questions
    told = [str(text) for text in start.contexts] if contexts is None else contexts
    try:
        with transaction.atomic():
            study = Study.objects.create(
                slug=_address(slug) if slug else _free_address(title),
                title=title,
                description=clean_text(description, field="description", most=MOST_DESCRIPTION).strip(),
                settings=checked,
                language=language,
                is_listed=is_listed,
            )
            StudyMembership.objects.create(study=study, user=user, role=StudyMembership.Role.OWNER)
            for question in asked:
                add_question(study, question if isinstance(question, AskedQuestion) else AskedQuestion(question))
            for context in told:
                add_context(study, context)
            if consent.strip():
                set_consent_text(study, consent)
    except IntegrityError:
        raise ValidationError({"slug": _("Another study has this address. Choose a different one.")}) from None
    return study


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are stored. Raises ValidationError that names each field that cannot be used."""
    try:
        chosen = StudySettings.model_validate(dict(settings))
    except SettingsError as error:
        wrong = {".".join(["settings", *map(str, e["loc"])]): str(e["msg"]) for e in error.errors()}
        raise ValidationError({field: [message] for field, message in wrong.items()}) from None
    return chosen.model_dump(mode="json", exclude_unset=True)


def update_settings(study: Study, changes: Mapping[str, Any]) -> StudySettings:
    """Change some settings and keep the others. Raises ValidationError."""
    study.settings = checked_settings({**study.settings, **changes})
    study.save(update_fields=["settings"])
    return settings_of(study)


def change_study(
    study: Study,
    *,
    questions: Sequence[AskedQuestion] | None = None,
    contexts: Sequence[str] = (),
    consent: str = "",
    settings: Mapping[str, Any] | None = None,
    **described: Any,
) -> None:
    """Change what is given, all or nothing: `title`, `description`, `language`, `is_listed`, settings (those that are left
    out stay), the list of questions (those that are left out are archived), more contexts, the consent text.

    Raises ValidationError for what cannot be used.
    """
    with transaction.atomic():
        if described:
            _describe(study, described)
        if settings:
            update_settings(study, settings)
        if consent:
            set_consent_text(study, consent)
        if questions is not None:
            _set_questions(study, questions)
        for context in contexts:
            add_context(study, context)


def _describe(study: Study, described: Mapping[str, Any]) -> None:
    most = {"title": MOST_TITLE, "description": MOST_DESCRIPTION, "language": 12}
    for name, value in described.items():
        if name in most:
            value = clean_text(value, field=name, most=most[name], required=name != "description").strip()
        setattr(study, name, value)
    study.save(update_fields=[*described])


def _set_questions(study: Study, wanted: Sequence[AskedQuestion]) -> None:
    known = {question.number: question for question in study.questions.filter(is_archived=False)}
    for asked in wanted:
        if asked.number is None:
            add_question(study, asked)
        elif asked.number in known:
            edit_question(known.pop(asked.number), asked)
        else:
            raise ValidationError({"questions": _("There is no question %(number)d.") % {"number": asked.number}})
    for question in known.values():
        archive_question(question)


def add_question(study: Study, question: AskedQuestion) -> Question:
    """Add a question; every context of the study is asked about with it. Raises ValidationError."""
    text = clean_text(question.text, field="questions", most=MOST_QUESTION, required=True).strip()
    name = clean_text(question.title, field="questions", most=120).strip()
    with transaction.atomic():
        if study.questions.filter(is_archived=False).count() >= MOST_QUESTIONS:
            raise ValidationError({"questions": _("At most %(most)d questions fit.") % {"most": MOST_QUESTIONS}})
        number = next_number(Question, study=study)
        made = Question.objects.create(study=study, number=number, text=text, title=name, is_heavy=question.is_heavy)
        for place, context in enumerate(study.contexts.order_by("number"), start=1):
            QuestionContext.objects.create(question=made, context=context, number=place)
    return made


def edit_question(question: Question, wanted: AskedQuestion) -> Question:
    """Change a question's words while nobody has talked about it; else archive it and add the changed one.

    What people answered stays tied to what they were asked. Raises ValidationError.
    """
    with transaction.atomic():
        if wanted.text != question.text and question.interview_set.exists():
            archive_question(question)
            return add_question(question.study, wanted)
        question.text = clean_text(wanted.text, field="questions", most=MOST_QUESTION, required=True).strip()
        question.title = clean_text(wanted.title, field="questions", most=120).strip()
        question.is_heavy = wanted.is_heavy
        question.save(update_fields=["text", "title", "is_heavy"])
    return question


def archive_question(question: Question) -> None:
    """Offer a question no more; what was said about it stays."""
    Question.objects.filter(id=question.id).update(is_archived=True)


def add_context(study: Study, text: str) -> Context:
    """Add a context to all of the study's questions, or return the one with this text. Raises ValidationError."""
    text = clean_text(text, field="contexts", most=MOST_CONTEXT, required=True).strip()
    with transaction.atomic():
        if known := study.contexts.filter(text=text).first():
            return known
        if study.contexts.count() >= MOST_CONTEXTS:
            raise ValidationError({"contexts": _("At most %(most)d contexts fit.") % {"most": MOST_CONTEXTS}})
        context = Context.objects.create(study=study, number=next_number(Context, study=study), text=text)
        for question in study.questions.all():
            number = QuestionContext.objects.filter(question=question).count() + 1
            QuestionContext.objects.create(question=question, context=context, number=number)
    return context


def set_consent_text(study: Study, text: str) -> ConsentText:
    """Store what people are asked to agree to. A change is a new version; who agreed to the old one keeps that.

    Raises ValidationError for an empty text.
    """
    text = clean_text(text, field="consent", most=MOST_CONSENT, required=True).strip()
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    with transaction.atomic():
        newest = study.consent_texts.order_by("version").last()
        if newest is not None and newest.sha256 == sha256:
            return newest
        return ConsentText.objects.create(
            study=study, version=newest.version + 1 if newest else 1, text=text, sha256=sha256
        )


def missing_before_opening(study: Study) -> list[str]:
    """Return what the study lacks before people can take part, in words for its makers; empty if nothing does."""
    chosen = settings_of(study)
    questions = study.questions.filter(is_archived=False)
    missing = []
    if not study.consent_texts.exists():
        missing.append(_("There is no consent text: say what happens to people's words."))
    if chosen.has_interview and not questions.exists():
        missing.append(_("There is no question to talk about."))
    if chosen.has_interview and chosen.stories_each and not study.contexts.exists():
        missing.append(_("There is no context: name a situation in which values can be wise."))
    if chosen.comparisons_each and not Comparison.objects.filter(dataset__study=study).exists():
        missing.append(_("There is no comparison: add answers that people can compare."))
    if questions.filter(is_heavy=True).exists() and not chosen.help_text.strip():
        missing.append(_("A question may be heavy, and there is no help text for people who need help."))
    return missing


def advice_before_opening(study: Study) -> list[str]:
    """Return what would be good to settle before opening; none of it stands in the way."""
    chosen = settings_of(study)
    consent = study.consent_texts.order_by("version").last()
    advice = []
    if not chosen.contact:
        advice.append(_("Nobody is named whom people can ask."))
    if chosen.withdraw_until is None:
        advice.append(_("No day is set until which people can surely take everything back."))
    if consent is not None and study.language.startswith("en") and reading_age(consent.text) > PLAIN_AGE:
        advice.append(
            _("The consent text reads like age %(age)d. Shorter sentences and plain words help.")
            % {"age": reading_age(consent.text)}
        )
    if chosen.has_interview and chosen.interviewer == "model" and not model_is_configured():
        advice.append(_("No language model is set up, so the written guide will ask the questions."))
    return advice


def open_study(study: Study) -> None:
    """Let people take part. Raises ValidationError with what is missing; opening an open study changes nothing."""
    if missing := missing_before_opening(study):
        raise ValidationError(missing)
    now = timezone.now()
    _change_state(study, Study.State.OPEN, opened_at=study.opened_at or now, closed_at=None)


def pause_study(study: Study) -> None:
    """Take no answers for a while; what was given is safe. Raises Conflict unless the study is open or paused."""
    _change_state(study, Study.State.PAUSED, only_from=(Study.State.OPEN, Study.State.PAUSED))


def close_study(study: Study) -> None:
    """Take no more answers. It can be opened again. Raises Conflict for a draft."""
    _change_state(
        study,
        Study.State.CLOSED,
        only_from=(Study.State.OPEN, Study.State.PAUSED, Study.State.CLOSED),
        closed_at=study.closed_at or timezone.now(),
    )


def forget_outside_ids(study: Study) -> None:
    """Delete the key behind the digests of recruitment panels' ids, and the digests: nobody can link them any more."""
    with transaction.atomic():
        study.participants.exclude(outside_digest="").update(outside_digest="")
        Study.objects.filter(id=study.id).update(outside_id_key=b"")


def owner_named(email: str = "") -> User | None:
    """Return whoever should run what a command brings in: the account with this address or, without one, the site's only
    account; None if there are several. Raises ValueError for an address that no account has."""
    if not email:
        accounts = User.objects.filter(is_active=True)[:2]
        return accounts[0] if len(accounts) == 1 else None
    found = User.objects.filter(email__iexact=email.strip()).first()
    if found is None:
        raise ValueError(f"there is no account with the address {email}")
    return found


def adopt(study: Study, user: User) -> bool:
    """Make the user the owner of a study that nobody runs yet, as one that a command made. Returns whether that was so."""
    if study.memberships.exists():
        return False
    StudyMembership.objects.create(study=study, user=user, role=StudyMembership.Role.OWNER)
    return True


def invite_member(study: Study, role: str, by: User) -> str:
    """Return a code, shown once, that makes whoever uses it first within a week a member of the study.

    Raises ValidationError for a role that cannot be given away, and PermissionDenied unless `by` may change the study.
    """
    roles = (StudyMembership.Role.FACILITATOR, StudyMembership.Role.VIEWER)
    if role not in roles:
        raise ValidationError({"role": _("Choose one of: %(roles)s.") % {"roles": ", ".join(roles)}})
    if not study.memberships.filter(user=by).exclude(role=StudyMembership.Role.VIEWER).exists():
        raise PermissionDenied
    code = new_code()
    SignInCode.objects.create(
        digest=digest(code),
        purpose=f"{_INVITES}{study.id}:{role}",
        expires_at=timezone.now() + timedelta(days=INVITATION_DAYS),
    )
    return code


def invitation_to(written: str) -> tuple[Study, str]:
    """Return the study and role that a code invites to, without using it up. Raises Problem for one that does not work."""
    return _read_invitation(_find_invitation(written))


def accept_invitation(user: User, written: str) -> StudyMembership:
    """Make the user a member as the code says; who has a role already keeps the greater one. A code works once.

    Raises Problem for a code that is unknown, used or out of date.
    """
    with transaction.atomic():
        invitation = _find_invitation(written)
        unused = SignInCode.objects.filter(id=invitation.id, used_at=None)
        if not unused.update(used_at=timezone.now(), used_by=user):
            raise _bad_code()
        study, role = _read_invitation(invitation)
        membership, is_new = StudyMembership.objects.get_or_create(study=study, user=user, defaults={"role": role})
        if not is_new and membership.role == StudyMembership.Role.VIEWER:
            membership.role = role
            membership.save(update_fields=["role"])
    return membership


_INVITES = "study:"


def _find_invitation(written: str) -> SignInCode:
    code = digest(read_code(clean_text(written, field="code", most=60)))
    usable = SignInCode.objects.filter(purpose__startswith=_INVITES, used_at=None, expires_at__gt=timezone.now())
    invitation = usable.filter(digest=code).first()
    if invitation is None:
        raise _bad_code()
    return invitation


def _read_invitation(invitation: SignInCode) -> tuple[Study, str]:
    study_id, _colon, role = invitation.purpose.removeprefix(_INVITES).partition(":")
    return Study.objects.get(id=study_id), role


def _bad_code() -> Problem:
    return Problem(
        404, "unknown-code", _("This code does not work"), _("It may be used or older than a week. Ask for a new one.")
    )


def _change_state(study: Study, state: str, *, only_from: Sequence[str] = (), **changes: Any) -> None:
    allowed = Study.objects.filter(id=study.id)
    if only_from:
        allowed = allowed.filter(state__in=only_from)
    if not allowed.update(state=state, **changes):
        raise Conflict(
            _("That can't be done with a study in this state"),
            _("It is: %(state)s.") % {"state": study.get_state_display()},
        )
    study.refresh_from_db()


def _address(slug: str) -> str:
    """Return an address as it was asked for. Raises ValidationError if it cannot be one."""
    if slugify(slug) != slug or not 1 <= len(slug) <= 60:
        raise ValidationError({"slug": _("Use small letters, numbers and dashes, for example “hard-moments”.")})
    return slug


def _free_address(title: str) -> str:
    """Return an address made of the title that no study has."""
    base = slugify(title)[:50].strip("-") or "study"
    taken = set(Study.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for n in range(1, len(taken) + 2) if (slug := base if n == 1 else f"{base}-{n}") not in taken)
