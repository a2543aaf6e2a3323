"""A facilitator in a real browser: from the first account to what is published, on a desk and on a phone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from core import jobs
from core.models import Job, User
from elicitation import comparisons, deduplication, facets, interviews
from elicitation.models import Context, Dataset, MergeCandidate, Study, StudyMembership, WisdomVote
from frontend.accounts import first_sign_in_code
from graphs import building
from reports.models import Report
from reports.running import run_report
from tests.browser import walk
from tests.browser.conftest import PHONE
from tests.people import card_of, join, make_study, story_between, value_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
EMAIL, PASSWORD = "ada@moot.example", "four brown horses run"
OPENS = Callable[..., BrowserContext]


@pytest.fixture
def ada(transactional_db: None) -> User:
    return User.objects.create_user(EMAIL, PASSWORD)


@pytest.fixture
def moot(ada: User) -> Study:
    """A study of Ada's in which twelve people talked and judged; its graph is built."""
    study = make_study("moot", "What matters when someone asks for advice?")
    StudyMembership.objects.create(study=study, user=ada, role=StudyMembership.Role.OWNER)
    context = Context.objects.get(study=study, number=1)
    safe, free, together = (value_in(study, title=title) for title in ("Keeping safe", "Staying free", "Letting go"))
    story_between(study, safe, together, context)
    story_between(study, free, together, context, state="proposed")
    for number in range(12):
        person = join(study)
        for first in (safe, free) if number < 8 else (safe,):
            answer = "upgrade" if first == safe or number % 2 else "no_upgrade"
            WisdomVote.objects.create(study=study, participant=person, from_value=first, to_value=together,
                                      context=context, answer=answer, voted_at=timezone.now())  # fmt: skip
    interview = interviews.begin_interview(person, study.questions.get(), llm=None)
    interviews.add_turn(interview, "My uncle drove every Sunday.", llm=None)
    card_of(person)
    dataset = comparisons.dataset_of(study)
    comparisons.add_comparison(dataset, prompt="Q", text_a="Maybe?", text_b="Always.")
    building.publish(building.build_graph(study))
    for text, type, opposes in (("Right to decide for oneself", "right", 0.0), ("Duty to warn", "duty", 1.0)):
        facets.add_consideration(safe, type=type, text=text, relevance=0.8, supports=1 - opposes, opposes=opposes,
                                 either=0.0, explanation="It is asked whenever someone may come to harm.")  # fmt: skip
    facets.decide(facets.add_consideration(safe, type="value", text="Freedom", relevance=0.5, supports=0.1, opposes=0.7,
                                           either=0.2), "proposed", None)  # fmt: skip
    for verb, judgement in (("asking kindly", 2), ("shouting rudely", -2)):
        for thing in ("neighbours", "children", "strangers", "parents", "teachers", "drivers"):
            facets.add_norm(free, rule=f"It says something, {verb} at {thing}.", labels={
                "action": f"{verb} {thing}", "judgement": judgement, "agreement": 3, "foundation": ["care-harm"],
                "legal": "legal"})  # fmt: skip
    facets.add_norm(
        safe, rule="It's good to warn a driver.", labels={"judgement": 1, "agreement": 1, "action": "warning"}
    )
    for kind in ("norms", "moral_axis"):
        run_report(kind, study=study)
    pairs = Dataset.objects.create(slug="pairs", title="Pairs", owner=ada)
    comparisons.add_comparison(pairs, prompt="Q", text_a="Maybe?", text_b="Always.")
    return study


def sign_in(page: Page) -> None:
    page.goto("/accounts/sign-in/")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Studies")).to_be_visible()


def work_off() -> None:
    """Do what was asked for, as a worker would."""
    for job in Job.objects.filter(state=Job.State.QUEUED):
        jobs.perform(str(job.id), jobs.kinds()[job.kind].work)


