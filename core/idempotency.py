"""A POST that is sent again acts once: same key and same request get the first answer back.

The key comes as `Idempotency-Key` (API) or as the hidden field `idempotency_key` (pages). Rules after pretix and Stripe:
another request under a used key is 422 and one still being answered is 409. Only answers that something was done are kept:
after a refusal the same key may try again. A streamed answer is not kept either; whoever streams names its own key in the
row it makes.

Answers hold people's words and secrets that are shown once, so they are sealed under the key that the sender holds, of which
only a digest is stored: the database alone opens none of them.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from core.access import address_of
from core.models import IdempotencyKey
from core.problems import problem_response
from core.secrets import digest, seal, unseal

KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=2)
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
        actor, asked = _actor(request), _digest(request)
        row = _begin(actor, key, asked)
        if isinstance(row, HttpResponse):
            return row
        try:
            response = self.get_response(request)
        except BaseException:
            row.delete()
            raise
        if response.streaming or response.status_code >= 400:
            row.delete()
            return response
        if hasattr(response, "render") and not getattr(response, "is_rendered", True):
            response.render()
        assert isinstance(response, HttpResponse)
        # Not `save`: someone who takes everything back takes this row along.
        IdempotencyKey.objects.filter(id=row.id).update(
            status=response.status_code,
            headers={name: response[name] for name in _KEPT_HEADERS if name in response},
            body=seal(_with_cookies(response), _lock(actor, key)),
            answered_at=timezone.now(),
        )
        return response


def _begin(actor: str, key: str, asked: str) -> IdempotencyKey | HttpResponse:
    """Return a new row for this request, or the answer that it was already given."""
    mine = IdempotencyKey.objects.filter(actor=actor, key_digest=digest(key))
    mine.filter(created_at__lt=timezone.now() - KEPT).delete()
    mine.filter(answered_at=None, created_at__lt=timezone.now() - ABANDONED).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(actor=actor, key_digest=digest(key), request_digest=asked)
    except IntegrityError:
        known = mine.first()
    if known is not None and known.request_digest != asked:
        title = _("This Idempotency-Key was used for another request")
        return problem_response(422, "idempotency-key-reused", title, _("Use a new key for each new request."))
    if known is None or known.status is None:
        title = _("The same request is still being answered")
        response = problem_response(409, "in-progress", title, _("Send it again in a few seconds."))
        response["Retry-After"] = "5"
        return response
    cookies, _line, content = unseal(bytes(known.body), _lock(actor, key)).partition(b"\n")
    replay = HttpResponse(content, status=known.status)
    replay.cookies.load(cookies.decode())
    for name, value in known.headers.items():
        replay[name] = value
    replay["Idempotent-Replay"] = "true"
    return replay


def forget_old() -> int:
    """Forget the answers that are kept no longer. Returns how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def forget_subject(subject: str) -> None:
    """Forget every answer that was kept for someone who takes part: answers hold people's words."""
    IdempotencyKey.objects.filter(actor=_actor_of_subject(subject)).delete()


def _with_cookies(response: HttpResponse) -> bytes:
    """Return an answer's body after a line with its cookies: who joined and never heard of it gets the token by asking
    again."""
    return response.cookies.output(header="", sep=";").encode() + b"\n" + response.content


def _lock(actor: str, key: str) -> str:
    return f"idempotency:{actor}:{key}"


def _actor_of_subject(subject: str) -> str:
    return digest(f"subject:{subject}")


def _actor(request: HttpRequest) -> str:
    """Return who sent it, as far as the credentials tell; nobody's requests share their address."""
    if subject := getattr(request, "subject", ""):  # someone who takes part, whatever they sent to show it
        return _actor_of_subject(subject)
    cookies = [request.COOKIES.get(name, "") for name in (settings.SESSION_COOKIE_NAME, "participant")]
    parts = [request.headers.get("Authorization", ""), *cookies]
    return digest("\0".join(parts if any(parts) else [address_of(request)]))


def _digest(request: HttpRequest) -> str:
    """Return the keyed digest of what was asked, which may hold a panel's id. A form's CSRF token is left out: it differs
    in every rendering of a page."""
    head = f"{request.method} {request.get_full_path()} {request.headers.get('Accept', '')}"
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        fields = [(k, v) for k, values in request.POST.lists() if k != "csrfmiddlewaretoken" for v in values]
        uploads = [(name, file.name, _hash(file)) for name, files in request.FILES.lists() for file in files]
        asked = repr((sorted(fields), sorted(uploads, key=repr)))
    else:
        asked = hashlib.sha256(request.body).hexdigest()
    return digest(f"{head}\0{asked}")


def _hash(file: "UploadedFile[Any]") -> str:
    found = hashlib.sha256()
    for chunk in file.chunks():
        found.update(chunk)
    file.seek(0)
    return found.hexdigest()
