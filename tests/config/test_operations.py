import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*(ROOT / "config").rglob("*.py"), ROOT / "tests/conftest.py", ROOT / "tests/suite.py"]
READ = re.compile(r"""\b(?:env|environ)(?:\.\w+)?[\[(]\s*["']([A-Z][A-Z0-9_]+)["']""")
COMPOSE = (ROOT / "docker-compose.yml").read_text()


def names_read() -> set[str]:
    return {name for path in SOURCES for name in READ.findall(path.read_text())} - {"DJANGO_SETTINGS_MODULE"}


def names_documented() -> set[str]:
    rows = re.findall(r"^\| (`[A-Z].*?) \|", (ROOT / "docs/operations.md").read_text(), re.M)
    return {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}


def test_every_name_that_is_read_is_documented_and_the_other_way_round() -> None:
    assert names_read() == names_documented()


def test_compose_sets_only_names_that_are_read() -> None:
    app = COMPOSE.split("services:")[0]
    names = {n.removesuffix("_FILE") for n in re.findall(r"^    ([A-Z][A-Z0-9_]+):", app, re.M)}
    assert names
    assert names <= names_read()


@pytest.mark.parametrize("service", ["web", "worker", "beat", "postgres", "redis"])
def test_every_service_has_a_health_check(service: str) -> None:
    block = re.split(rf"^  {service}:\n", COMPOSE, flags=re.M)[1]
    block = re.split(r"^\S|^  \S", block, flags=re.M)[0]
    assert "healthcheck:" in block


def test_every_secret_comes_from_a_file() -> None:
    secrets = COMPOSE.rsplit("\nsecrets:", 1)[1]
    assert re.findall(r"^  (\w+):\n    file:", secrets, re.M) == re.findall(r"^  (\w+):", secrets, re.M)
    assert not re.search(r"(PASSWORD|SECRET_KEY|API_KEY|DATABASE_URL):", COMPOSE)
