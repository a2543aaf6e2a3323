"""Judging: which of other people's values are good to have, and which are wiser."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext

from elicitation import draws, participation, picks, stories, votes
from elicitation.algorithms.difference import Difference
from elicitation.models import DrawItem, Endorsement, UpgradeStory, WisdomVote
from frontend.participant import walk
from frontend.participant.pages import ParticipantPage, number_in

Item = TypeVar("Item")

# answer, what the tile says, what it means
ANSWERS = (
    (WisdomVote.Answer.UPGRADE, _lazy("Yes, wiser"), _lazy("It covers what the other one cared about, and more.")),
    (WisdomVote.Answer.NO_UPGRADE, _lazy("No, not wiser"), _lazy("Something important got lost.")),
    (WisdomVote.Answer.TOO_SIMILAR, _lazy("Too similar"), _lazy("I see no real difference.")),
    (WisdomVote.Answer.IT_DEPENDS, _lazy("It depends"), _lazy("Both can be right. Tell us on what, if you like.")),
    (WisdomVote.Answer.NOT_SURE, _lazy("I’m not sure"), _lazy("I can’t tell, or I don’t follow.")),
)


class JudgingPage(ParticipantPage):
    """A page on which other people's values are judged: it comes after one's own card, also for who knows its address."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_early = self.participant is not None and participation.step_of_own_card(self.participant)
        return self.onward() if is_early else super().dispatch(request, *args, **kwargs)

    def item_asked_for(self, request: HttpRequest, items: Sequence[Item], is_done: Callable[[Item], bool]) -> Item:
        """Return the item that the form or the address names, else the first that waits for an answer. Raises Http404 for a
        number that there is not."""
        asked = request.POST.get("n") or request.GET.get("n", "")
        number = number_in(asked)
        if number is not None and 0 < number <= len(items):
            return items[number - 1]
        if asked:
            raise Http404
        return next((item for item in items if not is_done(item)), items[0])


class OthersView(JudgingPage):
    """Other people's values about the same question: pick those that would be good to care about."""

    template = "others.html"
    step = "others"

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        if not picks.draw_values(self.participant).exposures.exists():
            return self.onward()
        return super().get(request, slug)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        draw = picks.draw_values(self.participant)
        if request.POST.get("act") == "skip":  # no answer is no "pass": nothing is stored about the values
            draws.complete(draw)
            return self._next()
        shown = {str(e.value.number): e.value_id for e in draw.exposures.select_related("value")}
        picks.save_picks(draw, [shown[number] for number in request.POST.getlist("value") if number in shown])
        return self._next()

    def _next(self) -> HttpResponseBase:
        """Lead on. Who was through before there was any story gets to the stories too, now that they came for values."""
        is_through = participation.next_step(self.participant) == "finish"
        if is_through and draws.count_new(self.participant):
            return redirect("stories", self.study.slug)
        return self.onward()

    def context(self, request: HttpRequest) -> dict[str, Any]:
        draw = picks.draw_values(self.participant)
        shown = [exposure.value for exposure in draw.exposures.select_related("value")]
        picked = draw.endorsements.current().filter(answer=Endorsement.Answer.AGREE)
        least = min(self.settings.picks_least, len(shown))
        lines = [_pick_line(number, least) for number in range(len(shown) + 1)]
        return {
            "values": shown,
            "chosen": request.POST.getlist("value")
            or [str(number) for number in picked.values_list("value__number", flat=True)],
            "least": least,
            "first_line": lines[0],
            "pick_lines": json.dumps(lines),
        }


def _pick_line(picked: int, least: int) -> str:
    """Return what stands above the button when `picked` tiles are picked."""
    if picked < least:
        more = least - picked
        return ngettext("Pick %(n)d more.", "Pick %(n)d more.", more) % {"n": more}
    enough = ngettext("%(n)d picked.", "%(n)d picked.", picked) % {"n": picked}
    return f"{enough} " + (_("That is enough; more is fine.") if picked else _("You can also pick none."))


