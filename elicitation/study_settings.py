"""What a study can be set to, with its defaults; stored as JSON in `Study.settings` and checked on the way in and out."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from elicitation.models import Study


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DemographicField(Part):
    """One optional question about the person. "Prefer not to say" is always offered beside the choices."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: str = Field(min_length=1, max_length=120)
    choices: list[str] = Field(min_length=2, max_length=30)


class ExitQuestion(Part):
    """One statement at the end, answered 1 (not at all) to 5 (fully)."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    text: str = Field(min_length=1, max_length=200)


class Dimension(Part):
    """One thing by which people also compare two texts, beside which is better over all."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: str = Field(min_length=1, max_length=120)


# What the 2023 trial asked when people left, in our words.
EXIT_QUESTIONS = [
    ExitQuestion(key="represented", text="My card and my answers say what I care about."),
    ExitQuestion(key="fair", text="The result is fair, even if my value is not the wisest one."),
    ExitQuestion(key="respect", text="I have more respect for what other people value."),
    ExitQuestion(key="clarified", text="Taking part made clearer to me what I value."),
    ExitQuestion(key="trust", text="I trust how this was done."),
]


class StudySettings(Part):
    """Everything about a study that a facilitator can set without code."""

    # who asks
    interviewer: Literal["model", "guide"] = "model"
    turn_budget: int = Field(default=8, ge=3, le=30)
    minutes: int = Field(default=12, ge=1, le=90)
    # what people do
    has_interview: bool = True
    picks_shown: int = Field(default=6, ge=2, le=20)
    picks_least: int = Field(default=2, ge=0, le=20)
    stories_each: int = Field(default=3, ge=0, le=30)
    comparisons_each: int = Field(default=0, ge=0, le=50)
    comparison_seconds: int = Field(default=5, ge=0, le=120)
    raters_per_comparison: int = Field(default=10, ge=1, le=1000)
    comparisons_balance: str = Field(default="", max_length=40)
    dimensions: list[Dimension] = Field(default_factory=list, max_length=6)
    # what its constitution is for, and who has to agree to it
    social_role: str = Field(default="", max_length=300)
    stakeholders: str = Field(default="", max_length=40)
    approval_threshold: float = Field(default=0.5, gt=0, le=1)
    demographics: list[DemographicField] = Field(default_factory=list, max_length=12)
    exit_questions: list[ExitQuestion] = Field(default_factory=lambda: list(EXIT_QUESTIONS), max_length=12)
    completion_code: str = Field(default="", max_length=60)
    # promises
    contact: str = Field(default="", max_length=200)
    withdraw_until: date | None = None
    keep_talks_months: int = Field(default=12, ge=1, le=120)
    help_text: str = Field(default="", max_length=2000)
    # limits
    most_participants: int | None = Field(default=None, ge=1)
    # cards and stories
    stories_need_review: bool = True
    merge_similarity: float = Field(default=0.3, ge=0, le=1)


def settings_of(study: Study) -> StudySettings:
    """Return the study's settings, with defaults where it sets nothing. Raises pydantic.ValidationError."""
    return StudySettings.model_validate(study.settings)
