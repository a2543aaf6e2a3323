"""One value: its text, the values, rights and duties that bear on it, and the norms that it stands for."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from core.ledger import model_is_configured
from elicitation import facets
from elicitation.algorithms.norms import LABELS
from elicitation.deduplication import projection
from elicitation.models import AboutValue, CanonicalValue, Consideration, Norm, ValueMember
from elicitation.tasks import request_facets
from elicitation.values import counted_values, holders
from frontend.dashboard.desk import StudyDesk
from frontend.norm_words import WORDS, label_of, title_of

SIDES = ("supports", "opposes", "either")
STATES = {
    "confirm": AboutValue.State.CONFIRMED,
    "reject": AboutValue.State.REJECTED,
    "reopen": AboutValue.State.PROPOSED,
}
WORK = "elicitation.propose_facets"


class ValueView(StudyDesk):
    """A value of the study. Who holds it is not told, only how many."""

    template = "value.html"
    step = "values"

    @property
    def value(self) -> CanonicalValue:
        return get_object_or_404(self.study.values, number=self.kwargs["number"])

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form, value = request.POST, self.value
        act, _colon, row = form.get("act", "").partition(":")
        match act:
            case "consider":
                facets.add_consideration(value, **_consideration(form.get), by=self.user)
                told = _("Added. It counts from now on.")
            case "norm":
                facets.add_norm(value, rule=form.get("rule", ""), labels=_labels(form), by=self.user)
                told = _("Added. It counts from now on.")
            case "confirm" | "reject" | "reopen":
                kind, _dash, number = row.partition("-")
                found = facets.row_of(value, kind, int(number) if number.isdecimal() and len(number) < 10 else 0)
                facets.decide(found, STATES[act], self.user)
                told = {"confirm": _("It counts from now on."), "reject": _("It does not count.")}.get(
                    act, _("It waits for a decision again.")
                )
            case "propose" | "propose-all":
                request_facets(self.study, [value.number] if act == "propose" else None, self.user)
                told = _("The model has been asked. What it proposes counts only if you confirm it.")
            case _:
                raise ValidationError(_("Nothing was changed."))
        return self.done(told, "dashboard:value", self.study.slug, value.number)

    def context(self) -> dict[str, Any]:
        value, study = self.value, self.study
        considerations = sorted(
            facets.about(Consideration, value), key=lambda row: (row.state != "proposed", -row.relevance, row.number)
        )
        norms = facets.about(Norm, value)
        asked = facets.unasked(study)
        members = ValueMember.objects.filter(run__study=study, run__is_active=True)
        merged = projection(study)
        return {
            "value": value,
            "held": holders(study).get(value.id, 0),
            "cards": sum(merged.get(v, v) == value.id for v in members.values_list("value_id", flat=True)),
            "counts_as": counted_values(study).filter(id=merged.get(value.id, 0)).first(),
            "considerations": [row for row in considerations if row.state != "rejected"],
            "norms": [_told(norm) for norm in norms if norm.state != "rejected"],
            "rejected": [*_lines("consideration", considerations), *_lines("norm", norms)],
            "decision": facets.decision_of(considerations),
            "types": Consideration.Type.choices,
            "fields": [_field(name, self.request.POST) for name in WORDS],
            "has_model": model_is_configured(),
            "is_unasked": asked.filter(id=value.id).exists(),
            "unasked": asked.count(),
            "job": self.job(WORK),
        }


def _consideration(typed: Any) -> dict[str, Any]:
    """Return what the form says of a value, right or duty. A facilitator says one way; the API takes probabilities."""
    way, relevance = typed("way", ""), typed("relevance", "")
    if way not in SIDES:
        raise ValidationError(_("Say whether it supports or opposes living by this value."))
    if not relevance.isdecimal() or not 0 < int(relevance[:9]) <= 100:
        raise ValidationError(_("Say how relevant it is, as a whole number from 1 to 100."))
    texts = {name: typed(name, "") for name in ("type", "text", "explanation")}
    return texts | {"relevance": int(relevance) / 100} | {side: float(side == way) for side in SIDES}


def _labels(form: Any) -> dict[str, Any]:
    """Return the labels that the form gives; a list or a choice that was left empty is not answered."""
    found: dict[str, Any] = {name: form.get(name) or None for name in ("action", "judgement_text")}
    for name in WORDS:
        found[name] = form.getlist(name) if LABELS[name].is_many else form.get(name) or None
    return found


def _field(name: str, typed: Any) -> dict[str, Any]:
    chosen = typed.getlist(name)
    choices = [
        (str(choice), label_of(name, choice, LABELS[name].choices), str(choice) in chosen)
        for choice in LABELS[name].choices
    ]
    return {"name": name, "title": title_of(name), "is_many": LABELS[name].is_many, "choices": choices}


def _told(norm: Norm) -> dict[str, Any]:
    """Return a norm with its labels in words, dimension by dimension."""
    labels = []
    for name in WORDS:
        given = norm.labels[name] if LABELS[name].is_many else [norm.labels[name]]
        words = [str(label_of(name, choice, LABELS[name].choices)) for choice in given if choice is not None]
        if words:
            labels.append((title_of(name), ", ".join(words)))
    return {"norm": norm, "labels": labels}


def _lines(kind: str, rows: Any) -> list[dict[str, Any]]:
    """Return the rejected rows as one line each."""
    return [
        {
            "kind": kind,
            "number": row.number,
            "text": str(row.text if kind == "consideration" else row.rule or _("Norm")),
        }
        for row in rows
        if row.state == "rejected"
    ]
