"""What the API's own description (OpenAPI) says of every operation beside its body: who may call it, which problems it can
answer, which forms it has, and which headers it reads."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS

from core.problems import CONTENT_TYPE

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER,
    description="Up to 255 printable characters, new for each new request: sent again under the same key, a request acts once",
)  # fmt: skip
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag that you have; 304 while nothing is new"
)
PROBLEM = {
    "type": "object",
    "description": "A problem detail (RFC 9457). Programs tell problems apart by `type`.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "example": "/problems/invalid"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}


class Described(AutoSchema):
    """Views add to it: `also_served`, media types of other forms; `is_pull`, that it has an ETag; `schemes`, by method."""

    def get_override_parameters(self) -> list[Any]:
        found = list(super().get_override_parameters())
        if self.method == "POST":
            found.append(IDEMPOTENCY_KEY)
        if getattr(self.view, "is_pull", False):
            found.append(IF_NONE_MATCH)
        return found

    def get_auth(self) -> list[Any]:
        """Return the ways to sign in that this operation takes; an empty one where it takes nobody as well."""
        known = [scheme for scheme in super().get_auth() if scheme]
        schemes = getattr(self.view, "schemes", {}).get(self.method)
        for permission in self.view.get_permissions():
            schemes = schemes or getattr(permission, "schemes", None)
        if schemes is None:
            return [*known, {}]
        return [scheme for scheme in known if set(scheme) <= set(schemes)]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        answers = operation["responses"]
        for media_type in getattr(self.view, "also_served", ()) if self.method == "GET" else ():
            answers["200"].setdefault("content", {})[media_type] = {"schema": {"type": "string"}}
        if getattr(self.view, "is_pull", False):
            etag = {"ETag": {"schema": {"type": "string"}, "description": "The SHA-256 of the content, and the form"}}
            answers["200"]["headers"] = answers["304"]["headers"] = etag
        for code in self._problems(operation):
            answers.setdefault(str(code), self._problem(HTTPStatus(code).phrase))
        answers["default"] = self._problem("Any other problem")
        return operation

    def _problems(self, operation: dict[str, Any]) -> list[int]:
        found = [400, 401, 406, 429]
        if {} not in operation.get("security", []) or self.method not in SAFE_METHODS:
            found.append(403)
        if "{" in self.path:
            found.append(404)
        if "requestBody" in operation:
            found += [413, 415]
        if self.method == "POST":
            found += [409, 422]
        return sorted(found)

    def _problem(self, description: str) -> dict[str, Any]:
        kind = ResolvedComponent.SCHEMA
        component = ResolvedComponent("Problem", kind, schema=PROBLEM, object="Problem")  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)
        return {"description": description, "content": {CONTENT_TYPE: {"schema": component.ref}}}
