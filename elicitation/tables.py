"""Files from outside, read with errors that name file, line and field. Nothing is stored here."""

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.text import near, readable

MOST_ERRORS = 20
MOST_FIELD = 200_000
MOST_COLUMN = 200  # of a column's name
MOST_ID = 1_000_000_000  # with room above it for numbers of our own in a database's integer
MOST_NESTING = 100
MOST_DIGITS = 400
SEPARATORS = {",": "comma", "\t": "tab"}
MOST_CELL = 4_000_000  # above every limit of a text, which its reader tells with the field's name
_HALF_PAIR = re.compile("[\ud800-\udfff]")
csv.field_size_limit(MOST_CELL)


class BadFile(Exception):
    """What is wrong with a file or folder, as lines of "file, line n, field: what"; `more` were not told."""

    def __init__(self, errors: Sequence[str], more: int = 0) -> None:
        self.errors, self.more = list(errors), more
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """Return the errors, and how many more there are."""
        return self.errors + ([f"… and {self.more} more"] if self.more else [])


class Errors:
    """Collects what is wrong, the first 20 in words and the others in number.

    `broken` are the files of which a part could not be read: what they would have named is not known, so that
    references to it are not told as errors of their own.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.more = 0
        self.broken: set[str] = set()

    @property
    def count(self) -> int:
        return len(self.told) + self.more

    def add(self, file: str, line: int | None, field: str, what: str) -> None:
        if len(self.told) < MOST_ERRORS:
            place = ", ".join(part for part in (file, f"line {line}" if line else "", field) if part)
            self.told.append(readable(f"{place}: {what}"))
        else:
            self.more += 1

    def unread(self, file: str, line: int | None, what: str) -> None:
        """Tell that a file, or one line of it, can't be read."""
        self.broken.add(file)
        self.add(file, line, "", what)

    def stop_if_any(self) -> None:
        """Raise BadFile if anything was wrong."""
        if self.told:
            raise BadFile(self.told, self.more)


class Row:
    """One row of a file with its place, giving fields by type and telling what is wrong with them."""

    __slots__ = ("errors", "fields", "file", "line")

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
        if isinstance(value, str) and len(value) <= 10 and value.isascii() and value.isdecimal():
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
            self.wrong(field, f"{_shown(value)} is none of {', '.join(choice or 'nothing' for choice in choices)}")
            return choices[0]
        return str(value)

    def known(self, field: str, key: int | str | None, known: Collection[int | str], what: str, file: str = "") -> None:
        """Tell it as an error of this field if `key` is none of the `known` that `file` names; None was told before."""
        if key is None or key in known or file in self.errors.broken:
            return
        if len(self.errors.told) < MOST_ERRORS:  # looking for near ones takes time
            where = f" in {file}" if file else ""
            hint = near(key, [k for k in known if isinstance(k, str)]) if isinstance(key, str) else ""
            self.wrong(field, f"there is no {what} {_shown(key)}{where}{hint}")
        else:
            self.wrong(field, "")

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


def names_in(folder: Path) -> set[str]:
    """Return the names of what is in a folder. Raises BadFile if it is none, or can't be read."""
    if not folder.is_dir():
        raise BadFile(
            [f"{folder}: " + ("is a file; name the folder" if folder.exists() else "there is no such folder")]
        )
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as error:
        raise BadFile([f"{folder}: can't be read ({error.strerror})"]) from None


def read_text(path: Path, errors: Errors) -> str | None:
    """Return the file's text without a byte-order mark, or None after telling what is wrong with it."""
    data = _read_utf8(path, errors)
    return None if data is None else data.decode("utf-8-sig")


def _read_utf8(path: Path, errors: Errors) -> bytes | None:
    """Return a file's bytes, which are UTF-8 without NUL, or None after telling what is wrong with them."""
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            errors.unread(path.name, None, "is no file")
            return None
        data = path.read_bytes()
    except OSError as error:
        errors.unread(path.name, None, f"can't be read ({error.strerror})")
        return None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        errors.unread(path.name, 1, "is UTF-16; save it as UTF-8")
    elif data.startswith(b"PK\x03\x04"):
        errors.unread(path.name, 1, "is a zip or spreadsheet file; save it as plain text, CSV for a table")
    elif (wrong := _not_utf8_from(data)) is not None:
        errors.unread(path.name, data.count(b"\n", 0, wrong) + 1, "is not UTF-8 here; save the file as UTF-8")
    elif (wrong := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, wrong) + 1
        errors.unread(path.name, line, "holds a NUL character; remove it, and save the file as UTF-8")
    else:
        return data
    return None


