"""Taking part: joining with consent, coming back, a few facts about oneself, and what is still to do.

A study's link is an invitation, never a credential. Joining gives a token (for the browser's cookie or a Bearer header)
and a return code for any other device; both are kept only as keyed digests.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from core.numbers import next_number
from core.problems import Conflict, Gone, Problem
from core.secrets import digest, new_code, read_code
from core.text import clean_text
from elicitation.models import (
    CanonicalValue,
    Comparison,
    Consent,
    ConsentText,
    Draw,
    Interview,
    Participant,
    Question,
    Study,
    ValuesCard,
)
from elicitation.study_settings import settings_of

TOKEN_PREFIX = "fm_part_"  # noqa: S105
PREFER_NOT_TO_SAY = "prefer_not_to_say"
MOST_OUTSIDE_ID = 200


class Invitation(NamedTuple):
    """Whether people can join a study now, and if not, why not, in words for them."""

    is_open: bool
    why_not: str


class Joined(NamedTuple):
    """Someone who takes part, with the two secrets that are shown now and never stored."""

    participant: Participant
    token: str
    return_code: str


def open_invitation(study: Study) -> Invitation:
    """Return whether people can join the study now. What it says can be outrun by others who join: `join` decides."""
    if study.state != Study.State.OPEN:
        return Invitation(False, _not_open(study.state))
    if not study.consent_texts.all():
        return Invitation(False, _("The study has no consent text yet."))
    if _is_full(study):
        return Invitation(False, _("Enough people have joined. Thank you for wanting to take part."))
    return Invitation(True, "")


def join(
    study: Study,
    *,
    consent_text: ConsentText,
    shows_quotes: bool,
    uses_model: bool = True,
    outside_id: str = "",
    is_simulated: bool = False,
    is_preview: bool = False,
) -> Joined:
    """Make someone a participant who agreed to `consent_text`. Consent and participant are stored together or not at all.

    `outside_id` is a recruitment panel's id; only its digest under the study's own key is kept. A preview is a
    facilitator's own try: it may join before the study opens and never counts.
    Raises ValidationError, Conflict (the text has changed; this outside id took part already) or Problem (not open, full).
    """
    outside_id = clean_text(outside_id, field="outside_id", most=MOST_OUTSIDE_ID).strip()
    return_code = new_code()
    token = _token_for(return_code)
    with transaction.atomic():
        study = Study.objects.select_for_update().get(id=study.id)
        if not is_preview and study.state != Study.State.OPEN:
            raise _closed_problem(study.state)
        if consent_text != study.consent_texts.order_by("version").last():
            raise Conflict(_("The consent text has changed"), _("Please read the newest version, then agree to that."))
        if not (is_preview or is_simulated) and _is_full(study):
            raise Problem(403, "study-full", _("Enough people have joined"), _("Thank you for wanting to take part."))
        outside_digest = _outside_digest(study, outside_id) if outside_id else ""
        if outside_digest and study.participants.filter(outside_digest=outside_digest).exists():
            raise Conflict(
                _("Someone with this id takes part already"),
                _("If it was you, go on with your return code."),
            )
        now = timezone.now()
        participant = Participant.objects.create(
            study=study,
            number=next_number(Participant, study=study),
            outside_digest=outside_digest,
            token_digest=digest(token),
            return_digest=digest(return_code),
            is_simulated=is_simulated,
            is_preview=is_preview,
            joined_at=now,
        )
        Consent.objects.create(
            participant=participant,
            text=consent_text,
            text_sha256=consent_text.sha256,
            shows_quotes=shows_quotes,
            uses_model=uses_model,
        )
    return Joined(participant, token, return_code)


def by_token(token: str) -> Participant | None:
    """Return whose token this is, also after they withdrew, or None."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    return Participant.objects.select_related("study").filter(token_digest=digest(token)).first()


def by_return_code(study: Study | None, written: str) -> Joined:
    """Return whose code this is, however it was written, with the same token as on their other devices.

    Raises Problem (404) if nobody in the study, or in any study if None is given, has this code.
    """
    code = read_code(clean_text(written, field="code", most=60))
    people = Participant.objects.select_related("study").filter(return_digest=digest(code)) if code else None
    if people is not None and study is not None:
        people = people.filter(study=study)
    participant = people.first() if people is not None else None
    if participant is None:
        raise Problem(
            404, "unknown-code", _("We don't know this code"), _("Look for a slip: it has 12 letters and numbers.")
        )
    return Joined(participant, _token_for(code), code)


