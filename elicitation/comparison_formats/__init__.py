"""Files of comparisons in the forms that others write, in and out; a module for each. Nothing is stored here."""

import json
from pathlib import Path
from typing import Any

from elicitation.comparison_formats import annotated_pairs, icai_csv, jsonl, label_studio, trl
from elicitation.comparison_formats.content import ComparisonFile
from elicitation.tables import BadFile, Errors, read_text

READERS = {
    "jsonl": jsonl.read,
    "icai-csv": icai_csv.read,
    "annotated-pairs": annotated_pairs.read,
    "trl": trl.read,
    "label-studio": label_studio.read,
}
FORMATS = tuple(READERS)
EXPORTS = ("jsonl", "icai-csv", "annotated-pairs", "trl")


def read_comparisons(path: Path, form: str = "auto") -> ComparisonFile:
    """Return the file's content, checked. Raises BadFile with up to 20 errors that name file, line and field."""
    errors = Errors()
    if not path.is_file():
        raise BadFile([f"{path}: " + ("is no file" if path.exists() else "there is no such file")])
    detected = "" if form != "auto" else _detect(path, errors)
    errors.stop_if_any()
    found = ComparisonFile(detected or form)
    READERS[found.format](path, found, errors)
    if not found.comparisons and not errors.told:
        errors.add(path.name, None, "", "holds no comparison")
    if errors.told and not detected and (likely := _detect(path, Errors())) not in ("", form):
        errors.told = [
            f"{path.name}: looks like {likely} rather than {form}; choose that format, or auto",
            *errors.told[:19],
        ]
    errors.stop_if_any()
    _note_oddities(found)
    return found


def _detect(path: Path, errors: Errors) -> str:
    """Return the format that the file seems to have, or nothing after telling that there is none."""
    text = read_text(path, errors)
    if text is None:
        return ""
    begins = text.lstrip().split("\n", 1)[0]
    if begins.startswith("[") and _is_list_of_tasks(text):
        return "label-studio"
    if begins.startswith("{"):
        try:
            keys = set(json.loads(begins))
        except (ValueError, RecursionError):  # one object over many lines, or a cut line
            return "jsonl" if path.suffix.lower() == ".jsonl" else "annotated-pairs"
        if "comparisons" in keys or ("metadata" in keys and "annotators" in keys):
            return "annotated-pairs"
        return "trl" if {"chosen", "rejected"} <= keys else "jsonl"
    if path.suffix.lower() == ".csv" or {"text_a", "text_b"} <= set(begins.strip().split(",")):
        return "icai-csv"
    what = (
        "is none of " + ", ".join(FORMATS) + "; docs/formats-comparisons.md shows them" if text.strip() else "is empty"
    )
    errors.add(path.name, 1, "", what)
    return ""


def _is_list_of_tasks(text: str) -> bool:
    try:
        return label_studio.looks_so(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _note_oddities(found: ComparisonFile) -> None:
    """Say what is odd without being an error, as numbers."""
    seen: set[tuple[Any, ...]] = set()
    repeated = empty = same = ties = 0
    kinds = {a.kind for a in found.annotators.values()}
    asked = "human" if "human" in kinds else "unknown"
    for row in found.comparisons:
        key = (row.prompt, row.text_a, row.text_b)
        repeated += key in seen
        seen.add(key)
        empty += not row.text_a.strip() or not row.text_b.strip()
        same += row.text_a == row.text_b
        given = [
            a.answer for a in row.annotations if found.annotators[a.annotator].kind == asked and a.answer != "none"
        ]
        ties += 2 * given.count("tie") > len(given)
    for count, what in (
        (empty, "have an empty text"),
        (repeated, "repeat an earlier one"),
        (same, "have two equal texts"),
        (ties, "have tie as their majority"),
    ):
        if count:
            found.notes.append(f"{count} of {len(found.comparisons)} comparisons {what}")
