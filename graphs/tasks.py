from typing import Any

from core.jobs import Lease, job_task, request_job
from core.models import Job, User
from elicitation.models import Study
from graphs.building import build_graph, publish, read_options

OPTIONS = ("mode", "before", "context", "question", "group", "balance", "seed")


@job_task("graphs.build")
def build_moral_graph(job: Lease) -> dict[str, Any]:
    """Build the graph that the job asks for, and publish it where asked. Safe to run twice: the same inputs give the
    same snapshot."""
    study = Study.objects.get(id=job.inputs["study"])
    options = {name: job.inputs[name] for name in OPTIONS if name in job.inputs}
    snapshot = build_graph(study, **options, progress=job.progress)
    if job.inputs.get("publish"):
        with job.fence():
            publish(snapshot, job.job.created_by)
    return {
        "snapshot": snapshot.number,
        "sha256": snapshot.sha256,
        "url": f"/api/v1/studies/{study.slug}/graphs/{snapshot.number}/",
    }


def request_build(study: Study, *, user: User | None = None, publish: bool = False, **options: Any) -> Job:
    """Return the job that builds a graph with these options of `build_graph`, and publishes it if so wished.

    Asking for the same again while it waits or runs gives the same job. Raises ValidationError that names the option.
    """
    read_options(study, **options)
    inputs = {"study": str(study.id), "publish": publish, **options}
    return request_job("graphs.build", inputs, scope_key=study.scope_key, user=user)
