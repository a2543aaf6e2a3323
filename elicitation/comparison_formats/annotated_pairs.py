"""Annotated pairs 2.0 of inverse-cai and feedback-forensics; 1.0 is read. Unknown keys are kept verbatim."""

import hashlib
import json
from pathlib import Path
from typing import Any

from elicitation.comparison_formats.content import (
    ANSWERS,
    MOST_NAME,
    MOST_TEXT,
    AnnotationRow,
    AnnotatorRow,
    ComparisonFile,
    ComparisonRow,
    Written,
    ascii_json,
    is_name,
    storable,
)
from elicitation.tables import Errors, Row, read_json

_KINDS = {"human": "human", "principle": "principle", "non_preference_principle": "principle", "model": "model"}


def read(path: Path, found: ComparisonFile, errors: Errors) -> None:
    body = read_json(path, errors)
    if body is None:
        return
    if not isinstance(body, dict) or "comparisons" not in body:
        errors.add(path.name, None, "", "is no object with metadata, annotators and comparisons")
        return
    if not isinstance(body["comparisons"], list):
        errors.add(path.name, None, "comparisons", "must be a list")
        return
    annotators, metadata = body.get("annotators"), body.get("metadata")
    if not isinstance(annotators, dict) or not all(isinstance(a, dict) for a in annotators.values()):
        errors.add(path.name, None, "annotators", "must be an object of objects")
        return
    if not isinstance(metadata, dict):
        errors.add(path.name, None, "metadata", "must be an object")
        return
    version = str(metadata.get("version", ""))
    if version.split(".")[0] not in ("1", "2"):
        errors.add(path.name, None, "metadata.version", f"{version[:60]!r} is neither 1.0 nor 2.0")
    found.default_annotator = storable(str(metadata.get("default_annotator") or ""))[:MOST_NAME]
    for name, annotator in annotators.items():
        if not is_name(name):
            errors.add(path.name, None, "annotators", f"an id has at most {MOST_NAME} characters that can be stored")
        kind = _KINDS.get(str(annotator.get("type")), "unknown")
        label = storable(str(annotator.get("name") or annotator.get("description") or name))
        found.annotators[name] = AnnotatorRow(name, kind, label[:300], ascii_json(annotator))
    found.record = ascii_json(
        {key: None if key in ("comparisons", "annotators") else value for key, value in body.items()}
    )
    seen: dict[str, int] = {}
    for place, comparison in enumerate(body["comparisons"], 1):
        # the reader of JSON knows no lines: the comparison's place is told instead
        row = Row(f"{path.name}, comparison {place}", 0, comparison if isinstance(comparison, dict) else {}, errors)
        found.comparisons.append(_pair(row, found, seen, place))


def _pair(row: Row, found: ComparisonFile, seen: dict[str, int], place: int) -> ComparisonRow:
    source_id = str(row.fields.get("id") or "")
    if not is_name(source_id):
        row.wrong("id", f"has at most {MOST_NAME} characters that can be stored")
    if source_id in seen and source_id:
        # 8 hexadecimal digits do collide: the file's own ids stay in the record, ours tell the two apart
        found.notes.append(f"comparison {place} has the id {source_id} of comparison {seen[source_id]}")
        source_id = ""
    seen.setdefault(source_id, place)
    sides = []
    for side in ("a", "b"):
        response = row.fields.get(f"response_{side}", row.fields.get(f"text_{side}"))
        if isinstance(response, str):
            response = {"text": response}
        if not isinstance(response, dict) or not isinstance(response.get("text"), str):
            row.wrong(f"response_{side}", "must be an object with a text")
            response = {"text": ""}
        if len(response["text"]) > MOST_TEXT:
            row.wrong(f"response_{side}", f"has {len(response['text'])} characters; at most {MOST_TEXT} fit")
        sides.append(response)
    prompt = row.fields.get("prompt")
    if prompt is not None and not isinstance(prompt, str):
        row.wrong("prompt", "must be text or null")
        prompt = None
    if prompt is not None and len(prompt) > MOST_TEXT:
        row.wrong("prompt", f"has {len(prompt)} characters; at most {MOST_TEXT} fit")
    annotations = row.fields.get("annotations", {})
    if not isinstance(annotations, dict):
        row.wrong("annotations", "must be an object")
        annotations = {}
    comparison = ComparisonRow(
        source_id,
        None if prompt is None else storable(prompt),
        storable(sides[0]["text"]),
        storable(sides[1]["text"]),
        model_a=storable(str(sides[0].get("model") or ""))[:MOST_NAME],
        model_b=storable(str(sides[1].get("model") or ""))[:MOST_NAME],
        record=ascii_json(row.fields),
    )
    for name, annotation in annotations.items():
        if name not in found.annotators:
            row.wrong(f"annotations.{name}", "there is no such annotator")
        elif not isinstance(annotation, dict):
            row.wrong(f"annotations.{name}", "must be an object")
        else:
            comparison.annotations.append(_pair_answer(row, name, annotation))
    return comparison


