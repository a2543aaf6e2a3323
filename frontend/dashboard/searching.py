"""The form that looks for principles: what it can be told, what a run would cost, and what becomes of a run."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from constitutions.estimating import estimate
from constitutions.extraction import STAGES, must_be_there, same_again
from constitutions.models import Extraction
from constitutions.options import MOST_PRINCIPLES, MOST_ROUNDS, check_cap, options_among
from core.jobs import cancel, request_job, resume
from core.ledger import model_is_configured, model_settings
from core.models import Job, User
from elicitation.groups import labels_of, questions_of
from elicitation.models import Dataset, Study

KIND = "constitutions.extract"


def choices_for(study: Study | None, dataset: Dataset | None) -> dict[str, Any]:
    """Return what the form offers: judges, whose answers, and limits."""
    return {
        "model": model_settings().model if model_is_configured() else "",
        "has_prices": model_is_configured() and model_settings().price_in is not None,
        "questions": _questions(study),
        "has_annotators": dataset is not None and dataset.study is None and dataset.annotators.count() > 1,
        "most_principles": MOST_PRINCIPLES,
        "most_rounds": MOST_ROUNDS,
    }


def _questions(study: Study | None) -> list[dict[str, Any]]:
    if study is None:
        return []
    labels = labels_of(study)
    told = questions_of(study)
    return [{"key": key, "label": labels.get(key, key), "names": names} for key, names in told.items() if names]


def options_typed(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that a form gives, as inputs of a job. Raises ValidationError for an amount of money that is none."""
    options: dict[str, Any] = {"principles": whole(typed.get("principles"), 5), "seed": 0}
    whose = typed.get("whose", "")
    if whose.startswith("by:"):
        options["by"] = whose.removeprefix("by:")
    elif whose.startswith("group:"):
        options["group"] = whose.removeprefix("group:")
    if typed.get("judge") == "llm":
        own = [line.strip() for line in typed.get("fixed", "").splitlines()]
        options |= {
            "judge": "llm",
            "fixed": [line for line in own if line],
            "rounds": whole(typed.get("rounds"), 1),
            "reader": typed.get("reader") == "yes",
            "wording": typed.get("wording") == "yes",
        }
    return options


def cap_typed(typed: Mapping[str, str]) -> str:
    """Return the cap that a form gives, or nothing. Raises ValidationError for what is no amount of money."""
    written = typed.get("cap", "").strip()
    if not written or typed.get("judge") != "llm":
        return ""
    try:
        check_cap(Decimal(written))
    except InvalidOperation:
        raise ValidationError({"cap": _("%r is no amount of money.") % written[:30]}) from None
    return written


def whole(typed: str | None, default: int) -> int:
    """Return the whole number that a form gives, or the default for what is none."""
    return int(typed) if typed and typed.isascii() and typed.isdigit() and len(typed) < 10 else default


def cost_of(dataset: Dataset | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what such a run would ask and cost, with its stages as a table."""
    told = estimate(dataset, **options_among(options))
    stages = told["calls"].get("stages", {})
    return told | {"rows": [{"name": STAGES.get(name, name), **stage} for name, stage in stages.items()]}


def begin(
    owner: Study | Dataset, study: Study | None, dataset: Dataset | None, options: dict[str, Any], cap: str, user: User
) -> Job:
    """Queue a run. Raises ValidationError and Problem for what it could not do."""
    must_be_there(dataset, study, options_among(options))
    inputs: dict[str, Any] = options | {"user": user.id}
    inputs |= {"study": str(study.id)} if study else {}
    inputs |= {"dataset": str(dataset.id)} if dataset else {}
    inputs |= {"cap": cap} if cap else {}
    return request_job(KIND, inputs, scope_key=owner.scope_key, user=user)


def begin_repair(extraction: Extraction, owner: Study | Dataset, user: User) -> Job:
    """Queue a run that asks again what stayed without an answer."""
    inputs = same_again(extraction) | {"repair": str(extraction.id), "user": user.id}
    return request_job(KIND, inputs, scope_key=owner.scope_key, user=user)


def stop(owner: Study | Dataset) -> bool:
    """Stop the newest run. What it asked stays, and is not paid for again."""
    job = _newest(owner)
    return job is not None and cancel(job)


def go_on(owner: Study | Dataset) -> bool:
    """Let a paused or failed run go on where it stopped."""
    job = _newest(owner)
    return job is not None and resume(job)


def _newest(owner: Study | Dataset) -> Job | None:
    return Job.objects.filter(scope_key=owner.scope_key, kind=KIND).first()


def runs_of(owner: Study | Dataset, most: int = 12) -> list[dict[str, Any]]:
    """Return the latest runs: what they were told to do, how they stand, and what they found."""
    jobs = list(Job.objects.filter(scope_key=owner.scope_key, kind=KIND).order_by("-created_at")[:most])
    idents = [job.result["extraction"] for job in jobs if job.result]
    made = Extraction.objects.in_bulk(idents)
    found = {str(ident): extraction for ident, extraction in made.items()}
    return [{"job": job, "found": found.get((job.result or {}).get("extraction", "")), **_asked(job)} for job in jobs]


def _asked(job: Job) -> dict[str, Any]:
    inputs = job.inputs
    return {
        "judge": _("language model") if inputs.get("judge") == "llm" else _("measured features"),
        "whose": inputs.get("group") or (_("by %s") % inputs["by"] if inputs.get("by") else _("everyone")),
        "is_repair": bool(inputs.get("repair")),
    }
