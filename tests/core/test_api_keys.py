from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.api_keys import find_key, make_key, revoke
from core.models import ApiKey, User

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
