"""Groups of people by what they told about themselves, and the rule that nothing tells about fewer than five."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from elicitation.models import Participant, Study
from elicitation.study_settings import settings_of

SMALLEST_CELL = 5  # people: a figure about fewer is withheld, also where subtracting would give it
MOST_GROUPS = 5  # that are compared at once; as many can be told apart on a page


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


class Groups(NamedTuple):
    """Groups to be compared: `names` of them, which are answers to one question (`key`), and `group_of`, what each person
    (by number) answered to it; who gave no answer is left out. Nobody is in two of them."""

    key: str
    names: list[str]
    group_of: Mapping[int, str]


def questions_of(study: Study) -> dict[str, list[str]]:
    """Return what counted people were asked about themselves and answered (keys), each with the answers that five people or
    more gave: both in the study's order, and then what files brought beside it, sorted."""
    return _questions(study, _told(study))


def _questions(study: Study, told: Mapping[int, Mapping[str, str]]) -> dict[str, list[str]]:
    sizes: dict[str, Counter[str]] = {}
    for answers in told.values():
        for key, answer in answers.items():
            sizes.setdefault(key, Counter())[answer] += 1
    asked = {field.key: field.choices for field in settings_of(study).demographics}
    return {
        key: _in_order({name for name, size in sizes[key].items() if size >= SMALLEST_CELL}, asked.get(key, ()))
        for key in _in_order(set(sizes), asked)
    }


def _in_order(found: set[str], asked: Iterable[str]) -> list[str]:
    listed = [name for name in asked if name in found]
    return listed + sorted(found - set(listed))


def keys_of(study: Study) -> list[str]:
    """Return the keys of `questions_of`."""
    return list(questions_of(study))


def labels_of(study: Study) -> dict[str, str]:
    """Return how the study calls what it asks people about themselves, by key."""
    return {field.key: field.label for field in settings_of(study).demographics}


def names_of(study: Study, key: str) -> list[str]:
    """Return the answers to one question that five people or more gave, as `questions_of`."""
    return questions_of(study).get(key, [])


def read_groups(study: Study, groups: Sequence[str] = (), key: str = "") -> Groups:
    """Return the groups to compare. `groups` are written KEY=VALUE, two or more of one key; `key` alone means all of its
    groups, and neither the first key that has two.

    Raises ValidationError for fewer than two groups, for a group named twice, of another key, unknown, or of fewer than five
    people; it says which there are.
    """
    if not groups and not key:
        key = next((one for one, names in questions_of(study).items() if len(names) > 1), "")
    everyone = groups_of(study, key or (groups[0].partition("=")[0] if groups else ""), "groups")
    key, known = everyone.key, everyone.names
    told = {"key": key, "known": ", ".join(known) or _("none")}
    names = []
    for group in groups:
        its_key, _sign, name = group.partition("=")
        if its_key != key:
            what = _(
                "%(group)r is not of the key %(key)r. Only groups of one key are compared: nobody is in two of them."
            )
            raise ValidationError({"groups": what % {"group": group, "key": key}})
        if name not in known:  # one that nobody is of must not differ from one of a few people
            what = _("There is no group %(group)r of five people or more. Those of %(key)s that are: %(known)s.")
            raise ValidationError({"groups": what % {**told, "group": group}})
        if name in names:
            raise ValidationError({"groups": _("%r is named twice.") % group})
        names.append(name)
    names = names or known[:MOST_GROUPS]
    if not 2 <= len(names) <= MOST_GROUPS:
        what = _("Name two to %(most)d groups of one key. Those of %(key)s of five people or more are: %(known)s.")
        raise ValidationError({"groups": what % {**told, "most": MOST_GROUPS}})
    return everyone._replace(names=names)


def groups_of(study: Study, key: str, option: str) -> Groups:
    """Return all groups that one question makes. Raises ValidationError, under the name of `option`, for a question that is
    not there."""
    answers = _told(study)
    questions = _questions(study, answers)
    if not questions:
        raise ValidationError({option: _("Nobody told anything about themselves, so there are no groups.")})
    if key not in questions:
        what = _("There is no key %(key)r. The keys of these people are: %(known)s.")
        raise ValidationError({option: what % {"key": key, "known": ", ".join(questions)}})
    return Groups(key, questions[key], {number: its[key] for number, its in answers.items() if key in its})


def _told(study: Study) -> dict[int, dict[str, str]]:
    """Return what each counted person, by number, told about themselves; an empty answer is none."""
    people = Participant.objects.counted(study).order_by("number").values_list("number", "demographics")
    return {
        number: {key: str(answer) for key, answer in answers.items() if answer not in ("", None)}
        for number, answers in people
    }
