from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from elicitation.models import CanonicalValue, Endorsement, Participant, Study
from tests.graphs.conftest import cast
from tests.people import join, value_in
from tests.reports.conftest import ResultOf

pytestmark = pytest.mark.django_db
Judged = Callable[..., list[Participant]]


@pytest.fixture
def values(study: Study) -> list[CanonicalValue]:
    return [value_in(study, title=title) for title in ("Keeping safe", "Staying free", "Letting go together")]


@pytest.fixture
def judged(study: Study) -> Judged:
    """Make people of a party who picked a value (or none) and judge a story: `judged(6, "left", picked, first, second)`."""

    def make(
        many: int,
        party: str,
        picked: CanonicalValue | None,
        first: CanonicalValue,
        second: CanonicalValue,
        answer: str = "upgrade",
    ) -> list[Participant]:
        people = [join(study) for _ in range(many)]
        for person in people:
            Participant.objects.filter(id=person.id).update(demographics={"party": party} if party else {})
            if picked:
                Endorsement.objects.create(participant=person, value=picked, answer="agree")
            cast(person, first, second, answer)
        return people

    return make


def test_the_trials_published_query_gives_22_rows_and_13_when_the_answer_counts(
    trial_study: Study, result_of: ResultOf
) -> None:
    found = result_of("bridging", trial_study)
    assert (found["key"], found["groups"]) == ("us_political_affiliation", ["Democrat", "Republican"])
    published, mended = found["totals"]["published_query"], found["totals"]["both_say_wiser"]
    assert (published["rows"], published["people"], published["combinations"]) == (22, [7, 11], 6)
    assert (mended["rows"], mended["combinations"]) == (13, 5)


def test_every_single_cell_of_the_trials_query_is_withheld(trial_study: Study, result_of: ResultOf) -> None:
    found = result_of("bridging", trial_study)
    totals = found["totals"]["published_query"]
    assert totals["combinations_of_fewer_than_five"] == totals["combinations"] == 6
    assert found["bridges_between_groups"] == []


def test_the_cut_off_of_the_published_graph_does_not_change_the_trials_rows(
    trial_study: Study, result_of: ResultOf
) -> None:
    found = result_of("bridging", trial_study, before="2023-10-18T00:00:00Z")["totals"]
    assert (found["published_query"]["rows"], found["both_say_wiser"]["rows"]) == (22, 13)


def test_everyone_of_the_trial_together_has_one_bridge(trial_study: Study, result_of: ResultOf) -> None:
    [bridge] = result_of("bridging", trial_study)["bridges"]
    assert (bridge["to_title"], bridge["verdict"]) == ("Informed Autonomy", "holds")
    assert [(side["wiser"], side["decided"]) for side in bridge["sides"]] == [(12, 14), (5, 5)]


def test_a_bridge_between_groups_is_told_with_its_sides(
    study: Study, values: list[CanonicalValue], judged: Judged, result_of: ResultOf
) -> None:
    safe, free, together = values
    judged(6, "left", safe, safe, together)
    judged(7, "right", free, free, together)
    found = result_of("bridging", study)
    [bridge] = found["bridges_between_groups"]
    assert (bridge["to_title"], bridge["verdict"]) == ("Letting go together", "holds")
    assert [(side["from_title"], side["group"], side["decided"]) for side in bridge["sides"]] == [
        ("Keeping safe", "left", 6),
        ("Staying free", "right", 7),
    ]
    assert found["totals"]["both_say_wiser"]["rows"] == 42


def test_where_a_side_says_no_there_is_no_bridge(
    study: Study, values: list[CanonicalValue], judged: Judged, result_of: ResultOf
) -> None:
    safe, free, together = values
    judged(6, "left", safe, safe, together)
    judged(7, "right", free, free, together, "no_upgrade")
    assert [row["verdict"] for row in result_of("bridging", study)["bridges_between_groups"]] == ["does not hold"]


def test_who_did_not_pick_the_value_does_not_start_from_it(
    study: Study, values: list[CanonicalValue], judged: Judged, result_of: ResultOf
) -> None:
    safe, free, together = values
    judged(6, "left", together, safe, together)
    judged(7, "right", None, free, together)
    found = result_of("bridging", study)
    assert found["totals"]["published_query"]["rows"] == found["votes_from_a_picked_value"] == 0


def test_a_side_is_withheld_where_a_few_others_judged_the_same_story(
    study: Study, values: list[CanonicalValue], judged: Judged, result_of: ResultOf
) -> None:
    """The whole graph tells of nine on the first story; six of them told here would tell of the other three."""
    safe, free, together = values
    judged(6, "left", safe, safe, together)
    judged(3, "right", None, safe, together)
    judged(7, "right", free, free, together)
    found = result_of("bridging", study)
    assert found["bridges_between_groups"] == found["bridges"] == []
    assert found["sides_withheld"] == 2


def test_totals_of_a_few_people_are_withheld(
    study: Study, values: list[CanonicalValue], judged: Judged, result_of: ResultOf
) -> None:
    safe, free, together = values
    judged(4, "left", safe, safe, together)
    judged(7, "right", free, free, together)
    judged(3, "left", None, safe, together)
    assert result_of("bridging", study)["totals"]["published_query"]["rows"] is None


def test_a_study_that_asks_nothing_about_people_has_bridges_among_everyone(
    study: Study, values: list[CanonicalValue], judged: Judged, result_of: ResultOf
) -> None:
    safe, free, together = values
    judged(6, "", safe, safe, together)
    judged(7, "", free, free, together)
    found = result_of("bridging", study)
    assert (found["totals"], found["groups"]) == (None, [])
    assert [bridge["to_title"] for bridge in found["bridges"]] == ["Letting go together"]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"key": "star sign"}, "The keys of these people are: party"),
        ({"groups": ["party=left"]}, "Name two"),
        ({"groups": ["party=left", "party=left"]}, "named twice"),
        ({"groups": ["party=left", "party=middle"]}, "Those of party that are: left, right"),
        ({"groups": ["party=left", "age=old"]}, "Only groups of one key"),
    ],
)
def test_groups_that_are_not_there_are_named(
    study: Study, values: list[CanonicalValue], judged: Judged, result_of: ResultOf, params: dict[str, Any], told: str
) -> None:
    judged(6, "left", values[0], values[0], values[2])
    judged(6, "right", values[1], values[1], values[2])
    with pytest.raises(ValidationError) as bad:
        result_of("bridging", study, **params)
    assert list(bad.value.message_dict) == ["groups"]
    assert told in bad.value.message_dict["groups"][0]
