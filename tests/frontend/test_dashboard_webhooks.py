"""Webhooks on a page: added, tried, turned off and on, removed; by those alone who may change what they are about."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from constitutions.models import Webhook, WebhookDelivery
from core.models import User
from elicitation.models import Study
from tests.frontend.conftest import browser_with

pytestmark = pytest.mark.django_db
URL = "https://ci.example.org/hook"


def send(desk: Client, **typed: Any) -> Any:
    return desk.post(reverse("dashboard:webhooks"), typed)


def shown(desk: Client) -> str:
    return desk.get(reverse("dashboard:webhooks")).content.decode()


def test_a_webhook_is_added_and_its_secret_is_shown_once(desk: Client, study: Study) -> None:
    answer = send(desk, act="add", url=URL, about=f"study:{study.slug}").content.decode()
    assert re.search(r"whsec_[\w+/=]{40,}", answer)
    assert Webhook.objects.get().study == study
    again = shown(desk)
    assert URL in again and "whsec_" not in again


def test_an_address_that_cannot_be_used_is_told_and_kept_in_the_form(desk: Client, study: Study) -> None:
    answer = send(desk, act="add", url="http://localhost/hook", about=f"study:{study.slug}")
    assert answer.status_code == 400
    told = answer.content.decode()
    assert "inside the network of this site" in told and 'value="http://localhost/hook"' in told
    assert not Webhook.objects.exists()


def test_it_is_tried_turned_off_and_on_and_removed(desk: Client, study: Study) -> None:
    send(desk, act="add", url=URL, about=f"study:{study.slug}")
    webhook = Webhook.objects.get()
    send(desk, act="test", webhook=webhook.id)
    assert WebhookDelivery.objects.get().version is None
    assert "Waiting" in shown(desk)
    for act, is_off in (("off", True), ("on", False)):
        send(desk, act=act, webhook=webhook.id)
        webhook.refresh_from_db()
        assert (webhook.disabled_at is not None) == is_off
    assert send(desk, act="sing", webhook=webhook.id).status_code == 400
    send(desk, act="remove", webhook=webhook.id)
    assert not Webhook.objects.exists()
    assert "There is no webhook yet." in shown(desk)


def test_those_of_others_are_not_there(desk: Client, study: Study, stranger: User) -> None:
    send(desk, act="add", url=URL, about=f"study:{study.slug}")
    other = browser_with(stranger)
    assert URL not in shown(other)
    assert send(other, act="remove", webhook=Webhook.objects.get().id).status_code == 404
    assert send(other, act="add", url=URL, about=f"study:{study.slug}").status_code == 404
    assert Webhook.objects.count() == 1
