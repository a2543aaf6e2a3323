"""Many rows of one table at once, by the driver's own way: `executemany` in SQLite, COPY in PostgreSQL.

Django's `bulk_create` makes an object and a clause of SQL for each row, which takes about ten times as long. Libraries for COPY
know PostgreSQL alone; what they add to the driver is no more than this.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

AT_ONCE = 2_000  # rows that are held at a time
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
    database hold, and raise IntegrityError; validators, `save` and signals are passed by. A random id must be among the
    columns, one that the database counts can't.
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
    told = [(place, change) for place, name in enumerate(columns) if (change := _change(fields[name], connection))]
    same = tuple(field.get_db_prep_save(_default(field), connection) for field in others)
    ready = _ready(rows, told, same)
    names: list[Any] = [fields[name].column for name in columns] + [field.column for field in others]
    quoted = ", ".join(map(connection.ops.quote_name, names))
    table = connection.ops.quote_name(model._meta.db_table)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors:
                return _copy(cursor, f"COPY {table} ({quoted}) FROM STDIN", ready)
        places = ", ".join(["%s"] * len(names))
        written = 0
        while part := list(islice(ready, AT_ONCE)):
            cursor.executemany(f"INSERT INTO {table} ({quoted}) VALUES ({places})", part)  # noqa: S608
            written += len(part)
        return written


def _copy(cursor: Any, statement: str, rows: Iterable[Sequence[Any]]) -> int:
    written = 0
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            written += 1
    return written


def _ready(
    rows: Iterable[Sequence[Any]], told: Sequence[tuple[int, Callable[[Any], Any]]], same: tuple[Any, ...]
) -> Iterator[Sequence[Any]]:
    for row in rows:
        values = [*row, *same]
        for place, change in told:
            values[place] = change(values[place])
        yield values


def _change(field: "models.Field[Any, Any]", connection: BaseDatabaseWrapper) -> Callable[[Any], Any] | None:
    """Return what makes a value of a field one that the driver takes, or None where it takes it as it is."""
    kept: Any = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(kept, _PLAIN):
        return None
    return lambda value: kept.get_db_prep_save(value, connection)


def _default(field: "models.Field[Any, Any]") -> Any:
    return timezone.now() if getattr(field, "auto_now_add", False) else field.get_default()
