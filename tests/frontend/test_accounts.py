"""Accounts: the first one by a code, others by invitation, signing in by address; and API keys that are shown once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import api_keys
from core.models import ApiKey, SignInCode, User
from elicitation import studies
from elicitation.models import Dataset, Study, StudyMembership
from frontend.accounts import first_sign_in_code
from tests.people import make_study

PASSWORD = "correct horse battery staple"

pytestmark = pytest.mark.django_db


def begin(browser: Client, code: str, **changes: str) -> Any:
    typed = {"email": "ada@moot.example", "password": PASSWORD, "code": code} | changes
    return browser.post(reverse("begin"), typed)


def test_the_first_account_is_made_with_the_code_and_signed_in() -> None:
    code = first_sign_in_code()
    assert code is not None
    browser = Client()
    assert begin(browser, code.lower().replace("-", " "))["Location"] == reverse("dashboard:studies")
    assert browser.get(reverse("dashboard:studies")).status_code == 200


def test_the_first_account_runs_the_studies_that_nobody_runs() -> None:
    study = make_study("sample", "Sample")
    begin(Client(), str(first_sign_in_code()))
    assert study.memberships.get().role == StudyMembership.Role.OWNER


def test_the_first_account_runs_the_datasets_that_nobody_runs() -> None:
    dataset = Dataset.objects.create(slug="pairs", title="Pairs")
    begin(Client(), str(first_sign_in_code()))
    dataset.refresh_from_db()
    assert dataset.owner == User.objects.get()


def test_a_wrong_code_makes_no_account_and_keeps_the_address_typed() -> None:
    first_sign_in_code()
    response = begin(Client(), "AAAA-BBBB-CCCC")
    assert response.status_code == 400 and "ada@moot.example" in response.content.decode()
    assert not User.objects.exists()


def test_a_new_code_replaces_the_old_one() -> None:
    old = first_sign_in_code()
    first_sign_in_code()
    assert begin(Client(), str(old)).status_code == 400


def test_a_code_is_kept_only_as_a_digest() -> None:
    code = str(first_sign_in_code())
    assert code not in SignInCode.objects.get().digest


def test_an_old_code_does_not_work() -> None:
    code = str(first_sign_in_code())
    SignInCode.objects.update(expires_at=timezone.now())
    assert begin(Client(), code).status_code == 400


def test_there_is_no_code_once_there_is_an_account(facilitator: User) -> None:
    assert first_sign_in_code() is None


def test_the_code_does_not_work_twice() -> None:
    code = str(first_sign_in_code())
    begin(Client(), code)
    begin(Client(), code, email="eve@moot.example")
    assert User.objects.count() == 1


def test_a_weak_password_is_told_beside_its_field() -> None:
    page = begin(Client(), str(first_sign_in_code()), password="12345").content.decode()
    assert 'class="wrong" id="id_password_error"' in page
    assert not User.objects.exists()


def sign_in(browser: Client, email: str, password: str = PASSWORD) -> Any:
    return browser.post(reverse("sign-in"), {"username": email, "password": password})


def test_signing_in_does_not_mind_capitals_in_the_address(facilitator: User) -> None:
    assert sign_in(Client(), "Facilitator@Moot.Example")["Location"] == reverse("dashboard:studies")


def test_an_unknown_address_and_a_wrong_password_read_the_same(facilitator: User) -> None:
    pages = [
        re.sub(r'name="csrfmiddlewaretoken" value="\w+"|value="\S+@\S+"', "", response.content.decode())
        for response in (sign_in(Client(), facilitator.email, "wrong"), sign_in(Client(), "no@moot.example", "wrong"))
    ]
    assert pages[0] == pages[1]


def test_too_many_wrong_passwords_lock_the_account_for_a_while(facilitator: User) -> None:
    browser = Client()
    for _try in range(8):
        response = sign_in(browser, facilitator.email, "wrong")
    assert response.status_code == 429 and "Try again in 15 minutes" in response.content.decode()
    assert sign_in(browser, facilitator.email).status_code == 429


def test_capitals_in_the_address_do_not_give_more_tries(facilitator: User) -> None:
    browser = Client()
    for number in range(8):
        sign_in(browser, facilitator.email[:number].upper() + facilitator.email[number:], "wrong")
    assert sign_in(browser, facilitator.email).status_code == 429


def test_a_wrong_password_is_not_kept(facilitator: User) -> None:
    sign_in(Client(), facilitator.email, "almost right")
    assert "almost right" not in str(AccessAttempt.objects.values().get())


def test_one_account_that_is_locked_leaves_others_alone(facilitator: User, viewer: User) -> None:
    browser = Client()
    for _try in range(8):
        sign_in(browser, facilitator.email, "wrong")
    assert sign_in(browser, viewer.email).status_code == 302


def test_signing_in_leads_to_no_other_site(facilitator: User) -> None:
    typed = {"username": facilitator.email, "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert Client().post(reverse("sign-in"), typed)["Location"] == reverse("dashboard:studies")


def test_signing_out_takes_a_post(facilitator: User) -> None:
    browser = Client()
    sign_in(browser, facilitator.email)
    assert browser.get(reverse("sign-out")).status_code == 405
    browser.post(reverse("sign-out"))
    assert browser.get(reverse("dashboard:studies")).status_code == 302


def test_changing_the_password_takes_the_old_one(facilitator: User) -> None:
    browser = Client()
    sign_in(browser, facilitator.email)
    new = "four brown horses run"
    typed = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    assert browser.post(reverse("password"), typed).status_code == 200
    assert browser.post(reverse("password"), typed | {"old_password": PASSWORD})["Location"] == reverse(
        "dashboard:account"
    )
    assert sign_in(Client(), facilitator.email, new).status_code == 302


def test_an_invitation_makes_a_new_account_a_member(study: Study, facilitator: User) -> None:
    code = studies.invite_member(study, "facilitator", facilitator)
    typed = {"code": code, "email": "second@moot.example", "password": PASSWORD}
    assert Client().post(reverse("join-study"), typed)["Location"] == reverse("dashboard:study", args=[study.slug])
    assert study.memberships.get(user__email="second@moot.example").role == "facilitator"


def test_an_invitation_makes_who_is_signed_in_a_member(
    study: Study, facilitator: User, stranger: User, client_of: Callable[..., Client]
) -> None:
    code = studies.invite_member(study, "viewer", facilitator)
    client_of(stranger).post(reverse("join-study"), {"code": code}, format="multipart")
    assert study.memberships.get(user=stranger).role == "viewer"


def test_without_an_invitation_nobody_learns_who_has_an_account(stranger: User) -> None:
    for email in (stranger.email, "nobody@moot.example"):
        typed = {"email": email, "password": PASSWORD, "code": "AAAA-BBBB-CCCC"}
        response = Client().post(reverse("join-study"), typed)
        assert response.status_code == 404 and "There is an account" not in response.content.decode()


@pytest.mark.parametrize("code", ["x" * 100, "a\0b", ""])
def test_a_code_that_nobody_gave_is_told_and_keeps_the_address(stranger: User, code: str) -> None:
    typed = {"email": "new@moot.example", "password": PASSWORD, "code": code}
    response = Client().post(reverse("join-study"), typed)
    assert response.status_code in (400, 404) and "new@moot.example" in response.content.decode()
    browser = Client()
    browser.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.post(reverse("join-study"), {"code": code}).status_code in (400, 404)


def test_a_used_invitation_makes_no_account(study: Study, facilitator: User, stranger: User) -> None:
    code = studies.invite_member(study, "viewer", facilitator)
    studies.accept_invitation(stranger, code)
    typed = {"code": code, "email": "late@moot.example", "password": PASSWORD}
    response = Client().post(reverse("join-study"), typed)
    assert response.status_code == 404 and "This code does not work" in response.content.decode()
    assert not User.objects.filter(email="late@moot.example").exists()


def make_key(desk: Client, **changes: Any) -> Any:
    return desk.post(reverse("dashboard:account"), {"name": "laptop", "scope": ["read"], "limited_to": ""} | changes)


def test_a_key_is_shown_once(desk: Client) -> None:
    found = re.search(r"fm_live_[\w-]{20,}", make_key(desk).content.decode())
    assert found is not None and api_keys.find_key(found[0]) is not None
    assert found[0] not in desk.get(reverse("dashboard:account")).content.decode()


def test_a_key_can_be_limited_to_a_study_of_ones_own(desk: Client, study: Study, other_study: Study) -> None:
    make_key(desk, limited_to=study.scope_key)
    assert ApiKey.objects.get().limited_to == study.scope_key
    assert study.title in desk.get(reverse("dashboard:account")).content.decode()
    assert make_key(desk, limited_to=other_study.scope_key).status_code == 400


def test_a_key_needs_a_scope_and_keeps_the_name_typed(desk: Client) -> None:
    response = make_key(desk, scope=[])
    assert response.status_code == 400 and 'value="laptop"' in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_revoked_key_works_no_more(desk: Client) -> None:
    make_key(desk)
    desk.post(reverse("dashboard:account"), {"act": "revoke", "key": ApiKey.objects.get().id})
    assert not ApiKey.objects.get().is_usable


def test_a_key_of_someone_else_is_not_there(desk: Client, stranger: User) -> None:
    key, _secret = api_keys.make_key(stranger, "theirs", ["read"])
    for named in (str(key.id), "nonsense"):
        assert desk.post(reverse("dashboard:account"), {"act": "revoke", "key": named}).status_code == 404
    key.refresh_from_db()
    assert key.is_usable
