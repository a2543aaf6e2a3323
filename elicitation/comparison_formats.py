"""Files of comparisons in the forms that others write, in and out. Nothing is stored here.

* `jsonl`: our own, one comparison a line (docs/formats.md); also reads the LLMBar layout with both orders of presentation.
* `icai-csv`: text_a, text_b, preferred_text, and optionally prompt or input, model_a, model_b (inverse-cai).
* `annotated-pairs`: annotated pairs 2.0 (inverse-cai, feedback-forensics); 1.0 is read. Unknown keys are kept verbatim.
* `trl`: prompt, chosen, rejected, as text or as lists of messages (JSON Lines).
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from elicitation.tables import BadFile, Errors, Row, parse_json, read_csv, read_jsonl, read_text

FORMATS = ("jsonl", "icai-csv", "annotated-pairs", "trl")
MOST_TEXT = 1_000_000
MOST_NAME = 200  # of an annotator, a comparison's id, a model
MOST_CONTEXT = 300
ANSWERS = {"text_a": "a", "text_b": "b", "a": "a", "b": "b", "tie": "tie", "both_bad": "both_bad", "invalid": "none"}
PREFERRED = "preferred_text"


class AnnotationRow(NamedTuple):
    """One answer: the annotator's id, a / b / tie / both_bad / none, why none, and the order shown where it is known."""

    annotator: str
    answer: str
    why_none: str = ""
    order: str = ""


@dataclass
class ComparisonRow:
    """One comparison as a file has it. `record` is the source's own text of it, ASCII JSON, where it is to be kept."""

    source_id: str
    prompt: str | None
    text_a: str
    text_b: str
    context: str = ""
    model_a: str = ""
    model_b: str = ""
    annotations: list[AnnotationRow] = field(default_factory=list)
    record: str = ""


@dataclass
class AnnotatorRow:
    """One annotator as a file has it."""

    source_id: str
    kind: str
    name: str = ""
    record: str = ""


@dataclass
class ComparisonFile:
    """A file of comparisons, read and checked."""

    format: str
    comparisons: list[ComparisonRow] = field(default_factory=list)
    annotators: dict[str, AnnotatorRow] = field(default_factory=dict)
    default_annotator: str = ""
    record: str = ""
    notes: list[str] = field(default_factory=list)

    def annotator(self, source_id: str, kind: str, name: str = "") -> str:
        """Note an annotator, the first time it is met, and return its id."""
        self.annotators.setdefault(source_id, AnnotatorRow(source_id, kind, name or source_id))
        return source_id


def read_comparisons(path: Path, form: str = "auto") -> ComparisonFile:
    """Return the file's content, checked. Raises BadFile with up to 20 errors that name file, line and field."""
    errors = Errors()
    if not path.is_file():
        raise BadFile([f"{path}: there is no such file"])
    if form == "auto":
        form = _detect(path, errors)
    errors.stop_if_any()
    readers = {"jsonl": _read_jsonl, "icai-csv": _read_icai_csv, "annotated-pairs": _read_pairs, "trl": _read_trl}
    found = ComparisonFile(form)
    readers[form](path, found, errors)
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


# our own JSON Lines


def _read_jsonl(path: Path, found: ComparisonFile, errors: Errors) -> None:
    seen: dict[str, int] = {}
    coerced = 0
    for row in read_jsonl(path, errors):
        names = ("text_a", "text_b") if "text_a" in row.fields or "text_b" in row.fields else ("output_1", "output_2")
        for name in names:
            if isinstance(row.fields.get(name), bool | int | float):
                # the source wrote a bare JSON value for an answer such as "true"
                row.fields[name] = json.dumps(row.fields[name])
                coerced += 1
        source_id = _id_of(row, seen)
        prompt = _prompt_of(row)
        text_a, text_b = (_text_of(row, name) for name in names)
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
    if isinstance(value, bool) or not isinstance(value, str | int) or not _is_name(str(value)):
        row.wrong("id", f"must be a whole number or a text of at most {MOST_NAME} characters")
        return ""
    source_id = str(value)
    if source_id in seen:
        row.wrong("id", f"{source_id!r} is there already in line {seen[source_id]}")
    seen[source_id] = row.line
    return source_id


