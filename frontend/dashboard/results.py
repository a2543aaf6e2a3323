"""The moral graph: built, read with its doubt, published; for facilitators, and its published page for everyone."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views import View

from elicitation.deduplication import projection
from elicitation.groups import keys_of, labels_of
from elicitation.models import CanonicalValue, Participant, Study, UpgradeStory, WisdomVote
from frontend.dashboard.desk import StudyDesk, number_in, places
from frontend.dashboard.graph_page import graph_context, mode_titles, read
from graphs.building import MODES, publish
from graphs.comparing import compare
from graphs.models import GraphSnapshot
from graphs.tasks import request_build

MOST_REASONS = 8
MOST_STORIES = 3
MOST_CHANGES = 12  # that are told without being asked for


class GraphView(StudyDesk):
    """A snapshot of the moral graph: the picture, the table, the evidence for one value or arrow, and what changed."""

    template = "graph.html"
    step = "graph"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form, study = request.POST, self.study
        if form.get("act") == "publish":
            snapshot = get_object_or_404(study.graphs, number=number_in(form.get("number", "")))
            publish(snapshot, self.user)
            told = _("Snapshot %d is published. It stays as it is.") % snapshot.number
            return self.done(told, "dashboard:graph-number", study.slug, snapshot.number)
        options: dict[str, Any] = {name: form[name] for name in ("mode", "context", "balance") if form.get(name)}
        request_build(study, user=self.user, **options)
        return self.done(_("The build of the graph has begun."), "dashboard:graph", study.slug)

    def context(self) -> dict[str, Any]:
        snapshots = list(self.study.graphs.select_related("publication").defer("body").order_by("-number"))
        number = self.kwargs.get("number")
        snapshot = next((s for s in snapshots if number in (None, s.number)), None)
        if number is not None and snapshot is None:
            raise Http404
        told = graph_context(snapshot, self.request) if snapshot else {}
        if snapshot and told["arrow"]:
            told["reasons"] = reasons_for(self.study, told["arrow"])
            told["stories"] = stories_for(self.study, told["arrow"])
        return {
            **told,
            "changes": self._changes(snapshot, snapshots, told.get("titles", {})) if snapshot else None,
            "snapshots": snapshots,
            "modes": MODES,
            "mode_titles": mode_titles(),
            "contexts": self.study.contexts.all(),
            "questions": [(key, labels_of(self.study).get(key, key)) for key in keys_of(self.study)],
            "job": self.job("graphs.build"),
            "built_before": self._built_before(snapshots),
        }

    def _built_before(self, snapshots: list[GraphSnapshot]) -> int | None:
        """Return the number of the snapshot that the newest build came to, if it was there before: it changed nothing."""
        job = self.last_done("graphs.build")
        number = (job.result or {}).get("snapshot") if job else None
        found = next((s for s in snapshots if s.number == number), None)
        return found.number if job and found and found.built_at < job.created_at else None

    def _changes(
        self, snapshot: GraphSnapshot, snapshots: list[GraphSnapshot], titles: dict[int, str]
    ) -> dict[str, Any] | None:
        """Return what changed since the snapshot that the address names, or else since the one before; None if there is
        no other."""
        since = number_in(self.request.GET.get("since", ""))
        others = [s for s in snapshots if s.number != snapshot.number]
        earlier = [s for s in others if s.number < snapshot.number]
        older = next((s for s in others if s.number == since), next(iter(earlier), None))
        if older is None:
            return None
        found = compare(read(older), read(snapshot))
        named = {
            name: [
                {**edge, "from_title": titles.get(edge["from"], "?"), "to_title": titles.get(edge["to"], "?")}
                for edge in found[name]
            ]
            for name in ("gained", "lost")
        }
        winners = [
            {**winner, "was": titles.get(winner["was"]), "now": titles.get(winner["now"])}
            for winner in found["winners"]
        ]
        return {
            "since": older,
            "others": others,
            **named,
            "winners": winners,
            "counts_others": older.filters != snapshot.filters,
            "is_short": sum(len(found[kind]) for kind in ("gained", "lost", "winners")) <= MOST_CHANGES,
        }


def reasons_for(study: Study, arrow: dict[str, Any]) -> QuerySet[WisdomVote]:
    """Return the newest current votes on an arrow's pair, either way round, whose people said why; for those who run the
    study."""
    counted = Participant.objects.counted(study)
    votes = WisdomVote.objects.current().filter(_about(study, arrow), participant__in=counted).exclude(comment="")
    return votes.select_related("from_value", "to_value", "context").order_by("-id")[:MOST_REASONS]


def stories_for(study: Study, arrow: dict[str, Any]) -> QuerySet[UpgradeStory]:
    """Return stories that people judged about an arrow's pair, for those who run the study."""
    told = study.stories.filter(_about(study, arrow), state=UpgradeStory.State.APPROVED).exclude(text="")
    return told.select_related("from_value", "to_value", "context").order_by("number")[:MOST_STORIES]


def _about(study: Study, arrow: dict[str, Any]) -> Q:
    """Return what is about an arrow's pair of values, either way round, as the active run sees them."""
    merged = projection(study)
    number = dict(CanonicalValue.objects.filter(study=study).values_list("id", "number"))
    ends: dict[int, list[int]] = {arrow["from"]: [], arrow["to"]: []}
    for value in number:
        if (target := number.get(merged.get(value, value))) in ends:
            ends[target].append(value)
    first, second = ends[arrow["from"]], ends[arrow["to"]]
    return Q(from_value__in=first, to_value__in=second) | Q(from_value__in=second, to_value__in=first)


class PublicGraphView(View):
    """The newest published moral graph of a study, for everyone."""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        published = GraphSnapshot.objects.published().filter(study__slug=slug).select_related("publication", "study")
        snapshot = published.order_by("-number").first()
        if snapshot is None:
            raise Http404
        told = graph_context(snapshot, request)
        shared = {"study": snapshot.study, "places": places("") if request.user.is_authenticated else []}
        return render(request, "dashboard/public_graph.html", told | shared)
