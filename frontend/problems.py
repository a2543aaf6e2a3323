"""People get a page where programs get a problem detail."""

import json
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from core.problems import CONTENT_TYPE


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
        problem = {"title": body["title"], "text": body.get("detail", "")}
        page = render(request, "frontend/problem.html", {"problem": problem}, status=response.status_code)
        if "Retry-After" in response:
            page["Retry-After"] = response["Retry-After"]
        return page
