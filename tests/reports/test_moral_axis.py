"""The report of the moral axis: places with intervals where there is an axis, and "no axis" where there is none."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from elicitation import facets
from elicitation.models import CanonicalValue, Study
from reports.running import body_of, run_report
from tests.people import value_in

pytestmark = pytest.mark.django_db

THINGS = "promise secret word confidence bargain deal oath pact vow trust bond treaty".split()
GOOD = [f"keeping faith, honestly, with a {thing}" for thing in THINGS]
BAD = [f"breaking dishonestly any {thing}" for thing in THINGS]
MIXED = [f"{verb} a {thing}" for verb in ("seeing", "having") for thing in THINGS]


def told(study: Study, **params: Any) -> dict[str, Any]:
    result: dict[str, Any] = body_of(run_report("moral_axis", study=study, params=params))["result"]
    return result


@pytest.fixture
def values(study: Study) -> list[CanonicalValue]:
    texts = ("keeping faith honestly", "breaking dishonestly", "RIVERS and fish")
    return [value_in(study, title=text, policies=[text]) for text in texts]


def test_values_fall_where_their_words_stand(study: Study, values: list[CanonicalValue]) -> None:
    found = told(study, approved=GOOD, rejected=BAD)
    assert found["has_axis"] and found["held_out"]["r"] > 0.9 and found["held_out"]["p"] < 0.05
    assert [row["number"] for row in found["values"]] == [1, 2]
    assert found["not_placed"] == 1, "the third shares no word with the actions"
    first, last = found["values"][0], found["values"][-1]
    assert first["interval"][0] > 0 > last["interval"][1]
    assert first["interval"][0] <= first["place"] <= first["interval"][1]
    assert "no language model" in found["features"] and "never of a person" in found["about"]


def test_where_words_tell_nothing_there_is_no_axis_and_nothing_is_placed(
    study: Study, values: list[CanonicalValue]
) -> None:
    found = told(study, approved=MIXED[::2], rejected=MIXED[1::2])
    assert not found["has_axis"] and found["values"] == [] and "chance" in found["why_not"]
    assert found["held_out"]["p"] > 0.05


def test_the_studys_own_marked_actions_make_the_axis(study: Study, values: list[CanonicalValue]) -> None:
    for actions, judgement in ((GOOD, 2), (BAD, -1), (["waiting"], 0)):
        for action in actions:
            facets.add_norm(values[2], labels={"action": action, "judgement": judgement})
    facets.add_norm(values[2], labels={"action": "a bad row", "judgement": 1, "bad": 1})
    facets.decide(facets.add_norm(values[2], labels={"action": "not seen", "judgement": 1}), "proposed", None)
    found = told(study)
    assert (found["source"], found["approved"], found["rejected"]) == ("norms", len(GOOD), len(BAD))
    assert found["values"] == told(study, approved=GOOD, rejected=BAD)["values"]


def test_too_few_actions_make_no_axis(study: Study, values: list[CanonicalValue]) -> None:
    found = told(study)
    assert not found["has_axis"] and "fewer than 5" in found["why_not"] and found["held_out"] is None
    assert not told(study, approved=["?"] * 5, rejected=["!"] * 5)["has_axis"]


def test_the_axes_of_two_groups_are_compared_by_their_angle(study: Study, values: list[CanonicalValue]) -> None:
    same = told(study, approved=GOOD, rejected=BAD, other_approved=GOOD, other_rejected=BAD)["other"]
    turned = told(study, approved=GOOD, rejected=BAD, other_approved=BAD, other_rejected=GOOD)["other"]
    assert same["angle"]["degrees"] == pytest.approx(0, abs=1e-3)
    assert turned["angle"]["degrees"] == pytest.approx(180, abs=1e-3)
    assert same["angle"]["degrees"] <= same["angle"]["by_chance"] < turned["angle"]["interval"][0]
    no_axis = told(study, approved=GOOD, rejected=BAD, other_approved=MIXED[::2], other_rejected=MIXED[1::2])["other"]
    assert no_axis["angle"] is None and not no_axis["has_axis"]


def test_the_order_of_the_actions_does_not_matter(study: Study, values: list[CanonicalValue]) -> None:
    assert told(study, approved=GOOD, rejected=BAD) == told(study, approved=GOOD[::-1], rejected=BAD[::-1])


@pytest.mark.parametrize(
    "params",
    [{"approved": GOOD}, {"approved": GOOD, "rejected": BAD, "other_rejected": BAD}, {"approved": ["a\0"], "rejected": BAD},
     {"approved": [""], "rejected": BAD}, {"seed": -1}],
)  # fmt: skip
def test_what_can_not_be_used_is_told(study: Study, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as bad:
        run_report("moral_axis", study=study, params=params)
    assert list(bad.value.message_dict) == ["params"]


def test_a_study_without_values_has_none_to_place(study: Study) -> None:
    found = told(study, approved=GOOD, rejected=BAD)
    assert found["has_axis"] and found["values"] == []
