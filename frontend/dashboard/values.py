"""A study's values: what looks nearly equal, what counts as one, what people say of it, and how all of it is undone."""

from collections import Counter
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.jobs import request_job
from elicitation import deduplication, verification
from elicitation.api.downloads import download
from elicitation.api.verification import links_for
from elicitation.models import (
    CanonicalValue,
    DeduplicationRun,
    MergeCandidate,
    Participant,
    ValueMember,
    ValuesCard,
)
from elicitation.values import counted_values, holders
from elicitation.verification import LINK_DAYS, Kind
from frontend.dashboard.desk import StudyDesk, number_in
from reports.kinds.verification import summary

PAGE = 50
MOST_GROUPS = 30  # of a proposed grouping on a page, the largest
# What a judge was asked about two values; each has to hold for them to be one.
CRITERIA = {
    "fully_captures": gettext_lazy("each fully says what the other is about"),
    "same_attention": gettext_lazy("both make one look at the same things"),
    "same_design": gettext_lazy("what serves one serves the other"),
    "difference_is_oversight": gettext_lazy("what differs was only left out"),
    "same_granularity": gettext_lazy("both are equally broad"),
}


class ValuesView(StudyDesk):
    """The values that count, what looks nearly equal, and merges that can be undone."""

    template = "values.html"
    step = "values"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form, study = request.POST, self.study
        match form.get("act"):
            case "propose":
                request_job(
                    "elicitation.propose_merges", {"study": str(study.id)}, scope_key=study.scope_key, user=self.user
                )
                return self.told(_("The search for nearly equal values has begun."))
            case "merge" | "keep" as decision:
                candidates = MergeCandidate.objects.filter(run__study=study, decision="")
                candidate = get_object_or_404(candidates, id=number_in(form.get("candidate", "")))
                deduplication.decide(candidate, decision, self.user)
                return redirect(f"{reverse('dashboard:values', args=[study.slug])}?decided={candidate.id}#pairs")
            case "take-back":
                candidates = MergeCandidate.objects.filter(run__study=study)
                candidate = get_object_or_404(candidates, id=number_in(form.get("candidate", "")))
                deduplication.take_back(candidate)
                return redirect(f"{reverse('dashboard:values', args=[study.slug])}#pairs")
            case "merge-chosen":
                chosen = counted_values(study).filter(number__in=map(number_in, form.getlist("value")))
                deduplication.merge(study, chosen, self.user)
                return self.told(_("Counted as one from now on."))
            case "split":
                apart = get_object_or_404(study.values, number=number_in(form.get("number", "")))
                deduplication.split(study, apart)
                return self.told(_("“%s” counts as itself again. Votes follow.") % apart.title)
            case "split-card":
                card = get_object_or_404(study.cards, number=number_in(form.get("card", "")))
                deduplication.split_card(study, card)
                return self.told(_("The card “%s” is a value of its own now.") % card.title)
            case "leave":
                answers = study.verification_answers.filter(kind=Kind.SAME_CARD)
                verification.settle(get_object_or_404(answers, id=number_in(form.get("answer", ""))))
                return self.told(_("The card stays where it is. The answer is kept and counted."))
            case "undo":
                deduplication.undo(deduplication.active_run(study))
                return self.told(_("The last change is undone. Votes follow."))
            case "accept":
                deduplication.accept(self._proposed())
                return self.told(_("The grouping counts from now on. It can be undone as a whole."))
            case "discard":
                deduplication.discard(self._proposed())
                return self.told(_("The proposed grouping is gone. A new search proposes one again."))
            case "take-out":
                value = get_object_or_404(study.values, number=number_in(form.get("number", "")))
                deduplication.take_out(self._proposed(), value)
                return redirect(f"{reverse('dashboard:values', args=[study.slug])}#grouping")
        raise ValidationError(_("Nothing was changed."))

    def post(self, request: HttpRequest, **named: Any) -> HttpResponseBase:
        try:
            return super().post(request, **named)
        except ValueError:
            title = _TELLS.get(request.POST.get("act", ""), _("Something was changed meanwhile. Please look again."))
            return self.show(problem={"title": str(title), "text": ""}, status=400)

    def told(self, message: str) -> HttpResponseBase:
        """Say what was done, on this page again."""
        return self.done(message, "dashboard:values", self.study.slug)

    def context(self) -> dict[str, Any]:
        study = self.study
        waiting = deduplication.waiting(study)
        at = min(number_in(self.request.GET.get("pair", "")), max(len(waiting) - 1, 0))
        proposed = deduplication.proposed_run(study)
        grouped = deduplication.proposed_groups(proposed) if proposed else []
        decided = MergeCandidate.objects.filter(run__study=study, id=number_in(self.request.GET.get("decided", "")))
        return {
            **self._list(),
            "waiting": len(waiting),
            "pair": waiting[at] if waiting else None,
            "at": at,
            "later": at + 1 if at + 1 < len(waiting) else 0,
            "judgement": _told(waiting[at]) if waiting else [],
            "decided": decided.exclude(decision="").select_related("first", "second").first(),
            "proposed": proposed if grouped else None,
            "groups": grouped[:MOST_GROUPS],
            "more_groups": max(0, len(grouped) - MOST_GROUPS),
            "group_count": len(grouped),
            "grouped_count": sum(map(len, grouped)),
            "objections": verification.objections(study),
            "can_undo": deduplication.active_run(study).parent_id is not None,
            "job": self.job("elicitation.propose_merges"),
            "searched": None if waiting or grouped else self.last_done("elicitation.propose_merges"),
        }

    def _list(self) -> dict[str, Any]:
        """Return a page of the values that count, those that most people hold first, narrowed by what is searched for."""
        study = self.study
        held, merged = holders(study), deduplication.projection(study)
        cards, with_more = deduplication.cards_of(study), Counter(merged.values())
        sought = self.request.GET.get("q", "").strip()
        found = counted_values(study).values_list("id", "number", "title", "policies")
        ids = [(id_, number) for id_, number, *words in found if not sought or _has(sought, number, *words)]
        ids.sort(key=lambda row: (-held.get(row[0], 0), -cards[row[0]], row[1]))
        page = Paginator([id_ for id_, _number in ids], PAGE).get_page(self.request.GET.get("page"))
        values = CanonicalValue.objects.in_bulk(list(page.object_list))
        rows = [
            {"value": values[v], "held": held.get(v, 0), "cards": cards[v], "more": with_more[v]}
            for v in page.object_list
        ]
        return {"page": page, "rows": rows, "sought": sought}

    def _proposed(self) -> DeduplicationRun:
        run = deduplication.proposed_run(self.study)
        if run is None:
            raise ValidationError(_("That grouping is not there any more. A new search proposes one."))
        return run


