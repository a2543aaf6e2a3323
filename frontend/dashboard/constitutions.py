"""Constitutions: look for principles, read what was found, publish it as the next version; of a study or of an imported
dataset, and the published pages for everyone."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views import View

from constitutions import blind_review
from constitutions.evidence import ORDERS, SPEAKING, STANCES, evidence_behind
from constitutions.exports import FORMS
from constitutions.extraction import body_of
from constitutions.judges import MEASURED
from constitutions.models import Constitution, ConstitutionVersion, Extraction, PrincipleReview, ReviewItem
from constitutions.pairs import answers_behind
from constitutions.publishing import changes, diff, notice_withdrawals, publish, version_body
from constitutions.ratification import ratification
from constitutions.signing import signature_of
from constitutions.tasks import request_review
from core.access import caller_of
from core.jobs import request_job
from core.models import Job
from core.problems import Conflict
from elicitation.comparison_formats import EXPORTS
from elicitation.models import Annotation, Comparison, Dataset, Study
from frontend.dashboard import searching
from frontend.dashboard.desk import DeskPage, StudyDesk, newest_work, number_in, places
from reports.models import Report

SHOWN_ANNOTATORS = 50
MOST_REVIEWABLE = 6  # versions
PAIRS_A_PAGE = 10


class ConstitutionDesk(DeskPage):
    """What a page about the constitution of a study or dataset does; `owner` is what it is made of."""

    page: ClassVar[str]

    @property
    def owner(self) -> Study | Dataset:
        raise NotImplementedError

    def sources(self) -> tuple[Study | None, Dataset | None]:
        """Return what the form chose to look for principles in: a study with a published graph, a dataset, or both."""
        raise NotImplementedError

    def act(self, request: HttpRequest) -> HttpResponseBase:
        typed = request.POST
        match typed.get("act"):
            case "publish":
                return self._publish(typed.get("extraction", ""), typed.get("note", ""))
            case "stop":
                searching.stop(self.owner)
                return self.done(_("The search is stopped. What was answered is kept."), self.page, self.owner.slug)
            case "go-on":
                searching.go_on(self.owner)
                return self.done(_("The search goes on where it stopped."), self.page, self.owner.slug)
            case "repair":
                return self._repair(typed.get("extraction", ""))
        study, dataset = self.sources()
        if study is None and dataset is None:
            raise ValidationError(_("Choose what to look for principles in."))
        options, cap = searching.options_typed(typed), searching.cap_typed(typed)
        if typed.get("act") == "estimate":
            return self.show(cost=searching.cost_of(dataset, options))
        searching.begin(self.owner, study, dataset, options, cap, self.user)
        told = _("The search for principles has begun. Nothing is published before you say so.")
        return self.done(told, self.page, self.owner.slug)

    def _repair(self, extraction: str) -> HttpResponseBase:
        draft = self._draft()
        if draft is None or str(draft.id) != extraction:
            raise Conflict(_("There is something newer here"), _("Read it again."))
        searching.begin_repair(draft, self.owner, self.user)
        return self.done(_("What stayed without an answer is asked again."), self.page, self.owner.slug)

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
            "runs": searching.runs_of(self.owner),
            "draft": draft,
            "said_before": self._said_before() if number is None else None,
            "found": found_context(body_of(draft), draft, self.request) if draft else None,
        }
        if constitution is not None:
            version = _version(constitution, number)
            told |= constitution_context(version, self.request)
            if draft is not None:
                told["would_change"] = changes(version_body(version), body_of(draft))
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

    def sources(self) -> tuple[Study | None, Dataset | None]:
        typed, study = self.request.POST, self.study
        has_graph = typed.get("graph") == "yes" and study.graphs.published().exists()
        dataset = Dataset.objects.filter(study=study).first() if typed.get("comparisons") == "yes" else None
        return study if has_graph else None, dataset

    def act(self, request: HttpRequest) -> HttpResponseBase:
        typed, study = request.POST, self.study
        match typed.get("act"):
            case "open-review":
                made = [one for value, _name, one in self._reviewable() if value in typed.getlist("made")]
                request_review(study, made, dropped=typed.get("dropped") == "yes", user=self.user)
                return self.done(_("The review is being opened."), self.page, study.slug)
            case "close-review":
                blind_review.close(self._review(typed.get("review", "")))
                return self.done(_("The review is closed. What was scored stays."), self.page, study.slug)
            case "review-report":
                number = self._review(typed.get("review", "")).number
                inputs = {
                    "kind": "blind_review",
                    "study": str(study.id),
                    "params": {"review": number},
                    "user": self.user.id,
                }
                request_job("reports.run", inputs, scope_key=study.scope_key, user=self.user)
                return self.done(_("The report is being made."), "dashboard:reports")
        return super().act(request)

    def _review(self, number: str) -> PrincipleReview:
        return get_object_or_404(PrincipleReview, study=self.study, number=number_in(number))

    def _reviewable(self) -> list[tuple[str, str, Extraction | ConstitutionVersion]]:
        """Return what may be reviewed blind: what a form calls it, its name, and itself. What was found and not published comes first."""
        found: list[tuple[str, str, Extraction | ConstitutionVersion]] = []
        if (draft := self._draft()) and body_of(draft)["principles"]:
            found.append((f"found:{draft.id}", _("Found, not published"), draft))
        versions = ConstitutionVersion.objects.filter(constitution__study=self.study).order_by(
            "-published_at", "-number"
        )
        for version in versions.select_related("extraction__dataset")[:MOST_REVIEWABLE]:
            found.append((f"version:{version.id}", _("Version %d") % version.number, version))
        return found

    def _reviewing(self) -> dict[str, Any]:
        """Return what the page says of blind reviews."""
        review = self.study.principle_reviews.first()
        state = blind_review.state_of(review) if review else None
        if state:
            state["named"] = [(ReviewItem.Source(source).label, n) for source, n in state["sources"].items()]
        return {
            "review": state,
            "review_choices": [(value, name) for value, name, _one in self._reviewable()],
            "review_job": newest_work(self.study, "constitutions.review"),
            "review_report": Report.objects.filter(study=self.study, kind="blind_review").first(),
        }

    def context(self) -> dict[str, Any]:
        dataset = Dataset.objects.filter(study=self.study).first()
        return (
            super().context()
            | self._reviewing()
            | {
                "offers": searching.choices_for(self.study, dataset),
                "published_graph": self.study.graphs.published().first(),
                "comparisons": Comparison.objects.filter(dataset__study=self.study).count(),
            }
        )


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

    def sources(self) -> tuple[Study | None, Dataset | None]:
        return None, self.dataset

    def context(self) -> dict[str, Any]:
        answered = Q(annotations__superseded_by=None) & ~Q(annotations__answer=Annotation.Answer.NONE)
        annotators = self.dataset.annotators.annotate(answers=Count("annotations", filter=answered))
        return super().context() | {
            "dataset": self.dataset,
            "offers": searching.choices_for(None, self.dataset),
            "comparisons": self.dataset.comparisons.count(),
            "annotators": annotators[:SHOWN_ANNOTATORS],
            "more_annotators": max(0, self.dataset.annotators.count() - SHOWN_ANNOTATORS),
            "may_change": True,
            "downloads": EXPORTS,
        }


def _version(constitution: Constitution, number: int | None) -> ConstitutionVersion:
    versions = constitution.versions.select_related("constitution", "parent", "extraction__dataset")
    version = versions.filter(number=number).first() if number else versions.order_by("-number").first()
    if version is None:
        raise Http404
    return version


def found_context(body: dict[str, Any], made: Extraction, request: HttpRequest) -> dict[str, Any]:
    """Return what a page shows of an extraction or a version made of it: the body, the baselines by name, what asking cost, and
    two groups side by side."""
    names = (
        ("random", _("Coin toss")),
        ("longest", _("Longer answer")),
        ("all_features", _("All features, not readable")),
        ("all_features_and_words", _("All features and words, not readable")),
    )
    baselines = body["reconstruction"]["baselines"] if body["reconstruction"] else {}
    return {
        "body": body,
        "made": made,
        "baselines": [(label, baselines[name]) for name, label in names if name in baselines],
        "reader": _reader(body),
        "sides": two_groups(body, request.GET.get("a", ""), request.GET.get("b", "")),
    }


def _reader(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return how a model that reads the constitution does, as rows of a table."""
    told = (body["reconstruction"] or {}).get("reader")
    if not told:
        return None
    rows = (
        (_("A model that reads it"), told),
        (_("Weighted votes of its principles"), told["weighted_votes"]),
        (_("The same model without a constitution"), told["no_constitution"]),
        (_("Longer answer"), told["longest"]),
    )
    return {
        "rows": rows,
        "agreement": told["agreement"],
        "against": told["against"],
        "n": told["n"],
        "asked": told["asked"],
    }


