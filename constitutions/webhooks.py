"""Tell others that a new version is out: a signed POST to the addresses that those who run a study or dataset gave.

The row of a delivery is made in the transaction that publishes; a job sends it, and tries again with growing waits. A message
may come twice and then has the same `webhook-id`. Signed as Standard Webhooks says, so that its libraries check it.

No address may lead into the network that this site stands in. What a name stands for can change, so it is looked up when
sending, and the connection is made to the address that was checked and to no other.
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from constitutions.models import Constitution, ConstitutionVersion, Webhook, WebhookDelivery
from core.jobs import request_job
from core.models import Job, User
from core.secrets import OtherSecret, seal, unseal
from core.text import clean_text
from elicitation.models import Dataset, Study
from llm_client import guards

KIND = "constitutions.deliver"
PUBLISHED = "constitution.published"
TEST = "test"
WAITS = [timedelta(minutes=m) for m in (1, 5, 30, 120, 480, 1440)]  # after the first try, the second, …
MOST_WEBHOOKS = 20  # of one study or dataset
SECONDS = 10
GONE = 410
_SECRET_PREFIX = "whsec_"  # noqa: S105  what a secret begins with is none
_SEALED_FOR = "webhook"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(ValueError):
    """A webhook's address leads where nothing may be sent, or nowhere."""


def add_webhook(
    url: str, *, study: Study | None = None, dataset: Dataset | None = None, by: User | None = None
) -> tuple[Webhook, str]:
    """Make a webhook of a study or an imported dataset and return it with its secret, which is shown this once. Raises
    ValidationError for an address that is none or not allowed."""
    study = study or (dataset.study if dataset else None)
    owner: dict[str, Any] = {"study": study} if study else {"dataset": dataset}
    url = check_url(url)
    if Webhook.objects.filter(**owner).count() >= MOST_WEBHOOKS:
        raise ValidationError({"url": _("There are %d webhooks already; remove one first.") % MOST_WEBHOOKS})
    secret = _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    made = Webhook.objects.create(url=url, sealed_secret=seal(secret.encode(), _SEALED_FOR), created_by=by, **owner)
    return made, secret


def check_url(url: str) -> str:
    """Return the address as it is stored. Raises ValidationError for one that can't be used; names are looked up later."""
    url = clean_text(url, field="url", most=500, required=True).strip()
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        host = None
    if not host or parts.scheme not in ("https", "http") or any(ord(c) <= 32 for c in url):
        raise ValidationError({"url": _("This is no address that begins with https:// or http://.")})
    if parts.username or parts.password:
        raise ValidationError({"url": _("Leave name and password out of the address.")})
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        is_inside = host.rstrip(".") == "localhost" or host.rstrip(".").endswith((".localhost", ".local", ".internal"))
    else:
        is_inside = not is_outside(literal)
    if is_inside and not settings.WEBHOOKS_MAY_STAY_INSIDE:
        raise ValidationError({"url": _("This address is inside the network of this site; nothing is sent there.")})
    return url


def enable(webhook: Webhook) -> None:
    """Take a webhook that was turned off into use again, for the versions to come."""
    Webhook.objects.filter(id=webhook.id).update(disabled_at=None, disabled_why="")


def disable(webhook: Webhook, why: str) -> None:
    Webhook.objects.filter(id=webhook.id, disabled_at=None).update(disabled_at=Now(), disabled_why=why[:300])


def announce(version: ConstitutionVersion) -> None:
    """Put down for every webhook concerned that a version is out. To be called in the transaction that publishes it."""
    constitution = version.constitution
    for webhook in _of(constitution).filter(disabled_at=None):
        path = f"/api/v1/constitutions/{constitution.slug}/"
        data = {
            "constitution": constitution.slug,
            "version": version.number,
            "sha256": version.sha256,
            "note": version.note,
            "url": f"{settings.SITE_URL}{path}versions/{version.number}/",
            "latest": f"{settings.SITE_URL}{path}latest/",
        }
        body = _message(PUBLISHED, data)
        delivery, is_new = WebhookDelivery.objects.get_or_create(
            webhook=webhook, version=version, defaults={"body": body}
        )
        if is_new:
            _request(delivery)


def send_test(webhook: Webhook) -> WebhookDelivery:
    """Send a message of the type `test`, by which one sees that it comes and can be checked."""
    with transaction.atomic():
        delivery = WebhookDelivery.objects.create(webhook=webhook, body=_message(TEST, {"webhook": str(webhook.id)}))
        _request(delivery)
    return delivery


def _of(constitution: Constitution) -> Any:
    if constitution.study:
        return constitution.study.webhooks
    return constitution.dataset.webhooks if constitution.dataset else Webhook.objects.none()


def _message(kind: str, data: dict[str, Any]) -> str:
    return json.dumps({"type": kind, "timestamp": timezone.now().isoformat(), "data": data}, ensure_ascii=False)


