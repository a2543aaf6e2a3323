import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from elicitation import deduplication
from elicitation.groups import keys_of, names_of, read_groups
from elicitation.models import CanonicalValue, Participant, Study
from graphs.building import body_of, build_graph
from graphs.counting import read_filters
from graphs.exports import export
from graphs.groups import side_by_side
from tests.graphs.conftest import cast
from tests.people import join

pytestmark = pytest.mark.django_db
Values = list[CanonicalValue]
Crowd = Callable[..., list[Participant]]


def compared(study: Study, *groups: str, **filters: Any) -> dict[str, Any]:
    return side_by_side(study, read_filters(study, **filters), read_groups(study, groups))


def arrow(found: dict[str, Any], source: int, target: int) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in found["arrows"] if (row["from"], row["to"]) == (source, target))
    return row


@pytest.fixture
def young_and_old(study: Study, values: Values, crowd: Crowd) -> Study:
    """Nine young and eight old people judge the first pair, seven and six the second; all tell their age."""
    for age, many in (("young", 9), ("old", 8)):
        people = crowd(many, values[0], values[1], demographics={"age": age})
        for number, person in enumerate(people[2:]):
            cast(person, values[0], values[2], "no_upgrade" if age == "old" or number < 2 else "upgrade")
    return study


def test_each_group_says_for_itself_what_it_finds(young_and_old: Study) -> None:
    found = compared(young_and_old, "age=young", "age=old")
    assert [side["wiser"] for side in arrow(found, 1, 2)["groups"]] == [9, 8]
    young, old = arrow(found, 1, 3)["groups"]
    assert (young["wiser"], young["decided"], young["share"]) == (5, 7, pytest.approx(5 / 7))
    assert (old["wiser"], old["decided"]) == (0, 6)
    assert young["interval"][0] < 5 / 7 < young["interval"][1]


def test_shared_ground_comes_first_and_then_contradictions(young_and_old: Study) -> None:
    found = compared(young_and_old, "age=young", "age=old")
    assert [row["verdict"] for row in found["arrows"]] == ["shared ground", "may be a contradiction"]
    assert found["counts"]["shared ground"] == found["counts"]["may be a contradiction"] == 1


def test_groups_come_in_the_order_in_which_they_are_named(young_and_old: Study) -> None:
    found = compared(young_and_old, "age=old", "age=young")
    assert [group["name"] for group in found["groups"]] == ["old", "young"]
    assert [side["wiser"] for side in arrow(found, 1, 2)["groups"]] == [8, 9]


def test_people_who_gave_no_answer_are_in_no_group_and_are_counted(
    young_and_old: Study, values: Values, crowd: Crowd
) -> None:
    crowd(6, values[0], values[1], "no_upgrade")
    found = compared(young_and_old, "age=young", "age=old")
    assert [side["decided"] for side in arrow(found, 1, 2)["groups"]] == [9, 8]
    assert (found["people"], found["in_no_group"], [g["people"] for g in found["groups"]]) == (23, 6, [9, 8])


def test_a_cell_of_few_is_withheld_and_another_with_it_that_would_tell_of_it(
    young_and_old: Study, values: Values, crowd: Crowd
) -> None:
    """Of 6 young and 3 old people the whole graph shows 9: both are withheld."""
    crowd(6, values[1], values[2], demographics={"age": "young"})
    crowd(3, values[1], values[2], demographics={"age": "old"})
    found = compared(young_and_old, "age=young", "age=old")
    row = arrow(found, 2, 3)
    assert (row["groups"], row["verdict"]) == ([None, None], "not enough evidence")
    assert found["cells_withheld"] == 2


