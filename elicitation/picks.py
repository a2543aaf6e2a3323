"""Which of other people's values are wise? A draw of values is shown, and picking one is agreeing with it."""

from collections.abc import Collection

import numpy as np
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from elicitation import deduplication
from elicitation.algorithms.selection import choose_values
from elicitation.draws import complete, find, row_to_fill, seed_of
from elicitation.models import CanonicalValue, Draw, Endorsement, Exposure, Participant, ValueMember
from elicitation.participation import hold, must_be_open
from elicitation.study_settings import settings_of
from elicitation.values import counted_values

RULE = "own question first, least shown first"


def draw_values(participant: Participant) -> Draw:
    """Return the values of others that this person is shown, drawn now if they were not.

    Values told about the person's own question come first, and of those the least shown. A person is never shown their
    own value, nor one that theirs was merged into. Where nobody else has a value yet the draw stays empty, and is filled
    when the person comes back and there are some.
    """
    draw = find(participant, Draw.Kind.PICKS)
    if draw is not None and draw.exposures.exists():
        return draw
    chosen = _choose(participant)
    if draw is not None and not chosen:
        return draw
    with transaction.atomic():
        draw = row_to_fill(participant, Draw.Kind.PICKS)
        if not draw.exposures.exists():  # else another window drew at the same moment
            draw.rule = {"name": RULE, "wanted": settings_of(participant.study).picks_shown}
            draw.save(update_fields=["rule"])
            now = timezone.now()
            Exposure.objects.bulk_create(
                [Exposure(draw=draw, position=place, value=value, shown_at=now) for place, value in enumerate(chosen)]
            )
    return draw


def count_new(participant: Participant) -> int:
    """Return how many values of others would be drawn for someone who was shown none yet; 0 for those who were."""
    draw = find(participant, Draw.Kind.PICKS)
    return 0 if draw is not None and draw.exposures.exists() else len(_choose(participant))


def _choose(participant: Participant) -> list[CanonicalValue]:
    """Return the values that fit the person now, in the order in which they are shown."""
    study = participant.study
    projection = deduplication.projection(study)
    own = ValueMember.objects.filter(run__study=study, run__is_active=True, card__participant=participant)
    mine = {projection.get(value, value) for value in own.values_list("value_id", flat=True)}
    shown = dict(
        Exposure.objects.filter(value__study=study).values_list("value_id").annotate(Count("id")).order_by("value_id")
    )
    values = {v.number: v for v in counted_values(study) if v.id not in mine}
    fitting = frozenset(n for n, v in values.items() if v.question_id == participant.question_id)
    chosen = choose_values(
        {number: shown.get(value.id, 0) for number, value in values.items()},
        how_many=settings_of(study).picks_shown,
        rng=np.random.default_rng(seed_of(participant, Draw.Kind.PICKS)),
        preferred=fitting,
    )
    return [values[number] for number in chosen]


def save_picks(draw: Draw, picked: Collection[int]) -> list[Endorsement]:
    """Store which of the shown values (by id) the person picks: agree for those, pass for the others.

    Sent again with other picks, the newer answer counts and the older stays. Raises ValidationError for a value that
    was not shown, or for fewer picks than the study asks for, and Problem if the study is not open.
    """
    must_be_open(draw.participant)
    shown = dict(draw.exposures.order_by("position").values_list("value_id", "position"))
    if unknown := set(picked) - set(shown):
        raise ValidationError({"picked": _("Value %(id)s was not shown to you.") % {"id": min(unknown)}})
    least = min(settings_of(draw.participant.study).picks_least, len(shown))
    if len(set(picked)) < least:
        raise ValidationError({"picked": _("Please pick %(least)d or more.") % {"least": least}})
    with transaction.atomic():
        hold(draw.participant)
        current = {e.value_id: e for e in Endorsement.objects.current().filter(draw=draw)}
        made = []
        for value_id in shown:
            answer = Endorsement.Answer.AGREE if value_id in picked else Endorsement.Answer.PASS
            before = current.get(value_id)
            if before is None or before.answer != answer:
                made.append(
                    Endorsement.objects.create(
                        participant=draw.participant,
                        value_id=value_id,
                        draw=draw,
                        question=draw.question,
                        answer=answer,
                        supersedes=before,
                    )
                )
        complete(draw)
    return made
