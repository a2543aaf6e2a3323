"""What people say afterwards of their card's value and place: one answer counts, the older ones stay, and "different" waits
for the team."""

from collections.abc import Callable

import pytest
from django.core import signing
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from core.models import User
from core.problems import Conflict, Gone, Problem
from elicitation import deduplication, verification, withdrawal
from elicitation.models import CanonicalValue, Participant, Study, VerificationAnswer
from tests.people import Actor, card_of, join

pytestmark = pytest.mark.django_db


@pytest.fixture
def merged(study: Study, participant: Participant, other_participant: Participant) -> CanonicalValue:
    """The value that the other person's card counts as, in the words of the participant's."""
    card_of(participant, title="Letting go together")
    card_of(other_participant, title="Setting free")
    first, second = CanonicalValue.objects.filter(study=study).order_by("number")
    deduplication.merge(study, [first, second])
    return first


def test_only_whose_card_counts_in_other_words_is_asked(
    merged: CanonicalValue, participant: Participant, other_participant: Participant
) -> None:
    assert verification.merged_card(participant) is None
    asked = verification.merged_card(other_participant)
    assert asked is not None and (asked.card.title, asked.value, asked.answer) == ("Setting free", merged, None)


def test_the_newest_answer_counts_and_the_older_ones_stay(
    merged: CanonicalValue, other_participant: Participant
) -> None:
    for answer in ("same", "different", "different"):
        verification.say(other_participant, "same_card", answer, value=merged.number)
    asked = verification.merged_card(other_participant)
    assert asked is not None and asked.answer is not None and asked.answer.answer == "different"
    assert list(VerificationAnswer.objects.values_list("answer", flat=True)) == ["same", "different"]


def test_an_answer_changes_nothing_by_itself(
    study: Study, merged: CanonicalValue, other_participant: Participant
) -> None:
    before = deduplication.projection(study)
    verification.say(other_participant, "same_card", "different", "Mine is about fear.")
    assert deduplication.projection(study) == before
    (objection,) = verification.objections(study)
    assert (objection.card.title, objection.value, objection.answer.comment) == (
        "Setting free", merged, "Mine is about fear.",
    )  # fmt: skip


def test_an_objection_is_met_by_splitting_or_by_leaving(
    study: Study, merged: CanonicalValue, other_participant: Participant
) -> None:
    answer = verification.say(other_participant, "same_card", "different")
    split = deduplication.split_card(study, verification.objections(study)[0].card)
    assert verification.objections(study) == [] and verification.merged_card(other_participant) is None
    deduplication.undo(split)
    assert len(verification.objections(study)) == 1
    verification.settle(answer)
    assert verification.objections(study) == []
    assert VerificationAnswer.objects.current().get().answer == "different"


def test_another_value_by_now_is_asked_about_anew(
    study: Study, merged: CanonicalValue, other_participant: Participant
) -> None:
    verification.say(other_participant, "same_card", "same")
    for _person in range(3):
        card_of(join(study), title="Patience")
    deduplication.merge(study, CanonicalValue.objects.filter(title="Patience"))
    deduplication.merge(study, CanonicalValue.objects.exclude(title="Setting free"))
    asked = verification.merged_card(other_participant)
    assert asked is not None and asked.value.title == "Patience" and asked.answer is None
    with pytest.raises(Conflict):
        verification.say(other_participant, "same_card", "same", value=merged.number)
    verification.say(other_participant, "same_card", "different", value=asked.value.number)
    assert VerificationAnswer.objects.current().count() == 1


@pytest.mark.parametrize(
    ("kind", "answer"), [("same_card", "fair"), ("fair_position", "same"), ("x", "same"), ("", "")]
)
def test_an_answer_that_there_is_not_is_refused(
    merged: CanonicalValue, other_participant: Participant, kind: str, answer: str
) -> None:
    with pytest.raises(ValidationError):
        verification.say(other_participant, kind, answer)


def test_whose_card_stands_in_its_own_words_has_nothing_to_say_of_it(
    merged: CanonicalValue, participant: Participant
) -> None:
    with pytest.raises(Conflict):
        verification.say(participant, "same_card", "same")


