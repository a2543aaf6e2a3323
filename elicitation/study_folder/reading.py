"""Reading a study folder: every file is checked before anything is stored, and what is wrong is told with its place."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError as BadSettings

from core.text import readable
from elicitation.models import Endorsement, UpgradeStory, WisdomVote
from elicitation.study_folder import compared, story_draws
from elicitation.study_folder.content import (
    IS_SATISFIED,
    KEPT_OF_VOTES,
    OPTIONAL,
    REQUIRED,
    STUDY_FORMAT,
    CheckRow,
    Folder,
    PickRow,
    ValueRow,
    VoteRow,
)
from elicitation.study_settings import StudySettings
from elicitation.tables import Errors, Row, is_storable, names_in, read_csv, read_json, read_jsonl

VALUES, CARDS, MERGED = "canonical_values.jsonl", "values_cards.jsonl", "deduplicated_cards.jsonl"
SHOWN, PICKED = "impressions.csv", "votes.csv"
POLIS = {"comments.csv", "participants-votes.csv"}
MOST_CONTEXT = 300
SAME_CARD = ("same", "different", "unsure")


def read_folder(folder: Path) -> Folder:
    """Return the folder's content, checked. Raises BadFile with up to 20 errors that name file, line and field."""
    there = names_in(folder)
    errors = Errors()
    if missing := [name for name in REQUIRED if name not in there]:
        for name in missing:
            errors.add(name, None, "", "is missing")
        hint = (
            "this looks like a Polis export: add --format polis" if there >= POLIS else "docs/formats.md describes them"
        )
        errors.add(str(folder), None, "", f"a study folder needs {', '.join(REQUIRED)}; {hint}")
    errors.stop_if_any()
    found = Folder()
    if unknown := sorted(there - set(REQUIRED) - set(OPTIONAL)):
        found.notes.append("left unread: " + readable(", ".join(unknown)))
    people: dict[str, None] = {}
    _read_frame(folder, found, errors, there)
    _read_values(folder, found, errors, there)
    _read_answers(folder, found, errors, there, people)
    _read_later(folder, found, errors, there, people)
    found.compared = compared.read(folder, there, errors)
    people.update(dict.fromkeys(row.participant for row in found.compared.draws))
    people.update(dict.fromkeys(row.participant for row in found.compared.answers))
    errors.stop_if_any()
    for name in sorted(people):
        found.people.setdefault(name, {})
    return found


def _read_frame(folder: Path, found: Folder, errors: Errors, there: set[str]) -> None:
    if "study.json" in there:
        _read_study(read_json(folder / "study.json", errors), found, errors)
    cases = _list_in(folder / "cases.json", 'a list of cases: [{"id": …, "question": …}]', errors)
    for place, case in enumerate(cases, 1):
        row = Row(f"cases.json, case {place}", 0, case if isinstance(case, dict) else {}, errors)
        name = row.text("id", most=100)
        if not name:
            errors.broken.add("cases.json")
        row.text("title", most=120, required=False)
        row.text("question", most=2000)
        row.flag("is_heavy")
        row.flag("is_archived")
        if name in found.cases:
            row.wrong("id", f"{name!r} is there twice")
        found.cases[name] = row
    contexts = _list_in(folder / "contexts.json", "a list of texts", errors)
    for place, context in enumerate(contexts, 1):
        row = Row(f"contexts.json, context {place}", 0, {"": context}, errors)
        text = row.text("", most=MOST_CONTEXT)
        if not text:
            errors.broken.add("contexts.json")
        elif text in found.contexts:
            row.wrong("", f'"{text}" is there twice')
        found.contexts[text] = None
    for row in read_csv(folder / "contexts_on_cases.csv", ["context", "case_id"], errors):
        link = (row.text("context"), row.text("case_id"))
        row.known("context", link[0], found.contexts, "context", "contexts.json")
        row.known("case_id", link[1], found.cases, "case", "cases.json")
        if link in found.links:
            row.wrong("context", "this pair is there twice")
        found.links[link] = None


