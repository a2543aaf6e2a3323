"""The client is tested on what the constitutions are tested on."""

from tests.constitutions.conftest import preferring

__all__ = ["preferring"]
