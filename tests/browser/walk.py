"""Taking part through the pages, as a person does: by what is written on buttons and labels."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

Look = Callable[[Page, str], None]

SAID = (
    "My aunt hid the keys from my uncle. He looked for them for weeks.",
    "That he was not asked. The car was the last thing that was his.",
    "I look for moments when he can still choose the next step himself.",
    "I notice if he goes quiet when she checks on him.",
    "How he talks about the lake he drove to every Sunday.",
    "That he makes plans again.",
    "Because an ending that you choose is easier to live with.",
    "Letting go together",
)


def agree(page: Page, slug: str, *, asks: str = "") -> None:
    """Open a study and agree to take part; `asks` is the label of who should ask, where that is a choice."""
    page.goto(f"/s/{slug}/")
    if asks:
        page.get_by_text(asks, exact=True).click()
    page.get_by_label("I have read this and I agree to take part.").check()
    page.get_by_role("button", name="Agree and begin").click()


def choose_question(page: Page, number: int = 0) -> None:
    page.locator("label.tile").nth(number).click()
    page.get_by_role("button", name="Talk about this one").click()


def say(page: Page, text: str) -> None:
    """Answer the guide, and wait until it has answered in turn."""
    turns = page.locator(".turn").count()
    page.get_by_label("Your answer").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn")).to_have_count(turns + 2)
    expect(page.locator("form[data-sending]")).to_have_count(0)  # a streamed answer is stored, not only shown


def talk(page: Page) -> None:
    """Answer until the guide has enough, then ask for the card."""
    for text in SAID:
        say(page, text)
        if page.get_by_role("button", name="Show me my card").is_visible():
            break
    enough = page.get_by_role("button", name=re.compile("Show me my card|I’ve said enough"))
    enough.click()


def write_words(page: Page, title: str, lines: list[str]) -> None:
    """On the page for changing the words: a name, and these lines."""
    page.get_by_label("A short name for it").fill(title)
    for number, line in enumerate(lines, 1):
        if not page.get_by_label(f"Line {number}", exact=True).is_visible():
            page.get_by_role("button", name="Add a line").click()
        page.get_by_label(f"Line {number}", exact=True).fill(line)
    page.get_by_role("button", name="Save the words").last.click()


def confirm(page: Page, fits: str = "Close") -> None:
    page.get_by_label(re.compile(f"{fits}$")).check()
    page.get_by_role("button", name="Yes, save my card").click()


def pick(page: Page, how_many: int = 2) -> None:
    for number in range(how_many):
        page.locator("label.tile").nth(number).click()
    page.get_by_role("button", name="Next").click()


def judge(page: Page, answer: str = "Yes, wiser") -> None:
    """Answer the story on the page, and wait for what comes next."""
    address = page.url
    page.get_by_text(answer, exact=True).click()
    page.get_by_role("button", name=re.compile("Save and")).click()
    page.wait_for_url(lambda url: url != address)
