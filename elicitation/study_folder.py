"""A study as a folder of plain files, in and out (docs/formats.md). The 2023 trial's published records are one.

Reading is all or nothing: every file is checked first, and one transaction writes. Writing gives a folder whose import is an
equal study and whose export is the same bytes again. Free text of people (turns, comments, quotes) is never written.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_slug
from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import ValidationError as BadSettings

from elicitation.models import (
    CanonicalValue,
    ConsentText,
    Context,
    DeduplicationRun,
    Draw,
    Endorsement,
    Exposure,
    Participant,
    Question,
    QuestionContext,
    Study,
    UpgradeStory,
    ValueMember,
    ValueProjection,
    ValuesCard,
    VerificationAnswer,
    WisdomVote,
)
from elicitation.study_settings import DemographicField, StudySettings, settings_of
from elicitation.tables import BadFile, Errors, Row, is_storable, read_csv, read_json, read_jsonl

REQUIRED = ("cases.json", "contexts.json", "contexts_on_cases.csv", "canonical_values.jsonl", "wisdom_votes.csv")
OPTIONAL = (
    "study.json",
    "values_cards.jsonl",
    "upgrade_stories.jsonl",
    "impressions.csv",
    "votes.csv",
    "demographics.csv",
    "deduplicated_cards.jsonl",
    "deduplications.csv",
    "merged_values.csv",
    "deduplication_checks.csv",
    "graph_position_checks.csv",
)
STUDY_FORMAT = "folkmoot-study/1"
BATCH = 500
MOST_SLUG = 60
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_FIELDS = 12  # of demographics that a study can ask for; others are kept and can be grouped by
SAME_CARD = ("same", "different", "unsure")


@dataclass
class ImportSummary:
    """What an import did: rows by kind, and what was noticed without being an error."""

    slug: str
    changed: bool
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class ValueRow(NamedTuple):
    number: int
    title: str
    description: str
    detail: str
    policies: list[str]
    extra: dict[str, Any]


@dataclass
class Folder:
    """A study folder, read and checked."""

    study: dict[str, Any] = field(default_factory=dict)
    cases: dict[str, Row] = field(default_factory=dict)
    contexts: dict[str, None] = field(default_factory=dict)
    links: dict[tuple[str, str], None] = field(default_factory=dict)
    values: dict[int, ValueRow] = field(default_factory=dict)
    cards: dict[int, Row] = field(default_factory=dict)
    stories: list[Row] = field(default_factory=list)
    votes: list[tuple[Row, datetime]] = field(default_factory=list)
    exposures: list[Row] = field(default_factory=list)
    picks: list[Row] = field(default_factory=list)
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    runs: dict[int, dict[int, ValueRow]] = field(default_factory=dict)
    members: list[tuple[int, int, int]] = field(default_factory=list)
    merged: list[tuple[int, int]] = field(default_factory=list)
    same_card: list[Row] = field(default_factory=list)
    fair: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


# reading


def read_folder(folder: Path) -> Folder:
    """Return the folder's content, checked. Raises BadFile with up to 20 errors that name file, line and field."""
    if not folder.is_dir():
        raise BadFile([f"{folder}: there is no such folder"])
    errors = Errors()
    there = {path.name for path in folder.iterdir()}
    for name in REQUIRED:
        if name not in there:
            errors.add(name, None, "", "is missing; a study folder needs " + ", ".join(REQUIRED))
    errors.stop_if_any()
    found = Folder()
    if unknown := sorted(there - set(REQUIRED) - set(OPTIONAL)):
        found.notes.append("left unread: " + ", ".join(unknown))
    people: dict[str, None] = {}
    _read_frame(folder, found, errors, there)
    _read_values(folder, found, errors, there)
    _read_answers(folder, found, errors, there, people)
    _read_later(folder, found, errors, there, people)
    errors.stop_if_any()
    for name in sorted(people):
        found.people.setdefault(name, {})
    return found


