from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from celery import shared_task

from core.jobs import Lease, Pause, TemporaryFailure, job_task
from core.ledger import llm_for
from elicitation import deduplication, stories, withdrawal
from elicitation.models import Study, UpgradeStory
from llm_client import LLMBudgetReached, LLMUnavailable


@job_task("elicitation.propose_merges")
def propose_merges(job: Lease) -> dict[str, Any]:
    """Look for nearly equal values, for review. Safe to run twice: a pair is proposed once."""
    study = Study.objects.get(id=job.inputs["study"])
    with asking_a_model():
        run = deduplication.propose(study, llm=llm_for(study, patience=None))
    return {"waiting": run.candidates.filter(decision="").count()}


@job_task("elicitation.propose_stories")
def propose_stories(job: Lease) -> dict[str, Any]:
    """Propose stories to judge, for review. Safe to run twice: a pair gets one story in a context."""
    study = Study.objects.get(id=job.inputs["study"])
    with asking_a_model():
        stories.propose_stories(study, llm=llm_for(study, patience=None), progress=job.progress)
    return {"waiting": study.stories.filter(state=UpgradeStory.State.PROPOSED).count()}


@contextmanager
def asking_a_model() -> Iterator[None]:
    """Turn the model's errors into what a job does with them: wait and try again, or pause at the budget."""
    try:
        yield
    except LLMBudgetReached as error:
        raise Pause(str(error)) from error
    except LLMUnavailable as error:
        if not error.temporary:
            raise
        raise TemporaryFailure(str(error), timedelta(minutes=1)) from error


@shared_task
def delete_old_talks() -> int:
    """Delete the talks that their study promised to keep no longer; runs every hour, and twice does no harm."""
    return withdrawal.delete_old_talks()
