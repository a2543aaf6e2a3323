"""Picks, draws and wisdom votes: only what was drawn for oneself, and every answer kept."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import RestrictedError
from django.utils import timezone

from core.problems import Conflict, Gone, Problem
from elicitation import deduplication, draws, participation, picks, votes, withdrawal
from elicitation.models import (
    CanonicalValue,
    Context,
    Draw,
    Endorsement,
    Participant,
    Study,
    UpgradeStory,
    ValueMember,
    WisdomVote,
)
from tests.people import card_of, join, story_between, value_in

pytestmark = pytest.mark.django_db


def items(participant: Participant) -> list[UpgradeStory]:
    return [item.story for item in draws.draw_stories(participant).items.order_by("position")]


@pytest.fixture
def stories(study: Study, context: Context) -> list[UpgradeStory]:
    """Four stories that join five values."""
    values = [value_in(study, title=f"Value {n}") for n in range(5)]
    return [story_between(study, values[n], values[n + 1], context) for n in range(4)]


# ---- picks


def test_nobody_is_shown_their_own_value(study: Study, participant: Participant) -> None:
    card_of(participant, title="Mine")
    card_of(join(study), title="Merged with mine")
    card_of(join(study), title="Theirs")
    mine, merged, theirs = CanonicalValue.objects.order_by("number")
    deduplication.merge(study, [mine, merged])
    assert [e.value for e in picks.draw_values(participant).exposures.all()] == [theirs]


def test_what_was_drawn_stays_drawn(study: Study, participant: Participant) -> None:
    value_in(study)
    draw = picks.draw_values(participant)
    value_in(study)
    assert picks.draw_values(participant) == draw and draw.exposures.count() == 1


def test_who_came_before_all_others_is_asked_once_others_are_there(study: Study, participant: Participant) -> None:
    draw = picks.draw_values(participant)
    picks.save_picks(draw, [])
    assert picks.draw_values(participant) == draw and picks.count_new(participant) == 0
    values = {value_in(study, title=f"Value {n}") for n in range(2)}
    assert picks.count_new(participant) == 2
    assert picks.draw_values(participant) == draw
    assert {e.value for e in draw.exposures.all()} == values
    draw.refresh_from_db()
    assert draw.completed_at is None and picks.count_new(participant) == 0


def test_the_least_shown_values_come_first(study: Study) -> None:
    study.settings = {"picks_shown": 2}
    study.save()
    for number in range(4):
        value_in(study, title=f"Value {number}")
    shown = [{e.value_id for e in picks.draw_values(join(study)).exposures.all()} for _person in range(2)]
    assert shown[0] & shown[1] == set()


def test_picks_can_be_changed_and_the_older_ones_stay(study: Study, participant: Participant) -> None:
    first, second, third = (value_in(study, title=f"Value {n}") for n in range(3))
    draw = picks.draw_values(participant)
    picks.save_picks(draw, [first.id, second.id])
    picks.save_picks(draw, [second.id, third.id])
    now = dict(Endorsement.objects.current().values_list("value_id", "answer"))
    assert now == {first.id: "pass", second.id: "agree", third.id: "agree"}
    assert Endorsement.objects.count() == 5


def test_only_shown_values_can_be_picked_and_enough_of_them(study: Study, participant: Participant) -> None:
    shown = [value_in(study), value_in(study)]
    draw = picks.draw_values(participant)
    unseen = value_in(study)
    for picked in ([unseen.id, shown[0].id], [shown[0].id]):
        with pytest.raises(ValidationError):
            picks.save_picks(draw, picked)
    assert not Endorsement.objects.exists()


# ---- draws


def test_as_many_stories_are_drawn_as_the_study_asks(participant: Participant, stories: list[UpgradeStory]) -> None:
    assert len(items(participant)) == 3
    assert items(participant) == items(participant)


def test_the_least_voted_stories_come_first(study: Study, stories: list[UpgradeStory]) -> None:
    first = join(study)
    drawn = items(first)
    for item in draws.draw_stories(first).items.all():
        votes.cast_wisdom_vote(first, item, answer="upgrade")
    (left,) = set(stories) - set(drawn)
    assert items(join(study))[0] == left


def test_what_is_not_in_use_or_counts_as_one_is_never_drawn(
    study: Study, participant: Participant, stories: list[UpgradeStory]
) -> None:
    UpgradeStory.objects.filter(id=stories[0].id).update(state="archived")
    CanonicalValue.objects.filter(id=stories[3].to_value_id).update(is_archived=True)
    deduplication.merge(study, [stories[1].from_value, stories[1].to_value])
    assert items(participant) == [stories[2]]


def test_who_came_before_all_stories_is_asked_once_some_are_approved(
    participant: Participant, stories: list[UpgradeStory]
) -> None:
    UpgradeStory.objects.update(state="proposed")
    draw = draws.draw_stories(participant)
    assert not draw.items.exists() and draws.count_new(participant) == 0
    UpgradeStory.objects.update(state="approved")
    assert draws.count_new(participant) == 3
    assert draws.draw_stories(participant) == draw and draw.items.count() == 3
    assert draws.count_new(participant) == 0


def test_a_draw_that_is_filled_later_is_the_one_its_seed_gives(
    study: Study, participant: Participant, stories: list[UpgradeStory]
) -> None:
    UpgradeStory.objects.update(state="proposed")
    draws.draw_stories(participant)
    UpgradeStory.objects.update(state="approved")
    filled = list(draws.draw_stories(participant).items.values_list("story", "from_first"))
    Draw.objects.all().delete()
    assert list(draws.draw_stories(participant).items.values_list("story", "from_first")) == filled


def test_a_study_without_stories_draws_none(participant: Participant, stories: list[UpgradeStory]) -> None:
    Study.objects.update(settings={"stories_each": 0})
    participant.refresh_from_db()
    assert items(participant) == []


def test_a_draw_is_complete_when_every_story_is_answered_or_skipped(
    participant: Participant, stories: list[UpgradeStory]
) -> None:
    draw = draws.draw_stories(participant)
    first, second, third = draw.items.order_by("position")
    votes.cast_wisdom_vote(participant, first, answer="upgrade")
    draws.skip(second)
    assert Draw.objects.get().completed_at is None
    draws.skip(third)
    assert Draw.objects.get().completed_at is not None


# ---- votes


def test_a_second_answer_supersedes_the_first_and_both_stay(
    participant: Participant, stories: list[UpgradeStory]
) -> None:
    item = draws.draw_stories(participant).items.all()[0]
    votes.cast_wisdom_vote(participant, item, answer="upgrade")
    votes.cast_wisdom_vote(participant, item, answer="not_sure", comment="Hm.")
    votes.cast_wisdom_vote(participant, item, answer="not_sure", comment="Hm.")
    assert WisdomVote.objects.current().get().answer == "not_sure"
    assert WisdomVote.objects.count() == 2


def test_a_story_of_someone_elses_draw_takes_no_vote(
    participant: Participant, other_participant: Participant, stories: list[UpgradeStory]
) -> None:
    item = draws.draw_stories(other_participant).items.all()[0]
    with pytest.raises(ValidationError):
        votes.cast_wisdom_vote(participant, item, answer="upgrade")


@pytest.mark.parametrize(("answer", "comment"), [("yes", ""), ("upgrade", "a\x00b"), ("upgrade", "x" * 4001)])
def test_votes_that_cannot_be_stored_are_refused(
    participant: Participant, stories: list[UpgradeStory], answer: str, comment: str
) -> None:
    item = draws.draw_stories(participant).items.all()[0]
    with pytest.raises(ValidationError):
        votes.cast_wisdom_vote(participant, item, answer=answer, comment=comment)
    assert not WisdomVote.objects.exists()


def test_a_closed_study_takes_no_votes(study: Study, participant: Participant, stories: list[UpgradeStory]) -> None:
    item = draws.draw_stories(participant).items.all()[0]
    Study.objects.update(state="closed")
    with pytest.raises(Problem):
        votes.cast_wisdom_vote(participant, item, answer="upgrade")


def withdraw_holder_of(story: UpgradeStory) -> None:
    """Let the person behind the story's second value take everything back."""
    person = join(story.study)
    card = card_of(person)
    ValueMember.objects.filter(card=card).update(value=story.to_value)
    withdrawal.withdraw(person)


