"""Label Studio's JSON export of its templates for pairs: tasks whose annotations hold a `pairwise` or a `choices` result.

The Pairwise tag has no tie: its result is left or right, and none once the choice is taken back. Templates that allow a tie
add a Choices tag. The names of the two texts stand in the result's `to_name`; the labelling setup is not in the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elicitation.comparison_formats.content import (
    MOST_NAME,
    MOST_TEXT,
    AnnotationRow,
    ComparisonFile,
    ComparisonRow,
    is_name,
)
from elicitation.tables import Errors, Row, read_json

SIDES = (
    ("answer1", "answer2"),
    ("text1", "text2"),
    ("response1", "response2"),
    ("response_a", "response_b"),
    ("text_a", "text_b"),
    ("left", "right"),
)
PROMPTS = ("prompt", "question", "instruction", "input")
LABELS = {"left": "a", "right": "b", "a": "a", "b": "b", "tie": "tie", "both": "tie", "equal": "tie", "same": "tie"}
LABELS |= {"neither": "both_bad", "both bad": "both_bad", "both_bad": "both_bad"}


def looks_so(body: Any) -> bool:
    """Whether this is a list of tasks."""
    return isinstance(body, list) and bool(body) and isinstance(body[0], dict) and "data" in body[0]


def read(path: Path, found: ComparisonFile, errors: Errors) -> None:
    body = read_json(path, errors)
    if body is None:
        return
    if not isinstance(body, list):
        errors.add(path.name, None, "", "is no list of tasks; export the project as JSON")
        return
    seen: dict[str, int] = {}
    repeated = 0
    for place, task in enumerate(body, 1):
        # the reader of JSON knows no lines: the task's place is told instead
        row = Row(f"{path.name}, task {place}", 0, task if isinstance(task, dict) else {}, errors)
        if isinstance(row.fields.get("data"), dict):
            repeated += _task(row, found, seen, place)
        else:
            row.wrong("data", "must be an object; export the project as JSON, not JSON-MIN")
    if repeated:
        found.notes.append(f"{repeated} answers were given again by the same annotator; the last one counts")


def _task(row: Row, found: ComparisonFile, seen: dict[str, int], place: int) -> int:
    """Read one task; return how many answers its annotators replaced by a later one."""
    value = row.fields.get("id")
    source_id = "" if value is None else str(value)
    if isinstance(value, bool) or not isinstance(value, str | int | None) or not is_name(source_id):
        row.wrong("id", f"must be a whole number or a text of at most {MOST_NAME} characters")
    if source_id and source_id in seen:
        row.wrong("id", f"{source_id!r} is there already in task {seen[source_id]}")
    seen[source_id] = place
    annotations = row.fields.get("annotations", [])
    if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
        row.wrong("annotations", "must be a list of objects")
        annotations = []
    data = Row(row.file, 0, row.fields["data"], row.errors)
    names = _sides(data, annotations)
    if names is None:
        told = ", ".join(f"{a} and {b}" for a, b in SIDES)
        row.wrong("data", f"does not hold the two texts that to_name names, nor {told}")
        return 0
    prompt = next((name for name in PROMPTS if name in data.fields and name not in names), None)
    text_a, text_b = (data.text(name, most=MOST_TEXT, required=False) for name in names)
    comparison = ComparisonRow(
        source_id,
        data.text(prompt, most=MOST_TEXT, required=False) if prompt else None,
        text_a,
        text_b,
    )
    # the same person may answer a task again
    given = list(_answers(row, annotations, found))
    comparison.annotations = list({a.annotator: a for a in given}.values())
    found.comparisons.append(comparison)
    return len(given) - len(comparison.annotations)


def _results(annotation: dict[str, Any]) -> list[dict[str, Any]]:
    results = annotation.get("result")
    return [r for r in results if isinstance(r, dict)] if isinstance(results, list) else []


def _sides(data: Row, annotations: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Return the names of the two texts in the task's data: those that a result compares, else two of the usual ones."""
    for annotation in annotations:
        for result in _results(annotation):
            names = [name.strip() for name in str(result.get("to_name", "")).split(",")]
            if result.get("type") == "pairwise" and len(names) == 2 and all(name in data.fields for name in names):
                return names[0], names[1]
    return next((pair for pair in SIDES if all(name in data.fields for name in pair)), None)


def _answers(row: Row, annotations: list[dict[str, Any]], found: ComparisonFile) -> Iterator[AnnotationRow]:
    def moment(annotation: dict[str, Any]) -> str:
        return str(annotation.get("updated_at") or annotation.get("created_at") or "")

    for n, annotation in sorted(enumerate(annotations, 1), key=lambda numbered: moment(numbered[1])):
        by = annotation.get("completed_by")
        who = by.get("id") if isinstance(by, dict) else by  # the address of a person is not taken in
        if who is not None and (
            isinstance(who, bool) or not isinstance(who, str | int) or not is_name(f"person-{who}")
        ):
            row.wrong(f"annotations.{n}.completed_by", "must be a number, or an object with an id")
            continue
        annotator = found.annotator("unknown" if who is None else f"person-{who}", "human")
        label, why = _label(row, n, annotation)
        if label is not None:
            yield AnnotationRow(annotator, label, why)


def _label(row: Row, n: int, annotation: dict[str, Any]) -> tuple[str | None, str]:
    """Return an annotation's answer and why there is none; no answer at all after telling what is wrong with it."""
    if annotation.get("was_cancelled"):
        return "none", "missing"
    results = _results(annotation)
    for kind, key in (("pairwise", "selected"), ("choices", "choices")):
        for result in results:
            if result.get("type") == kind:
                value = result.get("value")
                chosen = value.get(key) if isinstance(value, dict) else None
                if kind == "choices" and isinstance(chosen, list) and len(chosen) == 1:
                    chosen = chosen[0]
                label = LABELS.get(chosen.strip().lower()) if isinstance(chosen, str) else None
                if label is None or (kind == "pairwise" and label not in ("a", "b")):
                    allowed = "left, right" if kind == "pairwise" else ", ".join(LABELS)
                    row.wrong(f"annotations.{n}.result.{key}", f"{str(chosen)[:60]!r} is none of {allowed}")
                    return None, ""
                return label, ""
    return "none", "missing"  # the choice was taken back
