"""What every page for experts shares: who may see it, the top bar, and the study's walk with live counts."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View
from django.views.decorators.cache import never_cache

from core.access import Caller, caller_of
from core.models import Job, User
from core.problems import Problem
from elicitation.models import Dataset, Participant, Study, UpgradeStory, ValuesCard, WisdomVote
from elicitation.values import counted_values
from llm_client import LLMError


def places(here: str) -> list[dict[str, Any]]:
    """Return the top bar's places; `here` is the one that is open."""
    told = (
        ("studies", _("Studies"), reverse("dashboard:studies")),
        ("datasets", _("Datasets"), reverse("dashboard:datasets")),
        ("reports", _("Reports"), reverse("dashboard:reports")),
        ("jobs", _("Work"), reverse("dashboard:jobs")),
        ("developers", _("Developers"), reverse("dashboard:developers")),
        ("account", _("Account"), reverse("dashboard:account")),
    )
    return [{"title": title, "href": href, "is_here": name == here} for name, title, href in told]


def job_titles() -> dict[str, str]:
    """Return what each kind of background work is called."""
    return {
        "elicitation.propose_merges": _("Look for nearly equal values"),
        "elicitation.propose_stories": _("Propose stories"),
        "elicitation.propose_facets": _("Propose values, rights, duties and norms"),
        "elicitation.write_candidates": _("Write answers to compare"),
        "graphs.build": _("Build the moral graph"),
        "constitutions.extract": _("Look for principles"),
        "constitutions.review": _("Open a blind review"),
        "constitutions.deliver": _("Tell a webhook of a new version"),
        "reports.run": _("Make a report"),
    }


STEP_OF_WORK = {
    "elicitation.propose_merges": "values",
    "elicitation.propose_stories": "stories",
    "elicitation.propose_facets": "values",
    "graphs.build": "graph",
    "constitutions.extract": "constitution",
    "constitutions.review": "constitution",
}


def told(jobs: Iterable[Job], caller: Caller) -> list[dict[str, Any]]:
    """Return what a list of background work says of each: what it is called, what it is about, and where its result is
    read."""
    studies = {study.scope_key: study for study in Study.objects.run_by(caller)}
    datasets = {dataset.scope_key: dataset for dataset in Dataset.objects.run_by(caller).filter(study=None)}
    titles = job_titles()
    rows = []
    for job in jobs:
        about = studies.get(job.scope_key) or datasets.get(job.scope_key)
        href = ""
        if job.kind == "reports.run" and job.result:
            href = reverse("dashboard:report", args=[job.result["report"]])
        elif isinstance(about, Study) and job.kind in STEP_OF_WORK:
            href = reverse(f"dashboard:{STEP_OF_WORK[job.kind]}", args=[about.slug])
        elif isinstance(about, Dataset):
            href = reverse("dashboard:dataset", args=[about.slug])
        rows.append({"job": job, "title": titles.get(job.kind, job.kind), "about": about, "href": href})
    return rows


def newest_work(owner: Study | Dataset, kind: str) -> Job | None:
    """Return the newest work of this kind on a study or dataset if a page should tell of it: it waits, runs, or did not
    end well."""
    newest = Job.objects.filter(scope_key=owner.scope_key, kind=kind).first()
    return newest if newest and newest.state not in (Job.State.DONE, Job.State.CANCELLED) else None


def number_in(text: str) -> int:
    """Return the number that a form or an address gives, or 0, which no row has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def uuid_in(text: str) -> UUID:
    """Return the id that a form names. Raises Http404 for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


