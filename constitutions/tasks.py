from typing import Any

from constitutions.extraction import extract
from constitutions.publishing import publish
from core.jobs import Lease, job_task
from core.models import User
from elicitation.models import Dataset, Study

OPTIONS = ("annotators", "group", "judge", "test_fraction", "seed", "principles")


@job_task("constitutions.extract")
def extract_constitution(job: Lease) -> dict[str, Any]:
    """Extract principles as the job asks, and publish them where asked. Safe to run twice: the same inputs give the same
    extraction, and publishing it again gives the same version."""
    dataset = Dataset.objects.get(id=job.inputs["dataset"]) if job.inputs.get("dataset") else None
    study = Study.objects.get(id=job.inputs["study"]) if job.inputs.get("study") else None
    user = User.objects.filter(id=job.inputs["user"]).first()
    options = {name: job.inputs[name] for name in OPTIONS if name in job.inputs}
    extraction = extract(dataset=dataset, study=study, user=user, progress=job.progress, **options)
    result: dict[str, Any] = {"extraction": str(extraction.id), "sha256": extraction.sha256}
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
