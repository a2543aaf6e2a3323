"""A new version is told to those who asked for it: signed, tried again, and never into the site's own network."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from rest_framework.test import APIClient

from constitutions import webhooks
from constitutions.extraction import extract
from constitutions.models import Webhook, WebhookDelivery
from constitutions.publishing import publish
from core.models import Job, User
from elicitation.models import Dataset

pytestmark = pytest.mark.django_db
ClientOf = Callable[..., APIClient]


class Receiver:
    """A server on loopback that notes what comes and answers `status`."""

    def __init__(self) -> None:
        self.status, self.came = 200, list[tuple[dict[str, str], bytes]]()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(owner.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_address[1]}/hook"


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_MAY_STAY_INSIDE = True
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def waiting() -> WebhookDelivery:
    return WebhookDelivery.objects.select_related("webhook").get(state="waiting")


def test_a_new_version_is_told_and_the_signature_is_the_one_of_standard_webhooks(
    dataset: Dataset, receiver: Receiver
) -> None:
    _webhook, secret = webhooks.add_webhook(receiver.url, dataset=dataset)
    version = publish(extract(dataset=dataset), slug="lists")
    assert webhooks.deliver(waiting()).state == "delivered"
    [(headers, body)] = receiver.came
    signed = webhooks.signature(secret, headers["webhook-id"], headers["webhook-timestamp"], body)
    assert headers["webhook-signature"] == signed
    told = json.loads(body)
    assert told["type"] == "constitution.published"
    assert (told["data"]["version"], told["data"]["sha256"]) == (1, version.sha256)


def test_the_signature_is_that_of_a_known_example() -> None:
    made = webhooks.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_same_version_again_is_told_once(dataset: Dataset, receiver: Receiver) -> None:
    webhooks.add_webhook(receiver.url, dataset=dataset)
    for _ in range(2):
        publish(extract(dataset=dataset), slug="lists")
    assert WebhookDelivery.objects.count() == 1


def test_what_fails_is_tried_again_with_growing_waits_and_then_turned_off(dataset: Dataset, receiver: Receiver) -> None:
    webhook, _secret = webhooks.add_webhook(receiver.url, dataset=dataset)
    publish(extract(dataset=dataset), slug="lists")
    receiver.status = 503
    waits = []
    for _ in webhooks.WAITS:
        tried = webhooks.deliver(waiting())
        assert tried.next_try_at is not None and tried.tried_at is not None
        waits.append(tried.next_try_at - tried.tried_at)
        job = Job.objects.filter(kind=webhooks.KIND, inputs__tries=tried.tries).get()
        assert job.not_before is not None
    assert waits == sorted(waits) and waits[0] < waits[-1]
    assert webhooks.deliver(waiting()).state == "failed"
    webhook.refresh_from_db()
    assert webhook.disabled_at is not None and "503" in webhook.disabled_why
    assert len({headers["webhook-id"] for headers, _body in receiver.came}) == 1
    publish(extract(dataset=dataset, seed=5), slug="lists")
    assert WebhookDelivery.objects.count() == 1, "one that is off is told nothing"
    webhooks.enable(webhook)
    publish(extract(dataset=dataset, seed=6), slug="lists")
    assert WebhookDelivery.objects.count() == 2


def test_one_that_is_gone_is_turned_off_at_once_and_none_is_followed_elsewhere(
    dataset: Dataset, receiver: Receiver
) -> None:
    webhook, _secret = webhooks.add_webhook(receiver.url, dataset=dataset)
    publish(extract(dataset=dataset), slug="lists")
    receiver.status = 302
    assert webhooks.deliver(waiting()).state == "waiting"
    assert len(receiver.came) == 1
    receiver.status = 410
    assert webhooks.deliver(waiting()).state == "failed"
    webhook.refresh_from_db()
    assert webhook.disabled_at is not None


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.0.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 [::1] [fe80::1] [fd00::1] "
    "[::ffff:127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::] localhost a.localhost db.internal".split(),
)
def test_an_address_inside_is_refused(dataset: Dataset, facilitator: User, client_of: ClientOf, address: str) -> None:
    wanted = {"url": f"https://{address}/", "dataset": dataset.slug}
    answer = client_of(facilitator).post("/api/v1/webhooks/", wanted, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "url")
    assert "inside the network" in answer.json()["detail"]


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "https://", "https://a:b@c.example/", "no address", "https://a.example:x/"]
)
def test_what_is_no_address_is_refused(dataset: Dataset, facilitator: User, client_of: ClientOf, url: str) -> None:
    answer = client_of(facilitator).post("/api/v1/webhooks/", {"url": url, "dataset": dataset.slug}, format="json")
    assert answer.status_code == 400 and not Webhook.objects.exists()


def test_a_name_that_has_come_to_stand_for_an_address_inside_is_sent_nothing(
    dataset: Dataset, receiver: Receiver, settings: Any
) -> None:
    webhooks.add_webhook(receiver.url, dataset=dataset)
    publish(extract(dataset=dataset), slug="lists")
    settings.WEBHOOKS_MAY_STAY_INSIDE = False
    tried = webhooks.deliver(waiting())
    assert (tried.status, receiver.came) == (None, [])
    assert "inside the network" in tried.error


def test_over_rest_the_secret_is_shown_once_and_kept_sealed(
    dataset: Dataset, facilitator: User, client_of: ClientOf
) -> None:
    client = client_of(facilitator)
    made = client.post("/api/v1/webhooks/", {"url": "https://a.example/", "dataset": dataset.slug}, format="json")
    assert made.status_code == 201 and made.json()["secret"].startswith("whsec_")
    address = f"/api/v1/webhooks/{made.json()['id']}/"
    assert "secret" not in client.get(address).json()
    assert made.json()["secret"].encode() not in bytes(Webhook.objects.get().sealed_secret)
    assert client.post(f"{address}test/").status_code == 202
    assert client.get(f"{address}deliveries/").json()["results"][0]["type"] == "test"
    assert client.patch(address, {"is_active": False}, format="json").json()["disabled_at"]
    assert client.patch(address, {"is_active": True}, format="json").json()["disabled_at"] is None
    assert client.delete(address).status_code == 204 and not WebhookDelivery.objects.exists()


def test_of_someone_elses_study_or_dataset_none_can_be_made(
    dataset: Dataset, stranger: User, client_of: ClientOf
) -> None:
    wanted = {"url": "https://a.example/", "dataset": dataset.slug}
    assert client_of(stranger).post("/api/v1/webhooks/", wanted, format="json").status_code == 404
