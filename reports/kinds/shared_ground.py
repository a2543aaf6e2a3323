"""Groups side by side: where they find the same value wiser, where they contradict each other, and what is withheld."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from elicitation.groups import MOST_GROUPS, read_groups
from elicitation.models import Study
from graphs.counting import read_filters
from graphs.groups import side_by_side
from reports.registry import report


class Parameters(BaseModel):
    """Which groups, "KEY=VALUE" each and all of one key; or a key, whose groups are all compared; or, with neither, the
    groups of the first question about people. And which votes count."""

    model_config = ConfigDict(extra="forbid")

    groups: list[str] = Field(default_factory=list, max_length=MOST_GROUPS)
    key: str = ""
    before: str = ""
    context: str = ""
    question: str = ""


@report("shared_ground", title="Groups side by side", about="study", parameters=Parameters)
def shared_ground(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return the arrows with what each group says of them. Raises ValidationError that names the parameter."""
    groups = read_groups(study, parameters.groups, parameters.key)
    filters = read_filters(study, before=parameters.before, context=parameters.context, question=parameters.question)
    return {"is_simulated": study.is_simulated} | side_by_side(study, filters, groups)
