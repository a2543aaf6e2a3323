"""How stories are drawn: what counts for a pair, what a draw says of itself, and that it can be made again."""

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from elicitation import deduplication, draws, stories, votes, withdrawal
from elicitation.models import (
    CanonicalValue,
    Context,
    Draw,
    DrawItem,
    Participant,
    Question,
    StoryPool,
    Study,
    UpgradeStory,
    WisdomVote,
)
from elicitation.story_options import VoteCounts, count_votes, moment_now, newest_counts, options_of
from tests.people import join, story_between, value_in

pytestmark = pytest.mark.django_db

Values = list[CanonicalValue]


@pytest.fixture
def values(study: Study) -> Values:
    return [value_in(study, title=f"Value {n}") for n in range(6)]


@pytest.fixture
def many(study: Study, values: Values) -> list[UpgradeStory]:
    """Both directions of five pairs in two contexts: twenty stories."""
    return [
        story_between(study, *pair, context)
        for context in study.contexts.order_by("number")
        for n in range(5)
        for pair in ((values[n], values[n + 1]), (values[n + 1], values[n]))
    ]


def vote(
    person: Participant, story: UpgradeStory, answer: str = "upgrade", before: WisdomVote | None = None
) -> WisdomVote:
    return WisdomVote.objects.create(
        study=story.study, participant=person, story=story, from_value=story.from_value, to_value=story.to_value,
        context=story.context, answer=answer, supersedes=before, voted_at=timezone.now(),
    )  # fmt: skip


def counts_of(study: Study, story: UpgradeStory) -> tuple[int, int, int, int]:
    """Return how often a newcomer's draw takes this story's pair to be asked and told, says wiser, and decides."""
    newcomer = join(study)
    counts = newest_counts(study)
    found = options_of(newcomer, None, moment_now(study, counts), counts).stories
    (place,) = np.nonzero(found.key == story.number)[0]
    return tuple(int(column[place]) for column in (found.asked, found.told, found.wiser, found.decided))  # type: ignore[return-value]


def summed(counts: VoteCounts) -> dict[tuple[int, ...], list[int]]:
    found: dict[tuple[int, ...], np.ndarray] = {}
    for row in counts.rows:
        key = tuple(row[:3].tolist())
        found[key] = found.get(key, 0) + row[3:]
    return {key: told.tolist() for key, told in found.items() if told.any()}


def answer_all(person: Participant, rng: np.random.Generator) -> None:
    for item in draws.draw_stories(person).items.all():
        votes.cast_wisdom_vote(person, item, answer=str(rng.choice(WisdomVote.Answer.values)))


# ---- what counts


def test_answers_in_both_directions_and_all_contexts_count_for_a_pair(study: Study, many: list[UpgradeStory]) -> None:
    there, back, elsewhere = many[0], many[1], many[10]
    assert elsewhere.from_value == there.from_value and elsewhere.context != there.context
    for story, answers in (
        (there, ["upgrade", "no_upgrade"]),
        (back, ["upgrade", "no_upgrade"]),
        (elsewhere, ["not_sure"]),
    ):
        for answer in answers:
            vote(join(study), story, answer)
    # a "no" to the other direction says nothing about this one, a "yes" to it says no
    assert counts_of(study, there) == (5, 2, 1, 3)


def test_previews_and_people_who_left_do_not_count(study: Study, many: list[UpgradeStory]) -> None:
    kept, preview, gone = join(study), join(study, is_preview=True), join(study)
    for person in (kept, preview, gone):
        vote(person, many[0])
    assert counts_of(study, many[0])[0] == 2
    withdrawal.withdraw(gone)
    assert counts_of(study, many[0])[0] == 1


def test_merged_values_count_as_one(study: Study, values: Values, many: list[UpgradeStory]) -> None:
    across = story_between(study, values[0], values[5], study.contexts.get(number=1))
    vote(join(study), many[0])
    vote(join(study), across)
    run = deduplication.merge(study, [values[1], values[5]])
    assert counts_of(study, many[0])[0] == counts_of(study, across)[0] == 2
    deduplication.undo(run)
    assert counts_of(study, many[0])[0] == 1


def test_what_is_kept_in_the_cache_equals_a_count_from_the_beginning(study: Study, many: list[UpgradeStory]) -> None:
    rng = np.random.default_rng(0)
    people = [join(study) for _person in range(8)]
    last: dict[tuple[int, int], WisdomVote] = {}
    for _step in range(60):
        who, which = int(rng.integers(8)), int(rng.integers(6))
        answer = str(rng.choice(WisdomVote.Answer.values))
        last[who, which] = vote(people[who], many[which], answer, last.get((who, which)))
        if rng.random() < 0.4:
            kept = newest_counts(study)
            assert summed(kept) == summed(count_votes(study, kept.last_vote))
    withdrawal.withdraw(people[0])
    kept = newest_counts(study)
    assert summed(kept) == summed(count_votes(study, kept.last_vote))


def test_people_who_come_at_once_are_not_all_asked_the_same(study: Study, many: list[UpgradeStory]) -> None:
    UpgradeStory.objects.filter(number__gt=10).update(state="archived")
    study.settings = {"stories_each": 1}
    study.save()
    pairs = set()
    for person in (join(study) for _person in range(5)):
        (item,) = draws.draw_stories(person).items.all()
        pairs.add(frozenset((item.story.from_value_id, item.story.to_value_id)))
    assert len(pairs) == 5


