"""Who asks: a facilitator in a browser, a participant, an API key, or nobody. Querysets decide what each may see."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from core.models import ApiKey, User

# Rooms to the right tell which "study:<id>" and "dataset:<id>" a caller runs; core knows only the text.
scope_providers: list[Callable[["Caller", bool], Iterable[str]]] = []


@dataclass(frozen=True)
class Caller:
    """The one who asks. At most one of `user` and `participant` is set; `key` says that `user` asks through a key."""

    user: "User | None" = None
    participant: Any = None
    key: "ApiKey | None" = None

    def may(self, scope: str) -> bool:
        """Whether this caller's key allows `scope`; people who signed in themselves have every scope."""
        return self.key is None or scope in self.key.scopes

    def scope_keys(self, *, change: bool = False) -> set[str]:
        """Return the "study:<id>" and "dataset:<id>" that this caller runs, to `change` as an editor, within its key's limit."""
        return {key for provider in scope_providers for key in provider(self, change)}


NOBODY = Caller()


def caller_of(request: Any) -> Caller:
    """Return who makes this request, for API views (`request.auth`) and pages alike."""
    from core.models import ApiKey, User

    user = getattr(request, "user", None)
    auth = getattr(request, "auth", None)
    if isinstance(user, User) and user.is_active:
        return Caller(user=user, key=auth if isinstance(auth, ApiKey) else None)
    participant = getattr(request, "participant", None) or (user if getattr(user, "is_participant", False) else None)
    return Caller(participant=participant) if participant is not None else NOBODY


def address_of(request: Any) -> str:
    """Return the network address that a request comes from; what a sender claims beyond our own proxies is not believed."""
    return BaseThrottle().get_ident(request)


class HasScope(BasePermission):
    """A key may read with `read` and change with `write`, or with the view's own `required_scope`."""

    message = "This key lacks the scope for that."
    schemes: ClassVar[tuple[str, ...] | None] = (
        None  # who may ask, in the words of the API's description; None: everyone
    )

    def has_permission(self, request: Any, view: Any) -> bool:
        caller = caller_of(request)
        if request.method in SAFE_METHODS:
            return caller.key is None or caller.may("read")
        return caller.may(getattr(view, "required_scope", "write"))


class IsFacilitator(HasScope):
    """Someone with an account, signed in or through a key."""

    message = "Sign in, or send an API key."
    schemes: ClassVar[tuple[str, ...]] = ("apiKey", "cookieAuth")

    def has_permission(self, request: Any, view: Any) -> bool:
        return caller_of(request).user is not None and super().has_permission(request, view)


class MakesNew(IsFacilitator):
    """Someone who makes what there was not: a study, say. A key that is limited to one study can't."""

    message = "This can't be done with a key that is limited to one study or dataset, or that lacks the scope."

    def has_permission(self, request: Any, view: Any) -> bool:
        key = caller_of(request).key
        return (key is None or not key.limited_to) and super().has_permission(request, view)


class IsParticipant(BasePermission):
    """Someone who takes part, with the token that joining gave."""

    message = "Send the token that you got when you joined."
    schemes = ("participantToken",)

    def has_permission(self, request: Any, view: Any) -> bool:
        return caller_of(request).participant is not None