def _list_in(path: Path, what: str, errors: Errors) -> list[Any]:
    value = read_json(path, errors)
    if value is not None and not isinstance(value, list):
        errors.unread(path.name, None, f"must be {what}")
    return value if isinstance(value, list) else []


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
            row.wrong(".".join(map(str, ["settings", *error["loc"]])), error["msg"])
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
    for row in read_jsonl(folder / VALUES, errors):
        number = _own_number(row, found.values)
        value = _value_row(row, number, "created_at", "case_id", "is_archived", "source")
        _check_source(row)
        _check_time(row)
        row.flag("is_archived")
        _case(row, found)
        found.values[number] = value
    if CARDS in there:
        for row in read_jsonl(folder / CARDS, errors):
            number = _own_number(row, found.cards)
            _value_row(row, number)
            canonical = row.number("canonical_id", required=False)
            row.known("canonical_id", canonical, found.values, "canonical value", VALUES)
            row.text("quality", most=10, required=False)
            _check_time(row)
            found.cards[number] = row
    merged_cards: dict[int, None] = {}
    if MERGED in there:
        for row in read_jsonl(folder / MERGED, errors):
            number, generation = _own_number(row, merged_cards), row.number("generation") or 0
            merged_cards[number] = None
            found.runs.setdefault(generation, {})[number] = _value_row(row, number)
    if "deduplications.csv" in there:
        columns = ["values_card_id", "deduplicated_card_id", "generation"]
        seen = set()
        for row in read_csv(folder / "deduplications.csv", columns, errors):
            card, merged, of = (row.number(name) for name in columns)
            row.known("values_card_id", card, found.cards, "values card", CARDS)
            what = f"deduplicated card of generation {of} with id"
            row.known("deduplicated_card_id", merged, found.runs.get(of or 0, {}), what, MERGED)
            if (card, of) in seen:
                row.wrong("values_card_id", f"card {card} is in generation {of} twice")
            seen.add((card, of))
            found.members.append((card or 0, merged or 0, of or 0))
    if "merged_values.csv" in there:
        _read_merged(folder / "merged_values.csv", found, errors)


def _read_merged(path: Path, found: Folder, errors: Errors) -> None:
    rows: dict[int, Row] = {}
    for row in read_csv(path, ["canonical_value_id", "counts_as_id"], errors):
        value, target = row.number("canonical_value_id"), row.number("counts_as_id")
        row.known("canonical_value_id", value, found.values, "canonical value", VALUES)
        row.known("counts_as_id", target, found.values, "canonical value", VALUES)
        if value is None or target is None:
            continue
        if value in rows:
            row.wrong("canonical_value_id", f"{value} is there already in line {rows[value].line}")
        rows.setdefault(value, row)
        found.merged.setdefault(value, target)
    for value, row in rows.items():  # counting follows one step only, and a circle would have no end
        if found.merged[value] in rows:
            line = rows[found.merged[value]].line
            row.wrong(
                "counts_as_id", f"{found.merged[value]} counts as another value itself (line {line}); name that one"
            )


def _own_number(row: Row, known: Collection[int]) -> int:
    """Return the row's own id, after telling if it has none that others can refer to."""
    number = row.number("id")
    if number is None:
        row.errors.broken.add(row.file)
    elif number in known:
        row.wrong("id", f"{number} is there twice")
    return number or 0


