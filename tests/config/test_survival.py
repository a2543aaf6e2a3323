"""Both forms as they are run, with real processes: the worker is killed in the middle of a build, and nobody helps.

The grown-up form is what `docker-compose.yml` says: its settings, commands and health checks, with local addresses.
"""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import psycopg
import pytest
import redis
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
POSTGRES = "postgres://postgres@127.0.0.1:5432"
BROKER, CACHE = (
    2 + os.getpid() % 12,
    15,
)  # Redis databases; another for each run, so that two take no messages of each other
STUDY = "hard-moments"
SEED = "9"
ASK = f"""
from elicitation.models import Study
from graphs.tasks import request_build
request_build(Study.objects.get(slug="{STUDY}"), seed={SEED})
"""
SNAPSHOTS = "SELECT number, sha256 FROM graphs_graphsnapshot ORDER BY number"
JOB = "SELECT state FROM core_job WHERE kind = 'graphs.build'"
Environment = dict[str, str]
Ask = Callable[[str], list[tuple[Any, ...]]]


def manage(environment: Environment, *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def started(environment: Environment, command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"], cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(what: str, is_so: Callable[[], Any], log: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"{what}: not within {seconds} s\n{log.read_text()[-3000:]}"
        time.sleep(0.005)


def kill_in_the_middle(environment: Environment, ask: Ask, workers: Callable[[], list[int]], log: Path) -> None:
    """Ask for a build, and kill the worker once it has begun."""
    groups = workers()
    asking = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", ASK], cwd=ROOT, env=environment
    )
    wait_for("the build has begun", lambda: [row[0] for row in ask(JOB)] not in ([], ["queued"]), log)
    for group in groups:
        os.killpg(group, signal.SIGKILL)
    assert asking.wait() == 0
    assert ask(JOB)[0][0] == "running", "it was killed in the middle, else this shows nothing"


def job_is(ask: Ask, state: str) -> bool:
    return [row[0] for row in ask(JOB)] == [state]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# the embedded form


@pytest.fixture
def embedded(tmp_path: Path) -> Environment:
    """A database with a study that was judged, for a start of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = kept | {"FOLKMOOT_VAR_DIR": str(tmp_path)}
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "demo", "--participants", "9", "--seed", "1")
    return environment


def children_of(pid: int) -> dict[int, str]:
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found[int(stat.parent.name)] = (stat.parent / "cmdline").read_text().replace("\0", " ")
    return found


def test_a_worker_killed_in_the_middle_of_a_build_is_made_good_within_a_minute(
    embedded: Environment, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.sqlite3"
    log = tmp_path / "log"
    with closing(sqlite3.connect(tmp_path / "folkmoot.sqlite3")) as there, closing(sqlite3.connect(copy)) as here:
        there.backup(here)
    elsewhere = embedded | {"DATABASE_URL": f"sqlite:///{copy}"}
    manage(elsewhere, "build_graph", STUDY, "--seed", SEED, "--output", str(tmp_path / "undisturbed.json"))
    with closing(sqlite3.connect(copy)) as here:
        undisturbed = here.execute(SNAPSHOTS).fetchall()
    assert len(undisturbed) == 2

    connection = sqlite3.connect(tmp_path / "folkmoot.sqlite3", timeout=20)

    def ask(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query).fetchall()

    with closing(connection), started(embedded, f"{sys.executable} manage.py run --port {free_port()}", log) as site:
        wait_for("the site is ready", lambda: "is ready" in log.read_text(), log)

        def workers() -> list[int]:
            return [pid for pid, command in children_of(site.pid).items() if " worker " in command]

        wait_for("the worker is there", workers, log)
        kill_in_the_middle(embedded, ask, workers, log)
        wait_for("the build is done", lambda: job_is(ask, "done"), log)
        assert ask(SNAPSHOTS) == undisturbed
        left = list(children_of(site.pid))
        begun = time.monotonic()
        site.terminate()
        assert site.wait(15) == 0
        assert time.monotonic() - begun < 11
        assert not [pid for pid in left if Path(f"/proc/{pid}").exists()]


# the grown-up form


class Grown:
    """The services of `docker-compose.yml` by hand."""

    def __init__(self, folder: Path, database: str) -> None:
        self.port = free_port()
        self.database = f"{POSTGRES}/{database}"
        self.connection: psycopg.Connection[Any] | None = None
        self.places = {
            "/run/secrets": str(folder / "secrets"),
            "/var/lib/folkmoot": str(folder / "state"),
            "0.0.0.0:8000": f"127.0.0.1:{self.port}",
            "localhost:8000": f"localhost:{self.port}",
            "redis://redis:6379/0": f"redis://127.0.0.1:6379/{BROKER}",
            "redis://redis:6379/1": f"redis://127.0.0.1:6379/{CACHE}",
            "${SITE_URL:-https://localhost}": "https://moot.example",
            "${ALLOWED_HOSTS:-localhost}": "moot.example",
            "$$": "$",
        }
        (folder / "secrets").mkdir()
        (folder / "secrets/secret_key").write_text("k" * 64 + "\n")
        (folder / "secrets/database_url").write_text(self.database + "\n")
        (folder / "secrets/llm_api_key").write_text("")
        (folder / "secrets/signing_key").write_text("")
        told = COMPOSE["services"]["worker"]["environment"]
        self.environment = {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", self.here(value)) for name, value in told.items()}
        self.environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOSTNAME": socket.gethostname(),
            "FOLKMOOT_VAR_DIR": str(folder / "state"),
        }

    def here(self, text: str) -> str:
        for there, here in self.places.items():
            text = text.replace(there, here)
        return text

    def command(self, service: str) -> str:
        return self.here(COMPOSE["services"][service]["command"])

    def is_well(self, service: str) -> bool:
        """Whether the service's own health check says so."""
        kind, *check = map(self.here, COMPOSE["services"][service]["healthcheck"]["test"])
        command = ["sh", "-c", check[0]] if kind == "CMD-SHELL" else check
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, check=False).returncode == 0

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        if self.connection is None:
            self.connection = psycopg.connect(self.database, autocommit=True)
        return self.connection.execute(query).fetchall()

    def page(self, path: str) -> Any:
        asked = Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Host": "moot.example", "X-Forwarded-Proto": "https"}
        )
        return urlopen(asked, timeout=20)


