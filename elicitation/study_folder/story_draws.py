"""`story_draws.jsonl`: which stories were drawn for whom, by which rule, and why each. Read, stored and written here."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from elicitation.models import Draw, DrawItem, Question, UpgradeStory
from elicitation.tables import MOST_ID, Errors, Row, is_storable, read_jsonl

NAME = "story_draws.jsonl"
COUNTS = ("asked", "wiser", "decided")
LARGEST_SEED = 2**62
MOST_ITEMS = 30

StoryKey = tuple[int, int, str, str]  # from, to, context, run


class ItemRow(NamedTuple):
    story: StoryKey
    from_first: bool
    why: str
    counts: dict[str, int]
    shown_at: datetime | None
    skipped_at: datetime | None


class StoryDrawRow(NamedTuple):
    """What was drawn for one person."""

    participant: str
    case: str
    seed: int
    rule: dict[str, Any]
    items: list[ItemRow]


def read(path: Path, stories: Iterable[StoryKey], cases: Iterable[str], errors: Errors) -> list[StoryDrawRow]:
    """Return the file's draws, one for each person; what is wrong is told."""
    known, asked = set(stories), set(cases)
    found: dict[str, StoryDrawRow] = {}
    for row in read_jsonl(path, errors):
        person = row.text("participant", most=100)
        if person in found:
            row.wrong("participant", f"{person} is there twice; a person has one draw of stories")
        case = row.text("case_id", most=100, required=False)
        if case:
            row.known("case_id", case, asked, "case", "cases.json")
        items = row.fields.get("items")
        if not isinstance(items, list) or len(items) > MOST_ITEMS or not all(isinstance(item, dict) for item in items):
            row.wrong("items", f"must be a list of up to {MOST_ITEMS} objects")
            items = []
        read_items = [_item(Row(row.file, row.line, item, errors), known) for item in items]
        if len({item.story for item in read_items}) < len(read_items):
            row.wrong("items", "a story is there twice")
        found[person] = StoryDrawRow(person, case, seed_of(row), rule_of(row), read_items)
    return list(found.values())


def _item(row: Row, known: set[StoryKey]) -> ItemRow:
    source, target = row.number("from_id") or 0, row.number("to_id") or 0
    story = (source, target, row.text("context"), row.text("run_id", most=100, required=False))
    if story not in known and not row.errors.broken:
        row.wrong("from_id", f"upgrade_stories.jsonl has no story from {source} to {target} of that context and run")
    why = row.choice("why", DrawItem.Why.values, required=False)
    counts = {name: row.number(name) or 0 for name in COUNTS if name in row.fields}
    times = [row.time(name) if row.fields.get(name) is not None else None for name in ("shown_at", "skipped_at")]
    return ItemRow(story, row.flag("from_first"), why, counts, *times)


def seed_of(row: Row) -> int:
    """Return the seed of a draw; what is wrong with it is told."""
    seed = row.fields.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        row.wrong("seed", f"must be a whole number from 0 to {LARGEST_SEED}")
        return 0
    return seed


def rule_of(row: Row) -> dict[str, Any]:
    """Return the rule: names and plain values, kept as they are."""
    rule = row.fields.get("rule", {})
    if isinstance(rule, dict) and len(rule) <= 30 and all(_is_plain(v) for pair in rule.items() for v in pair):
        return rule
    row.wrong("rule", "must be an object of up to 30 names, each with a text or a number")
    return {}


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 200 and is_storable(value)
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= MOST_ID


def store(
    rows: Iterable[StoryDrawRow],
    people: Mapping[str, UUID],
    stories: Mapping[StoryKey, UpgradeStory],
    questions: Mapping[str, Question],
) -> dict[tuple[str, int, int, str], DrawItem]:
    """Store the draws; return the item about each pair and context of a person, for the vote on it."""
    draws, items = [], []
    found: dict[tuple[str, int, int, str], DrawItem] = {}
    for row in rows:
        draw = Draw(
            participant_id=people[row.participant], kind=Draw.Kind.STORIES, question=questions.get(row.case),
            seed=row.seed, rule=row.rule, completed_at=timezone.now(),
        )  # fmt: skip
        draws.append(draw)
        for position, told in enumerate(row.items):
            item = DrawItem(
                draw=draw, position=position, story=stories[told.story], from_first=told.from_first, why=told.why,
                counts=told.counts, shown_at=told.shown_at, skipped_at=told.skipped_at,
            )  # fmt: skip
            items.append(item)
            found[row.participant, *told.story[:3]] = item
    Draw.objects.bulk_create(draws, 500)
    DrawItem.objects.bulk_create(items, 500)
    return found


def written(draws: Iterable[Draw], people: Mapping[Any, str], cases: Mapping[Any, str]) -> Iterator[str]:
    """Yield the lines of the file. `people` and `cases` are the names by which the folder knows them."""
    for draw in draws:
        if draw.participant_id not in people:
            continue  # someone may have joined a moment ago
        row = {
            "participant": people[draw.participant_id],
            **({"case_id": cases[draw.question_id]} if draw.question_id in cases else {}),
            "seed": draw.seed,
            "rule": dict(sorted(draw.rule.items())),
            "items": [
                {
                    "from_id": item.story.from_value.number,
                    "to_id": item.story.to_value.number,
                    "context": item.story.context.text,
                    "run_id": item.story.run_label,
                    "from_first": item.from_first,
                    **({"why": item.why} if item.why else {}),
                    **{name: item.counts[name] for name in COUNTS if name in item.counts},
                    **{
                        name: moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                        for name, moment in (("shown_at", item.shown_at), ("skipped_at", item.skipped_at))
                        if moment
                    },
                }
                for item in sorted(draw.items.all(), key=lambda item: item.position)
            ],
        }
        yield json.dumps(row, ensure_ascii=False) + "\n"
