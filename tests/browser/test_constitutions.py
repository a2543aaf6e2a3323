"""A constitution from a run with a model to its published page, in a real browser. The model is a fake server that knows what was
planted: three groups, of which one contradicts the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core import ledger
from elicitation.comparisons import import_comparisons
from tests.browser import walk
from tests.browser.conftest import PHONE
from tests.browser.test_dashboard import DESK, OPENS, ada, sign_in, work_off
from tests.constitutions.planted_judge import PlantedJudge, planted_rows, write_rows
from tests.llm_client.server import FakeModelServer

__all__ = ["ada"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def model(settings: Any) -> Iterator[None]:
    judge = PlantedJudge(0.05)
    with FakeModelServer(lambda body: judge.answer(body["messages"][-1]["content"], "")) as server:
        settings.LLM_BASE_URL, settings.LLM_MODEL, settings.LLM_PROVIDER = server.url, "planted", "openai"
        settings.LLM_PRICE_IN, settings.LLM_PRICE_OUT = "1", "2"
        ledger.model_settings.cache_clear()
        yield
    ledger.model_settings.cache_clear()


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_a_constitution_is_sought_read_and_published(
    ada: Any, model: None, tmp_path: Path, open_browser: OPENS, look: walk.Look, width: str
) -> None:
    rows: list[dict[str, Any]] = []
    for number, (name, signs) in enumerate({"hills": (1, 1, 1), "coast": (1, 1, 1), "plain": (1, 1, -1)}.items()):
        rows += planted_rows(150, seed=40 + number, signs=signs, rater=name)
    write_rows(tmp_path / "moot.jsonl", rows)
    import_comparisons(tmp_path / "moot.jsonl", "moot", title="What people chose", owner=ada)
    page = open_browser(**(DESK if width == "desk" else PHONE)).new_page()
    sign_in(page)
    page.goto("/datasets/moot/")
    look(page, f"constitution-form-{width}")
    page.get_by_label("The language model planted").check()
    page.get_by_label("Whose answers").select_option("by:annotator")
    page.get_by_role("button", name="What would it cost?").click()
    expect(page.get_by_role("row", name="Vote on every comparison")).to_be_visible()
    look(page, f"constitution-cost-{width}")
    page.locator("#search").get_by_role("button", name="Look for principles").click()
    look(page, f"constitution-waits-{width}")
    page.goto("about:blank")  # a page that asks how far the work is would keep the test's database busy
    work_off()
    page.goto("/datasets/moot/")
    expect(page.get_by_role("heading", name="For everyone and for each")).to_be_visible()
    look(page, f"constitution-found-{width}")
    page.get_by_text("Publish as version 1").click()
    page.get_by_label("What is new, in a line").fill("The first one")
    page.get_by_role("button", name="Publish it").click()
    page.get_by_label("Measured text features").check()
    page.get_by_label("Principles at most").fill("3")
    page.locator("#search").get_by_role("button", name="Look for principles").click()
    page.goto("about:blank")
    work_off()
    page.goto("/datasets/moot/")
    look(page, f"constitution-next-{width}")
    page.goto("/c/moot/1/")
    look(page, f"constitution-public-{width}")
    page.goto("/c/moot/1/1/")
    expect(page.get_by_role("heading", name="The comparisons it speaks about")).to_be_visible()
    look(page, f"constitution-principle-{width}")
