"""Foreign keys of many new rows in PostgreSQL: looked up once for each row that they name, not once for each row that names it.

The database's own check runs row by row and takes two thirds of the time of a large COPY. It is a trigger, which a role that may
set `session_replication_role` can leave out. What that trigger does is done here instead, in the same transaction: when all
rows are written, every row that they name is looked up and locked FOR KEY SHARE. It is as safe as the trigger, because

- what is not there, or was deleted before, is not found, and raises IntegrityError; what is being deleted elsewhere is waited for;
- what was found can't be deleted elsewhere until our transaction ends, and then that deletion's own check, which is never left
  out, finds the new rows. Within our transaction it finds them as well;
- nothing but the COPY can run on its connection, so no other rows go without the trigger;
- NOT NULL, CHECK and unique indexes are no triggers and hold. A table with any other trigger on INSERT, which a deferrable
  unique constraint is too, is left to the database.

Only the moment differs: the trigger waits for the end of the transaction, this looks when the rows are written.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from django.db import IntegrityError, models

_Rows = list[tuple[Any, ...]]


class ForeignKey(NamedTuple):
    """A foreign key of one column. `parent` and `key` are the table and the column that it leads to, as SQL writes them."""

    constraint: str
    parent: str
    key: str
    type: str
    column: str
    place: int  # of the column in a row
    field: "models.Field[Any, Any]"  # what it leads to, as Django knows it
    named: set[Any]  # what the rows name


def left_out(cursor: Any, table: str, fields: Sequence["models.Field[Any, Any]"]) -> list[ForeignKey]:
    """Return the foreign keys of `table` if their triggers may be left out while `fields` are written, else none."""
    may_set = "has_parameter_privilege('session_replication_role', 'SET')"
    if cursor.connection.info.server_version < 150000:
        may_set = "current_setting('is_superuser') = 'on'"
    cursor.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")  # as COPY does: no trigger is added from here on
    cursor.execute(
        f"SELECT {may_set} AND current_setting('session_replication_role') = 'origin' AND NOT EXISTS ("  # noqa: S608
        "SELECT FROM pg_trigger LEFT JOIN pg_constraint ON pg_constraint.oid = tgconstraint "
        "WHERE tgrelid = %s::regclass AND tgtype & 4 <> 0 AND contype IS DISTINCT FROM 'f')",  # 4: on INSERT
        [table],
    )
    if cursor.fetchone() != (True,):
        return []
    cursor.execute(
        "SELECT conname, confrelid::regclass::text, quote_ident(parent.attname), "
        "parent.atttypid::regtype::text, own.attname, "
        # locking takes the right to change
        "cardinality(conkey) = 1 AND has_table_privilege(confrelid, 'SELECT') AND has_table_privilege(confrelid, 'UPDATE') "
        "FROM pg_constraint "
        "JOIN pg_attribute own ON own.attrelid = conrelid AND own.attnum = conkey[1] "
        "JOIN pg_attribute parent ON parent.attrelid = confrelid AND parent.attnum = confkey[1] "
        "WHERE conrelid = %s::regclass AND contype = 'f' ORDER BY 2, 3, 1",
        [table],
    )
    places = {field.column: place for place, field in enumerate(fields)}
    found = []
    for constraint, parent, key, kind, column, can_be in cursor.fetchall():
        if not can_be or column not in places:
            return []
        field = fields[places[column]]
        target = field.target_field if isinstance(field, models.ForeignKey) else field
        found.append(ForeignKey(constraint, parent, key, kind, column, places[column], target, set()))
    return found


def leave_out(cursor: Any) -> None:
    """Write without triggers until `look_up`. An error takes this back with the savepoint or the transaction."""
    cursor.execute("SET LOCAL session_replication_role = replica")


def noting(parts: Iterable[_Rows], foreign_keys: Sequence[ForeignKey]) -> Iterator[_Rows]:
    """Yield rows as they come, and note what they name. That is less than the rows: each is noted once."""
    for part in parts:
        for foreign_key in foreign_keys:
            foreign_key.named.update(map(itemgetter(foreign_key.place), part))
        yield part


def look_up(cursor: Any, table: str, foreign_keys: Sequence[ForeignKey]) -> None:
    """Let triggers run again. Look up and lock what the rows name, in order of its keys; raise IntegrityError if it lacks."""
    cursor.execute("SET LOCAL session_replication_role = origin")
    for (parent, key, kind), group in groupby(foreign_keys, attrgetter("parent", "key", "type")):
        leading = list(group)
        missing = {fk.field.to_python(value) for fk in leading for value in fk.named if value is not None}
        if missing:
            cursor.execute(
                f"SELECT {key} FROM {parent} WHERE {key} = ANY(%s::{kind}[]) ORDER BY {key} FOR KEY SHARE",  # noqa: S608
                [list(missing)],
            )
            missing.difference_update(value for [value] in cursor)
        if missing:
            fk, lost = next((fk, key) for fk in leading for key in map(fk.field.to_python, fk.named) if key in missing)
            raise IntegrityError(
                f"insert or update on table {table} violates foreign key constraint {fk.constraint!r}\n"
                f"DETAIL:  Key ({fk.column})=({lost}) is not present in table {parent}."
            )
