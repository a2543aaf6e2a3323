from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import Http404
from django.test import Client
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from core.problems import Conflict, problem_details
from elicitation.models import Participant, Study
from tests.people import client_for


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


JOIN = "/api/v1/studies/letting-go/participants/"


def told(response: Any) -> tuple[int, str]:
    """Return status and name of a problem; every answer of the API that is none fails here."""
    assert response["Content-Type"] == "application/problem+json" and response["Cache-Control"] == "no-store"
    body = response.json()
    assert body["status"] == response.status_code and body["title"]
    return response.status_code, body["type"].removeprefix("/problems/")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"{bad", "application/json", (400, "malformed")),
        (b"\xff\xfe{", "application/json", (400, "malformed")),
        (b"[" * 100_000, "application/json", (400, "malformed")),
        (b'{"consent_version":' + b"9" * 5000 + b"}", "application/json", (400, "malformed")),
        (b'{"consent_version":' + b"9" * 30 + b',"agrees":true}', "application/json", (409, "conflict")),
        (b'{"consent_version":1,"agrees":true,"outside_id":"a\\u0000"}', "application/json", (400, "invalid")),
        (b'{"consent_version":1,"agrees":true,"outside_id":"a\\ud800"}', "application/json", (400, "invalid")),
        (b"[]", "application/json", (400, "invalid")),
        (b"a=1", "application/x-www-form-urlencoded", (415, "unsupported-media-type")),
        (b"x", "multipart/form-data", (400, "malformed")),
        (b"x" * 2_000_001, "application/json", (413, "too-large")),
    ],
    ids=str,
)
def test_a_body_that_cannot_be_read_is_told(
    client: Client, study: Study, body: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    assert told(client.post(JOIN, body, content_type=content_type)) == expected
    assert told(client.post(JOIN, body, content_type=content_type, headers={"Idempotency-Key": "k"})) == expected


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["nowhere/", "studies", "studies/%00/", "jobs/7/", "datasets/New%20Set/comparisons/"])
def test_an_address_that_is_not_there_is_told_for_every_method(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    for method in (client.get, client.post, client.put, client.delete):
        assert told(method(f"/api/v1/{path}")) == (404, "not-found")


@pytest.mark.django_db
def test_what_a_view_does_not_do_names_what_it_does(client: Client, study: Study) -> None:
    response = client.put(JOIN)
    assert told(response) == (405, "method-not-allowed") and response.json()["detail"] == "Use one of: POST, OPTIONS."
    assert response["Allow"] == "POST, OPTIONS"


@pytest.mark.django_db
def test_the_name_of_a_host_that_is_not_ours_is_refused(client: Client) -> None:
    assert told(client.get("/api/v1/studies/", headers={"Host": "evil.example"})) == (400, "malformed")


@pytest.mark.django_db
def test_a_bug_is_told_without_its_cause(client: Client, study: Study, settings: Any) -> None:
    client.raise_request_exception = False
    Study.objects.filter(id=study.id).update(is_listed=True, settings={"no": "such setting"})
    response = client.get("/api/v1/studies/")
    assert told(response) == (500, "our-fault") and "setting" not in response.content.decode()


@pytest.mark.django_db
def test_answers_about_people_are_kept_by_nobody_on_the_way(participant: Participant) -> None:
    assert client_for(participant).get("/api/v1/participants/me/data/")["Cache-Control"] == "no-store"
