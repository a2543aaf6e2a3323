"""One upgrade story under review, and a story that someone of the study's team writes."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from elicitation import stories
from elicitation.models import UpgradeStory
from elicitation.values import counted_values
from frontend.dashboard.desk import StudyDesk, number_in

# What a model means by the grade that it gives its own story (elicitation/prompts/upgrade_story.md).
GRADES = {
    "A": _lazy("Most people would call it growth, and nothing of the first is lost."),
    "B": _lazy("Growth, but for one weak line."),
    "C": _lazy("Only another taste."),
    "D": _lazy("More is lost than found. Put away at once."),
    "F": _lazy("A step back, or the two have nothing to do with each other. Put away at once."),
}
MOST_LISTED = 500  # values among which a field offers to choose


class StoryView(StudyDesk):
    """A story with its two cards, what became of each line, and its grade: to be used, changed or put away."""

    template = "story.html"
    step = "stories"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        story, form = self._story(), request.POST
        if form.get("act") not in ("save", "approve", "archive"):
            raise ValidationError(_("Nothing was changed."))
        if form["act"] != "archive" and "text" in form and form["text"].replace("\r\n", "\n").strip() != story.text:
            stories.edit_text(story, form["text"])
        if form["act"] == "save":
            return self.done(_("The words are saved."), "dashboard:story", self.study.slug, story.number)
        if form["act"] == "approve":
            stories.approve([story])
            told = _("Story %d can now be drawn.") % story.number
        else:
            stories.archive([story])
            told = _("Story %d is put away. Votes on it still count.") % story.number
        following = self._following(story)
        if following is None:
            return self.done(told, "dashboard:stories", self.study.slug)
        return self.done(told, "dashboard:story", self.study.slug, following.number)

    def context(self) -> dict[str, Any]:
        story = self._story()
        return {
            "story": story,
            "grade": GRADES.get(story.grade, ""),
            "difference": stories.difference(story),
            "may_edit": stories.may_edit(story),
            "most": stories.MOST_TEXT,
            "waiting": self.study.stories.filter(state=UpgradeStory.State.PROPOSED).count(),
            "following": self._following(story),
        }

    def _story(self) -> UpgradeStory:
        found = self.study.stories.select_related("from_value", "to_value", "context")
        return get_object_or_404(found, number=min(self.kwargs["number"], 2**31 - 1))

    def _following(self, story: UpgradeStory) -> UpgradeStory | None:
        """Return the next story that waits for review, from the beginning again after the last."""
        waiting = self.study.stories.filter(state=UpgradeStory.State.PROPOSED).exclude(id=story.id).order_by("number")
        return waiting.filter(number__gt=story.number).first() or waiting.first()


class NewStoryView(StudyDesk):
    """A story by hand, between two values of the study in one situation."""

    template = "new_story.html"
    step = "stories"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form = request.POST
        values = {
            name: self.study.values.filter(number=number_in(form.get(name, ""))).first()
            for name in ("from_value", "to_value")
        }
        context = self.study.contexts.filter(number=number_in(form.get("context", ""))).first()
        made = stories.write_story(self.study, values["from_value"], values["to_value"], context, form.get("text", ""))
        told = _("Story %d is written and can be drawn.") % made.number
        return self.done(told, "dashboard:story", self.study.slug, made.number)

    def context(self) -> dict[str, Any]:
        given = self.request.POST or self.request.GET
        values = counted_values(self.study).order_by("number")
        return {
            "values": values[:MOST_LISTED],
            "contexts": self.study.contexts.all(),
            "most": stories.MOST_TEXT,
            "given": {name: given.get(name, "") for name in ("from_value", "to_value", "context", "text")},
        }
