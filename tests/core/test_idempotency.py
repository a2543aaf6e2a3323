import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.utils import timezone

from core.idempotency import IdempotencyMiddleware, forget_old
from core.models import IdempotencyKey

pytestmark = pytest.mark.django_db


class Counter:
    """A view that counts how often it acted."""

    def __init__(self, answer: Callable[[int], HttpResponse | StreamingHttpResponse] | None = None) -> None:
        self.times = 0
        self.answer = answer or (lambda n: HttpResponse(f"made {n}", status=201, headers={"Location": f"/{n}/"}))

    def __call__(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        self.times += 1
        return self.answer(self.times)


def post(view: Counter, key: str = "k1", body: object = None, **headers: str) -> HttpResponse:
    request = RequestFactory().post(
        "/api/v1/things/",
        json.dumps(body or {"a": 1}),
        content_type="application/json",
        headers={"Idempotency-Key": key, **headers},
    )
    response = IdempotencyMiddleware(view)(request)
    assert isinstance(response, HttpResponse | StreamingHttpResponse)
    return response  # type: ignore[return-value]


def test_the_same_request_again_gets_the_first_answer_and_acts_once() -> None:
    view = Counter()
    first, again = post(view), post(view)
    assert view.times == 1
    assert (again.status_code, again.content, again["Location"]) == (201, first.content, "/1/")
    assert again["Idempotent-Replay"] == "true"


def test_another_request_under_a_used_key_is_refused() -> None:
    view = Counter()
    post(view)
    other = post(view, body={"a": 2})
    assert other.status_code == 422 and view.times == 1
    assert json.loads(other.content)["type"] == "/problems/idempotency-key-reused"


def test_a_request_still_being_answered_is_a_conflict() -> None:
    inner: list[HttpResponse] = []

    def answer(n: int) -> HttpResponse:
        inner.append(post(view))
        return HttpResponse("done")

    view = Counter(answer)
    assert post(view).content == b"done"
    assert inner[0].status_code == 409 and inner[0]["Retry-After"] == "5"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 429, 500, 503])
def test_a_refusal_is_not_kept_so_the_same_key_may_try_again(status: int) -> None:
    view = Counter(lambda n: HttpResponse(status=status if n == 1 else 201))
    assert post(view).status_code == status
    assert post(view).status_code == 201


def test_a_crash_leaves_the_key_free() -> None:
    def crash(n: int) -> HttpResponse:
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError):
        post(Counter(crash))
    assert post(Counter()).status_code == 201


def test_a_stream_is_not_kept() -> None:
    view = Counter(lambda n: StreamingHttpResponse(iter([b"a"])))
    post(view), post(view)
    assert view.times == 2


def test_two_people_may_use_the_same_key() -> None:
    view = Counter()
    post(view, Authorization="Bearer one"), post(view, Authorization="Bearer two")
    assert view.times == 2


def test_a_form_sends_its_key_in_a_field_and_its_csrf_token_does_not_count() -> None:
    view = Counter()
    for token in ("x", "y"):
        form = {"idempotency_key": "f1", "text": "hello", "csrfmiddlewaretoken": token}
        IdempotencyMiddleware(view)(RequestFactory().post("/s/a/talk/", form))
    assert view.times == 1


def test_a_key_that_a_crashed_server_left_behind_can_be_used_again() -> None:
    view = Counter()
    post(view)
    IdempotencyKey.objects.update(answered_at=None, status=None, created_at=timezone.now() - timedelta(minutes=3))
    post(view)
    assert view.times == 2


def test_without_a_key_every_request_acts() -> None:
    view = Counter()
    post(view, key=""), post(view, key="")
    assert view.times == 2


def test_a_key_must_be_short_and_printable() -> None:
    assert post(Counter(), key="x" * 256).status_code == 400


def test_a_replay_sets_the_cookies_of_the_first_answer() -> None:
    def answer(n: int) -> HttpResponse:
        response = HttpResponse("joined", status=201)
        response.set_cookie("participant", "fm_part_abc", max_age=600, path="/s/a/", httponly=True, samesite="Lax")
        return response

    view = Counter(answer)
    first, again = post(view), post(view)
    assert view.times == 1 and again.content == b"joined"
    assert again.cookies["participant"].OutputString() == first.cookies["participant"].OutputString()


def test_what_is_kept_opens_only_with_the_key_that_the_sender_holds() -> None:
    post(Counter(lambda n: HttpResponse("fm_part_secret and my own words")), key="my-key", body={"outside_id": "P123"})
    row = IdempotencyKey.objects.get()
    stored = repr([str(value).encode() if not isinstance(value, bytes) else value for value in vars(row).values()])
    for told in ("fm_part_secret", "my own words", "my-key", "P123"):
        assert told not in stored


def test_another_file_of_the_same_size_is_another_request() -> None:
    view = Counter()
    for content in (b"one", b"two"):
        form = {"idempotency_key": "f1", "file": SimpleUploadedFile("a.csv", content)}
        response = IdempotencyMiddleware(view)(RequestFactory().post("/api/v1/datasets/a/comparisons/", form))
    assert response.status_code == 422 and view.times == 1


def test_answers_are_kept_for_a_day_and_no_longer() -> None:
    post(Counter(), key="new"), post(Counter(), key="old")
    old = IdempotencyKey.objects.order_by("id").last()
    assert old is not None
    IdempotencyKey.objects.filter(id=old.id).update(created_at=timezone.now() - timedelta(hours=25))
    assert forget_old() == 1 and IdempotencyKey.objects.count() == 1
