"""Pairs of texts that people compared: the pairs, what was drawn for whom, and the answers. Read, stored and written here.

Reasons are free text of people, and stay out as all of it does.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from core.bulk import insert_rows
from elicitation.comparison_formats.content import MOST_CONTEXT, MOST_NAME, MOST_TEXT
from elicitation.models import (
    MOST_DWELL,
    Annotation,
    Annotator,
    Comparison,
    ComparisonDraw,
    Dataset,
    DimensionAnswer,
    Participant,
    ShownComparison,
    Study,
)
from elicitation.study_folder.story_draws import rule_of, seed_of
from elicitation.tables import Errors, Row, is_storable, read_jsonl

PAIRS, DRAWS, ANSWERS = "comparisons.jsonl", "comparison_draws.jsonl", "comparison_answers.jsonl"
NAMES = (PAIRS, DRAWS, ANSWERS)
SAID = ("a", "b", "tie", "both_bad")
SAID_BY_DIMENSION = ("a", "b", "tie")
ORDERS = ("ab", "ba")
TIMES = ("seen_at", "answered_at", "skipped_at")
MOST_ITEMS, MOST_DIMENSIONS, MOST_KEY = 100, 30, 40


class PairRow(NamedTuple):
    number: int
    prompt: str | None
    text_a: str
    text_b: str
    context: str
    model_a: str
    model_b: str
    source_id: str


class ItemRow(NamedTuple):
    comparison: int
    order: str
    seen_at: datetime | None
    answered_at: datetime | None
    skipped_at: datetime | None


class DrawRow(NamedTuple):
    """What was drawn for one person at one moment."""

    participant: str
    seed: int
    rule: dict[str, Any]
    drawn_at: datetime | None
    items: list[ItemRow]


class AnswerRow(NamedTuple):
    """What one person answered about one pair."""

    participant: str
    comparison: int
    answer: str
    order: str
    dwell_ms: int | None
    dimensions: dict[str, str]
    created_at: datetime | None


class Compared(NamedTuple):
    """What a folder holds of comparisons."""

    pairs: dict[int, PairRow]
    draws: list[DrawRow]
    answers: list[AnswerRow]


def read(folder: Path, there: set[str], errors: Errors) -> Compared:
    """Return what the folder's files of comparisons hold; what is wrong is told."""
    found = Compared({}, [], [])
    if PAIRS in there:
        _read_pairs(folder / PAIRS, found, errors)
    if DRAWS in there:
        drawn: set[tuple[str, int]] = set()
        for row in read_jsonl(folder / DRAWS, errors):
            found.draws.append(_draw(row, found, drawn))
    if ANSWERS in there:
        seen: dict[tuple[str, int], int] = {}
        for row in read_jsonl(folder / ANSWERS, errors):
            answer = _answer(row, found)
            key = (answer.participant, answer.comparison)
            if key in seen:
                row.wrong("comparison_id", f"{key[0]} answered this pair already in line {seen[key]}")
            seen[key] = row.line
            found.answers.append(answer)
    return found


def _read_pairs(path: Path, found: Compared, errors: Errors) -> None:
    ids: dict[str, int] = {}
    for row in read_jsonl(path, errors):
        number = row.number("id")
        if not number:
            errors.broken.add(row.file)
            if number == 0:
                row.wrong("id", "must be 1 or more")
        elif number in found.pairs:
            row.wrong("id", f"{number} is there twice")
        prompt = row.text("prompt", most=MOST_TEXT, required=False) if row.fields.get("prompt") is not None else None
        text_a, text_b = (row.text(name, most=MOST_TEXT, required=False) for name in ("text_a", "text_b"))
        for name in ("text_a", "text_b"):
            if row.fields.get(name) is None:
                row.wrong(name, "is missing")
        context = row.text("context", most=MOST_CONTEXT, required=False)
        named = [row.text(name, most=MOST_NAME, required=False) for name in ("model_a", "model_b", "source_id")]
        if named[2] in ids:
            row.wrong("source_id", f"{named[2]!r} is there already in line {ids[named[2]]}")
        if named[2]:
            ids[named[2]] = row.line
        found.pairs[number or 0] = PairRow(number or 0, prompt, text_a, text_b, context, *named)