def test_what_one_has_judged_is_not_asked_again(
    study: Study, participant: Participant, many: list[UpgradeStory]
) -> None:
    study.settings = {"stories_each": 30}
    study.save()
    for story in many[2:]:
        vote(participant, story)
    participant.refresh_from_db()
    assert {item.story.number for item in draws.draw_stories(participant).items.all()} <= {1, 2}


def test_situations_of_ones_own_question_come_first(
    study: Study, participant: Participant, many: list[UpgradeStory]
) -> None:
    other = Question.objects.create(study=study, number=2, text="And what of the boat?")
    first, second = study.contexts.order_by("number")
    second.questions.set([other])
    for story in many[10:]:
        for _vote in range(3):
            vote(join(study), story)
    participant.question = other
    participant.save()
    asked = draws.draw_stories(participant).items.select_related("story__context")
    assert {item.story.context for item in asked} == {second} and first != second


def test_a_draw_asks_the_database_as_often_for_many_stories_as_for_few(study: Study, many: list[UpgradeStory]) -> None:
    asked = []
    for _turn in range(2):
        person = join(study)
        with CaptureQueriesContext(connection) as queries:
            draws.draw_stories(person)
        asked.append(len(queries))
        for _story in range(20):
            story = story_between(study, value_in(study), value_in(study), many[0].context)
            vote(join(study), story)
    assert asked[1] < asked[0] + 5, "twenty stories more do not ask twenty times more"


# ---- what a draw says of itself


def test_a_draw_says_its_rule_and_each_story_why(study: Study, many: list[UpgradeStory]) -> None:
    for _person in range(4):
        answer_all(join(study), np.random.default_rng(1))
    draw = draws.draw_stories(join(study))
    assert draw.rule["name"] == "least voted and close calls" and draw.rule["wanted"] == 3
    assert draw.basis["last_vote"] == WisdomVote.objects.latest("id").id and draw.basis["withdrawals"] == 0
    assert draw.pool is not None and draw.pool.numbers == [story.number for story in many]
    items = list(draw.items.all())
    assert {item.why for item in items} <= {"least_voted", "close_call"}
    assert all(set(item.counts) == {"asked", "wiser", "decided"} for item in items)


def test_draws_that_stood_on_the_same_stories_share_their_list(study: Study, many: list[UpgradeStory]) -> None:
    for _person in range(3):
        draws.draw_stories(join(study))
    assert StoryPool.objects.count() == 1


# ---- made again


def assert_all_come_out_the_same() -> None:
    stored = list(Draw.objects.filter(kind="stories"))
    assert stored
    for draw in stored:
        assert draws.replay(draw) == draws.items_of(draw)


def test_every_draw_can_be_made_again_whatever_came_later(
    study: Study, values: Values, many: list[UpgradeStory]
) -> None:
    rng = np.random.default_rng(2)
    people = []
    for n in range(12):
        people.append(join(study))
        if n == 4:
            stories.archive(many[:3])
        if n == 6:
            deduplication.merge(study, values[:2])
        if n == 8:
            stories.approve(many[:1])
            story_between(study, values[0], values[4], study.contexts.get(number=1))
            values[5].is_archived = True
            values[5].save()
        answer_all(people[-1], rng)
        if n > 2:  # someone changes an answer
            item = DrawItem.objects.filter(draw__participant=people[n - 2]).earliest("id")
            votes.cast_wisdom_vote(people[n - 2], item, answer="it_depends", comment=f"{n}")
    deduplication.undo(deduplication.active_run(study))
    Context.objects.filter(number=1).update(text="When it is late")
    assert_all_come_out_the_same()


def test_a_draw_that_stood_on_votes_that_were_taken_back_says_so(study: Study, many: list[UpgradeStory]) -> None:
    gone, kept, newcomer = join(study), join(study), join(study)
    rng = np.random.default_rng(0)
    early = draws.draw_stories(gone)
    early = draws.draw_stories(kept)
    answer_all(gone, rng)
    late = draws.draw_stories(newcomer)
    withdrawal.withdraw(gone)
    for draw in (early, late):
        with pytest.raises(draws.CannotReplay, match="took back answers"):
            draws.replay(Draw.objects.get(id=draw.id))


def test_a_draw_without_a_record_is_not_guessed(
    study: Study, participant: Participant, many: list[UpgradeStory]
) -> None:
    draws.draw_stories(participant)
    Draw.objects.update(pool=None)
    with pytest.raises(draws.CannotReplay, match="without what it stood on"):
        draws.replay(Draw.objects.get())


def test_the_command_tells_what_came_out(
    study: Study, many: list[UpgradeStory], capsys: pytest.CaptureFixture[str]
) -> None:
    people = [join(study) for _person in range(3)]
    for person in people:
        draws.draw_stories(person)
    call_command("replay_draws", study.slug)
    assert capsys.readouterr().out == "3 came out the same\n"
    DrawItem.objects.filter(draw__participant=people[1], position=0).update(why="")
    with pytest.raises(CommandError, match="1 came out otherwise: those of participants 2"):
        call_command("replay_draws", study.slug)
    with pytest.raises(CommandError, match="no study 'none'"):
        call_command("replay_draws", "none")
