"""A file is looked at before it is taken in, in a real browser without script."""

import json
from typing import Any

import pytest
from playwright.sync_api import FilePayload, expect

from tests.browser import walk
from tests.browser.conftest import PHONE
from tests.browser.test_dashboard import DESK, OPENS, ada, sign_in

__all__ = ["ada"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXTS = ("You could ask her what she hopes for, and wait for the answer.", "Tell her to move on; it was long ago.")
ROWS = [
    {
        "id": n,
        "prompt": f"My friend lost her job {n} months ago. What do I say?",
        "text_a": TEXTS[n % 2],
        "text_b": TEXTS[1 - n % 2],
        "annotations": {"human": {"ana": "a", "bo": "tie"}, "model": {"judge": "b"}},
    }
    for n in range(1, 31)
]


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_a_file_is_shown_and_then_imported(ada: Any, open_browser: OPENS, look: walk.Look, width: str) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in [*ROWS, ROWS[0] | {"id": 99, "text_b": ""}])
    screen = DESK if width == "desk" else PHONE
    for script in (True, False):
        page = open_browser(**screen, java_script_enabled=script).new_page()
        sign_in(page)
        page.goto("/datasets/")
        file: FilePayload = {"name": "answers.jsonl", "mimeType": "application/jsonl", "buffer": lines.encode()}
        page.get_by_label("File").set_input_files(file)
        page.get_by_label("Short name").fill("answers")
        page.get_by_role("button", name="Look at it first").click()
        expect(page.get_by_role("heading", name="What is in answers.jsonl")).to_be_visible()
        if script:
            look(page, f"import-preview-{width}")
    page.get_by_role("button", name="Import it").click()
    expect(page.get_by_text("31 comparisons, 3 annotators, 93 annotations")).to_be_visible()
    seen = open_browser(**screen).new_page()
    sign_in(seen)
    seen.goto("/datasets/answers/")
    expect(seen.get_by_role("link", name="annotated-pairs")).to_be_visible()
    look(seen, f"import-dataset-{width}")
