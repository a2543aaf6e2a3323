"""Background work that survives: the row is the job, the message is a hint.

A worker takes a job by a conditional UPDATE that raises `attempt`, which is the fencing number: whoever lost the lease
can no longer write a result. The sweeper sends lost messages again and frees expired leases, with any broker.

Leases are measured by the database's clock, so that workers on several machines agree; a lease that ends later than any
could have been given, because that clock was set back, counts as expired.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from celery import shared_task
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, close_old_connections, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from core.canonical import canonical_bytes
from core.models import Job, User

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
RESEND_AFTER = timedelta(seconds=10)
UNSWEPT_AFTER = timedelta(seconds=8)  # a little more than the sweeper's round
MOST_TRIES = 3
WAIT_FOR_DATABASE = timedelta(seconds=10)

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
    """The right to work on a job, for a while. `attempt` is the fencing number: it only ever rises."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.attempt = job.attempt
        self.tries = job.tries
        self.inputs: dict[str, Any] = job.inputs
        self.is_finished = False

    def _mine(self) -> Any:
        return Job.objects.filter(id=self.job.id, attempt=self.attempt, state=Job.State.RUNNING)

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Tell how far the work is, and keep the lease. Raises LeaseLost."""
        changes = {"done": done, "total": total, "note": note[:200], "lease_until": Now() + LEASE}
        if not self._mine().update(**changes):
            raise LeaseLost(str(self.job.id))

    def renew(self) -> None:
        """Keep the lease. Raises LeaseLost."""
        if not self._mine().update(lease_until=Now() + LEASE):
            raise LeaseLost(str(self.job.id))

    @contextmanager
    def fence(self) -> Iterator[None]:
        """A transaction that commits only if this worker still holds the lease. Raises LeaseLost."""
        with transaction.atomic():
            self.renew()
            yield

    @contextmanager
    def finish(self) -> Iterator[dict[str, Any]]:
        """A fence that also ends the job, with the result that was put into the given dict: what work writes here, a
        worker that dies a moment later has written exactly once. Raises LeaseLost."""
        result: dict[str, Any] = {}
        with self.fence():
            yield result
            _end(self, Job.State.DONE, result=result)
        self.is_finished = True


def request_job(kind: str, inputs: dict[str, Any], *, scope_key: str = "", user: User | None = None) -> Job:
    """Return the job for these inputs: the active one if there is one, else a new one, sent after the commit."""
    if kind not in _tasks:
        raise LookupError(f"no task does {kind}")
    digest = hashlib.sha256(canonical_bytes([kind, inputs, scope_key])).hexdigest()
    for _ in range(5):  # the active one may end between being in the way and being looked up
        try:
            with transaction.atomic():
                job = Job.objects.create(
                    kind=kind, inputs=inputs, inputs_sha256=digest, scope_key=scope_key, created_by=user
                )
        except IntegrityError:
            active = Job.objects.filter(kind=kind, inputs_sha256=digest, state__in=Job.ACTIVE).first()
            if active is not None:
                return active
        else:
            transaction.on_commit(partial(send, job))
            return job
    raise RuntimeError(f"could not make a job {kind}")


def send(job: Job) -> None:
    """Hint to a worker that a job waits. A lost hint is harmless: the sweeper sends it again."""
    Job.objects.filter(id=job.id).update(sent_at=Now())
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
    free = Q(state=Job.State.QUEUED) & _due()
    expired = Q(state=Job.State.RUNNING) & _lease_is_over()
    taken = Job.objects.filter(free | expired, id=job_id).update(
        state=Job.State.RUNNING,
        attempt=F("attempt") + 1,
        tries=F("tries") + 1,
        lease_until=Now() + LEASE,
        started_at=Now(),
        error="",
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
        if not lease.is_finished:
            _end(lease, Job.State.DONE, result=result)
    except LeaseLost:
        logger.info("job %s went to another worker", job_id)
    except Pause as pause:
        _end(lease, Job.State.PAUSED, error=str(pause))
    except TemporaryFailure as failure:
        _try_later(lease, str(failure), failure.wait)
    except OperationalError as error:  # the database was busy or gone for a moment; that is no fault of the work
        logger.warning("job %s was stopped by the database", job_id, exc_info=True)
        _try_later(lease, f"The database did not answer: {error}", WAIT_FOR_DATABASE)
    except ValidationError as error:  # what was asked for cannot be done; the row says why in plain words
        _end(lease, Job.State.FAILED, error=" ".join(error.messages))
    except Exception as error:
        logger.exception("job %s failed", job_id)
        _end(lease, Job.State.FAILED, error=str(error) or type(error).__name__)


def cancel(job: Job) -> bool:
    """Stop a job that waits, runs or is paused; a running worker notices at its next step."""
    states = [Job.State.QUEUED, Job.State.RUNNING, Job.State.PAUSED]
    changes = {"state": Job.State.CANCELLED, "finished_at": Now()}
    return bool(Job.objects.filter(id=job.id, state__in=states).update(**changes))


def resume(job: Job) -> bool:
    """Queue a paused or failed job again; what it already did is not done twice."""
    try:
        with transaction.atomic():
            resumed = Job.objects.filter(id=job.id, state__in=[Job.State.PAUSED, Job.State.FAILED]).update(
                state=Job.State.QUEUED, tries=0, not_before=None, error="", finished_at=None
            )
    except IntegrityError:
        return False
    if resumed:
        transaction.on_commit(lambda: send(job))
    return bool(resumed)


def sweep() -> int:
    """Send what waits too long, free what a dead worker held, fail what was tried too often. Returns how many."""
    dead = Job.objects.filter(_lease_is_over(), state=Job.State.RUNNING)
    dead.filter(tries__gte=MOST_TRIES).update(
        state=Job.State.FAILED, finished_at=Now(), error=f"The worker stopped {MOST_TRIES} times during this work."
    )
    dead.update(state=Job.State.QUEUED, sent_at=None)
    just_made = Q(created_at__gt=Now() - timedelta(seconds=2), created_at__lte=Now())  # is about to be sent
    unsent = (Q(sent_at=None) & ~just_made) | Q(sent_at__lt=Now() - RESEND_AFTER) | Q(sent_at__gt=Now() + RESEND_AFTER)
    waiting = list(Job.objects.filter(unsent, _due(), state=Job.State.QUEUED))
    for job in waiting:
        if job.kind in _tasks:
            send(job)
    return len(waiting)


def free_leases() -> int:
    """End every lease. Only for one who knows that no worker runs; the sweeper sends these jobs again. Returns how many."""
    running = Job.objects.filter(state=Job.State.RUNNING)
    return running.update(lease_until=Now() - timedelta(milliseconds=1))


def is_stuck() -> bool:
    """Whether work waits that nobody does or sweeps: the worker lives, but takes no tasks any more."""
    lost = Q(state=Job.State.RUNNING, lease_until__lt=Now() - UNSWEPT_AFTER)
    left = Q(state=Job.State.QUEUED, sent_at__lt=Now() - RESEND_AFTER - 2 * UNSWEPT_AFTER) & _due()
    is_busy = Job.objects.filter(state=Job.State.RUNNING).exclude(_lease_is_over()).exists()
    return not is_busy and Job.objects.filter(lost | left).exists()


def _due() -> Q:
    return Q(not_before=None) | Q(not_before__lte=Now())


def _lease_is_over() -> Q:
    return Q(lease_until__lt=Now()) | Q(lease_until__gt=Now() + 2 * LEASE)


def _try_later(lease: Lease, error: str, wait: timedelta) -> None:
    if lease.tries >= MOST_TRIES:
        _end(lease, Job.State.FAILED, error=f"Tried {lease.tries} times. {error}")
    else:
        lease._mine().update(state=Job.State.QUEUED, not_before=Now() + wait, error=error[:1000])


def _end(lease: Lease, state: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    changes = {"state": state, "result": result, "error": error[:1000], "finished_at": Now()}
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
