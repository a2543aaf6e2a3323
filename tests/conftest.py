"""What every test stands on: the cast, the real data where it is, and a guard against calls inside transactions."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection

from core import append_only
from llm_client import guards

# A property holds or not; how long a case took on a busy machine says nothing about it.
hypothesis.settings.register_profile("folkmoot", deadline=None)
hypothesis.settings.load_profile("folkmoot")

pytest_plugins = ["tests.people"]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
IN_CI = bool(os.environ.get("FOLKMOOT_CI"))
CHROMIUM = Path("/usr/bin/chromium")
REDIS = ("127.0.0.1", 6379)
POSTGRES = ("127.0.0.1", 5432)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, saying so, what cannot run here; in CI it runs, and fails if it cannot."""
    if IN_CI:
        return
    missing = {}
    if not CHROMIUM.exists():
        missing["browser"] = pytest.mark.skip(reason="there is no Chromium at /usr/bin/chromium")
    if not _answers(REDIS):
        missing["redis"] = pytest.mark.skip(reason="no Redis answers at 127.0.0.1:6379")
    if not _answers(POSTGRES):
        missing["postgres"] = pytest.mark.skip(reason="no PostgreSQL answers at 127.0.0.1:5432")
    for item in items:
        for name, skip in missing.items():
            if name in item.keywords:
                item.add_marker(skip)


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that other people published. It stands beside the repository, not in it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the published data is not there (../shared/data)")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _nothing_left_in_the_cache() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _no_model_call_inside_a_transaction(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which a model is asked while a transaction is open: on SQLite it would stop every other writer.

    Most tests run in a transaction of their own, which does not count.
    """
    names = set(request.fixturenames)
    own = 1 if names & {"db", "client", "admin_client"} and "transactional_db" not in names else 0

    def check() -> None:
        depth = len(connection.savepoint_ids) + bool(connection.in_atomic_block)
        assert depth <= own, "a model is asked inside a transaction"

    guards.before_call.append(check)
    yield
    guards.before_call.remove(check)


@pytest.fixture(autouse=True)
def _rows_of_record_may_be_flushed(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test with real transactions ends by emptying every table; append-only tables must let it."""
    append_only._erasing.on = False
    if {"transactional_db", "live_server"} & set(request.fixturenames):
        request.getfixturevalue("transactional_db")  # so that this ends first, before the tables are emptied
        yield
        append_only._erasing.on = True
    else:
        yield
