"""Principles from a published moral graph: the winning value of each context, and values that bridge groups, in the words of
those who hold them.

What it tells comes from the published snapshot alone; which votes those were is looked up for the evidence beside it.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.algorithms.uncertainty import benjamini_hochberg, exact_p, jeffreys
from core.canonical import unchanged
from elicitation.deduplication import projection
from elicitation.models import CanonicalValue, Participant, ValueMember
from graphs.models import GraphSnapshot


class GraphPrinciple(NamedTuple):
    """A principle as it is told, and what stands behind it, by database id."""

    told: dict[str, Any]
    value_id: int | None
    card_ids: Sequence[UUID]
    votes: Sequence[tuple[int, str]]


WINNER = "moral graph: winning value"
BRIDGE = "moral graph: bridge between groups"
FROM_GRAPH = (WINNER, BRIDGE)
MOST_BRIDGES = 5
MAX_Q = 0.05


def principles_of(snapshot: GraphSnapshot) -> list[GraphPrinciple]:
    """Return one principle for each context that has a winner, and for the winner over all if no context has one; then one for
    each other value to which a bridge leads, the surest `MOST_BRIDGES`, where the graph tells of groups.

    A value that wins in several contexts gives one principle that names them all. Winners stand by wisdom score. Raises ValidationError if the words of a
    winner were taken back since: they may stay where they are published, and are not published anew.
    """
    body = json.loads(unchanged(snapshot.body, snapshot.sha256))
    values = {value["number"]: value for value in [*body["values"], *body["values_outside"]]}
    in_context = [w for w in body["winners"] if w["context"] is not None and w["value"] is not None]
    overall = [w for w in body["winners"] if w["context"] is None and w["value"] is not None]
    won: dict[int, list[dict[str, Any]]] = {}
    for winner in in_context or overall:
        won.setdefault(winner["value"], []).append(winner)
    bridged: dict[int, list[dict[str, Any]]] = {}
    for arrow in bridges(body["edges"]):
        bridged.setdefault(arrow["to"], []).append(arrow)
    others = [number for number in bridged if number not in won][:MOST_BRIDGES]
    there = CanonicalValue.objects.filter(study=snapshot.study, number__in=[*won, *others]).exclude(title="")
    if there.count() < len(won) + len(others):
        told = _("Someone took back a value that wins in the published graph. Build and publish a new graph first.")
        raise ValidationError({"study": told})
    order = sorted(won, key=lambda number: (-values[number].get("wisdom_score", 0.0), number))
    evidence = _Evidence(snapshot)
    return [_winner(values[n], won[n], bridged.get(n, []), evidence) for n in order] + [
        _bridge(values[n], bridged[n], evidence) for n in others
    ]


def bridges(arrows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the kept arrows of which more than half of each group say that the one they point to is wiser, the surest first, each
    with its `bridge_q`; none where a graph does not tell of groups.

    The p-value is the largest of the groups' exact ones (intersection–union, Berger 1982), as in the reports of groups; the family
    is every kept arrow of which at least two groups are told and none is withheld.
    """
    told = [arrow for arrow in arrows if len(arrow.get("groups", ())) >= 2 and all(arrow["groups"].values())]
    if not told:
        return []
    p = [max(float(exact_p(g["wiser"], g["decided"])) for g in arrow["groups"].values()) for arrow in told]
    found = [arrow | {"bridge_q": float(q)} for arrow, q in zip(told, benjamini_hochberg(np.array(p)), strict=True)]
    holding = [arrow for arrow in found if arrow["bridge_q"] <= MAX_Q]
    return sorted(holding, key=lambda arrow: (arrow["bridge_q"], arrow["to"], arrow["from"]))


def _winner(
    value: dict[str, Any],
    winners: Sequence[dict[str, Any]],
    bridging: Sequence[dict[str, Any]],
    evidence: "_Evidence",
) -> GraphPrinciple:
    arrows = [(winner["context"], arrow) for winner in winners for arrow in winner["arrows"]]
    contexts = [w["context"] for w in winners if w["context"]]
    told = _told(WINNER, value, contexts, [arrow for _c, arrow in arrows]) | {
        "contexts": [_context(winner) for winner in winners],
        **({"bridges": [_bridging(arrow) for arrow in bridging]} if bridging else {}),
    }
    return GraphPrinciple(told, *evidence.behind(value["number"], {(arrow["from"], c) for c, arrow in arrows}))