def _pair_answer(row: Row, name: str, annotation: dict[str, Any]) -> AnnotationRow:
    pref = annotation.get("pref")
    why = storable(str(annotation.get("no_pref_reason") or ""))[:40]
    if isinstance(pref, str) and pref.lower() in ("a", "b", "text_a", "text_b", "tie"):
        return AnnotationRow(name, ANSWERS[pref.lower()], why)
    if pref is not None:
        row.wrong(f"annotations.{name}.pref", f"{str(pref)[:60]!r} is none of a, b, null")
    return AnnotationRow(name, "tie" if why == "both" else "none", why)


def write(
    rows: list[Written], annotators: dict[str, AnnotatorRow], *, record: str, name: str, default_annotator: str
) -> str:
    """Return annotated pairs 2.0. What was imported in that format comes out as it went in; other sources are written
    with ids by its own rules."""
    kinds = {"human": "human", "principle": "principle"}
    body: dict[str, Any] = (
        json.loads(record)
        if record
        else {
            "metadata": {
                "version": "2.0",
                "description": f"Comparisons of the dataset {name}",
                "dataset_name": name,
                "default_annotator": default_annotator,
            },
            "annotators": None,
            "comparisons": None,
        }
    )
    body["annotators"] = {
        key: json.loads(a.record)
        if a.record
        else {"name": a.name, "description": a.name, "type": kinds.get(a.kind, "unknown")}
        for key, a in annotators.items()
    }
    body["comparisons"] = [json.loads(row.record) if row.record else _as_pair(row) for row in rows]
    return json.dumps(body, ensure_ascii=True, indent=2) + "\n"


def _as_pair(row: Written) -> dict[str, Any]:
    sides = [
        {"text": text, **({"model": model} if model else {})}
        for text, model in ((row.text_a, row.model_a), (row.text_b, row.model_b))
    ]
    parts = ([row.prompt] if row.prompt is not None else []) + [json.dumps(side, sort_keys=True) for side in sides]
    prefs = {"a": "a", "b": "b"}
    annotations = {}
    # the format has one answer for each annotator: that of the original order
    for a in sorted(row.annotations, key=lambda a: a.order == "ba", reverse=True):
        why = a.why_none or {"tie": "both", "both_bad": "neither", "none": "invalid"}.get(a.answer, "")
        pref = prefs.get(a.answer)
        annotations[a.annotator] = {"pref": pref} if pref else {"pref": None, "no_pref_reason": why}
    return {
        "id": hashlib.md5("|".join(parts).encode(), usedforsecurity=False).hexdigest()[:8],
        "prompt": row.prompt,
        "response_a": sides[0],
        "response_b": sides[1],
        "annotations": annotations,
        "metadata": {
            "index": row.source_id or str(row.number),
            **({"context": row.context} if row.context else {}),
        },
    }
