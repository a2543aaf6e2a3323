"""What people gave, for review: interviews, stories, votes."""

import logging
from math import ceil
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from core.jobs import request_job
from elicitation import interviews, stories
from elicitation.models import Interview, Participant, UpgradeStory, WisdomVote
from elicitation.study_settings import settings_of
from frontend.dashboard.desk import StudyDesk, number_in

logger = logging.getLogger(__name__)
PAGE = 50
# Votes on a pair from which an arrow can be told from chance: 9 of 12 say the same.
ENOUGH_VOTES = 12


class InterviewsView(StudyDesk):
    """Who talked, how far they are, and with whom; never who they are."""

    template = "interviews.html"
    step = "interviews"

    def context(self) -> dict[str, Any]:
        talks = (
            Interview.objects.filter(participant__study=self.study, participant__is_preview=False)
            .select_related("participant", "question", "card")
            .annotate(answers=Count("turns", filter=Q(turns__role="person")))
            .order_by("-created_at")
        )
        return {"page": Paginator(talks, PAGE).get_page(self.request.GET.get("page"))}


class InterviewView(StudyDesk):
    """One talk, word for word, for those who run the study. Reading it is noted in the log."""

    template = "interview.html"
    step = "interviews"

    def context(self) -> dict[str, Any]:
        if not self.may_change():
            raise Http404
        talks = Interview.objects.filter(participant__study=self.study).select_related("participant", "question")
        interview = get_object_or_404(talks, id=self.kwargs["interview"])
        logger.info("user %s read interview %s", self.user.pk, interview.id)
        card = getattr(interview, "card", None)
        quotes = [q["text"] for policy in card.policies for q in policy["quotes"]] if card else []
        return {"interview": interview, "turns": interviews.transcript(interview), "card": card, "quotes": quotes}


class StoriesView(StudyDesk):
    """Pairs of values to judge, to be approved before anyone sees them."""

    template = "stories.html"
    step = "stories"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form, study = request.POST, self.study
        if form.get("act") == "propose":
            request_job(
                "elicitation.propose_stories", {"study": str(study.id)}, scope_key=study.scope_key, user=self.user
            )
            return self.done(_("New pairs are being proposed."), "dashboard:stories", study.slug)
        ids = form.getlist("story")
        chosen = study.stories.filter(number__in=map(number_in, ids))
        if form.get("act") == "approve-all":
            chosen = study.stories.filter(state=UpgradeStory.State.PROPOSED)
        if not chosen:
            raise ValidationError(_("Choose one or more first."))
        if form.get("act") == "archive":
            changed = stories.archive(chosen)
            return self.done(_("%d put away. Votes on them still count.") % changed, "dashboard:stories", study.slug)
        changed = stories.approve(chosen)
        return self.done(_("%d can now be drawn.") % changed, "dashboard:stories", study.slug)

    def context(self) -> dict[str, Any]:
        state = self.request.GET.get("state", "")
        counted = Q(votes__superseded_by=None, votes__participant__is_preview=False)
        found = self.study.stories.select_related("from_value", "to_value", "context").annotate(
            count=Count("votes", filter=counted)
        )
        if state in UpgradeStory.State.values:
            found = found.filter(state=state)
        page = Paginator(found.order_by("state", "number"), PAGE).get_page(self.request.GET.get("page"))
        used = self.study.stories.filter(state=UpgradeStory.State.APPROVED).count()
        each = settings_of(self.study).stories_each
        return {
            "used": used,
            "each": each,
            "people_needed": ceil(used * ENOUGH_VOTES / each) if each else 0,
            "enough": ENOUGH_VOTES,
            "page": page,
            "state": state,
            "states": UpgradeStory.State.choices,
            "waiting": self.study.stories.filter(state=UpgradeStory.State.PROPOSED).count(),
            "job": self.job("elicitation.propose_stories"),
        }


class VotesView(StudyDesk):
    """How people judged: every answer in numbers, and the comments without names."""

    template = "votes.html"
    step = "votes"

    def context(self) -> dict[str, Any]:
        votes = WisdomVote.objects.current().filter(participant__in=Participant.objects.counted(self.study))
        counts = dict(votes.values_list("answer").annotate(n=Count("id")))
        total = sum(counts.values())
        comments = votes.exclude(comment="").select_related("from_value", "to_value", "context").order_by("-id")
        return {
            "answers": [(label, counts.get(answer, 0)) for answer, label in WisdomVote.Answer.choices],
            "total": total,
            "voters": votes.values("participant").distinct().count(),
            "page": Paginator(comments, PAGE).get_page(self.request.GET.get("page")),
        }