def _bridge(value: dict[str, Any], arrows: Sequence[dict[str, Any]], evidence: "_Evidence") -> GraphPrinciple:
    contexts = list(dict.fromkeys(context for arrow in arrows for context in arrow["contexts"]))
    told = _told(BRIDGE, value, contexts, arrows) | {
        "contexts": [{"context": context} for context in contexts],
        "bridges": [_bridging(arrow) for arrow in arrows],
    }
    return GraphPrinciple(told, *evidence.behind(value["number"], {(arrow["from"], None) for arrow in arrows}))


def _bridging(arrow: dict[str, Any]) -> dict[str, Any]:
    """Return what each group says of an arrow that holds in all of them."""
    return {"from": arrow["from"], "q": arrow["bridge_q"], "groups": arrow["groups"]}


def _told(
    source: str, value: dict[str, Any], contexts: Sequence[str], arrows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    votes_for, votes_against, unsure = _counts(arrows)
    total = max(1, votes_for + votes_against + unsure)
    policies = [policy.strip().rstrip(".") for policy in value["policies"]]
    return {
        "text": _text(contexts, policies, value["title"]),
        "source": source,
        "value": value["number"],
        "title": value["title"],
        "policies": policies,
        "wisdom_score": value.get("wisdom_score"),
        "for": votes_for,
        "against": votes_against,
        "irrelevant": unsure,
        "missing": 0,
        "relevance": (votes_for + votes_against) / total,
        "accuracy": votes_for / max(1, votes_for + votes_against),
        "strength": (votes_for - votes_against) / total,
        "q": max((arrow["q"] for arrow in arrows if arrow["q"] is not None), default=None),
        "ci": jeffreys(votes_for, votes_for + votes_against),
        "evidence": {
            "votes": votes_for + votes_against + unsure,
            "judged_wiser_than": len({arrow["from"] for arrow in arrows}),
        },
    }


def _counts(arrows: Iterable[dict[str, Any]]) -> tuple[int, int, int]:
    """Return how many answers say that the value the arrows point to is wiser, that it is not, and neither."""
    counts = [arrow["counts"] for arrow in arrows]
    against = sum(c["not_wiser"] + c["less_wise"] for c in counts)
    return sum(c["wiser"] for c in counts), against, sum(c["unsure"] for c in counts)


def _context(winner: dict[str, Any]) -> dict[str, Any]:
    votes_for, votes_against, unsure = _counts(winner["arrows"])
    return {
        "context": winner["context"],
        "probability": winner.get("probability"),
        "votes": winner["votes"],
        "for": votes_for,
        "against": votes_against,
        "irrelevant": unsure,
    }


def _text(contexts: Sequence[str], policies: Sequence[str], title: str) -> str:
    """Return a principle's words. They are hashed, so they are not translated."""
    looked_for = "; ".join(policies) or title
    if not contexts:
        return f"Attend to: {looked_for}."
    first = contexts[0][:1].upper() + contexts[0][1:]
    joined = first if len(contexts) == 1 else ", ".join([first, *(c[:1].lower() + c[1:] for c in contexts[1:])])
    return f"{joined.rstrip(' ,.')}, attend to: {looked_for}."


class _Evidence:
    """What stands behind a value: looked up once for all principles."""

    def __init__(self, snapshot: GraphSnapshot) -> None:
        self.study = snapshot.study
        self.ids_of_votes, self.votes = snapshot.votes()
        self.ids = dict(CanonicalValue.objects.filter(study=self.study).values_list("number", "id"))
        self.target = projection(self.study)

    def behind(
        self, number: int, lower: Collection[tuple[int, str | None]]
    ) -> tuple[int | None, list[UUID], list[tuple[int, str]]]:
        """Return the value, its cards, and the votes about it as its arrows count them. `lower` names the arrows: from which
        value, and in which context, or None for all."""
        value_id = self.ids.get(number)
        same = {value_id, *(v for v, t in self.target.items() if t == value_id)}
        people = Participant.objects.counted(self.study)
        members = ValueMember.objects.filter(run__study=self.study, run__is_active=True, value__in=same)
        cards = members.filter(card__participant__in=people).order_by("card__number").values_list("card_id", flat=True)
        votes = []
        about = np.flatnonzero((self.votes.target == number) | (self.votes.source == number))
        for vote_id, vote in zip(self.ids_of_votes[about].tolist(), self.votes.take(about), strict=True):
            if vote.target == number:
                other, stance = vote.source, {"upgrade": "for", "no_upgrade": "against"}.get(vote.answer, "unsure")
            elif vote.source == number and vote.answer == "upgrade":
                other, stance = vote.target, "against"
            else:
                continue
            if (other, vote.context) in lower or (other, None) in lower:
                votes.append((vote_id, stance))
        return value_id, list(cards), votes
