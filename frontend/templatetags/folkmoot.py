"""What the templates draw and how they show words, numbers and a model's text. Geometry is SVG attributes, so that the
Content-Security-Policy needs no inline styles."""

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any

import nh3
from django import template
from django.utils.formats import date_format, number_format
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt

from constitutions.algorithms.features import spans
from elicitation.algorithms.norms import LABELS
from frontend.icons import ICONS
from frontend.norm_words import label_of, title_of
from graphs.drawing import shape_of

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw a line icon. It is decoration: the words beside it carry the meaning."""
    return format_html('<svg class="ic" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>', ICONS[name])


@register.simple_tag
def seal(policies: int) -> SafeString:
    """Draw a card's seal: one dot for each policy, evenly round the ring."""
    angles = [2 * math.pi * i / policies for i in range(policies)]
    dots = ((f"{16 + 8.5 * math.sin(a):.1f}", f"{16 - 8.5 * math.cos(a):.1f}") for a in angles)
    return format_html(
        '<svg class="seal" viewBox="0 0 32 32" aria-hidden="true">'
        '<circle class="ring" cx="16" cy="16" r="15"/>{}</svg>',
        format_html_join("", '<circle cx="{}" cy="{}" r="2.6"/>', dots),
    )


@register.simple_tag
def iv(
    low: float, high: float, at: float, *, label: str = "", kind: str = "", least: float = 0, even: bool = True
) -> SafeString:
    """Draw an interval bar on the scale from `least` to 1.

    The band runs from `low` to `high`, a tick stands at what was counted, and a dashed line in the middle where `even`.
    `kind` "weak" draws the band dashed (it crosses even); "g1" … "g5" give it a group's colour. Without a `label` the
    bar is decoration, for where the numbers stand beside it.
    """
    x_low, x_high, x_at = (f"{100 * (min(max(x, least), 1) - least) / (1 - least):.1f}" for x in (low, high, at))
    said = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    middle = mark_safe('<path class="mid" d="M50 0v10"/>') if even else ""
    return format_html(
        '<svg class="iv {}" viewBox="0 0 100 10" preserveAspectRatio="none" {}>'
        '<rect class="bg" y="3" width="100" height="4"/>'
        '<rect class="band" x="{}" y="1.5" width="{}" height="7"/>{}<path class="at" d="M{} 0v10"/></svg>',
        kind, said, x_low, f"{float(x_high) - float(x_low):.1f}", middle, x_at,
    )  # fmt: skip


@register.simple_tag
def shape(place: int) -> SafeString:
    """Draw the shape of the group at this place, 1 for the first, in a box of 16 by 16."""
    return shape_of(f"g{place}", 8, 8, 5)


@register.simple_tag
def group_mark(place: int) -> SafeString:
    """Draw a group's mark: a letter on its colour and shape, for the first group A on a circle. The name stands beside it or
    in the legend."""
    return format_html('<b class="gm g{}">{}</b>', place + 1, chr(ord("A") + place))


@register.simple_tag
def group_bar(place: int, side: Mapping[str, Any]) -> SafeString:
    """Draw a group's share with its interval, in its colour; dashed where it crosses even. The numbers stand beside it."""
    low, high = side["interval"]
    kind = f"g{place + 1} weak" if low <= 0.5 <= high else f"g{place + 1}"
    return iv(low, high, side["share"], kind=kind)


@register.simple_tag
def fill(part: float, whole: float, *, warm: bool = False) -> SafeString:
    """Draw a bar that is filled to part / whole. The numbers belong beside it; the bar is decoration."""
    width = 100 * min(max(part / whole, 0), 1) if whole else 0
    return format_html(
        '<svg class="fill" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bg" width="100" height="6"/><rect class="{}" width="{}" height="6"/></svg>',
        "w" if warm else "v", f"{width:.1f}",
    )  # fmt: skip


@register.simple_tag
def idempotency_key() -> SafeString:
    """A hidden field that makes sending a form twice act once. Each rendering has a key of its own."""
    return format_html('<input type="hidden" name="idempotency_key" value="{}" autocomplete="off">', uuid.uuid4().hex)


@register.simple_tag
def when(time: datetime, form: str = "full") -> SafeString:
    """Say a time in the reader's time zone, which only the browser knows: without script in UTC.

    The form "clock" is hours and minutes, and nothing at all without script: a clock time in UTC would mislead.
    """
    text = "" if form == "clock" else f"{date_format(time, 'DATETIME_FORMAT')} UTC"
    return format_html('<time datetime="{}" data-local="{}">{}</time>', time.isoformat(), form, text)