def test_a_cell_is_told_or_withheld_whichever_groups_are_compared(
    young_and_old: Study, values: Values, crowd: Crowd
) -> None:
    """With three others, "young" and "old" and "middle" together would tell of them: the one with the most people is
    withheld in every comparison."""
    crowd(7, values[1], values[2], demographics={"age": "young"})
    crowd(6, values[1], values[2], demographics={"age": "old"})
    crowd(5, values[1], values[2], demographics={"age": "middle"})
    crowd(3, values[1], values[2])
    told: dict[str, set[int]] = {}
    for pair in (("young", "old"), ("old", "middle"), ("middle", "young")):
        found = compared(young_and_old, *(f"age={name}" for name in pair))
        for name, side in zip(pair, arrow(found, 2, 3)["groups"], strict=True):
            told.setdefault(name, set()).add(side["decided"] if side else 0)
    assert told == {"young": {0}, "old": {6}, "middle": {5}}


def test_how_many_people_a_group_has_is_withheld_where_it_would_tell_of_a_few_others(
    young_and_old: Study, values: Values, crowd: Crowd
) -> None:
    crowd(3, values[0], values[1])
    found = compared(young_and_old, "age=young", "age=old")
    assert ([g["people"] for g in found["groups"]], found["in_no_group"]) == ([None, 8], None)


def test_an_answer_that_does_not_decide_is_no_evidence(young_and_old: Study, values: Values, crowd: Crowd) -> None:
    crowd(6, values[1], values[2], "not_sure", demographics={"age": "young"})
    crowd(6, values[1], values[2], demographics={"age": "old"})
    assert [bool(side) for side in arrow(compared(young_and_old, "age=young", "age=old"), 2, 3)["groups"]] == [
        False,
        True,
    ]


def test_votes_follow_a_merge(young_and_old: Study, values: Values) -> None:
    deduplication.merge(young_and_old, values[1:])
    found = compared(young_and_old, "age=young", "age=old")
    assert {(row["from"], row["to"]) for row in found["arrows"]} == {(1, 2)}


def test_a_situation_and_a_moment_limit_what_is_compared(young_and_old: Study) -> None:
    here = young_and_old.contexts.get(number=1).text
    assert compared(young_and_old, "age=young", "age=old", context=here)["people"] == 17
    elsewhere = young_and_old.contexts.get(number=2).text
    with pytest.raises(ValidationError, match="no vote to count"):
        compared(young_and_old, "age=young", "age=old", context=elsewhere)


def test_a_group_of_which_few_voted_is_refused(young_and_old: Study, values: Values, crowd: Crowd) -> None:
    crowd(4, values[0], values[1], demographics={"age": "middle"})
    for _ in range(2):
        Participant.objects.filter(id=join(young_and_old).id).update(demographics={"age": "middle"})
    with pytest.raises(ValidationError, match=r"Fewer than 5 people of these groups voted here, .* middle"):
        compared(young_and_old, "age=young", "age=middle")


# which groups there are


def test_without_names_the_first_question_with_two_groups_is_taken(young_and_old: Study) -> None:
    assert read_groups(young_and_old)[:2] == ("age", ["old", "young"])


def test_groups_come_in_the_studys_order(young_and_old: Study) -> None:
    field = {"key": "age", "label": "Age", "choices": ["young", "middle", "old"]}
    Study.objects.filter(id=young_and_old.id).update(settings={"demographics": [field]})
    young_and_old.refresh_from_db()
    assert keys_of(young_and_old) == ["age"] and names_of(young_and_old, "age") == ["young", "old"]


def test_an_empty_answer_is_none(young_and_old: Study, values: Values, crowd: Crowd) -> None:
    crowd(6, values[0], values[1], demographics={"age": ""})
    assert names_of(young_and_old, "age") == ["old", "young"]
    assert len(read_groups(young_and_old).group_of) == 17


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        (("age=young",), "Name two to 5 groups of one key. Those of age of five people or more are: old, young"),
        (("age=young", "age=young"), "named twice"),
        (("age=young", "age=ancient"), "no group 'age=ancient' of five people or more"),
        (("age=young", "age=lone"), "no group 'age=lone' of five people or more"),
        (("age=young", "place=hills"), "Only groups of one key"),
        (("sign=lion", "sign=fish"), "The keys of these people are: age"),
        (("age", "young"), "Only groups of one key|no group"),
    ],
)
def test_groups_that_cannot_be_compared_are_named(
    young_and_old: Study, values: Values, crowd: Crowd, groups: tuple[str, ...], told: str
) -> None:
    crowd(1, values[0], values[1], demographics={"age": "lone"})
    with pytest.raises(ValidationError, match=told) as bad:
        read_groups(young_and_old, groups)
    assert list(bad.value.message_dict) == ["groups"]