def test_a_study_is_set_up_tried_and_opened_from_the_first_account_on(
    transactional_db: None, open_browser: OPENS, look: walk.Look
) -> None:
    page = open_browser(**DESK).new_page()
    page.goto("/accounts/begin/")
    look(page, "dashboard-begin")
    page.get_by_label("Code").fill(str(first_sign_in_code()))
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.get_by_role("link", name="New study").first.click()
    page.get_by_role("link", name="Values for an AI assistant").click()
    page.get_by_label("Name that people see").fill("Advice at work")
    look(page, "dashboard-new-study")
    page.get_by_role("button", name="Save the draft").click()
    look(page, "dashboard-draft")
    page.get_by_role("link", name="Try it as a participant").click()
    expect(page.get_by_role("button", name="Agree and begin")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Open the study").click()
    expect(page.get_by_text("The study is open: the link works.")).to_be_visible()
    assert Study.objects.get(title="Advice at work").state == Study.State.OPEN


ADDRESSES = {
    "studies": "/studies/", "new": "/studies/new/?template=town", "study": "/studies/moot/",
    "edit": "/studies/moot/edit/", "interviews": "/studies/moot/interviews/", "values": "/studies/moot/values/",
    "facets": "/studies/moot/values/1/facets/",
    "value": "/studies/moot/values/1/", "values-history": "/studies/moot/values/history/",
    "verification": "/studies/moot/verification/",
    "stories": "/studies/moot/stories/", "story": "/studies/moot/stories/1/", "new-story": "/studies/moot/stories/new/",
    "votes": "/studies/moot/votes/", "graph": "/studies/moot/graph/",
    "constitution": "/studies/moot/constitution/", "datasets": "/datasets/", "dataset": "/datasets/pairs/", "arrow": "/studies/moot/graph/?arrow=1-3", "reports": "/reports/", "jobs": "/jobs/",
    "developers": "/developers/", "account": "/account/", "public-graph": "/g/moot/", "home": "/",
}  # fmt: skip


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_every_page_fits_its_screen_and_has_no_serious_fault_of_access(
    moot: Study, open_browser: OPENS, look: walk.Look, width: str
) -> None:
    page = open_browser(**(DESK if width == "desk" else PHONE)).new_page()
    sign_in(page)
    for name, address in ADDRESSES.items():
        answer = page.goto(address)
        assert answer is not None and answer.status == 200
        look(page, f"dashboard-{name}-{width}")
    for report in Report.objects.all():
        page.goto(f"/reports/{report.id}/")
        look(page, f"dashboard-report-{report.kind}-{width}")
    page.goto(ADDRESSES["facets"])
    page.get_by_text("Add a norm").click()
    page.get_by_text("Add a value, right or duty").click()
    look(page, f"dashboard-value-forms-{width}")
    page.goto(ADDRESSES["interviews"])
    page.get_by_role("link", name="P-12").click()
    look(page, f"dashboard-interview-{width}")


def test_pairs_are_decided_and_undone_by_keys_alone(moot: Study, open_browser: OPENS) -> None:
    first, second, third = moot.values.order_by("number")[:3]
    run = deduplication.active_run(moot)
    for other, similarity in ((second, 0.9), (third, 0.8)):
        MergeCandidate.objects.create(run=run, first=first, second=other, similarity=similarity)
    page = open_browser(**DESK).new_page()
    sign_in(page)
    page.goto(ADDRESSES["values"] + "#pairs")
    for key, waiting in (("d", "1 pair to review"), ("u", "2 pairs to review"), ("s", "1 pair to review")):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=waiting)).to_be_visible()
    assert deduplication.projection(moot) == {second.id: first.id}
    page.get_by_role("searchbox").focus()
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="1 pair to review")).to_be_visible()


def test_a_constitution_is_found_read_and_published_without_script(
    moot: Study, open_browser: OPENS, look: walk.Look
) -> None:
    page = open_browser(**DESK, java_script_enabled=False).new_page()
    sign_in(page)
    page.goto(ADDRESSES["constitution"])
    page.get_by_role("checkbox", name=re.compile("comparison")).uncheck()
    page.get_by_role("button", name="Look for principles").click()
    work_off()
    page.reload()
    expect(page.get_by_role("heading", name="Found, not published")).to_be_visible()
    page.get_by_text("Publish as version 1").click()
    page.get_by_label("What is new, in a line").fill("The first one")
    page.get_by_role("button", name="Publish it").click()
    expect(page.get_by_role("heading", name=re.compile("Constitution, version 1"))).to_be_visible()
    page.get_by_role("link", name="evidence 1").click()
    expect(page.get_by_role("heading", name="Figures")).to_be_visible()


def test_the_page_follows_the_work_it_asked_for(moot: Study, open_browser: OPENS) -> None:
    page = open_browser(**DESK).new_page()
    sign_in(page)
    page.goto(ADDRESSES["graph"])
    page.get_by_text("Build a new one").click()
    page.get_by_label("Counting").select_option("mge-2023")
    page.get_by_role("button", name="Build").click()
    expect(page.locator("[data-job]")).to_be_visible()
    work_off()
    expect(page.get_by_role("heading", name=re.compile("snapshot 2"))).to_be_visible(timeout=15_000)


def test_work_that_failed_is_told_once_and_the_page_rests(moot: Study, open_browser: OPENS) -> None:
    Job.objects.create(
        kind="graphs.build", inputs_sha256="0", scope_key=moot.scope_key, state="failed", error="No votes."
    )
    page = open_browser(**DESK).new_page()
    sign_in(page)
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    page.goto(ADDRESSES["graph"])
    expect(page.get_by_text("No votes.")).to_be_visible()
    page.wait_for_timeout(3000)
    assert len(loads) == 1


def test_a_value_of_the_graph_is_reached_by_keyboard(moot: Study, open_browser: OPENS) -> None:
    page = open_browser(**DESK).new_page()
    sign_in(page)
    page.goto(ADDRESSES["graph"])
    page.locator("svg.graph").get_by_role("link", name=re.compile("^Keeping safe")).focus()
    page.keyboard.press("Enter")
    expect(page.locator("h2.pname")).to_have_text("Keeping safe")


def test_an_arrow_of_the_picture_leads_to_its_evidence(moot: Study, open_browser: OPENS) -> None:
    page = open_browser(**DESK).new_page()
    sign_in(page)
    page.goto(ADDRESSES["graph"])
    page.locator("svg.graph .edges a").first.dispatch_event("click")
    expect(page.locator("h2.pname")).to_have_text(re.compile(" → Letting go"))


def test_a_study_is_closed_only_after_a_second_click(moot: Study, open_browser: OPENS) -> None:
    page = open_browser(**DESK).new_page()
    sign_in(page)
    page.goto(ADDRESSES["study"])
    expect(page.get_by_role("button", name="Close the study")).to_be_hidden()
    page.locator("summary", has_text="Close").click()
    page.get_by_role("button", name="Close the study").click()
    expect(page.get_by_text("The study is closed.", exact=False).first).to_be_visible()
    moot.refresh_from_db()
    assert moot.state == Study.State.CLOSED


def test_all_stories_of_a_page_are_chosen_at_once(moot: Study, open_browser: OPENS) -> None:
    page = open_browser(**DESK).new_page()
    sign_in(page)
    page.goto(ADDRESSES["stories"])
    page.get_by_label("All on this page").check()
    assert page.locator("input[name=story]:checked").count() == page.locator("input[name=story]").count() > 1
