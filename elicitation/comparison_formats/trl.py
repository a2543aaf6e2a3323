"""TRL's prompt, chosen, rejected, as text or as lists of messages (JSON Lines)."""

import hashlib
import json
from itertools import takewhile
from pathlib import Path

from elicitation.comparison_formats.content import (
    AnnotationRow,
    ComparisonFile,
    ComparisonRow,
    Written,
    ascii_json,
    text_of,
)
from elicitation.tables import Errors, Row, read_jsonl


def read(path: Path, found: ComparisonFile, errors: Errors) -> None:
    chosen = found.annotator("chosen", "unknown")
    found.default_annotator = chosen
    for row in read_jsonl(path, errors):
        _split_off_prompt(row)
        prompt, better, worse = (_spoken(row, name) for name in ("prompt", "chosen", "rejected"))
        source_id = hashlib.sha256(ascii_json([row.line, prompt, better, worse]).encode()).hexdigest()[:32]
        # which side the chosen text is on must not tell: by the hash, so that the same file gives the same sides
        swap = int(source_id[0], 16) % 2 == 1
        text_a, text_b = (worse, better) if swap else (better, worse)
        answer = AnnotationRow(chosen, "b" if swap else "a")
        found.comparisons.append(ComparisonRow(source_id, prompt, text_a or "", text_b or "", annotations=[answer]))


def _split_off_prompt(row: Row) -> None:
    """Take the messages that both talks begin with as the prompt, where the file has the prompt inside the talks."""
    chosen, rejected = row.fields.get("chosen"), row.fields.get("rejected")
    if row.fields.get("prompt") is None and isinstance(chosen, list) and isinstance(rejected, list):
        together = zip(chosen[:-1], rejected[:-1], strict=False)
        shared = len(list(takewhile(lambda pair: pair[0] == pair[1], together)))
        if shared:
            row.fields |= {"prompt": chosen[:shared], "chosen": chosen[shared:], "rejected": rejected[shared:]}


def _spoken(row: Row, name: str) -> str | None:
    value = row.fields.get(name)
    if value is None and name == "prompt":
        return None
    if isinstance(value, list):
        if not all(isinstance(m, dict) and isinstance(m.get("content"), str) for m in value):
            row.wrong(name, "must be a list of messages with a content")
            return ""
        row.fields[name] = "\n\n".join(m["content"] for m in value)
    return text_of(row, name)


def write(rows: list[Written], answers: dict[int, str]) -> str:
    """Return the comparisons with a decided answer as TRL's prompt, chosen, rejected."""
    out = []
    for row in rows:
        if answers.get(row.number) in ("a", "b"):
            better, worse = (row.text_a, row.text_b) if answers[row.number] == "a" else (row.text_b, row.text_a)
            prompt = {} if row.prompt is None else {"prompt": row.prompt}  # none is not an empty one
            out.append(json.dumps({**prompt, "chosen": better, "rejected": worse}, ensure_ascii=False))
    return "\n".join(out) + ("\n" if out else "")
