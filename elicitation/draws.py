"""What to show whom next. A draw is stored when it is made, and answers are accepted only for its items.

Stored are also the rule, the seed and what the draw stood on, so that it can be made again from the stored votes (`replay`).
"""

import hashlib
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from elicitation.algorithms.selection import RULE, Chosen, DrawRule, choose_stories
from elicitation.models import DeduplicationRun, Draw, DrawItem, Participant, StoryPool, UpgradeStory
from elicitation.participation import hold
from elicitation.story_options import Moment, Options, count_votes, moment_now, newest_counts, options_of
from elicitation.study_settings import settings_of


class CannotReplay(Exception):
    """Why a draw can't be made again: what it stood on is not there any more."""


class Choice(NamedTuple):
    """What was chosen for a person, and all that it can be replayed from."""

    chosen: list[Chosen]
    options: Options
    rule: dict[str, Any]
    basis: dict[str, Any]


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

    The draw stays empty where no story can be asked, and is filled when the person comes back and there are some.
    """
    draw = find(participant, Draw.Kind.STORIES)
    if draw is not None and draw.items.exists():
        return draw
    choice = _choose(participant)
    if draw is not None and not choice.chosen:
        return draw
    with transaction.atomic():
        draw = row_to_fill(participant, Draw.Kind.STORIES)
        if choice.chosen and not draw.items.exists():  # else another window drew at the same moment
            _fill(draw, choice)
    return draw


def _fill(draw: Draw, choice: Choice) -> None:
    study = draw.participant.study
    numbers = choice.options.in_use
    pool = {"study": study, "sha256": hashlib.sha256(np.array(numbers, dtype="<i8").tobytes()).hexdigest()}
    draw.pool, _made = StoryPool.objects.defer("numbers").get_or_create(**pool, defaults={"numbers": numbers})
    draw.rule, draw.basis = choice.rule, choice.basis
    draw.save(update_fields=["pool", "rule", "basis"])
    keys = [chosen.key for chosen in choice.chosen]
    stories = {story.number: story for story in UpgradeStory.objects.filter(study=study, number__in=keys)}
    shown = ("asked", "wiser", "decided")
    DrawItem.objects.bulk_create(
        [
            DrawItem(
                draw=draw,
                position=position,
                story=stories[chosen.key],
                from_first=chosen.from_first,
                why=chosen.why,
                counts={name: int(getattr(choice.options.stories, name)[chosen.place]) for name in shown},
            )
            for position, chosen in enumerate(choice.chosen)
        ]
    )


def count_new(participant: Participant) -> int:
    """Return how many stories would be drawn for someone who has none yet; 0 for those who have some."""
    draw = find(participant, Draw.Kind.STORIES)
    return 0 if draw is not None and draw.items.exists() else len(_choose(participant).chosen)


def _choose(participant: Participant) -> Choice:
    """Choose among the stories that fit the person now."""
    counts = newest_counts(participant.study)
    moment = moment_now(participant.study, counts)
    options = options_of(participant, participant.question_id, moment, counts)
    wanted = settings_of(participant.study).stories_each
    seed = seed_of(participant, Draw.Kind.STORIES)
    chosen = choose_stories(options.stories, how_many=wanted, rng=np.random.default_rng(seed), rule=RULE)
    basis = moment._asdict() | {"options_sha256": options.stories.sha256}
    return Choice(chosen, options, RULE.stored() | {"wanted": wanted}, basis)


def replay(draw: Draw) -> list[tuple[int, bool, str]]:
    """Make a stored draw of stories again, from the votes that there were then: each story by its number, whether its first
    value is shown first, and why it is asked. Equal to `items_of` the draw, whatever was voted, approved or merged since.

    Raises CannotReplay where what the draw stood on is gone: votes that their people took back, a story, value or run that
    was deleted, a context that was moved to another question. Nothing is guessed then.
    """
    if draw.pool is None or not draw.basis:
        raise CannotReplay(_("It was stored without what it stood on: it is imported, or older than this record."))
    stood = dict(draw.basis)
    digest = stood.pop("options_sha256")
    moment = Moment(**stood)
    study = draw.participant.study
    if moment.run and not DeduplicationRun.objects.filter(study=study, number=moment.run).exists():
        raise CannotReplay(_("The grouping of values that it stood on is gone."))
    counts = count_votes(study, moment.last_vote)
    options = options_of(draw.participant, draw.question_id, moment, counts, draw.pool.numbers)
    if options.stories.sha256 != digest:
        if counts.withdrawals > moment.withdrawals:
            raise CannotReplay(_("Someone took back answers that it stood on."))
        raise CannotReplay(
            _("A situation moved to another question since, or a vote was stored at the very same moment.")
        )
    told = dict(draw.rule)
    wanted = told.pop("wanted")
    rng = np.random.default_rng(draw.seed)
    chosen = choose_stories(options.stories, how_many=wanted, rng=rng, rule=DrawRule(**told))
    return [(one.key, one.from_first, one.why) for one in chosen]


def items_of(draw: Draw) -> list[tuple[int, bool, str]]:
    """Return a draw's stored stories as `replay` gives them."""
    return list(draw.items.order_by("position").values_list("story__number", "from_first", "why"))


def mark_shown(item: DrawItem) -> None:
    """Note that the person saw this story, the first time they do."""
    DrawItem.objects.filter(id=item.id, shown_at=None).update(shown_at=timezone.now())


def skip(item: DrawItem) -> None:
    """Note that the person went on without an answer; they may come back to it."""
    DrawItem.objects.filter(id=item.id).update(skipped_at=timezone.now())
    complete_if_through(item.draw)


def items_to_judge(draw: Draw) -> QuerySet[DrawItem]:
    """Return a draw's stories in order, without those of a value that was taken back since: its words are gone."""
    there = draw.items.filter(story__from_value__is_archived=False, story__to_value__is_archived=False)
    return there.select_related("story__from_value", "story__to_value", "story__context").order_by("position")


def next_item(draw: Draw) -> DrawItem | None:
    """Return the first story that was neither answered nor skipped, or None when all were."""
    return items_to_judge(draw).filter(votes=None, skipped_at=None).first()


def complete_if_through(draw: Draw) -> None:
    """Complete a draw of stories of which none is left to judge."""
    if draw.items.exists() and next_item(draw) is None:
        complete(draw)


def complete(draw: Draw) -> None:
    """Note that the person is through with a draw. Answers can still be changed."""
    Draw.objects.filter(id=draw.id, completed_at=None).update(completed_at=timezone.now())