def _draw(row: Row, found: Compared, drawn: set[tuple[str, int]]) -> DrawRow:
    person = row.text("participant", most=100)
    items = row.fields.get("items")
    if not isinstance(items, list) or len(items) > MOST_ITEMS or not all(isinstance(item, dict) for item in items):
        row.wrong("items", f"must be a list of up to {MOST_ITEMS} objects")
        items = []
    read_items = []
    for told in items:
        inner = Row(row.file, row.line, told, row.errors)
        number = _pair(inner, found)
        if (person, number) in drawn:
            inner.wrong("comparison_id", f"{number} was drawn for {person} twice")
        drawn.add((person, number))
        order = inner.choice("order_shown", ORDERS)
        read_items.append(ItemRow(number, order, *(_time(inner, name) for name in TIMES)))
    return DrawRow(person, seed_of(row), rule_of(row), _time(row, "drawn_at"), read_items)


def _answer(row: Row, found: Compared) -> AnswerRow:
    dwell = row.fields.get("dwell_ms")
    if dwell is not None and (isinstance(dwell, bool) or not isinstance(dwell, int) or not 0 <= dwell <= MOST_DWELL):
        row.wrong("dwell_ms", f"must be a whole number of milliseconds from 0 to {MOST_DWELL}")
        dwell = None
    return AnswerRow(
        row.text("participant", most=100),
        _pair(row, found),
        row.choice("answer", SAID),
        row.choice("order_shown", ORDERS, required=False),
        dwell,
        _dimensions(row),
        _time(row, "created_at"),
    )


def _dimensions(row: Row) -> dict[str, str]:
    told = row.fields.get("dimensions", {})
    if not isinstance(told, dict) or len(told) > MOST_DIMENSIONS:
        row.wrong("dimensions", f"must be an object of up to {MOST_DIMENSIONS} names, each with one of a, b, tie")
        return {}
    for key, said in told.items():
        name = f"dimensions.{key}"
        if not 1 <= len(key) <= MOST_KEY or not is_storable(key):
            row.wrong("dimensions", f"the name of a dimension has 1 to {MOST_KEY} characters that can be stored")
        elif said not in SAID_BY_DIMENSION:
            Row(row.file, row.line, {name: said}, row.errors).choice(name, SAID_BY_DIMENSION)
    return told


def _pair(row: Row, found: Compared) -> int:
    number = row.number("comparison_id")
    row.known("comparison_id", number, found.pairs, "comparison", PAIRS)
    return number or 0


def _time(row: Row, name: str) -> datetime | None:
    return row.time(name) if row.fields.get(name) is not None else None


def store(found: Compared, dataset: Dataset, people: Mapping[str, UUID]) -> None:
    """Store what was read in the study's own dataset."""
    Comparison.objects.bulk_create([Comparison(dataset=dataset, **row._asdict()) for row in found.pairs.values()], 500)
    pairs = {pair.number: pair.id for pair in dataset.comparisons.only("number")}
    draws = [
        ComparisonDraw(
            participant_id=people[row.participant],
            seed=row.seed,
            rule=row.rule,
            **({"created_at": row.drawn_at} if row.drawn_at else {}),
        )
        for row in found.draws
    ]
    ComparisonDraw.objects.bulk_create(draws, 500)
    places = Counter[str]()
    items = []
    for row, draw in zip(found.draws, draws, strict=True):
        for item in row.items:
            places[row.participant] += 1
            items.append(
                ShownComparison(
                    participant_id=people[row.participant], draw=draw, comparison_id=pairs[item.comparison],
                    place=places[row.participant], order_shown=item.order, seen_at=item.seen_at,
                    answered_at=item.answered_at, skipped_at=item.skipped_at,
                )
            )  # fmt: skip
    ShownComparison.objects.bulk_create(items, 500)
    _store_answers(found.answers, dataset, people, pairs)


