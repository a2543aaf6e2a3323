"""What files of comparisons hold, whatever their format, and what all formats check alike."""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from elicitation.tables import Row

MOST_TEXT = 1_000_000
MOST_NAME = 200  # of an annotator, a comparison's id, a model
MOST_CONTEXT = 300
ANSWERS = {"text_a": "a", "text_b": "b", "a": "a", "b": "b", "tie": "tie", "both_bad": "both_bad"}
WHY_NONE = ("invalid", "not_applicable", "neither", "non_preference_annotation")  # answers that give no preference
ANSWERS |= dict.fromkeys(WHY_NONE, "none")


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


def is_name(name: str) -> bool:
    """Whether a name fits, and can be stored as it is."""
    return len(name) <= MOST_NAME and storable(name) == name


def text_of(row: Row, name: str) -> str:
    value = row.fields.get(name)
    if value is None:
        row.wrong(name, "is missing")
        return ""
    return row.text(name, most=MOST_TEXT, required=False)


def storable(text: str) -> str:
    """Return the text as a database can hold it; the record keeps it as it was."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def ascii_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
