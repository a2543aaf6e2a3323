"""Two texts side by side: which is better? One pair at a time, blind; the order of the sides was drawn before."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from elicitation import arena
from elicitation.models import Annotation, ShownComparison
from frontend.participant import walk
from frontend.participant.judging import JudgingPage

SIDES = {"ab": ("a", "b"), "ba": ("b", "a")}
FOLDED_FROM = 900  # characters of a text


class CompareView(JudgingPage):
    """One pair of texts. An answer can be changed by going back."""

    template = "compare.html"
    step = "compare"

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        items = arena.pairs_of(self.participant)
        if not items or ("n" not in request.GET and all(map(arena.is_done, items))):
            return self.onward()
        arena.see(self._item(request, items))
        return super().get(request, slug)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        items = arena.pairs_of(self.participant)
        if not items:
            return self.onward()
        item = self._item(request, items)
        if request.POST.get("act") == "skip":
            arena.skip(item)
        else:
            self._judge(request, item)
        waiting = next((other for other in items if other.id != item.id and not arena.is_done(other)), None)
        if waiting is None:
            return self.onward()
        return redirect(f"{reverse('compare', args=[self.study.slug])}?n={waiting.place}")

    def _judge(self, request: HttpRequest, item: ShownComparison) -> None:
        said = request.POST.get("answer", "")
        if not said:
            raise ValidationError(_("Please choose an answer, or skip this one."))
        names = dict(zip(("first", "second"), SIDES[item.order_shown], strict=True))
        dimensions = {
            dimension.key: names.get(answer, answer)
            for dimension in self.settings.dimensions
            if (answer := request.POST.get(f"by_{dimension.key}", ""))
        }
        arena.judge(item, answer=names.get(said, said), reason=request.POST.get("reason", ""), dimensions=dimensions)

    def context(self, request: HttpRequest) -> dict[str, Any]:
        items = arena.pairs_of(self.participant)
        item = self._item(request, items)
        comparison, sides = item.comparison, SIDES[item.order_shown]
        texts = {"a": comparison.text_a, "b": comparison.text_b}
        given = (
            Annotation.objects.current().filter(comparison=comparison, annotator__participant=self.participant).first()
        )
        said = dict(zip(sides, ("first", "second"), strict=True))
        by_dimension = {d.dimension: said.get(d.answer, d.answer) for d in given.dimensions.all()} if given else {}
        told = {"number": item.place, "of": len(items)}
        return {
            "item": item,
            "comparison": comparison,
            "sides": [
                {"name": name, "text": texts[side], "is_long": len(texts[side]) > FOLDED_FROM}
                for name, side in zip((_("First"), _("Second")), sides, strict=True)
            ],
            "answers": (
                ("first", _("The first"), _("It is better.")),
                ("second", _("The second"), _("It is better.")),
                ("tie", _("Both are as good"), ""),
                ("both_bad", _("Neither is good"), ""),
            ),
            "given": request.POST.get("answer") or (said.get(given.answer, given.answer) if given else ""),
            "reason": request.POST.get("reason", given.reason if given else ""),
            "dimensions": [
                {"key": d.key, "label": d.label, "given": request.POST.get(f"by_{d.key}", by_dimension.get(d.key, ""))}
                for d in self.settings.dimensions
            ],
            "number": item.place,
            "of": len(items),
            "stones": walk.stones(self.study, "compare", _("pair %(number)d of %(of)d") % told),
        }

    def _item(self, request: HttpRequest, items: list[ShownComparison]) -> ShownComparison:
        return self.item_asked_for(request, items, arena.is_done)
