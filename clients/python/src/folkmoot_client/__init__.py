"""Pull constitutions and moral graphs from a Folkmoot site."""

from folkmoot_client.client import Constitution, Folkmoot
from folkmoot_client.errors import FolkmootError, NotGenuine, Unreachable

__all__ = ["Constitution", "Folkmoot", "FolkmootError", "NotGenuine", "Unreachable"]
