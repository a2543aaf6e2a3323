"""The reports on comparisons in a real browser: they fit a phone and a desk, and axe finds nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from constitutions.extraction import extract
from core.models import User
from elicitation.models import Dataset
from llm_client import FakeLLM, LLMSettings
from reports.models import Report
from reports.running import run_report
from tests.browser import walk
from tests.browser.conftest import PHONE
from tests.constitutions.planted_judge import planted, planted_rows
from tests.frontend.conftest import browser_with
from tests.reports.test_stated_revealed import reader, with_reasons
from tests.reports.test_vibes import always_first, judge, texts

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=["desk", "phone"])
def width(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(live_server: LiveServer, open_browser: Callable[..., BrowserContext], facilitator: User, width: str) -> Page:
    context = open_browser(**(PHONE if width == "phone" else {"viewport": {"width": 1280, "height": 900}}))
    session = browser_with(facilitator).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    return context.new_page()


def seen(page: Page, look: walk.Look, report: Report, name: str) -> None:
    Dataset.objects.update(owner=User.objects.get(email="facilitator@moot.example"))
    answer = page.goto(f"/reports/{report.id}/")
    assert answer is not None and answer.status == 200
    look(page, f"report-{name}")


def test_what_people_say_and_choose(page: Page, look: walk.Look, tmp_path: Path, width: str) -> None:
    dataset, model = with_reasons(tmp_path), FakeLLM(reader)
    seen(page, look, run_report("stated_revealed", dataset=dataset), f"stated-features-{width}")
    extract(dataset=dataset, judge="llm", llm=model, reader=False)
    seen(page, look, run_report("stated_revealed", dataset=dataset, llm=model), f"stated-{width}")
    assert page.locator("svg.iv").count() == 8
    silent = planted(tmp_path, planted_rows(60, seed=1), "silent")
    seen(page, look, run_report("stated_revealed", dataset=silent), f"stated-nothing-{width}")
    assert page.get_by_text("Nobody gave a reason yet.").is_visible()


def test_what_sets_two_sides_apart(page: Page, look: walk.Look, tmp_path: Path, width: str) -> None:
    dataset, asked = texts(tmp_path, 120, models=("sunny-7b-instruct-2026", "frosty-large-preview")), {"judge": "llm"}
    seen(page, look, run_report("vibes", dataset=dataset), f"vibes-features-{width}")
    seen(page, look, run_report("vibes", dataset=dataset, params=asked, llm=FakeLLM(judge)), f"vibes-{width}")
    assert page.locator("svg.iv").count() == 4
    other = LLMSettings(base_url="http://model.invalid/v1", model="other")  # the votes of the first are kept
    nothing = run_report("vibes", dataset=dataset, params=asked, llm=FakeLLM(always_first, settings=other))
    seen(page, look, nothing, f"vibes-nothing-{width}")
    assert page.get_by_text("Nothing was found that sets the two apart.").is_visible()
