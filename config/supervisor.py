"""Serve the site and its worker from one command, until Ctrl-C: the embedded form of the product.

Two child processes: gunicorn (one process, several threads) and one Celery worker with its beat. Either is started again
when it dies; what it was doing is in the database, so nothing is lost.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from django.conf import settings

THREADS = 8
STOP_WITHIN = 9.5
REQUESTS_END_WITHIN = 6
LONGEST_PAUSE = 30.0


class PortTaken(Exception):
    """Something else listens on the port."""


@dataclass
class Child:
    """One process that is kept running."""

    name: str
    command: list[str]
    stop_signal: signal.Signals
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        self.kill()  # what a dead process left behind would hold the port, or send every message twice
        self.starts.append(time.monotonic())
        self.process = subprocess.Popen(self.command, start_new_session=True)  # noqa: S603 our own command

    def needs_start(self) -> bool:
        """Whether it died and its pause is over: a second longer for each start in the last minute."""
        if self.process is not None and self.process.poll() is None:
            return False
        self.starts = [start for start in self.starts if start > time.monotonic() - 60]
        pause = min(2.0 ** len(self.starts) - 1, LONGEST_PAUSE)
        return not self.starts or time.monotonic() - self.starts[-1] > pause

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


def children(port: int) -> list[Child]:
    """Return the two processes that make up the site."""
    web = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    web += ["--threads", str(THREADS), "--worker-class", "gthread", "--timeout", "120", "--log-level", "warning"]
    web += [
        "--graceful-timeout",
        str(REQUESTS_END_WITHIN),
        "--no-control-socket",
    ]  # that one would lie in the home folder
    schedule = str(settings.VAR_DIR / "beat-schedule")
    # Running as root is fine on one's own machine, in a container and in CI, so the warning about it is left out.
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser"]
    worker = [*python, "-m", "celery", "--quiet", "--app", "config", "worker", "--beat", "--schedule", schedule]
    worker += ["--concurrency", "2", "--pool", "prefork", "--loglevel", "error", "--without-gossip", "--without-mingle"]
    # SIGQUIT gives a running job CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT to end; SIGTERM would wait for it without end.
    return [Child("web", web, signal.SIGTERM), Child("worker", worker, signal.SIGQUIT)]


def check_port(port: int) -> None:
    """Raise PortTaken if something listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(f"Port {port} is taken. Choose another: PORT={port + 1} make run") from error


def answers(port: int) -> bool:
    """Whether the site answers on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /healthz/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def serve(port: int, when_ready: Callable[[], None]) -> None:
    """Run both processes until SIGINT or SIGTERM, then stop them; `when_ready` is called once the port answers."""
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    running = children(port)
    told = False
    try:
        while not stopping:
            for child in running:
                if child.needs_start():
                    if child.starts:
                        print(f"The {child.name} process ended and is started again.", flush=True)
                    child.start()
            if not told and answers(port):
                told = True
                when_ready()
            time.sleep(0.2)
    finally:
        _stop(running)


def _stop(running: list[Child]) -> None:
    for child in running:
        child.stop()
    deadline = time.monotonic() + STOP_WITHIN
    for child in running:
        if child.process is not None:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - time.monotonic()))
            child.kill()
