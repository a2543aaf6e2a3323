"""What a study folder holds, between reading and storing."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from elicitation.study_folder.compared import NAMES as COMPARED
from elicitation.study_folder.compared import Compared
from elicitation.study_folder.story_draws import StoryDrawRow
from elicitation.tables import Row

REQUIRED = ("cases.json", "contexts.json", "contexts_on_cases.csv", "canonical_values.jsonl", "wisdom_votes.csv")
OPTIONAL = (
    "study.json",
    "values_cards.jsonl",
    "upgrade_stories.jsonl",
    "story_draws.jsonl",
    "impressions.csv",
    "votes.csv",
    "demographics.csv",
    "deduplicated_cards.jsonl",
    "deduplications.csv",
    "merged_values.csv",
    "deduplication_checks.csv",
    "graph_position_checks.csv",
    *COMPARED,
)
STUDY_FORMAT = "folkmoot-study/1"
KEPT_OF_VOTES = ("created_at", "updated_at", "has_comment")  # as they are written, for an export that is the same
IS_SATISFIED = {"True": "fair", "False": "not_fair"}  # as a folder says it, and as we do
MAPPING = ("from", "to", "how")  # of one step of an upgrade story
LATER = (
    "deduplicated:"  # how the source's id of a value begins that a later grouping made: they have a space of their own
)


@dataclass
class ImportSummary:
    """What an import did: rows by kind, and what was noticed without being an error."""

    slug: str
    changed: bool
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class ValueRow(NamedTuple):
    number: int
    title: str
    description: str
    detail: str
    policies: list[str]
    extra: dict[str, Any]


class VoteRow(NamedTuple):
    participant: str
    from_id: int
    to_id: int
    context: str
    run_id: str
    answer: str
    moment: datetime
    kept: tuple[str | None, ...]

    @property
    def source(self) -> dict[str, str]:
        """What is kept of the row as it is written, of the columns that there are."""
        return {name: text for name, text in zip(KEPT_OF_VOTES, self.kept, strict=True) if text is not None}


class PickRow(NamedTuple):
    """A value that was shown (then `answer` is empty), or what someone said of it."""

    participant: str
    draw_id: str
    value: int
    case: str
    created_at: str
    answer: str = ""


class CheckRow(NamedTuple):
    """What someone said later about a merged card, as the same as theirs or as their place in the graph."""

    participant: str
    card: int | None
    merged: int
    answer: str


@dataclass
class Folder:
    """A study folder, read and checked."""

    study: dict[str, Any] = field(default_factory=dict)
    cases: dict[str, Row] = field(default_factory=dict)
    contexts: dict[str, None] = field(default_factory=dict)
    links: dict[tuple[str, str], None] = field(default_factory=dict)
    values: dict[int, ValueRow] = field(default_factory=dict)
    cards: dict[int, Row] = field(default_factory=dict)
    stories: list[Row] = field(default_factory=list)
    story_draws: list[StoryDrawRow] = field(default_factory=list)
    votes: list[VoteRow] = field(default_factory=list)
    exposures: list[PickRow] = field(default_factory=list)
    picks: list[PickRow] = field(default_factory=list)
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    runs: dict[int, dict[int, ValueRow]] = field(default_factory=dict)
    members: list[tuple[int, int, int]] = field(default_factory=list)
    merged: dict[int, int] = field(default_factory=dict)
    same_card: list[CheckRow] = field(default_factory=list)
    fair: list[CheckRow] = field(default_factory=list)
    compared: Compared = field(default_factory=lambda: Compared({}, [], []))
    notes: list[str] = field(default_factory=list)
