"""How a participant is known: by a token in a cookie (pages) or in the Authorization header (API), never by an address."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from core.authentication import bearer_of
from elicitation import participation
from elicitation.models import Participant

COOKIE = "participant"


class ParticipantMiddleware:
    """Set `request.participant` on pages from the cookie. The API never reads the cookie, so it needs no CSRF token.

    On both, `request.subject` names the person, so that what is kept for their retries can be forgotten with them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_api = request.path.startswith("/api/")
        scheme, _space, bearer = request.headers.get("Authorization", "").partition(" ")
        token = request.COOKIES.get(COOKIE, "") if not is_api else bearer if scheme.lower() == "bearer" else ""
        participant = participation.by_token(token) if token else None
        request.participant = None if is_api else participant  # type: ignore[attr-defined]
        request.subject = participant.subject if participant else ""  # type: ignore[attr-defined]
        return self.get_response(request)


class ParticipantAuthentication(BaseAuthentication):
    """`Authorization: Bearer fm_part_…`: someone who takes part. It comes after API keys: what it does not know is wrong."""

    def authenticate(self, request: Any) -> tuple[Participant, str] | None:
        secret = bearer_of(request)
        if secret is None:
            return None
        participant = participation.by_token(secret)
        if participant is None:
            raise AuthenticationFailed(_("This token is unknown. Join again, or use your return code."))
        return participant, secret

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="api"'


class ParticipantScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI description tells of participants' tokens."""

    target_class = ParticipantAuthentication
    name = "participantToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "The token that joining a study gave: fm_part_…"}
