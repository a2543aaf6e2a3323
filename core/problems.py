"""Every error of the API is a problem detail (RFC 9457) that says what is wrong and what to do."""

import json
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"


class Problem(exceptions.APIException):
    """An error with its own name: `type` ends in it, so that programs can tell errors apart."""

    def __init__(self, code: int, name: str, title: str, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or title, code=name)
        self.status_code = code
        self.name, self.title, self.extra = name, title, extra


class Conflict(Problem):
    def __init__(self, title: str, detail: str = "", **extra: Any) -> None:
        super().__init__(status.HTTP_409_CONFLICT, "conflict", title, detail, **extra)


class Gone(Problem):
    def __init__(self, title: str, detail: str = "", **extra: Any) -> None:
        super().__init__(status.HTTP_410_GONE, "gone", title, detail, **extra)


def problem_response(
    code: int, name: str, title: str, detail: str = "", *, path: str = "", **extra: Any
) -> HttpResponse:
    """Return a problem detail outside of REST framework's views (middleware, root error handlers)."""
    body = _body(code, name, title, detail, path, extra)
    return HttpResponse(json.dumps(body), status=code, content_type=CONTENT_TYPE)


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler: a problem detail for whatever was raised, or None for a real bug."""
    from rest_framework.views import exception_handler  # loads the authentication classes, which need this module

    request = context.get("request")
    path = request.path if request is not None else ""
    if isinstance(error, ValidationError):
        messages = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        error = exceptions.ValidationError({key or "non_field_errors": value for key, value in messages.items()})
    if isinstance(error, OperationalError):
        error = Problem(
            503, "database-busy", _("The database is busy"), _("Nothing was changed. Try again in a moment.")
        )
        error.wait = 5  # type: ignore[attr-defined]
    handled = exception_handler(error, context)
    if handled is None:
        return None
    code = handled.status_code
    if isinstance(error, Problem):
        body = _body(code, error.name, error.title, str(error.detail), path, error.extra)
    elif isinstance(error, exceptions.ValidationError):
        body = _body(code, "invalid", _("Some of this can't be used"), "", path, {"errors": _flat(error.detail)})
        body["detail"] = body["errors"][0]["detail"] if body["errors"] else ""
    else:
        name, title = _NAMES.get(code, ("error", _("That did not work")))
        body = _body(code, name, str(title), _detail_of(error, handled), path, {})
    response = Response(body, status=code, content_type=CONTENT_TYPE)
    for header in ("WWW-Authenticate", "Retry-After", "Allow"):
        if header in handled:
            response[header] = handled[header]
    return response


_NAMES = {
    400: ("malformed", "This request can't be read"),
    401: ("sign-in-needed", "Sign in, or send a key"),
    403: ("not-allowed", "That is not allowed"),
    404: ("not-found", "There is nothing here, or it is not yours to see"),
    405: ("method-not-allowed", "That can't be done here"),
    406: ("not-acceptable", "None of the accepted formats is served here"),
    415: ("unsupported-media-type", "Send JSON"),
    429: ("too-many-requests", "Too many requests"),
}


def _detail_of(error: Exception, handled: Response) -> str:
    if isinstance(error, Http404 | PermissionDenied):
        return ""
    return str(handled.data.get("detail", "")) if isinstance(handled.data, dict) else ""


def _body(code: int, name: str, title: str, detail: str, path: str, extra: dict[str, Any]) -> dict[str, Any]:
    # RFC 9457, 3.1.1: a relative reference is resolved against the request's own address.
    body: dict[str, Any] = {"type": f"/problems/{name}", "title": title, "status": code}
    if detail and detail != title:
        body["detail"] = detail
    if path:
        body["instance"] = path
    return body | extra


def _flat(detail: Any, field: str = "") -> list[dict[str, str]]:
    """Return nested validation errors as [{field: "policies.0.text", detail: "…"}]."""
    if isinstance(detail, dict):
        return [e for key, value in detail.items() for e in _flat(value, f"{field}.{key}" if field else str(key))]
    if isinstance(detail, list):
        found = []
        for place, item in enumerate(detail):
            nested = isinstance(item, dict | list)
            found += _flat(item, f"{field}.{place}" if nested else field)
        return found
    return [{"field": "" if field == "non_field_errors" else field, "detail": str(detail)}]


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an unknown API address; the front end has its own page for people."""
    name, title = _NAMES[404]
    return problem_response(404, name, title, path=request.path)
