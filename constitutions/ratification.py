"""Whether a published version's principles are ratified: only if every stakeholder group approves, by the study's threshold.

Computed beside the published body, which never changes: people go on answering, and may take their answers back.
Source: Zhi-Xuan, Carroll, Franklin, Ashton 2024, Beyond Preferences in AI Alignment: standards of a social role that its
stakeholders agree to; the least approval of any group counts, not the mean.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from constitutions.models import Approval, ConstitutionVersion
from constitutions.publishing import version_body
from core.algorithms.uncertainty import jeffreys
from core.text import clean_text
from elicitation.groups import SMALLEST_CELL, names_of
from elicitation.models import Participant, Study
from elicitation.participation import hold, must_be_here
from elicitation.study_settings import settings_of

EVERYONE = "everyone"
MOST_REASON = 1000
DEFAULT_THRESHOLD = 0.5  # of versions that were published before a study could set one


def approve(
    version: ConstitutionVersion, participant: Participant, principle: int, *, answer: str, reason: str = ""
) -> Approval:
    """Store whether a person approves of a principle; the newest answer counts, and all stay. Raises ValidationError for an answer
    or a principle that is not there, and for a version of another study."""
    must_be_here(participant)
    if version.constitution.study_id != participant.study_id:
        raise ValidationError({"version": _("This constitution is not of your study.")})
    if answer not in Approval.Answer.values:
        raise ValidationError({"answer": _("Choose one of: %s.") % ", ".join(Approval.Answer.values)})
    if principle not in {told["id"] for told in version_body(version)["principles"]}:
        raise ValidationError({"principle": _("There is no principle %d in this version.") % principle})
    reason = clean_text(reason, field="reason", most=MOST_REASON).strip()
    with transaction.atomic():
        hold(participant)
        before = given_by(participant, version).get(principle)
        if before is not None and (before.answer, before.reason) == (answer, reason):
            return before
        return Approval.objects.create(
            version=version, participant=participant, principle=principle, answer=answer, reason=reason
        )


def given_by(participant: Participant, version: ConstitutionVersion) -> dict[int, Approval]:
    """Return a person's newest answer about each principle."""
    rows = Approval.objects.filter(participant=participant, version=version).order_by("id")
    return {row.principle: row for row in rows}


def forget(participant: Participant) -> None:
    """Delete what a person who takes everything back said of principles."""
    Approval.objects.filter(participant=participant).delete()


def ratification(version: ConstitutionVersion) -> dict[str, Any]:
    """Return how each stakeholder group stands to each principle: approvals among those who approve or disapprove, with a 95 %
    interval, and whether the principle is ratified. A group's figures move on when five more of it have answered (`settled`).

    `ratified` is true only if every group's approval reaches the threshold, false if one that is told of does not, and None where
    a group is too small to be told of: under five people who decided. Role, groups and threshold are those that stand in the
    published version, whatever the study is set to since.
    """
    study, body = version.constitution.study, version_body(version)
    if study is None:
        return {"role": "", "threshold": None, "by": "", "principles": []}
    standard = body.get("standard") or {"role": "", "stakeholders": "", "threshold": DEFAULT_THRESHOLD}
    groups = _groups(study, standard["stakeholders"])
    answers = _answers(version, study)
    told = []
    for principle in body["principles"]:
        said = answers.get(principle["id"], [])
        cells = {
            name: _cell(settled([(person, answer) for person, answer in said if person in people]))
            for name, people in groups.items()
        }
        _withhold(cells)
        shares = [cell["approval"] for cell in cells.values()]
        is_low = any(share is not None and share < standard["threshold"] for share in shares)
        is_open = any(share is None for share in shares)
        told.append(
            {
                "id": principle["id"],
                "text": principle["text"],
                "ratified": False if is_low else None if is_open or not shares else True,
                "groups": cells,
            }
        )
    return {
        "role": standard["role"],
        "threshold": standard["threshold"],
        "by": standard["stakeholders"] or EVERYONE,
        "principles": told,
    }


def _groups(study: Study, key: str) -> dict[str, set[int]]:
    """Return the stakeholder groups by name, as the numbers of their people: all as one where the study names no question."""
    people = dict(Participant.objects.counted(study).values_list("number", "demographics"))
    if not key:
        return {EVERYONE: set(people)}
    asked = next((field.choices for field in settings_of(study).demographics if field.key == key), [])
    names = list(dict.fromkeys([*asked, *names_of(study, key)]))
    return {name: {number for number, told in people.items() if told.get(key) == name} for name in names}


def _answers(version: ConstitutionVersion, study: Study) -> dict[int, list[tuple[int, str]]]:
    """Return by principle who answered what, in the order in which they did."""
    counted = Participant.objects.counted(study)
    rows = Approval.objects.filter(version=version, participant__in=counted).order_by("id")
    found: dict[int, list[tuple[int, str]]] = {}
    for principle, number, answer in rows.values_list("principle", "participant__number", "answer"):
        found.setdefault(principle, []).append((number, answer))
    return found


def settled(said: Iterable[tuple[int, str]]) -> list[str]:
    """Return people's answers as they stood when five of them had last said something new: figures that are read before and after
    an answer do not tell that answer, since they differ by five people's or not at all."""
    told: dict[int, str] = {}
    waiting: dict[int, str] = {}
    for person, answer in said:
        if waiting.get(person, told.get(person)) != answer:
            waiting[person] = answer
        if len(waiting) >= SMALLEST_CELL:
            told |= waiting
            waiting = {}
    return list(told.values())


def _cell(answers: list[str]) -> dict[str, Any]:
    counts = Counter(answers)
    decided = counts["approve"] + counts["disapprove"]
    return {
        "people": len(answers),
        "approve": counts["approve"],
        "disapprove": counts["disapprove"],
        "passed": counts["pass"],
        "approval": counts["approve"] / decided if decided >= SMALLEST_CELL else None,
        "ci": list(jeffreys(counts["approve"], decided)) if decided >= SMALLEST_CELL else None,
    }


def _withhold(cells: dict[str, dict[str, Any]]) -> None:
    """Take the figures out of cells of fewer than five who decided."""
    for cell in cells.values():
        if cell["approval"] is None:
            cell |= dict.fromkeys(("people", "approve", "disapprove", "passed"))
