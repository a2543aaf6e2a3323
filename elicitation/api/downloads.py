"""Tables as files: CSV for spreadsheets, with cells that no spreadsheet takes for a formula, and JSON Lines as it is."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import Model
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request

from core.problems import Problem
from core.spreadsheet import safe_cell

FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
EXPORT = OpenApiParameter(
    "export", str, enum=list(FORMS), description="A file with all rows in place of a page of them"
)


Row = TypeVar("Row", bound=Model)


class DownloadableList(generics.ListAPIView[Row]):
    """A study's list in pages, or with `export` as one file of all its rows."""

    file_name: ClassVar[str]
    queries: tuple[str, ...] = ("export",)
    also_served = tuple(form.partition(";")[0] for form in FORMS.values())

    @extend_schema(parameters=[EXPORT])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        if form := request.query_params.get("export"):
            rows = self.get_serializer(self.filter_queryset(self.get_queryset()), many=True).data
            columns = list(self.get_serializer().fields)  # type: ignore[attr-defined]
            return download(rows, columns, name=f"{kwargs['slug']}-{self.file_name}", form=form)
        return super().get(request, *args, **kwargs)


def download(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, name: str, form: str) -> HttpResponse:
    """Return all rows as a file. Raises Problem for a form that there is not."""
    if form not in FORMS:
        raise Problem(400, "unknown-export", f"There is no export {form[:40]!r}", f"Choose one of: {', '.join(FORMS)}.")
    text = io.StringIO()
    if form == "jsonl":
        text.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({key: safe_cell(_flat(value)) for key, value in row.items()})
    response = HttpResponse(text.getvalue(), content_type=FORMS[form])
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


def _flat(value: Any) -> Any:
    return "\n".join(str(item) for item in value) if isinstance(value, list) else value
