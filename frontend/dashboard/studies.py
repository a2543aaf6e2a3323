"""Studies: list, set up without code, watch, open and close, invite."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import segno
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from core.access import caller_of
from core.ledger import DatabaseLedger, model_is_configured
from core.models import Job, LLMCall
from elicitation import deduplication, participation, studies, verification
from elicitation.models import Participant, Study, StudyMembership, UpgradeStory, ValuesCard
from elicitation.study_settings import settings_of
from frontend.dashboard.desk import DeskPage, StudyDesk, number_in, told
from frontend.dashboard.forms import EditStudyForm, NewStudyForm
from reports.kinds.funnel import Parameters, funnel

DAYS = 14


class StudiesView(DeskPage):
    """The studies of one's own."""

    template = "studies.html"

    def context(self) -> dict[str, Any]:
        mine = Study.objects.run_by(caller_of(self.request))
        return {"studies": mine.annotate(people=Count("participants", filter=Q(participants__is_preview=False)))}


class NewStudyView(DeskPage):
    """A new study from a template: a draft that nobody sees before it opens."""

    template = "new_study.html"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form = NewStudyForm(request.POST)
        if form.is_valid():
            told = form.cleaned_data
            try:
                study = studies.create_study(
                    self.user,
                    template=told["template"],
                    title=told["title"],
                    description=told["description"],
                    questions=form.asked(),
                    contexts=form.lines("contexts"),
                    consent=told["consent"],
                    settings=form.settings(),
                )
                return self.done(
                    _("The draft is saved. Nobody sees it before you open it."), "dashboard:study", study.slug
                )
            except ValidationError as error:
                form.blame(error)
        return self.show(form=form, chosen=form.data.get("template"), status=400)

    def context(self) -> dict[str, Any]:
        chosen = self.request.GET.get("template", "")
        templates = {name: template for name, template in studies.TEMPLATES.items() if template.has_pages}
        form = NewStudyForm.from_template(chosen) if chosen in templates else None
        return {"templates": templates.items(), "chosen": chosen, "form": form}


class EditStudyView(StudyDesk):
    """Change what a study asks, promises and sets. What people answered stays tied to what they were asked."""

    template = "edit_study.html"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        typed, study = request.POST, self.study
        match typed.get("act"):
            case "question":
                is_heavy = typed.get("is_heavy") == "yes"
                studies.add_question(
                    study, studies.AskedQuestion(typed.get("text", ""), typed.get("title", ""), is_heavy)
                )
            case "change":
                question = get_object_or_404(
                    study.questions, number=number_in(typed.get("number", "")), is_archived=False
                )
                is_heavy = typed.get("is_heavy") == "yes"
                studies.edit_question(
                    question, studies.AskedQuestion(typed.get("text", ""), typed.get("title", ""), is_heavy)
                )
            case "archive":
                question = get_object_or_404(study.questions, number=number_in(typed.get("number", "")))
                studies.archive_question(question)
            case "context":
                studies.add_context(study, typed.get("text", ""))
            case "consent":
                studies.set_consent_text(study, typed.get("consent", ""))
            case _:
                return self._save(EditStudyForm(typed, known=settings_of(study)))
        return self.done(_("Saved."), "dashboard:edit-study", study.slug)

    def _save(self, form: EditStudyForm) -> HttpResponseBase:
        if form.is_valid():
            told = {name: form.cleaned_data[name] for name in ("title", "description", "is_listed")}
            try:
                studies.change_study(self.study, settings=form.settings(), **told)
                return self.done(_("Saved."), "dashboard:edit-study", self.study.slug)
            except ValidationError as error:
                form.blame(error)
                self.study.refresh_from_db()
        return self.show(form=form, status=400)

    def context(self) -> dict[str, Any]:
        return {
            "form": EditStudyForm.about(self.study),
            "questions": self.study.questions.filter(is_archived=False),
            "contexts": self.study.contexts.all(),
            "consent": self.study.consent_texts.order_by("-version").first(),
        }


