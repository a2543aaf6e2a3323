"""The pages of a study's values: found among many, reviewed as pairs or as a whole, split card by card, and gone back on."""

from collections.abc import Callable

import pytest
from django.test import Client

from core.models import User
from elicitation import deduplication, verification
from elicitation.models import CanonicalValue, MergeCandidate, Participant, Study, ValuesCard
from tests.frontend.conftest import browser_with
from tests.people import card_of, join, value_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(study: Study) -> list[CanonicalValue]:
    """Two nearly equal values."""
    return [value_in(study, title=title, policies=["SIGNS that someone is heard"]) for title in ("Care", "Caring")]


def read(desk: Client, study: Study, more: str = "") -> str:
    response = desk.get(f"/studies/{study.slug}/values/{more}")
    assert response.status_code == 200
    return response.content.decode()


def do(desk: Client, study: Study, act: str, more: str = "", **typed: str) -> int:
    return desk.post(f"/studies/{study.slug}/values/{more}", {"act": act, **typed}).status_code


def test_values_are_found_by_word_and_by_number_on_pages(desk: Client, study: Study) -> None:
    CanonicalValue.objects.bulk_create(
        CanonicalValue(study=study, number=n, title=f"Value {n}", policies=["SIGNS of Grief"] if n == 77 else [])
        for n in range(1, 121)
    )
    assert "1–50 of 120" in read(desk, study) and "101–120 of 120" in read(desk, study, "?page=3")
    for sought in ("grief", "77"):
        found = read(desk, study, f"?q={sought}")
        assert "Value 77" in found and "Value 76" not in found and "1 value found" in found
    assert "No value says that" in read(desk, study, "?q=nothing+like+it")


def test_one_pair_at_a_time_is_decided_and_undone_at_once(
    desk: Client, study: Study, pair: list[CanonicalValue]
) -> None:
    candidate = deduplication.propose(study).candidates.get()
    for decision, told in (("keep", "stay apart"), ("merge", "count as one")):
        answer = desk.post(f"/studies/{study.slug}/values/", {"act": decision, "candidate": candidate.id}, follow=True)
        assert told in answer.content.decode()
        assert do(desk, study, "take-back", candidate=str(candidate.id)) == 302
        assert "1 pair to review" in read(desk, study)


def test_a_pair_can_wait_for_later(desk: Client, study: Study, pair: list[CanonicalValue]) -> None:
    third = value_in(study, title="Water", policies=["RIVERS"])
    run = deduplication.propose(study)
    MergeCandidate.objects.create(run=run, first=pair[0], second=third, similarity=0.1)
    assert "RIVERS" not in read(desk, study).partition('id="pairs"')[2].partition("</section>")[0]
    assert "RIVERS" in read(desk, study, "?pair=1").partition('id="pairs"')[2].partition("</section>")[0]
    assert read(desk, study, "?pair=99&decided=99") and read(desk, study, "?pair=x&decided=x")


def test_the_judges_answers_stand_beside_the_pair(desk: Client, study: Study, pair: list[CanonicalValue]) -> None:
    candidate = deduplication.propose(study).candidates.get()
    MergeCandidate.objects.filter(id=candidate.id).update(judgement={"fully_captures": True, "same_granularity": False})
    shown = read(desk, study)
    assert "<b>no</b> <span>both are equally broad</span>" in shown
    assert "<b>yes</b> <span>each fully says what the other is about</span>" in shown


def test_a_whole_grouping_is_read_changed_and_accepted(desk: Client, study: Study, pair: list[CanonicalValue]) -> None:
    value_in(study, title="To care", policies=pair[0].policies)
    deduplication.propose(study)
    assert "Let this grouping count" in read(desk, study)
    do(desk, study, "take-out", number=str(pair[1].number))
    assert deduplication.projection(study) == {}
    do(desk, study, "accept")
    assert len(deduplication.projection(study)) == 1
    assert do(desk, study, "accept") == 400
    do(desk, study, "undo")
    assert deduplication.projection(study) == {}


