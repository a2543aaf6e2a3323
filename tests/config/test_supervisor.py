"""What keeps the embedded site running, with small processes of its own in place of the real two."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.supervisor import AlreadyRunning, Child, Guard, PortTaken, check_port, children, only_one

ROOT = Path(__file__).resolve().parents[2]
WAIT = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); print(flush=True); time.sleep(60)"


def is_running(pid: int) -> bool:
    """Whether it runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_written(path: Path) -> str:
    deadline = time.monotonic() + 30
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline, "it did not start"
        time.sleep(0.02)
    return path.read_text()


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.02)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A process that starts another one and writes down its number."""
    code = (
        "import pathlib, subprocess, sys, time\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'inner')!r}).write_text(str(inner.pid))\n"
        "time.sleep(60)"
    )
    made = Child("child", [sys.executable, "-c", code], signal.SIGTERM)
    yield made
    made.kill()


def test_one_that_runs_needs_no_start(child: Child) -> None:
    assert child.needs_start()
    child.start()
    assert not child.needs_start()


def test_one_that_keeps_dying_is_started_ever_more_slowly(child: Child) -> None:
    now = time.monotonic()
    child.starts = [now - 2]
    assert child.needs_start()
    child.starts = [now - 6, now - 4, now - 2]
    assert not child.needs_start()


def test_what_a_dead_process_left_behind_ends_before_the_next_start(child: Child, tmp_path: Path) -> None:
    child.start()
    left_behind = int(wait_until_written(tmp_path / "inner"))
    assert child.process is not None
    child.process.kill()
    child.process.wait()
    assert is_running(left_behind)
    child.start()
    wait_until_gone(left_behind)


def test_asked_to_stop_it_may_end_its_own_way() -> None:
    child = Child("child", [sys.executable, "-c", WAIT], signal.SIGTERM)
    child.process = subprocess.Popen(child.command, stdout=subprocess.PIPE, start_new_session=True)
    assert child.process.stdout is not None
    child.process.stdout.readline()
    child.stop()
    assert child.process.wait(10) == 0


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} is taken.*PORT="):
            check_port(port, patience=0)


def test_a_port_that_is_free_again_is_not_called_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    check_port(port)


def test_the_files_of_a_site_are_served_by_one_start_at_a_time(tmp_path: Path) -> None:
    with (
        only_one(tmp_path, "http://localhost:8000"),
        pytest.raises(AlreadyRunning, match=r"http://localhost:8000/.*FOLKMOOT_VAR_DIR"),
        only_one(tmp_path, "other"),
    ):
        pass
    with only_one(tmp_path, "http://localhost:9000"):
        pass


def test_a_start_that_is_killed_leaves_no_process_and_no_lock(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, sys, time\n"
        "import django; django.setup()\n"
        "from config.supervisor import Child, Guard, only_one\n"
        "with only_one(pathlib.Path(sys.argv[1]), 'site'):\n"
        "    child = Child('child', [sys.executable, '-c', 'import time; time.sleep(60)'], signal.SIGTERM, guard=Guard())\n"
        "    child.start()\n"
        "    pathlib.Path(sys.argv[1], 'child').write_text(str(child.process.pid))\n"
        "    time.sleep(60)"
    )
    start = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=os.environ | {"FOLKMOOT_VAR_DIR": str(tmp_path)}
    )
    child = int(wait_until_written(tmp_path / "child"))
    assert is_running(child)
    start.kill()
    start.wait()
    wait_until_gone(child)
    with only_one(tmp_path, "next"):
        pass


def test_a_guard_leaves_alone_what_has_ended(child: Child) -> None:
    child.guard = Guard()
    child.start()
    child.kill()
    child.guard.dismiss()
    assert child.guard.process.returncode == 0


def test_the_beat_is_a_process_of_its_own_so_that_its_death_is_seen() -> None:
    assert [child.name for child in children(8000)] == ["web", "worker", "beat"]


def test_a_worker_that_has_just_begun_is_given_time_for_what_waited_before_it(child: Child) -> None:
    child.start()
    assert not child.has_run_for(45)
    child.starts[-1] -= 46
    assert child.has_run_for(45)
