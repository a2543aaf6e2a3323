from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from elicitation.models import Participant, Study
from reports.running import body_of, run_report
from tests.people import card_of, join

pytestmark = pytest.mark.django_db


def funnel(study: Study, **params: str) -> dict[str, Any]:
    result: dict[str, Any] = body_of(run_report("funnel", study=study, params=params))["result"]
    return result


def people_at(told: dict[str, Any], step: str) -> int | None:
    people: int | None = next(s["people"] for s in told["steps"] if s["step"] == step)
    return people


@pytest.fixture
def crowd(study: Study) -> list[Participant]:
    """Twelve people: seven from the coast, of whom six have a card, and five from the hills, all with a card."""
    people = [join(study) for _ in range(12)]
    for n, person in enumerate(people):
        person.demographics = {"place": "coast" if n < 7 else "hills"}
        person.save(update_fields=["demographics"])
        if n:
            card_of(person)
    return people


def test_each_step_has_its_count_share_and_interval(study: Study, crowd: list[Participant]) -> None:
    told = funnel(study)
    assert told["people"] == people_at(told, "agreed") == 12
    step = next(s for s in told["steps"] if s["step"] == "confirmed a card")
    assert (step["people"], step["share"]) == (11, pytest.approx(11 / 12))
    assert step["interval"][0] < step["share"] < step["interval"][1]


def test_the_median_time_needs_five_who_finished(study: Study, crowd: list[Participant]) -> None:
    now = timezone.now()
    for person in crowd[:4]:
        Participant.objects.filter(id=person.id).update(joined_at=now, finished_at=now + timedelta(minutes=9))
    assert (funnel(study)["minutes"]["n"], funnel(study)["minutes"]["median"]) == (4, None)
    Participant.objects.filter(id=crowd[4].id).update(joined_at=now, finished_at=now + timedelta(minutes=9))
    assert funnel(study)["minutes"]["median"] == 9


def test_a_study_without_people_has_no_shares(study: Study) -> None:
    assert {step["share"] for step in funnel(study)["steps"]} == {None}


def test_simulated_and_preview_people_do_not_count(study: Study, crowd: list[Participant]) -> None:
    Participant.objects.filter(id=crowd[0].id).update(is_simulated=True)
    Participant.objects.filter(id=crowd[1].id).update(is_preview=True)
    assert funnel(study)["people"] == 10


def test_a_simulated_study_counts_its_simulated_people_and_says_so(study: Study, crowd: list[Participant]) -> None:
    study.is_simulated = True
    study.save(update_fields=["is_simulated"])
    study.participants.update(is_simulated=True)
    told = funnel(study)
    assert (told["people"], told["is_simulated"]) == (12, True)


def test_a_group_is_told_apart(study: Study, crowd: list[Participant]) -> None:
    told = funnel(study, group="place=hills")
    assert (told["people"], people_at(told, "agreed"), told["opened"]) == (5, 5, None)


def test_a_step_that_would_point_at_fewer_than_five_people_of_a_group_is_withheld(
    study: Study, crowd: list[Participant]
) -> None:
    step = next(s for s in funnel(study, group="place=coast")["steps"] if s["step"] == "confirmed a card")
    assert (step["people"], step["share"], step["withheld"]) == (None, None, "fewer than 5 people")


@pytest.mark.parametrize("group", ["place=moon", "place", "age=20"])
def test_a_group_that_is_unknown_or_small_is_refused(study: Study, crowd: list[Participant], group: str) -> None:
    with pytest.raises(ValidationError, match=r"fewer than 5|KEY=VALUE"):
        funnel(study, group=group)


def test_a_group_of_all_but_a_few_is_refused(study: Study, crowd: list[Participant]) -> None:
    for person in crowd[9:]:
        person.demographics = {"place": "coast"}
        person.save(update_fields=["demographics"])
    with pytest.raises(ValidationError, match="fewer than 5"):
        funnel(study, group="place=coast")


def from_the_coast(study: Study, many: int) -> list[Participant]:
    people = [join(study) for _ in range(many)]
    Participant.objects.filter(id__in=[p.id for p in people]).update(demographics={"place": "coast"})
    return people


def test_steps_that_differ_by_fewer_than_five_people_of_a_group_are_not_both_told(study: Study) -> None:
    people = from_the_coast(study, 12)
    for _ in range(6):
        join(study)
    for person in people[:6]:
        card_of(person)
    Participant.objects.filter(id__in=[p.id for p in people[:5]]).update(finished_at=timezone.now())
    told = funnel(study, group="place=coast")
    assert (people_at(told, "confirmed a card"), people_at(told, "finished")) == (6, None)
    assert told["minutes"] == {"n": None, "median": None, "p10": None, "p90": None}


def test_a_step_that_fewer_than_five_others_took_is_withheld_too(study: Study) -> None:
    people = from_the_coast(study, 6)
    others = [join(study) for _ in range(9)]
    for person in [*people, *others[:2]]:
        card_of(person)
    assert people_at(funnel(study, group="place=coast"), "confirmed a card") is None


def test_what_imported_files_do_not_tell_is_not_told_as_nobody(study: Study, crowd: list[Participant]) -> None:
    Study.objects.filter(id=study.id).update(source_sha256="0" * 64)
    study.refresh_from_db()
    told = funnel(study)
    finished = told["steps"][-1]
    assert (finished["people"], finished["share"], finished["withheld"]) == (None, None, "not in the imported files")
    assert (people_at(told, "confirmed a card"), told["opened"]) == (11, None)
