from celery import shared_task

from core import jobs


@shared_task
def sweep() -> int:
    """Put lost messages and expired leases right; runs every few seconds."""
    return jobs.sweep()
