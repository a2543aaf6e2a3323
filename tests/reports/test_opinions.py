"""What people think of values as a table, and the groups by which it may be told."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from elicitation.models import (
    CanonicalValue,
    Context,
    DeduplicationRun,
    Draw,
    Exposure,
    Participant,
    Study,
    ValueProjection,
)
from reports.algorithms.opinion_groups import GroupRules, find_groups
from reports.opinions import Opinions, groups_of, opinions_of
from tests.graphs.conftest import cast
from tests.people import join, value_in
from tests.reports.conftest import endorse, people_of

pytestmark = pytest.mark.django_db


def table(opinions: Opinions) -> dict[tuple[int, str], int]:
    found = opinions.answers
    return {
        (opinions.people[person], opinions.items[item].id): answer
        for person, item, answer in zip(found.person.tolist(), found.item.tolist(), found.answer.tolist(), strict=True)
    }


def test_the_groups_of_a_source_are_not_always_those_of_a_cold_start(polis: Callable[[str], Study]) -> None:
    alike = {}
    for name in ("brexit-consensus", "bg2050-volunteers"):
        study = polis(name)
        opinions = opinions_of(study)
        found = find_groups(opinions.answers, rules=GroupRules(resamples=0, shuffles=0))
        theirs = groups_of(study, "group", 0).labels(opinions.people)
        both = (theirs >= 0) & found.placed
        alike[name] = adjusted_rand_score(theirs[both], found.labels[both])
    assert alike == pytest.approx({"brexit-consensus": 0.64, "bg2050-volunteers": 0.35}, abs=0.02)


@pytest.fixture
def value(study: Study) -> CanonicalValue:
    return value_in(study, title="Care", number=7)


def test_agree_disagree_and_pass_are_1_minus_1_and_0_and_the_newest_answer_counts(
    study: Study, value: CanonicalValue
) -> None:
    first, second, third = (join(study) for _ in range(3))
    for person, answer in ((first, "agree"), (second, "disagree"), (third, "agree"), (third, "pass")):
        endorse(person, value, answer)
    assert table(opinions_of(study)) == {(1, "7"): 1, (2, "7"): -1, (3, "7"): 0}


def test_what_was_shown_in_a_draw_and_not_picked_is_passed(study: Study, value: CanonicalValue) -> None:
    person, other = join(study), value_in(study, number=8)
    draw = Draw.objects.create(participant=person, kind=Draw.Kind.PICKS)
    for place, shown in enumerate((value, other)):
        Exposure.objects.create(draw=draw, position=place, value=shown)
    assert table(opinions_of(study)) == {}  # looked at, and not answered yet
    draw.endorsements.create(participant=person, value=value, answer="agree")
    assert table(opinions_of(study)) == {(1, "7"): 1, (1, "8"): 0}


def test_a_story_is_the_statement_that_the_second_value_is_wiser_in_this_context(
    study: Study, value: CanonicalValue, context: Context
) -> None:
    other, people = value_in(study, number=9), [join(study) for _ in range(3)]
    for person, answer in zip(people, ("upgrade", "no_upgrade", "it_depends"), strict=True):
        cast(person, value, other, answer, context=context)
    opinions = opinions_of(study)
    assert table(opinions) == {(1, "7-9/1"): 1, (2, "7-9/1"): -1, (3, "7-9/1"): 0}
    assert opinions.items[0].context == context.text
    assert table(opinions_of(study, stories=False)) == {}


def test_archived_values_count_only_where_they_are_asked_for(study: Study, value: CanonicalValue) -> None:
    endorse(join(study), value, "agree")
    CanonicalValue.objects.update(is_archived=True)
    assert table(opinions_of(study)) == {}
    assert table(opinions_of(study, archived=True)) == {(1, "7"): 1}


def test_who_withdrew_or_only_tried_the_study_is_not_in_it(study: Study, value: CanonicalValue) -> None:
    people = [join(study) for _ in range(3)]
    for person in people:
        endorse(person, value, "agree")
    Participant.objects.filter(id=people[0].id).update(is_preview=True)
    Participant.objects.filter(id=people[1].id).update(is_simulated=True)
    assert opinions_of(study).people == [3]


def test_answers_about_merged_values_are_about_the_one_they_became(study: Study, value: CanonicalValue) -> None:
    twin, person = value_in(study, number=9), join(study)
    run = DeduplicationRun.objects.create(study=study, number=1, method="facilitator", is_active=True)
    ValueProjection.objects.create(run=run, value=twin, target=value)
    endorse(person, value, "agree")
    endorse(person, twin, "disagree")
    cast(person, value, twin)
    assert table(opinions_of(study)) == {(1, "7"): -1}


# groups


def test_groups_by_demographics_are_those_of_five_people_or_more_the_largest_first(study: Study) -> None:
    for many, place in ((5, "hills"), (7, "coast"), (4, "moor")):
        people_of(study, many, place=place)
    found = groups_of(study, "place", 0)
    assert (found.by, found.names, [len(m) for m in found.members]) == ("place", ["coast", "hills"], [7, 5])
    assert found.labels([1, 6, 13]).tolist() == [1, 0, -1]


def test_an_unknown_key_is_named_with_those_that_there_are(study: Study) -> None:
    people_of(study, 5, place="hills")
    with pytest.raises(LookupError, match="place"):
        groups_of(study, "age", 0)


def test_a_key_without_a_group_of_five_is_refused(study: Study) -> None:
    people_of(study, 4, place="hills")
    with pytest.raises(ValueError, match="5 people"):
        groups_of(study, "place", 0)


def test_without_a_key_the_groups_of_the_import_come_first(study: Study) -> None:
    people_of(study, 5, group="0", place="hills")
    assert groups_of(study, "", 0).by == "group"


def test_else_they_are_found_in_the_answers(study: Study, two_camps: np.ndarray) -> None:
    found = groups_of(study, "", 0)
    assert (found.by, found.names) == ("answers", ["A", "B"])
    first = {1001 + n for n, camp in enumerate(two_camps) if camp == two_camps[min(found.members[0]) - 1001]}
    assert found.members[0] == first


def test_and_where_there_are_no_clear_ones_everyone_is_one_group(
    study: Study, value: CanonicalValue, think: Callable[..., None]
) -> None:
    think(join(study), value, "agree")
    found = groups_of(study, "", 0)
    assert (found.by, found.members, len(found.reasons)) == ("everyone", [{1}], 1)
