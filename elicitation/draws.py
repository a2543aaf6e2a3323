"""What to show whom next. A draw is stored when it is made, and answers are accepted only for its items."""

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils import timezone

from elicitation import deduplication
from elicitation.algorithms.selection import StoryOption, choose_stories
from elicitation.models import Draw, DrawItem, Participant, UpgradeStory, WisdomVote
from elicitation.participation import hold
from elicitation.study_settings import settings_of


def seed_of(participant: Participant, kind: str) -> int:
    """Return the seed of a person's draw, from their number in the study, so that a draw can be replayed."""
    return participant.number * 2 + (kind == Draw.Kind.STORIES)


def draw_stories(participant: Participant) -> Draw:
    """Return the person's stories, drawn now if they were not. The draw is empty where no story can be asked.

    Never drawn: stories that are not approved, that join values which count as one or are archived, or whose pair the
    person has judged in that context.
    """
    drawn = Draw.objects.filter(participant=participant, kind=Draw.Kind.STORIES).order_by("created_at").last()
    if drawn is not None:
        return drawn
    study = participant.study
    seed = seed_of(participant, Draw.Kind.STORIES)
    rng = np.random.default_rng(seed)
    projection = deduplication.projection(study)
    judged = set(
        WisdomVote.objects.filter(participant=participant).values_list("from_value_id", "to_value_id", "context_id")
    )
    votes = dict(
        WisdomVote.objects.current()
        .filter(study=study, participant__in=Participant.objects.counted(study))
        .values_list("story_id")
        .annotate(Count("id"))
    )
    stories = (
        UpgradeStory.objects.filter(study=study, state=UpgradeStory.State.APPROVED)
        .exclude(Q(from_value__is_archived=True) | Q(to_value__is_archived=True))
        .select_related("from_value", "to_value", "context")
        .prefetch_related("context__questions")
        .order_by("number")
    )
    by_number: dict[int, UpgradeStory] = {}
    options = []
    for story in stories:
        pair = tuple(projection.get(v, v) for v in (story.from_value_id, story.to_value_id))
        if pair[0] == pair[1] or (story.from_value_id, story.to_value_id, story.context_id) in judged:
            continue
        by_number[story.number] = story
        asked_about = {question.id for question in story.context.questions.all()}
        near = participant.question_id is None or not asked_about or participant.question_id in asked_about
        options.append(StoryOption(story.number, (pair[0], pair[1]), votes.get(story.id, 0), near))
    chosen = choose_stories(options, how_many=settings_of(study).stories_each, rng=rng)
    sides = rng.random(len(chosen)) < 0.5
    try:
        with transaction.atomic():
            hold(participant)
            draw = Draw.objects.create(
                participant=participant, kind=Draw.Kind.STORIES, question=participant.question, seed=seed
            )
            DrawItem.objects.bulk_create(
                [
                    DrawItem(draw=draw, position=place, story=by_number[number], from_first=bool(sides[place]))
                    for place, number in enumerate(chosen)
                ]
            )
            return draw
    except IntegrityError:  # another tab drew at the same moment
        return Draw.objects.get(participant=participant, kind=Draw.Kind.STORIES, completed_at=None)


def mark_shown(item: DrawItem) -> None:
    """Note that the person saw this story, the first time they do."""
    DrawItem.objects.filter(id=item.id, shown_at=None).update(shown_at=timezone.now())


def skip(item: DrawItem) -> None:
    """Note that the person went on without an answer; they may come back to it."""
    DrawItem.objects.filter(id=item.id).update(skipped_at=timezone.now())
    if next_item(item.draw) is None:
        complete(item.draw)


def next_item(draw: Draw) -> DrawItem | None:
    """Return the first story that was neither answered nor skipped, or None when all were."""
    return draw.items.filter(votes=None, skipped_at=None).select_related("story").order_by("position").first()


def complete(draw: Draw) -> None:
    """Note that the person is through with a draw. Answers can still be changed."""
    Draw.objects.filter(id=draw.id, completed_at=None).update(completed_at=timezone.now())
