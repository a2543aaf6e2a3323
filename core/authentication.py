from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from core import api_keys
from core.models import ApiKey, User


def bearer_of(request: Any) -> str | None:
    """Return the secret of an `Authorization: Bearer …` header, or None. Raises AuthenticationFailed if malformed."""
    words = get_authorization_header(request).decode("latin-1").split()
    if not words or words[0].lower() != "bearer":
        return None
    if len(words) != 2:
        raise AuthenticationFailed(_("Send the header as: Authorization: Bearer <key>"))
    return words[1]


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer fm_live_…`: the key's owner, within the key's scopes."""

    def authenticate(self, request: Any) -> tuple[User, ApiKey] | None:
        secret = bearer_of(request)
        if secret is None or not api_keys.is_key(secret):
            return None
        key = api_keys.find_key(secret)
        if key is None:
            raise AuthenticationFailed(_("This key is unknown, revoked or out of date."))
        return key.owner, key

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="api"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI description tells of API keys."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: fm_live_…"}
