"""`make test`: the whole suite on SQLite; then, where the servers answer, what touches the database on PostgreSQL.

In continuous integration (FOLKMOOT_CI=1) a server or browser that does not answer is a failure, never a silent skip.
"""

import os
import socket
import subprocess
import sys

POSTGRES = ("127.0.0.1", 5432)
# Tests make their own databases, named after this one; the number keeps two runs on one machine apart.
POSTGRES_URL = f"postgres://postgres@127.0.0.1:5432/folkmoot_{os.getpid()}"
# What behaves the same on every database is not run twice.
NO_DATABASE = (
    *("tests/browser", "tests/llm_client", "tests/config/test_survival.py", "tests/config/test_demo.py"),
    *("tests/test_architecture.py", "tests/test_api_page.py", "tests/core/test_openapi.py"),
    *(f"tests/{room}/algorithms" for room in ("core", "elicitation", "graphs", "constitutions", "reports")),
)


def answers(address: tuple[str, int]) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def run(title: str, *arguments: str, **environment: str) -> int:
    print(f"== {title}", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", *arguments]
    return subprocess.run(command, env=os.environ | environment, check=False).returncode


def main() -> int:
    failed = run("SQLite", *sys.argv[1:])
    if answers(POSTGRES):
        skipped = [f"--ignore={folder}" for folder in NO_DATABASE]
        failed |= run("PostgreSQL", *skipped, "-m", "not redis", *sys.argv[1:], DATABASE_URL=POSTGRES_URL)
    elif os.environ.get("FOLKMOOT_CI"):
        print("== PostgreSQL does not answer, and in CI nothing is skipped")
        failed = 1
    else:
        print("== PostgreSQL does not answer at 127.0.0.1:5432: its tests were left out")
    return failed


if __name__ == "__main__":
    sys.exit(main())
