"""Arriving: the overview, consent, a few optional facts, and the way back."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache

from core.ledger import model_is_configured
from core.problems import Problem
from elicitation import participation
from elicitation.models import Comparison, ConsentText, Study
from frontend.participant import walk
from frontend.participant.pages import ParticipantPage, StudyPage, problem_of, remember, runs

# Names under which recruitment panels send the id of the person, in the link that they open.
PANEL_IDS = ("outside_id", "PROLIFIC_PID", "participantId", "workerId")

# What the overview tells apart, and the steps that each takes.
PARTS = {"talk": ("question", "talk"), "card": ("card",), "others": ("others", "stories"), "compare": ("compare",)}


class TakePartView(StudyPage):
    """What to expect, who asks, what happens to one's words; then consent, in the same form."""

    template = "take_part.html"
    step = "start"

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        if self.participant is not None and not self.participant.withdrawn_at:
            if self.study.state != Study.State.OPEN and not self.participant.is_preview:
                return self.state_page(request, "not_open.html")
            next_page = walk.PAGES[participation.next_step(self.participant)]
            return self.state_page(request, "welcome_back.html", next_page=next_page)
        invitation = participation.open_invitation(self.study)
        if not invitation.is_open and not runs(request, self.study):
            return self.state_page(request, "not_open.html", why_not=invitation.why_not)
        if not self.settings.has_interview and not self._has_something_to_judge():
            return self.state_page(request, "not_open.html", why_not=_("There is nothing to judge here yet."))
        return self.show(request)

    def _has_something_to_judge(self) -> bool:
        has_pairs = Comparison.objects.filter(dataset__study=self.study).exists()
        has_values = self.study.values.filter(is_archived=False).exists()
        return has_values or (has_pairs and self.settings.comparisons_each > 0)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        text = self._consent_text()
        if text is None or request.POST.get("consent_version") != str(text.version):
            raise ValidationError(_("The consent text has changed. Please read it again."))
        asks = request.POST.get("asks", "")
        if request.POST.get("agrees") != "yes":
            raise ValidationError(_("Please tick that you agree, or close this page. Nothing has been kept."))
        if self._offers_model() and asks not in ("model", "guide"):
            raise ValidationError(_("Please choose who asks the questions."))
        joined = participation.join(
            self.study,
            consent_text=text,
            shows_quotes=request.POST.get("shows_quotes") == "yes",
            uses_model=asks == "model",
            outside_id=request.POST.get("outside_id", ""),
            is_preview=runs(request, self.study),
        )
        self.participant = joined.participant
        return remember(self.onward(), joined)

    def context(self, request: HttpRequest) -> dict[str, Any]:
        sent = (request.GET.get(name) or request.POST.get(name) for name in PANEL_IDS)
        minutes = {part: walk.minutes_of(self.study, *steps) for part, steps in PARTS.items()}
        return {
            "consent": self._consent_text(),
            "has_values": self.settings.has_interview or self.study.values.filter(is_archived=False).exists(),
            "offers_model": self._offers_model(),
            "askers": _askers(),
            "outside_id": next((value for value in sent if value), ""),
            "is_preview": runs(request, self.study),
            "minutes": minutes,
        }

    def _consent_text(self) -> ConsentText | None:
        return self.study.consent_texts.order_by("-version").first()

    def _offers_model(self) -> bool:
        return self.settings.has_interview and self.settings.interviewer == "model" and model_is_configured()


class ConsentView(ParticipantPage):
    """What the person agreed to, and their choice about quotes, which they can change at any time."""

    template = "consent.html"
    adds = False

    def act(self, request: HttpRequest) -> HttpResponseBase:
        participation.set_quotes_shown(self.participant, request.POST.get("shows_quotes") == "yes")
        return redirect("consent", self.study.slug)

    def context(self, request: HttpRequest) -> dict[str, Any]:
        return {"consent": participation.consent_of(self.participant)}


class AboutYouView(ParticipantPage):
    """A few facts that the study asks for. Every one can be left empty or not be said."""

    template = "about_you.html"
    step = "start"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        answers = {field.key: request.POST.get(field.key, "") for field in self.settings.demographics}
        participation.save_demographics(self.participant, {key: answer for key, answer in answers.items() if answer})
        return self.onward()

    def context(self, request: HttpRequest) -> dict[str, Any]:
        return {"given": request.POST or self.participant.demographics}


@method_decorator(never_cache, name="dispatch")
class BackView(View):
    """Come back with a return code. It stands in the link's fragment, which no server log and no other site ever sees;
    only the form sends it, in exchange for a cookie."""

    template = "frontend/participant/back.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, self.template)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        try:
            joined = participation.by_return_code(None, request.POST.get("code", ""))
        except Problem as error:
            context = {"problem": problem_of(error), "typed": request.POST}
            return render(request, self.template, context, status=error.status_code)
        next_page = walk.PAGES[participation.next_step(joined.participant)]
        response = redirect(next_page, joined.participant.study.slug)
        return remember(response, joined)


def _askers() -> tuple[tuple[str, str, str], ...]:
    """Return who can ask the questions. Who chooses the model is told which one gets their words."""
    words = _("It answers what you say. Your words are sent to it (%(model)s).") % {"model": settings.LLM_MODEL}
    return (
        ("model", _("An AI"), words),
        ("guide", _("A written guide"), _("The same questions for everyone. No AI sees your words.")),
    )
