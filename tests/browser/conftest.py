"""A real browser: the system's Chromium, driven by Playwright against a live server.

Set FOLKMOOT_SCREENSHOTS to a folder to keep a picture of every page that a test looks at.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, Response, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.conftest import CHROMIUM

# Playwright's loop runs in the test's own thread, where Django would refuse to touch the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
HEAVIEST = 200_000  # bytes of a first load, uncompressed
# What a participant's thumb must hit and is smaller than 44 pixels each way. A link within a sentence may be as high as its line.
TOO_SMALL = """() => [...document.querySelectorAll(".walkin :is(a, button, input:not([type=hidden]), select, textarea, summary)")]
  .filter((e) => e.checkVisibility() && e.tabIndex >= 0 && getComputedStyle(e).display !== "inline" && !e.matches(".skip"))
  .map((e) => [e.outerHTML.slice(0, 80), (e.closest("label") ?? e).getBoundingClientRect()])
  .filter(([, box]) => box.width < 44 || box.height < 44).map(([html]) => html)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that ends with its module: until then Playwright's event loop runs, and tests with one of their own fail."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., BrowserContext]]:
    """Return a function that opens a fresh browser profile at the live server; options are Playwright's."""
    contexts = []

    def open_context(**options: Any) -> BrowserContext:
        context = browser.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        context.close()


@pytest.fixture
def phone(open_browser: Callable[..., BrowserContext]) -> Page:
    """A page on a phone that is 390 points wide."""
    return open_browser(**PHONE).new_page()


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Return a function that looks at a page as people do: it fits the screen, a thumb can
    hit what is to be hit, and axe finds nothing."""
    folder = os.environ.get("FOLKMOOT_SCREENSHOTS")

    def look_at(page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
        width = page.viewport_size["width"] if page.viewport_size else 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the screen"
        if width == PHONE["viewport"]["width"]:
            assert not page.evaluate(TOO_SMALL), f"{name} has targets that are too small"
        found = Axe().run(page).response["violations"]
        assert not found, f"{name}: " + "; ".join(f"{v['id']} {[n['html'] for n in v['nodes']]}" for v in found)

    return look_at


@pytest.fixture
def weigh(open_browser: Callable[..., BrowserContext]) -> Callable[[str], int]:
    """Return a function that loads a path in a browser that was never here, and returns the bytes that came."""

    def weigh_path(path: str) -> int:
        page = open_browser(**PHONE).new_page()
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))
        page.goto(path, wait_until="networkidle")
        return sum(len(answer.body()) for answer in answers)

    return weigh_path


@pytest.fixture(autouse=True)
def no_complaint_of_the_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose pages broke the Content-Security-Policy or a script."""
    if "phone" not in request.fixturenames:
        yield
        return
    complaints: list[str] = []
    page = request.getfixturevalue("phone")
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield
    assert not complaints