def _check_time(row: Row) -> None:
    """Check a time that need not be there; it is kept as it is written."""
    if row.text("created_at", most=40, required=False):
        row.time("created_at")


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
    told: set[story_draws.StoryKey] = set()
    if "upgrade_stories.jsonl" in there:
        for row in read_jsonl(folder / "upgrade_stories.jsonl", errors):
            story = (*_pair(row, found), row.text("run_id", most=100, required=False))
            row.text("story", most=8000, required=False)
            row.text("grade", most=2, required=False)
            _check_mapping(row)
            row.choice("origin", UpgradeStory.Origin.values, required=False)
            row.choice("state", UpgradeStory.State.values, required=False)
            if story in told:
                row.wrong("from_id", "this story is there twice")
            told.add(story)
            found.stories.append(row)
    if story_draws.NAME in there:
        found.story_draws = story_draws.read(folder / story_draws.NAME, told, found.cases, errors)
        people.update(dict.fromkeys(draw.participant for draw in found.story_draws))
    _read_votes(folder / "wisdom_votes.csv", found, people, errors)
    owners: dict[str, tuple[str, str]] = {}
    shown = _read_picks(folder / SHOWN, found, people, owners, errors) if SHOWN in there else set()
    picked = _read_picks(folder / PICKED, found, people, owners, errors) if PICKED in there else set()
    if shown and (unseen := len(picked - shown)):
        found.notes.append(f"{PICKED}: {unseen} picks of values that {SHOWN} does not show")


class _Once:
    """Reads a cell once for each text that a column holds: rows name the same people, values and contexts again and again.
    A text that is wrong is read, and told, each time."""

    def __init__(self, field: str, read: Callable[[Row], Any]) -> None:
        self._field, self._read = field, read
        self._known: dict[str, Any] = {}

    def __call__(self, row: Row) -> Any:
        text = row.fields[self._field]
        if text in self._known:
            return self._known[text]
        before = row.errors.count
        value = self._read(row)
        if row.errors.count == before:
            self._known[text] = value
        return value


def _read_votes(path: Path, found: Folder, people: dict[str, None], errors: Errors) -> None:
    columns = ["participant", "from_id", "to_id", "context", "run_id", "relationship", "created_at"]
    person_of = _Once("participant", lambda row: _person(row, people))
    source_of = _Once("from_id", lambda row: _value_id(row, "from_id", found))
    target_of = _Once("to_id", lambda row: _value_id(row, "to_id", found))
    context_of = _Once("context", lambda row: _context(row, found))
    run_of = _Once("run_id", lambda row: row.text("run_id", most=100, required=False))
    answers = WisdomVote.Answer.values
    answer_of = _Once("relationship", lambda row: row.choice("relationship", answers))
    seen: dict[tuple[str, int, int, str], int] = {}
    for row in read_csv(path, columns, errors):
        person, source, target, context = person_of(row), source_of(row), target_of(row), context_of(row)
        _check_pair(row, source, target)
        run, answer, moment = run_of(row), answer_of(row), row.time("created_at")
        if row.fields.get("updated_at"):
            row.time("updated_at")
        if "has_comment" in row.fields:
            row.choice("has_comment", ("0", "1"))
        key = (person, source or 0, target or 0, context)
        if key in seen:
            row.wrong("participant", f"{person} answered this pair in this context already in line {seen[key]}")
        seen[key] = row.line
        if moment is not None and not errors.told:  # an import with errors stores none, and need not hold them all
            kept = tuple(map(row.fields.get, KEPT_OF_VOTES))
            found.votes.append(VoteRow(*key, run, answer, moment, kept))


