"""Two groups side by side in a real browser, and the reports about them."""

from typing import Any

import pytest
from playwright.sync_api import expect

from elicitation.models import Endorsement, Study
from reports.running import run_report
from tests.browser import walk
from tests.browser.conftest import PHONE
from tests.browser.test_dashboard import DESK, OPENS, ada, sign_in, work_off
from tests.graphs.conftest import crowd_of
from tests.people import make_study, value_in

__all__ = ["ada"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ages(ada: Any) -> Study:
    """A study of Ada's in which young and old share one arrow, contradict each other on another, and few judged a third."""
    study = make_study("moot", "What matters when someone asks for advice?")
    study.memberships.create(user=ada, role="owner")
    safe, free, together = (value_in(study, title=title) for title in ("Keeping safe", "Staying free", "Letting go"))
    for age, answer in (("young", "upgrade"), ("old", "no_upgrade")):
        for person in crowd_of(9, safe, together, demographics={"age": age}):
            Endorsement.objects.create(participant=person, value=safe, answer="agree")
        for person in crowd_of(9, free, together, answer, demographics={"age": age}):
            Endorsement.objects.create(participant=person, value=free, answer="agree")
    crowd_of(9, safe, free, demographics={"age": "young"})
    crowd_of(3, safe, free, demographics={"age": "old"})
    return study


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_groups_are_compared_without_script_and_every_page_about_them_is_fit_to_read(
    ages: Study, open_browser: OPENS, look: walk.Look, width: str
) -> None:
    screen = DESK if width == "desk" else PHONE
    page = open_browser(**screen, java_script_enabled=False).new_page()
    sign_in(page)
    page.goto("/studies/moot/groups/")
    page.get_by_label("Group A").select_option("age=young")
    page.get_by_label("Group B").select_option("age=old")
    page.get_by_role("button", name="Compare").click()
    work_off()
    page.goto("/studies/moot/groups/")
    expect(page.get_by_role("row").filter(has_text="Keeping safe").first).to_contain_text("9 of 9")
    expect(page.get_by_text("No group is marked as right.")).to_be_visible()
    seen = open_browser(**screen).new_page()
    sign_in(seen)
    seen.goto("/studies/moot/groups/")
    look(seen, f"groups-{width}")
    for kind in ("shared_ground", "bridging", "split_half"):
        seen.goto(f"/reports/{run_report(kind, study=ages).id}/")
        look(seen, f"report-{kind}-{width}")
