"""A principle is ratified only if every stakeholder group approves: the least approval counts, not the mean."""

import json
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from constitutions.extraction import extract
from constitutions.models import Approval, ConstitutionVersion
from constitutions.publishing import publish, version_body
from constitutions.ratification import approve, ratification, settled
from elicitation import personal_data, withdrawal
from elicitation.comparisons import add_comparison, annotate, dataset_of
from elicitation.models import Participant, Study
from tests.people import join

pytestmark = pytest.mark.usefixtures("db")
Say = Callable[[str, int, int], list[Participant]]


@pytest.fixture
def version(study: Study) -> ConstitutionVersion:
    study.settings |= {
        "social_role": "a tutor",
        "stakeholders": "who",
        "demographics": [{"key": "who", "label": "Who are you?", "choices": ["pupil", "parent"]}],
    }
    study.save()
    dataset = dataset_of(study)
    people = [join(study) for _ in range(5)]
    for n in range(60):
        pair = add_comparison(dataset, prompt=f"Q{n}", text_a="many words " * (3 + n % 5), text_b="few")
        for person in people:
            annotate(pair, participant=person, answer="a")
    return publish(extract(dataset=dataset, principles=1), slug="tutor")


@pytest.fixture
def say(study: Study, version: ConstitutionVersion) -> Say:
    """Let people of a group approve and disapprove of the first principle: `say("pupil", 9, 1)`."""

    def answers(group: str, yes: int, no: int) -> list[Participant]:
        people = [join(study) for _ in range(yes + no)]
        for place, person in enumerate(people):
            Participant.objects.filter(id=person.id).update(demographics={"who": group})
            approve(version, person, 1, answer="approve" if place < yes else "disapprove")
        return people

    return answers


def first(version: ConstitutionVersion) -> dict[str, object]:
    told: dict[str, object] = ratification(version)["principles"][0]
    return told


def test_ninety_and_twenty_percent_are_not_ratified_though_the_mean_is_above_half(
    version: ConstitutionVersion, say: Say
) -> None:
    say("pupil", 18, 2)
    say("parent", 4, 16)
    assert first(version)["ratified"] is False
    shares = {name: cell["approval"] for name, cell in ratification(version)["principles"][0]["groups"].items()}
    assert shares == {"pupil": 0.9, "parent": 0.2}


def test_what_every_group_approves_is_ratified(version: ConstitutionVersion, say: Say) -> None:
    say("pupil", 9, 1)
    say("parent", 6, 4)
    assert first(version)["ratified"] is True


def test_a_group_of_fewer_than_five_is_withheld_and_leaves_it_open(version: ConstitutionVersion, say: Say) -> None:
    say("pupil", 9, 1)
    say("parent", 4, 0)
    told = ratification(version)["principles"][0]
    assert told["ratified"] is None
    assert told["groups"]["parent"] == {
        "people": None, "approve": None, "disapprove": None, "passed": None, "approval": None, "ci": None,
    }  # fmt: skip


def test_figures_before_and_after_one_answer_do_not_tell_it(version: ConstitutionVersion, say: Say) -> None:
    say("parent", 5, 0)
    seen = []
    for yes in (True, True, False, True, True, False, True, False, True, True, False):
        say("pupil", int(yes), int(not yes))
        seen.append(ratification(version)["principles"][0]["groups"]["pupil"]["approve"])
    assert seen == [None] * 4 + [4] * 5 + [7] * 2


def test_a_change_of_mind_counts_with_four_others() -> None:
    five = [(person, "approve") for person in range(5)]
    assert settled([*five, (0, "disapprove"), (1, "disapprove")]) == ["approve"] * 5
    assert settled([*five, *((person, "approve") for person in range(5)), (0, "pass")]) == ["approve"] * 5
    changed = [*five, (0, "disapprove"), *((person, "approve") for person in range(5, 9))]
    assert sorted(settled(changed)) == ["approve"] * 8 + ["disapprove"]


def test_the_newest_answer_counts_and_passing_is_no_vote(version: ConstitutionVersion, say: Say) -> None:
    people = say("pupil", 6, 0)
    approve(version, people[0], 1, answer="disapprove")
    approve(version, people[1], 1, answer="pass")
    say("pupil", 2, 0)
    cell = ratification(version)["principles"][0]["groups"]["pupil"]
    assert (cell["approve"], cell["disapprove"], cell["passed"]) == (6, 1, 1)
    assert Approval.objects.filter(participant=people[0]).count() == 2


def test_who_takes_everything_back_takes_their_approval_too(version: ConstitutionVersion, say: Say) -> None:
    [person] = say("pupil", 1, 0)
    assert personal_data.collect(person)["constitutions_approval"]
    withdrawal.withdraw(person)
    assert not Approval.objects.filter(participant=person).exists()


def test_role_and_stakeholders_stand_in_the_published_body(version: ConstitutionVersion) -> None:
    assert version_body(version)["standard"] == {"role": "a tutor", "stakeholders": "who", "threshold": 0.5}


def test_wrong_answers_and_other_studies_are_refused(
    version: ConstitutionVersion, study: Study, other_study: Study
) -> None:
    with pytest.raises(ValidationError, match="Choose one of"):
        approve(version, join(study), 1, answer="maybe")
    with pytest.raises(ValidationError, match="no principle 7"):
        approve(version, join(study), 7, answer="approve")
    with pytest.raises(ValidationError, match="not of your study"):
        approve(version, join(other_study), 1, answer="approve")


def test_it_is_served_to_everyone_and_answered_by_people(
    version: ConstitutionVersion, study: Study, client_of: Callable[..., APIClient]
) -> None:
    address = "/api/v1/constitutions/tutor/versions/1"
    person = join(study)
    made = client_of(person).post(f"{address}/approvals/", {"principle": 1, "answer": "approve"}, format="json")
    assert made.status_code == 201
    assert client_of(person).get(f"{address}/approvals/").json()[0]["answer"] == "approve"
    told = client_of(None).get(f"{address}/ratification/").json()
    assert (told["role"], told["principles"][0]["ratified"]) == ("a tutor", None)
    assert str(person.id) not in json.dumps(told)
