"""The text gate: every text from outside passes here before it is stored.

PostgreSQL refuses NUL, SQLite refuses lone surrogates and neither refuses bidirectional overrides that make a text
read differently from what it is. One rule for all stores, and errors that a person can act on.
"""

import re
from collections.abc import Collection
from difflib import get_close_matches

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")


def clean_text(text: object, *, field: str, most: int, required: bool = False) -> str:
    """Return `text` with line ends as newlines and a leading byte-order mark removed.

    `most` is the greatest length in characters. Raises ValidationError, keyed by `field`, for text that is no text,
    too long, empty where `required`, or that holds characters which cannot be shown or stored.
    """
    if not isinstance(text, str):
        raise ValidationError({field: _("This must be text.")}, code="invalid")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if found := _REFUSED.search(text):
        raise ValidationError(
            {
                field: _("Character %(place)d (U+%(code)04X) can't be stored. Please remove it.")
                % {"place": found.start() + 1, "code": ord(found.group())}
            },
            code="invalid",
        )
    if len(text) > most:
        raise ValidationError(
            {field: _("This has %(length)d characters; at most %(most)d fit.") % {"length": len(text), "most": most}},
            code="max_length",
        )
    if required and not text.strip():
        raise ValidationError({field: _("Please write something here.")}, code="required")
    return text


def readable(text: str, most: int = 500) -> str:
    """Return a text from outside as part of a message: one line that shows in a terminal, a page and JSON alike."""
    text = re.sub(r"[\n\r\t]+", " ", text)
    text = _REFUSED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return text if len(text) <= most else text[: most - 1] + "…"


def near(text: str, known: Collection[str]) -> str:
    """Return "; did you mean …?" with the known texts that are spelt nearly so, or nothing."""
    found = get_close_matches(text, known, n=3, cutoff=0.75) if len(known) <= 1000 else []
    return "; did you mean " + " or ".join(f'"{word}"' for word in found) + "?" if found else ""
