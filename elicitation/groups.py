"""Groups of people by what they told about themselves, and the rule that nothing tells about fewer than five."""

from collections import Counter

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from elicitation.models import Participant

SMALLEST_CELL = 5  # people: a figure about fewer is withheld, also where subtracting would give it


def members(people: QuerySet[Participant], group: str) -> QuerySet[Participant]:
    """Return those of `people` who gave the answer that `group` names, written KEY=VALUE.

    Raises ValidationError, with the keys or the groups that there are, for a group that is not written so, and for one of
    fewer than five people, or that leaves one to four others: subtraction would show those.
    """
    key, _sign, value = group.partition("=")
    told = dict(people.values_list("id", "demographics"))
    keys = sorted({name for answers in told.values() for name in answers})
    if not value or key not in keys:
        known = ", ".join(keys) or _("none")
        raise ValidationError({"group": _("Write it as KEY=VALUE. The keys of these people are: %s.") % known})
    sizes = Counter(answers[key] for answers in told.values() if answers.get(key))
    if not _may_be_shown(sizes[value], len(told)):  # one that nobody is of must not differ from one of a few people
        shown = ", ".join(sorted(name for name, size in sizes.items() if _may_be_shown(size, len(told)))) or _("none")
        what = _(
            "Groups of fewer than %(least)d people, inside or outside, are not shown. Those of %(key)s that are: %(shown)s."
        )
        raise ValidationError({"group": what % {"least": SMALLEST_CELL, "key": key, "shown": shown}})
    return people.filter(id__in=[person for person, answers in told.items() if answers.get(key) == value])


def _may_be_shown(size: int, everyone: int) -> bool:
    return size >= SMALLEST_CELL and not 0 < everyone - size < SMALLEST_CELL
