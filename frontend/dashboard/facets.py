"""One value: its text, the values, rights and duties that bear on it, and the norms that it stands for."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from core.ledger import model_is_configured
from elicitation import facets
from elicitation.algorithms.norms import LABELS
from elicitation.deduplication import cards_of, projection
from elicitation.models import AboutValue, CanonicalValue, Consideration, Norm
from elicitation.tasks import request_facets
from elicitation.values import counted_values, holders
from frontend.dashboard.desk import StudyDesk, number_in
from frontend.norm_words import WORDS, label_of, title_of

SIDES = ("supports", "opposes", "either")
KEEP = "keep"
NOT_ASKED = ("targets", "involved", "bad")  # labels of an import that the form does not show
STATES = {
    "confirm": AboutValue.State.CONFIRMED,
    "reject": AboutValue.State.REJECTED,
    "reopen": AboutValue.State.PROPOSED,
}
WORK = "elicitation.propose_facets"


class FacetsView(StudyDesk):
    """A value of the study. Who holds it is not told, only how many."""

    template = "facets.html"
    step = "values"

    @property
    def value(self) -> CanonicalValue:
        return get_object_or_404(self.study.values, number=self.kwargs["number"])

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form, value = request.POST, self.value
        act, _colon, row = form.get("act", "").partition(":")
        match act:
            case "consider" | "norm":
                old = self._row(form["instead_of"]) if form.get("instead_of") else None
                written: AboutValue
                if act == "norm":
                    unasked = {name: old.labels[name] for name in NOT_ASKED} if isinstance(old, Norm) else {}
                    labels = unasked | _labels(form)
                    written = facets.add_norm(value, rule=form.get("rule", ""), labels=labels, by=self.user)
                else:
                    written = facets.add_consideration(value, **_consideration(form.get, old), by=self.user)
                if old is not None and old != written:
                    facets.decide(old, AboutValue.State.REJECTED, self.user)
                told = _("Kept. It counts from now on.")
            case "confirm" | "reject" | "reopen":
                facets.decide(self._row(row), STATES[act], self.user)
                told = {"confirm": _("It counts from now on."), "reject": _("It does not count.")}.get(
                    act, _("It waits for a decision again.")
                )
            case "propose" | "propose-all":
                request_facets(self.study, [value.number] if act == "propose" else None, self.user)
                told = _("The model has been asked. What it proposes counts only if you confirm it.")
            case _:
                raise ValidationError(_("Nothing was changed."))
        return self.done(told, "dashboard:facets", self.study.slug, value.number)

    def _row(self, named: str) -> AboutValue:
        """Return the row about this value that a form or an address names, as "norm-3"; else 404."""
        kind, _dash, number = named.partition("-")
        if kind not in facets.KINDS:
            raise Http404
        return get_object_or_404(facets.about(facets.KINDS[kind], self.value), number=number_in(number))

    def context(self) -> dict[str, Any]:
        value, study = self.value, self.study
        considerations = sorted(
            facets.about(Consideration, value), key=lambda row: (row.state != "proposed", -row.relevance, row.number)
        )
        norms = sorted(facets.about(Norm, value), key=lambda row: (row.state != "proposed", row.number))
        change = self.request.GET.get("change", "")
        typed = self.request.POST if self.request.POST else _typed(self._row(change)) if change else QueryDict()
        asked = facets.unasked(study)
        merged = projection(study)
        return {
            "value": value,
            "held": holders(study).get(value.id, 0),
            "cards": cards_of(study)[value.id],
            "counts_as": counted_values(study).filter(id=merged.get(value.id, 0)).first(),
            "considerations": [row for row in considerations if row.state != "rejected"],
            "norms": [_told(norm) for norm in norms if norm.state != "rejected"],
            "rejected": [*_lines("consideration", considerations), *_lines("norm", norms)],
            "decision": facets.decision_of(considerations),
            "types": Consideration.Type.choices,
            "typed": typed,
            "fields": [_field(name, typed) for name in WORDS],
            "has_model": model_is_configured(),
            "is_unasked": asked.filter(id=value.id).exists(),
            "unasked": asked.count(),
            "job": self.job(WORK),
        }


def _typed(row: AboutValue) -> QueryDict:
    """Return what the form would send that wrote this row."""
    typed = QueryDict(mutable=True)
    if isinstance(row, Consideration):
        shares = {side: getattr(row, side) for side in SIDES}
        way = next((side for side in SIDES if shares[side] == 1), KEEP)
        typed.update({"act": "consider", "instead_of": f"consideration-{row.number}", "way": way})
        typed.update({"type": row.type, "text": row.text, "explanation": row.explanation})
        typed["relevance"] = str(round(100 * row.relevance))
    elif isinstance(row, Norm):
        typed.update({"act": "norm", "instead_of": f"norm-{row.number}", "rule": row.rule})
        for name, label in row.labels.items():
            given = label if isinstance(label, list) else [label]
            if given and label is not None:
                typed.setlist(name, [str(each) for each in given])
    return typed


def _consideration(typed: Any, old: AboutValue | None) -> dict[str, Any]:
    """Return what the form says of a value, right or duty. A facilitator says one way, or keeps the probabilities of the `old`
    row; the API takes any."""
    way, relevance = typed("way", ""), typed("relevance", "")
    if way == KEEP and isinstance(old, Consideration):
        shares = {side: getattr(old, side) for side in SIDES}
    elif way in SIDES:
        shares = {side: float(side == way) for side in SIDES}
    else:
        raise ValidationError(_("Say whether it supports or opposes living by this value."))
    if not relevance.isdecimal() or not 0 < int(relevance[:9]) <= 100:
        raise ValidationError(_("Say how relevant it is, as a whole number from 1 to 100."))
    texts = {name: typed(name, "") for name in ("type", "text", "explanation")}
    return texts | {"relevance": int(relevance) / 100} | shares


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
