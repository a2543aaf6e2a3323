from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from core.problems import Conflict, problem_details


def answer(error: Exception) -> Response:
    response = problem_details(error, {"request": APIRequestFactory().get("/api/v1/things/1/")})
    assert response is not None
    return response


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (Http404(), 404, "not-found"),
        (exceptions.NotAuthenticated(), 401, "sign-in-needed"),
        (exceptions.PermissionDenied(), 403, "not-allowed"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (exceptions.Throttled(wait=3), 429, "too-many-requests"),
        (Conflict("It is closed"), 409, "conflict"),
        (OperationalError("locked"), 503, "database-busy"),
    ],
)
def test_every_error_has_a_name_a_title_and_a_place(error: Exception, status: int, name: str) -> None:
    response = answer(error)
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.data
    assert (response.status_code, body["status"], body["type"]) == (status, status, f"/problems/{name}")
    assert body["title"] and body["instance"] == "/api/v1/things/1/"


def test_a_field_that_is_wrong_is_named() -> None:
    body = answer(ValidationError({"text": "Too long."})).data
    assert body["errors"] == [{"field": "text", "detail": "Too long."}]


def test_a_field_within_a_list_is_named_with_its_place() -> None:
    detail = {"policies": [{}, {"text": ["Empty."]}]}
    assert answer(serializers.ValidationError(detail)).data["errors"] == [
        {"field": "policies.1.text", "detail": "Empty."}
    ]


def test_a_busy_database_says_when_to_come_back() -> None:
    assert answer(OperationalError("locked"))["Retry-After"] == "5"


def test_a_bug_is_not_dressed_up_as_an_answer() -> None:
    assert problem_details(RuntimeError("bug"), {}) is None