def two_groups(body: dict[str, Any], first: str, second: str) -> dict[str, Any] | None:
    """Return two of a body's groups side by side, where none are chosen two that contradict each other, or the first two; None where it tells of no groups."""
    if not (groups := body.get("groups")):
        return None
    shown = {group["name"]: group for group in groups["shown"]}
    names = list(shown)
    contradicting = next(((row["for"][0], row["against"][0]) for row in body["contradictions"]), names[:2])
    one = first if first in shown else contradicting[0]
    second = second or contradicting[1]
    other = second if second in shown and second != one else next(name for name in names if name != one)
    rows = [{**row, "one": row["groups"][one], "other": row["groups"][other]} for row in groups["principles"]]
    return {
        "names": names,
        "one": shown[one],
        "other": shown[other],
        "pair": [shown[one], shown[other]],
        "rows": rows,
        "withheld": groups["withheld"],
    }


def constitution_context(version: ConstitutionVersion, request: HttpRequest) -> dict[str, Any]:
    """Return what a page about a version shows; `?since=` names the version that it is compared with, by default its parent."""
    body = version_body(version)
    versions = list(version.constitution.versions.order_by("-number"))
    since = next((v for v in versions if v.number == number_in(request.GET.get("since", ""))), version.parent)
    return {
        "constitution": version.constitution,
        "version": version,
        "versions": versions,
        **found_context(body, version.extraction, request),
        "since": since,
        "diff": diff(since, version) if since and since.number != version.number else None,
        "withdrawn": notice_withdrawals(version),
        "ratification": ratification(version) if version.constitution.study_id else None,
        "forms": sorted(FORMS),
        "signature": signature_of(version),
        "site": f"{request.scheme}://{request.get_host()}",
    }


