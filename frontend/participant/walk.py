"""Where a person is in a study, and how long it still takes."""

from dataclasses import dataclass
from math import ceil

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from elicitation.models import CanonicalValue, Study
from elicitation.study_settings import settings_of

# The steps, with the part of the announced time that each takes (medians of the 2023 trial's people).
STEPS = {
    "start": (gettext_lazy("Start"), 0.05),
    "question": (gettext_lazy("Question"), 0.05),
    "talk": (gettext_lazy("Talk"), 0.55),
    "card": (gettext_lazy("Your card"), 0.15),
    "others": (gettext_lazy("Other values"), 0.08),
    "stories": (gettext_lazy("Stories"), 0.12),
    "compare": (gettext_lazy("Two answers"), 0.25),
}

# The page of each step that `participation.next_step` names.
PAGES = {
    "demographics": "about-you",
    "question": "question",
    "interview": "talk",
    "card": "card",
    "picks": "others",
    "stories": "stories",
    "comparisons": "compare",
    "finish": "finish",
}


@dataclass(frozen=True)
class Stones:
    """The progress line above a page: one state ("done", "now" or "") for each step, and what is said beside it."""

    states: list[str]
    number: int
    title: str
    left: str

    @property
    def of(self) -> int:
        return len(self.states)


def steps_of(study: Study) -> list[str]:
    """Return the steps that this study asks for, in order."""
    chosen = settings_of(study)
    left_out = set()
    if not chosen.has_interview:
        left_out |= {"talk", "card"}
    if not chosen.has_interview or study.questions.filter(is_archived=False).count() < 2:
        left_out.add("question")
    if not chosen.stories_each:
        left_out.add("stories")
    if not chosen.has_interview and not CanonicalValue.objects.filter(study=study, is_archived=False).exists():
        left_out.add("others")
    if not chosen.comparisons_each:
        left_out.add("compare")
    return [step for step in STEPS if step not in left_out]


def first_page(study: Study) -> str:
    """Return the page that comes right after someone agreed."""
    chosen = settings_of(study)
    return "about-you" if chosen.demographics else "question" if chosen.has_interview else "others"


def stones(study: Study, step: str, left: str = "") -> Stones:
    """Return the progress line for a page of `step`; `left` says what is left in its own words ("story 1 of 3").

    At "finish" every stone is done.
    """
    steps = steps_of(study)
    here = steps.index(step) if step in steps else len(steps)
    states = ["done"] * here + ["now"] + [""] * (len(steps) - here - 1)
    if here == len(steps):
        return Stones(states[: len(steps)], 0, _("All steps done"), left)
    return Stones(states, here + 1, str(STEPS[step][0]), left or minutes_left(study, step))


def minutes_left(study: Study, step: str) -> str:
    """Return "about 6 min left", from the study's announced time and the steps that are still to come."""
    steps = steps_of(study)
    ahead = sum(STEPS[s][1] for s in steps[steps.index(step) :]) / sum(STEPS[s][1] for s in steps)
    minutes = ceil(settings_of(study).minutes * ahead)
    return ngettext("about %(n)d min left", "about %(n)d min left", minutes) % {"n": minutes}


def minutes_of(study: Study, *names: str) -> int:
    """Return the whole minutes that the named steps take together, at least 1."""
    steps = steps_of(study)
    share = sum(STEPS[s][1] for s in names if s in steps) / sum(STEPS[s][1] for s in steps)
    return max(1, round(settings_of(study).minutes * share))