def new_return_code(participant: Participant) -> Joined:
    """Give the person a new code and token; the old ones stop working on every device."""
    code = new_code()
    token = _token_for(code)
    Participant.objects.filter(id=participant.id).update(return_digest=digest(code), token_digest=digest(token))
    participant.refresh_from_db()
    return Joined(participant, token, code)


def consent_of(participant: Participant) -> Consent:
    """Return what the person agreed to last. Raises Problem if they never did: then nothing of theirs may be stored."""
    consent = participant.consents.select_related("text").order_by("id").last()
    if consent is None:
        raise _no_consent_problem()
    return consent


def set_quotes_shown(participant: Participant, shows_quotes: bool) -> Consent:
    """Store whether short quotes may be shown. The older choice stays on record; the newest counts."""
    must_be_here(participant)
    now = consent_of(participant)
    if now.shows_quotes == shows_quotes:
        return now
    return Consent.objects.create(
        participant=participant,
        text=now.text,
        text_sha256=now.text_sha256,
        shows_quotes=shows_quotes,
        uses_model=now.uses_model,
    )


def must_be_here(participant: Participant) -> None:
    """Raise Gone if the person took everything back, and Problem if they never agreed."""
    _must_be_here(_standing(participant))


def hold(participant: Participant) -> None:
    """Within a transaction: keep the person from leaving until it ends. Raises as `must_be_here` does.

    What is stored under it, perhaps long after a model was asked, cannot come after they took everything back.
    """
    Participant.objects.select_for_update().filter(id=participant.id).first()
    must_be_here(participant)


def must_be_open(participant: Participant) -> None:
    """Raise as `must_be_here` does, and Problem if the study takes no answers now. Previews may answer in any state."""
    standing = _standing(participant)
    _must_be_here(standing)
    if standing["study__state"] != Study.State.OPEN and not standing["is_preview"]:
        raise _closed_problem(standing["study__state"])


def save_demographics(participant: Participant, answers: Mapping[str, str]) -> None:
    """Store the optional facts. Each answer is one of the study's choices, or "prefer_not_to_say"; any may be left out.

    Raises ValidationError for a field or choice that the study does not have.
    """
    must_be_open(participant)
    fields = {field.key: field for field in settings_of(participant.study).demographics}
    for key, answer in answers.items():
        if key not in fields:
            raise ValidationError({key: _("The study does not ask this.")})
        if answer not in fields[key].choices and answer != PREFER_NOT_TO_SAY:
            raise ValidationError({key: _("Please choose one of the answers.")})
    _tell(participant, demographics=dict(answers), demographics_at=timezone.now())


def choose_question(participant: Participant, question: Question) -> None:
    """Store what the person wants to talk about; they can change it. Raises ValidationError for another study's."""
    must_be_open(participant)
    if question.study_id != participant.study_id or question.is_archived:
        raise ValidationError({"question": _("Please choose one of this study's questions.")})
    _tell(participant, question=question)


def save_exit_answers(participant: Participant, answers: Mapping[str, int]) -> None:
    """Store answers 1 (not at all) to 5 (fully) to the study's exit questions; any may be left out.

    Raises ValidationError for a question that the study does not ask or an answer out of range.
    """
    must_be_open(participant)
    asked = {question.key for question in settings_of(participant.study).exit_questions}
    for key, answer in answers.items():
        if key not in asked:
            raise ValidationError({key: _("The study does not ask this.")})
        if answer not in range(1, 6):
            raise ValidationError({key: _("Please choose a number from 1 to 5.")})
    _tell(participant, exit_answers=dict(answers))


def needs_eye(participant: Participant, reason: str) -> None:
    """Note for the study's team that someone should look, and why; the first reason stays."""
    Participant.objects.filter(id=participant.id, needs_eye="").update(needs_eye=reason[:200])


def looked_at(participant: Participant) -> None:
    """Note that someone of the study's team looked: nothing waits for an eye any more."""
    Participant.objects.filter(id=participant.id).update(needs_eye="")


def finish(participant: Participant) -> None:
    """Note that the person did everything the study asks; the first time counts."""
    must_be_here(participant)
    Participant.objects.filter(id=participant.id, finished_at=None).update(finished_at=timezone.now())
    participant.refresh_from_db(fields=["finished_at"])


