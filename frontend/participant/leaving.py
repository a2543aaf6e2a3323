"""Leaving: where one's value stands, how it was, one's data, a way back, and taking everything back."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from constitutions.blind_review import open_of
from constitutions.models import Constitution
from core.access import NOBODY
from elicitation import draws, participation, personal_data, picks, withdrawal
from elicitation.models import DrawItem, Exposure, Participant, Study
from frontend.participant import verifying
from frontend.participant.approving import newest_version
from frontend.participant.pages import RETURN_COOKIE, ParticipantPage, forget, number_in, remember
from frontend.participant.standing import standing_of


class FinishView(ParticipantPage):
    """Where my value stands, the completion code, a few questions about how it was, and what becomes of my data."""

    template = "finish.html"
    step = "finish"
    adds = False

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        is_through = participation.next_step(self.participant) == "finish"
        if not is_through and self.study.state == Study.State.OPEN:
            return self.onward()
        return super().get(request, slug)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        if "kind" in request.POST:
            verifying.say(self.participant, request.POST)
            place = "same" if request.POST["kind"] == "same_card" else "place"
            return redirect(f"{reverse('finish', args=[self.study.slug])}#{place}")
        given = {q.key: number_in(request.POST.get(f"exit_{q.key}", "")) for q in self.settings.exit_questions}
        participation.save_exit_answers(self.participant, {key: n for key, n in given.items() if n is not None})
        return redirect(f"{reverse('finish', args=[self.study.slug])}#how")

    def context(self, request: HttpRequest) -> dict[str, Any]:
        takes_answers = self.study.state == Study.State.OPEN or self.participant.is_preview
        people = Participant.objects.counted(self.study).filter(finished_at__isnull=False).count()
        return {
            "people": people,
            "has_principles": newest_version(self.study) is not None,
            "has_review": open_of(self.study) is not None,
            "completion_code": self.settings.completion_code if self.participant.finished_at else "",
            "exit_given": self.participant.exit_answers,
            "standing": standing_of(self.participant),
            **verifying.asked_of(self.participant),
            "has_picks": Exposure.objects.filter(draw__participant=self.participant).exists(),
            "has_stories": DrawItem.objects.filter(draw__participant=self.participant).exists(),
            "new_values": picks.count_new(self.participant) if takes_answers else 0,
            "new_stories": draws.count_new(self.participant) if takes_answers else 0,
            "constitutions": Constitution.objects.shown_to(NOBODY).filter(study=self.study),
        }


class SaveAndLeaveView(ParticipantPage):
    """Everything is saved: the return code, and a way to be forgotten by this device."""

    template = "save_and_leave.html"
    adds = False

    def act(self, request: HttpRequest) -> HttpResponseBase:
        if request.POST.get("act") == "new-code":
            joined = participation.new_return_code(self.participant)
            return remember(redirect("save-and-leave", self.study.slug), joined)
        return forget(redirect(f"{reverse('home')}?forgotten"), self.study)

    def context(self, request: HttpRequest) -> dict[str, Any]:
        code = request.COOKIES.get(RETURN_COOKIE, "")
        # In the fragment the code is never sent to a server, so that no log has it.
        link = request.build_absolute_uri(reverse("back"))
        return {"return_code": code, "return_link": f"{link}#{code}"}


class MyDataView(ParticipantPage):
    """Everything that is kept about the person, as a file."""

    adds = False

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        response = JsonResponse(
            personal_data.collect(self.participant), json_dumps_params={"indent": 2, "ensure_ascii": False}
        )
        response["Content-Disposition"] = f'attachment; filename="folkmoot-{self.study.slug}-my-data.json"'
        return response


class WithdrawView(ParticipantPage):
    """Take everything back, or only the talk; said beforehand: what that can't undo."""

    template = "withdraw.html"
    adds = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.participant is None and "done" in request.GET:
            return self.state_page(request, "withdrawn.html")
        return super().dispatch(request, *args, **kwargs)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        if request.POST.get("act") == "talk":
            withdrawal.delete_talk(self.participant)
            return redirect(f"{reverse('withdraw', args=[self.study.slug])}?talk")
        if request.POST.get("sure") != "yes":
            raise ValidationError(_("Please tick that you want everything to be deleted."))
        withdrawal.withdraw(self.participant)
        return forget(redirect(f"{reverse('withdraw', args=[self.study.slug])}?done"), self.study)

    def context(self, request: HttpRequest) -> dict[str, Any]:
        has_talk = self.participant.interviews.filter(turns__role="person").exists()
        return {"has_talk": has_talk, "talk_is_gone": not has_talk and "talk" in request.GET}
