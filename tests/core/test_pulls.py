from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import RequestFactory

from core.pulls import pull

MADE = datetime(2026, 5, 22, 13, 40, tzinfo=UTC)


def get(export: str = "json", headers: dict[str, str] | None = None, **more: Any) -> HttpResponse:
    request = RequestFactory().get("/latest/", headers=headers or {})
    response = pull(
        request, lambda: b"body", sha256="ab" * 32, export=export, content_type="text/plain", last_modified=MADE, **more
    )
    assert isinstance(response, HttpResponse)
    return response


def test_a_pull_carries_its_hash_as_etag() -> None:
    response = get()
    assert response["ETag"] == f'"sha256:{"ab" * 32}"' and response.content == b"body"
    assert response["Last-Modified"] == "Fri, 22 May 2026 13:40:00 GMT"


def test_who_has_it_gets_304_and_no_body() -> None:
    again = get(headers={"If-None-Match": get()["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", get()["ETag"])


def test_another_form_of_it_has_another_etag() -> None:
    assert get("markdown")["ETag"] != get()["ETag"]
    assert get("markdown", headers={"If-None-Match": get()["ETag"]}).status_code == 200


def test_last_modified_serves_when_no_etag_is_sent() -> None:
    assert get(headers={"If-Modified-Since": "Fri, 22 May 2026 13:40:00 GMT"}).status_code == 304


def test_a_pinned_version_may_be_kept_for_good_and_a_draft_only_by_its_reader() -> None:
    assert "immutable" in get(immutable=True)["Cache-Control"]
    assert get(public=False)["Cache-Control"].startswith("private")
