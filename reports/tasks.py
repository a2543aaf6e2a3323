from typing import Any

from core.jobs import Lease, job_task
from core.models import User
from elicitation.models import Dataset, Study
from reports.running import make, store


@job_task("reports.run")
def make_report(job: Lease) -> dict[str, Any]:
    """Run the report that the job asks for."""
    made = make(
        job.inputs["kind"],
        study=Study.objects.get(id=job.inputs["study"]) if "study" in job.inputs else None,
        dataset=Dataset.objects.get(id=job.inputs["dataset"]) if "dataset" in job.inputs else None,
        params=job.inputs["params"],
    )
    with job.fence():  # counting can take long, and on SQLite a transaction is the only writer
        report = store(made, User.objects.filter(id=job.inputs["user"]).first())
    return {"report": str(report.id), "sha256": report.sha256, "url": f"/api/v1/reports/{report.id}/"}