def _is_name(name: str) -> bool:
    """Whether a name fits, and can be stored as it is."""
    return len(name) <= MOST_NAME and _storable(name) == name


def _text_of(row: Row, name: str) -> str:
    value = row.fields.get(name)
    if value is None:
        row.wrong(name, "is missing")
        return ""
    return row.text(name, most=MOST_TEXT, required=False)


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
    if not _is_name(annotator):
        row.wrong(key, f"an annotator's name has at most {MOST_NAME} characters that can be stored")
    elif isinstance(value, dict):
        for order, answer in value.items():
            shown = {"original": "ab", "swapped": "ba", "ab": "ab", "ba": "ba", "": ""}.get(order)
            if shown is None:
                row.wrong(f"{key}.{annotator}", f"{order!r} is no order of presentation; use original or swapped")
            elif not _is_answer(answer):
                row.wrong(f"{key}.{annotator}.{order}", f"{str(answer)[:60]!r} is none of {', '.join(ANSWERS)}")
            else:
                yield AnnotationRow(annotator, ANSWERS[answer], "invalid" if answer == "invalid" else "", shown)
    elif value is None:
        yield AnnotationRow(annotator, "none", "missing")
    elif not _is_answer(value):
        row.wrong(f"{key}.{annotator}", f"{str(value)[:60]!r} is none of {', '.join(ANSWERS)}")
    else:
        yield AnnotationRow(annotator, ANSWERS[value], "invalid" if value == "invalid" else "")


def _is_answer(value: Any) -> bool:
    return isinstance(value, str) and value in ANSWERS


# inverse-cai's CSV


def _read_icai_csv(path: Path, found: ComparisonFile, errors: Errors) -> None:
    seen: dict[str, int] = {}
    preferred = found.annotator(PREFERRED, "unknown")
    found.default_annotator = preferred
    for row in read_csv(path, ["text_a", "text_b", PREFERRED], errors):
        source_id = row.fields.get("index") or row.fields.get("id") or ""  # an unnamed column is a row count, no id
        if source_id and source_id in seen:
            row.wrong("index", f"{source_id!r} is there already in line {seen[source_id]}")
        seen[source_id] = row.line
        asked = next((name for name in ("prompt", "input") if name in row.fields), None)
        comparison = ComparisonRow(
            source_id,
            row.text(asked, most=MOST_TEXT, required=False) if asked else None,
            _text_of(row, "text_a"),
            _text_of(row, "text_b"),
            model_a=row.text("model_a", most=MOST_NAME, required=False),
            model_b=row.text("model_b", most=MOST_NAME, required=False),
        )
        if not _is_name(source_id):
            row.wrong("index", f"has at most {MOST_NAME} characters")
        answer = row.fields[PREFERRED]
        if answer not in ("text_a", "text_b", "tie", ""):
            row.wrong(PREFERRED, f"{answer[:60]!r} is none of text_a, text_b, tie")
        else:
            comparison.annotations = [
                AnnotationRow(preferred, ANSWERS.get(answer, "none"), "" if answer else "missing")
            ]
        found.comparisons.append(comparison)


# annotated pairs

_KINDS = {"human": "human", "principle": "principle", "non_preference_principle": "principle", "model": "model"}


def _read_pairs(path: Path, found: ComparisonFile, errors: Errors) -> None:
    text = read_text(path, errors)
    body = parse_json(text, lambda what: errors.add(path.name, None, "", what)) if text is not None else None
    if body is None:
        return
    if not isinstance(body, dict) or not isinstance(body.get("comparisons"), list):
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
        errors.add(path.name, None, "metadata.version", f"{version!r} is neither 1.0 nor 2.0")
    found.default_annotator = _storable(str(metadata.get("default_annotator") or ""))[:MOST_NAME]
    for name, annotator in annotators.items():
        if not _is_name(name):
            errors.add(path.name, None, "annotators", f"an id has at most {MOST_NAME} characters that can be stored")
        kind = _KINDS.get(str(annotator.get("type")), "unknown")
        label = _storable(str(annotator.get("name") or annotator.get("description") or name))
        found.annotators[name] = AnnotatorRow(name, kind, label[:300], _ascii(annotator))
    found.record = _ascii({key: None if key in ("comparisons", "annotators") else value for key, value in body.items()})
    seen: dict[str, int] = {}
    for place, comparison in enumerate(body["comparisons"], 1):
        # the reader of JSON knows no lines: the comparison's place is told instead
        row = Row(f"{path.name}, comparison {place}", 0, comparison if isinstance(comparison, dict) else {}, errors)
        found.comparisons.append(_pair(row, found, seen, place))