def test_a_story_of_a_value_that_was_taken_back_is_not_shown_and_takes_no_vote(
    participant: Participant, stories: list[UpgradeStory]
) -> None:
    draw = draws.draw_stories(participant)
    first, second, _third = draw.items.order_by("position")
    votes.cast_wisdom_vote(participant, first, answer="upgrade")
    withdraw_holder_of(second.story)
    left = [item for item in draws.items_to_judge(draw) if item != first]
    assert second not in left
    with pytest.raises(Conflict, match="go on with the next story"):
        votes.cast_wisdom_vote(participant, second, answer="upgrade")
    assert WisdomVote.objects.count() == 1
    for item in left:
        votes.cast_wisdom_vote(participant, item, answer="upgrade")
    draw.refresh_from_db()
    assert draw.completed_at is not None
    assert participation.next_step(participant) != "stories"


def test_who_comes_back_to_stories_that_were_all_taken_back_is_through(
    participant: Participant, stories: list[UpgradeStory]
) -> None:
    UpgradeStory.objects.exclude(id=stories[0].id).update(state="archived")
    item = draws.draw_stories(participant).items.get()
    withdraw_holder_of(item.story)
    with pytest.raises(Conflict):
        votes.cast_wisdom_vote(participant, item, answer="upgrade")
    assert participation.next_step(participant) != "stories"


