"""The principles that came of a study: does the person agree? One at a time."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from constitutions.models import Approval, ConstitutionVersion
from constitutions.publishing import version_body
from constitutions.ratification import approve, given_by
from elicitation.models import Study
from frontend.participant.pages import ParticipantPage, place_in

ANSWERS = (
    (Approval.Answer.APPROVE, _lazy("Yes, an AI should do this"), ""),
    (Approval.Answer.DISAPPROVE, _lazy("No, it should not"), ""),
    (Approval.Answer.PASS, _lazy("I’d rather not say"), ""),
)


def newest_version(study: Study) -> ConstitutionVersion | None:
    """Return the newest published version of the study's constitution, if there is one."""
    versions = ConstitutionVersion.objects.filter(constitution__study=study).select_related("constitution")
    return versions.order_by("-published_at", "-number").first()


class PrinciplesView(ParticipantPage):
    """One principle of the newest version; also when the study is closed, since that is when people can look at it."""

    template = "principles.html"
    adds = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = newest_version(self.study)
        if self.participant is not None and found is None:
            return redirect("finish", self.study.slug)
        if found is not None:
            self.version = found
            self.principles = version_body(found)["principles"]
        return super().dispatch(request, *args, **kwargs)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        place = self._place(request)
        if request.POST.get("act") != "skip":
            answer = request.POST.get("answer", "")
            if not answer:
                raise ValidationError(_("Please choose an answer, or skip this one."))
            principle = self.principles[place]["id"]
            reason = request.POST.get("reason", "")
            approve(self.version, self.participant, principle, answer=answer, reason=reason)
        if place + 1 >= len(self.principles):
            return redirect("finish", self.study.slug)
        return redirect(f"{reverse('principles', args=[self.study.slug])}?n={place + 2}")

    def context(self, request: HttpRequest) -> dict[str, Any]:
        place = self._place(request)
        principle = self.principles[place]
        given = given_by(self.participant, self.version).get(principle["id"])
        return {
            "principle": principle,
            "number": place + 1,
            "of": len(self.principles),
            "answers": ANSWERS,
            "given": request.POST.get("answer") or (given.answer if given else ""),
            "reason": request.POST.get("reason", given.reason if given else ""),
        }

    def _place(self, request: HttpRequest) -> int:
        return place_in(request, len(self.principles))
