"""Many rows of a table as columns of numbers, by the driver's quickest way: COPY in PostgreSQL, plain tuples in SQLite.

Through a queryset each row passes many functions, which takes several times as long as reading it.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

AT_ONCE = 2_000  # rows that are held at a time
KEY = "S16"  # the bytes of a random id
_KINDS = {2: ">i2", 4: ">i4", 8: ">i8", 16: KEY}  # of a field in a binary COPY, by its size
_HEADER = 19  # bytes before the first row
_END = b"\xff\xff"  # and after the last


def read_columns(rows: "QuerySet[Any, Any]", at_once: int = AT_ONCE) -> Iterator[list[np.ndarray]]:
    """Yield what a `values_list` of whole numbers and random ids finds, some rows at a time, as a column for each field:
    of `int64`, or of `KEY`. Raises ValueError for a row that lacks a value."""
    connection = connections[rows.db]
    try:
        sql, params = rows.query.get_compiler(rows.db).as_sql()
    except EmptyResultSet:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors:
                yield from _copied(cursor, sql, params, at_once)
            return
        cursor.execute(sql, params)
        while part := cursor.fetchmany(at_once):
            yield [_column(values) for values in zip(*part, strict=True)]


def _column(values: tuple[Any, ...]) -> np.ndarray:
    try:
        if isinstance(values[0], str):
            return np.frombuffer(bytes.fromhex("".join(values)), KEY)
        return np.fromiter(values, np.int64, len(values))
    except TypeError:
        raise _lacking() from None


def _copied(cursor: Any, sql: str, params: Any, at_once: int) -> Iterator[list[np.ndarray]]:
    with cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT BINARY)", params) as copy:
        pieces = _pieces(copy)
        data = b"".join(islice(pieces, at_once))[_HEADER:]
        kinds = _kinds_in(data)
        fields = [(name, [("size", ">i4"), ("value", kind)]) for name, kind in kinds.items()]
        row = np.dtype([("count", ">i2"), *fields])
        while data != _END:
            rows = np.frombuffer(data, row, len(data) // row.itemsize)
            if not len(rows) or any(
                (rows[name]["size"] != np.dtype(kind).itemsize).any() for name, kind in kinds.items()
            ):
                raise _lacking()
            yield [rows[name]["value"].astype(KEY if kind == KEY else np.int64) for name, kind in kinds.items()]
            data = data[rows.nbytes :] + b"".join(islice(pieces, at_once))
        next(pieces, None)  # a COPY that is not heard out would be cancelled


def _pieces(copy: Any) -> Iterator[memoryview]:
    """Yield what comes of a COPY, mostly a row at a time. What is here already is taken from libpq: asked for one by one, the
    driver sees of each row whether it has to wait, which takes longer than all else."""
    libpq = copy.connection.pgconn
    while True:
        size, piece = libpq.get_copy_data(1)
        if size < 0:
            return _hear_out(libpq)
        if not size and not (piece := copy.read()):
            return
        yield piece


def _hear_out(libpq: Any) -> None:
    """Take in how a COPY ended, after which the connection is of use again. Raises the driver's error if it broke off."""
    from psycopg import errors, pq  # not loaded where PostgreSQL is not used

    result = libpq.get_result()
    while libpq.get_result():
        pass
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise errors.error_from_result(result)


def _kinds_in(data: bytes) -> dict[str, str]:
    """Return the kinds of the fields of a binary COPY after its first row, which tells the size of each."""
    kinds: dict[str, str] = {}
    at = 2
    for place in range(int.from_bytes(data[:at], "big", signed=True)):
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        if size not in _KINDS:
            raise _lacking()
        kinds[str(place)] = _KINDS[size]
        at += 4 + size
    return kinds


def _lacking() -> ValueError:
    return ValueError("a row lacks a value, or one is no whole number or random id")