def _request(delivery: WebhookDelivery, wait: timedelta | None = None) -> None:
    """Ask for the next try of a delivery, after `wait`; the sweeper sends the job when it is due."""
    owner = delivery.webhook.study or delivery.webhook.dataset
    assert owner is not None
    with transaction.atomic():
        job = request_job(KIND, {"delivery": str(delivery.id), "tries": delivery.tries}, scope_key=owner.scope_key)
        if wait:
            Job.objects.filter(id=job.id, state=Job.State.QUEUED).update(not_before=Now() + wait)


def deliver(delivery: WebhookDelivery) -> WebhookDelivery:
    """Try a delivery once and put down how it went: delivered, to be tried again, or given up, which turns the webhook off.

    Tried twice at once it may be sent twice, and counts as one try.
    """
    states = WebhookDelivery.State
    if delivery.state != states.WAITING:
        return delivery
    if delivery.webhook.disabled_at and not _is_test(delivery):
        WebhookDelivery.objects.filter(id=delivery.id, state=states.WAITING).update(
            state=states.FAILED, error=_("The webhook was turned off meanwhile."), next_try_at=None
        )
        delivery.refresh_from_db()
        return delivery
    status, error = _post(delivery)
    is_done = status is not None and 200 <= status < 300
    is_last = delivery.tries >= len(WAITS) or status == GONE or _is_test(delivery)
    wait = None if is_done or is_last else WAITS[delivery.tries]
    told = {
        "state": states.DELIVERED if is_done else states.FAILED if is_last else states.WAITING,
        "tries": delivery.tries + 1,
        "status": status,
        "error": error[:300],
        "tried_at": Now(),
        "next_try_at": Now() + wait if wait else None,
    }
    with transaction.atomic():
        mine = WebhookDelivery.objects.filter(id=delivery.id, state=states.WAITING, tries=delivery.tries)
        if mine.update(**told):
            delivery.refresh_from_db()
            if wait:
                _request(delivery, wait)
            elif not is_done and not _is_test(delivery):
                why = _("It says that it is gone (410).") if status == GONE else _("%d tries failed.") % delivery.tries
                disable(delivery.webhook, f"{why} {error}".strip())
    delivery.refresh_from_db()
    return delivery


def _is_test(delivery: WebhookDelivery) -> bool:
    return delivery.version_id is None


def _post(delivery: WebhookDelivery) -> tuple[int | None, str]:
    """Send a delivery. Returns what was answered, and what went wrong in plain words."""
    url, body = httpx.URL(delivery.webhook.url), delivery.body.encode()
    try:
        secret = unseal(bytes(delivery.webhook.sealed_secret), _SEALED_FOR).decode()
    except OtherSecret:
        return None, _("The site's SECRET_KEY was changed since this webhook was made. Make it anew.")
    moment = str(int(timezone.now().timestamp()))
    try:
        address = outside_address(url.host, url.port or (443 if url.scheme == "https" else 80))
        guards.check()
        with _client() as client:
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers={
                    "Host": url.netloc.decode(),
                    "Content-Type": "application/json",
                    "User-Agent": "Folkmoot-Webhook/1",
                    "webhook-id": str(delivery.id),
                    "webhook-timestamp": moment,
                    "webhook-signature": signature(secret, str(delivery.id), moment, body),
                },
                extensions={"sni_hostname": url.host},
            )
            response = client.send(request, stream=True)  # what it says beside its status is not read
            response.close()
    except AddressRefused as refused:
        return None, str(refused)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        return None, _("Nothing came back: %s") % (str(error) or type(error).__name__)
    if 300 <= response.status_code < 400:
        return response.status_code, _("It leads elsewhere (%d), which is not followed.") % response.status_code
    is_taken = 200 <= response.status_code < 300
    return response.status_code, "" if is_taken else _("It answered %d.") % response.status_code


@contextmanager
def _client() -> Iterator[httpx.Client]:
    """A client that asks no proxy and follows nowhere."""
    with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client:
        yield client


def signature(secret: str, ident: str, moment: str, body: bytes) -> str:
    """Return the header `webhook-signature` of Standard Webhooks: HMAC-SHA256 over id, moment and body."""
    key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
    signed = hmac.new(key, f"{ident}.{moment}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def outside_address(host: str, port: int) -> str:
    """Return the address that a name stands for now. Raises AddressRefused if it is unknown, or if any address that it stands
    for is inside the network of this site and that is not allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(_("There is no address for %s.") % host[:100]) from None
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.WEBHOOKS_MAY_STAY_INSIDE:
        for address in addresses:
            if not is_outside(ipaddress.ip_address(address.partition("%")[0])):
                told = _("%s is inside the network of this site; nothing is sent there.")
                raise AddressRefused(told % host[:100])
    return addresses[0]


def is_outside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one of the public internet, also where it carries one of another kind within it."""
    if isinstance(address, ipaddress.IPv6Address):
        within = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            within.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.is_site_local or not all(is_outside(inner) for inner in within if inner is not None):
            return False
        if address.ipv4_mapped is not None:
            return True
    return address.is_global and not address.is_multicast
