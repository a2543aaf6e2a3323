"""A Polis export as a study without interviews: statements are values, votes are endorsements of them (docs/formats.md).

Polis: compdemocracy.org/polis. The groups that it found are kept as the demographic `group`.
"""

import re
from pathlib import Path

from core.text import readable
from elicitation.models import Endorsement
from elicitation.study_folder.content import Folder, ImportSummary, PickRow, ValueRow
from elicitation.study_folder.storing import digest_of, store_study
from elicitation.tables import Errors, Row, names_in, read_csv

COMMENTS, VOTES, SUMMARY = "comments.csv", "participants-votes.csv", "summary.csv"
ANSWERS = {"1": Endorsement.Answer.AGREE, "-1": Endorsement.Answer.DISAGREE, "0": Endorsement.Answer.PASS}
STATEMENT = re.compile(r"0|[1-9][0-9]{0,9}")  # a column of votes
ABOUT_PEOPLE = {"participant", "group-id", "n-comments", "n-votes", "n-agree", "n-disagree"}
MODERATED = ("-1", "0", "1", "")
MOST_TITLE, MOST_STATEMENT, MOST_FIELD = 200, 2000, 100


def import_polis(folder: Path, slug: str) -> ImportSummary:
    """Read a Polis export into a new study. The same folder again changes nothing.

    Raises BadFile if anything in the folder is wrong, or if the slug belongs to another study; nothing is written then.
    """
    found = read_polis(folder)
    return store_study(found, slug, digest_of(folder, (COMMENTS, VOTES, SUMMARY)))


def read_polis(folder: Path) -> Folder:
    """Return the export's content, checked. Raises BadFile with up to 20 errors that name file, line and field."""
    there = names_in(folder)
    errors = Errors()
    for name in (COMMENTS, VOTES):
        if name not in there:
            errors.add(name, None, "", f"is missing; a Polis export has {COMMENTS} and {VOTES}")
    errors.stop_if_any()
    found = Folder()
    if unknown := sorted(there - {COMMENTS, VOTES, SUMMARY}):
        found.notes.append("left unread: " + ", ".join(unknown))
    for row in read_csv(folder / COMMENTS, ["comment-id", "comment-body"], errors):
        _read_statement(row, found)
    columns: list[str] = []
    for row in read_csv(folder / VOTES, ["participant"], errors):
        columns = columns or list(row.fields)
        _read_votes(row, found)
    if others := [name for name in columns if name not in ABOUT_PEOPLE and not STATEMENT.fullmatch(name)]:
        found.notes.append(f"{VOTES}: columns left unread: " + readable(", ".join(others)))
    if missing := len(set(map(str, found.values)) - set(columns)):
        found.notes.append(f"{VOTES}: {missing} of {len(found.values)} statements have no column")
    if SUMMARY in there:
        # two columns without a header, the first row of which is the topic
        topic = next((name for name in _header(folder / SUMMARY, errors) if name != "topic"), "")
        found.study = {"title": topic.strip()[:160]}
    errors.stop_if_any()
    return found


def _read_statement(row: Row, found: Folder) -> None:
    number = row.number("comment-id")
    text = row.text("comment-body", most=MOST_STATEMENT)
    if number is None:
        row.errors.broken.add(COMMENTS)
        return
    if number in found.values:
        row.wrong("comment-id", f"{number} is there twice")
    if "moderated" in row.fields:
        row.choice("moderated", MODERATED)
    known = ("comment-id", "comment-body")
    source = {name: row.text(name, most=MOST_FIELD) for name in row.fields if name not in known and row.fields[name]}
    is_long = len(text) > MOST_TITLE
    found.values[number] = ValueRow(
        number,
        title=text[: MOST_TITLE - 1] + "…" if is_long else text,
        description=text if is_long else "",
        detail="",
        policies=[],
        extra={"source": source, "is_archived": row.fields.get("moderated") == "-1"},
    )


def _read_votes(row: Row, found: Folder) -> None:
    person = row.text("participant", most=100)
    if person in found.people:
        row.wrong("participant", f"{person} is there twice")
    group = row.text("group-id", most=20, required=False)
    found.people[person] = {"group": group} if group else {}
    for name, cell in row.fields.items():
        if not STATEMENT.fullmatch(name) or not cell:
            continue
        row.known(name, int(name), found.values, "statement", COMMENTS)
        answer = ANSWERS.get(cell)
        if answer is None:
            row.wrong(name, f"{cell[:20]!r} is none of 1, -1, 0 and nothing")
            continue
        found.picks.append(PickRow(person, "", int(name), "", "", answer))


def _header(path: Path, errors: Errors) -> list[str]:
    rows = read_csv(path, [], errors)
    first = next(rows, None)
    return list(first.fields) if first else []
