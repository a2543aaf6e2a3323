"""Writing 100,000 imported votes: ours beside Django's `bulk_create` and the bare driver (`executemany`, COPY), commit included.

The same rows each time, with every constraint and index of the table: nine indexes, and five foreign keys that each row has,
which bound what any writer can do. PostgreSQL checks foreign keys row by row, which takes more than half of the bare COPY's time;
ours looks up once what the rows name, where the role may (`core.foreign_keys`), and then the indexes take most of it. Also a
plain table of six columns and one index. And a whole study folder of 20 MB, read, checked and stored.
"""

import csv
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import databases
from bench.measured import peak_mb
from bench.measuring import ROUNDS, Line, Timing, at_least, at_most, in_own_process
from bench.votes import ANSWERS, MadeUpVotes, made_up_votes

VOTES, VALUES, CONTEXTS = 100_000, 1_000, 20
FOLDER_VOTES = 265_000  # are a file of 20 MB
COLUMNS = (
    "study_id", "participant_id", "story_id", "from_value_id", "to_value_id", "context_id", "answer", "run_label", "source",
    "voted_at",
)  # fmt: skip


def lines() -> Iterator[Line]:
    with databases.sqlite() as environment:
        yield from _lines_of("SQLite", "executemany", environment)
        yield from _folder_lines(environment)
    with databases.postgres() as server:
        if server is None:
            yield Line("PostgreSQL", "skipped", detail=f"no server answers at {databases.SERVER}")
        else:
            yield from _lines_of("PostgreSQL", "COPY", server)


def _lines_of(name: str, driver: str, environment: dict[str, str]) -> Iterator[Line]:
    for task, table in (("plain", "a plain table"), ("votes", "the table of votes")):
        found = in_own_process(__name__, task, environment=environment)
        ours, bulk_create, bare = (Timing(found[way]) for way in ("ours", "bulk_create", "bare"))
        what = f"{name}, {VOTES:,} votes written to {table}"
        yield at_least(what, ours, bulk_create, 5, "bulk_create")
        yield at_most(what, ours, bare, 2, driver)
        yield Line(f"{what}, the bare driver", f"{bulk_create.median / bare.median:.3g}×", detail="of bulk_create")


def _folder_lines(environment: dict[str, str]) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder), made_up_votes(FOLDER_VOTES, VALUES, contexts=CONTEXTS))
        megabytes = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        found = in_own_process(__name__, "folder", folder, environment=environment)
    what = f"SQLite, a study folder of {megabytes:.0f} MB read, checked and stored"
    yield Line(
        what,
        f"{found['read'] + found['store']:.3g} s",
        detail=f"read {found['read']:.3g} s, stored {found['store']:.3g} s",
    )
    own = found["peak_mb"] - found["before_mb"]
    yield Line("its memory", f"{own:.0f} MB", detail=f"{found['peak_mb']:.0f} MB with the program itself")


def measured(task: str, *options: str) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    if task == "folder":
        return _folder(*options)
    return _votes() if task == "votes" else _plain()


def _votes() -> dict[str, list[float]]:
    from elicitation.models import WisdomVote

    rows = _rows()
    names = (*COLUMNS, "comment", "created_at")
    ready = [(*row[:8], json.dumps(row[8]), row[9], "", row[9]) for row in rows]
    return _timed(WisdomVote, COLUMNS, rows, names, ready)


def _plain() -> dict[str, list[float]]:
    from django.db import connection, models

    class Plain(models.Model):
        voter = models.IntegerField()
        source = models.IntegerField()
        target = models.IntegerField()
        context = models.IntegerField()
        answer = models.CharField(max_length=12)
        voted_at = models.DateTimeField()

        class Meta:
            app_label = "bench"
            indexes = (models.Index(fields=["source", "target"], name="bench_pair"),)

    with connection.schema_editor() as editor:
        editor.create_model(Plain)
    moment, votes = datetime(2023, 10, 18, 9, 16, tzinfo=UTC), made_up_votes(VOTES, VALUES, contexts=CONTEXTS)
    columns = zip(*(column.tolist() for column in votes), strict=True)
    rows = [
        (voter, source, target, context, ANSWERS[answer], moment) for voter, source, target, context, answer in columns
    ]
    names = ("voter", "source", "target", "context", "answer", "voted_at")
    return _timed(Plain, names, rows, names, rows)


