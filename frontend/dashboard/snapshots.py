"""Two snapshots of a moral graph side by side: their pictures, what changed, and why."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from frontend.dashboard.desk import StudyDesk, number_in
from graphs.building import body_of
from graphs.comparing import differences
from graphs.drawing import draw, view_note
from graphs.models import GraphSnapshot

MOST_VALUES = 40  # in each of the two pictures, which are half as wide as a graph's own


class SnapshotsView(StudyDesk):
    """Any two snapshots; in the address `was` and `now` are their numbers. Without them it is the newest two."""

    template = "snapshots.html"
    step = "graph"

    def context(self) -> dict[str, Any]:
        snapshots = list(self.study.graphs.defer("body").select_related("publication").order_by("-number"))
        by_number = {snapshot.number: snapshot for snapshot in snapshots}
        now = by_number.get(number_in(self.request.GET.get("now", "")), next(iter(snapshots), None))
        earlier = next((s for s in snapshots if now and s.number < now.number), None)
        was = by_number.get(number_in(self.request.GET.get("was", "")), earlier or now)
        choices = [("was", _("Then"), was), ("now", _("Now"), now)]
        told: dict[str, Any] = {"snapshots": snapshots, "was": was, "now": now, "choices": choices}
        if was is None or now is None or was == now:
            return told
        changes = differences(was, now)
        return told | {
            "pictures": [self._picture(snapshot) for snapshot in (was, now)],
            "changes": changes,
            "reasons": reasons(changes["because"]),
            "clear": [row for row in changes["changed"] if row["is_clear"]],
            "unclear": [row for row in changes["changed"] if not row["is_clear"]],
            "withheld": sum(row["withheld"] for kind in ("gained", "lost") for row in changes[kind]),
        }

    def _picture(self, snapshot: GraphSnapshot) -> dict[str, Any]:
        body = body_of(snapshot)
        page = reverse("dashboard:graph-number", args=[self.study.slug, snapshot.number])
        return {
            "snapshot": snapshot,
            "page": page,
            "drawing": draw(body, most=MOST_VALUES, link=f"{page}?value=", arrow_link=f"{page}?arrow="),
            "note": view_note(body, MOST_VALUES),
            "filters": [said for said in body["filters"].values() if said],
        }


def reasons(because: dict[str, Any]) -> list[str]:
    """Return in sentences why two snapshots differ."""
    votes, voters = because["votes"], because["voters"]
    filters = {
        "before": _("given before"),
        "context": _("given in the situation"),
        "question": _("given about the question"),
        "group": _("given by"),
    }
    if votes is None or voters is None:
        said = [_("How many votes were added is not shown: they could be those of fewer than five people.")]
    else:
        counts = {"was": votes["was"], "people_was": voters["was"], "now": votes["now"], "people_now": voters["now"]}
        said = [
            _("Votes: %(was)d of %(people_was)d people then, %(now)d of %(people_now)d people now.") % counts
            if votes["was"] != votes["now"] or voters["was"] != voters["now"]
            else _("Both count %(now)d votes of %(people_now)d people.") % counts
        ]
    if because["mode"]:
        said.append(_("They count in different ways: %(was)s then, %(now)s now.") % because["mode"])
    elif because["rules"]:
        said += [_("Another rule: %s.") % _then_now(name, other) for name, other in because["rules"].items()]
    said += [_("Other votes: %s.") % _then_now(filters[name], other) for name, other in because["filters"].items()]
    said += [
        _("“%(value)s” counts as “%(into)s” now.")
        % {"value": merge["value"]["title"], "into": merge["into"]["title"] or merge["into"]["number"]}
        for merge in because["merged"]
    ]
    if because["seed"]:
        said.append(_("Chance was drawn anew: seed %(was)s then, %(now)s now.") % because["seed"])
    return said


def _then_now(name: str, other: dict[str, Any]) -> str:
    was, now = (_("any") if value in ("", None) else value for value in (other["was"], other["now"]))
    return _("%(name)s %(was)s then, %(now)s now") % {"name": name, "was": was, "now": now}
