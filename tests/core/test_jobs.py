from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from core import jobs
from core.jobs import Lease, LeaseLost, Pause, TemporaryFailure, claim, perform, request_job, sweep
from core.models import Job, User

pytestmark = pytest.mark.django_db
Work = Callable[[Lease], dict[str, Any]]


@jobs.job_task("tests.nothing")
def nothing(job: Lease) -> dict[str, Any]:
    """Do nothing, for tests."""
    return {"saw": job.inputs}


@pytest.fixture
def job() -> Job:
    return request_job("tests.nothing", {"n": 1})


def expire(job: Job) -> None:
    Job.objects.filter(id=job.id).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_the_same_inputs_asked_for_twice_are_one_job(job: Job) -> None:
    assert request_job("tests.nothing", {"n": 1}).id == job.id
    assert request_job("tests.nothing", {"n": 2}).id != job.id


def test_a_done_job_can_be_asked_for_anew(job: Job) -> None:
    perform(str(job.id), nothing.work)
    assert request_job("tests.nothing", {"n": 1}).id != job.id


def test_a_job_keeps_what_the_work_returned(job: Job) -> None:
    perform(str(job.id), nothing.work)
    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"saw": {"n": 1}})


def test_work_delivered_twice_is_done_once(job: Job) -> None:
    done: list[int] = []

    def work(lease: Lease) -> dict[str, Any]:
        done.append(lease.attempt)
        return {}

    perform(str(job.id), work)
    perform(str(job.id), work)
    assert len(done) == 1


def test_a_leased_job_is_not_to_be_had(job: Job) -> None:
    assert claim(str(job.id)) is not None
    assert claim(str(job.id)) is None


def test_an_expired_lease_goes_to_the_next_worker_and_the_first_can_write_no_more(job: Job) -> None:
    first = claim(str(job.id))
    expire(job)
    second = claim(str(job.id))
    assert first is not None and second is not None
    with pytest.raises(LeaseLost), first.fence():
        pass
    second.progress(1, 2, "half")
    job.refresh_from_db()
    assert (job.attempt, job.done, job.note) == (2, 1, "half")


def test_the_late_result_of_a_lost_lease_is_not_kept(job: Job) -> None:
    def slow(lease: Lease) -> dict[str, Any]:
        expire(lease.job)
        perform(str(lease.job.id), lambda _: {"by": "second"})
        return {"by": "first"}

    perform(str(job.id), slow)
    job.refresh_from_db()
    assert job.result == {"by": "second"}


def test_the_sweeper_sends_what_a_dead_worker_held(job: Job) -> None:
    claim(str(job.id))
    Job.objects.filter(id=job.id).update(
        lease_until=timezone.now() - timedelta(seconds=1), created_at=timezone.now() - timedelta(minutes=1)
    )
    assert sweep() == 1
    job.refresh_from_db()
    assert job.state == "queued"


def test_work_that_kills_its_worker_three_times_fails_and_says_so(job: Job) -> None:
    for _ in range(3):
        assert claim(str(job.id))
        expire(job)
        sweep()
    job.refresh_from_db()
    assert job.state == "failed" and "3 times" in job.error


def test_a_temporary_failure_waits_and_is_tried_again(job: Job) -> None:
    def unreachable(lease: Lease) -> dict[str, Any]:
        raise TemporaryFailure("The model was too slow.")

    perform(str(job.id), unreachable)
    job.refresh_from_db()
    assert job.state == "queued" and job.error == "The model was too slow."
    assert claim(str(job.id)) is None, "not before the wait is over"
    Job.objects.filter(id=job.id).update(not_before=timezone.now() - timedelta(seconds=1))
    assert claim(str(job.id)) is not None


def test_other_errors_fail_at_once_with_their_reason(job: Job) -> None:
    def broken(lease: Lease) -> dict[str, Any]:
        raise ValueError("no votes")

    perform(str(job.id), broken)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "no votes")