def _timed(
    model: Any,
    columns: tuple[str, ...],
    rows: list[tuple[Any, ...]],
    names: tuple[str, ...],
    ready: list[tuple[Any, ...]],
) -> dict[str, list[float]]:
    """Time the ways of writing rows of `columns`; `ready` are the same rows for the driver, with all columns, `names`."""
    from django.db import connection, transaction

    from core.append_only import erasing
    from core.bulk import insert_rows

    def bulk_create() -> None:
        model.objects.bulk_create((model(**dict(zip(columns, row, strict=True))) for row in rows), 500)

    write_bare = _copy if connection.vendor == "postgresql" else _executemany
    ways = {
        "ours": lambda: insert_rows(model, columns, rows),
        "bulk_create": bulk_create,
        "bare": write_bare(model._meta.db_table, names, ready),
    }
    runs: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, write in ways.items():
            begun = time.perf_counter()
            with transaction.atomic():
                write()
            if turn:
                runs[name].append(time.perf_counter() - begun)
            with erasing(), connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {model._meta.db_table}")
    return runs


def _rows() -> list[tuple[Any, ...]]:
    """Return votes as an import has them, with the study, people, values and contexts that they name stored."""
    from elicitation.models import CanonicalValue, Context, Participant, Study

    votes = made_up_votes(VOTES, VALUES, contexts=CONTEXTS)
    study = Study.objects.create(slug=f"votes-{uuid.uuid4().hex[:8]}", title="Votes")
    people = [Participant(study=study, number=n) for n in range(1, int(votes.voter.max()) + 1)]
    values = [CanonicalValue(study=study, number=n, title=f"Value {n}") for n in range(1, VALUES + 1)]
    contexts = [Context(study=study, number=n, text=f"When it is the {n}th time") for n in range(1, CONTEXTS + 1)]
    Participant.objects.bulk_create(people, 500)
    CanonicalValue.objects.bulk_create(values, 500)
    Context.objects.bulk_create(contexts)
    moment, written = datetime(2023, 10, 18, 9, 16, tzinfo=UTC), "2023-10-18T09:16:00.000Z"
    return [
        (
            study.id, people[voter - 1].id, None, values[source - 1].id, values[target - 1].id, contexts[context].id,
            ANSWERS[answer], "", {"created_at": written}, moment,
        )
        for voter, source, target, context, answer in zip(*(column.tolist() for column in votes), strict=True)
    ]  # fmt: skip


def _executemany(table: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Callable[[], Any]:
    from django.db import connection

    written = {uuid.UUID: lambda value: value.hex, datetime: lambda value: value.strftime("%Y-%m-%d %H:%M:%S")}
    ready = [tuple(written[type(v)](v) if type(v) in written else v for v in row) for row in rows]
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    return lambda: connection.connection.executemany(insert, ready)


def _copy(table: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Callable[[], Any]:
    from django.db import connection

    def write() -> None:
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    return write


def write_folder(folder: Path, votes: MadeUpVotes) -> None:
    """Write votes as a study folder."""
    contexts = [f"When it is the {n}th time" for n in range(1, int(votes.context.max()) + 2)]
    values = [
        {"id": n, "title": f"Value {n}", "evaluation_criteria": ["MOMENTS when it matters", "SIGNS that it is so"]}
        for n in range(1, VALUES + 1)
    ]
    (folder / "cases.json").write_text(json.dumps([{"id": "all", "question": "What matters here?"}]))
    (folder / "contexts.json").write_text(json.dumps(contexts))
    (folder / "canonical_values.jsonl").write_text("".join(json.dumps(value) + "\n" for value in values))
    _write_csv(folder / "contexts_on_cases.csv", ["context", "case_id"], ([context, "all"] for context in contexts))
    columns = ["participant", "from_id", "to_id", "context", "run_id", "relationship", "created_at"]
    rows = zip(*(column.tolist() for column in votes), strict=True)
    _write_csv(
        folder / "wisdom_votes.csv",
        columns,
        (
            [f"person-{voter:06d}", source, target, contexts[context], "", ANSWERS[answer], _moment(n)]
            for n, (voter, source, target, context, answer) in enumerate(rows)
        ),
    )


def _moment(n: int) -> str:
    return f"2023-10-{n % 28 + 1:02d}T{n % 24:02d}:{n % 60:02d}:00.{n % 1000:03d}Z"


def _write_csv(path: Path, columns: list[str], rows: Iterable[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns])
        csv.writer(file, lineterminator="\n").writerows(rows)


def _folder(folder: str) -> dict[str, float]:
    from elicitation.study_folder import reading, storing

    before = peak_mb()
    begun = time.perf_counter()
    found = reading.read_folder(Path(folder))
    read = time.perf_counter() - begun
    storing.store_study(found, "folder", "0" * 64)
    return {"before_mb": before, "read": read, "store": time.perf_counter() - begun - read}
