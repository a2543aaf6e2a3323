"""What came of it: the moral graph and the constitution; for facilitators, and their published pages for everyone."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views import View

from constitutions.evidence import evidence_behind
from constitutions.exports import FORMS as CONSTITUTION_FORMS
from constitutions.extraction import body_of as extraction_body
from constitutions.models import Constitution, ConstitutionVersion, Extraction
from constitutions.publishing import diff, notice_withdrawals, version_body
from constitutions.publishing import publish as publish_version
from core.access import caller_of
from core.jobs import request_job
from core.models import Job
from core.problems import Conflict
from elicitation.models import CanonicalValue, Comparison, Dataset
from frontend.dashboard.desk import StudyDesk, number_in, places
from graphs.building import MODES, body_of, publish, waiting_votes
from graphs.drawing import draw, view_note
from graphs.exports import FORMS as GRAPH_FORMS
from graphs.models import GraphSnapshot
from graphs.tasks import request_build

MOST_PRINCIPLES = 50


class GraphView(StudyDesk):
    """A snapshot of the moral graph: the picture, the table, and the evidence for one value."""

    template = "graph.html"
    step = "graph"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form, study = request.POST, self.study
        if form.get("act") == "publish":
            snapshot = get_object_or_404(study.graphs, number=number_in(form.get("number", "")))
            publish(snapshot, self.user)
            told = _("Snapshot %d is published. It stays as it is.") % snapshot.number
            return self.done(told, "dashboard:graph-number", study.slug, snapshot.number)
        options: dict[str, Any] = {name: form[name] for name in ("mode", "context") if form.get(name)}
        request_build(study, user=self.user, **options)
        return self.done(_("The graph is being built."), "dashboard:graph", study.slug)

    def context(self) -> dict[str, Any]:
        snapshots = list(self.study.graphs.select_related("publication").order_by("-number"))
        number = self.kwargs.get("number")
        snapshot = next((s for s in snapshots if number in (None, s.number)), None)
        if number is not None and snapshot is None:
            raise Http404
        told = graph_context(snapshot, self.request.GET.get("value", "")) if snapshot else {}
        return {
            **told,
            "snapshots": snapshots,
            "modes": MODES,
            "contexts": self.study.contexts.all(),
            "job": self.job("graphs.build"),
        }


def graph_context(snapshot: GraphSnapshot, value: str) -> dict[str, Any]:
    """Return what a page about a snapshot shows; `value` is the number of the selected value, as written."""
    body = body_of(snapshot)
    titles = dict(CanonicalValue.objects.filter(study=snapshot.study).values_list("number", "title"))
    titles |= {v["number"]: v["title"] for v in body["values"]}
    rows = [
        {
            **edge,
            "from_title": titles.get(edge["from"], "?"),
            "to_title": titles.get(edge["to"], "?"),
            "decided": _decided(edge),
        }
        for edge in [*body["edges"], *body["dropped"]]
    ]
    kept = rows[: len(body["edges"])]
    numbers = {v["number"]: v for v in body["values"]}
    best = next((w["value"] for w in body["winners"] if w["context"] is None), None)
    selected = numbers.get(number_in(value)) or numbers.get(best)
    winners = [{**w, "title": titles.get(w["value"])} for w in body["winners"]]
    flip = body.get("votes_to_flip")
    return {
        "snapshot": snapshot,
        "body": body,
        "drawing": draw(body, selected=selected["number"] if selected else None, link="?value="),
        "view_note": view_note(body),
        "kept": kept,
        "dropped": rows[len(body["edges"]) :],
        "winners": winners,
        "has_doubt": any("probability" in w for w in body["winners"]),
        "filters": [said for said in body["filters"].values() if said],
        "selected": selected,
        "wiser_than": [row for row in kept if selected and row["to"] == selected["number"]],
        "less_wise_than": [row for row in kept if selected and row["from"] == selected["number"]],
        "flip": flip and {**flip, "title": titles.get(flip.get("new_winner"))},
        "sybil_share": body.get("sybil_share"),
        "waiting": waiting_votes(snapshot),
        "forms": sorted(GRAPH_FORMS),
        "publication": getattr(snapshot, "publication", None),
    }


def _decided(edge: dict[str, Any]) -> int:
    counts = edge["counts"]
    return int(counts["wiser"] + counts["not_wiser"] + counts["less_wise"])


class ConstitutionView(StudyDesk):
    """The study's constitution: look for principles, read what was found, publish it as the next version; and read the
    versions there are."""

    template = "constitution.html"
    step = "constitution"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        typed, study = request.POST, self.study
        if typed.get("act") == "publish":
            return self._publish(typed.get("extraction", ""), typed.get("note", ""))
        inputs: dict[str, Any] = {
            "user": self.user.id,
            "seed": 0,
            "principles": max(1, min(MOST_PRINCIPLES, number_in(typed.get("principles", "")) or 5)),
        }
        if typed.get("graph") == "yes" and study.graphs.published().exists():
            inputs["study"] = str(study.id)
        if typed.get("comparisons") == "yes" and (dataset := Dataset.objects.filter(study=study).first()):
            inputs["dataset"] = str(dataset.id)
        if not {"study", "dataset"} & inputs.keys():
            raise ValidationError(_("Choose what to look for principles in."))
        request_job("constitutions.extract", inputs, scope_key=study.scope_key, user=self.user)
        told = _("The search for principles has begun. Nothing is published before you say so.")
        return self.done(told, "dashboard:constitution", study.slug)

    def _publish(self, extraction: str, note: str) -> HttpResponseBase:
        draft = self._draft()
        if draft is None or str(draft.id) != extraction:
            raise Conflict(_("There is something newer here"), _("Read it again, then publish."))
        current = self._constitution()
        slug = current.slug if current else self.study.slug
        version = publish_version(draft, slug=slug, title=self.study.title, note=note, by=self.user)
        told = _("Version %d is published. It never changes.") % version.number
        return self.done(told, "dashboard:constitution", self.study.slug)

    def _constitution(self) -> Constitution | None:
        return self.study.constitutions.order_by("created_at").first()

    def _draft(self) -> Extraction | None:
        """Return what the newest search found, if it is no version yet."""
        _job, found = self._newest_search()
        return found if found and not found.versions.exists() else None

    def _newest_search(self) -> tuple[Job | None, Extraction | None]:
        """Return the newest search for principles that published nothing by itself, and what it found."""
        searches = Job.objects.filter(scope_key=self.study.scope_key, kind="constitutions.extract", state="done")
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
        job = self.job("constitutions.extract")
        told: dict[str, Any] = {
            "job": job,
            "is_searching": job is not None and job.state in Job.ACTIVE,
            "published_graph": self.study.graphs.published().first(),
            "comparisons": Comparison.objects.filter(dataset__study=self.study).count(),
            "most_principles": MOST_PRINCIPLES,
            "draft": draft,
            "said_before": self._said_before() if number is None else None,
            "found": found_context(extraction_body(draft)) if draft else None,
        }
        if constitution is not None:
            told |= constitution_context(_version(constitution, number), self.request)
        elif number is not None:
            raise Http404
        return told


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
    return {
        "constitution": version.constitution,
        "version": version,
        "versions": version.constitution.versions.order_by("-number"),
        **found_context(body),
        "principle": principle,
        "evidence": evidence_behind(version, chosen) if principle else None,
        "diff": diff(version.parent, version) if version.parent else None,
        "withdrawn": notice_withdrawals(version),
        "forms": sorted(CONSTITUTION_FORMS),
        "site": f"{request.scheme}://{request.get_host()}",
    }


class PublicGraphView(View):
    """The newest published moral graph of a study, for everyone."""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        published = GraphSnapshot.objects.published().filter(study__slug=slug).select_related("publication", "study")
        snapshot = published.order_by("-number").first()
        if snapshot is None:
            raise Http404
        told = graph_context(snapshot, request.GET.get("value", ""))
        shared = {"study": snapshot.study, "places": places("") if request.user.is_authenticated else []}
        return render(request, "dashboard/public_graph.html", told | shared)


class PublicConstitutionView(View):
    """A published constitution, for everyone: the newest version, or a numbered one."""

    def get(self, request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse:
        constitution = get_object_or_404(Constitution.objects.shown_to(caller_of(request)), slug=slug)
        told = constitution_context(_version(constitution, number), request)
        shared = {"places": places("") if request.user.is_authenticated else []}
        return render(request, "dashboard/public_constitution.html", told | shared)
