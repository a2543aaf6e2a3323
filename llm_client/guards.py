"""Checks that run before every call, real or fake, in the caller's thread.

The tests hook "not inside a transaction" in here; a check that raises stops the call.
"""

from collections.abc import Callable

before_call: list[Callable[[], None]] = []


def check() -> None:
    """Run every check."""
    for guard in before_call:
        guard()