def _read_frame(folder: Path, found: Folder, errors: Errors, there: set[str]) -> None:
    if "study.json" in there:
        _read_study(read_json(folder / "study.json", errors), found, errors)
    cases = read_json(folder / "cases.json", errors)
    if not isinstance(cases, list):
        errors.add("cases.json", None, "", "must be a list of cases")
        cases = []
    for place, case in enumerate(cases, 1):
        row = Row(f"cases.json, case {place}", 0, case if isinstance(case, dict) else {}, errors)
        name = row.text("id", most=100)
        row.text("title", most=120, required=False)
        row.text("question", most=2000)
        row.flag("is_heavy")
        row.flag("is_archived")
        if name in found.cases:
            row.wrong("id", f"{name!r} is there twice")
        found.cases[name] = row
    contexts = read_json(folder / "contexts.json", errors)
    if not isinstance(contexts, list) or not all(
        isinstance(c, str) and 0 < len(c) <= 300 and is_storable(c) for c in contexts
    ):
        errors.add("contexts.json", None, "", "must be a list of texts of up to 300 characters")
        contexts = []
    for context, times in Counter(contexts).items():
        if times > 1:
            errors.add("contexts.json", None, "", f"{context!r} is there twice")
    found.contexts = dict.fromkeys(contexts)
    for row in read_csv(folder / "contexts_on_cases.csv", ["context", "case_id"], errors):
        link = (row.text("context"), row.text("case_id"))
        row.known("context", link[0], found.contexts, "context")
        row.known("case_id", link[1], found.cases, "case")
        if link in found.links:
            row.wrong("context", "this pair is there twice")
        found.links[link] = None


def _read_study(told: Any, found: Folder, errors: Errors) -> None:
    if not isinstance(told, dict) or told.get("format") != STUDY_FORMAT:
        if told is not None:
            errors.add("study.json", None, "format", f"must be {STUDY_FORMAT}")
        return
    row = Row("study.json", 0, told, errors)
    row.text("title", most=160, required=False)
    row.text("description", most=4000, required=False)
    row.text("language", most=12, required=False)
    row.flag("is_simulated")
    if "consent_texts" in told:
        row.texts("consent_texts", most_each=20_000)
    try:
        StudySettings.model_validate(told.get("settings", {}))
    except BadSettings as bad:
        for error in bad.errors():
            row.wrong("settings." + ".".join(map(str, error["loc"])), error["msg"])
    found.study = told


def _value_row(row: Row, number: int, *extra: str) -> ValueRow:
    return ValueRow(
        number,
        row.text("title", most=200),
        row.text("instructions_short", most=2000, required=False),
        row.text("instructions_detailed", most=8000, required=False),
        row.texts("evaluation_criteria"),
        {name: row.fields[name] for name in extra if row.fields.get(name) is not None},
    )


def _read_values(folder: Path, found: Folder, errors: Errors, there: set[str]) -> None:
    for row in read_jsonl(folder / "canonical_values.jsonl", errors):
        number = row.number("id")
        if number is not None and number in found.values:
            row.wrong("id", f"{number} is there twice")
        if number is not None:
            found.values[number] = _value_row(row, number, "created_at", "case_id", "is_archived", "source")
            _check_source(row)
        row.text("created_at", most=40, required=False)
        row.flag("is_archived")
        _case(row, found)
    if "values_cards.jsonl" in there:
        for row in read_jsonl(folder / "values_cards.jsonl", errors):
            number = row.number("id")
            if number is not None and number in found.cards:
                row.wrong("id", f"{number} is there twice")
            _value_row(row, number or 0)
            canonical = row.number("canonical_id", required=False)
            if canonical is not None:
                row.known("canonical_id", canonical, found.values, "canonical value")
            row.text("quality", most=10, required=False)
            row.text("created_at", most=40, required=False)
            found.cards[number or 0] = row
    if "deduplicated_cards.jsonl" in there:
        seen_numbers = set()
        for row in read_jsonl(folder / "deduplicated_cards.jsonl", errors):
            number, generation = row.number("id"), row.number("generation")
            values = found.runs.setdefault(generation or 0, {})
            if number in seen_numbers:
                row.wrong("id", f"{number} is there twice")
            seen_numbers.add(number)
            values[number or 0] = _value_row(row, number or 0)
    if "deduplications.csv" in there:
        columns = ["values_card_id", "deduplicated_card_id", "generation"]
        seen = set()
        for row in read_csv(folder / "deduplications.csv", columns, errors):
            card, value, generation = (row.number(name) for name in columns)
            row.known("values_card_id", card, found.cards, "values card")
            row.known("deduplicated_card_id", value, found.runs.get(generation or 0, {}), "deduplicated card")
            if (card, generation) in seen:
                row.wrong("values_card_id", f"card {card} is in generation {generation} twice")
            seen.add((card, generation))
            found.members.append((card or 0, value or 0, generation or 0))
    if "merged_values.csv" in there:
        for row in read_csv(folder / "merged_values.csv", ["canonical_value_id", "counts_as_id"], errors):
            value, target = row.number("canonical_value_id"), row.number("counts_as_id")
            row.known("canonical_value_id", value, found.values, "canonical value")
            row.known("counts_as_id", target, found.values, "canonical value")
            found.merged.append((value or 0, target or 0))


