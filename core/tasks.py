from celery import shared_task

from core import idempotency, jobs


@shared_task
def sweep() -> int:
    """Put lost messages and expired leases right; runs every few seconds."""
    return jobs.sweep()


@shared_task
def forget_old_answers() -> int:
    """Delete what was kept for retries that nobody sends any more; runs every hour."""
    return idempotency.forget_old()
