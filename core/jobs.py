"""Background work that survives: the row is the job, the message is a hint.

A worker takes a job by a conditional UPDATE that raises `attempt`, which is the fencing number: whoever lost the lease
can no longer write a result. The sweeper sends lost messages again and frees expired leases, with any broker.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.core.exceptions import ValidationError
from django.db import IntegrityError, close_old_connections, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from core.canonical import canonical_bytes
from core.models import Job, User

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
RESEND_AFTER = timedelta(seconds=10)
MOST_ATTEMPTS = 3

_tasks: dict[str, Any] = {}


class LeaseLost(Exception):
    """Another worker has the job now, or it was cancelled; whatever this one made must not be written."""


class TemporaryFailure(Exception):
    """The work could not be done now and is worth trying again, after `wait`."""

    def __init__(self, reason: str, wait: timedelta = timedelta(seconds=30)) -> None:
        super().__init__(reason)
        self.wait = wait


class Pause(Exception):
    """The work stops cleanly and waits for a person, for example at the budget; it can be resumed."""


class Lease:
    """The right to work on a job, for a while. `attempt` is the fencing number."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.attempt = job.attempt
        self.inputs: dict[str, Any] = job.inputs

    def _mine(self) -> Any:
        return Job.objects.filter(id=self.job.id, attempt=self.attempt, state=Job.State.RUNNING)

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Tell how far the work is, and keep the lease. Raises LeaseLost."""
        changes = {"done": done, "total": total, "note": note[:200], "lease_until": timezone.now() + LEASE}
        if not self._mine().update(**changes):
            raise LeaseLost(str(self.job.id))

    def renew(self) -> None:
        """Keep the lease. Raises LeaseLost."""
        if not self._mine().update(lease_until=timezone.now() + LEASE):
            raise LeaseLost(str(self.job.id))

    @contextmanager
    def fence(self) -> Iterator[None]:
        """A transaction that commits only if this worker still holds the lease. Raises LeaseLost."""
        with transaction.atomic():
            self.renew()
            yield


def request_job(kind: str, inputs: dict[str, Any], *, scope_key: str = "", user: User | None = None) -> Job:
    """Return the job for these inputs: the active one if there is one, else a new one, sent after the commit."""
    if kind not in _tasks:
        raise LookupError(f"no task does {kind}")
    digest = hashlib.sha256(canonical_bytes([kind, inputs, scope_key])).hexdigest()
    try:
        with transaction.atomic():
            job = Job.objects.create(
                kind=kind, inputs=inputs, inputs_sha256=digest, scope_key=scope_key, created_by=user
            )
    except IntegrityError:
        return Job.objects.get(kind=kind, inputs_sha256=digest, state__in=Job.ACTIVE)
    transaction.on_commit(lambda: send(job))
    return job


def send(job: Job) -> None:
    """Hint to a worker that a job waits. A lost hint is harmless: the sweeper sends it again."""
    Job.objects.filter(id=job.id).update(sent_at=timezone.now())
    try:
        _tasks[job.kind].delay(str(job.id))
    except Exception:
        logger.warning("no broker took job %s; the sweeper will send it again", job.id, exc_info=True)


def job_task(kind: str) -> Callable[[Callable[[Lease], dict[str, Any]]], Any]:
    """Make a Celery task of a function that does one job and returns its result.

    The task takes a job id only. It leaves alone a job that is done, cancelled or leased to another worker.
    """

    def decorate(work: Callable[[Lease], dict[str, Any]]) -> Any:
        def task(job_id: str) -> None:
            perform(job_id, work, heartbeat=True)

        task.__doc__ = work.__doc__
        _tasks[kind] = shared_task(name=kind)(task)
        _tasks[kind].work = work
        return _tasks[kind]

    return decorate


def kinds() -> dict[str, Any]:
    """Return every task by its kind; a test runs each twice."""
    return dict(_tasks)


def claim(job_id: str) -> Lease | None:
    """Take the job, or return None if it is not to be had."""
    now = timezone.now()
    free = Q(state=Job.State.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))
    expired = Q(state=Job.State.RUNNING, lease_until__lt=now)
    taken = Job.objects.filter(free | expired, id=job_id).update(
        state=Job.State.RUNNING, attempt=F("attempt") + 1, lease_until=now + LEASE, started_at=now, error=""
    )
    return Lease(Job.objects.get(id=job_id)) if taken else None


def perform(job_id: str, work: Callable[[Lease], dict[str, Any]], *, heartbeat: bool = False) -> None:
    """Do one job if it is to be had. Errors end in the job's row, where a person can read them."""
    lease = claim(job_id)
    if lease is None:
        return
    try:
        with _heartbeat(lease) if heartbeat else _quiet():
            result = work(lease)
        _end(lease, Job.State.DONE, result=result)
    except LeaseLost:
        logger.info("job %s went to another worker", job_id)
    except Pause as pause:
        _end(lease, Job.State.PAUSED, error=str(pause))
    except TemporaryFailure as failure:
        if lease.attempt >= MOST_ATTEMPTS:
            _end(lease, Job.State.FAILED, error=f"Tried {lease.attempt} times. {failure}")
        else:
            lease._mine().update(
                state=Job.State.QUEUED, not_before=timezone.now() + failure.wait, error=str(failure)[:1000]
            )
    except ValidationError as error:  # what was asked for cannot be done; the row says why in plain words
        _end(lease, Job.State.FAILED, error=" ".join(error.messages))
    except Exception as error:
        logger.exception("job %s failed", job_id)
        _end(lease, Job.State.FAILED, error=str(error) or type(error).__name__)


