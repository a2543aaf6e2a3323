"""Rows that may be added and never changed: the database itself refuses, in SQLite and in PostgreSQL.

The one exception is erasure (a person takes everything back), which says so with `erasing()`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.migrations import AlterField
from django.db.migrations.operations.base import Operation

_erasing = threading.local()


@contextmanager
def erasing() -> Iterator[None]:
    """Allow append-only rows to be deleted or blanked, in this transaction and this thread only."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL folkmoot.erasing = 'on'")
        _erasing.on = True
        try:
            yield
        finally:
            _erasing.on = False
            if connection.vendor == "postgresql" and not connection.needs_rollback:
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL folkmoot.erasing = 'off'")


def watch_connections() -> None:
    """Teach each new SQLite connection the function that the triggers ask."""
    connection_created.connect(_teach_sqlite, dispatch_uid="core.append_only")


def _teach_sqlite(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_function("folkmoot_erasing", 0, lambda: int(getattr(_erasing, "on", False)))


def scrub_log() -> None:
    """Empty SQLite's write-ahead log, which else holds what was erased until it is written over. Where someone reads at
    this moment it is left for the next time; PostgreSQL's log is a matter of its keeping."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class AppendOnly(Operation):
    """Migration operation: from now on, rows of `table` can be inserted but not updated or deleted."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, table: str) -> None:
        self.table = table

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.table], {})

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The model state is unchanged: the rule lives in the database alone."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            for act in ("UPDATE", "DELETE"):
                schema_editor.execute(
                    f"CREATE TRIGGER {self.table}_no_{act.lower()} BEFORE {act} ON {self.table} "
                    f"WHEN NOT folkmoot_erasing() "
                    f"BEGIN SELECT RAISE(ABORT, '{self.table} is append-only'); END"
                )
        elif schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                "CREATE OR REPLACE FUNCTION folkmoot_append_only() RETURNS trigger AS $$ BEGIN "
                "IF coalesce(current_setting('folkmoot.erasing', true), '') = 'on' THEN "
                "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END IF; "
                "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; "
                "END $$ LANGUAGE plpgsql",
                params=None,  # else the driver takes the % for a placeholder
            )
            schema_editor.execute(
                f"CREATE TRIGGER {self.table}_append_only BEFORE UPDATE OR DELETE ON {self.table} "
                f"FOR EACH ROW EXECUTE FUNCTION folkmoot_append_only()"
            )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            for act in ("update", "delete"):
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.table}_no_{act}")
        elif schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.table}_append_only ON {self.table}")

    def describe(self) -> str:
        return f"Make {self.table} append-only"


class DropOwnIndex(AlterField):
    """Migration operation: a foreign key loses the index of its own (`db_index=False`), and nothing else is touched.

    Django's AlterField remakes the whole table for that in SQLite, which loses the triggers, and in PostgreSQL it makes
    the foreign key anew, which looks at every row under a lock.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        before, after = (state.apps.get_model(app_label, self.model_name) for state in (from_state, to_state))
        field = after._meta.get_field(self.name)
        if field.db_index:  # on the way back
            schema_editor.execute(schema_editor._create_index_sql(after, fields=[field]))
            return
        meant = {index.name for index in before._meta.indexes}
        for name in schema_editor._constraint_names(before, [field.column], index=True, exclude=meant, type_="idx"):
            schema_editor.execute(schema_editor._delete_index_sql(before, name))

    def describe(self) -> str:
        return f"Drop the index of {self.model_name}.{self.name} alone"