def test_a_paused_job_can_be_resumed(job: Job) -> None:
    def at_the_cap(lease: Lease) -> dict[str, Any]:
        raise Pause("The budget is used up.")

    perform(str(job.id), at_the_cap)
    job.refresh_from_db()
    assert job.state == "paused"
    assert jobs.resume(job)
    perform(str(job.id), nothing.work)
    job.refresh_from_db()
    assert job.state == "done"


def test_a_cancelled_job_stops_its_worker_at_the_next_step(job: Job) -> None:
    lease = claim(str(job.id))
    assert lease is not None and jobs.cancel(job)
    with pytest.raises(LeaseLost):
        lease.progress(1, 2)


def test_a_kind_nobody_does_is_refused() -> None:
    with pytest.raises(LookupError):
        request_job("tests.unknown", {})


def test_a_resumed_job_is_tried_three_times_more_and_its_fence_stays_above_all_before(job: Job) -> None:
    first = claim(str(job.id))
    for _ in range(2):
        expire(job)
        claim(str(job.id))
    expire(job)
    sweep()
    job.refresh_from_db()
    assert first is not None and job.state == "failed"
    assert jobs.resume(job)
    again = claim(str(job.id))
    assert again is not None and (again.tries, again.attempt) == (1, 4)
    with pytest.raises(LeaseLost), first.fence():
        pass


def test_a_database_that_is_busy_for_a_moment_does_not_fail_the_job(job: Job) -> None:
    def busy(lease: Lease) -> dict[str, Any]:
        raise OperationalError("database is locked")

    perform(str(job.id), busy)
    job.refresh_from_db()
    assert (job.state, job.error) == ("queued", "The database did not answer: database is locked")


def test_a_clock_that_was_set_back_leaves_no_job_leased_or_unsent_for_hours(job: Job) -> None:
    hours = timezone.now() + timedelta(hours=3)
    claim(str(job.id))
    Job.objects.filter(id=job.id).update(lease_until=hours, created_at=hours)
    assert sweep() == 1
    Job.objects.filter(id=job.id).update(sent_at=hours)
    assert sweep() == 1
    assert claim(str(job.id)) is not None


def test_what_is_written_as_the_job_ends_is_written_once_or_not_at_all(job: Job) -> None:
    def make(lease: Lease) -> dict[str, Any]:
        with lease.finish() as result:
            User.objects.create_user(f"{lease.attempt}@example.org")
            result["made"] = lease.attempt
        return result

    first = claim(str(job.id))
    expire(job)
    perform(str(job.id), make)
    job.refresh_from_db()
    assert first is not None and (job.state, job.result) == ("done", {"made": 2})
    with pytest.raises(LeaseLost):
        make(first)
    assert User.objects.count() == 1


def test_leases_of_workers_that_are_known_to_be_gone_end_at_once(job: Job) -> None:
    claim(str(job.id))
    assert jobs.free_leases() == 1
    sweep()
    job.refresh_from_db()
    assert job.state == "queued"


def test_work_that_nobody_does_or_sweeps_is_noticed(job: Job) -> None:
    long_ago = timezone.now() - timedelta(minutes=1)
    assert not jobs.is_stuck()
    Job.objects.filter(id=job.id).update(sent_at=long_ago)
    assert jobs.is_stuck(), "a sweeper would have sent it again"
    claim(str(job.id))
    assert not jobs.is_stuck(), "someone works on it"
    Job.objects.filter(id=job.id).update(lease_until=long_ago)
    assert jobs.is_stuck(), "a sweeper would have freed it"


def test_work_that_waits_behind_other_work_is_not_stuck(job: Job) -> None:
    claim(str(job.id))
    waiting = request_job("tests.nothing", {"n": 2})
    Job.objects.filter(id=waiting.id).update(sent_at=timezone.now() - timedelta(minutes=1))
    assert not jobs.is_stuck()