def _read_picks(
    path: Path, found: Folder, people: dict[str, None], owners: dict[str, tuple[str, str]], errors: Errors
) -> set[tuple[str, str, int]]:
    """Read what was shown, or what was picked of it, and return it as (draw, person where there is no draw, value)."""
    is_shown = path.name == SHOWN
    answers = Endorsement.Answer.values
    draw_of = _Once("draw_id", lambda row: row.text("draw_id", most=100, required=is_shown))
    value_of = _Once("canonical_value_id", lambda row: _value_id(row, "canonical_value_id", found))
    person_of = _Once("participant", lambda row: _person(row, people))
    case_of = _Once("case_id", lambda row: _case(row, found))
    seen: set[tuple[str, str, int]] = set()
    doubled = 0
    for row in read_csv(path, ["participant", "draw_id", "canonical_value_id", "case_id", "created_at"], errors):
        draw, value, person, case = draw_of(row), value_of(row), person_of(row), case_of(row)
        if draw or row.fields["created_at"]:  # where nothing was drawn the time need not be known
            row.time("created_at")
        answer = ""
        if not is_shown:
            answer = row.choice("answer", answers) if "answer" in row.fields else Endorsement.Answer.AGREE
        if draw and owners.setdefault(draw, (person, case)) != (person, case):
            row.wrong("draw_id", f"draw {draw} belongs to another participant or case in an earlier line")
        pick = (draw, "" if draw else person, value or 0)
        if pick in seen:
            doubled += 1
            continue
        seen.add(pick)
        kept = PickRow(person, draw, value or 0, case, row.fields["created_at"], answer)
        (found.exposures if is_shown else found.picks).append(kept)
    if doubled:
        rows = "1 row repeats" if doubled == 1 else f"{doubled} rows repeat"
        found.notes.append(f"{path.name}: {rows} a draw and value; one of each was kept")
    return seen


def _read_later(folder: Path, found: Folder, errors: Errors, there: set[str], people: dict[str, None]) -> None:
    if "demographics.csv" in there:
        for row in read_csv(folder / "demographics.csv", ["participant"], errors):
            person = _person(row, people)
            if person in found.people:
                row.wrong("participant", f"{person} is there twice")
            asked = [name for name in row.fields if name and name != "participant"]  # one without a name is a row count
            found.people[person] = {name: row.text(name, most=200, required=False) for name in asked}
    merged = {number for values in found.runs.values() for number in values}
    if "deduplication_checks.csv" in there:
        columns = ["participant", "values_card_id", "deduplicated_card_id", "answer"]
        for row in read_csv(folder / "deduplication_checks.csv", columns, errors):
            person, card, value = _person(row, people), row.number("values_card_id"), row.number("deduplicated_card_id")
            row.known("values_card_id", card, found.cards, "values card", CARDS)
            row.known("deduplicated_card_id", value, merged, "deduplicated card", MERGED)
            found.same_card.append(CheckRow(person, card, value or 0, row.choice("answer", SAME_CARD)))
    if "graph_position_checks.csv" in there:
        columns = ["participant", "deduplicated_card_id", "is_satisfied"]
        for row in read_csv(folder / "graph_position_checks.csv", columns, errors):
            person, value = _person(row, people), row.number("deduplicated_card_id")
            row.known("deduplicated_card_id", value, merged, "deduplicated card", MERGED)
            found.fair.append(CheckRow(person, None, value or 0, row.choice("is_satisfied", tuple(IS_SATISFIED))))


def _person(row: Row, people: dict[str, None]) -> str:
    person = row.text("participant", most=100)
    people.setdefault(person)
    return person


def _case(row: Row, found: Folder) -> str:
    case = row.text("case_id", most=100, required=False)
    if case:
        row.known("case_id", case, found.cases, "case", "cases.json")
    return case


def _pair(row: Row, found: Folder) -> tuple[int, int, str]:
    source, target = _value_id(row, "from_id", found), _value_id(row, "to_id", found)
    _check_pair(row, source, target)
    return (source or 0, target or 0, _context(row, found))


def _value_id(row: Row, field: str, found: Folder) -> int | None:
    number = row.number(field)
    row.known(field, number, found.values, "canonical value", VALUES)
    return number


def _context(row: Row, found: Folder) -> str:
    context = row.text("context")
    if context:
        row.known("context", context, found.contexts, "context", "contexts.json")
    return context


def _check_pair(row: Row, source: int | None, target: int | None) -> None:
    if source is not None and source == target:
        row.wrong("to_id", "a value can't be compared with itself")