def _not_utf8_from(data: bytes) -> int | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def read_csv(path: Path, columns: Sequence[str], errors: Errors, *, delimiter: str = ",") -> Iterator[Row]:
    """Yield the rows of a CSV file that has at least these columns. Lines are counted as an editor does."""
    data = _read_utf8(path, errors)
    if data is None:
        return
    # read as a stream: the whole text at once would take four times the file's size
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline=""), strict=True, delimiter=delimiter)
    began = 1
    try:
        header = next(reader, [])
        if wrong := _wrong_header(header, columns, delimiter):
            errors.broken.add(path.name)
            errors.add(path.name, 1, *wrong)
            return
        began = reader.line_num + 1
        for fields in reader:
            if fields:
                if len(fields) != len(header):
                    hint = (
                        f"; put a text that holds a {SEPARATORS[delimiter]} in quotes"
                        if len(fields) > len(header)
                        else ""
                    )
                    what = f"has {len(fields)} fields where the header has {len(header)}{hint}"
                    errors.unread(path.name, began, what)
                else:
                    yield Row(path.name, began, dict(zip(header, fields, strict=True)), errors)
            began = reader.line_num + 1
    except csv.Error as error:
        what = {
            "unexpected end of data": "a quote is opened here and never closed",
            f"field larger than field limit ({MOST_CELL})": f"a field is longer than {MOST_CELL} characters",
        }.get(str(error), str(error))
        errors.unread(path.name, began, f"is no proper CSV from here ({what})")


def _wrong_header(header: Sequence[str], columns: Sequence[str], delimiter: str) -> tuple[str, str] | None:
    """Return the field and what is wrong with it, or None if these columns are there."""
    if not header and columns:
        return "", "is empty; it needs a header with the columns " + ", ".join(columns)
    if missing := [column for column in columns if column not in header]:
        what = "this column is missing" if len(missing) == 1 else "these columns are missing"
        there = ", ".join(_shown(column) for column in header)
        is_other = len(header) == 1 and re.search(r"[;,\t]", header[0])
        hint = f"; put {SEPARATORS[delimiter]}s between them" if is_other else ""
        return ", ".join(missing), f"{what}; the header has {there}{hint}"
    if doubled := sorted({column for column in header if header.count(column) > 1}):
        return ", ".join(doubled), "this column is there twice"
    if too_long := next((column for column in header if len(column) > MOST_COLUMN), ""):
        return _shown(too_long), f"a column's name has at most {MOST_COLUMN} characters"
    return None


def read_jsonl(path: Path, errors: Errors) -> Iterator[Row]:
    """Yield the objects of a JSON Lines file."""
    data = _read_utf8(path, errors)
    if data is None:
        return
    for number, line in enumerate(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="\n"), 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line.rstrip("\r\n"))
        except NotJson as wrong:
            errors.unread(path.name, number, str(wrong))
            continue
        if isinstance(value, dict):
            yield Row(path.name, number, value, errors)
        else:
            errors.unread(path.name, number, 'must be a JSON object on one line: {"…": …}')


def read_json(path: Path, errors: Errors) -> Any:
    """Return what a JSON file holds, or None after telling what is wrong with it."""
    text = read_text(path, errors)
    if text is None:
        return None
    try:
        value = parse_json(text)
    except NotJson as wrong:
        errors.unread(path.name, wrong.line, str(wrong))
        return None
    if value is None:
        errors.unread(path.name, 1, "holds nothing but null")
    return value


class NotJson(ValueError):
    """Says what is wrong with a text that should be JSON, and in which of its lines where that is known."""

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what)
        self.line = line


def parse_json(text: str) -> Any:
    """Return the JSON value of `text`. Raises NotJson, also for what other readers could not take: NaN and infinities,
    doubled keys, numbers without measure, deep nesting."""
    if not text.strip():
        raise NotJson("is empty")
    try:
        value = json.loads(
            text, parse_constant=_no_number, parse_int=_whole, parse_float=_finite, object_pairs_hook=_once
        )
    except json.JSONDecodeError as error:
        raise NotJson(f"is no proper JSON at column {error.colno} ({error.msg})", error.lineno) from None
    except RecursionError:
        raise NotJson("is nested too deeply") from None
    if text.count("[") + text.count("{") > MOST_NESTING and _nesting(value) > MOST_NESTING:
        raise NotJson("is nested too deeply")
    return value


def _no_number(constant: str) -> None:
    raise NotJson(f"{constant} is no JSON number")


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise NotJson(f"holds a number of {len(digits)} digits; at most {MOST_DIGITS} are read")
    return int(digits)


def _finite(number: str) -> float:
    if math.isinf(float(number)):
        raise NotJson(f"{number[:20]} is too large a number")
    return float(number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(doubled, _times)] = Counter(key for key, _value in pairs).most_common(1)
        raise NotJson(f"the key {_shown(doubled)} is there twice")
    return found


def _nesting(value: Any) -> int:
    """Return how many lists and objects stand inside each other at most."""
    depth, level = 0, [value]
    while level := [inner for inner in level if isinstance(inner, dict | list)]:
        depth += 1
        level = [x for inner in level for x in (inner.values() if isinstance(inner, dict) else inner)]
    return depth


def is_storable(text: str) -> bool:
    """Whether every database takes this text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and (text.isascii() or not _HALF_PAIR.search(text))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"
