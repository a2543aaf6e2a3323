"""Principles from a published moral graph: the winning value of each context, in the words of those who hold it.

Reads nothing of the graph but its published snapshot.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from core.canonical import unchanged
from elicitation.deduplication import projection
from elicitation.models import CanonicalValue, Participant, ValueMember, WisdomVote
from graphs.models import GraphSnapshot

SMALLEST_CELL = 5


class GraphPrinciple(NamedTuple):
    """A principle as it is told, and what stands behind it, by database id."""

    told: dict[str, Any]
    value_id: int | None
    card_ids: Sequence[UUID]
    votes: Sequence[tuple[int, str]]


def principles_of(snapshot: GraphSnapshot) -> list[GraphPrinciple]:
    """Return one principle for each context that has a winner, and for the winner over all if no context has one.

    A value that wins in several contexts gives one principle that names them all.
    """
    body = json.loads(unchanged(snapshot.body, snapshot.sha256))
    values = {value["number"]: value for value in body["values"]}
    in_context = [w for w in body["winners"] if w["context"] is not None and w["value"] in values]
    overall = [w for w in body["winners"] if w["context"] is None and w["value"] in values]
    won: dict[int, list[dict[str, Any]]] = {}
    for winner in in_context or overall:
        won.setdefault(winner["value"], []).append(winner)
    order = sorted(won, key=lambda number: (-values[number]["wisdom_score"], number))
    evidence = _Evidence(snapshot)
    return [_principle(values[n], won[n], [e for e in body["edges"] if e["to"] == n], evidence) for n in order]


def _principle(
    value: dict[str, Any], winners: Sequence[dict[str, Any]], edges: Sequence[dict[str, Any]], evidence: "_Evidence"
) -> GraphPrinciple:
    votes_for = sum(e["counts"]["wiser"] for e in edges)
    votes_against = sum(e["counts"]["not_wiser"] + e["counts"]["less_wise"] for e in edges)
    unsure = sum(e["counts"]["unsure"] for e in edges)
    total = max(1, votes_for + votes_against + unsure)
    policies = [policy.strip().rstrip(".") for policy in value["policies"]]
    contexts = [w["context"] for w in winners if w["context"]]
    told = {
        "text": _text(contexts, policies, value["title"]),
        "source": "moral graph: winning value",
        "value": value["number"],
        "title": value["title"],
        "policies": policies,
        "contexts": [
            {"context": w["context"], "probability": w.get("probability"), "votes": w.get("votes")} for w in winners
        ],
        "wisdom_score": value["wisdom_score"],
        "for": votes_for,
        "against": votes_against,
        "irrelevant": unsure,
        "missing": 0,
        "relevance": (votes_for + votes_against) / total,
        "accuracy": votes_for / max(1, votes_for + votes_against),
        "strength": (votes_for - votes_against) / total,
        "q": max((e["q"] for e in edges if e["q"] is not None), default=None),
        "ci": _widest(edges),
        "evidence": {"votes": votes_for + votes_against + unsure, "judged_wiser_than": len(edges)},
    }
    return GraphPrinciple(told, *evidence.behind(value["number"], {e["from"] for e in edges}))


def _text(contexts: Sequence[str], policies: Sequence[str], title: str) -> str:
    """Return a principle's words. They are hashed, so they are not translated."""
    looked_for = "; ".join(policies) or title
    if not contexts:
        return f"Attend to: {looked_for}."
    first = contexts[0][:1].upper() + contexts[0][1:]
    joined = first if len(contexts) == 1 else ", ".join([first, *(c[:1].lower() + c[1:] for c in contexts[1:])])
    return f"{joined.rstrip(' ,.')}, attend to: {looked_for}."


def _widest(edges: Sequence[dict[str, Any]]) -> list[float] | None:
    """Return the interval of the arrow that says least: the principle is as sure as its weakest arrow."""
    known = [e["interval"] for e in edges if e["interval"]]
    return min(known, key=lambda ends: (ends[0], ends[1])) if known else None


class _Evidence:
    """What stands behind a value: looked up once for all principles."""

    def __init__(self, snapshot: GraphSnapshot) -> None:
        self.study = snapshot.study
        self.last_vote_id = snapshot.last_vote_id
        self.ids = dict(CanonicalValue.objects.filter(study=self.study).values_list("number", "id"))
        self.target = projection(self.study)

    def behind(self, number: int, lower: set[int]) -> tuple[int | None, list[UUID], list[tuple[int, str]]]:
        value_id = self.ids.get(number)
        same = {value_id, *(v for v, t in self.target.items() if t == value_id)}
        below = {self.ids[n] for n in lower if n in self.ids}
        below |= {v for v, t in self.target.items() if t in below}
        people = Participant.objects.counted(self.study)
        members = ValueMember.objects.filter(run__study=self.study, run__is_active=True, value__in=same)
        cards = members.filter(card__participant__in=people).order_by("card__number").values_list("card_id", flat=True)
        votes = WisdomVote.objects.current().filter(
            study=self.study, participant__in=people, id__lte=self.last_vote_id, to_value__in=same, from_value__in=below
        )
        stances = {"upgrade": "for", "no_upgrade": "against"}
        rows = votes.order_by("id").values_list("id", "answer")
        return value_id, list(cards), [(vote, stances.get(answer, "unsure")) for vote, answer in rows]
