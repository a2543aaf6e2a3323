"""From a million votes in a database to a stored snapshot with contexts, beside the bare `GROUP BY` of the same rows.

SQLite in a folder of its own, and PostgreSQL in a database of its own where a server answers at `BENCH_POSTGRES`.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from bench import databases
from bench.measuring import Line, Timing, at_most, in_own_process
from bench.votes import ANSWERS, made_up_votes

VOTES, VALUES, CONTEXTS, ROUNDS = 1_000_000, 10_000, 200, 5
TIMES, MOST_MB = 6, 300
GROUPED = (
    "SELECT from_value_id, to_value_id, context_id, answer, count(*) FROM elicitation_wisdomvote"
    " GROUP BY from_value_id, to_value_id, context_id, answer"
)


def lines() -> Iterator[Line]:
    for name, database in (("SQLite", databases.sqlite), ("PostgreSQL", databases.postgres)):
        with database() as environment:
            if environment is None:
                yield Line(name, "skipped", detail=f"no server answers at {databases.SERVER}")
                continue
            in_own_process(__name__, "fill", environment=environment)
            for mode in ("mge-2023", "robust"):
                yield from _mode(name, mode, environment)


def _mode(name: str, mode: str, environment: dict[str, str]) -> Iterator[Line]:
    found = in_own_process(__name__, "time", mode, environment=environment)
    ours, peer, bare = (Timing(found[what]) for what in ("ours", "read", "bare"))
    what = f"{name}, {mode}, {VOTES:,} votes of {VALUES:,} values to a snapshot of {found['megabytes']} MB"
    yield at_most(what, ours, bare, TIMES, "GROUP BY, its rows counted in the database")
    yield at_most(what, ours, peer, TIMES, "GROUP BY, its rows read")
    peak = in_own_process(__name__, "once", mode, environment=environment)["peak_mb"]
    yield Line(
        f"{name}, {mode}, memory", f"{peak:.0f} MB", f"< {MOST_MB} MB", peak < MOST_MB, "peak of the whole process"
    )


def measured(task: str, *options: str) -> dict[str, Any]:
    import django

    django.setup()
    tasks: dict[str, Callable[..., dict[str, Any]]] = {"fill": _fill, "time": _time, "once": _once}
    return tasks[task](*options)


def _fill() -> dict[str, Any]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    study, votes = _study(), made_up_votes(VOTES, VALUES, contexts=CONTEXTS)
    from django.db import connection
    from django.utils import timezone

    from core.bulk import insert_rows
    from elicitation.models import CanonicalValue, Context, Participant, WisdomVote

    people = [Participant(study=study, number=n) for n in range(1, int(votes.voter.max()) + 1)]
    Participant.objects.bulk_create(people, 5000)
    texts = ["FEELINGS that say what matters here", "MOMENTS when there is still a choice", "PEOPLE who could be asked"]
    values = [
        CanonicalValue(
            study=study, number=n, title=f"Value {n}", description="What it is like to live by it", policies=texts
        )
        for n in range(1, VALUES + 1)
    ]
    value_ids = [value.id for value in CanonicalValue.objects.bulk_create(values, 5000)]
    contexts = [Context(study=study, number=n, text=f"When at the task {n:03}") for n in range(1, CONTEXTS + 1)]
    context_ids = [context.id for context in Context.objects.bulk_create(contexts)]
    columns = (column.tolist() for column in (votes.voter, votes.source, votes.target, votes.context, votes.answer))
    now = timezone.now()
    insert_rows(
        WisdomVote,
        ("study_id", "participant_id", "from_value_id", "to_value_id", "context_id", "answer", "voted_at"),
        (
            (
                study.id,
                people[voter - 1].id,
                value_ids[source - 1],
                value_ids[target - 1],
                context_ids[context],
                ANSWERS[answer],
                now,
            )
            for voter, source, target, context, answer in zip(*columns, strict=True)
        ),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {}


def _study() -> Any:
    from elicitation.models import Study

    return Study.objects.get_or_create(slug="made-up", defaults={"title": "A million votes", "id": uuid.UUID(int=1)})[0]


def _time(mode: str) -> dict[str, Any]:
    """Take turns, the first of them unmeasured."""
    runs: dict[str, list[float]] = {"ours": [], "read": [], "bare": []}
    for seed in range(ROUNDS + 1):
        begun = time.perf_counter()
        size = _once(mode, str(seed))
        built = time.perf_counter()
        _read()
        read = time.perf_counter()
        _bare()
        if seed:
            runs["ours"].append(built - begun)
            runs["read"].append(read - built)
            runs["bare"].append(time.perf_counter() - read)
    return {**runs, **size}


def _once(mode: str, seed: str = "99") -> dict[str, Any]:
    from graphs.building import build_graph

    snapshot = build_graph(_study(), mode=mode, seed=int(seed))  # another seed is another snapshot
    return {"megabytes": round(len(snapshot.body) / 1e6)}


def _read() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(GROUPED)
        while cursor.fetchmany(10_000):
            pass


def _bare() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({GROUPED}) AS grouped")
        cursor.fetchall()