# What is said when an act does not fit the state of things.
_TELLS = {
    "merge-chosen": gettext_lazy("Choose two or more values first."),
    "split": gettext_lazy("That value counts as itself already."),
    "split-card": gettext_lazy("That card is a value of its own already."),
    "undo": gettext_lazy("There is no earlier grouping to go back to."),
    "go-back": gettext_lazy("That state is not among those before the one that counts."),
    "take-back": gettext_lazy("Something else was changed since. Undo that first."),
}


class ValueView(ValuesView):
    """One value: what it says, the cards that count as it, and what was merged into it; each can be split off."""

    template = "value.html"

    def told(self, message: str) -> HttpResponseBase:
        return self.done(message, "dashboard:value", self.study.slug, self.kwargs["number"])

    def context(self) -> dict[str, Any]:
        study = self.study
        value = get_object_or_404(study.values, number=self.kwargs["number"])
        merged = deduplication.projection(study)
        into = [v for v, target in merged.items() if target == value.id]
        members = ValueMember.objects.filter(run__study=study, run__is_active=True, value__in=[value.id, *into])
        cards = ValuesCard.objects.filter(id__in=members.values("card")).order_by("number")
        return {
            "value": value,
            "counts_as": study.values.filter(id=merged[value.id]).first() if value.id in merged else None,
            "merged": study.values.filter(id__in=into).order_by("number"),
            "held": holders(study).get(value.id, 0),
            "page": Paginator(cards, PAGE).get_page(self.request.GET.get("page")),
            "can_undo": deduplication.active_run(study).parent_id is not None,
        }


