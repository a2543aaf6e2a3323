from decimal import Decimal
from typing import Any

from constitutions import webhooks
from constitutions.extraction import body_of, extract
from constitutions.models import Extraction, WebhookDelivery
from constitutions.options import options_among
from constitutions.publishing import publish
from core.jobs import Lease, job_task
from core.models import User
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
