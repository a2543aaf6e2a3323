"""Beside the studies: datasets, reports, background work, and what developers need."""

import base64
import hashlib
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views import View

from constitutions.blind_review import CRITERIA
from constitutions.models import Constitution, ReviewItem
from core import api_keys, jobs
from core.access import Caller, caller_of
from core.jobs import request_job
from core.models import ApiKey, Job
from core.problems import Problem
from elicitation.comparison_formats import EXPORTS, FORMATS
from elicitation.comparisons import import_upload, preview_upload
from elicitation.models import Annotation, Annotator, Dataset, Study
from elicitation.tables import BadFile
from frontend.dashboard.desk import DeskPage, told, uuid_in
from graphs.models import GraphSnapshot
from reports.models import Report
from reports.registry import kinds
from reports.running import body_of

PAGE = 30
MOST_BYTES = 20_000_000
MOST_CARRIED = 1_200_000  # bytes of a file that its preview's form holds; a larger one is chosen again
MOST_LISTED = 20
# Fewer shared comparisons say nothing about two annotators, and might tell who a person is.
LEAST_SHARED = 5
MOST_PAIRS = 100


class DatasetsView(DeskPage):
    """Comparisons from elsewhere, and those of one's studies. A file is taken in whole, or not at all."""

    template = "datasets.html"
    here = "datasets"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        name, data = self._file(request)
        slug = request.POST.get("slug", "").strip()
        if Dataset.objects.filter(slug=slug).exists():
            get_object_or_404(Dataset.objects.run_by(caller_of(request), change=True), slug=slug)
        form, title = request.POST.get("format", "auto"), request.POST.get("title", "")
        if form not in ("auto", *FORMATS):
            raise ValidationError(_("Choose one of the formats."))
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            if request.POST.get("act") != "import" or request.POST.get("sha256") != sha256:
                preview = preview_upload(name, data, slug, format=form, title=title)
                carried = base64.b64encode(data).decode() if len(data) <= MOST_CARRIED else ""
                return self.show(
                    preview=preview,
                    file_name=name,
                    sha256=sha256,
                    carried=carried,
                    annotator_kinds=[(Annotator.Kind(kind).label, n) for kind, n in preview.annotators.items()],
                    answer_counts=[(Annotation.Answer(answer).label, n) for answer, n in preview.answers.items()],
                )
            summary = import_upload(name, data, slug, format=form, title=title, owner=self.user)
        except BadFile as bad:
            return self.show(bad_file=bad.lines, status=400)
        if not summary.changed:
            return self.done(_("These comparisons are here already; nothing was changed."), "dashboard:datasets")
        counts = ", ".join(f"{n:,} {what}" for what, n in summary.counts.items())
        return self.done(f"{counts}. {'; '.join(summary.notes)}", "dashboard:datasets")

    def _file(self, request: HttpRequest) -> tuple[str, bytes]:
        """Return the name and content of the file: sent, or carried by the form that shows what is in it."""
        if upload := request.FILES.get("file"):
            if upload.size is None or upload.size > MOST_BYTES:
                raise ValidationError(_("This file is too large here; use the command import_comparisons."))
            return upload.name or "", upload.read()
        try:
            data = base64.b64decode(request.POST.get("carried", ""), validate=True)
        except ValueError:
            data = b""
        if not data:
            raise ValidationError(_("Choose a file first."))
        return request.POST.get("file_name", "")[:200], data

    def context(self) -> dict[str, Any]:
        mine = Dataset.objects.run_by(caller_of(self.request)).select_related("study")
        counted = mine.annotate(pairs=Count("comparisons", distinct=True), raters=Count("annotators", distinct=True))
        return {"datasets": counted, "formats": ("auto", *FORMATS), "downloads": EXPORTS}


class ReportsView(DeskPage):
    """Ask for a report, and read those that were made."""

    template = "reports.html"
    here = "reports"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        kind, _sign, slug = request.POST.get("what", "").partition(":")
        if kind not in kinds():
            raise ValidationError(_("Choose a report first."))
        caller = caller_of(request)
        about = kinds()[kind].about
        owners: Any = Study.objects if about == "study" else Dataset.objects
        owner = get_object_or_404(owners.run_by(caller), slug=slug)
        inputs = {"kind": kind, about: str(owner.id), "params": {}, "user": self.user.id}
        request_job("reports.run", inputs, scope_key=owner.scope_key, user=self.user)
        return self.done(_("The report is being made."), "dashboard:reports")

    def context(self) -> dict[str, Any]:
        caller = caller_of(self.request)
        found = Report.objects.shown_to(caller).select_related("study", "dataset")
        known = kinds()
        choices = [
            (f"{kind.name}:{row.slug}", f"{kind.title}: {row.title}")
            for kind in known.values()
            for row in (Study if kind.about == "study" else Dataset).objects.run_by(caller)
        ]
        return {
            "page": Paginator(found, PAGE).get_page(self.request.GET.get("page")),
            "choices": choices,
            "kinds": {name: kind.title for name, kind in known.items()},
            "jobs": Job.objects.shown_to(caller).filter(kind="reports.run", state__in=Job.ACTIVE),
        }


