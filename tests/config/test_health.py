from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client


@pytest.mark.django_db
def test_the_site_is_well_under_any_host_name_and_without_https(client: Client, settings: Any) -> None:
    """A health check within a container asks for localhost, whatever name the site has outside."""
    settings.ALLOWED_HOSTS = ["moot.example"]
    settings.SECURE_SSL_REDIRECT = True
    answer = client.get("/healthz/", headers={"Host": "localhost:8000"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert client.get("/", headers={"Host": "localhost:8000"}).status_code == 400


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_said(client: Client) -> None:
    def gone(*_: Any) -> None:
        raise DatabaseError("gone")

    with connection.execute_wrapper(gone):
        assert client.get("/healthz/").status_code == 503
