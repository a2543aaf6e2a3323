"""The site's signature over what it published: Ed25519, detached, over exactly the bytes that are pulled as JSON.

A version is signed when it is published, or when its signature is first asked for, if it is older than the key; `signed_at`
says when. The private key comes from the settings and is stored and logged nowhere.
"""

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

from constitutions.models import ConstitutionVersion, SigningKey, VersionSignature
from core.canonical import unchanged

if TYPE_CHECKING:  # large, and many sites have no key
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class PublicKey(NamedTuple):
    """A key to check signatures with: its 32 bytes in base64, and their SHA-256."""

    key_id: str
    base64: str

    @property
    def pem(self) -> str:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.base64))
        written = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return written.decode()


def current_key() -> PublicKey | None:
    """Return the public key that this site signs with now, or None where it has none."""
    private = _private_key()
    return _public(private) if private else None


def known_keys() -> list[PublicKey]:
    """Return the public keys that this site signs or has signed with, the current one first."""
    current = current_key()
    used = [PublicKey(key.key_id, key.public_key) for key in SigningKey.objects.order_by("-id")]
    return ([current] if current else []) + [key for key in used if key != current]


def signature_of(version: ConstitutionVersion) -> VersionSignature | None:
    """Return a version's signature, made now if it has none, or None where the site has no key. Raises Problem for a version
    that is not what was published."""
    found: VersionSignature | None = getattr(version, "signature", None)
    return found or sign(version)


def sign(version: ConstitutionVersion) -> VersionSignature | None:
    """Sign a version that has no signature yet, where the site has a key."""
    private = _private_key()
    if private is None:
        return None
    public = _public(private)
    key, _made = SigningKey.objects.get_or_create(key_id=public.key_id, defaults={"public_key": public.base64})
    signature = private.sign(unchanged(version.body, version.sha256).encode())
    told = {"key": key, "signature": base64.b64encode(signature).decode()}
    return VersionSignature.objects.get_or_create(version=version, defaults=told)[0]


def _private_key() -> "Ed25519PrivateKey | None":
    if not settings.SIGNING_KEY:
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(settings.SIGNING_KEY))


def _public(private: "Ed25519PrivateKey") -> PublicKey:
    raw = private.public_key().public_bytes_raw()
    return PublicKey(hashlib.sha256(raw).hexdigest(), base64.b64encode(raw).decode())