def _check_mapping(row: Row) -> None:
    steps = row.fields.get("mapping", [])
    kinds = {"from": str, "to": str | None, "how": str}
    for step in steps if isinstance(steps, list) else [steps]:
        texts = step if isinstance(step, dict) else {}
        if set(texts) != set(kinds) or not all(
            isinstance(text, kinds[name]) and (text is None or (len(text) <= 2000 and is_storable(text)))
            for name, text in texts.items()
        ):
            row.wrong("mapping", 'must be a list of {"from": policy, "to": policy or null, "how": text}')
            return


def _check_source(row: Row) -> None:
    source = row.fields.get("source", {})
    names = source if isinstance(source, dict) else {"": None}
    texts = [*names, *names.values()]
    if len(names) > 50 or not all(isinstance(t, str) and len(t) <= 2000 and is_storable(t) for t in texts):
        row.wrong("source", "must be an object of up to 50 texts of 2000 characters")


def _read_answers(folder: Path, found: Folder, errors: Errors, there: set[str], people: dict[str, None]) -> None:
    if "upgrade_stories.jsonl" in there:
        seen_stories = set()
        for row in read_jsonl(folder / "upgrade_stories.jsonl", errors):
            story = (*_pair(row, found), row.text("run_id", most=100, required=False))
            row.text("story", most=8000, required=False)
            row.text("grade", most=2, required=False)
            _check_mapping(row)
            row.choice("origin", UpgradeStory.Origin.values, required=False)
            row.choice("state", UpgradeStory.State.values, required=False)
            if story in seen_stories:
                row.wrong("from_id", "this story is there twice")
            seen_stories.add(story)
            found.stories.append(row)
    columns = ["participant", "from_id", "to_id", "context", "run_id", "relationship", "created_at"]
    seen_votes: dict[tuple[Any, ...], int] = {}
    for row in read_csv(folder / "wisdom_votes.csv", columns, errors):
        person = _person(row, people)
        key = (person, *_pair(row, found))
        row.text("run_id", most=100, required=False)
        row.choice("relationship", WisdomVote.Answer.values)
        moment = row.time("created_at")
        if "updated_at" in row.fields:
            row.time("updated_at")
        if key in seen_votes:
            row.wrong("participant", f"{person} answered this pair in this context already in line {seen_votes[key]}")
        seen_votes[key] = row.line
        found.votes.append((row, moment or timezone.now()))
    columns = ["participant", "draw_id", "canonical_value_id", "case_id", "created_at"]
    shown: dict[tuple[Any, ...], None] = {}
    owners: dict[str, tuple[str, str]] = {}
    for name, rows, optional in (("impressions.csv", found.exposures, ()), ("votes.csv", found.picks, ("answer",))):
        if name not in there:
            continue
        doubled = 0
        seen: dict[tuple[Any, ...], None] = {}
        for row in read_csv(folder / name, columns, errors):
            draw = row.text("draw_id", most=100, required=name == "impressions.csv")
            value = row.number("canonical_value_id")
            person, case = _person(row, people), _case(row, found)
            row.known("canonical_value_id", value, found.values, "canonical value")
            row.time("created_at")
            if optional and "answer" in row.fields:
                row.choice("answer", Endorsement.Answer.values)
            if draw and owners.setdefault(draw, (person, case)) != (person, case):
                row.wrong("draw_id", f"draw {draw} belongs to another participant or case in an earlier line")
            pick = (draw, "" if draw else person, value)
            if pick in seen:
                doubled += 1
                continue
            seen[pick] = None
            rows.append(row)
        if name == "impressions.csv":
            shown = seen
        elif shown and (unseen := sum(key not in shown for key in seen)):
            found.notes.append(f"votes.csv: {unseen} picks of values that impressions.csv does not show")
        if doubled:
            found.notes.append(f"{name}: {doubled} rows repeat a draw and value; one of each was kept")


def _read_later(folder: Path, found: Folder, errors: Errors, there: set[str], people: dict[str, None]) -> None:
    if "demographics.csv" in there:
        for row in read_csv(folder / "demographics.csv", ["participant"], errors):
            person = _person(row, people)
            if person in found.people:
                row.wrong("participant", f"{person} is there twice")
            found.people[person] = {k: row.text(k, most=200, required=False) for k in row.fields if k != "participant"}
    deduplicated = {number for values in found.runs.values() for number in values}
    if "deduplication_checks.csv" in there:
        columns = ["participant", "values_card_id", "deduplicated_card_id", "answer"]
        for row in read_csv(folder / "deduplication_checks.csv", columns, errors):
            _person(row, people)
            row.known("values_card_id", row.number("values_card_id"), found.cards, "values card")
            row.known("deduplicated_card_id", row.number("deduplicated_card_id"), deduplicated, "deduplicated card")
            row.choice("answer", SAME_CARD)
            found.same_card.append(row)
    if "graph_position_checks.csv" in there:
        columns = ["participant", "deduplicated_card_id", "is_satisfied"]
        for row in read_csv(folder / "graph_position_checks.csv", columns, errors):
            _person(row, people)
            row.known("deduplicated_card_id", row.number("deduplicated_card_id"), deduplicated, "deduplicated card")
            row.choice("is_satisfied", ("True", "False"))
            found.fair.append(row)