def test_who_took_everything_back_casts_no_vote(participant: Participant, stories: list[UpgradeStory]) -> None:
    item = draws.draw_stories(participant).items.all()[0]
    withdrawal.withdraw(Participant.objects.get(id=participant.id))
    with pytest.raises(Gone):
        votes.cast_wisdom_vote(participant, item, answer="upgrade")
    assert not WisdomVote.objects.exists()


def test_no_vote_compares_a_value_with_itself(
    study: Study, participant: Participant, context: Context, stories: list[UpgradeStory]
) -> None:
    value = stories[0].from_value
    with pytest.raises(IntegrityError), transaction.atomic():
        story_between(study, value, value, context)
    with pytest.raises(IntegrityError), transaction.atomic():
        WisdomVote.objects.create(
            study=study, participant=participant, from_value=value, to_value=value, context=context,
            answer="upgrade", voted_at=timezone.now(),
        )  # fmt: skip


def test_a_vote_between_values_that_count_as_one_by_now_is_kept_and_decides_nothing(
    study: Study, participant: Participant, stories: list[UpgradeStory]
) -> None:
    item = draws.draw_stories(participant).items.all()[0]
    deduplication.merge(study, [item.story.from_value, item.story.to_value])
    assert votes.cast_wisdom_vote(participant, item, answer="upgrade").answer == "upgrade"
    assert item.story not in items(join(study))


def test_a_story_that_was_put_away_while_someone_reads_it_still_takes_their_vote(
    participant: Participant, stories: list[UpgradeStory]
) -> None:
    item = draws.draw_stories(participant).items.all()[0]
    UpgradeStory.objects.update(state="archived")
    votes.cast_wisdom_vote(participant, item, answer="upgrade")
    assert WisdomVote.objects.get().story == item.story


def test_votes_follow_a_context_that_is_renamed_midway(
    study: Study, participant: Participant, context: Context, stories: list[UpgradeStory]
) -> None:
    first, second, _third = draws.draw_stories(participant).items.all()
    votes.cast_wisdom_vote(participant, first, answer="upgrade")
    Context.objects.filter(id=context.id).update(text="When a freedom ends")
    votes.cast_wisdom_vote(participant, second, answer="upgrade")
    votes.cast_wisdom_vote(participant, first, answer="not_sure")
    assert set(WisdomVote.objects.values_list("context__text", flat=True)) == {"When a freedom ends"}
    assert WisdomVote.objects.current().count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Context.objects.filter(number=2).update(text="When a freedom ends")


def test_a_story_with_votes_cannot_be_deleted(participant: Participant, stories: list[UpgradeStory]) -> None:
    item = draws.draw_stories(participant).items.all()[0]
    votes.cast_wisdom_vote(participant, item, answer="upgrade")
    with pytest.raises(RestrictedError):
        item.story.delete()
