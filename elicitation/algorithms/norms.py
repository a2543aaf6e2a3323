"""The labels of a rule of thumb: a judgement of an action, in twelve dimensions.

The label set of Social Chemistry 101 (Forbes and others 2020, arXiv 2011.00620; repository mbforbes/social-chemistry-101),
with the names of its columns. None is a question that was not answered.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

CHARACTERS = ("char-none", *(f"char-{n}" for n in range(6)))
AGREEMENT = (0, 1, 2, 3, 4)  # of all people: under 1 %, 5 to 25 %, 50 %, 75 to 90 %, over 99 %
FIVE = (-2, -1, 0, 1, 2)  # very bad … very good; strong pressure against … for
MOST_TEXT = 300


class Label(NamedTuple):
    """One dimension: its column in a file, its choices (none: free text), and whether several may be given."""

    column: str
    choices: tuple[str | int, ...] = ()
    is_many: bool = False


LABELS = {
    "agreement": Label("rot-agree", AGREEMENT),
    "category": Label("rot-categorization", ("morality-ethics", "social-norms", "advice", "description"), True),
    "foundation": Label(
        "rot-moral-foundations",
        ("care-harm", "fairness-cheating", "loyalty-betrayal", "authority-subversion", "sanctity-degradation"),
        True,
    ),
    "targets": Label("rot-char-targeting", CHARACTERS),
    "bad": Label("rot-bad", (0, 1)),
    "judgement_text": Label("rot-judgment"),
    "action": Label("action"),
    "agency": Label("action-agency", ("agency", "experience")),
    "judgement": Label("action-moral-judgment", FIVE),
    "action_agreement": Label("action-agree", AGREEMENT),
    "legal": Label("action-legal", ("legal", "illegal", "tolerated")),
    "pressure": Label("action-pressure", FIVE),
    "involved": Label("action-char-involved", CHARACTERS),
    "hypothetical": Label(
        "action-hypothetical", ("explicit-no", "probable-no", "hypothetical", "probable", "explicit")
    ),
}
CHOSEN = tuple(name for name, label in LABELS.items() if label.choices)
Labels = dict[str, Any]


def read_label(name: str, written: str) -> Any:
    """Return a label as a file or an address writes it: "" is not answered, "|" joins several.

    Raises ValueError, with the choices, for what is none of them.
    """
    label, known = LABELS[name], {str(choice): choice for choice in LABELS[name].choices}
    if not known:
        return written or None
    parts = [part for part in (written.split("|") if label.is_many else [written]) if part]
    if wrong := [part for part in parts if part not in known]:
        raise ValueError(f"{wrong[0][:60]!r} is none of {', '.join(known)}")
    chosen = [choice for text, choice in known.items() if text in parts]
    return chosen if label.is_many else next(iter(chosen), None)


def write_label(name: str, value: Any) -> str:
    """Return a label as a file has it; `read_label` gives it back."""
    return "|".join(value) if LABELS[name].is_many else "" if value is None else str(value)


def checked(labels: Mapping[str, Any]) -> Labels:
    """Return a whole set of labels; what is not given is not answered. Raises ValueError with (name, what is wrong)."""
    if unknown := labels.keys() - LABELS.keys():
        raise ValueError(sorted(unknown)[0], f"there is no such label; choose from {', '.join(LABELS)}")
    found: Labels = {}
    for name, label in LABELS.items():
        value = labels.get(name)
        if label.is_many and not isinstance(value, list | tuple | set | None):
            raise ValueError(name, "must be a list")
        if not label.choices and not isinstance(value, str | None):
            raise ValueError(name, "must be text")
        try:
            found[name] = read_label(name, write_label(name, [str(v) for v in value or ()] if label.is_many else value))
        except ValueError as error:
            raise ValueError(name, str(error)) from None
    return found | {"bad": found["bad"] or 0}


def counts(rows: Iterable[Labels]) -> dict[str, dict[str, int]]:
    """Return for each dimension how many rows answered it ("answered") and how many gave each label. One that takes several
    counts as answered by every row."""
    told: dict[str, dict[str, int]] = {
        name: {"answered": 0} | {str(choice): 0 for choice in LABELS[name].choices} for name in CHOSEN
    }
    for row in rows:
        for name in CHOSEN:
            given = row[name] if LABELS[name].is_many else [] if row[name] is None else [row[name]]
            told[name]["answered"] += LABELS[name].is_many or bool(given)
            for choice in given:
                told[name][str(choice)] += 1
    return told