class ValuesHistoryView(ValuesView):
    """Every change of the grouping, the newest first, and the way back to the state before it."""

    template = "values_history.html"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        if request.POST.get("act") != "go-back":
            raise ValidationError(_("Nothing was changed."))
        runs = self.study.deduplication_runs.filter(number=number_in(request.POST.get("run", "")))
        deduplication.go_back(get_object_or_404(runs))
        return self.done(_("That state counts again. Votes follow."), "dashboard:values-history", self.study.slug)

    def context(self) -> dict[str, Any]:
        page = Paginator(deduplication.history(self.study), PAGE).get_page(self.request.GET.get("page"))
        ids = [id_ for run in page for id_ in [run.parameters.get("into"), *run.parameters.get("values", [])] if id_]
        titles = dict(self.study.values.filter(id__in=ids).values_list("id", "title"))
        return {"page": page, "rows": [{"run": run, "what": _what(run, titles)} for run in page]}


class VerificationView(StudyDesk):
    """Asking people afterwards: what they said so far, the address for everyone, and links for those whom one can write to."""

    template = "verification.html"
    step = "values"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        kind = request.POST.get("kind", "")
        rows = links_for(self.study, kind, request)
        if not rows:
            raise ValidationError(_("There is nobody to ask just now."))
        response: HttpResponse = download(
            rows, ["participant", "id", "link"], name=f"{self.study.slug}-{kind}-links", form="csv"
        )
        return response

    def context(self) -> dict[str, Any]:
        kinds = [
            {"kind": kind, "title": Kind(kind).label, "to_ask": len(verification.to_ask(self.study, kind))}
            for kind in Kind.values
        ]
        address = self.request.build_absolute_uri(reverse("finish", args=[self.study.slug]))
        told = summary(self.study, Participant.objects.counted(self.study))
        return {"kinds": kinds, "address": address, "days": LINK_DAYS, "result": told}


def _has(sought: str, number: int, title: str, policies: list[str]) -> bool:
    words = "\n".join([title, *policies]).casefold()
    return sought == str(number) or sought.casefold() in words


def _told(candidate: MergeCandidate) -> list[tuple[str, bool]]:
    """Return what the judge was asked, with its answers."""
    return [(str(text), candidate.judgement[name]) for name, text in CRITERIA.items() if name in candidate.judgement]


def _what(run: DeduplicationRun, titles: dict[int, str]) -> str:
    """Return what a run changed, in words. Values that someone took back have no title any more."""
    told = run.parameters
    names = [titles.get(v) or _("a value that was taken back") for v in told.get("values", [])]
    first = names[0] if names else ""
    into = titles.get(told.get("into", 0)) or _("a value that was taken back")
    match told.get("change"):
        case "merge" if len(names) == 1:
            return _("“%(value)s” counts as “%(into)s”") % {"value": first, "into": into}
        case "merge":
            return _("“%(value)s” and %(n)d more count as “%(into)s”") % {
                "value": first, "n": len(names) - 1, "into": into,
            }  # fmt: skip
        case "group":
            text = ngettext("%(n)d group is one value", "%(n)d groups are one value each", told["groups"])
            return (
                f"{text % {'n': told['groups']}} ({_('every two at least %d %% alike') % round(100 * told['least'])})"
            )
        case "split":
            return _("“%s” counts as itself again") % first
        case "split_card":
            return _("A card of “%(value)s” is a value of its own: “%(into)s”") % {"value": first, "into": into}
    return _("Each card counted as it came") if run.method != "import" else _("As it was imported")
