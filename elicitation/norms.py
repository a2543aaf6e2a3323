"""Norms as files and as filters: the format of Social Chemistry 101 in and out, and which labels each value bears.

Who wrote or labelled a row of a file is not taken in: ids of workers have no place here.
"""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.canonical import canonical_bytes
from core.numbers import next_number
from core.problems import Problem
from elicitation.algorithms.norms import CHOSEN, LABELS, MOST_TEXT, Labels, read_label, write_label
from elicitation.deduplication import lock
from elicitation.facets import MOST_RULE, counted
from elicitation.models import AboutValue, CanonicalValue, Norm, Study
from elicitation.study_folder.content import ImportSummary
from elicitation.tables import Errors, Row, read_csv

MOST_TITLE = 200
MOST_SITUATION = 4000
RULE, VALUE = "rot", "value"
SOURCE = ("situation", "characters")
_TAKEN = (VALUE, RULE, *(label.column for label in LABELS.values()), *SOURCE)
FILTERS = tuple(name for name in CHOSEN if name not in ("bad", "targets", "involved"))


class NormRow(NamedTuple):
    """A row of a file: its place, its rule, its labels, and what its characters mean."""

    row: Row
    rule: str
    labels: Labels
    source: dict[str, str]


def import_norms(path: Path, study: Study, *, makes_values: bool = False) -> ImportSummary:
    """Read norms of a tab-separated file; a person's labels, so they count at once. The same file again changes nothing.

    A row is about the value whose number stands in its column `value`, or else about the one whose title is the rule of thumb
    itself; with `makes_values`, a rule that is neither becomes a value of the study. Raises BadFile, and stores nothing, for
    anything wrong in the file.
    """
    errors = Errors()
    rows = list(_read(path, errors))
    errors.stop_if_any()
    with transaction.atomic():
        lock(study)
        titles = _titles(study)
        made = _make_values(study, dict.fromkeys(_unknown(rows, titles) if makes_values else ()))
        titles |= {rule: [number] for rule, number in made.items()}
        numbers = {number for of_title in titles.values() for number in of_title}
        placed = [(_value_of(row, titles, numbers), row) for row in rows]
        errors.stop_if_any()
        there = Counter((norm.value.number, _key(_rule_of(norm), norm.labels, norm.source)) for norm in _all(study))
        fresh = []
        for number, row in placed:
            key = number, _key(row.rule, row.labels, row.source)
            there[key] -= 1  # rows that are the same several times are several readers'
            if there[key] < 0:
                fresh.append((number, row))
        ids = dict(study.values.values_list("number", "id"))
        first = next_number(Norm, study=study)
        Norm.objects.bulk_create(
            [
                Norm(
                    study=study, value_id=ids[number], number=place, rule=row.rule, labels=row.labels,
                    source=row.source, origin=AboutValue.Origin.IMPORT, state=AboutValue.State.CONFIRMED,
                )
                for place, (number, row) in enumerate(fresh, start=first)
            ],
            batch_size=500,
        )  # fmt: skip
    left = [name for name in (rows[0].row.fields if rows else ()) if name not in _TAKEN]
    notes = [f"columns that are left: {', '.join(left)}"] if left else []
    return ImportSummary(study.slug, bool(fresh), {"norms": len(fresh), "new values": len(made)}, notes)


def _read(path: Path, errors: Errors) -> Iterator[NormRow]:
    for row in read_csv(path, [RULE], errors, delimiter="\t"):
        labels = {name: _label(row, name) for name in LABELS}
        source = {name: row.text(name, most=MOST_SITUATION, required=False) for name in SOURCE if row.fields.get(name)}
        yield NormRow(row, row.text(RULE, most=MOST_RULE), labels | {"bad": labels["bad"] or 0}, source)


def _label(row: Row, name: str) -> Any:
    column = LABELS[name].column
    written = row.text(column, most=MOST_TEXT, required=False)
    try:
        return read_label(name, written)
    except ValueError as error:
        row.wrong(column, str(error))
        return None


