"""Tokens and codes: made at random, shown once, kept only as a keyed digest."""

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

# Crockford's base 32: no I, L, O, U, so that a code survives being read aloud or copied by hand.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})


class OtherSecret(ValueError):
    """What was sealed was sealed under another secret, or another SECRET_KEY."""


def new_token(prefix: str) -> str:
    """Return `prefix` and 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def new_code(groups: int = 3, size: int = 4) -> str:
    """Return a code for people, 5 bits a character: "7KQ2-M9XA-4TNB"."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(size)) for _ in range(groups))


def read_code(written: str) -> str:
    """Return a code as it was made, from how a person wrote it: case, spaces, dashes and look-alikes do not matter."""
    letters = [c for c in written.upper().translate(_MISREAD) if c in _ALPHABET]
    return "-".join("".join(letters[i : i + 4]) for i in range(0, len(letters), 4))


def digest(secret: str) -> str:
    """Return the keyed digest under which a secret is stored: HMAC-SHA256 with the site's SECRET_KEY."""
    return hmac.new(settings.SECRET_KEY.encode(), secret.encode(), hashlib.sha256).hexdigest()


def seal(content: bytes, secret: str) -> bytes:
    """Return `content` so that only who has `secret` and the site's SECRET_KEY can read it."""
    return _box(secret).encrypt(content)


def unseal(sealed: bytes, secret: str) -> bytes:
    """Return what `seal` was given under the same `secret`. Raises OtherSecret under another."""
    from cryptography.fernet import InvalidToken

    try:
        return _box(secret).decrypt(sealed)
    except InvalidToken:
        raise OtherSecret from None


def _box(secret: str) -> "Fernet":
    from cryptography.fernet import Fernet  # large, and many processes never seal

    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(digest(f"seal:{secret}"))))