def cancel(job: Job) -> bool:
    """Stop a job that waits, runs or is paused; a running worker notices at its next step."""
    states = [Job.State.QUEUED, Job.State.RUNNING, Job.State.PAUSED]
    changes = {"state": Job.State.CANCELLED, "finished_at": timezone.now()}
    return bool(Job.objects.filter(id=job.id, state__in=states).update(**changes))


def resume(job: Job) -> bool:
    """Queue a paused or failed job again; what it already did is not done twice."""
    try:
        with transaction.atomic():
            resumed = Job.objects.filter(id=job.id, state__in=[Job.State.PAUSED, Job.State.FAILED]).update(
                state=Job.State.QUEUED, attempt=0, not_before=None, error="", finished_at=None
            )
    except IntegrityError:
        return False
    if resumed:
        transaction.on_commit(lambda: send(job))
    return bool(resumed)


def sweep() -> int:
    """Send what waits too long, free what a dead worker held, fail what was tried too often. Returns how many."""
    now = timezone.now()
    dead = Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=now)
    dead.filter(attempt__gte=MOST_ATTEMPTS).update(
        state=Job.State.FAILED, finished_at=now, error=f"The worker stopped {MOST_ATTEMPTS} times during this work."
    )
    dead.update(state=Job.State.QUEUED, sent_at=None)
    unsent = Q(sent_at=None) | Q(sent_at__lt=now - RESEND_AFTER)
    due = Q(not_before=None) | Q(not_before__lte=now)
    waiting = list(Job.objects.filter(unsent & due, state=Job.State.QUEUED, created_at__lt=now - timedelta(seconds=2)))
    for job in waiting:
        if job.kind in _tasks:
            send(job)
    return len(waiting)


def _end(lease: Lease, state: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    changes = {"state": state, "result": result, "error": error[:1000], "finished_at": timezone.now()}
    if not lease._mine().update(**changes):
        logger.info("job %s ended elsewhere; this result is not kept", lease.job.id)


@contextmanager
def _quiet() -> Iterator[None]:
    yield


@contextmanager
def _heartbeat(lease: Lease) -> Iterator[None]:
    """Keep the lease from a second thread while the work runs."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(LEASE.total_seconds() / 3):
            try:
                lease.renew()
            except LeaseLost:
                return
            except Exception:
                logger.warning("could not renew the lease of job %s", lease.job.id, exc_info=True)
            finally:
                close_old_connections()
        connection.close()

    thread = threading.Thread(target=beat, name=f"lease-{lease.job.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
