"""One way to write a published body as bytes, so that the same content always has the same SHA-256."""

import hashlib
import json
import math
import unicodedata
from typing import Any

from django.utils.translation import gettext as _

from core.problems import Problem

PLACES = 12


def canonical_bytes(body: Any) -> bytes:
    """Return `body` as UTF-8 JSON: keys sorted, text in NFC, floats rounded to 12 places, newline at the end.

    Lists keep their order: whoever makes the body sorts them. Raises ValueError for NaN, infinity and
    values that JSON does not know.
    """
    return (json.dumps(_plain(body), ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


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


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a published body holds no NaN and no infinity")
        rounded = round(value, PLACES)
        return int(rounded) if rounded == int(rounded) else rounded
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("keys of a published body are text")
        return {unicodedata.normalize("NFC", key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise ValueError(f"{type(value).__name__} has no canonical form")
