"""Constitutions: look for principles, read what was found, publish it as the next version; of a study or of an imported
dataset, and the published pages for everyone."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views import View

from constitutions.evidence import evidence_behind
from constitutions.exports import FORMS
from constitutions.extraction import body_of
from constitutions.models import Constitution, ConstitutionVersion, Extraction
from constitutions.pairs import answers_behind
from constitutions.publishing import diff, notice_withdrawals, publish, version_body
from core.access import caller_of
from core.jobs import request_job
from core.models import Job
from core.problems import Conflict
from elicitation.models import Annotation, Comparison, Dataset, Study
from frontend.dashboard.desk import DeskPage, StudyDesk, newest_work, number_in, places

MOST_PRINCIPLES = 50
SHOWN_ANNOTATORS = 50


class ConstitutionDesk(DeskPage):
    """What a page about the constitution of a study or dataset does; `owner` is what it is made of."""

    page: ClassVar[str]

    @property
    def owner(self) -> Study | Dataset:
        raise NotImplementedError

    def sources(self) -> dict[str, str]:
        """Return what the form chose to look for principles in, as inputs of the job."""
        raise NotImplementedError

    def act(self, request: HttpRequest) -> HttpResponseBase:
        typed = request.POST
        if typed.get("act") == "publish":
            return self._publish(typed.get("extraction", ""), typed.get("note", ""))
        found = self.sources()
        if not found:
            raise ValidationError(_("Choose what to look for principles in."))
        inputs: dict[str, Any] = {
            "user": self.user.id,
            "seed": 0,
            "principles": max(1, min(MOST_PRINCIPLES, number_in(typed.get("principles", "")) or 5)),
            **found,
        }
        request_job("constitutions.extract", inputs, scope_key=self.owner.scope_key, user=self.user)
        told = _("The search for principles has begun. Nothing is published before you say so.")
        return self.done(told, self.page, self.owner.slug)

    def _publish(self, extraction: str, note: str) -> HttpResponseBase:
        draft = self._draft()
        if draft is None or str(draft.id) != extraction:
            raise Conflict(_("There is something newer here"), _("Read it again, then publish."))
        current = self._constitution()
        slug = current.slug if current else self.owner.slug
        version = publish(draft, slug=slug, title=self.owner.title, note=note, by=self.user)
        told = _("Version %d is published. It never changes.") % version.number
        return self.done(told, self.page, self.owner.slug)

    def _constitution(self) -> Constitution | None:
        return self.owner.constitutions.order_by("created_at").first()

    def _draft(self) -> Extraction | None:
        """Return what the newest search found, if it is no version yet."""
        _job, found = self._newest_search()
        return found if found and not found.versions.exists() else None

    def _newest_search(self) -> tuple[Job | None, Extraction | None]:
        """Return the newest search for principles that published nothing by itself, and what it found."""
        searches = Job.objects.filter(scope_key=self.owner.scope_key, kind="constitutions.extract", state="done")
        job = searches.order_by("-finished_at").first()
        if job is None or job.result is None or "version" in job.result:
            return None, None
        return job, Extraction.objects.filter(id=job.result["extraction"]).first()

    def _said_before(self) -> int | None:
        """Return the version that already says what a later search found, if that is so."""
        job, found = self._newest_search()
        version = found.versions.filter(published_at__lt=job.finished_at).first() if job and found else None
        return version.number if version else None

    def context(self) -> dict[str, Any]:
        constitution, number = self._constitution(), self.kwargs.get("number")
        draft = self._draft() if number is None else None
        job = newest_work(self.owner, "constitutions.extract")
        told: dict[str, Any] = {
            "owner": self.owner,
            "job": job,
            "is_searching": job is not None and job.state in Job.ACTIVE,
            "most_principles": MOST_PRINCIPLES,
            "draft": draft,
            "said_before": self._said_before() if number is None else None,
            "found": found_context(body_of(draft)) if draft else None,
        }
        if constitution is not None:
            told |= constitution_context(_version(constitution, number), self.request)
        elif number is not None:
            raise Http404
        return told


class ConstitutionView(ConstitutionDesk, StudyDesk):
    """The study's constitution, made of its published graph, its comparisons or both."""

    template = "constitution.html"
    step = "constitution"
    page = "dashboard:constitution"

    @property
    def owner(self) -> Study:
        return self.study

    def sources(self) -> dict[str, str]:
        typed, study, found = self.request.POST, self.study, {}
        if typed.get("graph") == "yes" and study.graphs.published().exists():
            found["study"] = str(study.id)
        if typed.get("comparisons") == "yes" and (dataset := Dataset.objects.filter(study=study).first()):
            found["dataset"] = str(dataset.id)
        return found

    def context(self) -> dict[str, Any]:
        return super().context() | {
            "published_graph": self.study.graphs.published().first(),
            "comparisons": Comparison.objects.filter(dataset__study=self.study).count(),
        }