class ReportView(DeskPage):
    """One report: its figures with intervals, as a picture and as a table."""

    template = "report.html"
    here = "reports"

    def context(self) -> dict[str, Any]:
        report = get_object_or_404(Report.objects.shown_to(caller_of(self.request)), id=self.kwargs["report"])
        result = body_of(report)["result"]
        pairs = [pair for pair in result.get("pairs", []) if pair["agreement"]["n"] >= LEAST_SHARED]
        return {
            "report": report,
            "figures": f"dashboard/reports/{report.kind}.html",
            "kind": kinds()[report.kind],
            "result": result,
            "titles": dict(report.study.values.values_list("number", "title")) if report.study else {},
            "pairs": sorted(pairs, key=lambda pair: -pair["agreement"]["n"])[:MOST_PAIRS],
            "more_pairs": max(0, len(pairs) - MOST_PAIRS),
            "few_pairs": len(result.get("pairs", [])) - len(pairs),
            "least_shared": LEAST_SHARED,
            "criteria": CRITERIA,
            "sources": dict(ReviewItem.Source.choices),
        }


class JobsView(DeskPage):
    """Background work of one's studies and datasets: its state, its progress, its errors."""

    template = "jobs.html"
    here = "jobs"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        job = get_object_or_404(self._changeable(), id=uuid_in(request.POST.get("job", "")))
        acts = {"cancel": (jobs.cancel, _("Stopped.")), "resume": (jobs.resume, _("It goes on."))}
        if request.POST.get("act") not in acts:
            raise ValidationError(_("Nothing was changed."))
        act, done = acts[request.POST["act"]]
        if not act(job):
            raise Problem(409, "conflict", _("This work has gone on meanwhile"), _("Look at it again."))
        return self.done(done, "dashboard:jobs")

    def context(self) -> dict[str, Any]:
        found = Job.objects.shown_to(caller_of(self.request))
        page = Paginator(found, PAGE).get_page(self.request.GET.get("page"))
        mine = self._changeable().filter(id__in=[job.id for job in page])
        return {
            "page": page,
            "rows": told(page, caller_of(self.request)),
            "changeable": set(mine.values_list("id", flat=True)),
        }

    def _changeable(self) -> QuerySet[Job]:
        return Job.objects.shown_to(caller_of(self.request), change=True)


class DevelopersView(DeskPage):
    """How to pull what is published, with addresses of this site. It needs no account, as pulling needs none."""

    template = "developers.html"
    here = "developers"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return View.dispatch(self, request, *args, **kwargs)

    def context(self) -> dict[str, Any]:
        listed = Constitution.objects.shown_to(Caller()).filter(versions__isnull=False).distinct()
        constitutions = list(listed.order_by("-created_at").prefetch_related("versions__signature__key")[:MOST_LISTED])
        published = GraphSnapshot.objects.published().filter(study__in=Study.objects.listed()).select_related("study")
        newest: dict[UUID, GraphSnapshot] = {}
        for snapshot in published.order_by("-number"):
            newest.setdefault(snapshot.study_id, snapshot)
        graphs = list(newest.values())[:MOST_LISTED]
        told: dict[str, Any] = {
            "site": f"{self.request.scheme}://{self.request.get_host()}",
            "constitution": constitutions[0] if constitutions else None,
            "study": graphs[0].study if graphs else None,
            "constitutions": constitutions,
            "graphs": graphs,
        }
        if not self.request.user.is_authenticated:
            return told | {"places": []}
        mine = Study.objects.run_by(caller_of(self.request))
        return told | {
            "keys": ApiKey.objects.filter(owner=self.user),
            "limits": {study.scope_key: study.title for study in mine},
        }


class AccountView(DeskPage):
    """One's account and API keys."""

    template = "account.html"
    here = "account"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        if request.POST.get("act") == "revoke":
            key = get_object_or_404(ApiKey.objects.filter(owner=self.user), id=uuid_in(request.POST.get("key", "")))
            api_keys.revoke(key)
            return self.done(_("The key is revoked. It no longer works."), "dashboard:account")
        limit = request.POST.get("limited_to", "")
        if limit and limit not in caller_of(request).scope_keys():
            raise ValidationError(_("That is not a study of yours."))
        name = request.POST.get("name", "").strip()[:100]
        if not name:
            raise ValidationError(_("Give the key a name, so that you know it again."))
        _key, secret = api_keys.make_key(self.user, name, request.POST.getlist("scope"), limited_to=limit)
        return self.show(secret=secret)

    def context(self) -> dict[str, Any]:
        mine = Study.objects.run_by(caller_of(self.request))
        return {
            "keys": ApiKey.objects.filter(owner=self.user),
            "scopes": ApiKey.SCOPES.items(),
            "studies": mine,
            "limits": {study.scope_key: study.title for study in mine},
            "chosen_scopes": self.request.POST.getlist("scope"),
        }