def _titles(study: Study) -> dict[str, list[int]]:
    """Return the numbers of the values that bear each title; one that was cut when it was made is known by the whole."""
    found: dict[str, list[int]] = {}
    shown = study.values.filter(is_archived=False).order_by("number")
    for number, title, description in shown.values_list("number", "title", "description"):
        found.setdefault(description if title.endswith("…") and description else title, []).append(number)
    return found


def _unknown(rows: Iterable[NormRow], titles: Collection[str]) -> Iterator[str]:
    return (rule for row, rule, _labels, _source in rows if not row.fields.get(VALUE) and rule not in titles)


def _value_of(named: NormRow, titles: Mapping[str, list[int]], numbers: Collection[int]) -> int:
    """Return the number of a row's value, or tell what is wrong and return 0."""
    row, same = named.row, titles.get(named.rule, [])
    if row.fields.get(VALUE):
        number = row.number(VALUE)
        row.known(VALUE, number, numbers, "value")
        return number or 0
    if len(same) > 1:
        row.wrong(RULE, f"is the title of values {', '.join(map(str, same))}; put a number in a column {VALUE}")
    row.known(RULE, named.rule, titles, "value called")
    return same[0] if same else 0


def _make_values(study: Study, rules: Mapping[str, None]) -> dict[str, int]:
    """Make a value of each rule; return their numbers."""
    first = next_number(CanonicalValue, study=study)
    numbers = {rule: number for number, rule in enumerate(rules, start=first)}
    CanonicalValue.objects.bulk_create(
        CanonicalValue(
            study=study,
            number=number,
            title=rule if len(rule) <= MOST_TITLE else rule[: MOST_TITLE - 1] + "…",
            description="" if len(rule) <= MOST_TITLE else rule,
        )
        for rule, number in numbers.items()
    )
    return numbers


def _all(study: Study) -> QuerySet[Norm]:
    return Norm.objects.filter(study=study, value__is_archived=False).select_related("value").order_by("number")


def _rule_of(norm: Norm) -> str:
    """Return a norm's rule of thumb; one that nobody put in a sentence is its value's title."""
    return norm.rule or norm.value.title


def _key(rule: str, labels: Labels, source: Mapping[str, str]) -> bytes:
    return canonical_bytes([rule, labels, dict(source)])


def export_norms(study: Study) -> str:
    """Return a study's confirmed norms in the format that `import_norms` reads; read into the study again they change nothing."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(_TAKEN)
    for norm in _all(study).filter(state=AboutValue.State.CONFIRMED):
        labels = [write_label(name, norm.labels[name]) for name in LABELS]
        source = [norm.source.get(name, "") for name in SOURCE]
        writer.writerow([norm.value.number, _rule_of(norm), *labels, *source])
    return out.getvalue()


def facets_of(study: Study) -> dict[int, Labels]:
    """Return for each value, by its number, the labels that confirmed norms give it, each dimension a list in its own order.

    Rows that are marked as bad give none, and values without any norm are left out.
    """
    found: dict[int, Labels] = {}
    for number, rows in counted(Norm, study).items():
        good = [row.labels for row in rows if not row.labels["bad"]]
        if good:
            found[number] = {name: _given(name, good) for name in CHOSEN if name != "bad"}
    return found


def _given(name: str, rows: list[Labels]) -> list[str | int]:
    given = {choice for row in rows for choice in (row[name] if LABELS[name].is_many else [row[name]])}
    return [choice for choice in LABELS[name].choices if choice in given]


def with_labels(values: QuerySet[CanonicalValue], study: Study, wanted: Mapping[str, str]) -> QuerySet[CanonicalValue]:
    """Return those of a study's values that bear all the wanted labels. Raises Problem for a label that there is not."""
    asked = {name: written for name, written in wanted.items() if name in FILTERS}
    if not asked:
        return values
    chosen: dict[str, str | int] = {}
    for name, written in asked.items():
        known = {str(choice): choice for choice in LABELS[name].choices}
        if written not in known:
            raise Problem(400, "bad-query", f"`{name}` can't be used", _("Choose one of: %s.") % ", ".join(known))
        chosen[name] = known[written]
    facets = facets_of(study)
    return values.filter(
        number__in=[number for number, labels in facets.items() if all(chosen[n] in labels[n] for n in chosen)]
    )
