"""Every kind of background work, done twice, done again after a worker died in the middle, and done twice at once.

The sample's walk is the material. A new kind fails the first test until it is named here.
"""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import close_old_connections, connection, transaction
from django.db.models import Sum
from django.utils import timezone

from config.sample import walk
from constitutions.models import Webhook, WebhookDelivery
from core import jobs, ledger
from core.jobs import Lease, LeaseLost, claim, perform, request_job
from core.models import Job, LLMCall, User
from core.secrets import seal
from elicitation import candidates, facets
from elicitation.models import Study
from llm_client.fake import SETTINGS, FakeLLM
from tests.people import card_of, join

Ask = Callable[[Study, User], dict[str, Any]]


def delivery_of(study: Study) -> WebhookDelivery:
    """A message to an address that nothing is sent to: each try fails and is counted."""
    webhook = Webhook.objects.create(
        study=study, url="http://127.0.0.1/", sealed_secret=seal(b"whsec_" + b"a" * 44, "webhook")
    )
    return WebhookDelivery.objects.create(webhook=webhook, body="{}")


WORK: dict[str, Ask] = {
    "constitutions.deliver": lambda study, user: {"delivery": str(delivery_of(study).id), "tries": 0},
    "constitutions.extract": lambda study, user: {
        "dataset": str(study.dataset.id), "study": str(study.id), "user": user.id, "slug": "again", "seed": 3,
    },
    "constitutions.review": lambda study, user: {
        "study": str(study.id), "versions": [study.constitutions.get().versions.get(number=1).id], "extractions": [], "dropped": True,
        "seed": 3, "user": user.id,
    },
    "elicitation.propose_facets": lambda study, user: {"study": str(study.id)},
    "elicitation.propose_merges": lambda study, user: {"study": str(study.id)},
    "elicitation.propose_stories": lambda study, user: {"study": str(study.id)},
    "elicitation.write_candidates": lambda study, user: {
        "study": str(study.id), "prompt": "Is it late?", "context": "", "wanted": 2,
    },
    "graphs.build": lambda study, user: {"study": str(study.id), "publish": True, "seed": 5},
    "reports.run": lambda study, user: {"kind": "funnel", "study": str(study.id), "params": {}, "user": user.id},
}  # fmt: skip


CANDIDATES = {
    "answers": [{"value": "rest", "text": "Yes, sleep."}, {"value": "work", "text": "There is an hour left."}]
}


class UndoneError(Exception):
    """Ends work whose rows are not kept."""


@pytest.fixture
def study(facilitator: User) -> Study:
    """A study with votes, comparisons and a published graph, and three cards that nobody has looked at since."""
    made = walk(9, 1).study
    for title in ("Letting go", "Letting go", "Holding on"):
        card_of(join(made), title=title)
    return made


PROPOSED = {
    "values": [], "rights": [], "duties": [],
    "norm": {"rule": "Ask.", "judgement_text": "good", "action": "asking", "agreement": 3, "category": [], "foundation": [],
             "agency": "agency", "judgement": 1, "action_agreement": 3, "legal": "legal", "pressure": 0},
}  # fmt: skip


@pytest.fixture
def remember_answers(settings: Any) -> Iterator[Callable[[Study], None]]:
    """Return a function that sets up a model whose answers about a study's values are kept already: nothing is sent."""

    def remember(study: Study) -> None:
        settings.LLM_BASE_URL, settings.LLM_MODEL = SETTINGS.base_url, SETTINGS.model
        ledger.model_settings.cache_clear()
        facets.propose(study, FakeLLM(lambda asked: PROPOSED, ledger=ledger.DatabaseLedger(study.scope_key)))
        model = FakeLLM(lambda asked: CANDIDATES, ledger=ledger.DatabaseLedger(study.scope_key))
        candidates.write_candidates(study, prompt="Is it late?", wanted=2, llm=model).delete()
        study.norms.all().delete()

    yield remember
    ledger.model_settings.cache_clear()


