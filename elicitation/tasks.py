from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.jobs import Lease, Pause, TemporaryFailure, job_task, request_job
from core.ledger import llm_for, model_is_configured
from core.models import Job, User
from core.problems import Problem
from elicitation import candidates, deduplication, facets, stories, withdrawal
from elicitation.models import AboutValue, Study, UpgradeStory
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


@job_task("elicitation.propose_facets")
def propose_facets(job: Lease) -> dict[str, Any]:
    """Let a model propose values, rights, duties and norms, for review. Safe to run twice: it proposes once for a value."""
    study = Study.objects.get(id=job.inputs["study"])
    llm = llm_for(study, patience=None)
    if llm is not None:
        with asking_a_model():
            facets.propose(study, llm, numbers=job.inputs.get("values"), progress=job.progress)
    return {"waiting": study.considerations.filter(state=AboutValue.State.PROPOSED).count()}


@job_task("elicitation.write_candidates")
def write_candidates(job: Lease) -> dict[str, Any]:
    """Let a model write answers that people can compare. Safe to run twice: the same prompt gives the same answers."""
    study = Study.objects.get(id=job.inputs["study"])
    llm = llm_for(study, patience=None)
    if llm is None:
        raise ValidationError(_("There is no AI here. Write the answers yourself."))
    with asking_a_model():
        made = candidates.write_candidates(
            study, prompt=job.inputs["prompt"], context=job.inputs["context"], wanted=job.inputs["wanted"], llm=llm
        )
    return {"comparisons": made.comparisons, "spread": made.spread}


def request_facets(study: Study, numbers: Sequence[int] | None, user: User | None) -> Job:
    """Return the job in which a model proposes about the values with these numbers, or about all. Raises Problem where there
    is no model."""
    if not model_is_configured():
        raise Problem(409, "no-model", _("There is no AI here to propose anything"), _("Write it yourself."))
    inputs = {"study": str(study.id)} | ({} if numbers is None else {"values": list(numbers)})
    return request_job("elicitation.propose_facets", inputs, scope_key=study.scope_key, user=user)


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
