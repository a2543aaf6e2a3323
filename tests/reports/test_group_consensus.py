"""Consensus across groups: the published figures, and no cell of fewer than five people."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from elicitation.models import Participant, Study
from reports.running import body_of, run_report
from tests.people import value_in
from tests.reports.conftest import endorse, people_of

pytestmark = pytest.mark.django_db


def consensus(study: Study, **params: Any) -> dict[str, Any]:
    result: dict[str, Any] = body_of(run_report("group_consensus", study=study, params=params))["result"]
    return result


def seen_by(study: Study, groups: dict[str, list[str]], value_title: str = "Care") -> None:
    """Let people of each group give these answers about a value."""
    value = study.values.filter(title=value_title).first() or value_in(study, title=value_title)
    for place, answers in groups.items():
        people = list(Participant.objects.filter(study=study, demographics={"place": place}))
        people += people_of(study, max(0, len(answers) - len(people)), place=place)
        for person, answer in zip(people, answers, strict=False):
            endorse(person, value, answer)


def test_all_371_published_scores_are_reproduced(
    polis: Callable[[str], Study], published_consensus: dict[str, float]
) -> None:
    told = consensus(polis("bg2050-volunteers"))
    found = {item["id"]: item["consensus_agree"] for item in told["items"]}
    assert found == pytest.approx(published_consensus, abs=1e-9) and len(found) == 371
    assert [group["people"] for group in told["groups"]] == [100, 8]


def test_what_one_to_four_people_of_a_published_group_said_is_not_told_beside_its_score(
    polis: Callable[[str], Study],
) -> None:
    told = consensus(polis("bg2050-volunteers"))
    small = [item for item in told["items"] if item["counts"] is None]
    assert len(small) == told["withheld"] == 126
    assert all(item["smallest_seen"] is None for item in small)
    shown = [cell["seen"] for item in told["items"] if item["counts"] for cell in item["counts"]]
    assert all(seen == 0 or seen >= 5 for seen in shown)


def test_the_standard_mode_ranks_without_falling_with_the_number_of_groups(polis: Callable[[str], Study]) -> None:
    study = polis("brexit-consensus")
    best = {mode: consensus(study, mode=mode)["items"][0] for mode in ("polis", "standard")}
    assert best["polis"]["id"] == best["standard"]["id"] == "14"
    assert best["polis"]["consensus_agree"] == pytest.approx(86 / 91 * 72 / 80)
    p, q = (85.5 / 90, 71.5 / 79), (1.5 / 90, 3.5 / 79)
    assert best["standard"]["consensus_agree"] == pytest.approx((p[0] * (1 - q[0]) * p[1] * (1 - q[1])) ** 0.5)


def test_counts_and_score_of_a_value_that_all_groups_saw_are_told(study: Study) -> None:
    seen_by(study, {"coast": ["agree"] * 5 + ["pass"], "hills": ["agree"] * 4 + ["disagree"]})
    (item,) = consensus(study, groups="place")["items"]
    assert item["consensus_agree"] == pytest.approx(6 / 8 * 5 / 7)
    assert [(c["agree"], c["disagree"], c["pass"], c["seen"]) for c in item["counts"]] == [(5, 0, 1, 6), (4, 1, 0, 5)]
    assert (item["is_enough"], item["smallest_seen"]) == (True, 5)


def test_what_all_agree_with_and_what_all_disagree_with_are_told_apart(study: Study) -> None:
    seen_by(study, {"coast": ["agree"] * 6, "hills": ["agree"] * 5})
    seen_by(study, {"coast": ["disagree"] * 6, "hills": ["disagree"] * 5}, "Rest")
    told = consensus(study, groups="place")
    assert [[item["text"] for item in told[name]] for name in ("shared", "refused")] == [["Care"], ["Rest"]]


def test_a_value_that_one_to_four_people_of_a_group_saw_has_neither_score_nor_counts(study: Study) -> None:
    seen_by(study, {"coast": ["agree"] * 9, "hills": ["agree"] * 5})
    seen_by(study, {"coast": ["agree"] * 9, "hills": ["agree"] * 4}, "Rest")
    told = {item["text"]: item for item in consensus(study, groups="place")["items"]}
    assert told["Care"]["counts"] is not None
    assert (told["Rest"]["counts"], told["Rest"]["consensus_agree"], told["Rest"]["is_enough"]) == (None, None, False)


def test_nor_has_one_that_one_to_four_people_outside_the_groups_saw(study: Study) -> None:
    seen_by(study, {"coast": ["agree"] * 9, "hills": ["agree"] * 5, "moor": ["agree"] * 3})
    (item,) = consensus(study, groups="place")["items"]
    assert (item["counts"], item["consensus_agree"]) == (None, None)


def test_sizes_of_groups_that_leave_one_to_four_people_are_not_told(study: Study) -> None:
    people_of(study, 6, place="coast")
    people_of(study, 3, place="moor")
    assert consensus(study, groups="place")["groups"] == [{"name": "coast", "people": None}]


def test_a_value_that_one_group_alone_agrees_with_is_told_as_representing_it(study: Study) -> None:
    seen_by(study, {"coast": ["agree"] * 20, "hills": ["disagree"] * 20})
    told = consensus(study, groups="place")
    found = {row["group"]: [(i["text"], i["answer"]) for i in row["items"]] for row in told["representative"]}
    assert found == {"coast": [("Care", "agree")], "hills": [("Care", "disagree")]}
    assert told["divisive"][0]["variance"] == pytest.approx(1)


@pytest.mark.parametrize("params", [{"groups": "moon"}, {"mode": "median"}, {"seed": -1}, {"colour": "red"}])
def test_a_parameter_that_is_wrong_is_named(study: Study, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as bad:
        consensus(study, **params)
    assert list(bad.value.message_dict) == ["params"]


def test_the_same_answers_give_the_same_bytes(study: Study) -> None:
    seen_by(study, {"coast": ["agree"] * 6, "hills": ["disagree"] * 5})
    first, again = (run_report("group_consensus", study=study, params={"groups": "place"}) for _ in range(2))
    assert first.body == again.body


def test_the_trial_is_told_by_party(trial_study: Study) -> None:
    told = consensus(trial_study, groups="us_political_affiliation")
    assert {group["name"] for group in told["groups"]} == {"Independent", "Democrat", "Republican"}
    assert all(cell["seen"] == 0 or cell["seen"] >= 5 for i in told["items"] for cell in i["counts"] or [])


def test_who_withdrew_no_longer_counts(study: Study) -> None:
    seen_by(study, {"coast": ["agree"] * 7})
    Participant.objects.filter(number=1).update(withdrawn_at="2026-01-01T00:00:00Z")
    assert consensus(study, groups="place")["items"][0]["counts"][0]["seen"] == 6