@pytest.fixture
def make_job(study: Study, facilitator: User, remember_answers: Callable[[Study], None]) -> Callable[[str], Job]:
    def make(kind: str) -> Job:
        if kind in ("elicitation.propose_facets", "elicitation.write_candidates"):
            remember_answers(study)
        inputs = WORK[kind](study, facilitator)
        return request_job(kind, inputs, scope_key=study.scope_key, user=facilitator)

    return make


def rows() -> dict[str, int]:
    """How many rows each table has, left out jobs and what the ledger says of asking a model again."""
    models = [model for model in apps.get_models() if model not in (Job, LLMCall)]
    tries = WebhookDelivery.objects.aggregate(tries=Sum("tries", default=0))
    return {model._meta.label: model._default_manager.count() for model in models} | tries


def work_of(kind: str) -> Callable[[Lease], dict[str, Any]]:
    work: Callable[[Lease], dict[str, Any]] = jobs.kinds()[kind].work
    return work


def claimed(job: Job) -> Lease:
    """Take the job as a worker whose lease will be over at once."""
    lease = claim(str(job.id))
    assert lease is not None
    let_the_lease_end(job)
    return lease


def let_the_lease_end(job: Job) -> None:
    Job.objects.filter(id=job.id).update(lease_until=timezone.now() - timedelta(seconds=1))


@contextlib.contextmanager
def taken_back() -> Iterator[None]:
    """Let work leave rows, and take them back."""
    with contextlib.suppress(UndoneError), transaction.atomic():
        yield
        raise UndoneError


def undisturbed(job: Job) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the rows and the result that the job leaves when nothing happens to it, and take them back."""
    with taken_back():
        perform(str(job.id), work_of(job.kind))
        left = left_by(job)
    job.refresh_from_db()
    return left


def left_by(job: Job) -> tuple[dict[str, int], dict[str, Any]]:
    job.refresh_from_db()
    assert job.state == "done", job.error
    assert job.result is not None
    return rows(), told(job.result)


def told(result: dict[str, Any]) -> dict[str, Any]:
    """A result without the random id of a report."""
    return {name: value for name, value in result.items() if name not in ("report", "url", "extraction")}


def test_every_kind_of_work_is_tried_here() -> None:
    assert {kind for kind in jobs.kinds() if not kind.startswith("tests.")} == WORK.keys()


def delivered_twice(job: Job) -> None:
    for _ in range(2):
        perform(str(job.id), work_of(job.kind))


def after_a_worker_that_died_before_it_could_say_done(job: Job) -> None:
    work_of(job.kind)(claimed(job))
    let_the_lease_end(job)
    perform(str(job.id), work_of(job.kind))


def before_a_worker_that_was_overtaken(job: Job) -> None:
    slow = claimed(job)
    perform(str(job.id), work_of(job.kind))
    with contextlib.suppress(LeaseLost):
        work_of(job.kind)(slow)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", WORK)
def test_work_done_again_leaves_what_doing_it_once_leaves(kind: str, make_job: Callable[[str], Job]) -> None:
    job = make_job(kind)  # in one test, since the sample takes longer than all the work
    before = rows()
    left = undisturbed(job)
    assert left[0] != before, "it does something, else this test shows nothing"
    for again in (
        delivered_twice,
        after_a_worker_that_died_before_it_could_say_done,
        before_a_worker_that_was_overtaken,
    ):
        with taken_back():
            again(job)
            assert left_by(job) == left, again.__name__
        job.refresh_from_db()


@pytest.fixture
def _two_at_once() -> Iterator[None]:
    if connection.vendor == "sqlite":
        pytest.skip("on SQLite a test's database has one connection; the PostgreSQL part runs it")
    yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", WORK)
def test_two_workers_at_the_same_moment_leave_what_one_leaves(
    kind: str, _two_at_once: None, make_job: Callable[[str], Job]
) -> None:
    job = make_job(kind)
    left, result = undisturbed(job)
    leases = [claimed(job), claimed(job)]

    def work(lease: Lease) -> dict[str, Any] | None:
        try:
            return work_of(kind)(lease)
        except LeaseLost:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(work, leases))
    close_old_connections()
    assert rows() == left
    assert told(results[1] or {}) == result
