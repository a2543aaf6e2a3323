"""The moral graph: built, read with its doubt, published; for facilitators, and its published page for everyone."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views import View

from elicitation.deduplication import projection
from elicitation.models import CanonicalValue, Participant, Study, WisdomVote
from frontend.dashboard.desk import StudyDesk, number_in, places
from graphs.algorithms.pruning import TOO_CLOSE
from graphs.building import MODES, body_of, publish, waiting_votes
from graphs.comparing import compare
from graphs.drawing import draw, is_weak, view_note
from graphs.exports import FORMS as GRAPH_FORMS
from graphs.models import GraphSnapshot
from graphs.tasks import request_build

MOST_REASONS = 8
SURE = 0.5  # a share or a probability on one side of it is told without doubt
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
        options: dict[str, Any] = {name: form[name] for name in ("mode", "context") if form.get(name)}
        request_build(study, user=self.user, **options)
        return self.done(_("The build of the graph has begun."), "dashboard:graph", study.slug)

    def context(self) -> dict[str, Any]:
        snapshots = list(self.study.graphs.select_related("publication").order_by("-number"))
        number = self.kwargs.get("number")
        snapshot = next((s for s in snapshots if number in (None, s.number)), None)
        if number is not None and snapshot is None:
            raise Http404
        told = graph_context(snapshot, self.request) if snapshot else {}
        if snapshot and told["arrow"]:
            told["reasons"] = reasons_for(self.study, told["arrow"])
        return {
            **told,
            "changes": self._changes(snapshot, snapshots, told.get("titles", {})) if snapshot else None,
            "snapshots": snapshots,
            "modes": MODES,
            "mode_titles": {
                "robust": _("robust: says how sure it is"),
                "mge-2023": _("mge-2023: as the trial of 2023 counted"),
            },
            "contexts": self.study.contexts.all(),
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
        found = compare(body_of(older), body_of(snapshot))
        named = {name: [_named(edge, titles) for edge in found[name]] for name in ("gained", "lost")}
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


def graph_context(snapshot: GraphSnapshot, request: HttpRequest) -> dict[str, Any]:
    """Return what a page about a snapshot shows. In the address `value` or `arrow` ("1-2") is what is selected, and
    `situation` limits picture and table to the arrows that were judged in it."""
    asked = request.GET
    body = body_of(snapshot)
    titles = dict(CanonicalValue.objects.filter(study=snapshot.study).values_list("number", "title"))
    titles |= {v["number"]: v["title"] for v in body["values"]}
    situations = sorted({text for edge in [*body["edges"], *body["dropped"]] for text in edge["contexts"]})
    situation = asked.get("situation", "")
    situation = situation if situation in situations else ""
    kept, dropped = (
        [_named(edge, titles) for edge in body[name] if not situation or situation in edge["contexts"]]
        for name in ("edges", "dropped")
    )
    numbers = {v["number"]: v for v in body["values"]}
    best = next((w["value"] for w in body["winners"] if w["context"] == (situation or None)), None)
    pair = tuple(number_in(part) for part in asked.get("arrow", "").split("-"))
    arrow = next((edge for edge in [*kept, *dropped] if (edge["from"], edge["to"]) == pair), None)
    selected = None if arrow else numbers.get(number_in(asked.get("value", ""))) or numbers.get(best)
    keep = asked.copy()
    for name in ("value", "arrow"):
        keep.pop(name, None)
    link = f"?{keep.urlencode()}&" if keep else "?"
    mark = (arrow["from"], arrow["to"]) if arrow else selected["number"] if selected else None
    ends = {number for edge in kept for number in (edge["from"], edge["to"])}
    values = [v for v in body["values"] if not situation or v["number"] in ends]
    shown = body | {"edges": kept, "dropped": dropped, "values": values}
    flip = body.get("votes_to_flip")
    return {
        "snapshot": snapshot,
        "body": body,
        "titles": titles,
        "link": link,
        "drawing": draw(shown, selected=mark, link=f"{link}value=", arrow_link=f"{link}arrow="),
        "view_note": view_note(shown),
        "situations": situations if len(situations) > 1 else [],
        "situation": situation,
        "kept": kept,
        "weak": sum(edge["is_weak"] for edge in kept),
        "dropped": dropped,
        "winners": [
            {**w, "title": titles.get(w["value"]), "is_unsure": (w.get("probability") or SURE) < SURE}
            for w in body["winners"]
        ],
        "has_doubt": any("probability" in w for w in body["winners"]),
        "filters": [said for said in body["filters"].values() if said],
        "arrow": arrow,
        "selected": selected,
        "wiser_than": [row for row in kept if selected and row["to"] == selected["number"]],
        "less_wise_than": [row for row in kept if selected and row["from"] == selected["number"]],
        "undecided": [
            row
            for row in dropped
            if selected and row["reason"] == TOO_CLOSE and selected["number"] in (row["from"], row["to"])
        ],
        "flip": flip and {**flip, "title": titles.get(flip.get("new_winner"))},
        "sybil_share": body.get("sybil_share"),
        "waiting": waiting_votes(snapshot),
        "forms": sorted(GRAPH_FORMS),
        "publication": getattr(snapshot, "publication", None),
    }


def _named(edge: dict[str, Any], titles: dict[int, str]) -> dict[str, Any]:
    counts = edge["counts"]
    return {
        **edge,
        "from_title": titles.get(edge["from"], "?"),
        "to_title": titles.get(edge["to"], "?"),
        "decided": counts["wiser"] + counts["not_wiser"] + counts["less_wise"],
        "is_weak": is_weak(edge),
        "in_doubt": is_weak(edge) and edge["interval"] is not None and edge["interval"][1] >= SURE,
    }


def reasons_for(study: Study, arrow: dict[str, Any]) -> QuerySet[WisdomVote]:
    """Return the newest current votes on an arrow's pair, either way round, whose people said why; for those who run the
    study."""
    merged = projection(study)
    number = dict(CanonicalValue.objects.filter(study=study).values_list("id", "number"))
    ends: dict[int, list[int]] = {arrow["from"]: [], arrow["to"]: []}
    for value in number:
        if (target := number.get(merged.get(value, value))) in ends:
            ends[target].append(value)
    first, second = ends[arrow["from"]], ends[arrow["to"]]
    pairs = Q(from_value__in=first, to_value__in=second) | Q(from_value__in=second, to_value__in=first)
    counted = Participant.objects.counted(study)
    votes = WisdomVote.objects.current().filter(pairs, participant__in=counted).exclude(comment="")
    return votes.select_related("from_value", "to_value", "context").order_by("-id")[:MOST_REASONS]


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
