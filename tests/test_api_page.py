"""docs/api.md is true and complete: every address, method, export and problem in it exists, and none is missing."""

import re
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve
from drf_spectacular.generators import SchemaGenerator

from core.problems import page_not_found
from elicitation.studies import TEMPLATES

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text()
CODE = "".join(
    path.read_text() for room in ("core", "elicitation", "graphs", "constitutions", "reports") for path in (ROOT / room).rglob("*.py")
)  # fmt: skip
UUID = "00000000-0000-4000-8000-000000000000"
PLACES = {"SLUG": "a", "ID": UUID, "N": "1", "M": "1", "P": "1"}
SCHEMA = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


def route_of(written: str) -> str:
    """Return the route of an address on the page. Raises Resolver404 for one that there is not."""
    path = written.removeprefix("$API/").removeprefix("/api/v1/").partition("?")[0]
    filled = "/".join(PLACES.get(part, part) for part in path.split("/"))
    found = resolve(f"/api/v1/{filled}")
    if found.func is page_not_found:
        raise Resolver404(written)
    return found.route


def operations() -> set[tuple[str, str]]:
    """Return every method and route that the page's last table names."""
    rows = re.findall(r"^\| ([A-Z ]+) \| (.+?) \|", PAGE.partition("## All addresses")[2], re.MULTILINE)
    return {(m, route_of(a)) for methods, row in rows for a in re.findall(r"`([^`]+)`", row) for m in methods.split()}


@pytest.mark.parametrize("written", sorted(set(re.findall(r"\$API/[\w/.-]*", PAGE))))
def test_every_address_of_an_example_exists(written: str) -> None:
    route_of(written)


@pytest.mark.parametrize("written", sorted(set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) [\w/]+/)", PAGE))))
def test_every_request_of_a_table_exists(written: str) -> None:
    method, _space, address = written.partition(" ")
    assert (method, route_of(address)) in operations()


def test_an_address_that_there_is_not_would_be_noticed() -> None:
    with pytest.raises(Resolver404):
        route_of("$API/nowhere/SLUG/")


def test_every_operation_is_in_the_table_and_no_other() -> None:
    described = {
        (method.upper(), route_of(re.sub(r"\{(\w+)\}", lambda m: UUID if m[1] == "id" else "1", path)))
        for path, item in SCHEMA["paths"].items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    }
    own = {("GET", "api/v1/schema/"), ("GET", "api/v1/docs/")}
    latest = {("GET", "api/v1/studies/<slug:slug>/graphs/latest/")}
    assert operations() - own - latest == described - own - latest


def test_every_export_is_on_the_page_and_no_other() -> None:
    described = {
        name
        for item in SCHEMA["paths"].values()
        for parameter in item.get("get", {}).get("parameters", [])
        if parameter["name"] == "export"
        for name in parameter["schema"]["enum"]
    }
    table = PAGE.partition("| of | `export` | gives |")[2].partition("\n\n")[0]
    told = {name for row in table.splitlines()[2:] for name in re.findall(r"`([\w-]+)`", row.split("|")[2])}
    assert told == described and set(re.findall(r"export=([\w-]+)", PAGE)) <= described


def test_every_problem_is_on_the_page_and_no_other() -> None:
    table = PAGE.partition("| `type` ends in | status | means |")[2].partition("\n\n")[0]
    told = {name for row in table.splitlines()[2:] for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}
    raised = set(re.findall(r"(?:Problem|problem_response)\(\s*[^\"]*?\"([a-z-]+)\"", CODE))
    named = set(re.findall(r"^    \d{3}: \(\"([a-z-]+)\"", CODE, re.MULTILINE))
    assert told == raised | named | {"conflict", "gone", "invalid"}


def test_the_template_of_the_example_exists() -> None:
    assert set(re.findall(r'"template": "(\w+)"', PAGE)) <= set(TEMPLATES)
