"""What to show whom next. A draw is stored when it is made, and answers are accepted only for its items."""

import numpy as np
from django.db import transaction
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


def find(participant: Participant, kind: str) -> Draw | None:
    """Return what was drawn for the person, or None if nothing was drawn yet."""
    return Draw.objects.filter(participant=participant, kind=kind).order_by("created_at").last()


def row_to_fill(participant: Participant, kind: str) -> Draw:
    """Within a transaction: keep the person's other windows from drawing, and return their one draw of a kind.

    It is made now if there was none. One that was empty, for want of anything to judge, is open again.
    """
    hold(participant)
    draw = find(participant, kind)
    if draw is None:
        seed = seed_of(participant, kind)
        return Draw.objects.create(participant=participant, kind=kind, question=participant.question, seed=seed)
    if not (draw.items.exists() or draw.exposures.exists()):
        draw.question, draw.completed_at = participant.question, None
        draw.save(update_fields=["question", "completed_at"])
    return draw


def draw_stories(participant: Participant) -> Draw:
    """Return the person's stories, drawn now if they were not.

    The draw stays empty where no story can be asked, and is filled when the person comes back and there are some. Never
    drawn: stories that are not approved, that join values which count as one or are archived, or whose pair the person
    has judged in that context.
    """
    draw = find(participant, Draw.Kind.STORIES)
    if draw is not None and draw.items.exists():
        return draw
    chosen = _choose(participant)
    if draw is not None and not chosen:
        return draw
    with transaction.atomic():
        draw = row_to_fill(participant, Draw.Kind.STORIES)
        if not draw.items.exists():  # else another window drew at the same moment
            DrawItem.objects.bulk_create(
                [
                    DrawItem(draw=draw, position=place, story=story, from_first=from_first)
                    for place, (story, from_first) in enumerate(chosen)
                ]
            )
    return draw


def count_new(participant: Participant) -> int:
    """Return how many stories would be drawn for someone who has none yet; 0 for those who have some."""
    draw = find(participant, Draw.Kind.STORIES)
    return 0 if draw is not None and draw.items.exists() else len(_choose(participant))


def _choose(participant: Participant) -> list[tuple[UpgradeStory, bool]]:
    """Return the stories that fit the person now, each with whether its first value is shown first."""
    study = participant.study
    rng = np.random.default_rng(seed_of(participant, Draw.Kind.STORIES))
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
    return [(by_number[number], bool(side)) for number, side in zip(chosen, sides, strict=True)]


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