def next_step(participant: Participant) -> str:
    """Return what the person does next.

    One of "demographics", "question", "interview", "card", "picks", "stories", "comparisons" and "finish".
    """
    chosen = settings_of(participant.study)
    if chosen.demographics and participant.demographics_at is None:
        return "demographics"
    if step := step_of_own_card(participant):
        return step
    if _is_waiting(participant, Draw.Kind.PICKS):
        return "picks"
    if chosen.stories_each and _is_waiting(participant, Draw.Kind.STORIES):
        return "stories"
    if chosen.comparisons_each and _has_a_comparison(participant):
        return "comparisons"
    return "finish"


def step_of_own_card(participant: Participant) -> str:
    """Return what comes next before the person's own card is confirmed, or "" if it is, or if the study asks for none.

    Nobody judges other people's values before they said what they value themselves.
    """
    if not settings_of(participant.study).has_interview:
        return ""
    if ValuesCard.objects.filter(participant=participant, state=ValuesCard.State.CONFIRMED).exists():
        return ""
    interview = participant.interviews.exclude(state=Interview.State.LEFT).order_by("created_at").last()
    if participant.question_id is None or interview is None:
        return "question"
    if interview.state == Interview.State.TALKING:
        return "interview"
    return "card"


def _has_a_comparison(participant: Participant) -> bool:
    """Whether the person still has a pair of texts to judge. Pairs that are not drawn yet count if there may be some."""
    shown = participant.shown_comparisons.all()
    if not shown.exists():
        return Comparison.objects.filter(dataset__study=participant.study_id).exists()
    return shown.filter(answered_at=None, skipped_at=None).exists()


def _is_waiting(participant: Participant, kind: str) -> bool:
    """Whether the person still has something of this kind to judge. What is not drawn yet counts if it may give something."""
    draw = Draw.objects.filter(participant=participant, kind=kind).order_by("created_at").last()
    if draw is None:
        return CanonicalValue.objects.filter(study_id=participant.study_id, is_archived=False).exists()
    shown = draw.exposures if kind == Draw.Kind.PICKS else draw.items
    return draw.completed_at is None and shown.exists()


def _tell(participant: Participant, **facts: Any) -> None:
    """Store facts about someone unless they left, also in this very moment. Raises Gone then."""
    if not Participant.objects.filter(id=participant.id, withdrawn_at=None).update(**facts):
        raise _gone_problem()
    for name, value in facts.items():
        setattr(participant, name, value)


def _standing(participant: Participant) -> dict[str, Any]:
    """Return what is true of the person now, whatever this instance was loaded with."""
    agreed = Exists(Consent.objects.filter(participant=OuterRef("id")))
    wanted = ("withdrawn_at", "is_preview", "study__state", "agreed")
    standing = Participant.objects.filter(id=participant.id).annotate(agreed=agreed).values(*wanted).first()
    if standing is None:
        raise _gone_problem()
    return dict(standing)


def _must_be_here(standing: dict[str, Any]) -> None:
    if standing["withdrawn_at"] is not None:
        raise _gone_problem()
    if not standing["agreed"]:
        raise _no_consent_problem()


def _is_full(study: Study) -> bool:
    most = settings_of(study).most_participants
    return most is not None and Participant.objects.counted(study).count() >= most


def _outside_digest(study: Study, outside_id: str) -> str:
    """Return the digest of a panel's id under the study's key. Deleting the key ends every link to the panel."""
    if not study.outside_id_key:
        study.outside_id_key = secrets.token_bytes(32)
        study.save(update_fields=["outside_id_key"])
    return hmac.new(bytes(study.outside_id_key), outside_id.encode(), hashlib.sha256).hexdigest()


def _token_for(return_code: str) -> str:
    """Return the token that belongs to a return code: the same on every device, and not to be had from a digest."""
    mac = hmac.new(settings.SECRET_KEY.encode(), b"participant-token:" + return_code.encode(), hashlib.sha256)
    return TOKEN_PREFIX + base64.urlsafe_b64encode(mac.digest()).decode().rstrip("=")


def _not_open(state: str) -> str:
    return {
        Study.State.DRAFT: _("The study has not opened yet."),
        Study.State.PAUSED: _("The study is paused. What you gave is safe; please come back later."),
        Study.State.CLOSED: _("The study is closed. What you gave is kept as you agreed."),
    }[Study.State(state)]


def _closed_problem(state: str) -> Problem:
    return Problem(403, "study-not-open", _("The study takes no answers now"), _not_open(state))


def _gone_problem() -> Gone:
    return Gone(_("You took everything back"), _("Nothing of yours is kept here any more, so nothing can be added."))


def _no_consent_problem() -> Problem:
    return Problem(403, "consent-needed", _("You have not agreed yet"), _("Nothing can be stored before you agree."))