def _person(row: Row, people: dict[str, None]) -> str:
    person = row.text("participant", most=100)
    people.setdefault(person)
    return person


def _case(row: Row, found: Folder) -> str:
    case = row.text("case_id", most=100, required=False)
    if case:
        row.known("case_id", case, found.cases, "case")
    return case


def _pair(row: Row, found: Folder) -> tuple[int, int, str]:
    source, target, context = row.number("from_id"), row.number("to_id"), row.text("context")
    row.known("from_id", source, found.values, "canonical value")
    row.known("to_id", target, found.values, "canonical value")
    row.known("context", context, found.contexts, "context")
    if source is not None and source == target:
        row.wrong("to_id", "a value can't be compared with itself")
    return (source or 0, target or 0, context)


# storing


def import_study(folder: Path, slug: str) -> ImportSummary:
    """Read a study folder into a new study. The same folder again changes nothing.

    Raises BadFile if anything in the folder is wrong, or if the slug belongs to another study; nothing is written then.
    """
    found = read_folder(folder)
    return store_study(found, slug, digest_of(folder, (*REQUIRED, *OPTIONAL)))


def digest_of(folder: Path, names: Iterable[str]) -> str:
    """Return one hash of those of the named files that are in the folder."""
    there = sorted(name for name in names if (folder / name).exists())
    parts = [(name, hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in there]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def store_study(found: Folder, slug: str, digest: str) -> ImportSummary:
    """Store what was read as a new study, all or nothing; a study that holds it already is left alone.

    Raises BadFile if the slug is none, or belongs to another study.
    """
    try:
        validate_slug(slug)
        MaxLengthValidator(MOST_SLUG)(slug)
    except ValidationError:
        raise BadFile([f"--study: {slug!r} is no slug; use up to {MOST_SLUG} letters, digits and dashes"]) from None
    try:
        with transaction.atomic():
            if not Study.objects.filter(slug=slug).exists():
                counts = _store(found, slug, digest)
                return ImportSummary(slug, changed=True, counts=counts, notes=found.notes)
    except IntegrityError:
        if not Study.objects.filter(slug=slug).exists():
            raise
        # another import of this slug came first; what it stored decides
    if Study.objects.get(slug=slug).source_sha256 != digest:
        raise BadFile([f"--study: there is a study {slug} already, with other content; choose another slug"])
    return ImportSummary(slug, changed=False, notes=found.notes)


def _store(found: Folder, slug: str, digest: str) -> dict[str, int]:
    study = _store_study(found, slug, digest)
    questions = {
        name: Question(
            study=study,
            number=n,
            source_id=name,
            title=row.text("title", required=False),
            text=row.text("question"),
            is_heavy=row.flag("is_heavy"),
            is_archived=row.flag("is_archived"),
        )
        for n, (name, row) in enumerate(found.cases.items(), 1)
    }
    Question.objects.bulk_create(questions.values())
    contexts = {text: Context(study=study, number=n, text=text) for n, text in enumerate(found.contexts, 1)}
    Context.objects.bulk_create(contexts.values())
    QuestionContext.objects.bulk_create(
        [
            QuestionContext(question=questions[case], context=contexts[context], number=n)
            for n, (context, case) in enumerate(found.links, 1)
        ]
    )
    values = {number: _value(study, row, questions) for number, row in found.values.items()}
    CanonicalValue.objects.bulk_create(values.values(), BATCH)
    cards = _store_cards(found, study)
    merged_ids = _store_runs(found, study, values, cards)
    people = {
        name: Participant(
            study=study,
            number=n,
            source_id=name,
            demographics=answers,
            is_simulated=study.is_simulated,
        )
        for n, (name, answers) in enumerate(sorted(found.people.items()), 1)
    }
    Participant.objects.bulk_create(people.values(), BATCH)
    stories = _store_stories(found, study, values, contexts)
    _store_votes(found, study, people, values, contexts, stories)
    _store_picks(found, people, values, questions)
    _store_checks(found, study, people, cards, merged_ids)
    return {
        "questions": len(questions),
        "contexts": len(contexts),
        "canonical values": len(values),
        "values cards": len(cards),
        "upgrade stories": len(stories),
        "participants": len(people),
        "wisdom votes": len(found.votes),
        "exposures": len(found.exposures),
        "endorsements": len(found.picks),
        "verification answers": len(found.same_card) + len(found.fair),
    }


def _store_study(found: Folder, slug: str, digest: str) -> Study:
    told = found.study
    settings = told.get("settings")
    if settings is None:
        choices: dict[str, set[str]] = {}
        for answers in found.people.values():
            for key, answer in answers.items():
                choices.setdefault(key, set()).update([answer] if answer else [])
        fields = [
            DemographicField(key=key, label=key.replace("_", " "), choices=sorted(kinds)).model_dump()
            for key, kinds in choices.items()
            if 2 <= len(kinds) <= 30 and KEY.fullmatch(key)
        ][:MOST_FIELDS]
        settings = {"demographics": fields}
    study = Study.objects.create(
        slug=slug,
        title=told.get("title") or slug,
        description=told.get("description") or "",
        language=told.get("language") or "en",
        state=Study.State.CLOSED,
        is_simulated=told.get("is_simulated", False),
        settings=settings,
        source_sha256=digest,
    )
    for version, text in enumerate(told.get("consent_texts", []), 1):
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        ConsentText.objects.create(study=study, version=version, text=text, sha256=sha256)
    return study


def _value(study: Study, row: ValueRow, questions: dict[str, Question], *, source_id: str = "", number: int = 0) -> Any:
    extra = dict(row.extra)
    return CanonicalValue(
        study=study,
        number=number or row.number,
        source_id=source_id or str(row.number),
        title=row.title,
        description=row.description,
        detail=row.detail,
        policies=row.policies,
        question=questions.get(extra.pop("case_id", "")),
        is_archived=bool(extra.pop("is_archived", False)),
        extra=extra,
    )


def _store_cards(found: Folder, study: Study) -> dict[int, ValuesCard]:
    cards = {
        number: ValuesCard(
            study=study,
            number=n,
            source_id=str(number),
            title=row.text("title"),
            description=row.text("instructions_short", required=False),
            detail=row.text("instructions_detailed", required=False),
            policies=[{"text": policy, "quotes": []} for policy in row.texts("evaluation_criteria")],
            state=ValuesCard.State.CONFIRMED,
            origin=ValuesCard.Origin.IMPORT,
            quality=row.text("quality", required=False),
            source_created_at=row.text("created_at", most=40, required=False),
        )
        for n, (number, row) in enumerate(found.cards.items(), 1)
    }
    ValuesCard.objects.bulk_create(cards.values(), BATCH)
    return cards


def _store_runs(
    found: Folder, study: Study, values: dict[int, CanonicalValue], cards: dict[int, ValuesCard]
) -> dict[int, CanonicalValue]:
    """Store the grouping that the votes were cast under as the active run, and later generations beside it."""
    first = DeduplicationRun.objects.create(study=study, number=1, method="import", is_active=True)
    own = [(cards[n], row.fields.get("canonical_id")) for n, row in found.cards.items()]
    ValueMember.objects.bulk_create(
        [ValueMember(run=first, card=card, value=values[to]) for card, to in own if to is not None], BATCH
    )
    ValueProjection.objects.bulk_create(
        [ValueProjection(run=first, value=values[value], target=values[target]) for value, target in found.merged]
    )
    following = max(values, default=0) + 1
    merged: dict[int, CanonicalValue] = {}
    for n, (generation, rows) in enumerate(sorted(found.runs.items()), 2):
        run = DeduplicationRun.objects.create(study=study, number=n, source_id=str(generation), method="import")
        for number, row in rows.items():
            archived = row._replace(extra={"is_archived": True})
            merged[number] = _value(study, archived, {}, source_id=f"deduplicated:{number}", number=following)
            following += 1
        CanonicalValue.objects.bulk_create([merged[number] for number in rows], BATCH)
        members = [(card, value) for card, value, of in found.members if of == generation]
        ValueMember.objects.bulk_create(
            [ValueMember(run=run, card=cards[card], value=merged[value]) for card, value in members], BATCH
        )
    return merged


def _store_stories(
    found: Folder, study: Study, values: dict[int, CanonicalValue], contexts: dict[str, Context]
) -> dict[tuple[int, int, str, str], UpgradeStory]:
    stories = {}
    for n, row in enumerate(found.stories, 1):
        key = _key(row)
        stories[key] = UpgradeStory(
            study=study,
            number=n,
            from_value=values[key[0]],
            to_value=values[key[1]],
            context=contexts[key[2]],
            text=row.text("story", required=False),
            run_label=key[3],
            grade=row.text("grade", most=2, required=False),
            mapping=row.fields.get("mapping", []),
            origin=row.fields.get("origin", UpgradeStory.Origin.IMPORT),
            state=row.fields.get("state", UpgradeStory.State.APPROVED),
        )
    UpgradeStory.objects.bulk_create(stories.values(), BATCH)
    return stories


def _key(row: Row) -> tuple[int, int, str, str]:
    f = row.fields
    return int(f["from_id"]), int(f["to_id"]), f["context"], f.get("run_id") or ""


def _store_votes(
    found: Folder,
    study: Study,
    people: dict[str, Participant],
    values: dict[int, CanonicalValue],
    contexts: dict[str, Context],
    stories: dict[tuple[int, int, str, str], UpgradeStory],
) -> None:
    kept = ("created_at", "updated_at", "has_comment")
    votes = []
    for row, moment in found.votes:
        key = _key(row)
        votes.append(
            WisdomVote(
                study=study,
                participant=people[row.fields["participant"]],
                story=stories.get(key),
                from_value=values[key[0]],
                to_value=values[key[1]],
                context=contexts[key[2]],
                answer=row.fields["relationship"],
                run_label=key[3],
                source={name: row.fields[name] for name in kept if name in row.fields},
                voted_at=moment,
            )
        )
    WisdomVote.objects.bulk_create(votes, BATCH)


def _store_picks(
    found: Folder, people: dict[str, Participant], values: dict[int, CanonicalValue], questions: dict[str, Question]
) -> None:
    draws: dict[str, Draw] = {}
    for row in [*found.exposures, *found.picks]:
        name = row.fields["draw_id"]
        if name and name not in draws:
            draws[name] = Draw(
                participant=people[row.fields["participant"]],
                kind=Draw.Kind.PICKS,
                question=questions.get(row.fields["case_id"]),
                source_id=name,
                completed_at=datetime.fromisoformat(row.fields["created_at"]),
            )
    Draw.objects.bulk_create(draws.values(), BATCH)
    places: dict[str, int] = {}
    exposures = []
    for row in found.exposures:
        name = row.fields["draw_id"]
        places[name] = places.get(name, -1) + 1
        exposures.append(
            Exposure(
                draw=draws[name],
                position=places[name],
                value=values[int(row.fields["canonical_value_id"])],
                shown_at=datetime.fromisoformat(row.fields["created_at"]),
                source_created_at=row.fields["created_at"],
            )
        )
    Exposure.objects.bulk_create(exposures, BATCH)
    Endorsement.objects.bulk_create(
        [
            Endorsement(
                participant=people[row.fields["participant"]],
                value=values[int(row.fields["canonical_value_id"])],
                draw=draws.get(row.fields["draw_id"]),
                question=questions.get(row.fields["case_id"]),
                answer=row.fields.get("answer", Endorsement.Answer.AGREE),
                source_created_at=row.fields.get("created_at", ""),
            )
            for row in found.picks
        ],
        BATCH,
    )


def _store_checks(
    found: Folder,
    study: Study,
    people: dict[str, Participant],
    cards: dict[int, ValuesCard],
    merged: dict[int, CanonicalValue],
) -> None:
    kinds = VerificationAnswer.Kind
    answers = [(kinds.SAME_CARD, row, row.fields["answer"]) for row in found.same_card]
    answers += [(kinds.FAIR_POSITION, row, row.fields["is_satisfied"]) for row in found.fair]
    VerificationAnswer.objects.bulk_create(
        [
            VerificationAnswer(
                study=study,
                participant=people[row.fields["participant"]],
                kind=kind,
                card=cards[int(row.fields["values_card_id"])] if kind == kinds.SAME_CARD else None,
                source_value_id=str(int(row.fields["deduplicated_card_id"])),
                answer=answer,
            )
            for kind, row, answer in answers
        ],
        BATCH,
    )


# writing


def export_study(study: Study, folder: Path) -> list[str]:
    """Write the study as a folder and return the names of the files. The folder must be new or empty.

    Raises BadFile otherwise. Withdrawn people, previews and unconfirmed cards are left out.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadFile([f"{folder}: must be a new or empty folder"])
    people = _names(Participant.objects.filter(study=study, withdrawn_at=None, is_preview=False).order_by("number"))
    files = {
        "study.json": _study_json(study),
        "cases.json": _json(
            [
                {
                    "id": _case_id(q),
                    **({"title": q.title} if q.title else {}),
                    "question": q.text,
                    **({"is_heavy": True} if q.is_heavy else {}),
                    **({"is_archived": True} if q.is_archived else {}),
                }
                for q in study.questions.order_by("number")
            ]
        ),
        "contexts.json": _json([c.text for c in study.contexts.order_by("number")]),
        "contexts_on_cases.csv": _csv(
            ["context", "case_id"],
            (
                [link.context.text, _case_id(link.question)]
                for link in QuestionContext.objects.filter(question__study=study)
                .select_related("context", "question")
                .order_by("number", "id")
            ),
        ),
    }
    files |= _value_files(study)
    files |= _answer_files(study, people)
    files |= _later_files(study, people)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return sorted(files)


def _names(people: Iterable[Participant]) -> dict[Any, str]:
    """Return a name for each participant: the source's, or one from their number that no other has."""
    found = {p.id: p.source_id for p in people}
    taken = set(found.values())
    for p in people:
        if not p.source_id:
            found[p.id] = next(name for n in count(p.number) if (name := f"p{n:04d}") not in taken)
            taken.add(found[p.id])
    return found


def _study_json(study: Study) -> str:
    return _json(
        {
            "format": STUDY_FORMAT,
            "title": study.title,
            "description": study.description,
            "language": study.language,
            "is_simulated": study.is_simulated,
            "settings": settings_of(study).model_dump(mode="json"),
            "consent_texts": [c.text for c in study.consent_texts.order_by("version")],
        }
    )


def _case_id(question: Question | None) -> str:
    return "" if question is None else question.source_id or f"q{question.number}"


def _texts(title: str, description: str, detail: str, policies: list[str]) -> dict[str, Any]:
    return {
        "title": title,
        "instructions_short": description,
        "instructions_detailed": detail,
        "evaluation_criteria": policies,
    }


def _value_files(study: Study) -> dict[str, str]:
    values = list(study.values.select_related("question").order_by("number"))
    own = [v for v in values if not v.source_id.startswith("deduplicated:")]
    files = {
        "canonical_values.jsonl": _jsonl(
            {
                "id": v.number,
                **_texts(v.title, v.description, v.detail, v.policies),
                **v.extra,
                **({"case_id": _case_id(v.question)} if v.question else {}),
                **({"is_archived": True} if v.is_archived else {}),
            }
            for v in sorted(own, key=lambda v: v.id)
        )
    }
    active = DeduplicationRun.objects.filter(study=study, is_active=True).first()
    home = dict(ValueMember.objects.filter(run=active).values_list("card_id", "value__number"))
    confirmed = study.cards.filter(state=ValuesCard.State.CONFIRMED).order_by("number")
    cards = list(confirmed.exclude(participant__is_preview=True))
    card_ids = _card_ids(cards)
    if cards:
        files["values_cards.jsonl"] = _jsonl(
            {
                "id": card_ids[c.id],
                "canonical_id": home.get(c.id),
                **_texts(c.title, c.description, c.detail, [p["text"] for p in c.policies]),
                "quality": c.quality,
                "created_at": c.source_created_at or _stamp(c.confirmed_at or c.created_at),
            }
            for c in cards
        )
    merged = ValueProjection.objects.filter(run=active).order_by("value__number")
    if rows := list(merged.values_list("value__number", "target__number")):
        files["merged_values.csv"] = _csv(["canonical_value_id", "counts_as_id"], rows)
    return files | _generation_files(study, values, card_ids)


def _card_ids(cards: Iterable[ValuesCard]) -> dict[Any, int]:
    """Return an id for each card: the source's, or one from its number that no other has."""
    found = {c.id: int(c.source_id) for c in cards if c.source_id}
    taken = set(found.values())
    for c in cards:
        if not c.source_id:
            found[c.id] = next(n for n in count(c.number) if n not in taken)
            taken.add(found[c.id])
    return found


def _generation_files(study: Study, values: list[CanonicalValue], cards: dict[Any, int]) -> dict[str, str]:
    later = list(DeduplicationRun.objects.filter(study=study).exclude(source_id="").order_by("number"))
    if not later:
        return {}
    members = list(
        ValueMember.objects.filter(run__in=later).order_by("id").values_list("card_id", "value_id", "run__source_id")
    )
    generation_of = {value: generation for _card, value, generation in members}
    source = {v.id: int(v.source_id.split(":")[1]) for v in values if v.source_id.startswith("deduplicated:")}
    return {
        "deduplicated_cards.jsonl": _jsonl(
            {
                "id": source[v.id],
                "generation": int(generation_of[v.id]),
                **_texts(v.title, v.description, v.detail, v.policies),
            }
            for v in values
            if v.id in source and v.id in generation_of
        ),
        "deduplications.csv": _csv(
            ["values_card_id", "deduplicated_card_id", "generation"],
            ([cards[card], source[value], generation] for card, value, generation in members if card in cards),
        ),
    }


def _answer_files(study: Study, people: dict[Any, str]) -> dict[str, str]:
    files = {}
    stories = list(study.stories.select_related("from_value", "to_value", "context").order_by("number"))
    if stories:
        files["upgrade_stories.jsonl"] = _jsonl(
            {
                "from_id": s.from_value.number,
                "to_id": s.to_value.number,
                "context": s.context.text,
                "run_id": s.run_label,
                "story": s.text,
                **({"grade": s.grade} if s.grade else {}),
                **({"mapping": s.mapping} if s.mapping else {}),
                **({"origin": s.origin} if s.origin != UpgradeStory.Origin.IMPORT else {}),
                **({"state": s.state} if s.state != UpgradeStory.State.APPROVED else {}),
            }
            for s in stories
        )
    votes = (
        WisdomVote.objects.current()
        .filter(study=study, participant__in=people)
        .select_related("from_value", "to_value", "context")
        .order_by("id")
    )
    columns = ["participant", "from_id", "to_id", "context", "run_id", "relationship"]
    files["wisdom_votes.csv"] = _csv(
        [*columns, "has_comment", "created_at", "updated_at"],
        (
            [
                people[v.participant_id],
                v.from_value.number,
                v.to_value.number,
                v.context.text,
                v.run_label,
                v.answer,
                v.source.get("has_comment", str(int(bool(v.comment)))),
                v.source.get("created_at", _stamp(v.voted_at)),
                v.source.get("updated_at", v.source.get("created_at", _stamp(v.voted_at))),
            ]
            for v in votes
        ),
    )
    columns = ["participant", "draw_id", "canonical_value_id", "case_id"]
    exposures = Exposure.objects.filter(draw__participant__in=people).order_by("id")
    shown = list(exposures.select_related("draw__question", "value"))
    endorsements = Endorsement.objects.current().filter(participant__in=people).order_by("id")
    picks = list(endorsements.select_related("draw__question", "value", "question"))
    names = _draw_names([e.draw for e in shown] + [e.draw for e in picks if e.draw])
    if shown:
        files["impressions.csv"] = _csv(
            [*columns, "created_at"],
            (
                [
                    people[e.draw.participant_id],
                    names[e.draw_id],
                    e.value.number,
                    _case_id(e.draw.question),
                    e.source_created_at or _stamp(e.shown_at or e.draw.created_at),
                ]
                for e in shown
            ),
        )
    if picks:
        files["votes.csv"] = _csv(
            [*columns, "created_at", "answer"],
            (
                [
                    people[e.participant_id],
                    names.get(e.draw_id, ""),
                    e.value.number,
                    _case_id(e.question),
                    e.source_created_at or _stamp(e.created_at),
                    e.answer,
                ]
                for e in picks
            ),
        )
    return files


def _draw_names(draws: Iterable[Draw]) -> dict[Any, str]:
    """Return a name for each draw: the source's, or its place among the study's draws. Our own random ids stay inside."""
    found: dict[Any, str] = {}
    for draw in draws:
        found.setdefault(draw.id, draw.source_id or f"d{len(found) + 1}")
    return found


def _later_files(study: Study, people: dict[Any, str]) -> dict[str, str]:
    files = {}
    with_answers = [
        (people[p.id], p.demographics)
        for p in Participant.objects.filter(study=study, id__in=people).order_by("number")
        if p.demographics
    ]
    if with_answers:
        asked = [f.key for f in settings_of(study).demographics]
        told = {key for _, answers in with_answers for key in answers}
        keys = [key for key in asked if key in told] + sorted(told - set(asked))
        files["demographics.csv"] = _csv(
            ["participant", *keys], ([name, *(answers.get(k, "") for k in keys)] for name, answers in with_answers)
        )
    checks = list(study.verification_answers.filter(participant__in=people).select_related("card").order_by("id"))
    same = [c for c in checks if c.kind == VerificationAnswer.Kind.SAME_CARD and c.card]
    fair = [c for c in checks if c.kind == VerificationAnswer.Kind.FAIR_POSITION]
    if same:
        files["deduplication_checks.csv"] = _csv(
            ["participant", "values_card_id", "deduplicated_card_id", "answer"],
            ([people[c.participant_id], c.card.source_id, c.source_value_id, c.answer] for c in same if c.card),
        )
    if fair:
        files["graph_position_checks.csv"] = _csv(
            ["participant", "deduplicated_card_id", "is_satisfied"],
            ([people[c.participant_id], c.source_value_id, c.answer] for c in fair),
        )
    return files


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _jsonl(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    careful = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)  # Python 3.11 leaves a lone CR unquoted
    writer.writerow(columns)
    for row in rows:
        (careful if any("\r" in str(cell) for cell in row) else writer).writerow(row)
    return out.getvalue()
