"""What the labels of norms are called on pages."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_AGREEMENT = (
    _("nearly nobody, under 1 %"),
    _("few, 5 to 25 %"),
    _("about half"),
    _("most, 75 to 90 %"),
    _("nearly everyone, over 99 %"),
)

# Per dimension its title and its labels in order; both as `elicitation.algorithms.norms.LABELS` has them.
WORDS: dict[str, tuple[Promise, tuple[Promise, ...]]] = {
    "agreement": (_("How many agree with the rule"), _AGREEMENT),
    "category": (
        _("Kind of rule"),
        (_("morality and ethics"), _("social norm"), _("advice"), _("description")),
    ),
    "foundation": (
        _("Moral foundations"),
        (
            _("care and harm"),
            _("fairness and cheating"),
            _("loyalty and betrayal"),
            _("authority and subversion"),
            _("sanctity and degradation"),
        ),
    ),
    "judgement": (
        _("How the action is judged"),
        (_("very bad"), _("bad"), _("expected or fine"), _("good"), _("very good")),
    ),
    "action_agreement": (_("How many judge the action so"), _AGREEMENT),
    "agency": (_("What kind of action"), (_("something one does"), _("something that happens to one"))),
    "legal": (_("Law"), (_("legal"), _("illegal"), _("tolerated"))),
    "pressure": (
        _("Pressure of others"),
        (_("strongly against it"), _("against it"), _("one's own choice"), _("for it"), _("strongly for it")),
    ),
    "hypothetical": (
        _("Does it happen"),
        (_("certainly not"), _("probably not"), _("perhaps"), _("probably"), _("certainly")),
    ),
}


def title_of(name: str) -> Promise | str:
    """Return what a dimension is called; one that no page needs words for is called by its own name."""
    return WORDS[name][0] if name in WORDS else name


def label_of(name: str, choice: str | int, choices: tuple[str | int, ...]) -> Promise | str:
    """Return what a label is called."""
    known = [str(each) for each in choices]
    return WORDS[name][1][known.index(str(choice))] if name in WORDS and str(choice) in known else str(choice)
