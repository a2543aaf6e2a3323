"""REST for signatures: the one over a version, and the public keys to check it with."""

import base64
import hashlib
from typing import Any

from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from constitutions.api import find_version
from constitutions.models import ConstitutionVersion, VersionSignature
from constitutions.signing import PublicKey, known_keys, signature_of
from core.access import HasScope
from core.canonical import canonical_bytes
from core.problems import Problem
from core.pulls import pull

ALGORITHM = "ed25519"
SIGNATURE_FORMS = {
    "json": "application/json",
    "base64": "text/plain; charset=utf-8",
    "raw": "application/octet-stream",
}
KEY_FORMS = {"json": "application/json", "pem": "application/x-pem-file", "base64": "text/plain; charset=utf-8"}


class Formed(APIView):
    """What is served in several forms, by `?export=` or by the Accept header; JSON is the rest."""

    permission_classes = (HasScope,)
    queries = ("export",)
    is_pull = True
    forms: dict[str, str]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    def form(self, request: Request) -> str:
        kinds = {kind.partition(";")[0]: name for name, kind in self.forms.items()}
        wanted = request.query_params.get("export") or kinds.get(request.get_preferred_type(list(kinds)) or "", "json")
        if wanted not in self.forms:
            known = ", ".join(sorted(self.forms))
            raise Problem(400, "unknown-export", f"There is no export {wanted[:40]!r}", f"Choose one of: {known}.")
        return wanted


class SignatureView(Formed):
    """The site's signature over the bytes of a version's JSON form. As `raw` it is the 64 bytes that standard tools take."""

    also_served = ("text/plain", "application/octet-stream")
    forms = SIGNATURE_FORMS

    @extend_schema(
        parameters=[
            OpenApiParameter("export", str, enum=sorted(SIGNATURE_FORMS), description="json where none is given")
        ],
        responses={200: OpenApiTypes.OBJECT, 304: None},
    )
    def get(self, request: Request, slug: str, number: int) -> HttpResponseBase:
        form, version = self.form(request), find_version(request, slug, number)
        found = signature_of(version)
        if found is None:
            raise Problem(404, "not-signed", _("This version is not signed"), _("This site has no key to sign with."))
        raw = base64.b64decode(found.signature)
        bodies = {"raw": raw, "base64": found.signature.encode() + b"\n"}
        return pull(
            request,
            lambda: bodies[form] if form in bodies else canonical_bytes(_told(request, version, found)),
            sha256=hashlib.sha256(raw).hexdigest(),
            export=form,
            content_type=self.forms[form],
            last_modified=found.signed_at,
            filename=f"{slug}-v{number}.sig" if form == "raw" else "",
        )


def _told(request: Request, version: ConstitutionVersion, found: VersionSignature) -> dict[str, Any]:
    names = {"slug": version.constitution.slug, "number": version.number}
    return {
        "algorithm": ALGORITHM,
        "signs": reverse("constitution-version", kwargs=names, request=request),
        "sha256": version.sha256,
        "signature": found.signature,
        "key_id": found.key.key_id,
        "key": reverse("signing-key-id", kwargs={"key": found.key.key_id}, request=request),
        "published_at": version.published_at.isoformat(),
        "signed_at": found.signed_at.isoformat(),
    }


class SigningKeyView(Formed):
    """The public key that this site signs with, and those that it signed with before; or one of them by its id."""

    also_served = ("application/x-pem-file", "text/plain")
    forms = KEY_FORMS

    @extend_schema(
        parameters=[OpenApiParameter("export", str, enum=sorted(KEY_FORMS), description="json where none is given")],
        responses={200: OpenApiTypes.OBJECT, 304: None},
    )
    def get(self, request: Request, key: str = "") -> HttpResponseBase:
        form, known = self.form(request), known_keys()
        found = [one for one in known if one.key_id == key] if key else known
        if not found:
            raise Problem(
                404, "not-signed", _("There is no such key"), _("This site signs with none, or with another.")
            )
        told: dict[str, Any] = self._told(request, found[0])
        if not key:
            told["earlier"] = [self._told(request, other) for other in found[1:]]
        bodies = {
            "json": canonical_bytes(told),
            "pem": found[0].pem.encode(),
            "base64": f"{found[0].base64}\n".encode(),
        }
        return pull(
            request,
            lambda: bodies[form],
            sha256=hashlib.sha256(bodies[form]).hexdigest(),
            export=form,
            content_type=self.forms[form],
            last_modified=None,
        )

    def _told(self, request: Request, key: PublicKey) -> dict[str, Any]:
        return {
            "algorithm": ALGORITHM,
            "key_id": key.key_id,
            "public_key": key.base64,
            "pem": key.pem,
            "url": reverse("signing-key-id", kwargs={"key": key.key_id}, request=request),
        }


@extend_schema_view(get=extend_schema(operation_id="signing_key_by_id"))
class OneSigningKeyView(SigningKeyView):
    """A public key that this site signs with or has signed with, by its id."""
