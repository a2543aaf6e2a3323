import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*(ROOT / "config").rglob("*.py"), ROOT / "tests/conftest.py", ROOT / "tests/suite.py"]
READ = re.compile(r"""\b(?:env|environ)(?:\.\w+)?[\[(]\s*["']([A-Z][A-Z0-9_]+)["']""")
COMPOSE = (ROOT / "docker-compose.yml").read_text()
FILE = yaml.safe_load(COMPOSE)


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


def test_the_compose_file_names_nothing_that_it_does_not_declare() -> None:
    assert FILE.keys() == {"name", "x-app", "services", "volumes", "secrets"}
    for name, service in FILE["services"].items():
        assert service.get("image") or service.get("build"), name
        assert set(service.get("secrets", [])) <= FILE["secrets"].keys(), name
        assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= FILE["volumes"].keys(), name
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"} and "healthcheck" in FILE["services"][needed], name
        assert service["healthcheck"].keys() <= {"test", "interval", "timeout", "retries", "start_period"}, name
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name


def test_every_secret_that_a_service_reads_is_handed_to_it() -> None:
    for name, service in FILE["services"].items():
        read = {
            value.removeprefix("/run/secrets/")
            for n, value in service.get("environment", {}).items()
            if n.endswith("_FILE")
        }
        assert read == set(service.get("secrets", [])), name


def test_no_secret_gets_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    folders = {Path(secret["file"]).parts[0] for secret in FILE["secrets"].values()}
    assert folders | {"var", "**/secret_key", ".git"} <= set(ignored)


@pytest.mark.parametrize("marker", ["browser", "redis", "postgres"])
def test_there_are_tests_for_what_continuous_integration_must_not_skip(marker: str) -> None:
    assert any(
        f"pytest.mark.{marker}\n" in path.read_text() or f"mark.{marker}," in path.read_text()
        for path in (ROOT / "tests").rglob("test_*.py")
    )
