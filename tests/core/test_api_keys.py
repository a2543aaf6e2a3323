from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.test import APIClient

from core.access import address_of
from core.api_keys import find_key, make_key, revoke
from core.models import ApiKey, User
from tests.people import Actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("ada@example.org", "a long pass phrase")


def test_a_key_is_found_by_its_secret_and_its_secret_is_not_stored(owner: User) -> None:
    key, secret = make_key(owner, "nightly", ["read"])
    assert find_key(secret) == key
    assert secret not in str(ApiKey.objects.values_list())


def test_a_revoked_key_is_not_found(owner: User) -> None:
    key, secret = make_key(owner, "nightly", ["read"])
    revoke(key)
    assert find_key(secret) is None


def test_a_key_ends_on_its_day(owner: User) -> None:
    _key, secret = make_key(owner, "nightly", ["read"], expires_at=timezone.now() - timedelta(seconds=1))
    assert find_key(secret) is None


def test_a_key_ends_with_its_owner(owner: User) -> None:
    _key, secret = make_key(owner, "nightly", ["read"])
    User.objects.update(is_active=False)
    assert find_key(secret) is None


@pytest.mark.parametrize("scopes", [[], ["everything"]])
def test_scopes_are_named_from_the_list(owner: User, scopes: list[str]) -> None:
    with pytest.raises(ValidationError, match="Choose one or more"):
        make_key(owner, "nightly", scopes)


def test_a_key_that_is_over_before_it_begins_is_refused(owner: User, client_of: Callable[[Actor], APIClient]) -> None:
    asked = {"name": "nightly", "scopes": ["read"], "expires_at": (timezone.now() - timedelta(days=1)).isoformat()}
    refused = client_of(owner).post("/api/v1/keys/", asked, format="json")
    assert refused.status_code == 400 and refused.data["errors"][0]["field"] == "expires_at"
    later = asked | {"expires_at": (timezone.now() + timedelta(days=1)).isoformat()}
    made = client_of(owner).post("/api/v1/keys/", later, format="json")
    assert made.status_code == 201 and find_key(made.data["secret"]) is not None


@pytest.mark.parametrize(("proxies", "address"), [(0, "192.0.2.1"), (1, "198.51.100.7")])
def test_limits_go_by_an_address_that_the_sender_cannot_choose(settings: Any, proxies: int, address: str) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
    request = RequestFactory().get(
        "/api/v1/", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": "10.0.0.9, 198.51.100.7"}
    )
    assert address_of(request) == address