class StudyView(StudyDesk):
    """Where people are, what work runs, what it costs, and what needs an eye."""

    template = "study.html"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        study = self.study
        match request.POST.get("act"):
            case "open":
                studies.open_study(study)
                told = _("The study is open: the link works.")
            case "pause":
                studies.pause_study(study)
                told = _("The study is paused. Answers are safe, and people are told to come back.")
            case "close":
                studies.close_study(study)
                told = _("The study is closed. You can open it again.")
            case "forget-panel-ids" if study.state == Study.State.CLOSED:
                studies.forget_outside_ids(study)
                told = _("Nobody can tie an answer to a panel's id any more.")
            case "invite":
                role = request.POST.get("role", "")
                code = studies.invite_member(study, role, self.user)
                link = f"{_site(request)}{reverse('join-study')}"
                return self.show(invitation=code, invitation_link=link, invited=role)
            case "seen":
                number = number_in(request.POST.get("number", ""))
                participation.looked_at(get_object_or_404(study.participants, number=number))
                told = _("Noted that you looked.")
            case _:
                raise ValidationError(_("Nothing was changed."))
        return self.done(told, "dashboard:study", study.slug)

    def context(self) -> dict[str, Any]:
        study = self.study
        link = f"{_site(self.request)}{reverse('take-part', args=[study.slug])}"
        since = timezone.now() - timedelta(days=DAYS - 1)
        finished = Participant.objects.counted(study).filter(finished_at__date__gte=since.date())
        per_day = dict(finished.values_list("finished_at__date").annotate(n=Count("id")))
        days = [since.date() + timedelta(days=n) for n in range(DAYS)]
        calls = LLMCall.objects.filter(scope_key=study.scope_key)
        cost = calls.aggregate(total=Sum("cost"), calls=Count("id"))
        cards = study.cards.filter(state=ValuesCard.State.CONFIRMED).count()
        purposes = {
            "interview": _("Talks"),
            "articulate_card": _("Drafting cards"),
            "revise_card": _("Changing cards"),
            "same_value": _("Comparing values"),
            "upgrade_story": _("Writing stories"),
        }
        return {
            "settings": settings_of(study),
            "link": link,
            "qr": qr_code(link),
            "funnel": funnel(study, Parameters()),
            "days": bars([(day.day, per_day.get(day, 0)) for day in days]),
            "finished": sum(per_day.values()),
            "jobs": told(Job.objects.filter(scope_key=study.scope_key)[:6], caller_of(self.request)),
            "cost": cost,
            "cost_rows": [
                {**row, "title": purposes.get(row["purpose"], row["purpose"])}
                for row in calls.values("purpose").annotate(calls=Count("id"), cost=Sum("cost")).order_by("purpose")
            ],
            "each": cost["total"] / cards if cost["total"] and cards else None,
            "budget": Decimal(settings.LLM_BUDGET) if settings.LLM_BUDGET else None,
            "spent": DatabaseLedger().spent(),
            "has_model": model_is_configured(),
            "has_panel_ids": study.participants.exclude(outside_digest="").exists(),
            "missing": studies.missing_before_opening(study),
            "advice": studies.advice_before_opening(study),
            "members": study.memberships.select_related("user"),
            "roles": StudyMembership.Role.choices[1:],
            "merges_waiting": len(deduplication.waiting(study)),
            "objections": len(verification.objections(study)),
            "stories_waiting": study.stories.filter(state=UpgradeStory.State.PROPOSED).count(),
            "needs_eye": Participant.objects.counted(study).exclude(needs_eye="").prefetch_related("interviews"),
        }


def _site(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def qr_code(text: str) -> SafeString:
    """Return a QR code as an SVG without inline styles. The code is made of our own address, not of anyone's text."""
    return mark_safe(segno.make(text, error="m").svg_inline(scale=4, svgclass="qr", lineclass=None, omitsize=True))  # noqa: S308


def bars(counts: list[tuple[Any, int]]) -> list[dict[str, Any]]:
    """Return the geometry of a bar for each (label, count), for the `days` picture."""
    most = max((n for _label, n in counts), default=0) or 1
    return [
        {
            "x": 6 + 26 * i,
            "y": round(96 - 66 * n / most),
            "height": max(1, round(66 * n / most)),
            "n": n,
            "label": label,
            "middle": 16 + 26 * i,
        }
        for i, (label, n) in enumerate(counts)
    ]