def test_who_left_says_nothing_any_more(merged: CanonicalValue, other_participant: Participant) -> None:
    verification.say(other_participant, "same_card", "different")
    withdrawal.withdraw(other_participant)
    assert not VerificationAnswer.objects.exists()
    with pytest.raises(Gone):
        verification.say(other_participant, "fair_position", "fair")


# links


def test_a_link_asks_its_person_its_question(other_participant: Participant) -> None:
    link = verification.by_link(verification.link_token(other_participant, "same_card"))
    assert (link.participant, link.kind) == (other_participant, "same_card")


@pytest.mark.parametrize("token", ["", "x", "a:b:c", "WyJhIl0:1abc:def"])
def test_a_link_that_was_not_made_here_is_unknown(db: None, token: str) -> None:
    with pytest.raises(Problem) as refused:
        verification.by_link(token)
    assert refused.value.name == "unknown-code"


def test_a_link_for_another_purpose_is_unknown(other_participant: Participant) -> None:
    told = [other_participant.study.slug, other_participant.id.hex, "same_card"]
    with pytest.raises(Problem):
        verification.by_link(signing.dumps(told, salt="something else"))


class LongAgo(signing.TimestampSigner):
    """Signs as the site did when its links that are too old now were made."""

    def timestamp(self) -> str:
        return signing.b62_encode(signing.b62_decode(super().timestamp()) - verification.LINK_DAYS * 24 * 3600 - 1)


def test_an_old_link_says_so(other_participant: Participant) -> None:
    told = [other_participant.study.slug, other_participant.id.hex, "same_card"]
    with pytest.raises(Gone) as refused:
        verification.by_link(LongAgo(salt=verification.SALT).sign_object(told))
    assert "too old" in refused.value.title


def test_a_link_of_someone_who_left_says_so(other_participant: Participant) -> None:
    token = verification.link_token(other_participant, "same_card")
    withdrawal.withdraw(other_participant)
    with pytest.raises(Gone) as refused:
        verification.by_link(token)
    assert "took everything back" in refused.value.title


def test_those_who_answered_or_have_nothing_to_answer_are_not_asked(
    study: Study, merged: CanonicalValue, participant: Participant, other_participant: Participant
) -> None:
    card_of(join(study, is_preview=True), title="Setting free")
    assert verification.to_ask(study, "same_card") == [other_participant]
    assert verification.to_ask(study, "fair_position") == [participant, other_participant]
    verification.say(other_participant, "same_card", "same")
    verification.say(participant, "fair_position", "fair")
    assert verification.to_ask(study, "same_card") == []
    assert verification.to_ask(study, "fair_position") == [other_participant]


# over REST


def test_a_person_reads_what_is_asked_and_answers(
    merged: CanonicalValue, other_participant: Participant, client_of: Callable[[Actor], APIClient]
) -> None:
    client, path = client_of(other_participant), "/api/v1/participants/me/verification/"
    asked = client.get(path).json()
    assert asked["same_card"]["card"]["title"] == "Setting free"
    assert asked["same_card"]["value"]["number"] == merged.number and asked["same_card"]["answer"] is None
    body = {"kind": "same_card", "answer": "different", "value": merged.number, "comment": "No."}
    said = client.post(path, body, format="json").json()
    assert said["same_card"]["answer"]["answer"] == "different"
    refused = client.post(path, {"kind": "same_card", "answer": "fair"}, format="json")
    assert refused.status_code == 400 and "same, different, unsure" in refused.content.decode()
    assert client.post(path, body | {"value": 99}, format="json").status_code == 409


def test_the_team_reads_answers_and_makes_links(
    study: Study, merged: CanonicalValue, other_participant: Participant, facilitator: User,
    client_of: Callable[[Actor], APIClient],
) -> None:  # fmt: skip
    client = client_of(facilitator)
    (row,) = client.post(f"/api/v1/studies/{study.slug}/verification/links/", {"kind": "same_card"}).json()
    assert row["participant"] == other_participant.number and row["id"] == str(other_participant.id)
    assert verification.by_link(row["link"].rstrip("/").rsplit("/", 1)[1]).participant == other_participant
    verification.say(other_participant, "same_card", "different", "No.")
    (answer,) = client.get(f"/api/v1/studies/{study.slug}/verification/").json()["results"]
    assert (answer["participant"], answer["value"], answer["answer"]) == (
        other_participant.number, merged.number, "different",
    )  # fmt: skip
