"""The locked requirements: enough to install from, and nothing that points anywhere."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = ("runtime.txt", "dev.txt")


def lines(name: str) -> list[str]:
    """Each requirement with its hashes, as one line."""
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def locked(name: str) -> dict[str, str]:
    return {r.name: str(r.specifier) for r in (Requirement(line.split("--hash")[0].strip()) for line in lines(name))}


def same_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_has_one_version_and_a_hash(name: str) -> None:
    for line in lines(name):
        assert re.match(r"^[\w.-]+==[\w.!+]+ .*--hash=sha256:[0-9a-f]{64}", line), line


@pytest.mark.parametrize("name", FILES)
def test_no_requirement_names_a_place(name: str) -> None:
    assert not re.search(r"://|@|^-|--(index|extra|find|trusted)", (ROOT / "requirements" / name).read_text(), re.M)


def test_what_the_project_asks_for_is_what_is_locked() -> None:
    versions = locked("runtime.txt")
    for asked in map(Requirement, PROJECT["dependencies"]):
        assert asked.specifier.contains(versions[same_name(asked.name)].removeprefix("==")), asked.name


def test_development_has_the_same_versions_as_the_product() -> None:
    assert locked("runtime.txt").items() <= locked("dev.txt").items()


def test_tools_of_development_are_not_installed_with_the_product() -> None:
    assert not {"pytest", "mypy", "ruff", "playwright", "hypothesis"} & locked("runtime.txt").keys()


@pytest.mark.parametrize("name", locked("runtime.txt"))
def test_nothing_that_is_installed_with_the_product_is_under_gpl_or_agpl(name: str) -> None:
    """The lesser licence (LGPL) is allowed: we use such a package as it is."""
    try:
        about: Any = metadata(name)
    except PackageNotFoundError:  # locked for another platform or Python
        return
    named = [about.get("License-Expression") or "", *(c for c in about.get_all("Classifier") or [] if "License" in c)]
    named += [] if any(named) else [(about.get("License") or "")[:200]]
    assert any(named), "it names no licence: look, and decide"
    assert not re.search(r"(?<!L)(?<!Lesser )A?GPL|(?<!Lesser )General Public", " ".join(named)), named


def test_everything_the_project_asks_for_has_its_reason() -> None:
    reasons = (ROOT / "docs/decisions/0001-dependencies.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \|", reasons, re.M)
    named = {same_name(word) for row in rows for word in re.findall(r"[A-Za-z][\w-]+", row)}
    assert {same_name(Requirement(asked).name) for asked in PROJECT["dependencies"]} <= named


def test_the_licence_that_is_named_is_in_the_repository() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()
