from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from constitutions import blind_review, webhooks
from constitutions.extraction import body_of, extract
from constitutions.models import ConstitutionVersion, Extraction, WebhookDelivery
from constitutions.options import options_among
from constitutions.publishing import publish
from core.jobs import Lease, job_task, request_job
from core.models import Job, User
from elicitation.models import Dataset, Study
from elicitation.tasks import asking_a_model


@job_task("constitutions.extract")
def extract_constitution(job: Lease) -> dict[str, Any]:
    """Extract principles as the job asks, and publish them where asked. Safe to run twice: the same inputs give the same
    extraction, and publishing it again gives the same version."""
    dataset = Dataset.objects.get(id=job.inputs["dataset"]) if job.inputs.get("dataset") else None
    study = Study.objects.get(id=job.inputs["study"]) if job.inputs.get("study") else None
    user = User.objects.filter(id=job.inputs["user"]).first()
    repair = Extraction.objects.get(id=job.inputs["repair"]) if job.inputs.get("repair") else None
    cap = Decimal(job.inputs["cap"]) if job.inputs.get("cap") else None
    options = options_among(job.inputs)
    with asking_a_model():
        extraction = extract(
            dataset=dataset,
            study=study,
            user=user,
            progress=job.progress,
            cap=cap,
            repair=repair,
            since=job.job.created_at,
            **options,
        )
    body = body_of(extraction)
    result: dict[str, Any] = {
        "extraction": str(extraction.id),
        "sha256": extraction.sha256,
        "verdict": body["verdict"],
        "degraded": body.get("degraded", False),
        "cells": extraction.cells,
        "calls": extraction.calls,
    }
    if job.inputs.get("slug"):
        with job.fence():
            version = publish(
                extraction,
                slug=job.inputs["slug"],
                title=job.inputs.get("title", ""),
                note=job.inputs.get("note", ""),
                licence=job.inputs.get("licence", ""),
                by=user,
            )
        result |= {
            "version": version.number,
            "sha256": version.sha256,
            "url": f"/api/v1/constitutions/{version.constitution.slug}/versions/{version.number}/",
        }
    return result


@job_task(webhooks.KIND)
def deliver_webhook(job: Lease) -> dict[str, Any]:
    """Try a delivery once. Safe to run twice: a try that was counted is not made again, and one that was sent and not counted
    comes with the same `webhook-id`."""
    found = WebhookDelivery.objects.filter(id=job.inputs["delivery"]).select_related("webhook__study").first()
    if found is None:  # the webhook was removed meanwhile
        return {"state": "removed"}
    if found.tries == job.inputs["tries"]:
        found = webhooks.deliver(found)
    return {"state": found.state, "status": found.status}


@job_task("constitutions.review")
def open_review(job: Lease) -> dict[str, Any]:
    """Open a blind review as the job asks. Safe to run twice: the one that is open is not opened again."""
    study = Study.objects.get(id=job.inputs["study"])
    extractions = list(Extraction.objects.filter(id__in=job.inputs["extractions"]))
    versions = list(ConstitutionVersion.objects.filter(id__in=job.inputs["versions"]))
    with asking_a_model():
        review = blind_review.open_review(
            study,
            [*extractions, *versions],
            dropped=job.inputs["dropped"],
            seed=job.inputs["seed"],
            user=User.objects.filter(id=job.inputs["user"]).first(),
        )
    return {"review": review.number, "items": review.items.count()}


def request_review(study: Study, made: Sequence[blind_review.Made], *, dropped: bool, seed: int = 0, user: User) -> Job:
    """Have a review opened in the background. Raises at once what `open_review` would raise for what is asked."""
    blind_review.must_be_free(study, made, dropped=dropped, seed=seed)
    blind_review.principles_of(study, made, dropped=dropped)
    inputs = {
        "study": str(study.id),
        "extractions": sorted(str(one.id) for one in made if isinstance(one, Extraction)),
        "versions": sorted(one.id for one in made if isinstance(one, ConstitutionVersion)),
        "dropped": dropped,
        "seed": seed,
        "user": user.id,
    }
    return request_job("constitutions.review", inputs, scope_key=study.scope_key, user=user)
