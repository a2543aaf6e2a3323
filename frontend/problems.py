"""People get a page where programs get a problem detail."""

import json
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _lazy

from core.problems import CONTENT_TYPE

# What a person is told in place of words that are meant for programs, by the name of the problem.
TOLD = {
    "in-progress": (_lazy("This was sent a moment ago"), _lazy("It is still being worked on.")),
    "idempotency-key-reused": (
        _lazy("This page was sent before, with other answers"),
        _lazy("The first ones are saved. To change them, load the page again."),
    ),
}


class ProblemPages:
    """Middleware: turn a problem detail (of idempotency, say) into a page when a person's browser asked for one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_problem = response.get("Content-Type", "").startswith(CONTENT_TYPE)
        if not is_problem or request.path.startswith("/api/") or not request.accepts("text/html"):
            return response
        body = json.loads(response.content)  # type: ignore[attr-defined]
        name = body["type"].rpartition("/")[2]
        title, text = TOLD.get(name, (body["title"], body.get("detail", "")))
        problem = {"title": title, "text": text}
        page = render(request, "frontend/problem.html", {"problem": problem}, status=response.status_code)
        if "Retry-After" in response:
            page["Retry-After"] = response["Retry-After"]
        return page
