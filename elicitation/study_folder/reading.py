"""Reading a study folder: every file is checked before anything is stored, and what is wrong is told with its place."""

from collections import Counter
from pathlib import Path
from typing import Any

from django.utils import timezone
from pydantic import ValidationError as BadSettings

from elicitation.models import Endorsement, UpgradeStory, WisdomVote
from elicitation.study_folder.content import OPTIONAL, REQUIRED, STUDY_FORMAT, Folder, ValueRow
from elicitation.study_settings import StudySettings
from elicitation.tables import BadFile, Errors, Row, is_storable, read_csv, read_json, read_jsonl

SAME_CARD = ("same", "different", "unsure")


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
