"""Two windows, two people or two facilitators at the same moment: nobody sees an error, nothing counts twice.

On PostgreSQL the calls really meet. The tests' SQLite lives in memory, where one connection cannot wait for another, so there
they come one after the other, as its single writer lets them.
"""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from elicitation import cards, deduplication, draws, interviews, picks, stories, votes
from elicitation.models import (
    CanonicalValue,
    Context,
    DeduplicationRun,
    DrawItem,
    Endorsement,
    Exposure,
    Interview,
    MergeCandidate,
    Participant,
    Question,
    StoryPool,
    Study,
    Turn,
    UpgradeStory,
    ValuesCard,
    WisdomVote,
)
from tests.people import card_of, join, story_between, value_in

pytestmark = pytest.mark.usefixtures("transactional_db")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make all calls at the same moment; return what they return, or raise what one of them raises."""
    if connection.vendor == "sqlite":
        return [call() for call in calls]
    results: list[Any] = [None] * len(calls)
    errors: list[Exception] = []
    gate = threading.Barrier(len(calls))

    def make(place: int) -> None:
        try:
            gate.wait()
            results[place] = calls[place]()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=make, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def test_people_who_ask_for_their_cards_and_confirm_them_together(study: Study, question: Question) -> None:
    talks = [interviews.begin_interview(join(study), question, llm=None) for _person in range(5)]
    for talk in talks:
        interviews.add_turn(talk, "I would look at his hands, and listen for a sigh.", llm=None)
        interviews.end_talk(talk)
    made = at_once(*[lambda talk=talk: cards.articulate_card(talk, llm=None) for talk in talks])
    assert sorted(card.number for card in made) == [1, 2, 3, 4, 5]
    for card in made:
        cards.edit_card(card, title="Hands", description="", policies=["HANDS that rest"])
    made = list(ValuesCard.objects.all())
    at_once(*[lambda card=card: cards.confirm_card(card, fidelity=5) for card in made])
    assert CanonicalValue.objects.count() == 5 and DeduplicationRun.objects.count() == 1


def test_one_person_in_several_windows(participant: Participant, question: Question) -> None:
    talks = at_once(*[lambda: interviews.begin_interview(participant, question, llm=None)] * 3)
    assert len(set(talks)) == 1
    copies = [Interview.objects.get() for _window in range(3)]
    told = at_once(*[lambda t=t: interviews.add_turn(t, "He went quiet.", client_key="k", llm=None) for t in copies])
    assert len({exchange.reply for exchange in told}) == 1 and Turn.objects.count() == 3
    made = at_once(*[lambda t=t: cards.articulate_card(t, llm=None) for t in copies])
    assert len(set(made)) == 1


def test_a_double_tap_is_one_vote(study: Study, participant: Participant, context: Context) -> None:
    story_between(study, value_in(study), value_in(study), context)
    drawn = at_once(*[lambda: draws.draw_stories(participant)] * 3)
    assert len(set(drawn)) == 1
    item = drawn[0].items.get()
    cast = at_once(*[lambda: votes.cast_wisdom_vote(participant, item, answer="upgrade")] * 4)
    assert len(set(cast)) == 1 and WisdomVote.objects.count() == 1


def test_two_different_answers_at_once_are_one_after_the_other(
    study: Study, participant: Participant, context: Context
) -> None:
    story_between(study, value_in(study), value_in(study), context)
    item = draws.draw_stories(participant).items.get()
    answers = ("upgrade", "no_upgrade", "not_sure", "it_depends")
    at_once(*[lambda a=a: votes.cast_wisdom_vote(participant, item, answer=a) for a in answers])
    assert WisdomVote.objects.count() == 4 and WisdomVote.objects.current().count() == 1
    assert WisdomVote.objects.filter(supersedes=None).count() == 1


def test_people_who_draw_together_all_get_their_stories(study: Study, context: Context) -> None:
    values = [value_in(study, title=f"Value {n}") for n in range(6)]
    for n in range(5):
        story_between(study, values[n], values[n + 1], context)
    people = [join(study) for _person in range(6)]
    drawn = at_once(*[lambda person=person: draws.draw_stories(person) for person in people])
    assert len(set(drawn)) == 6 and DrawItem.objects.count() == 18 and StoryPool.objects.count() == 1


def test_a_double_tap_saves_picks_once(study: Study, participant: Participant) -> None:
    shown = [value_in(study).id for _value in range(4)]
    drawn = at_once(*[lambda: picks.draw_values(participant)] * 3)
    assert len(set(drawn)) == 1
    at_once(*[lambda: picks.save_picks(drawn[0], shown[:2])] * 4)
    assert Endorsement.objects.count() == 4


def test_an_empty_draw_is_filled_once(study: Study, participant: Participant, context: Context) -> None:
    empty = {picks.draw_values(participant), draws.draw_stories(participant)}
    story_between(study, value_in(study), value_in(study), context)
    drawn = at_once(
        *[lambda: picks.draw_values(participant)] * 3,
        *[lambda: draws.draw_stories(participant)] * 3,
    )
    assert set(drawn) == empty
    assert (participant.draws.count(), Exposure.objects.count(), DrawItem.objects.count()) == (2, 2, 1)


def test_facilitators_who_merge_together(study: Study) -> None:
    for _person in range(5):
        card_of(join(study), title="Letting go", policies=["MOMENTS when someone can choose"])
    at_once(*[lambda: deduplication.propose(study)] * 3)
    waiting = list(MergeCandidate.objects.select_related("first__study"))
    assert len(waiting) == 10
    at_once(*[lambda c=c: deduplication.decide(c, "merge", None) for c in waiting])
    assert len(set(deduplication.projection(study).values())) == 1 and len(deduplication.projection(study)) == 4
    assert DeduplicationRun.objects.filter(is_active=True).count() == 1


def test_stories_proposed_twice_at_once_are_there_once(study: Study) -> None:
    for number in range(4):
        value_in(study, title=f"Value {number}")
    at_once(*[lambda: stories.propose_stories(study)] * 3)
    pairs = list(UpgradeStory.objects.values_list("from_value", "to_value", "context"))
    assert pairs and len(pairs) == len(set(pairs))
