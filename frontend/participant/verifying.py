"""Asking afterwards: is the value that my card counts as the same, is my place fair? On the finish page, and by signed link.

A link is opened once for its cookie, and its address is cleaned at once. Whoever has it reads one person's own card and its
value, answers one question, and gets nowhere else.
"""

from collections.abc import Callable
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

from core.problems import Problem
from elicitation import verification
from elicitation.models import Participant
from elicitation.verification import Kind
from frontend.participant.pages import number_in, problem_of, runs
from frontend.participant.standing import standing_of

COOKIE = "check"
COOKIE_PATH = "/check/"
COOKIE_SECONDS = 3600


def asked_of(participant: Participant) -> dict[str, Any]:
    """Return what the questions' templates need: the merged card, if there is one, and what was said of one's place."""
    return {
        "merged": verification.merged_card(participant),
        "fair": verification.current(participant, Kind.FAIR_POSITION),
    }


def say(participant: Participant, form: Any) -> None:
    """Store what one of the questions' forms holds. Raises as `verification.say` does."""
    told = form.get("kind", ""), form.get("answer", ""), form.get("comment", "")
    verification.say(participant, *told, value=number_in(form.get("value", "")))


@method_decorator(never_cache, name="dispatch")
class CheckLinkView(View):
    """Open a signed link: it goes into a cookie, and the address is one that tells nothing."""

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        response = redirect("check")
        response.set_cookie(
            COOKIE, token, max_age=COOKIE_SECONDS, path=COOKIE_PATH, httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
        return response


@method_decorator(never_cache, name="dispatch")
class CheckView(View):
    """The one question of a signed link, and the answer given so far."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._with_link(request, lambda link: self._show(request, link))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        return self._with_link(request, lambda link: self._answer(request, link))

    def _answer(self, request: HttpRequest, link: verification.Link) -> HttpResponseBase:
        try:
            if request.POST.get("kind") != link.kind:
                raise ValidationError(_("Please choose one of the answers."))
            say(link.participant, request.POST)
        except (ValidationError, Problem) as error:
            return self._show(request, link, problem=problem_of(error), status=getattr(error, "status_code", 400))
        return redirect("check")

    def _with_link(
        self, request: HttpRequest, act: Callable[[verification.Link], HttpResponseBase]
    ) -> HttpResponseBase:
        """Act for the person whom the link is about; say kindly why not, if it is too old, unknown, or they have left."""
        try:
            token = request.COOKIES.get(COOKIE, "")
            if not token:
                raise Problem(404, "no-link", _("Open your link again"), _("This page works for an hour at a time."))
            link = verification.by_link(token)
            if runs(request, link.participant.study):
                raise Problem(403, "not-yours", _("Only the person can answer this"), _("You run this study."))
        except Problem as error:
            told = {"problem": problem_of(error), "is_closed": True}
            return render(request, "frontend/participant/check.html", told, status=error.status_code)
        return act(link)

    def _show(
        self, request: HttpRequest, link: verification.Link, *, problem: dict[str, str] | None = None, status: int = 200
    ) -> HttpResponse:
        person, asked = link.participant, asked_of(link.participant)
        standing = standing_of(person) if link.kind == Kind.FAIR_POSITION else None
        context = {
            "study": person.study,
            "kind": link.kind,
            "asks": asked["merged"] if link.kind == Kind.SAME_CARD else standing and standing.neighbours,
            "standing": standing,
            "problem": problem,
            "typed": request.POST,
            "is_brief": True,
            **asked,
        }
        return render(request, "frontend/participant/check.html", context, status=status)
