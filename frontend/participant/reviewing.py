"""Principles that people score without knowing where they come from. One at a time, in an order of one's own."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from constitutions.blind_review import CRITERIA, LEAST, MOST, given_by, items_for, open_of, score
from frontend.participant.pages import ParticipantPage, number_in, place_in


class ReviewView(ParticipantPage):
    """One principle of the open review; also when the study is closed, since that is when there are principles."""

    template = "review.html"
    adds = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.participant is not None:
            found = open_of(self.study)
            self.items = items_for(found, self.participant) if found else []
            if found is None or not self.items:
                return redirect("finish", self.study.slug)
            self.given = given_by(self.participant, found)
        return super().dispatch(request, *args, **kwargs)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        place = self._place(request)
        if request.POST.get("item") != str(self.items[place].id):
            raise ValidationError(_("Something has changed meanwhile. Please look at this principle, then answer."))
        if request.POST.get("act") != "skip":
            scores = {name: number_in(request.POST.get(name, "")) for name in CRITERIA}
            score(self.items[place], self.participant, scores, request.POST.get("comment", ""))
        if place + 1 >= len(self.items):
            return redirect("finish", self.study.slug)
        return redirect(f"{reverse('review-principles', args=[self.study.slug])}?n={place + 2}")

    def context(self, request: HttpRequest) -> dict[str, Any]:
        place = self._place(request)
        item, typed = self.items[place], request.POST
        given = self.given.get(item.id)
        return {
            "item": item,
            "number": place + 1,
            "of": len(self.items),
            "scale": [str(n) for n in range(LEAST, MOST + 1)],
            "criteria": [
                {
                    "name": name,
                    "asked": asked,
                    "low": low,
                    "high": high,
                    "given": typed.get(name) or str(getattr(given, name, "")),
                }
                for name, (_title, asked, low, high) in CRITERIA.items()
            ],
            "comment": typed.get("comment", given.comment if given else ""),
        }

    def _place(self, request: HttpRequest) -> int:
        """Return the place that is asked for, or the first that the person has not scored."""
        waiting = (place for place, item in enumerate(self.items) if item.id not in self.given)
        return place_in(request, len(self.items), next(waiting, 0))
