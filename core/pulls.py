"""Answers that can be asked for again at no cost: ETag, Last-Modified and 304."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date, quote_etag


def pull(
    request: HttpRequest,
    make_body: Callable[[], bytes],
    *,
    sha256: str,
    export: str,
    content_type: str,
    last_modified: datetime | None,
    public: bool = True,
    immutable: bool = False,
    filename: str = "",
) -> HttpResponseBase:
    """Return what was asked for, or 304. The body is only made when it is needed.

    The ETag is the hash of the published content and the form, since one content has several forms. `immutable` says
    that this address will never answer anything else (a pinned version); a draft is not `public`: only its reader's
    own cache may keep it. Without `last_modified` the ETag alone tells whether it changed.
    """
    etag = quote_etag(f"sha256:{sha256}" + ("" if export == "json" else f";{export}"))
    # REST framework hands its own request to views; Django's helpers want the one below it.
    plain: Any = getattr(request, "_request", request)
    moment = int(last_modified.timestamp()) if last_modified else None
    unchanged = get_conditional_response(plain, etag=etag, last_modified=moment)
    response = unchanged if unchanged is not None else HttpResponse(make_body(), content_type=content_type)
    response["ETag"] = etag
    if moment is not None:
        response["Last-Modified"] = http_date(moment)
    reach = "public" if public else "private"
    response["Cache-Control"] = f"{reach}, max-age=31536000, immutable" if immutable else f"{reach}, no-cache"
    if filename and unchanged is None:
        response["Content-Disposition"] = f'attachment; filename="{filename}"'
    patch_vary_headers(response, ["Accept", "Authorization", "Cookie"])
    return response