class PublicConstitutionView(View):
    """A published constitution, for everyone: the newest version, or a numbered one."""

    def get(self, request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse:
        constitution = get_object_or_404(Constitution.objects.shown_to(caller_of(request)), slug=slug)
        told = constitution_context(_version(constitution, number), request)
        shared = {"places": places("") if request.user.is_authenticated else []}
        return render(request, "dashboard/public_constitution.html", told | shared)


class PrincipleView(View):
    """What stands behind one principle of a published version, for everyone: its figures, and the comparisons that it speaks about
    with its vote, without anyone's identity."""

    def get(self, request: HttpRequest, slug: str, number: int, principle: int) -> HttpResponse:
        constitution = get_object_or_404(Constitution.objects.shown_to(caller_of(request)), slug=slug)
        version = _version(constitution, number)
        told = _principle_context(version_body(version), version.extraction, principle, request)
        context = {"constitution": constitution, "version": version, "title": version_body(version)["title"], **told}
        context["places"] = places("") if request.user.is_authenticated else []
        return render(request, "dashboard/principle.html", context)


class FoundPrincipleView(DeskPage):
    """The same of a principle that was found, whether it is published or not, for those who run what it was found in."""

    template = "principle.html"

    def context(self) -> dict[str, Any]:
        found = Extraction.objects.shown_to(caller_of(self.request)).select_related("study", "dataset")
        made = get_object_or_404(found, id=self.kwargs["extraction"])
        owner = made.study or (made.dataset.study if made.dataset else None) or made.dataset
        told = _principle_context(body_of(made), made, self.kwargs["principle"], self.request)
        return {"owner": owner, "title": owner.title if owner else "", **told}


def _principle_context(body: dict[str, Any], made: Extraction, number: int, request: HttpRequest) -> dict[str, Any]:
    """Return what a page about one principle shows; `?stance=`, `?order=` and `?page=` choose its comparisons."""
    principle = next((p for p in body["principles"] if p["id"] == number), None)
    if principle is None:
        raise Http404
    chosen, wanted = request.GET.get("stance", ""), request.GET.get("order", "")
    stance, order = chosen if chosen in STANCES else "", wanted if wanted in ORDERS else ORDERS[0]
    page = max(1, number_in(request.GET.get("page", "")) or 1)
    start = (page - 1) * PAIRS_A_PAGE
    evidence = evidence_behind(made, number, start=start, stance=stance, order=order, most=PAIRS_A_PAGE)
    answers = answers_behind(made) if evidence["comparisons"]["results"] else {}
    counts = evidence["comparisons"]
    total = counts[stance] if stance else sum(counts[name] for name in SPEAKING)
    names = (
        _("%(n)s for"),
        _("%(n)s against"),
        _("%(n)s it says nothing about"),
        _("%(n)s both alike"),
        _("%(n)s no answer"),
    )
    return {
        "body": body,
        "principle": principle,
        "evidence": evidence,
        "pairs": [{**pair, "preferred": answers.get(pair["number"])} for pair in counts["results"]],
        "feature": principle.get("name", "").removeprefix("less ") if principle["source"] == MEASURED else "",
        "stance": stance,
        "stances": [
            (key, name % {"n": f"{counts[key]:,}"})
            for key, name in zip(STANCES, names, strict=True)
            if counts[key] or key in SPEAKING
        ],
        "order": order,
        "orders": list(zip(ORDERS, (_("as they came"), _("shortest first"), _("longest first")), strict=True)),
        "total": total,
        "page": page,
        "pages": max(1, -(-total // PAIRS_A_PAGE)),
        "by_group": _by_group(body, principle["text"]),
    }


def _by_group(body: dict[str, Any], text: str) -> dict[str, Any] | None:
    groups = body.get("groups")
    return next((row for row in groups["principles"] if row["text"] == text), None) if groups else None
