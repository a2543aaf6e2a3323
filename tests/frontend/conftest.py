"""Browsers in which someone is signed in, and background work that is done at once."""

from collections.abc import Callable

import pytest
from django.test import Client

from core import jobs
from core.models import Job, User


def browser_with(user: User) -> Client:
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def desk(facilitator: User) -> Client:
    """The browser of someone who runs `study`."""
    return browser_with(facilitator)


@pytest.fixture
def viewers_desk(viewer: User) -> Client:
    """The browser of someone who may look at `study` and change nothing."""
    return browser_with(viewer)


@pytest.fixture
def work_off() -> Callable[[], Job]:
    """Return a function that does the newest background work, as a worker would, and returns its row."""

    def work() -> Job:
        job = Job.objects.filter(state=Job.State.QUEUED).latest("created_at")
        jobs.perform(str(job.id), jobs.kinds()[job.kind].work)
        job.refresh_from_db()
        return job

    return work