class DatasetView(ConstitutionDesk):
    """An imported dataset: who answered, and the constitution that its comparisons give. A study's own dataset is shown
    with the study."""

    template = "dataset.html"
    here = "datasets"
    page = "dashboard:dataset"
    dataset: Dataset

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            may_change = request.method not in ("GET", "HEAD", "OPTIONS")
            mine = Dataset.objects.run_by(caller_of(request), change=may_change).select_related("study")
            self.dataset = get_object_or_404(mine, slug=kwargs["slug"])
            if self.dataset.study is not None:
                return redirect("dashboard:constitution", self.dataset.study.slug)
        return super().dispatch(request, *args, **kwargs)

    @property
    def owner(self) -> Dataset:
        return self.dataset

    def sources(self) -> dict[str, str]:
        return {"dataset": str(self.dataset.id)}

    def context(self) -> dict[str, Any]:
        answered = Q(annotations__superseded_by=None) & ~Q(annotations__answer=Annotation.Answer.NONE)
        annotators = self.dataset.annotators.annotate(answers=Count("annotations", filter=answered))
        return super().context() | {
            "dataset": self.dataset,
            "comparisons": self.dataset.comparisons.count(),
            "annotators": annotators[:SHOWN_ANNOTATORS],
            "more_annotators": max(0, self.dataset.annotators.count() - SHOWN_ANNOTATORS),
            "may_change": True,
        }


def _version(constitution: Constitution, number: int | None) -> ConstitutionVersion:
    versions = constitution.versions.select_related("constitution", "parent", "extraction__dataset")
    version = versions.filter(number=number).first() if number else versions.order_by("-number").first()
    if version is None:
        raise Http404
    return version


def found_context(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a page shows of an extraction or a version made of it: the body, and the baselines by name."""
    names = (
        ("random", _("Coin toss")),
        ("longest", _("Longer answer")),
        ("all_features", _("All features, not readable")),
        ("all_features_and_words", _("All features and words, not readable")),
    )
    baselines = body["reconstruction"]["baselines"] if body["reconstruction"] else {}
    return {"body": body, "baselines": [(label, baselines[name]) for name, label in names if name in baselines]}


def constitution_context(version: ConstitutionVersion, request: HttpRequest) -> dict[str, Any]:
    """Return what a page about a version shows; `?principle=` opens the evidence for one."""
    body = version_body(version)
    chosen = number_in(request.GET.get("principle", ""))
    principle = next((p for p in body["principles"] if p["id"] == chosen), None)
    evidence = evidence_behind(version, chosen) if principle else None
    shown = examples(evidence["comparisons"]["results"]) if evidence else []
    answers = answers_behind(version.extraction) if shown else {}
    return {
        "constitution": version.constitution,
        "version": version,
        "versions": version.constitution.versions.order_by("-number"),
        **found_context(body),
        "principle": principle,
        "evidence": evidence,
        "examples": [{**pair, "preferred": answers.get(pair["number"])} for pair in shown],
        "diff": diff(version.parent, version) if version.parent else None,
        "withdrawn": notice_withdrawals(version),
        "forms": sorted(FORMS),
        "site": f"{request.scheme}://{request.get_host()}",
    }


def examples(pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a few comparisons that show how a principle decides: two for it and one against it, of different prompts."""
    wanted = {"for": 2, "against": 1}
    found: list[dict[str, Any]] = []
    for pair in pairs:
        is_new = pair["prompt"] not in [other["prompt"] for other in found]
        if is_new and wanted.get(pair["stance"], 0):
            wanted[pair["stance"]] -= 1
            found.append(pair)
    return sorted(found, key=lambda pair: pair["stance"] != "for")


class PublicConstitutionView(View):
    """A published constitution, for everyone: the newest version, or a numbered one."""

    def get(self, request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse:
        constitution = get_object_or_404(Constitution.objects.shown_to(caller_of(request)), slug=slug)
        told = constitution_context(_version(constitution, number), request)
        shared = {"places": places("") if request.user.is_authenticated else []}
        return render(request, "dashboard/public_constitution.html", told | shared)
