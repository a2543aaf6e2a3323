from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# What no page of ours uses, and no page may be talked into using.
SWITCHED_OFF = ("camera", "microphone", "geolocation", "payment", "usb", "display-capture", "browsing-topics")


class PageHeaders:
    """Middleware: browsers are told to switch off what no page uses, and to keep no page of someone who is known."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["Permissions-Policy"] = ", ".join(f"{name}=()" for name in SWITCHED_OFF)
        is_known = {settings.SESSION_COOKIE_NAME, "participant"} & set(request.COOKIES)
        if is_known and "Cache-Control" not in response and response.get("Content-Type", "").startswith("text/html"):
            response["Cache-Control"] = "no-store, private"
        return response
