"""The rooms and their arrows: a room imports from rooms to its left, never from one to its right."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = ["llm_client", "core", "elicitation", "graphs", "constitutions", "reports", "frontend", "config"]
NOT_IN_ALGORITHMS = {"django", "rest_framework", "celery", "httpx", "socket", "time", "random", "requests"}


def modules(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.py") if "migrations" not in p.parts and "node_modules" not in p.parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or "", node.lineno


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_from_rooms_to_its_left(room: str) -> None:
    right = set(ORDER[ORDER.index(room) + 1 :])
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(ROOT / room)
        for name, line in imports(path)
        if name.split(".")[0] in right
    ]
    assert not wrong


def test_the_model_client_knows_no_django() -> None:
    wrong = [str(p) for p in modules(ROOT / "llm_client") for name, _ in imports(p) if name.split(".")[0] == "django"]
    assert not wrong


def test_algorithms_are_pure() -> None:
    rooms = set(ORDER)
    wrong = []
    for folder in ROOT.glob("*/algorithms"):
        for path in modules(folder):
            for name, line in imports(path):
                top = name.split(".")[0]
                if top in NOT_IN_ALGORITHMS or (top in rooms and ".algorithms" not in name):
                    wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong


def test_constitutions_read_graphs_only_through_the_published_snapshot() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(ROOT / "constitutions")
        for name, line in imports(path)
        if name.split(".")[0] == "graphs" and name != "graphs.models"
    ]
    assert not wrong


def test_there_is_no_room_for_homeless_functions() -> None:
    assert not [p for room in ORDER for p in (ROOT / room).rglob("utils.py") if "node_modules" not in p.parts]


def test_every_test_module_belongs_to_a_room_that_exists() -> None:
    folders = {p.name for p in (ROOT / "tests").iterdir() if p.is_dir() and not p.name.startswith((".", "_"))}
    assert folders <= set(ORDER) | {"browser", "clients", "fixtures"}
