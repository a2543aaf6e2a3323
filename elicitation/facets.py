"""What is said about a value's text: values, rights and duties that bear on it, and norms with their labels.

People write them, or a model proposes them, once for each value. Only what a person confirmed counts. Who holds a value says
nothing here and is told nothing. A merged value's rows count with the value that it counts as, and come back with it.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, create_model

from core.models import User
from core.numbers import next_number
from core.text import clean_text
from elicitation.algorithms import norms as labels_of
from elicitation.algorithms.norms import LABELS, MOST_TEXT
from elicitation.algorithms.pluralism import Decision, Item, decision, kept
from elicitation.deduplication import lock, projection, text_of
from elicitation.interviews import ModelText
from elicitation.models import AboutValue, CanonicalValue, Consideration, Norm, Study
from elicitation.values import counted_values
from llm_client import LLM, LLMError, Request, load_prompt

MOST_RULE = 500
MOST_PROPOSED = 6  # of each type
# Whom a rule is about, whether it happens, and whether the row is any good is for readers of a situation to say.
ASKED = ("agreement", "category", "foundation", "agency", "judgement", "action_agreement", "legal", "pressure")

KINDS: dict[str, type[AboutValue]] = {"consideration": Consideration, "norm": Norm}
Row = TypeVar("Row", bound=AboutValue)


def counted(model: type[Row], study: Study) -> dict[int, list[Row]]:
    """Return the confirmed rows of a study by the number of the value that they count for now."""
    merged, numbers = projection(study), dict(study.values.values_list("id", "number"))
    rows = model._default_manager.filter(study=study, value__is_archived=False, state=AboutValue.State.CONFIRMED)
    found: dict[int, list[Row]] = {}
    for row in rows.order_by("number"):
        found.setdefault(numbers[merged.get(row.value_id, row.value_id)], []).append(row)
    return found


def about(model: type[Row], value: CanonicalValue) -> QuerySet[Row]:
    """Return all rows about a value, also those of values that count as it."""
    merged = projection(value.study)
    ids = [source for source, target in merged.items() if target == value.id]
    return model._default_manager.filter(value_id__in=ids if value.id in merged else [*ids, value.id]).order_by(
        "number"
    )


def item_of(row: Consideration) -> Item:
    return Item(row.type, row.text, row.relevance, (row.supports, row.opposes, row.either))


def decision_of(rows: Iterable[Consideration]) -> Decision | None:
    """Return what the confirmed ones of these say together, or None where nothing relevant is confirmed."""
    return decision(item_of(row) for row in rows if row.state == AboutValue.State.CONFIRMED)


def add_consideration(
    value: CanonicalValue,
    *,
    type: str,
    text: str,
    relevance: float,
    supports: float,
    opposes: float,
    either: float,
    explanation: str = "",
    by: User | None = None,
) -> Consideration:
    """Add a value, right or duty that a facilitator wrote, or replace what is there in the same words; it counts at once.

    Raises ValidationError that names the field.
    """
    if type not in Consideration.Type.values:
        raise ValidationError({"type": _("Choose one of: %s.") % ", ".join(Consideration.Type.values)})
    text = clean_text(text, field="text", most=200, required=True).strip()
    explanation = clean_text(explanation, field="explanation", most=1000).strip()
    shares = {"relevance": relevance, "supports": supports, "opposes": opposes, "either": either}
    for field, share in shares.items():
        if not 0 <= share <= 1:  # NaN is not either
            raise ValidationError({field: _("This must be a number from 0 to 1.")})
    if abs(supports + opposes + either - 1) > 1e-6:
        raise ValidationError({"supports": _("Supports, opposes and either must sum to 1.")})
    with transaction.atomic():
        lock(value.study)
        rows = about(Consideration, value).filter(type=type)
        row = next((row for row in rows if row.text.casefold() == text.casefold()), None)
        row = row or Consideration(type=type, **_placed(value, Consideration))
        return _written(row, by, text=text, explanation=explanation, **shares)


def add_norm(value: CanonicalValue, *, rule: str = "", labels: Mapping[str, Any], by: User | None = None) -> Norm:
    """Add a facilitator's labels of the rule that a value stands for; they count at once. Raises ValidationError that names
    the label."""
    rule = clean_text(rule, field="rule", most=MOST_RULE).strip()
    whole = clean_labels(labels)
    if whole == labels_of.checked({}):
        raise ValidationError({"labels": _("Choose one label at least.")})
    with transaction.atomic():
        lock(value.study)
        return _written(Norm(**_placed(value, Norm)), by, rule=rule, labels=whole)


def clean_labels(labels: Mapping[str, Any]) -> labels_of.Labels:
    """Return a whole set of labels. Raises ValidationError that names the label."""
    try:
        whole = labels_of.checked(labels)
    except ValueError as error:
        name, what = error.args
        raise ValidationError({name: what}) from None
    for name in (name for name, label in LABELS.items() if not label.choices and whole[name]):
        whole[name] = clean_text(whole[name], field=name, most=MOST_TEXT).strip() or None
    return whole


def _placed(value: CanonicalValue, model: type[AboutValue]) -> dict[str, Any]:
    return {"study": value.study, "value": value, "number": next_number(model, study=value.study)}


def _written(row: Row, by: User | None, **fields: Any) -> Row:
    """Store a row with what a person wrote in it."""
    decided = {"origin": AboutValue.Origin.PERSON, "state": AboutValue.State.CONFIRMED, "decided_by": by}
    for name, value in (fields | decided | {"decided_at": timezone.now(), "llm_call": None}).items():
        setattr(row, name, value)
    row.save()
    return row


def decide(row: AboutValue, state: str, by: User | None) -> bool:
    """Confirm or reject a row, or let it wait again. Returns whether that changed it; raises ValidationError for a state
    that there is not."""
    if state not in AboutValue.State.values:
        raise ValidationError({"state": _("Choose one of: %s.") % ", ".join(AboutValue.State.values)})
    rows = type(row)._default_manager.filter(pk=row.pk).exclude(state=state)
    return bool(rows.update(state=state, decided_by=by, decided_at=timezone.now()))


# ---- what a model proposes


class ProposedConsideration(BaseModel):
    """Whole numbers, so that whatever fits can be used: the three weights are made to sum to 1."""

    model_config = ConfigDict(extra="forbid")

    text: ModelText = Field(min_length=1, max_length=120)
    explanation: ModelText = Field(max_length=300)
    relevance: Annotated[int, Field(ge=0, le=100)]
    supports: Annotated[int, Field(ge=0, le=100)]
    opposes: Annotated[int, Field(ge=0, le=100)]
    either: Annotated[int, Field(ge=0, le=100)]

    def item(self, type: str) -> Item:
        weights = (self.supports, self.opposes, self.either)
        whole = sum(weights)
        valence = tuple(weight / whole for weight in weights) if whole else (0.0, 0.0, 1.0)
        return Item(type, self.text.strip(), self.relevance / 100, valence)  # type: ignore[arg-type]


_LISTED = Annotated[list[ProposedConsideration], Field(max_length=MOST_PROPOSED)]


class ProposedNorm(BaseModel):
    """A rule of thumb with its labels: see `_norm_type`, which adds a property for each of `ASKED`."""

    model_config = ConfigDict(extra="forbid")

    rule: ModelText = Field(min_length=1, max_length=200)
    judgement_text: ModelText = Field(min_length=1, max_length=80)
    action: ModelText = Field(min_length=1, max_length=150)


def _norm_type() -> type[ProposedNorm]:
    properties: dict[str, Any] = {}
    for name in ASKED:
        one: Any = Literal[LABELS[name].choices]
        properties[name] = (
            (list[one], Field(max_length=len(LABELS[name].choices))) if LABELS[name].is_many else (one, ...)
        )
    return create_model("ProposedNorm", __base__=ProposedNorm, **properties)


class ProposedFacets(BaseModel):
    """A model's answer about one value."""

    model_config = ConfigDict(extra="forbid")

    values: _LISTED
    rights: _LISTED
    duties: _LISTED
    norm: _norm_type()  # type: ignore[valid-type]


