"""Forms of the dashboard: what a study asks, promises and is set to. The step functions check it all again."""

import re
from itertools import count
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from core.ledger import model_is_configured
from elicitation import studies
from elicitation.models import Study
from elicitation.study_settings import StudySettings, settings_of

KEY = 30  # letters of a demographic question's key
DIMENSION_KEY = re.compile("[a-z][a-z0-9_]{0,39}")
MOST_LABEL, MOST_DIMENSIONS = 120, 6
CONSENT_DRAFT = _(
    "You talk about one question, and check a card that says what you care about. Then you say which of other people's "
    "values seem wiser.\n\n"
    "Other people here see your card, without your name. Only those who run this study can read your talk. It is deleted "
    "after 12 months. Short quotes of yours are shown only if you say so.\n\n"
    "You can stop at any time. You can take everything back on the last page, or later with your return code. A result "
    "that is published by then keeps its counts and the texts of its values, also one made of your card. It never holds "
    "your name or your talk."
)


class DeskForm(forms.Form):
    """A form whose fields look like the desk's. `blame` puts a step's errors beside the fields they are about."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **named})
        for field in self.fields.values():
            if not isinstance(field, forms.BooleanField):
                field.widget.attrs["class"] = "field"

    def blame(self, error: ValidationError) -> None:
        told = error.error_dict if hasattr(error, "error_dict") else {"": [error]}
        for name, errors in told.items():
            field = name.removeprefix("settings.")
            self.add_error(field if field in self.fields else None, errors)


def _text(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class SettingsForm(DeskForm):
    """What a study can be set to without code, and what it is called."""

    title = forms.CharField(label=_("Name that people see"), max_length=studies.MOST_TITLE)
    description = forms.CharField(label=_("What it is about, in a sentence or two"), required=False, widget=_text(2))
    turn_budget = forms.IntegerField(
        label=_("Questions at most"),
        min_value=3,
        max_value=30,
        help_text=_("8 takes about 7 minutes. After 6, more people leave."),
    )
    interviewer = forms.ChoiceField(
        label=_("Who asks"),
        choices=(
            ("model", _("An AI, else the guide")),
            ("guide", _("The written guide, no AI")),
        ),
    )
    stories_each = forms.IntegerField(label=_("Stories each person judges"), min_value=0, max_value=30)
    comparisons_each = forms.IntegerField(
        label=_("Pairs of answers each person compares"),
        min_value=0,
        max_value=50,
        help_text=_("Two texts side by side, blind. 0: none."),
    )
    comparison_seconds = forms.IntegerField(
        label=_("Seconds that both answers must have been open"),
        min_value=0,
        max_value=120,
        help_text=_("An answer that comes sooner is not taken; the person is told how long to wait."),
    )
    raters_per_comparison = forms.IntegerField(
        label=_("People wanted for each pair"),
        min_value=1,
        max_value=1000,
        help_text=_("Pairs that fewer have judged are asked first. Counts are shown from five people on."),
    )
    comparisons_balance = forms.CharField(
        label=_("Whose groups share each pair equally"),
        required=False,
        max_length=120,
        help_text=_(
            "The question about themselves that makes the groups: none judges a pair more often than its equal share. "
            "Empty: no shares."
        ),
    )
    dimensions = forms.CharField(
        label=_("What pairs are also compared by, one on each line"),
        required=False,
        widget=_text(3),
        help_text=_(
            "A short name that the answers are kept under, a colon, and what people read: “honest: Which is more "
            "honest?”. Up to six. A name that answers have should stay as it is."
        ),
    )
    social_role = forms.CharField(
        label=_("What the AI is to be (its role)"),
        required=False,
        max_length=300,
        help_text=_("For example: a general assistant, a tutor. It stands on the constitution."),
    )
    stakeholders = forms.CharField(
        label=_("Whose groups each have to agree to it"),
        required=False,
        max_length=120,
        help_text=_("The question about themselves that makes the groups. Empty: all people together."),
    )
    approval_threshold = forms.FloatField(label=_("Approval from which a group agrees"), min_value=0.01, max_value=1)
    minutes = forms.IntegerField(label=_("Minutes, as people are told"), min_value=1, max_value=90)
    withdraw_until = forms.DateField(
        label=_("Taking back works until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    keep_talks_months = forms.IntegerField(
        label=_("Months that talks are kept"),
        min_value=1,
        max_value=120,
        help_text=_("Then they are deleted. The consent text should say the same."),
    )
    contact = forms.CharField(label=_("Whom to ask"), required=False, max_length=200)
    most_participants = forms.IntegerField(label=_("People at most (empty: no limit)"), required=False, min_value=1)
    completion_code = forms.CharField(label=_("Completion code for a panel"), required=False, max_length=60)
    help_text = forms.CharField(
        label=_("Help text, shown when someone may be in danger"), required=False, max_length=2000, widget=_text(2)
    )
    stories_need_review = forms.BooleanField(label=_("I look at stories before people judge them"), required=False)
    demographics = forms.CharField(
        label=_("What people may tell about themselves, one question on each line"),
        required=False,
        widget=_text(3),
        help_text=_(
            "Write the question, a colon and the choices: “How old are you?: under 30; 30 to 54; 55 and over”. "
            "“I prefer not to say” is always offered."
        ),
    )

    def __init__(self, *args: Any, known: StudySettings | None = None, **named: Any) -> None:
        super().__init__(*args, **named)
        self.known_keys = {field.label: field.key for field in known.demographics} if known else {}
        if model_is_configured():
            self.fields["interviewer"].help_text = _("People are told which one they talk with, and can choose.")
        else:
            self.fields["interviewer"].help_text = _("No model is set up here, so the written guide asks.")

    def clean_demographics(self) -> list[dict[str, Any]]:
        """Return the questions that the lines ask; one that the study has already keeps its key."""
        fields: list[dict[str, Any]] = []
        for line in filter(None, map(str.strip, self.cleaned_data["demographics"].splitlines())):
            label, sign, told = (part.strip() for part in line.rpartition(":"))
            choices = [choice.strip() for choice in told.split(";") if choice.strip()]
            if not sign or not label or len(choices) < 2:
                raise ValidationError(
                    _(
                        "“%(line)s” needs a question, a colon and two choices or more: “Where do you live?: town; village”."
                    ),
                    params={"line": line[:80]},
                )
            taken = {field["key"] for field in fields}
            fields.append({"key": self._key(label, taken), "label": label, "choices": choices})
        return fields

    def clean_dimensions(self) -> list[dict[str, str]]:
        """Return what the lines say that pairs are compared by."""
        found: dict[str, str] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["dimensions"].splitlines())):
            key, sign, label = (part.strip() for part in line.partition(":"))
            if not sign or not label:
                what = _(
                    "“%(line)s” needs a short name, a colon and what people read: “honest: Which is more honest?”."
                )
            elif not DIMENSION_KEY.fullmatch(key):
                what = _(
                    "In “%(line)s” the short name before the colon must begin with a small letter a–z, and hold only small "
                    "letters, digits and _, 40 at most."
                )
            elif len(label) > MOST_LABEL:
                what = _("“%(line)s” is too long: what people read has 120 letters at most.")
            elif key in found:
                what = _("“%(line)s” has a short name that stands on an earlier line too.")
            elif len(found) == MOST_DIMENSIONS:
                what = _("These are too many: a pair can be compared by six things at most.")
            else:
                found[key] = label
                continue
            raise ValidationError(what, params={"line": line[:80]})
        return [{"key": key, "label": label} for key, label in found.items()]

    def clean(self) -> dict[str, Any]:
        """Check that what makes groups is a question that is asked; it may be named by its words or by its key."""
        told = super().clean() or {}
        keys = {field["label"]: field["key"] for field in told.get("demographics") or []}
        for name in ("stakeholders", "comparisons_balance"):
            named = told.get(name, "").strip()
            if named and "demographics" not in self.errors and named not in {*keys, *keys.values()}:
                known = ", ".join(keys) or _("none")
                self.add_error(name, _("Name a question that people are asked about themselves: %s.") % known)
            told[name] = keys.get(named, named)
        return told

    def _key(self, label: str, taken: set[str]) -> str:
        """Return what answers to the question are kept under: what they are kept under already, or a short name of it."""
        if (known := self.known_keys.get(label)) and known not in taken:
            return known
        words = slugify(label).replace("-", "_")[:KEY].strip("_")
        base = words if words[:1].isalpha() else f"q_{words}".rstrip("_")
        used = taken | set(self.known_keys.values())
        return next(key for n in count(1) if (key := base if n == 1 else f"{base}_{n}") not in used)

    def settings_fields(self) -> list[forms.BoundField]:
        """Return the short fields that stand in two columns."""
        names = (
            "turn_budget",
            "interviewer",
            "stories_each",
            "minutes",
            "withdraw_until",
            "keep_talks_months",
        )
        return [
            self[name]
            for name in (
                *names,
                "social_role",
                "stakeholders",
                "approval_threshold",
                "contact",
                "most_participants",
                "completion_code",
            )
        ]

    def arena_fields(self) -> list[forms.BoundField]:
        """Return the short fields about comparing two texts."""
        names = ("comparisons_each", "raters_per_comparison", "comparison_seconds", "comparisons_balance")
        return [self[name] for name in names]

    def settings(self) -> dict[str, Any]:
        """Return those of the fields that are settings of a study."""
        return {name: told for name, told in self.cleaned_data.items() if name in StudySettings.model_fields}


class EditStudyForm(SettingsForm):
    """The same for a study that is there."""

    is_listed = forms.BooleanField(label=_("List it on the front page and over REST once it is open"), required=False)

    @classmethod
    def about(cls, study: Study) -> "EditStudyForm":
        """Return the form as the study is now."""
        described = {name: getattr(study, name) for name in ("title", "description", "is_listed")}
        chosen = settings_of(study)
        lines = [f"{field.label}: {'; '.join(field.choices)}" for field in chosen.demographics]
        dimensions = [f"{dimension.key}: {dimension.label}" for dimension in chosen.dimensions]
        texts = {"demographics": "\n".join(lines), "dimensions": "\n".join(dimensions)}
        return cls(initial=chosen.model_dump() | described | texts)


class NewStudyForm(SettingsForm):
    """A new study, filled with what its template starts from."""

    template = forms.CharField(widget=forms.HiddenInput)
    questions = forms.CharField(
        label=_("Questions, one on each line"),
        required=False,
        widget=_text(4),
        help_text=_("Best is what someone might really ask: “My father's memory is going. Should I take his keys?”"),
    )
    contexts = forms.CharField(
        label=_("Situations, one on each line"),
        required=False,
        widget=_text(4),
        help_text=_("Each begins with “When …”. Values are compared within a situation."),
    )
    consent = forms.CharField(
        label=_("Consent text, version 1"),
        required=False,
        widget=_text(8),
        help_text=_("Say who runs the study, who sees what, for how long, and how to take it back."),
    )

    @classmethod
    def from_template(cls, name: str) -> "NewStudyForm":
        """Return the form filled with a template's questions, situations, promise and settings."""
        start = studies.TEMPLATES[name]
        chosen = StudySettings.model_validate(start.settings)
        texts = {
            "template": name,
            "questions": "\n".join(str(text) for text, _topic in start.questions),
            "contexts": "\n".join(map(str, start.contexts)),
            "consent": CONSENT_DRAFT if chosen.has_interview else "",
        }
        return cls(initial=chosen.model_dump() | {"demographics": "", "dimensions": ""} | texts)

    def asked(self) -> list[studies.AskedQuestion]:
        """Return the questions; those of the template keep their topics."""
        start = studies.TEMPLATES.get(self.cleaned_data["template"])
        topics = {str(text): str(topic) for text, topic in start.questions} if start else {}
        return [studies.AskedQuestion(line, topics.get(line, "")) for line in self.lines("questions")]

    def lines(self, name: str) -> list[str]:
        """Return a field's lines that say something."""
        return [line.strip() for line in self.cleaned_data[name].splitlines() if line.strip()]
