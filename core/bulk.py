"""Many rows of one table at once, by the driver's own way: `executemany` in SQLite, COPY in PostgreSQL.

Django's `bulk_create` makes an object and a clause of SQL for each row, which takes about ten times as long. Libraries for COPY
know PostgreSQL alone; what they add to the driver is no more than this.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice, repeat
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from core import foreign_keys

AT_ONCE = 2_000  # rows that are held at a time
CACHE_KB = 16_000  # of SQLite, while rows are written
_PLAIN = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.FloatField,
    models.BooleanField,
)  # what a driver takes as it is


def insert_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Add a row for each of `rows`, which hold the values of the fields that `columns` names (a relation as its `…_id`), and
    return how many. Fields that are not named get their default, and moments of creation that of the call.

    All or none are added, and ids follow the order of the rows. The rows are read as they are written. Constraints of the
    database hold, and raise IntegrityError; validators, `save` and signals are passed by. What the rows refer to must be there
    when they are written, or be among them. A random id must be among the columns, one that the database counts can't.
    """
    fields = {field.attname: field for field in model._meta.concrete_fields if field.attname in columns}
    others = [
        f for f in model._meta.concrete_fields if f.attname not in columns and not isinstance(f, models.AutoField)
    ]
    if unknown := set(columns) - set(fields):
        raise ValueError(f"{model.__name__} has no column {sorted(unknown)[0]}")
    if any(isinstance(field, models.AutoField) for field in fields.values()):
        raise ValueError("the database counts these ids itself")
    if any(field.primary_key for field in others):
        raise ValueError(f"each row of {model.__name__} needs its {model._meta.pk.name}")
    connection = connections[DEFAULT_DB_ALIAS]  # the wrapper itself: asking for it anew for each value takes time
    changes = {place: change for place, name in enumerate(columns) if (change := _change(fields[name], connection))}
    same = [_prepared(field, _default(field), connection) for field in others]
    parts = _ready(rows, changes, same)
    written_to = [*(fields[name] for name in columns), *others]
    quoted = ", ".join(connection.ops.quote_name(str(field.column)) for field in written_to)
    table = connection.ops.quote_name(model._meta.db_table)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors:
                return _copy(cursor, f"COPY {table} ({quoted}) FROM STDIN", table, written_to, parts)
        insert = f"INSERT INTO {table} ({quoted}) VALUES ({', '.join(['%s'] * len(written_to))})"  # noqa: S608
        first = next(parts, [])
        cursor.executemany(insert, first)
        written = len(first)
        del first
        if written < AT_ONCE:
            return written
        with _wide_cache(cursor):
            for part in parts:
                cursor.executemany(insert, part)
                written += len(part)
        return written


@contextmanager
def _wide_cache(cursor: Any) -> Iterator[None]:
    """Let SQLite keep the indexes that grow in memory: with its usual 2 MB they are written out and read in again and again."""
    [usual] = cursor.execute("PRAGMA cache_size").fetchone()
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA cache_size = {usual}")


def _copy(
    cursor: Any,
    statement: str,
    table: str,
    fields: Sequence["models.Field[Any, Any]"],
    parts: Iterator[list[tuple[Any, ...]]],
) -> int:
    """Write rows by COPY; where they are many and the role may, what they refer to is looked up in the end, and not row by row."""
    first = next(parts, [])
    left_out = foreign_keys.left_out(cursor, table, fields) if len(first) == AT_ONCE else []
    parts = chain(iter([first]), parts)  # an iterator, since a list and its rows would be held until the end
    del first
    if left_out:
        foreign_keys.leave_out(cursor)
    written = 0
    with cursor.copy(statement) as copy:
        for part in foreign_keys.noting(parts, left_out):
            for row in part:
                copy.write_row(row)
            written += len(part)
    if left_out:
        foreign_keys.look_up(cursor, table, left_out)
    return written


def _ready(
    rows: Iterable[Sequence[Any]], changes: Mapping[int, "_Change"], same: Sequence[Any]
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows as the driver takes them, some at a time. They are changed column by column, which is faster."""
    rows = iter(rows)
    while part := list(islice(rows, AT_ONCE)):
        columns: list[Sequence[Any]] = list(zip(*part, strict=True))
        for place, change in changes.items():
            columns[place] = change(columns[place])
        ready = list(zip(*columns, *(repeat(value, len(part)) for value in same), strict=True))
        del part, columns  # else they are held while the next are read
        yield ready


_Change = Callable[[Sequence[Any]], list[Any]]  # of a column's values


def _change(field: "models.Field[Any, Any]", connection: BaseDatabaseWrapper) -> _Change | None:
    """Return what makes a column's values ones that the driver takes, or None where it takes them as they are."""
    kept: Any = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(kept, _PLAIN):
        return None
    if isinstance(kept, models.JSONField):
        encode = json.JSONEncoder().encode if kept.encoder is None else kept.encoder().encode
        return lambda values: [None if value is None else encode(value) for value in values]

    def change(values: Sequence[Any]) -> list[Any]:
        # the same people and moments come again and again
        prepared = {value: _prepared(kept, value, connection) for value in set(values)}
        return [prepared[value] for value in values]

    return change


def _prepared(field: "models.Field[Any, Any]", value: Any, connection: BaseDatabaseWrapper) -> Any:
    prepared = field.get_db_prep_save(value, connection)
    if isinstance(prepared, UUID | datetime):
        return str(prepared)  # which the driver does for each row anew
    return prepared


def _default(field: "models.Field[Any, Any]") -> Any:
    return timezone.now() if getattr(field, "auto_now_add", False) else field.get_default()