_LISTS = (("value", "values"), ("right", "rights"), ("duty", "duties"))


def unasked(study: Study) -> QuerySet[CanonicalValue]:
    """Return the counted values about which no model has proposed anything yet."""
    proposed = Norm.objects.filter(study=study, origin=AboutValue.Origin.MODEL)
    return counted_values(study).exclude(id__in=proposed.values("value_id")).order_by("number")


def propose(
    study: Study,
    llm: LLM,
    *,
    numbers: Iterable[int] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> int:
    """Ask the model about the values with these numbers, or about all, and store what it proposes, to be reviewed.

    A value that a model was asked about before is left alone, so asking again adds only what is new. Returns how many values
    got proposals. Raises the model's errors, keeping what it did propose.
    """
    values = list(unasked(study) if numbers is None else unasked(study).filter(number__in=list(numbers)))
    prompt = load_prompt(Path(__file__).parent / "prompts" / "facets.md")
    requests = [Request(prompt, {"value": text_of(v)}, returns=ProposedFacets, purpose="facets") for v in values]
    calls: dict[int, Any] = {}

    def keep(place: int, _answer: Any, call: Any) -> None:
        calls[place] = call
        if progress is not None:
            progress(len(calls), len(values), values[place].title)

    error, stored = None, 0
    for place, answer in enumerate(llm.ask_many(requests, on_answer=keep)):
        if isinstance(answer, LLMError):
            error = answer
        else:
            stored += _store(values[place], answer, calls[place])
    if error is not None:
        raise error
    return stored


def _store(value: CanonicalValue, answer: Any, call: Any) -> bool:
    """Store what a model proposes about a value, unless something was proposed or the value went away meanwhile."""
    told = {(type, p.text.strip()): p for type, name in _LISTS for p in getattr(answer, name)}
    with transaction.atomic():
        lock(value.study)
        if not unasked(value.study).filter(id=value.id).exists():
            return False
        known = [(row.type, row.text) for row in about(Consideration, value)]
        fresh = kept((p.item(type) for (type, text), p in told.items() if text), known=known)
        origin: dict[str, Any] = {"origin": AboutValue.Origin.MODEL, "llm_call": call}
        for item in fresh:
            Consideration.objects.create(
                **_placed(value, Consideration), **origin, type=item.type, text=item.text, relevance=item.relevance,
                **dict(zip(("supports", "opposes", "either"), item.valence, strict=True)),
                explanation=told[item.type, item.text].explanation.strip(),
            )  # fmt: skip
        norm = answer.norm.model_dump()
        rule = norm.pop("rule").strip()
        Norm.objects.create(**_placed(value, Norm), **origin, rule=rule, labels=labels_of.checked(norm))
    return True