def _store_answers(
    rows: list[AnswerRow], dataset: Dataset, people: Mapping[str, UUID], pairs: Mapping[int, int]
) -> None:
    names = dict.fromkeys(row.participant for row in rows)
    made = Annotator.objects.bulk_create(
        [
            Annotator(
                dataset=dataset,
                number=number,
                source_id=name,
                kind=Annotator.Kind.HUMAN,
                participant_id=people[name],
            )
            for number, name in enumerate(names, 1)
        ],
        500,
    )
    annotators = {annotator.source_id: annotator.id for annotator in made}
    now = timezone.now()
    insert_rows(
        Annotation,
        ("comparison_id", "annotator_id", "answer", "order_shown", "dwell_ms", "created_at"),
        (
            (
                pairs[row.comparison],
                annotators[row.participant],
                row.answer,
                row.order,
                row.dwell_ms,
                row.created_at or now,
            )
            for row in rows
        ),
    )
    stored = Annotation.objects.filter(annotator__dataset=dataset)
    found = {(a, c): ident for ident, a, c in stored.values_list("id", "annotator_id", "comparison_id")}
    DimensionAnswer.objects.bulk_create(
        [
            DimensionAnswer(
                annotation_id=found[annotators[row.participant], pairs[row.comparison]], dimension=key, answer=said
            )
            for row in rows
            for key, said in row.dimensions.items()
        ],
        500,
    )


def written(
    study: Study, counted: QuerySet[Participant], people: Mapping[Any, str], stamp: Callable[[datetime], str]
) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the files as names and lines. `people` are the names by which the folder knows those who count."""
    shown = ShownComparison.objects.filter(participant__in=counted, comparison__dataset__study=study)
    if shown.exists():
        yield DRAWS, (_line(row) for row in _drawn(shown, people, stamp))
    answers = Annotation.objects.current().filter(
        comparison__dataset__study=study, annotator__participant__in=counted, answer__in=SAID
    )
    if answers.exists():
        yield ANSWERS, (_line(row) for row in _answered(answers, people, stamp))
    pairs = Comparison.objects.filter(dataset__study=study).order_by("number")
    if pairs.exists():
        yield PAIRS, (_line(_written_pair(pair)) for pair in pairs.iterator(500))


def _drawn(
    shown: QuerySet[ShownComparison], people: Mapping[Any, str], stamp: Callable[[datetime], str]
) -> Iterator[dict[str, Any]]:
    rows = shown.select_related("draw", "comparison").defer("comparison__text_a", "comparison__text_b")
    in_order = rows.order_by("participant__number", "place").iterator(2000)
    for (person, _draw), group in groupby(in_order, key=lambda item: (item.participant_id, item.draw_id)):
        if person not in people:
            continue  # someone may have joined a moment ago
        items = list(group)
        draw = items[0].draw
        yield {
            "participant": people[person],
            **({"seed": draw.seed, "rule": dict(sorted(draw.rule.items()))} if draw else {}),
            "drawn_at": stamp(draw.created_at if draw else items[0].created_at),
            "items": [
                {
                    "comparison_id": item.comparison.number,
                    "order_shown": item.order_shown,
                    **{name: stamp(moment) for name in TIMES if (moment := getattr(item, name))},
                }
                for item in items
            ],
        }


def _answered(
    answers: QuerySet[Annotation], people: Mapping[Any, str], stamp: Callable[[datetime], str]
) -> Iterator[dict[str, Any]]:
    rows = answers.select_related("annotator", "comparison").defer("comparison__text_a", "comparison__text_b", "reason")
    for row in rows.prefetch_related("dimensions").order_by("id").iterator(2000):
        if row.annotator.participant_id in people:
            dimensions = {said.dimension: said.answer for said in row.dimensions.all()}
            yield {
                "participant": people[row.annotator.participant_id],
                "comparison_id": row.comparison.number,
                "answer": row.answer,
                **({"order_shown": row.order_shown} if row.order_shown else {}),
                **({} if row.dwell_ms is None else {"dwell_ms": row.dwell_ms}),
                **({"dimensions": dict(sorted(dimensions.items()))} if dimensions else {}),
                "created_at": stamp(row.created_at),
            }


def _written_pair(pair: Comparison) -> dict[str, Any]:
    more = {name: getattr(pair, name) for name in ("context", "model_a", "model_b", "source_id")}
    return {
        "id": pair.number,
        "prompt": pair.prompt,
        "text_a": pair.text_a,
        "text_b": pair.text_b,
        **{name: text for name, text in more.items() if text},
    }


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
