"""One way to write a published body as bytes, so that the same content always has the same SHA-256."""

import hashlib
import io
import math
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from core.problems import Problem

PLACES = 12
ITEMS = 100  # of a list that may be long, written at a time
FEW_KEYS = 64  # of a dict of which many have the same keys


class Written(str):
    """A part of a body that is written already: it goes into the body as it is."""


def canonical_bytes(body: Any) -> bytes:
    """Return `body` as UTF-8 JSON: keys sorted, text in NFC, floats rounded to 12 places, newline at the end.

    Lists keep their order: whoever makes the body sorts them. A long one may be an iterator, as a value of the body, so
    that its items need not be there all at once. Raises ValueError for NaN, infinity and values that JSON does not know.
    """
    written = io.BytesIO()
    for text in _texts(body):
        written.write(text.encode())
    written.write(b"\n")
    return written.getvalue()


def written(part: Any) -> Written:
    """Return a part of a body as it is written there."""
    return Written("".join(_texts(part)))


def written_numbers(column: np.ndarray) -> list[str]:
    """Return how each number in a column is written, NaN as null."""
    numbers = column.tolist()
    if column.dtype.kind != "f":
        return [*map(int.__repr__, numbers)]
    texts = {number: "null" if math.isnan(number) else _of_float(number) for number in set(numbers)}  # few differ
    return [texts[number] for number in numbers]


def written_texts(column: Collection[str]) -> list[str]:
    """Return how each text of a column is written."""
    texts = {text: _of_text(text) for text in set(column)}
    return [texts[text] for text in column]


def written_lists(column: Iterable[Iterable[int]], texts: Collection[str]) -> list[str]:
    """Return how each list in a column is written, of texts that are told by their places in `texts`."""
    found = [*map(_of_text, texts)]
    return ["[" + ",".join([found[place] for place in places]) + "]" for places in column]


def written_rows(columns: Mapping[str, Iterable[str]]) -> list[Written]:
    """Return many dicts of the same keys as they are written, from a column for each key of what is written there. Where that
    is empty, the key is left out."""
    labelled = [[part and label + part for part in columns[key]] for key, label in _sorted(tuple(columns))]
    return [Written("{" + ",".join(filter(None, row)) + "}") for row in zip(*labelled, strict=True)]


def sha256_of(body: Any) -> str:
    """Return the hexadecimal SHA-256 of the canonical bytes of `body`."""
    return hashlib.sha256(canonical_bytes(body)).hexdigest()


def unchanged(body: str, sha256: str) -> str:
    """Return a stored body if it is still what was hashed. Raises Problem for one that was tampered with: better nothing than
    that, since others rely on the hash."""
    if hashlib.sha256(body.encode()).hexdigest() != sha256:
        raise Problem(
            500,
            "damaged",
            _("This is not what was published"),
            _("It no longer matches its SHA-256, so it is not served. Those who run this site can restore it."),
        )
    return body


def _texts(body: Any) -> Iterator[str]:
    """Yield the JSON of a body piece by piece, some of an iterator's items at a time."""
    if isinstance(body, dict):
        opening = "{"
        for key, label in _sorted(tuple(body)):
            yield opening + label
            yield from _texts(body[key])
            opening = ","
        yield "}" if body else "{}"
    elif isinstance(body, Iterator):
        opening = "["
        while items := [*islice(body, ITEMS)]:
            yield opening + ",".join([_WRITERS[type(item)](item) for item in items])
            opening = ","
        yield "]" if opening == "," else "[]"
    else:
        yield _WRITERS[type(body)](body)


def _of_text(text: str) -> str:
    return encode_basestring(text if text.isascii() else unicodedata.normalize("NFC", text))


def _of_float(number: float) -> str:
    # up to 15 digits and no power of ten: what is rounded is written as it is here, but slower
    if 1e-4 <= abs(number) < 1000:
        return f"{number:.{PLACES}f}".rstrip("0").rstrip(".")
    return _of_other_float(number)


def _of_other_float(number: float) -> str:
    if not math.isfinite(number):
        raise ValueError("a published body holds no NaN and no infinity")
    rounded = round(number, PLACES)
    return int.__repr__(int(rounded)) if rounded == int(rounded) else float.__repr__(rounded)


def _of_dict(items: dict[Any, Any]) -> str:
    keys = tuple(items)
    labels = _few_sorted(keys) if len(keys) <= FEW_KEYS else _sorted(keys)
    return "{" + ",".join([label + _WRITERS[type(item := items[key])](item) for key, label in labels]) + "}"


def _of_list(items: list[Any] | tuple[Any, ...]) -> str:
    return "[" + ",".join([_WRITERS[type(item)](item) for item in items]) + "]"


def _sorted(keys: tuple[Any, ...]) -> list[tuple[Any, str]]:
    """Return a dict's keys in their order, each with what is written of it. Of keys that are one in NFC, the last stands."""
    if not all(isinstance(key, str) for key in keys):
        raise ValueError("keys of a published body are text")
    plain = {unicodedata.normalize("NFC", key): key for key in keys}
    return [(plain[text], encode_basestring(text) + ":") for text in sorted(plain)]


_few_sorted = lru_cache(256)(_sorted)  # the same few keys come again and again


class _Writers(dict[type, Callable[[Any], str]]):
    """What writes a value, by its type: by that of which it is a kind, if it has none of its own."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        if issubclass(kind, float):
            return _of_other_float  # it may round in its own way
        for known in (str, int, dict, list, tuple):
            if issubclass(kind, known):
                self[kind] = self[known]  # the next one of its kind is found at once
                return self[kind]
        raise ValueError(f"{kind.__name__} has no canonical form")


_WRITERS = _Writers(
    {
        str: _of_text,
        Written: lambda part: part,
        int: int.__repr__,
        float: _of_float,
        dict: _of_dict,
        list: _of_list,
        tuple: _of_list,
        bool: lambda value: "true" if value else "false",
        type(None): lambda value: "null",
    }
)
