"""Everything that is kept about a person, for "Download my data": every table that refers to a participant, directly or
through another such table. A test fails on a table that has no rule here.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.db import models

from core.models import LLMCall
from elicitation.models import CanonicalValue, ConsentText, Context, Participant, Question, UpgradeStory


class Table(NamedTuple):
    """How a table leads to the participant whose rows it holds, and which of its columns tell nothing about them."""

    path: str
    hidden: frozenset[str] = frozenset()


# What only the machine needs: it would tell a person nothing, or would let someone else in.
_ALWAYS_HIDDEN = frozenset({"token_digest", "return_digest", "outside_digest", "llm_call", "study", "participant"})

TABLES = {
    "elicitation.Participant": Table("id"),
    "elicitation.Consent": Table("participant"),
    "elicitation.Interview": Table("participant"),
    "elicitation.Turn": Table("interview__participant", frozenset({"client_key"})),
    "elicitation.ValuesCard": Table("participant"),
    "elicitation.CardRevision": Table("card__participant"),
    "elicitation.ValueMember": Table("card__participant", frozenset({"run"})),
    "elicitation.Draw": Table("participant", frozenset({"pool", "basis"})),
    "elicitation.DrawItem": Table("draw__participant"),
    "elicitation.Exposure": Table("draw__participant"),
    "elicitation.Endorsement": Table("participant"),
    "elicitation.WisdomVote": Table("participant"),
    "elicitation.VerificationAnswer": Table("participant"),
    "elicitation.Annotator": Table("participant"),
    "elicitation.Annotation": Table("annotator__participant"),
    "elicitation.DimensionAnswer": Table("annotation__annotator__participant"),
    "elicitation.ComparisonDraw": Table("participant", frozenset({"basis"})),
    "elicitation.ShownComparison": Table("participant", frozenset({"draw"})),
    "constitutions.Approval": Table("participant"),
    "constitutions.ReviewScore": Table("participant"),
}
# Tables of rooms further down the walk: they hold no words of a person, only that a card or vote stands behind something.
REFERENCES = {"constitutions.PrincipleEvidence"}


def collect(participant: Participant) -> dict[str, Any]:
    """Return all that is kept about a person, table by table, as plain values that JSON can hold.

    Rows name other things (a question, someone's value) by their text, so that they can be read without the site.
    """
    found: dict[str, Any] = {"study": participant.study.title}
    for label, table in TABLES.items():
        model = apps.get_model(label)
        rows = model._default_manager.filter(**{table.path: participant.id}).order_by("pk")
        found[model._meta.db_table.removeprefix("elicitation_")] = [_plain(row, table.hidden) for row in rows]
    calls = LLMCall.objects.filter(subject=participant.subject).order_by("created_at")
    found["model_calls"] = [
        {"purpose": c.purpose, "model": c.model, "answer": c.raw_text, "at": c.created_at.isoformat()} for c in calls
    ]
    return found


def tables_about_people() -> Iterator[str]:
    """Yield the label of every table with a row that refers to a participant, however far away."""
    waiting: list[type[models.Model]] = [Participant]
    seen: set[type[models.Model]] = set()
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        yield model._meta.label
        for relation in model._meta.related_objects:
            if isinstance(relation.related_model, type) and not isinstance(relation, models.ManyToManyRel):
                waiting.append(relation.related_model)


def _plain(row: models.Model, hidden: frozenset[str]) -> dict[str, Any]:
    fields = (f for f in row._meta.concrete_fields if f.name not in hidden | _ALWAYS_HIDDEN)
    return {field.name: _shown(getattr(row, field.name)) for field in fields}


def _shown(value: Any) -> Any:
    """Return a value as JSON can hold it; a row of another table by what a person knows it by."""
    if isinstance(value, Question | Context):
        return value.text
    if isinstance(value, CanonicalValue):
        return value.title
    if isinstance(value, ConsentText):
        return {"version": value.version, "text": value.text}
    if isinstance(value, UpgradeStory):
        return {"number": value.number, "text": value.text}
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | list | dict) or value is None else str(value)