def _pair(row: Row, found: ComparisonFile, seen: dict[str, int], place: int) -> ComparisonRow:
    source_id = str(row.fields.get("id") or "")
    if not _is_name(source_id):
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
    annotations = row.fields.get("annotations", {})
    if not isinstance(annotations, dict):
        row.wrong("annotations", "must be an object")
        annotations = {}
    comparison = ComparisonRow(
        source_id,
        None if prompt is None else _storable(prompt),
        _storable(sides[0]["text"]),
        _storable(sides[1]["text"]),
        model_a=_storable(str(sides[0].get("model") or ""))[:MOST_NAME],
        model_b=_storable(str(sides[1].get("model") or ""))[:MOST_NAME],
        record=_ascii(row.fields),
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
    why = _storable(str(annotation.get("no_pref_reason") or ""))[:40]
    if isinstance(pref, str) and pref.lower() in ("a", "b", "text_a", "text_b", "tie"):
        return AnnotationRow(name, ANSWERS[pref.lower()], why)
    if pref is not None:
        row.wrong(f"annotations.{name}.pref", f"{str(pref)[:60]!r} is none of a, b, null")
    return AnnotationRow(name, "tie" if why == "both" else "none", why)


def _storable(text: str) -> str:
    """Return the text as a database can hold it; the record keeps it as it was."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _ascii(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


# TRL


def _read_trl(path: Path, found: ComparisonFile, errors: Errors) -> None:
    chosen = found.annotator("chosen", "unknown")
    found.default_annotator = chosen
    for row in read_jsonl(path, errors):
        _split_off_prompt(row)
        prompt, better, worse = (_spoken(row, name) for name in ("prompt", "chosen", "rejected"))
        source_id = hashlib.sha256(_ascii([row.line, prompt, better, worse]).encode()).hexdigest()[:32]
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
    return _text_of(row, name)


# writing


class Written(NamedTuple):
    """What an export needs of one stored comparison."""

    source_id: str
    number: int
    prompt: str | None
    text_a: str
    text_b: str
    context: str
    model_a: str
    model_b: str
    record: str
    annotations: list[AnnotationRow]


def write_jsonl(rows: list[Written], annotators: dict[str, AnnotatorRow]) -> str:
    """Return comparisons in our own JSON Lines, answers by kind of annotator."""
    out = []
    for row in rows:
        answers: dict[str, dict[str, Any]] = {}
        for a in row.annotations:
            group = answers.setdefault(annotators[a.annotator].kind, {})
            label = (
                "invalid"
                if a.answer == "none" and a.why_none == "invalid"
                else a.answer
                if a.answer != "none"
                else None
            )
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


def write_icai_csv(rows: list[Written], answers: dict[int, str]) -> str:
    """Return comparisons as inverse-cai's CSV; `answers` are those of one annotator, or of a majority, by number."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["index", "text_a", "text_b", PREFERRED, "model_a", "model_b", "prompt"])
    labels = {"a": "text_a", "b": "text_b", "tie": "tie"}
    for row in rows:
        answer = labels.get(answers.get(row.number, ""), "")
        writer.writerow([row.source_id, row.text_a, row.text_b, answer, row.model_a, row.model_b, row.prompt or ""])
    return out.getvalue()


def write_trl(rows: list[Written], answers: dict[int, str]) -> str:
    """Return the comparisons with a decided answer as TRL's prompt, chosen, rejected."""
    out = []
    for row in rows:
        if answers.get(row.number) in ("a", "b"):
            better, worse = (row.text_a, row.text_b) if answers[row.number] == "a" else (row.text_b, row.text_a)
            out.append(
                json.dumps({"prompt": row.prompt or "", "chosen": better, "rejected": worse}, ensure_ascii=False)
            )
    return "\n".join(out) + ("\n" if out else "")


def write_pairs(
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