def test_a_study_that_asks_nothing_about_people_has_no_groups(study: Study, values: Values, crowd: Crowd) -> None:
    crowd(6, values[0], values[1])
    with pytest.raises(ValidationError, match="Nobody told anything about themselves"):
        read_groups(study)


def test_simulated_people_and_those_who_left_are_in_no_group(young_and_old: Study) -> None:
    Participant.objects.filter(demographics={"age": "old"}).update(is_simulated=True)
    assert names_of(young_and_old, "age") == ["young"]


# graphs in which groups count the same


def test_a_balanced_graph_tells_of_each_group_beside_each_arrow(young_and_old: Study) -> None:
    body = body_of(build_graph(young_and_old, balance="age"))
    edge = next(edge for edge in body["edges"] if (edge["from"], edge["to"]) == (1, 2))
    assert edge["groups"]["young"]["decided"] == 9 and edge["groups"]["old"]["wiser"] == 8
    assert edge["balanced_share"] == 1
    assert (body["rules"]["balance"], body["rules"]["groups"]) == ("age", ["old", "young"])


def test_what_may_not_be_told_of_a_group_is_null_beside_the_arrow(
    young_and_old: Study, values: Values, crowd: Crowd
) -> None:
    crowd(6, values[1], values[2], demographics={"age": "young"})
    crowd(3, values[1], values[2], demographics={"age": "old"})
    body = body_of(build_graph(young_and_old, balance="age"))
    edge = next(edge for edge in [*body["edges"], *body["dropped"]] if (edge["from"], edge["to"]) == (2, 3))
    assert (edge["groups"], edge["balanced_share"]) == ({"young": None, "old": None}, None)
    assert edge["weight"] == edge["share"] == 1
    assert body["counts"]["cells_withheld"] == 2


def test_a_balanced_graph_is_another_than_the_plain_one_and_the_same_bytes_each_time(young_and_old: Study) -> None:
    balanced, plain = build_graph(young_and_old, balance="age"), build_graph(young_and_old)
    assert balanced.sha256 != plain.sha256
    assert "groups" not in body_of(plain)["edges"][0] and "balance" not in plain.rules
    assert build_graph(young_and_old, balance="age") == balanced


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"balance": "sign"}, "The keys of these people are: age"),
        ({"balance": "age", "mode": "mge-2023"}, "Only a robust graph of everyone"),
        ({"balance": "age", "group": "age=young"}, "Only a robust graph of everyone"),
        ({"balance": "place"}, "fewer than two groups"),
    ],
)
def test_what_cannot_be_balanced_is_refused(
    young_and_old: Study, values: Values, crowd: Crowd, options: dict[str, Any], told: str
) -> None:
    if options["balance"] == "place":
        crowd(6, values[0], values[1], demographics={"place": "hills"})
    with pytest.raises(ValidationError, match=told) as bad:
        build_graph(young_and_old, **options)
    assert list(bad.value.message_dict) == ["balance"]


def test_tables_and_other_forms_tell_of_each_group_too(young_and_old: Study) -> None:
    snapshot = build_graph(young_and_old, balance="age")
    header, first = list(csv.reader(io.StringIO(export(snapshot, "csv"))))[:2]
    row = dict(zip(header, first, strict=True))
    assert (row["balanced_share"], row["wiser of young"], row["decided of old"]) == ("1", "9", "8")
    assert "share of young" in export(snapshot, "graphml")
    assert json.loads(export(snapshot, "node-link"))["edges"][0]["groups"]["old"]["decided"] == 8
    assert export(snapshot, "mge") and export(build_graph(young_and_old), "csv")
