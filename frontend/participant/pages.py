"""What every participant page shares: whose study it is, who may see it, and what is said when something goes wrong."""

from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache

from core.access import Caller, caller_of
from core.problems import Problem
from elicitation import participation
from elicitation.api.streams import model_problem
from elicitation.authentication import COOKIE
from elicitation.models import Participant, Study
from elicitation.study_settings import StudySettings, settings_of
from frontend.participant import walk
from llm_client import LLMError

RETURN_COOKIE = "return_code"
# How long a browser keeps the way back to one's answers.
REMEMBERED_SECONDS = 180 * 24 * 3600
MOST_DIGITS = 10  # of a number that a form sends


@method_decorator(never_cache, name="dispatch")
class StudyPage(View):
    """A page of one study. `show` renders `template`; a POST goes to `act`, whose errors come back on the page."""

    template: ClassVar[str]
    step: ClassVar[str] = ""
    study: Study
    settings: StudySettings
    participant: Participant | None

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.study = study_at(request, kwargs["slug"])
        self.settings = settings_of(self.study)
        found: Participant | None = request.participant  # type: ignore[attr-defined]
        self.participant = found if found is not None and found.study_id == self.study.id else None

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        return self.show(request)

    def post(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        try:
            return self.act(request)
        except (ValidationError, Problem, LLMError) as error:
            return self.show(request, problem=problem_of(error), status=getattr(error, "status_code", 400))

    def act(self, request: HttpRequest) -> HttpResponseBase:
        """Do what the form asks and return a redirect. May raise ValidationError, Problem or LLMError."""
        raise Http404

    def context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the page's own template needs beyond the study and the person."""
        return {}

    def show(self, request: HttpRequest, template: str = "", *, status: int = 200, **more: Any) -> HttpResponse:
        """Render the page, or another template with what is in `more`.

        After a POST that failed, `problem` says why and `typed` holds what was in the form, so that nothing is lost.
        """
        context: dict[str, Any] = {
            "study": self.study,
            "settings": self.settings,
            "participant": self.participant,
            "stones": walk.stones(self.study, self.step) if self.step else None,
            "typed": request.POST,
            "new_code": self._new_code(request),
        }
        if not template:
            context |= self.context(request)
        return render(request, f"frontend/participant/{template or self.template}", context | more, status=status)

    def _new_code(self, request: HttpRequest) -> str:
        """Return the code to show to someone who has just agreed, so that they can come back when all else is lost."""
        is_first = request.resolver_match is not None and request.resolver_match.url_name == walk.first_page(self.study)
        is_here = self.participant is not None and self.participant.withdrawn_at is None
        return request.COOKIES.get(RETURN_COOKIE, "") if is_first and is_here else ""

    def state_page(self, request: HttpRequest, template: str, **more: Any) -> HttpResponse:
        """Say that there is nothing to do on this page now, and why."""
        return self.show(request, template, stones=None, status=200 if request.method == "GET" else 403, **more)

    def onward(self) -> HttpResponse:
        """Lead to the page of the person's next step; who has done everything is through."""
        assert self.participant is not None
        step = participation.next_step(self.participant)
        if step == "finish":
            participation.finish(self.participant)
        return redirect(walk.PAGES[step], self.study.slug)


class ParticipantPage(StudyPage):
    """A page for someone who takes part. Others are led to the study's front page.

    While a study is not open nothing is taken in on pages where `adds` is true, and they say so.
    """

    participant: Participant
    adds: ClassVar[bool] = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.participant is None:
            return redirect("take-part", self.study.slug)
        if self.participant.withdrawn_at:
            return self.state_page(request, "withdrawn.html")
        if self.adds and self.study.state != Study.State.OPEN and not self.participant.is_preview:
            return self.state_page(request, "not_open.html")
        return super().dispatch(request, *args, **kwargs)


def study_at(request: HttpRequest, slug: str) -> Study:
    """Return the study at an address. A draft is only there for those who run it or try it; raises Http404 else."""
    study = Study.objects.filter(slug=slug).first()
    if study is None or (study.state == Study.State.DRAFT and not runs(request, study) and not _tries(request, study)):
        raise Http404
    return study


def runs(request: HttpRequest, study: Study) -> bool:
    """Whether the one who asks is signed in as a member of the study: whatever they give is a preview."""
    user = caller_of(request).user
    return user is not None and Study.objects.run_by(Caller(user=user)).filter(id=study.id).exists()


def _tries(request: HttpRequest, study: Study) -> bool:
    participant: Participant | None = request.participant  # type: ignore[attr-defined]
    return participant is not None and participant.study_id == study.id and participant.is_preview


def remember(response: HttpResponse, joined: participation.Joined) -> HttpResponse:
    """Give the browser the way back to someone's answers: only for this study's pages, and out of reach of scripts."""
    path = f"/s/{joined.participant.study.slug}/"
    for name, secret in ((COOKIE, joined.token), (RETURN_COOKIE, joined.return_code)):
        response.set_cookie(
            name, secret, max_age=REMEMBERED_SECONDS, path=path, httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
    return response


def forget(response: HttpResponse, study: Study) -> HttpResponse:
    """Take the way back from the browser."""
    for name in (COOKIE, RETURN_COOKIE):
        response.delete_cookie(name, path=f"/s/{study.slug}/", samesite="Lax")
    return response


def number_in(text: str) -> int | None:
    """Return the whole number that a form sent, or None for anything else, however long."""
    return int(text) if text.isdecimal() and len(text) < MOST_DIGITS else None


def place_in(request: HttpRequest, many: int, otherwise: int = 0) -> int:
    """Return which of `many` things, from 0 on, a page is asked for by `n`, counted from 1; `otherwise` where it is not."""
    asked = number_in(request.POST.get("n") or request.GET.get("n", ""))
    return otherwise if asked is None else min(max(asked, 1), many) - 1


def problem_of(error: ValidationError | Problem | LLMError) -> dict[str, str]:
    """Return what a person is told: what happened, what is safe, what comes next."""
    if isinstance(error, ValidationError):
        return {"title": _("Something here needs another look"), "text": " ".join(error.messages)}
    problem = model_problem(error) if isinstance(error, LLMError) else error
    text = str(problem.detail)
    return {"title": problem.title, "text": text if text != problem.title else ""}
