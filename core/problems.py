"""Every error of the API is a problem detail (RFC 9457) that says what is wrong and what to do."""

import json
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"
API = "/api/"
MOST_BYTES = 2_000_000  # of a request; a file that is sent may be larger
MOST_FILE_BYTES = 20_000_000


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
        body = _body(code, name, str(title), _detail_of(error, handled, context.get("view")), path, {})
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
    413: ("too-large", "This is too large"),
    415: ("unsupported-media-type", "This kind of content can't be read here"),
    429: ("too-many-requests", "Too many requests"),
    500: ("our-fault", "That did not work, and it is our fault"),
    503: ("not-ready", "The site is not ready"),
}
_WHAT_TO_DO = {
    400: "Look at the address and the headers of the request.",
    403: "From a browser, send the CSRF token; from a program, send a key and no cookie.",
    500: "It has been noted. You can safely send the same again with the same Idempotency-Key.",
    503: "Try again in a moment.",
}


def _detail_of(error: Exception, handled: Response, view: Any) -> str:
    if isinstance(error, Http404 | PermissionDenied):
        return ""
    if isinstance(error, exceptions.MethodNotAllowed) and view is not None:
        return _("Use one of: %s.") % ", ".join(view.allowed_methods)
    if isinstance(error, exceptions.NotAcceptable) and view is not None:
        return _("Accept one of: %s.") % ", ".join(form.media_type for form in view.renderer_classes)
    if isinstance(error, exceptions.UnsupportedMediaType) and view is not None:
        return _("Send one of: %s.") % ", ".join(parser.media_type for parser in view.parser_classes)
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


@csrf_exempt
def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an unknown API address; the front end has its own page for people."""
    name, title = _NAMES[404]
    return problem_response(404, name, title, path=request.path)


class ApiAnswers:
    """Middleware, outermost: whatever goes wrong under /api/, in our views or before them, is told as a problem detail, and
    nothing is stored on the way to the caller unless the answer itself says that it may be."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(API):
            return self.get_response(request)
        response = _too_large(request) or self.get_response(request)
        if response.status_code >= 400 and not response.get("Content-Type", "").startswith(CONTENT_TYPE):
            response = self._told(request, response)
        if "Cache-Control" not in response:
            response["Cache-Control"] = "no-store"
        return response

    def _told(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
        name, title = _NAMES.get(response.status_code, ("error", "That did not work"))
        detail = _WHAT_TO_DO.get(response.status_code, "")
        told = problem_response(response.status_code, name, title, detail, path=request.path)
        for header in ("WWW-Authenticate", "Retry-After", "Allow"):
            if header in response:
                told[header] = response[header]
        return told


def _too_large(request: HttpRequest) -> HttpResponse | None:
    """Return a problem for a body that is too large, before any of it is read."""
    is_form = request.content_type == "multipart/form-data"
    most = MOST_BYTES + (MOST_FILE_BYTES if is_form else 0)
    length = request.headers.get("Content-Length") or "0"
    if length.isdecimal() and int(length[:18]) <= most:
        return None
    name, title = _NAMES[413]
    megabytes = (MOST_FILE_BYTES if is_form else MOST_BYTES) // 1_000_000
    return problem_response(413, name, title, _("At most %d MB fit.") % megabytes, path=request.path)
