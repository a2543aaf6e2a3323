"""Run a report and store it. Every run is one row; the same answers and parameters give the same bytes."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from pydantic import BaseModel
from pydantic import ValidationError as BadParameters

from core.canonical import canonical_bytes, sha256_of, unchanged
from core.ledger import llm_for
from core.models import User
from elicitation.models import Dataset, Study
from llm_client import LLM
from reports.models import Report
from reports.registry import kinds

FORMAT = "folkmoot-report/1"


def run_report(kind: str, **options: Any) -> Report:
    """Return a new report, stored. The options and errors are those of `worked_out`."""
    report = worked_out(kind, **options)
    report.save(force_insert=True)
    return report


def worked_out(
    kind: str,
    *,
    study: Study | None = None,
    dataset: Dataset | None = None,
    params: dict[str, Any] | None = None,
    user: User | None = None,
    llm: LLM | None = None,
) -> Report:
    """Return a new report that is not stored yet: working it out takes no transaction. `llm` is the model that a kind may ask,
    by default the configured one.

    Raises ValidationError that names what is wrong: the kind, what it is about, a parameter; of a kind that asks a model also
    LLMBudgetReached, and LLMUnavailable where nobody can be reached.
    """
    known = kinds()
    if kind not in known:
        raise ValidationError({"kind": _("Choose one of: %s.") % ", ".join(known)})
    about = study if known[kind].about == "study" else dataset
    if about is None:
        raise ValidationError({known[kind].about: _("This report is about a %s; name one.") % known[kind].about})
    parameters = read_parameters(kind, params or {})
    model = {"llm": llm or llm_for(about, patience=None)} if known[kind].asks_a_model else {}
    try:
        result = known[kind].make(about, parameters, **model)
    except (LookupError, ValueError) as error:
        raise ValidationError({"params": str(error.args[0])}) from None
    body = {
        "format": FORMAT,
        "kind": kind,
        known[kind].about: about.slug,
        "params": parameters.model_dump(mode="json"),
        "result": result,
    }
    return Report(
        kind=kind,
        study=about if isinstance(about, Study) else None,
        dataset=about if isinstance(about, Dataset) else None,
        parameters=body["params"],
        body=canonical_bytes(body).decode(),
        sha256=sha256_of(body),
        created_by=user,
    )


def read_parameters(kind: str, params: dict[str, Any]) -> BaseModel:
    """Return the parameters of a kind, checked. Raises ValidationError that names each one that is wrong."""
    try:
        return kinds()[kind].parameters.model_validate(params)
    except BadParameters as bad:
        told = {"params": [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in bad.errors()]}
        raise ValidationError(told) from None


def body_of(report: Report) -> dict[str, Any]:
    """Return a report's body as it was hashed."""
    body: dict[str, Any] = json.loads(unchanged(report.body, report.sha256))
    return body
