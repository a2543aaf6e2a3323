from typing import Any

from core.jobs import Lease, job_task
from core.models import User
from elicitation.models import Dataset, Study
from elicitation.tasks import asking_a_model
from reports.running import worked_out


@job_task("reports.run")
def make_report(job: Lease) -> dict[str, Any]:
    """Run the report that the job asks for. Safe to run twice: it is stored as the job ends, or not at all."""
    with asking_a_model():
        report = worked_out(
            job.inputs["kind"],
            study=Study.objects.get(id=job.inputs["study"]) if "study" in job.inputs else None,
            dataset=Dataset.objects.get(id=job.inputs["dataset"]) if "dataset" in job.inputs else None,
            params=job.inputs["params"],
            user=User.objects.filter(id=job.inputs["user"]).first(),
        )
    with job.finish() as result:
        report.save(force_insert=True)
        result |= {"report": str(report.id), "sha256": report.sha256, "url": f"/api/v1/reports/{report.id}/"}
    return result
