"""The picture of the moral graph in a real browser: pointer, keyboard and fingers, and what it saves."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from elicitation.models import Study, WisdomVote
from graphs import building
from tests.browser import walk
from tests.people import join, make_study, value_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
OPENS = Callable[..., BrowserContext]
ADDRESS = "/g/moot/"


@pytest.fixture
def published(transactional_db: None) -> Study:
    """A study with a published graph: two arrows lead up one after the other, one stands alone, one is by few people."""
    study = make_study("moot", "What matters when someone asks for advice?")
    context = study.contexts.get(number=1)
    titles = ("Plain honesty", "Keeping safe", "Letting go", "Winning", "Sharing", "Staying free")
    honest, safe, go, win, share, free = (
        value_in(study, title=title, policies=[f"MOMENTS of {title.lower()}"]) for title in titles
    )
    asked = [(honest, safe, 14), (safe, go, 12), (win, share, 11), (free, go, 4)]
    people = [join(study) for _ in range(14)]
    for first, second, count in asked:
        for person in people[:count]:
            WisdomVote.objects.create(study=study, participant=person, from_value=first, to_value=second,
                                      context=context, answer="upgrade", voted_at=timezone.now())  # fmt: skip
    building.publish(building.build_graph(study))
    return study


@pytest.fixture
def page(published: Study, open_browser: OPENS) -> Page:
    page = open_browser(**DESK).new_page()
    page.goto(ADDRESS)
    page.evaluate("window.stayed = true")
    return page


def value(page: Page, title: str) -> Any:
    return page.locator("#picture").get_by_role("link", name=re.compile(f"^{title}"))


def test_a_card_shows_beside_what_the_pointer_is_on_and_goes_with_escape(page: Page) -> None:
    value(page, "Keeping safe").hover()
    card = page.get_by_role("tooltip")
    expect(card).to_contain_text("MOMENTS of keeping safe")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.locator("#picture .arrow .hit").first.hover(force=True)
    expect(card).to_contain_text("answers say wiser")


def test_a_value_is_chosen_by_keyboard_without_leaving_the_page(page: Page, look: walk.Look) -> None:
    value(page, "Plain honesty").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#evidence h2")).to_have_text("Plain honesty")
    expect(page.locator(".ways")).to_contain_text("Keeping safe → Letting go")
    expect(page.locator("[data-said]")).to_have_text("Plain honesty")
    assert page.evaluate("document.activeElement.dataset.value") == "1"
    assert page.evaluate("window.stayed") and page.url.endswith("?value=1")
    assert page.locator("#picture .arrow.up").count() == 2
    look(page, "picture-chosen")


def test_thresholds_change_picture_table_and_count_at_once_and_are_said(page: Page, look: walk.Look) -> None:
    page.get_by_text("Try other thresholds").click()
    slider = page.get_by_label(re.compile("Answers that decide"))
    slider.fill("13")
    expect(page.locator("[data-count]")).to_have_text("1 of 4 arrows pass")
    expect(page.locator("#picture .arrow:not(.off)")).to_have_count(1)
    expect(page.locator("#table tbody tr")).to_have_count(1)
    expect(page.locator("[data-said]")).to_have_text("1 of 4 arrows pass")
    slider.fill("1")
    page.get_by_label(re.compile("Arrows that chance made")).fill("6")
    expect(page.locator("[data-count]")).to_have_text("4 of 4 arrows pass")
    expect(page.locator("#table tbody tr")).to_have_count(4)
    page.get_by_role("button", name="Draw anew").click()
    expect(value(page, "Staying free")).to_be_visible()
    look(page, "picture-thresholds")
    assert page.evaluate("window.stayed")


def test_a_value_is_found_while_one_types(page: Page) -> None:
    page.get_by_label("Find a value").press_sequentially("shar")
    page.locator("#found").get_by_role("link", name="Sharing").click()
    expect(page.locator("#evidence h2")).to_have_text("Sharing")
    assert page.evaluate("document.activeElement.id") == "evidence"


def test_the_table_is_sorted_by_keyboard(page: Page) -> None:
    button = page.get_by_role("button", name="From")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("From")
    assert page.locator("#table tbody tr").first.inner_text().startswith("Keeping safe")
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("From")


def test_the_picture_is_saved_as_it_looks(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as saved:
        page.get_by_role("button", name="Picture (SVG)").click()
    saved.value.save_as(tmp_path / "graph.svg")
    svg = ElementTree.parse(tmp_path / "graph.svg").getroot()
    text = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert svg.tag == "{http://www.w3.org/2000/svg}svg" and "Plain honesty" in text
    assert "class=" not in text and "href=" not in text and "var(" not in text and 'fill="rgb(' in text
    with page.expect_download() as saved:
        page.get_by_role("button", name="Picture (PNG)").click()
    saved.value.save_as(tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


def test_a_finger_sees_the_card_first_and_then_all_about_it(published: Study, phone: Page, look: walk.Look) -> None:
    phone.goto(ADDRESS)
    value(phone, "Keeping safe").tap()
    sheet = phone.get_by_role("dialog")
    expect(sheet).to_contain_text("MOMENTS of keeping safe")
    look(phone, "picture-sheet")
    sheet.get_by_role("link", name="All about it").tap()
    expect(phone.locator("#evidence h2")).to_have_text("Keeping safe")
    expect(sheet).to_be_hidden()


def test_without_script_the_same_is_reached_by_links_and_a_button(published: Study, open_browser: OPENS) -> None:
    page = open_browser(**DESK, java_script_enabled=False).new_page()
    page.goto(ADDRESS)
    page.get_by_label("Find a value").fill("honesty")
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator("#found").get_by_role("link", name="Plain honesty").click()
    expect(page.locator("#evidence h2")).to_have_text("Plain honesty")
    page.get_by_role("button", name="From").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("From")
    assert "Letting go" in page.locator("#evidence").inner_text()