class StoriesView(JudgingPage):
    """One story at a time: is the second value wiser than the first? The first time, an example comes before."""

    template = "story.html"
    step = "stories"

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        is_through = self._is_through()
        items = self._items()
        if not items or ("n" not in request.GET and is_through):
            return self.onward()
        if "n" not in request.GET and not any(_is_done(item) for item in items):
            return self.show(request, "story_example.html", tells=any(item.story.text for item in items))
        draws.mark_shown(self._item(request, items))
        return super().get(request, slug)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        items = self._items()
        if not items:
            return self.onward()
        item = self._item(request, items)
        if request.POST.get("act") == "skip":
            draws.skip(item)
        else:
            answer, comment = request.POST.get("answer", ""), request.POST.get("comment", "")
            if not answer:
                raise ValidationError(_("Please choose an answer, or skip this one."))
            votes.cast_wisdom_vote(self.participant, item, answer=answer, comment=comment)
        waiting = draws.next_item(item.draw)
        if waiting is None:
            return self.onward()
        return redirect(f"{reverse('stories', args=[self.study.slug])}?n={items.index(waiting) + 1}")

    def context(self, request: HttpRequest) -> dict[str, Any]:
        items = self._items()
        item = self._item(request, items)
        number = items.index(item) + 1
        story = item.story
        found = stories.difference(story)
        sides = [
            {"value": story.from_value, "own": found.only_first, "shared": [first for first, _second in found.shared]},
            {"value": story.to_value, "own": found.only_second, "shared": [second for _first, second in found.shared]},
        ]
        # A story is told from its beginning; of a mere pair either side may come first, so that the place decides nothing.
        if not (story.text or item.from_first):
            sides.reverse()
        given = self.participant.wisdom_votes.current().filter(draw_item=item).first()
        return {
            "item": item,
            "sides": sides,
            "in_short": _in_short(story, found),
            "number": number,
            "of": len(items),
            "answers": ANSWERS,
            "given": request.POST.get("answer") or (given.answer if given else ""),
            "comment": request.POST.get("comment", given.comment if given else ""),
            "stones": walk.stones(
                self.study, "stories", _("story %(number)d of %(of)d") % {"number": number, "of": len(items)}
            ),
        }

    def _is_through(self) -> bool:
        """Whether nothing is left to judge of an open draw: its last stories were taken back before the person came to
        them. It is complete then."""
        draw = draws.draw_stories(self.participant)
        was_open = draw.completed_at is None
        draws.complete_if_through(draw)
        draw.refresh_from_db()
        return was_open and draw.completed_at is not None

    def _items(self) -> list[DrawItem]:
        draw = draws.draw_stories(self.participant)
        return list(draws.items_to_judge(draw))

    def _item(self, request: HttpRequest, items: list[DrawItem]) -> DrawItem:
        return self.item_asked_for(request, items, _is_done)


def _in_short(story: UpgradeStory, found: Difference) -> str:
    """Return in plain words what the two cards share and what only one of them looks for."""
    names = {"first": story.from_value.title, "second": story.to_value.title}
    shared, first, second = len(found.shared), len(found.only_first), len(found.only_second)
    if not shared:
        return _("They look for different things: no line of one is like a line of the other.")
    told = ngettext(
        "They share %(n)d line, in these or other words.", "They share %(n)d lines, in these or other words.", shared
    )
    lines = [told % {"n": shared}]
    if not (first or second):
        lines.append(_("No line stands in only one of them."))
    for more, title in ((first, names["first"]), (second, names["second"])):
        if more:
            only = ngettext("Only “%(title)s” has %(n)d more.", "Only “%(title)s” has %(n)d more.", more)
            lines.append(only % {"title": title, "n": more})
        elif first or second:
            lines.append(_("“%(title)s” has nothing that the other lacks.") % {"title": title})
    return " ".join(lines)


def _is_done(item: DrawItem) -> bool:
    return item.skipped_at is not None or item.votes.exists()
