"""The CSV of inverse-cai: text_a, text_b, preferred_text, and optionally prompt or input, model_a, model_b."""

import csv
import io
from pathlib import Path

from elicitation.comparison_formats.content import (
    ANSWERS,
    MOST_NAME,
    MOST_TEXT,
    AnnotationRow,
    ComparisonFile,
    ComparisonRow,
    Written,
    is_name,
    text_of,
)
from elicitation.tables import Errors, read_csv

PREFERRED = "preferred_text"


def read(path: Path, found: ComparisonFile, errors: Errors) -> None:
    seen: dict[str, int] = {}
    preferred = found.annotator(PREFERRED, "unknown")
    found.default_annotator = preferred
    for row in read_csv(path, ["text_a", "text_b", PREFERRED], errors):
        named = "index" if row.fields.get("index") else "id"  # an unnamed column is a row count, no id
        source_id = row.fields.get(named) or ""
        if source_id and source_id in seen:
            row.wrong(named, f"{source_id!r} is there already in line {seen[source_id]}")
        seen[source_id] = row.line
        asked = next((name for name in ("prompt", "input") if name in row.fields), None)
        comparison = ComparisonRow(
            source_id,
            row.text(asked, most=MOST_TEXT, required=False) if asked else None,
            text_of(row, "text_a"),
            text_of(row, "text_b"),
            model_a=row.text("model_a", most=MOST_NAME, required=False),
            model_b=row.text("model_b", most=MOST_NAME, required=False),
        )
        if not is_name(source_id):
            row.wrong(named, f"has at most {MOST_NAME} characters")
        answer = row.fields[PREFERRED]
        if answer not in ("text_a", "text_b", "tie", ""):
            row.wrong(PREFERRED, f"{answer[:60]!r} is none of text_a, text_b, tie")
        else:
            comparison.annotations = [
                AnnotationRow(preferred, ANSWERS.get(answer, "none"), "" if answer else "missing")
            ]
        found.comparisons.append(comparison)


def write(rows: list[Written], answers: dict[int, str]) -> str:
    """Return comparisons as inverse-cai's CSV; `answers` are those of one annotator, or of a majority, by number."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    # a prompt that is not there is not an empty one; where some are there and some are not the format can't tell
    has_prompts = any(row.prompt is not None for row in rows)
    writer.writerow(["index", "text_a", "text_b", PREFERRED, "model_a", "model_b", *["prompt"] * has_prompts])
    labels = {"a": "text_a", "b": "text_b", "tie": "tie"}
    for row in rows:
        answer = labels.get(answers.get(row.number, ""), "")
        prompt = [row.prompt or ""] if has_prompts else []
        writer.writerow([row.source_id, row.text_a, row.text_b, answer, row.model_a, row.model_b, *prompt])
    return out.getvalue()
