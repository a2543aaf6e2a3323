"""Serve the site and its worker from one command, until Ctrl-C: the embedded form of the product.

Three child processes: gunicorn (one process, several threads), one Celery worker, and the beat that sends the sweeper. Each
is started again when it dies; what it was doing is in the database, so nothing is lost. A guard outlives this process: when
this one is killed, it ends the three, so that the next start finds the port free and no second worker.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from core.jobs import free_leases, is_stuck

THREADS = 8
STOP_WITHIN = 7.0
LOOK_EVERY = 2.0
WORKER_BEGINS_WITHIN = 45.0
REQUESTS_END_WITHIN = 6
LONGEST_PAUSE = 30.0


GUARD = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    sign, group = line[0], int(line[1:])
    groups.add(group) if sign == "+" else groups.discard(group)
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class PortTaken(Exception):
    """Something else listens on the port."""


class AlreadyRunning(Exception):
    """Another start serves what is kept in this folder."""


@contextmanager
def only_one(folder: Path, site: str) -> Iterator[None]:
    """Hold the folder for this process. Raises AlreadyRunning, naming who has it; the system lets go of it when we end."""
    with (folder / "running").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise AlreadyRunning(
                f"Folkmoot is running already: {lock.read().strip() or 'it is just starting'}. Stop it first, or keep the "
                "files of another site elsewhere with FOLKMOOT_VAR_DIR."
            ) from None
        lock.truncate(0)
        lock.write(f"{site}/ (process {os.getpid()})\n")
        lock.flush()
        yield


class Guard:
    """A small process that waits for this one to end, however that comes about, and then ends what is left of it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 our own command
            [sys.executable, "-c", GUARD], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def tell(self, sign: str, group: int) -> None:
        """Name a process group that runs (+) or that is gone (-)."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            with suppress(BrokenPipeError):
                self.process.stdin.write(f"{sign}{group}\n")
                self.process.stdin.flush()

    def dismiss(self) -> None:
        """Let it end what is left, and go."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        self.process.wait()


@dataclass
class Child:
    """One process that is kept running."""

    name: str
    command: list[str]
    stop_signal: signal.Signals
    before_start: Callable[[], object] | None = None
    guard: Guard | None = None
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        self.kill()  # what a dead process left behind would hold the port, or send every message twice
        self.starts.append(time.monotonic())
        if self.before_start is not None:
            self.before_start()
        # Celery says on standard output how Ctrl-C would be understood, which is not so here; its log is on standard error.
        self.process = subprocess.Popen(  # noqa: S603 our own command
            self.command, stdout=subprocess.DEVNULL, start_new_session=True
        )
        if self.guard is not None:
            self.guard.tell("+", self.process.pid)

    def needs_start(self) -> bool:
        """Whether it died and its pause is over: a second longer for each start in the last minute."""
        if self.process is not None and self.process.poll() is None:
            return False
        self.starts = [start for start in self.starts if start > time.monotonic() - 60]
        pause = min(2.0 ** len(self.starts) - 1, LONGEST_PAUSE)
        return not self.starts or time.monotonic() - self.starts[-1] > pause

    def has_run_for(self, seconds: float) -> bool:
        """Whether it was started that long ago: what waited before its start is not its fault."""
        return bool(self.starts) and time.monotonic() - self.starts[-1] > seconds

    def stop(self) -> None:
        """Ask it to finish. It tells its own children; told by us too, a worker would only replace them."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """End it and all that it started."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            if self.guard is not None:
                self.guard.tell("-", self.process.pid)


def children(port: int) -> list[Child]:
    """Return the three processes that make up the site."""
    web = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    web += ["--threads", str(THREADS), "--worker-class", "gthread", "--timeout", "120", "--log-level", "warning"]
    web += ["--graceful-timeout", str(REQUESTS_END_WITHIN)]
    web += ["--no-control-socket"]  # that one would lie in the home folder
    # Running as root is fine on one's own machine, in a container and in CI, so the warning about it is left out.
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser"]
    celery = [*python, "-m", "celery", "--quiet", "--app", "config"]
    worker = [*celery, "worker", "--concurrency", "2", "--pool", "prefork", "--loglevel", "error"]
    worker += ["--without-gossip", "--without-mingle"]
    beat = [*celery, "beat", "--schedule", str(settings.VAR_DIR / "beat-schedule"), "--loglevel", "error"]
    is_alone = settings.CELERY_BROKER_URL.startswith("filesystem")  # then no worker of another machine holds a lease
    return [
        Child("web", web, signal.SIGTERM),
        # SIGQUIT gives a running job CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT to end; SIGTERM would wait for it without end.
        Child("worker", worker, signal.SIGQUIT, before_start=_take_leases_back if is_alone else None),
        Child("beat", beat, signal.SIGTERM),
    ]


def _take_leases_back() -> None:
    with suppress(DatabaseError):  # the leases end by themselves, too
        free_leases()


def _work_is_stuck() -> bool:
    """Whether the one worker must be started anew. Over a file broker its processes share a lock: one that is killed while
    it waits for work keeps that lock for ever, and the others wait with it."""
    try:
        return is_stuck()
    except DatabaseError:
        return False


def check_port(port: int, patience: float = 2.0) -> None:
    """Raise PortTaken if something listens there and goes on to; what a killed start left behind ends in a moment."""
    until = time.monotonic() + patience
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return
            except OSError as error:
                if time.monotonic() > until:
                    raise PortTaken(f"Port {port} is taken. Choose another: PORT={port + 1} make run") from error
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether the site answers on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /healthz/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def serve(port: int, when_ready: Callable[[], None]) -> None:
    """Run the processes until SIGINT or SIGTERM, then stop them; `when_ready` is called once the port answers."""
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    guard = Guard()
    running = children(port)
    for child in running:
        child.guard = guard
    worker = next(child for child in running if child.name == "worker")
    looked = time.monotonic()
    told = False
    try:
        while not stopping:
            for child in running:
                if child.needs_start():
                    if child.starts:
                        print(f"The {child.name} process ended and is started again.", flush=True)
                    child.start()
            if worker.before_start is not None and time.monotonic() - looked > LOOK_EVERY:
                looked = time.monotonic()
                if worker.has_run_for(WORKER_BEGINS_WITHIN) and _work_is_stuck():
                    print("The worker takes no work any more.", flush=True)
                    worker.kill()
            if not told and answers(port):
                told = True
                when_ready()
            time.sleep(0.2)
    finally:
        _stop(running)
        guard.dismiss()


def _stop(running: list[Child]) -> None:
    for child in running:
        child.stop()
    deadline = time.monotonic() + STOP_WITHIN
    for child in running:
        if child.process is not None:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - time.monotonic()))
            child.kill()
