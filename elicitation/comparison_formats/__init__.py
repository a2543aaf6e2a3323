"""Files of comparisons in the forms that others write, in and out; a module for each. Nothing is stored here."""

import json
from pathlib import Path
from typing import Any

from elicitation.comparison_formats import annotated_pairs, icai_csv, jsonl, trl
from elicitation.comparison_formats.content import ComparisonFile
from elicitation.tables import BadFile, Errors, read_text

READERS = {
    "jsonl": jsonl.read,
    "icai-csv": icai_csv.read,
    "annotated-pairs": annotated_pairs.read,
    "trl": trl.read,
}
FORMATS = tuple(READERS)


def read_comparisons(path: Path, form: str = "auto") -> ComparisonFile:
    """Return the file's content, checked. Raises BadFile with up to 20 errors that name file, line and field."""
    errors = Errors()
    if not path.is_file():
        raise BadFile([f"{path}: there is no such file"])
    if form == "auto":
        form = _detect(path, errors)
    errors.stop_if_any()
    found = ComparisonFile(form)
    READERS[form](path, found, errors)
    if not found.comparisons and not errors.told:
        errors.add(path.name, None, "", "holds no comparison")
    errors.stop_if_any()
    _note_oddities(found)
    return found


def _detect(path: Path, errors: Errors) -> str:
    text = read_text(path, errors)
    if text is None:
        return "jsonl"
    if path.suffix.lower() == ".csv":
        return "icai-csv"
    if text.lstrip().startswith("{"):
        try:
            keys = set(json.loads(text.lstrip().split("\n", 1)[0]))
        except (ValueError, RecursionError):  # one object over many lines, or a cut line
            return "jsonl" if path.suffix.lower() == ".jsonl" else "annotated-pairs"
        if "comparisons" in keys or ("metadata" in keys and "annotators" in keys):
            return "annotated-pairs"
        return "trl" if {"chosen", "rejected"} <= keys else "jsonl"
    errors.add(path.name, 1, "", "is none of " + ", ".join(FORMATS) + "; name the format")
    return "jsonl"


def _note_oddities(found: ComparisonFile) -> None:
    """Say what is odd without being an error, as numbers."""
    seen: dict[tuple[Any, ...], int] = {}
    repeated = empty = same = 0
    for row in found.comparisons:
        key = (row.prompt, row.text_a, row.text_b)
        repeated += key in seen
        seen[key] = 1
        empty += not row.text_a.strip() or not row.text_b.strip()
        same += row.text_a == row.text_b
    for count, what in (
        (empty, "have an empty text"),
        (repeated, "repeat an earlier one"),
        (same, "have two equal texts"),
    ):
        if count:
            found.notes.append(f"{count} of {len(found.comparisons)} comparisons {what}")
