"""One way to write a published body as bytes, so that the same content always has the same SHA-256."""

import hashlib
import io
import json
import math
import unicodedata
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from core.problems import Problem

PLACES = 12
ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


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
    """Yield the JSON of a body piece by piece, an iterator's items one by one."""
    if isinstance(body, dict):
        plain = {_plain_key(key): item for key, item in body.items()}
        for place, key in enumerate(sorted(plain)):
            yield ("," if place else "{") + ENCODER.encode(key) + ":"
            yield from _texts(plain[key])
        yield "}" if plain else "{}"
    elif isinstance(body, Iterator):
        yield "["
        for place, item in enumerate(body):
            yield ("," if place else "") + ENCODER.encode(_plain(item))
        yield "]"
    else:
        yield ENCODER.encode(_plain(body))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a published body holds no NaN and no infinity")
        rounded = round(value, PLACES)
        return int(rounded) if rounded == int(rounded) else rounded
    if isinstance(value, dict):
        return {_plain_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise ValueError(f"{type(value).__name__} has no canonical form")


def _plain_key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError("keys of a published body are text")
    return unicodedata.normalize("NFC", key)
