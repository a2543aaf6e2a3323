"""The client: one method for each thing that is pulled. Answers are kept by address and asked for again by their ETag."""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from folkmoot_client.errors import FolkmootError, NotGenuine, Unreachable

KEPT = 256  # answers; the oldest gives way


@dataclass(frozen=True)
class Constitution:
    """One published version: its bytes as they were hashed and signed, and what they say."""

    slug: str
    number: int
    content: bytes
    sha256: str
    body: dict[str, Any]
    evidence_withdrawn: bool
    site: "Folkmoot"

    @property
    def principles(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["principles"]
        return found

    def verify(self, *, signature: bool = True, key_id: str = "") -> None:
        """Check the hash, and the site's signature with the key that it serves, or with the one of `key_id` alone.

        Raises NotGenuine. The signature needs the package cryptography: `pip install folkmoot-client[verify]`.
        """
        if hashlib.sha256(self.content).hexdigest() != self.sha256:
            raise NotGenuine(f"{self.slug}, version {self.number}, does not match its SHA-256")
        if signature:
            self._verify_signature(key_id)

    def _verify_signature(self, key_id: str) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        path = f"constitutions/{quote(self.slug)}/versions/{self.number}/signature/"
        told = self.site.get_json(path)
        if key_id and told["key_id"] != key_id:
            raise NotGenuine(f"{self.slug}, version {self.number}, is signed with the key {told['key_id']}")
        key = base64.b64decode(self.site.get_json(f"signing-key/{quote(told['key_id'])}/")["public_key"])
        if hashlib.sha256(key).hexdigest() != told["key_id"]:
            raise NotGenuine("The key that is served is not the one that its id names")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(told["signature"]), self.content)
        except InvalidSignature:
            raise NotGenuine(f"{self.slug}, version {self.number}, does not match its signature") from None


class Folkmoot:
    """A site. `key` is an API key, which only drafts and one's own studies need. A context manager."""

    def __init__(self, site: str, *, key: str = "", timeout: float = 30) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(
            base_url=site.rstrip("/") + "/api/v1/", headers=headers, timeout=timeout, follow_redirects=False
        )
        self._kept: dict[str, httpx.Response] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def latest(self, slug: str) -> Constitution:
        """Return the newest version."""
        return self._constitution(slug, f"constitutions/{quote(slug)}/latest/")

    def version(self, slug: str, number: int) -> Constitution:
        """Return a numbered version. Its bytes never change."""
        return self._constitution(slug, _pinned(slug, number))

    def export(self, slug: str, form: str, *, number: int | None = None) -> bytes:
        """Return a version, the newest where no number is given, in one of its forms."""
        path = f"constitutions/{quote(slug)}/latest/" if number is None else _pinned(slug, number)
        return self._get(f"{path}?export={quote(form)}").content

    def download(self, slug: str, form: str, to: Path, *, number: int | None = None) -> Path:
        """Write a version in one of its forms to a file, and return where."""
        to.write_bytes(self.export(slug, form, number=number))
        return to

    def evidence(self, slug: str, number: int, *, principle: int, start: int = 0) -> dict[str, Any]:
        """Return what stands behind a principle now, 50 comparisons from `start`."""
        return self.get_json(f"{_pinned(slug, number)}principles/{principle}/evidence/?start={start}")

    def diff(self, slug: str, *, old: int, new: int) -> dict[str, Any]:
        """Return what changed between two versions."""
        return self.get_json(f"{_pinned(slug, new)}diff/{old}/")

    def graph(self, study: str, *, form: str = "folkmoot") -> dict[str, Any]:
        """Return the newest published moral graph of a study, as `folkmoot`, `mge` or `node-link`."""
        return self.get_json(f"studies/{quote(study)}/graphs/latest/?export={quote(form)}")

    def dataset(self, slug: str, *, form: str = "jsonl") -> bytes:
        """Return all comparisons of a dataset, as `jsonl`, `icai-csv`, `annotated-pairs` or `trl`."""
        return self._get(f"datasets/{quote(slug)}/download/?export={quote(form)}").content

    def get_json(self, path: str) -> dict[str, Any]:
        """Return what an address under /api/v1/ answers."""
        found: dict[str, Any] = self._get(path).json()
        return found

    def _constitution(self, slug: str, path: str) -> Constitution:
        answer = self._get(path)
        body = json.loads(answer.content)
        sha256 = answer.headers["ETag"].strip('"').removeprefix("sha256:")
        withdrawn = answer.headers.get("X-Evidence-Withdrawn") == "true"
        return Constitution(slug, body["number"], answer.content, sha256, body, withdrawn, self)

    def _get(self, path: str) -> httpx.Response:
        kept = self._kept.get(path)
        headers = {"Accept": "application/json"} | ({"If-None-Match": kept.headers["ETag"]} if kept else {})
        try:
            answer = self._http.get(path, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._http.base_url} did not answer: {error}") from error
        if answer.status_code == httpx.codes.NOT_MODIFIED and kept is not None:
            return kept
        if answer.status_code != httpx.codes.OK:
            raise FolkmootError.of(answer)
        if "ETag" in answer.headers:
            self._kept.pop(path, None)
            self._kept[path] = answer
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return answer


def _pinned(slug: str, number: int) -> str:
    return f"constitutions/{quote(slug)}/versions/{number}/"