@pytest.fixture
def grown(tmp_path: Path) -> Iterator[Grown]:
    name = f"test_folkmoot_{uuid4().hex[:12]}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        site = Grown(tmp_path, name)
        try:
            manage(site.environment, "migrate", "--verbosity", "0")
            manage(site.environment, "demo", "--participants", "9", "--seed", "1")
            yield site
        finally:
            for database in (name, f"{name}_copy"):
                server.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@pytest.mark.redis
@pytest.mark.postgres
def test_the_services_of_the_compose_file_work_and_outlive_their_worker(grown: Grown, tmp_path: Path) -> None:
    copy = f"{grown.database}_copy"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        name = grown.database.rpartition("/")[2]
        server.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    (tmp_path / "copy_url").write_text(copy)
    elsewhere = grown.environment | {"DATABASE_URL_FILE": str(tmp_path / "copy_url")}
    manage(elsewhere, "build_graph", STUDY, "--seed", SEED, "--output", str(tmp_path / "undisturbed.json"))
    with psycopg.connect(copy) as connection:
        undisturbed = connection.execute(SNAPSHOTS).fetchall()
    assert len(undisturbed) == 2

    log = tmp_path / "log"
    env = grown.environment
    with started(env, grown.command("web"), log), started(env, grown.command("beat"), log):
        wait_for("the web service is well", lambda: grown.is_well("web"), log, 120)
        sign_in = grown.page("/accounts/sign-in/")
        assert "Secure" in sign_in.headers["Set-Cookie"] and sign_in.headers["Strict-Transport-Security"]
        styles = re.search(r"/static/[^\"]+\.css", sign_in.read().decode())
        assert styles and "immutable" in grown.page(styles[0]).headers["Cache-Control"]

        with started(env, grown.command("worker"), log) as worker:
            wait_for("the worker is well", lambda: grown.is_well("worker"), log)
            wait_for("the beat is well", lambda: grown.is_well("beat"), log)
            kill_in_the_middle(env, grown.ask, lambda: [worker.pid], log)
        redis.Redis(db=BROKER).delete("celery", "unacked", "unacked_index")  # and its message is lost
        with started(env, grown.command("worker"), log):
            wait_for("the build is done", lambda: job_is(grown.ask, "done"), log)
    assert grown.ask(SNAPSHOTS) == undisturbed
