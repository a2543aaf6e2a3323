"""A POST that is sent again acts once: same key and same request get the first answer back.

The key comes as `Idempotency-Key` (API) or as the hidden field `idempotency_key` (pages). Rules after pretix and Stripe:
another request under a used key is 422, one still being answered is 409, and answers that ask to come back later
(409, 429, 5xx) are not kept. A streamed answer is not kept either; whoever streams names its own key in the row it makes.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import IdempotencyKey
from core.problems import problem_response

KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=2)
_NOT_KEPT = {409, 429}
_KEPT_HEADERS = ("Content-Type", "Location", "ETag")


class IdempotencyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST":
            return self.get_response(request)
        key = request.headers.get("Idempotency-Key") or ""
        if not key and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
            key = request.POST.get("idempotency_key", "")
        if not key:
            return self.get_response(request)
        if len(key) > 255 or not key.isprintable():
            title = _("This Idempotency-Key can't be used")
            return problem_response(400, "idempotency-key", title, _("Send up to 255 printable characters."))
        return self._once(request, key)

    def _once(self, request: HttpRequest, key: str) -> HttpResponseBase:
        actor, digest = _actor(request), _digest(request)
        row = _begin(actor, key, digest)
        if isinstance(row, HttpResponse):
            return row
        try:
            response = self.get_response(request)
        except BaseException:
            row.delete()
            raise
        if response.streaming or response.status_code in _NOT_KEPT or response.status_code >= 500:
            row.delete()
            return response
        if hasattr(response, "render") and not getattr(response, "is_rendered", True):
            response.render()
        assert isinstance(response, HttpResponse)
        # Not `save`: someone who takes everything back takes this row along.
        IdempotencyKey.objects.filter(id=row.id).update(
            status=response.status_code,
            headers={name: response[name] for name in _KEPT_HEADERS if name in response},
            body=response.content,
            answered_at=timezone.now(),
        )
        return response


def _begin(actor: str, key: str, digest: str) -> IdempotencyKey | HttpResponse:
    """Return a new row for this request, or the answer that it was already given."""
    old = timezone.now() - KEPT
    IdempotencyKey.objects.filter(actor=actor, key=key, created_at__lt=old).delete()
    abandoned = timezone.now() - ABANDONED
    IdempotencyKey.objects.filter(actor=actor, key=key, answered_at=None, created_at__lt=abandoned).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(actor=actor, key=key, request_sha256=digest)
    except IntegrityError:
        known = IdempotencyKey.objects.filter(actor=actor, key=key).first()
    if known is not None and known.request_sha256 != digest:
        title = _("This Idempotency-Key was used for another request")
        return problem_response(422, "idempotency-key-reused", title, _("Use a new key for each new request."))
    if known is None or known.status is None:
        response = problem_response(409, "in-progress", _("The same request is still being answered"), "")
        response["Retry-After"] = "5"
        return response
    replay = HttpResponse(bytes(known.body), status=known.status)
    for name, value in known.headers.items():
        replay[name] = value
    replay["Idempotent-Replay"] = "true"
    return replay


def forget_subject(subject: str) -> None:
    """Forget every answer that was kept for someone who takes part: answers hold people's words."""
    IdempotencyKey.objects.filter(actor=_actor_of_subject(subject)).delete()


def _actor_of_subject(subject: str) -> str:
    return hashlib.sha256(f"subject:{subject}".encode()).hexdigest()


def _actor(request: HttpRequest) -> str:
    """Return who sent it, as far as the credentials tell; nobody's requests share their address."""
    if subject := getattr(request, "subject", ""):  # someone who takes part, whatever they sent to show it
        return _actor_of_subject(subject)
    cookies = [request.COOKIES.get(name, "") for name in (settings.SESSION_COOKIE_NAME, "participant")]
    parts = [request.headers.get("Authorization", ""), *cookies]
    if not any(parts):
        parts.append(request.META.get("REMOTE_ADDR", ""))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _digest(request: HttpRequest) -> str:
    """Return the hash of what was asked. A form's CSRF token is left out: it differs in every rendering of a page."""
    head = f"{request.method} {request.get_full_path()} {request.headers.get('Accept', '')}\0".encode()
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        fields = [(k, v) for k, values in request.POST.lists() if k != "csrfmiddlewaretoken" for v in values]
        uploads = [(name, file.name, file.size) for name, files in request.FILES.lists() for file in files]
        return hashlib.sha256(head + repr((sorted(fields), sorted(uploads, key=repr))).encode()).hexdigest()
    return hashlib.sha256(head + request.body).hexdigest()
