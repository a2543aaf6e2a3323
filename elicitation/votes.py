"""The wisdom vote: is the second value wiser than the first, in this context?"""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.problems import Conflict
from core.text import clean_text
from elicitation.draws import complete_if_through
from elicitation.models import CanonicalValue, DrawItem, Participant, WisdomVote
from elicitation.participation import hold, must_be_open

MOST_COMMENT = 4000


def cast_wisdom_vote(participant: Participant, item: DrawItem, *, answer: str, comment: str = "") -> WisdomVote:
    """Store the person's answer to a story of their own draw. A second answer supersedes the first; both stay.

    Raises ValidationError for a story of someone else's draw, an answer that does not exist or a comment that cannot
    be stored; Problem if the study is not open or the person has left it; Conflict if two answers race, or if one of the
    values was taken back since it was drawn.
    """
    must_be_open(participant)
    if item.draw.participant_id != participant.id:
        raise ValidationError({"story": _("This story was not drawn for you.")})
    if answer not in WisdomVote.Answer.values:
        answers = ", ".join(WisdomVote.Answer.values)
        raise ValidationError({"answer": _("Choose one of: %(answers)s.") % {"answers": answers}})
    comment = clean_text(comment, field="comment", most=MOST_COMMENT).strip()
    story = item.story
    if CanonicalValue.objects.filter(id__in=(story.from_value_id, story.to_value_id), is_archived=True).exists():
        complete_if_through(item.draw)
        raise Conflict(_("One of these two values is not there any more"), _("Please go on with the next story."))
    mine = WisdomVote.objects.current().filter(
        participant=participant,
        from_value_id=story.from_value_id,
        to_value_id=story.to_value_id,
        context_id=story.context_id,
    )
    try:
        with transaction.atomic():
            hold(participant)
            before = mine.first()
            if before is not None and (before.answer, before.comment) == (answer, comment):
                return before
            vote = WisdomVote.objects.create(
                study_id=participant.study_id,
                participant=participant,
                story=story,
                draw_item=item,
                from_value_id=story.from_value_id,
                to_value_id=story.to_value_id,
                context_id=story.context_id,
                answer=answer,
                comment=comment,
                supersedes=before,
                run_label=story.run_label,
                voted_at=timezone.now(),
            )
            DrawItem.objects.filter(id=item.id).update(skipped_at=None)
            complete_if_through(item.draw)
            return vote
    except IntegrityError:
        now = mine.first()
        if now is not None and (now.answer, now.comment) == (answer, comment):
            return now  # a double tap, and the first one was stored
        raise Conflict(
            _("You answered this story in another window at the same moment"), _("Reload to see which answer is kept.")
        ) from None