@method_decorator(never_cache, name="dispatch")
class DeskPage(LoginRequiredMixin, View):
    """A page for someone with an account. A POST goes to `act`, whose errors come back as a message on the page."""

    template: ClassVar[str]
    here: ClassVar[str] = "studies"

    @property
    def user(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user

    def get(self, request: HttpRequest, **named: Any) -> HttpResponseBase:
        return self.show()

    def post(self, request: HttpRequest, **named: Any) -> HttpResponseBase:
        try:
            return self.act(request)
        except ValidationError as error:
            told = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
            lines = [text for texts in told.values() for text in texts]
            return self.show(problem={"title": lines[0], "text": " ".join(lines[1:])}, status=400)
        except Problem as error:
            return self.show(problem={"title": error.title, "text": str(error.detail)}, status=error.status_code)
        except LLMError as error:
            title = _("The model could not answer. Nothing was changed.")
            return self.show(problem={"title": title, "text": str(error)}, status=503)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        """Do what the form asks and return a redirect. May raise ValidationError, Problem or LLMError."""
        raise Http404

    def context(self) -> dict[str, Any]:
        """Return what the page's template needs."""
        return {}

    def show(self, *, problem: dict[str, str] | None = None, status: int = 200, **more: Any) -> HttpResponse:
        context = {
            "places": places(self.here),
            "problem": problem,
            "typed": self.request.POST,
            **self.context(),
            **more,
        }
        return render(self.request, f"dashboard/{self.template}", context, status=status)

    def done(self, message: str, name: str, *args: Any) -> HttpResponseBase:
        """Say what was done and lead on."""
        messages.success(self.request, message)
        return redirect(name, *args)


class StudyDesk(DeskPage):
    """A page of one study that the user is a member of; others get 404. Changing it takes more than a viewer's role."""

    step: ClassVar[str] = "study"
    study: Study

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            may_change = request.method not in ("GET", "HEAD", "OPTIONS")
            studies = Study.objects.run_by(caller_of(request), change=may_change)
            self.study = get_object_or_404(studies, slug=kwargs["slug"])
        return super().dispatch(request, *args, **kwargs)

    def show(self, *, problem: dict[str, str] | None = None, status: int = 200, **more: Any) -> HttpResponse:
        shared = {"study": self.study, "path": path(self.study, self.step), "may_change": self.may_change()}
        return super().show(problem=problem, status=status, **shared, **more)

    def may_change(self) -> bool:
        """Whether the user may change the study, not only look at it."""
        return Study.objects.run_by(caller_of(self.request), change=True).filter(id=self.study.id).exists()

    def job(self, kind: str) -> Job | None:
        """Return the study's newest work of this kind if the page should tell of it."""
        return newest_work(self.study, kind)

    def last_done(self, kind: str) -> Job | None:
        """Return the study's newest work of this kind if it is done."""
        newest = Job.objects.filter(scope_key=self.study.scope_key, kind=kind).first()
        return newest if newest and newest.state == Job.State.DONE else None


def path(study: Study, here: str) -> list[dict[str, Any]]:
    """Return the walk of the study's data as navigation, with live counts."""
    interviews = study.participants.filter(interviews__isnull=False, is_preview=False).distinct().count()
    cards = study.cards.filter(state=ValuesCard.State.CONFIRMED).exclude(participant__is_preview=True).count()
    stories = study.stories.exclude(state=UpgradeStory.State.ARCHIVED).count()
    votes = WisdomVote.objects.current().filter(participant__in=Participant.objects.counted(study)).count()
    graph = study.graphs.only("number").order_by("-number").first()
    constitution = study.constitutions.order_by("created_at").first()
    version = constitution.versions.order_by("-number").first() if constitution else None
    steps = (
        ("study", _("Study"), study.get_state_display(), "study", False),
        ("interviews", _("Interviews"), _("%d begun") % interviews, "interviews", not interviews),
        (
            "values",
            _("Values"),
            _("%(n)d from %(cards)d cards") % {"n": counted_values(study).count(), "cards": cards},
            "values",
            not cards,
        ),
        ("stories", _("Stories"), ngettext("%d story", "%d stories", stories) % stories, "stories", not stories),
        ("votes", _("Wisdom votes"), f"{votes:,}", "votes", not votes),
        (
            "graph",
            _("Moral graph"),
            _("snapshot %d") % graph.number if graph else _("not built"),
            "graph",
            graph is None,
        ),
        (
            "constitution",
            _("Constitution"),
            _("version %d") % version.number if version else _("none yet"),
            "constitution",
            version is None,
        ),
    )
    return [
        {
            "title": title,
            "count": count,
            "href": reverse(f"dashboard:{name}", args=[study.slug]),
            "is_here": step == here,
            "is_waiting": waits,
        }
        for step, title, count, name, waits in steps
    ]
