"""API keys: made once, shown once, checked by digest."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import ApiKey, User
from core.secrets import digest, new_token

_PREFIX = "fm_live_"


def make_key(
    owner: User, name: str, scopes: list[str], *, limited_to: str = "", expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Return the stored key and its secret, which cannot be shown again. Raises ValidationError."""
    unknown = sorted(set(scopes) - set(ApiKey.SCOPES))
    if unknown or not scopes:
        known = ", ".join(ApiKey.SCOPES)
        raise ValidationError({"scopes": _("Choose one or more of: %(known)s.") % {"known": known}})
    secret = new_token(_PREFIX)
    key = ApiKey.objects.create(
        owner=owner,
        name=name,
        prefix=secret[: len(_PREFIX) + 4],
        digest=digest(secret),
        scopes=sorted(set(scopes)),
        limited_to=limited_to,
        expires_at=expires_at,
    )
    return key, secret


def find_key(secret: str) -> ApiKey | None:
    """Return the usable key with this secret, or None. Notes its use, at most once a minute."""
    key = ApiKey.objects.select_related("owner").filter(digest=digest(secret)).first()
    if key is None or not key.is_usable or not key.owner.is_active:
        return None
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - timedelta(minutes=1):
        ApiKey.objects.filter(id=key.id).update(last_used_at=now)
    return key


def is_key(secret: str) -> bool:
    """Whether this looks like a key of ours, as against a participant's token."""
    return secret.startswith(_PREFIX)


def revoke(key: ApiKey) -> None:
    """End a key at once. Ending it twice changes nothing."""
    ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=timezone.now())
