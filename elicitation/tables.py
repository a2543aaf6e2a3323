"""Files from outside, read with errors that name file, line and field. Nothing is stored here."""

import csv
import io
import json
import re
from collections.abc import Callable, Container, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MOST_ERRORS = 20
MOST_FIELD = 200_000
MOST_ID = 1_000_000_000  # with room above it for numbers of our own in a database's integer
csv.field_size_limit(MOST_FIELD * 4)


class BadFile(Exception):
    """What is wrong with a file or folder, as lines of "file, line n, field: what"."""

    def __init__(self, errors: Sequence[str], more: int = 0) -> None:
        lines = list(errors) + ([f"… and {more} more"] if more else [])
        super().__init__("\n".join(lines))
        self.errors = list(errors)


class Errors:
    """Collects what is wrong, the first 20 in words and the others in number."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.more = 0

    def add(self, file: str, line: int | None, field: str, what: str) -> None:
        place = ", ".join(part for part in (file, f"line {line}" if line else "", field) if part)
        if len(self.told) < MOST_ERRORS:
            self.told.append(f"{place}: {what}")
        else:
            self.more += 1

    def stop_if_any(self) -> None:
        """Raise BadFile if anything was wrong."""
        if self.told:
            raise BadFile(self.told, self.more)


class Row:
    """One row of a file with its place, giving fields by type and telling what is wrong with them."""

    def __init__(self, file: str, line: int, fields: dict[str, Any], errors: Errors) -> None:
        self.file, self.line, self.fields, self.errors = file, line, fields, errors

    def wrong(self, field: str, what: str) -> None:
        self.errors.add(self.file, self.line, field, what)

    def text(self, field: str, *, most: int = MOST_FIELD, required: bool = True) -> str:
        value = self.fields.get(field)
        if value is None and not required:
            return ""
        if not isinstance(value, str):
            self.wrong(field, "is missing" if value is None else "must be text")
            return ""
        if required and not value.strip():
            self.wrong(field, "is empty")
        if len(value) > most:
            self.wrong(field, f"has {len(value)} characters; at most {most} fit")
            return value[:most]
        if not is_storable(value):
            self.wrong(field, "holds a character that can't be stored")
            return ""
        return value

    def number(self, field: str, *, required: bool = True) -> int | None:
        """Return the whole number that a source gives a thing as its id, from 0 to MOST_ID."""
        value = self.fields.get(field)
        if value is None and not required:
            return None
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_ID:
            return value
        what = "is missing" if value in (None, "") else f"{_shown(value)} is no whole number from 0 to {MOST_ID}"
        self.wrong(field, what)
        return None

    def flag(self, field: str) -> bool:
        """Return whether something is so; false where the field is missing."""
        value = self.fields.get(field, False)
        if not isinstance(value, bool):
            self.wrong(field, "must be true or false")
        return value is True

    def texts(self, field: str, *, most: int = 100, most_each: int = 2000) -> list[str]:
        value = self.fields.get(field)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(field, "must be a list of texts")
            return []
        if len(value) > most or any(len(item) > most_each for item in value):
            self.wrong(field, f"may hold {most} texts of {most_each} characters")
            return []
        if not all(is_storable(item) for item in value):
            self.wrong(field, "holds a character that can't be stored")
            return []
        return list(value)

    def choice(self, field: str, choices: Sequence[str], *, required: bool = True) -> str:
        value = self.fields.get(field)
        if value is None and not required:
            return ""
        if value not in choices:
            self.wrong(field, f"{_shown(value)} is none of {', '.join(choices)}")
            return choices[0]
        return str(value)

    def known(self, field: str, key: int | str | None, known: Container[int | str], what: str) -> None:
        """Tell it as an error of this field if `key` is none of the `known`; None was told of before."""
        if key is not None and key not in known:
            self.wrong(field, f"there is no {what} {_shown(key)}")

    def time(self, field: str) -> datetime | None:
        value = self.fields.get(field)
        try:
            moment = datetime.fromisoformat(str(value))
            if moment.tzinfo is None:
                self.wrong(field, f"{_shown(value)} lacks a time zone; add Z for UTC")
                return None
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.wrong(field, f"{_shown(value)} is no ISO time such as 2023-10-18T09:16:00Z")
            return None


def read_text(path: Path, errors: Errors) -> str | None:
    """Return the file's text without a byte-order mark, or None after telling what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        errors.add(path.name, None, "", f"can't be read ({error.strerror})")
        return None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        errors.add(path.name, 1, "", "is UTF-16; save it as UTF-8")
        return None
    if data.startswith(b"PK\x03\x04"):
        errors.add(path.name, 1, "", "is a zip or spreadsheet file, not plain text")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        errors.add(path.name, line, "", "is not UTF-8 here; save the file as UTF-8")
        return None
    if "\x00" in text:
        errors.add(path.name, text.count("\n", 0, text.index("\x00")) + 1, "", "holds a NUL character")
        return None
    return text


def read_csv(path: Path, columns: Sequence[str], errors: Errors, *, name: str = "") -> Iterator[Row]:
    """Yield the rows of a CSV file that has at least these columns. Lines are counted as an editor does."""
    name = name or path.name
    text = read_text(path, errors)
    if text is None:
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    began = 1
    try:
        header = next(reader, [])
        if missing := [column for column in columns if column not in header]:
            errors.add(name, 1, ", ".join(missing), "this column is missing")
            return
        if doubled := sorted({c for c in header if header.count(c) > 1}):
            errors.add(name, 1, ", ".join(doubled), "this column is there twice")
            return
        began = reader.line_num + 1
        for fields in reader:
            if fields:
                if len(fields) != len(header):
                    errors.add(name, began, "", f"has {len(fields)} fields where the header has {len(header)}")
                else:
                    yield Row(name, began, dict(zip(header, fields, strict=True)), errors)
            began = reader.line_num + 1
    except csv.Error as error:
        errors.add(name, began, "", f"is no proper CSV from here ({error})")


def read_jsonl(path: Path, errors: Errors) -> Iterator[Row]:
    """Yield the objects of a JSON Lines file."""
    text = read_text(path, errors)
    if text is None:
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            value = parse_json(line, lambda what, n=number: errors.add(path.name, n, "", what))  # type: ignore[misc]
            if isinstance(value, dict):
                yield Row(path.name, number, value, errors)
            elif value is not None:
                errors.add(path.name, number, "", "must be a JSON object")


def read_json(path: Path, errors: Errors) -> Any:
    """Return what a JSON file holds, or None after telling what is wrong with it."""
    text = read_text(path, errors)
    if text is None:
        return None
    return parse_json(text, lambda what: errors.add(path.name, None, "", what))


def parse_json(text: str, tell: Callable[[str], None]) -> Any:
    """Return the JSON value of `text`; NaN, infinities, doubled keys and deep nesting are refused."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON number")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"the key {_shown(next(k for k in keys if keys.count(k) > 1))} is there twice")
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        tell(f"is no proper JSON at line {error.lineno}, column {error.colno} ({error.msg})")
    except ValueError as error:
        tell(str(error))
    except RecursionError:
        tell("is nested too deeply")
    return None


def is_storable(text: str) -> bool:
    """Whether every database takes this text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"
