"""Canonical values: a confirmed card is a value of its own, which follows the card until someone was shown it."""

import pytest

from elicitation import deduplication, draws, picks, values
from elicitation.models import CanonicalValue, Context, Draw, Endorsement, Participant, Study
from tests.people import card_of, join, story_between, value_in

pytestmark = pytest.mark.django_db


def test_a_confirmed_card_becomes_a_value(participant: Participant) -> None:
    card = card_of(participant, title="Letting go", policies=["MOMENTS when someone can choose"])
    value = CanonicalValue.objects.get()
    assert (value.title, value.policies) == ("Letting go", ["MOMENTS when someone can choose"])
    assert values.own_value(participant) == value and values.adopt_card(card) == value


def test_until_it_is_shown_a_value_follows_its_card(participant: Participant) -> None:
    card = card_of(participant)
    card.title = "Another name"
    card.save()
    values.adopt_card(card)
    assert CanonicalValue.objects.get().title == "Another name"


def test_once_it_is_judged_a_value_stays_and_the_changed_card_is_a_new_one(
    participant: Participant, other_participant: Participant
) -> None:
    card = card_of(participant)
    judged = CanonicalValue.objects.get()
    Endorsement.objects.create(participant=other_participant, value=judged, answer="agree")
    card.title = "Another name"
    card.save()
    fresh = values.adopt_card(card)
    judged.refresh_from_db()
    assert judged.title == "Letting go together" and fresh != judged
    assert values.own_value(participant) == fresh


@pytest.mark.parametrize("kind", Draw.Kind.values)
def test_what_someone_was_shown_does_not_change_before_they_judge_it(
    participant: Participant, other_participant: Participant, context: Context, kind: str
) -> None:
    card = card_of(participant)
    shown = CanonicalValue.objects.get()
    story_between(participant.study, shown, value_in(participant.study), context)
    (picks.draw_values if kind == Draw.Kind.PICKS else draws.draw_stories)(other_participant)
    card.title = "Another name"
    card.save()
    assert values.adopt_card(card) != shown
    shown.refresh_from_db()
    assert shown.title == "Letting go together"


def test_someone_without_a_confirmed_card_holds_no_value(participant: Participant) -> None:
    card_of(participant, confirmed=False)
    assert values.own_value(participant) is None


def test_archived_and_merged_values_do_not_count(study: Study) -> None:
    kept, merged, archived = (value_in(study, title=t) for t in ("Kept", "Merged", "Archived"))
    deduplication.merge(study, [kept, merged])
    CanonicalValue.objects.filter(id=archived.id).update(is_archived=True)
    assert [value.title for value in values.counted_values(study)] == ["Kept"]


def test_holders_are_counted_through_merges_and_without_previews(study: Study) -> None:
    first, second, preview = join(study), join(study), join(study, is_preview=True)
    for person in (first, second, preview):
        card_of(person, title=f"Card {person.number}")
    one, two, _three = CanonicalValue.objects.order_by("number")
    deduplication.merge(study, [one, two])
    assert values.holders(study) == {one.id: 2}


def test_someone_whose_two_cards_are_merged_is_one_holder(study: Study, participant: Participant) -> None:
    card_of(participant, title="One")
    card_of(participant, title="Two")
    one, two = CanonicalValue.objects.order_by("number")
    deduplication.merge(study, [one, two])
    assert values.holders(study) == {one.id: 1}