def test_a_grouping_can_be_dropped(desk: Client, study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.propose(study)
    do(desk, study, "discard")
    assert "Let this grouping count" not in read(desk, study)


def test_a_values_page_shows_its_cards_and_splits_one_off(desk: Client, study: Study) -> None:
    for title in ("Mine", "Theirs"):
        card_of(join(study), title=title)
    deduplication.merge(study, study.values.all())
    shown = read(desk, study, "1/")
    assert "2 cards count as it" in shown and "Theirs" in shown
    do(desk, study, "split-card", "1/", card=str(ValuesCard.objects.get(title="Theirs").number))
    assert deduplication.projection(study) == {} and "1 card counts as it" in read(desk, study, "1/")
    do(desk, study, "merge-chosen", "1/", value="2")  # without its own number it is only one
    assert (
        desk.post(f"/studies/{study.slug}/values/1/", {"act": "merge-chosen", "value": ["1", "2"]}).status_code == 302
    )
    assert len(deduplication.projection(study)) == 1
    assert "Counts as" in read(desk, study, "2/")


def test_a_value_that_is_not_there_is_not_found(desk: Client, study: Study) -> None:
    assert desk.get(f"/studies/{study.slug}/values/9/").status_code == 404


def test_what_changed_is_told_and_gone_back_on(desk: Client, study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.merge(study, pair)
    assert "“Caring” counts as “Care”" in read(desk, study, "history/")
    deduplication.split(study, pair[1])
    deduplication.propose(study)
    assert "“Caring” counts as itself again" in read(desk, study, "history/")
    assert do(desk, study, "go-back", "history/", run="1") == 302
    assert deduplication.history(study)[0].number == 1
    assert do(desk, study, "go-back", "history/", run="3") == 400
    assert do(desk, study, "go-back", "history/", run="77") == 404


def test_a_viewer_changes_nothing(viewers_desk: Client, study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.propose(study)
    for more in ("", "1/", "history/"):
        assert 'method="post"' not in read(viewers_desk, study, more)
    assert do(viewers_desk, study, "accept") == 404


# what people say of it


@pytest.fixture
def objecting(study: Study, participant: Participant, make_card: Callable[..., ValuesCard]) -> Participant:
    """Someone whose card counts as a value that they call different."""
    make_card(participant, title="Letting go")
    person = join(study)
    make_card(person, title="Setting free")
    deduplication.merge(study, study.values.all())
    verification.say(person, "same_card", "different", "Mine is about fear.")
    return person


def test_different_is_put_before_the_team_who_can_split_or_leave(
    desk: Client, study: Study, objecting: Participant
) -> None:
    assert "Mine is about fear." in read(desk, study)
    assert "1 person</b> says that their card is different" in desk.get(f"/studies/{study.slug}/").content.decode()
    card = ValuesCard.objects.get(participant=objecting)
    do(desk, study, "split-card", card=str(card.number))
    assert "Mine is about fear." not in read(desk, study)
    do(desk, study, "undo")
    said = study.verification_answers.get()
    do(desk, study, "leave", answer=str(said.id))
    assert "Mine is about fear." not in read(desk, study)


def test_links_are_made_for_those_who_can_be_asked(
    desk: Client, viewers_desk: Client, study: Study, objecting: Participant, participant: Participant
) -> None:
    path = f"/studies/{study.slug}/verification/"
    assert "not shown: fewer than 5 people" in desk.get(path).content.decode()
    lines = desk.post(path, {"kind": "fair_position"}).content.decode().splitlines()
    assert lines[0] == "participant,id,link" and lines[1].startswith(f"{participant.number},{participant.id},http")
    assert desk.post(path, {"kind": "same_card"}).status_code == 400  # the only one has answered
    assert desk.post(path, {"kind": "x"}).status_code == 400
    assert viewers_desk.post(path, {"kind": "fair_position"}).status_code == 404


def test_another_studys_team_makes_no_links(study: Study, other_study: Study, stranger: User) -> None:
    assert browser_with(stranger).get(f"/studies/{study.slug}/verification/").status_code == 404
