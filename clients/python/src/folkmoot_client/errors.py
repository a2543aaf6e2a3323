"""What can go wrong, told as the site tells it."""

import httpx


class FolkmootError(Exception):
    """The site answered with a problem. `kind` is the end of its type: "not-found", "unknown-export", …"""

    def __init__(self, status: int, kind: str, title: str, detail: str = "") -> None:
        super().__init__(f"{status} {title}" + (f": {detail}" if detail else ""))
        self.status, self.kind, self.title, self.detail = status, kind, title, detail

    @classmethod
    def of(cls, response: httpx.Response) -> "FolkmootError":
        try:
            told = response.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            told = {}
        kind = str(told.get("type", "")).rpartition("/")[2] or "error"
        return cls(
            response.status_code, kind, str(told.get("title", response.reason_phrase)), str(told.get("detail", ""))
        )


class Unreachable(Exception):
    """No answer came."""


class NotGenuine(Exception):
    """What was pulled does not match its hash or its signature."""
