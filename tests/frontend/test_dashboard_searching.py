"""The run page of constitutions: what a run would cost, how it stands, and what becomes of it. The model is a fake server."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from django.test import Client
from django.urls import reverse

from constitutions.models import ConstitutionVersion, Extraction
from core import ledger
from core.models import Job, LLMCall, User
from elicitation.comparisons import import_comparisons
from elicitation.models import Dataset
from tests.constitutions.planted_judge import PlantedJudge, phrase, planted_rows, write_rows
from tests.llm_client.server import Answer, FakeModelServer

Work = Callable[[], Job]


@pytest.fixture
def server(settings: Any) -> Iterator[FakeModelServer]:
    """A model that judges as planted, over real HTTP."""
    judge = PlantedJudge(0.0)
    with FakeModelServer(lambda body: judge.answer(body["messages"][-1]["content"], "")) as server:
        settings.LLM_BASE_URL, settings.LLM_MODEL, settings.LLM_PROVIDER = server.url, "planted", "openai"
        settings.LLM_PRICE_IN, settings.LLM_PRICE_OUT = "1", "2"
        ledger.model_settings.cache_clear()
        yield server
    ledger.model_settings.cache_clear()


@pytest.fixture
def pairs(facilitator: User, tmp_path: Path) -> Dataset:
    path = tmp_path / "pairs.jsonl"
    write_rows(path, planted_rows(90, seed=8, true=(3,), noise=0.0))
    import_comparisons(path, "pairs", owner=facilitator)
    return Dataset.objects.get(slug="pairs")


def page(browser: Client, name: str, *args: object) -> str:
    response = browser.get(reverse(name, args=args))
    assert response.status_code == 200
    return response.content.decode()


def send(browser: Client, **typed: str) -> Any:
    return browser.post(reverse("dashboard:dataset", args=["pairs"]), typed)


def test_without_a_model_the_form_says_so(desk: Client, pairs: Dataset) -> None:
    shown = page(desk, "dashboard:dataset", "pairs")
    assert "A language model: none is configured here" in shown
    assert "What would it cost?" not in shown
    assert send(desk, act="search", judge="llm").status_code == 409


def test_what_a_run_would_cost_is_told_before_it(desk: Client, pairs: Dataset, server: FakeModelServer) -> None:
    shown = send(desk, act="estimate", judge="llm", reader="yes", principles="3").content.decode()
    assert "calls and" in shown and "Voting" in shown
    assert 'value="3"' in shown and not server.requests and not Job.objects.exists()


def test_a_run_with_the_model_is_found_published_and_told(
    desk: Client, pairs: Dataset, server: FakeModelServer, work_off: Work
) -> None:
    send(desk, act="search", judge="llm", reader="yes")
    job = work_off()
    assert (job.state, job.error) == ("done", "")
    shown = page(desk, "dashboard:dataset", "pairs")
    assert f"Prefer the answer that {phrase(3)}." in shown
    assert "Two ways to apply it" in shown and "asked = answered + cached + missing" in shown
    found = re.search(r'name="extraction" value="([\w-]+)"', shown)
    assert found is not None
    send(desk, act="publish", extraction=found[1], note="First")
    version = ConstitutionVersion.objects.get()
    assert "model: planted" in page(Client(), "public-constitution-version", "pairs", version.number)
    assert "people chose it" in page(Client(), "public-principle", "pairs", 1, 1)


def test_a_degraded_run_says_so_and_is_repaired(
    desk: Client, pairs: Dataset, server: FakeModelServer, work_off: Work
) -> None:
    judge = PlantedJudge(0.0)

    def half(body: dict[str, Any]) -> Any:
        said = judge.answer(body["messages"][1]["content"], "")
        is_vote = any(name.startswith("c1_p") for name in said)
        is_broken = is_vote and crc32(body["messages"][1]["content"].encode()) % 3 == 0
        return Answer('{"c1_p1": "perhaps"}') if is_broken else said

    server.answer_with(half)
    send(desk, act="search", judge="llm")
    assert work_off().state == "done"
    shown = page(desk, "dashboard:dataset", "pairs")
    assert "Degraded" in shown and "Ask only those again" in shown
    server.answer_with(lambda body: judge.answer(body["messages"][-1]["content"], ""))
    send(desk, act="repair", extraction=str(Extraction.objects.get().id))
    assert work_off().state == "done"
    repaired = Extraction.objects.get(repairs__isnull=False)
    assert repaired.cells["missing"] == 0
    assert "Ask only those again" not in page(desk, "dashboard:dataset", "pairs")


def test_a_run_pauses_at_its_cap_and_goes_on(
    desk: Client, pairs: Dataset, server: FakeModelServer, work_off: Work
) -> None:
    send(desk, act="search", judge="llm", cap="0.01")
    assert work_off().state == "paused"
    shown = page(desk, "dashboard:dataset", "pairs")
    assert "Go on" in shown and "is not paid for again" in shown and "as much as it was allowed to" in shown
    asked = len(server.requests)
    Job.objects.update(inputs=Job.objects.get().inputs | {"cap": "5"})
    send(desk, act="go-on")
    assert work_off().state == "done"
    made = Extraction.objects.get()
    assert made.cells["cached"] > 0
    assert made.calls["cost"] == pytest.approx(float(sum(call.cost for call in LLMCall.objects.all())))
    assert len(server.requests) > asked


def test_an_amount_that_is_none_is_refused_in_words(desk: Client, pairs: Dataset, server: FakeModelServer) -> None:
    response = send(desk, act="search", judge="llm", cap="a lot")
    assert (response.status_code, Job.objects.count()) == (400, 0)
    assert "no amount of money" in response.content.decode()


def test_a_run_can_be_stopped(desk: Client, pairs: Dataset) -> None:
    send(desk, act="search")
    assert "Stop" in page(desk, "dashboard:dataset", "pairs")
    send(desk, act="stop")
    assert Job.objects.get().state == "cancelled"


def test_a_draft_says_what_would_change(desk: Client, pairs: Dataset, server: FakeModelServer, work_off: Work) -> None:
    send(desk, act="search", judge="llm")
    work_off()
    first = Extraction.objects.get()
    send(desk, act="publish", extraction=str(first.id), note="First")
    send(desk, act="search", principles="1")
    work_off()
    shown = page(desk, "dashboard:dataset", "pairs")
    assert "What would change since version 1" in shown