@register.filter
def percent(share: float | None) -> str:
    """0.734 → "73 %", and what would be no per cent at all with a place more: 0.004 → "0.4 %"."""
    if share is None:
        return "–"
    return _("%(number)s %%") % {
        "number": number_format(round(100 * share, 1) if 0 < share < 0.005 else round(100 * share))
    }


@register.filter
def span(interval: Sequence[float]) -> str:
    """(0.617, 0.97) → "62–97 %"."""
    low, high = (number_format(round(100 * share)) for share in interval)
    return _("%(low)s–%(high)s %%") % {"low": low, "high": high}


@register.filter
def chance(q: float) -> str:
    """0.0143 → "0.014"; what rounds to nothing is "< 0.001"."""
    return fixed(q, 3) if q >= 0.001 else _("< %(least)s") % {"least": fixed(0.001, 3)}


@register.filter
def small_share(share: float | None) -> str:
    """0.0038 → "less than 1 %", where "0 %" would say that it is nothing."""
    return _("less than 1 %") if share and share < 0.01 else percent(share)


@register.filter
def fixed(number: float | None, places: int = 2) -> str:
    """0.7341 → "0.73", 0.697 → "0.70", in the reader's own way of writing numbers."""
    return number_format(round(number, places), decimal_pos=places) if number is not None else "–"


@register.filter
def count(number: int | None) -> str:
    """1904 → "1,904"."""
    return number_format(number, force_grouping=True) if number is not None else "–"


@register.filter
def policy(text: str) -> SafeString:
    """Set the capitals that a policy begins with in bold: "NEXT STEPS that …"."""
    head = " ".join(takewhile(lambda word: word.isupper() and len(word) > 1, text.split(" ")))
    return format_html("<b>{}</b>{}", head, text[len(head) :]) if head else escape(text)


@register.filter
def marked(text: str, quotes: Iterable[str]) -> SafeString:
    """Put the marker on those parts of a person's text that a card quotes. What is not verbatim in it is left out."""
    spans = sorted((at, at + len(quote)) for quote in quotes if quote for at in _places(text, quote))
    parts, done = [], 0
    for start, end in spans:
        start = max(start, done)
        if end > start:
            parts += [escape(text[done:start]), format_html("<mark>{}</mark>", text[start:end])]
            done = end
    return mark_safe("".join([*parts, escape(text[done:])]))  # noqa: S308


def _places(text: str, quote: str) -> Iterable[int]:
    at = text.find(quote)
    while at >= 0:
        yield at
        at = text.find(quote, at + len(quote))


@register.filter
def counted_in(text: str, feature: str) -> SafeString:
    """Point at those parts of a text that a measured feature counts."""
    parts, done = [], 0
    for start, end in spans(feature, text):
        parts += [escape(text[done:start]), format_html('<span class="counted">{}</span>', text[start:end])]
        done = end
    return mark_safe("".join([*parts, escape(text[done:])]))  # noqa: S308


@register.simple_tag
def strength_bar(low: float, high: float, at: float, kind: str = "") -> SafeString:
    """Draw a strength, −1 to 1, with its interval: to the right of the middle people prefer it. The numbers stand beside it."""
    weak = "weak " if low <= 0 <= high else ""
    return iv(low, high, at, kind=weak + kind, least=-1)


@register.simple_tag
def weight_bar(low: float, high: float, at: float) -> SafeString:
    """Draw a weight in a logistic regression with its interval, from −2 to 2. The numbers stand beside it."""
    return strength_bar(low / 2, high / 2, at / 2)


@register.simple_tag
def score_bar(low: float, high: float, at: float) -> SafeString:
    """Draw a mean score with its interval, from 1 to 5. The numbers stand beside it."""
    return iv((low - 1) / 4, (high - 1) / 4, (at - 1) / 4)


_markdown = MarkdownIt("zero", {"breaks": True}).enable(["newline", "emphasis", "list", "blockquote", "backticks"])
_TAGS = {"p", "br", "em", "strong", "ul", "ol", "li", "blockquote", "code"}


@register.filter
def markdown(text: str) -> SafeString:
    """Show a model's or a study's text: paragraphs, lists and emphasis; no links, images or HTML, whatever it says."""
    return mark_safe(nh3.clean(_markdown.render(str(text)), tags=_TAGS, attributes={}))  # noqa: S308


@register.filter
def norm_title(name: str) -> str:
    """Say what a dimension of norms is called."""
    return str(title_of(name))


@register.filter
def norm_label(choice: str, name: str) -> str:
    """Say what a label of norms in this dimension is called."""
    return str(label_of(name, choice, LABELS[name].choices))


@register.filter
def get(mapping: Mapping[Any, object], key: object) -> object:
    """Look up a key that is only known when the page is made."""
    return mapping.get(key, "")
