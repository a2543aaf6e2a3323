"""Our own JSON Lines, one comparison a line; also the LLMBar layout, with a judge's answer in both orders."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elicitation.comparison_formats.content import (
    ANSWERS,
    MOST_CONTEXT,
    MOST_NAME,
    MOST_TEXT,
    WHY_NONE,
    AnnotationRow,
    AnnotatorRow,
    ComparisonFile,
    ComparisonRow,
    Written,
    is_name,
    text_of,
)
from elicitation.tables import Errors, Row, read_jsonl


def read(path: Path, found: ComparisonFile, errors: Errors) -> None:
    seen: dict[str, int] = {}
    coerced = 0
    for row in read_jsonl(path, errors):
        outputs = ("output_1", "output_2")
        names = outputs if any(name in row.fields for name in outputs) else ("text_a", "text_b")
        for name in names:
            if isinstance(row.fields.get(name), bool | int | float):
                # the source wrote a bare JSON value for an answer such as "true"
                row.fields[name] = json.dumps(row.fields[name])
                coerced += 1
        source_id = _id_of(row, seen)
        prompt = _prompt_of(row)
        text_a, text_b = (text_of(row, name) for name in names)
        named = row.text("models", most=2 * MOST_NAME, required=False).split("_", 1)
        models = [name[:MOST_NAME] for name in named] if len(named) == 2 else ["", ""]
        comparison = ComparisonRow(
            source_id,
            prompt,
            text_a,
            text_b,
            context=row.text("context", most=MOST_CONTEXT, required=False),
            model_a=row.text("model_a", most=MOST_NAME, required=False) or models[0],
            model_b=row.text("model_b", most=MOST_NAME, required=False) or models[1],
        )
        comparison.annotations = list(_jsonl_annotations(row, found))
        given = Counter((a.annotator, a.order) for a in comparison.annotations)
        for (annotator, _order), times in given.items():
            if times > 1:
                row.wrong(f"annotations.{annotator}", f"answers {times} times")
        found.comparisons.append(comparison)
    if coerced:
        found.notes.append(f"{coerced} texts were bare JSON values and are read as text")


def _id_of(row: Row, seen: dict[str, int]) -> str:
    value = row.fields.get("id")
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int) or not is_name(str(value)):
        row.wrong("id", f"must be a whole number or a text of at most {MOST_NAME} characters")
        return ""
    source_id = str(value)
    if source_id in seen:
        row.wrong("id", f"{source_id!r} is there already in line {seen[source_id]}")
    seen[source_id] = row.line
    return source_id


def _prompt_of(row: Row) -> str | None:
    if "prompt" in row.fields:
        return None if row.fields["prompt"] is None else row.text("prompt", most=MOST_TEXT, required=False)
    instruction = row.text("instruction", most=MOST_TEXT, required=False) if "instruction" in row.fields else None
    more = row.text("input", most=MOST_TEXT, required=False) if "input" in row.fields else ""
    if instruction is None:
        return more or None
    return f"{instruction}\n\n{more}" if more else instruction


def _jsonl_annotations(row: Row, found: ComparisonFile) -> Iterator[AnnotationRow]:
    """Yield the answers of one line.

    `annotations` maps a group (human, model, rule, principle; "judges" are models) to a map from annotator to answer; an
    answer may itself be a map from the order of presentation (original, swapped) to the answer, by original sides.
    """
    known = {"human": "human", "humans": "human", "model": "model", "models": "model", "judges": "model"}
    known |= {kind: kind for kind in ("rule", "principle", "unknown")} | {"gold": "human"}
    for key in ("annotations", "annotators", "humans", "judges", "gold", "preferred_text", "label"):
        if key not in row.fields:
            continue
        value = row.fields[key]
        if key in ("gold", "preferred_text", "label"):
            name, kind = (key, "unknown") if key == "preferred_text" else ("gold", "human")
            yield from _answer(row, key, found.annotator(name, kind), value)
        elif isinstance(value, dict):
            for name, inner in value.items():
                if name in known and isinstance(inner, dict):
                    for annotator, answer in inner.items():
                        yield from _answer(row, key, found.annotator(annotator, known[name]), answer)
                elif name in known and isinstance(inner, list):
                    for n, answer in enumerate(inner, 1):
                        yield from _answer(row, key, found.annotator(f"{name}_{n}", known[name]), answer)
                else:
                    kind = known.get(key) or _kind_of(name)
                    yield from _answer(row, key, found.annotator(name, kind), inner)
        else:
            row.wrong(key, "must be an object that maps annotators to answers")


def _kind_of(name: str) -> str:
    lower = name.lower()
    if lower.startswith(("human", "annotator", "rater", "person", "participant")):
        return "human"
    return "principle" if lower.startswith("principle") else "model"


def _answer(row: Row, key: str, annotator: str, value: Any) -> Iterator[AnnotationRow]:
    if not is_name(annotator):
        row.wrong(key, f"an annotator's name has at most {MOST_NAME} characters that can be stored")
    elif value == {}:
        row.wrong(f"{key}.{annotator}", "holds no answer")
    elif isinstance(value, dict):
        for order, answer in value.items():
            shown = {"original": "ab", "swapped": "ba", "ab": "ab", "ba": "ba", "": ""}.get(order)
            if shown is None:
                row.wrong(f"{key}.{annotator}", f"{order!r} is no order of presentation; use original or swapped")
            elif not _is_answer(answer):
                row.wrong(f"{key}.{annotator}.{order}", f"{str(answer)[:60]!r} is none of {', '.join(ANSWERS)}")
            else:
                yield AnnotationRow(annotator, ANSWERS[answer], answer if answer in WHY_NONE else "", shown)
    elif value is None:
        yield AnnotationRow(annotator, "none", "missing")
    elif not _is_answer(value):
        row.wrong(f"{key}.{annotator}", f"{str(value)[:60]!r} is none of {', '.join(ANSWERS)}")
    else:
        yield AnnotationRow(annotator, ANSWERS[value], value if value in WHY_NONE else "")


def _is_answer(value: Any) -> bool:
    return isinstance(value, str) and value in ANSWERS


def write(rows: list[Written], annotators: dict[str, AnnotatorRow]) -> str:
    """Return comparisons in our own JSON Lines, answers by kind of annotator."""
    out = []
    for row in rows:
        answers: dict[str, dict[str, Any]] = {}
        for a in row.annotations:
            group = answers.setdefault(annotators[a.annotator].kind, {})
            label = a.answer if a.answer != "none" else a.why_none if a.why_none in WHY_NONE else None
            if a.order:
                group.setdefault(a.annotator, {})["original" if a.order == "ab" else "swapped"] = label
            else:
                group[a.annotator] = label
        body = {
            **({"id": row.source_id} if row.source_id else {}),
            "prompt": row.prompt,
            **({"context": row.context} if row.context else {}),
            "text_a": row.text_a,
            "text_b": row.text_b,
            **({"model_a": row.model_a} if row.model_a else {}),
            **({"model_b": row.model_b} if row.model_b else {}),
            "annotations": answers,
        }
        out.append(json.dumps(body, ensure_ascii=False) + "\n")
    return "".join(out)
