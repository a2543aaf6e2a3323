"""What a person is told about the lines of their card: friendly, never in the way, never a blame."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from elicitation.algorithms import lints as rules

_MESSAGES = {
    "title_length": gettext_lazy("A name of two to six words is easiest to remember."),
    "few": gettext_lazy("Most cards have three to seven lines. Is there something else you look for?"),
    "many": gettext_lazy("That is a lot to look for at once. Which lines matter most?"),
    "no_capitals": gettext_lazy(
        "Which things do you look for in “%(line)s”? Try to begin with them, in capitals: MOMENTS when …"
    ),
    "not_plural": gettext_lazy("“%(words)s” sounds like just one. Do you look for it more than once?"),
    "avoids": gettext_lazy("“%(line)s” says what to stay away from. What would you look for instead?"),
    "vague": gettext_lazy("“%(line)s” is a little wide. Which “%(words)s” do you mean?"),
    "vague_thing": gettext_lazy("“%(line)s” is a little wide. Which thing?"),
    "long_line": gettext_lazy("“%(line)s” is long. Could it be two lines?"),
    "should": gettext_lazy("Is “%(line)s” something you want to look for, or something others expect?"),
    "hard_word": gettext_lazy("“%(words)s” is a long word. Is there a shorter one?"),
    "name": gettext_lazy("“%(words)s” looks like a name, and others will see it. Could it be “a friend”?"),
    "contact": gettext_lazy("“%(words)s” could tell others who someone is. Better to leave it out."),
    "twice": gettext_lazy("“%(line)s” says nearly the same as “%(words)s”. Is one enough?"),
}
_THINGS = frozenset({"thing", "things", "stuff", "something", "anything", "everything"})
_MOST_SHOWN = 60


class Lint(NamedTuple):
    """One thing worth another look; it never stands in the way. `where` is "title", "policies" or "policies.2"."""

    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return self.message


def lint_card(
    title: str,
    description: str,
    policies: Sequence[Mapping[str, object]],
    *,
    said: Sequence[str] = (),
    language: str = "en",
) -> list[Lint]:
    """Return what is worth another look in a card, in words for its author; `said` is what they wrote in the talk.

    Of each line only the first finding is told, so that nobody is buried in advice. `policies` are as a card stores
    them; a line that no words of the person stand behind is told too, if any line has such words.
    """
    texts = [str(policy["text"]) for policy in policies]
    lines = {f"policies.{place}": text for place, text in enumerate(texts)} | {"title": title}
    told: dict[str, Lint] = {}
    for finding in rules.lint_card(title, description, texts, said=said, language=language):
        code = "vague_thing" if finding.code == "vague" and finding.words.lower() in _THINGS else finding.code
        shown = {"line": _short(lines.get(finding.where, "")), "words": _short(finding.words)}
        told.setdefault(finding.where, Lint(finding.code, finding.where, _MESSAGES[code] % shown))
    if any(policy.get("quotes") for policy in policies):
        for place, policy in enumerate(policies):
            if not policy.get("quotes"):
                message = _("We found no words of yours behind “%(line)s”. Is it yours?") % {
                    "line": _short(texts[place])
                }
                told.setdefault(f"policies.{place}", Lint("no_quote", f"policies.{place}", message))
    order = ["title", "description", "policies", *lines]
    return sorted(told.values(), key=lambda lint: order.index(lint.where))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1].rstrip() + "…"
