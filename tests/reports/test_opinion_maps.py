"""Opinion groups and the map of values as reports: what is told, what is not, and that it is the same every time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from elicitation.models import Study
from reports.running import body_of, run_report
from tests.people import value_in
from tests.reports.conftest import endorse, people_of

pytestmark = pytest.mark.django_db


def made(kind: str, study: Study, **params: Any) -> dict[str, Any]:
    result: dict[str, Any] = body_of(run_report(kind, study=study, params=params))["result"]
    return result


# opinion groups


def test_two_camps_are_told_with_sizes_stability_and_what_sets_them_apart(study: Study, two_camps: np.ndarray) -> None:
    told = made("opinion_groups", study)
    sizes = sorted(np.bincount(two_camps).tolist(), reverse=True)
    assert told["is_clear"] and [(g["name"], g["people"]) for g in told["groups"]] == list(
        zip("AB", sizes, strict=True)
    )
    assert told["stability"] > 0.9 and told["silhouette"] > told["chance_silhouette"]
    assert told["rules"]["least_silhouette"] == 0.1 and told["rules"]["least_stability"] == 0.5
    assert all(group["items"] and all(row["q"] <= 0.05 for row in group["items"]) for group in told["representative"])


def test_noise_is_told_as_no_clear_groups_and_no_group_is_described(study: Study) -> None:
    rng, people = np.random.default_rng(0), people_of(study, 40)
    for value in [value_in(study, title=str(n)) for n in range(12)]:
        for person in people:
            endorse(person, value, "agree" if rng.random() < 0.5 else "disagree")
    told = made("opinion_groups", study)
    assert not told["is_clear"] and told["reasons"]
    assert (told["groups"], told["representative"], told["divisive"]) == ([], [], [])
    assert {spot["group"] for spot in told["map"]["people"]} == {None}


def test_people_are_on_the_map_only_in_fives_and_without_exact_numbers(study: Study, two_camps: np.ndarray) -> None:
    told = made("opinion_groups", study)["map"]
    assert told["people"] and {spot["at_least"] for spot in told["people"]} <= {5, 10, 20, 50}
    assert sum(spot["at_least"] for spot in told["people"]) <= 60
    assert all(-1 <= spot[axis] <= 1 for spot in told["items"] + told["people"] for axis in "xy")


def test_a_value_that_fewer_than_five_people_saw_is_not_on_the_map(study: Study, two_camps: np.ndarray) -> None:
    rare = value_in(study, title="Rare")
    for person in people_of(study, 4):
        endorse(person, rare, "agree")
    assert "Rare" not in {item["text"] for item in made("opinion_groups", study)["map"]["items"]}


@pytest.mark.parametrize("kind", ["opinion_groups", "value_map"])
def test_the_same_answers_and_seed_give_the_same_bytes(study: Study, two_camps: np.ndarray, kind: str) -> None:
    first, again = (run_report(kind, study=study, params={"seed": 3}) for _ in range(2))
    assert first.body == again.body


def test_brexit_has_groups_whose_stability_is_told(polis: Callable[[str], Study]) -> None:
    told = made("opinion_groups", polis("brexit-consensus"))
    assert [group["people"] for group in told["groups"]] == [94, 60, 35]
    assert 0.5 < told["stability"] < 0.75 and told["stability_interval"][0] < 0.5


def test_bowling_green_has_none_since_other_people_would_make_others(polis: Callable[[str], Study]) -> None:
    told = made("opinion_groups", polis("bg2050-volunteers"))
    assert (told["is_clear"], told["reasons"]) == (False, ["other people would make other groups"])
    assert told["stability"] < 0.5


def test_the_trial_has_none_since_shuffled_answers_look_as_clear(trial_study: Study) -> None:
    told = made("opinion_groups", trial_study)
    assert (told["is_clear"], told["reasons"]) == (False, ["shuffled answers make groups as clear"])
    assert told["stability"] > 0.5  # who was asked what would pass for groups
    assert (told["items"]["values"], told["items"]["stories"]) == (94, 158)


# the map of values


def test_two_camps_are_foretold_and_split(study: Study, two_camps: np.ndarray) -> None:
    told = made("value_map", study)
    assert told["foretold"]["area"] > 0.8 and told["foretold"]["beta"] > 0
    assert told["foretold"]["interval"][0] < told["foretold"]["area"] < told["foretold"]["interval"][1]
    assert abs(told["foretold"]["shuffled_area"] - 0.5) < 0.06
    assert told["split"]["is_split"] and len(told["camps"]) == 2
    assert told["other_pole"] == "disagree"


def test_where_people_only_pick_not_picking_is_the_other_side(study: Study) -> None:
    people, values = people_of(study, 12), [value_in(study, title=str(n)) for n in range(4)]
    for place, person in enumerate(people):
        for number, value in enumerate(values):
            endorse(person, value, "agree" if (place + number) % 2 else "pass")
    told = made("value_map", study)
    assert (told["other_pole"], told["answers"], told["values"]) == ("not picked", 48, [])


def test_a_value_is_told_as_held_crosswise_only_of_five_people_or_more(study: Study, two_camps: np.ndarray) -> None:
    told = made("value_map", study)["values"]
    assert told and all(row["judged"] >= 5 and (row["others"] == 0 or row["others"] >= 5) for row in told)
    assert [row["share"] for row in told] == sorted((row["share"] for row in told), reverse=True)


def test_under_ten_people_there_is_no_map(study: Study) -> None:
    value = value_in(study)
    for person in people_of(study, 9):
        endorse(person, value, "agree")
    told = made("value_map", study)
    assert (told["people"], told["map"], told["foretold"], told["values"]) == (9, None, None, [])


def test_no_person_is_named_in_either(study: Study, two_camps: np.ndarray) -> None:
    for kind in ("opinion_groups", "value_map"):
        assert "camp-10" not in run_report(kind, study=study).body


def test_brexit_is_foretold_better_with_the_map_than_by_popularity(polis: Callable[[str], Study]) -> None:
    told = made("value_map", polis("brexit-consensus"))["foretold"]
    assert told["both_area"] > told["majority_area"] + 0.01 and told["area"] > 0.75 and told["adds"]


def test_the_trial_is_not(trial_study: Study) -> None:
    told = made("value_map", trial_study)["foretold"]
    assert abs(told["both_area"] - told["majority_area"]) < 0.01 and told["area"] < 0.6 and not told["adds"]
