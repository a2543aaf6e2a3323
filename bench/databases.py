"""Databases for one measurement: SQLite in a folder of its own, and PostgreSQL in a database of its own where a server answers.

Each gives the environment for `bench.measuring.in_own_process`; the process still has to migrate.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

SERVER = os.environ.get("BENCH_POSTGRES", "postgres://postgres@127.0.0.1:5432")


@contextmanager
def sqlite() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield _environment(folder, f"sqlite:///{folder}/bench.sqlite3")


@contextmanager
def postgres() -> Iterator[dict[str, str] | None]:
    """Yield None where no server answers at BENCH_POSTGRES."""
    try:
        server = psycopg.connect(f"{SERVER}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        yield None
        return
    name = f"folkmoot_bench_{os.getpid()}"
    with server, tempfile.TemporaryDirectory() as folder:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield _environment(folder, f"{SERVER}/{name}")
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _environment(folder: str, url: str) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": "config.settings", "FOLKMOOT_VAR_DIR": folder, "DATABASE_URL": url}
