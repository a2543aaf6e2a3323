"""What stands behind a principle: comparisons, values, cards, quotes and votes, without anyone's identity.

Served beside the hashed body, so that it honours withdrawal: what a person took back is gone from here at once. Quotes are
shown only with consent, votes and comparisons only where five people or more gave the answer that is explained.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models.functions import Length

from constitutions.models import Extraction, PrincipleEvidence
from constitutions.pairs import answers_behind
from elicitation.deduplication import projection
from elicitation.groups import SMALLEST_CELL
from elicitation.models import CanonicalValue, Participant, ValuesCard

MOST_SHOWN = 50
STANCES = ("for", "against", "irrelevant", "both", "missing")
SPEAKING = STANCES[:2]
ORDERS = ("number", "shortest", "longest")


def evidence_behind(
    extraction: Extraction,
    principle: int,
    *,
    start: int = 0,
    stance: str = "",
    order: str = "",
    most: int = MOST_SHOWN,
) -> dict[str, Any]:
    """Return what stands behind a principle now: counts over all, and a page of comparisons from `start`, in one of `ORDERS`, by default the first.
    `stance` is one of `STANCES` and shows only those; without it those are shown that the principle speaks about."""
    rows = PrincipleEvidence.objects.filter(extraction=extraction, principle=principle)
    pairs = rows.exclude(comparison=None).select_related("comparison").order_by(*_sorted_by(order))
    votes = rows.exclude(vote=None).select_related(
        "vote__context", "vote__from_value", "vote__to_value", "vote__participant"
    )
    values = rows.exclude(value=None).select_related("value")
    cards = [row.card for row in rows.exclude(card=None).select_related("card__participant")]
    shown = pairs.filter(comparison__number__in=answers_behind(extraction))
    stances = Counter(shown.order_by().values_list("stance", flat=True))
    listed = shown.filter(stance__in=[stance] if stance else SPEAKING)
    return {
        "principle": principle,
        "values": [
            {"number": v.value.number, "title": v.value.title, "policies": v.value.policies}
            for v in values
            if v.value and v.value.title
        ],
        "cards": {"count": len(cards) if len(cards) >= SMALLEST_CELL else None, "quotes": quotes_of(cards)},
        "votes": _votes(list(votes), {v.value_id for v in values}),
        "comments": _comments(list(votes)),
        "comparisons": {
            **{name: stances[name] for name in STANCES},
            "withheld": pairs.count() - shown.count(),
            "start": start,
            "results": [
                {
                    "number": row.comparison.number,
                    "stance": row.stance,
                    "speaks_for": row.side,
                    "prompt": row.comparison.prompt,
                    "text_a": row.comparison.text_a,
                    "text_b": row.comparison.text_b,
                }
                for row in listed[start : start + most]
                if row.comparison
            ],
        },
    }


def _sorted_by(order: str) -> list[Any]:
    """Return how comparisons are sorted: by their number, or by the length of their two texts together."""
    length = Length("comparison__text_a") + Length("comparison__text_b")
    first = {"shortest": [length.asc()], "longest": [length.desc()]}.get(order, [])
    return [*first, "comparison__number"]


def quotes_of(cards: list[ValuesCard | None]) -> list[str]:
    """Return verbatim quotes of those who agreed to have them shown, newest consent counting; sorted, so that the order
    tells nothing of who said them when."""
    found: set[str] = set()
    for card in cards:
        if card is not None and _lets_quote(card.participant):
            found |= {quote["text"] for policy in card.policies for quote in policy["quotes"]}
    return sorted(found)[:MOST_SHOWN]


def _comments(rows: list[PrincipleEvidence]) -> list[dict[str, str]]:
    """Return what voters said of their votes, verbatim, of those who agreed to have quotes shown; sorted, as quotes are."""
    commented = [row for row in rows if row.vote and row.vote.comment.strip() and _lets_quote(row.vote.participant)]
    found = {(row.stance, row.vote.comment.strip()) for row in commented if row.vote}
    return [{"stance": stance, "text": text} for stance, text in sorted(found)[:MOST_SHOWN]]


def _lets_quote(person: Participant | None) -> bool:
    """Whether a person is here and agreed, when they were last asked, to have short quotes shown without their name."""
    if person is None or person.withdrawn_at:
        return False
    consent = person.consents.order_by("-id").first()
    return consent is not None and consent.shows_quotes


def _votes(rows: list[PrincipleEvidence], own: Collection[int | None]) -> list[dict[str, Any]]:
    """Return votes by the value that the principle's `own` was compared with and the context; cells under five people give
    no figures."""
    cells: dict[tuple[str, str], Counter[str]] = {}
    people: dict[tuple[str, str], set[UUID]] = {}
    target = projection(rows[0].vote.study) if rows and rows[0].vote else {}
    titles = dict(CanonicalValue.objects.filter(id__in=target.values()).values_list("id", "title"))
    for row in rows:
        if row.vote is not None:
            first, second = row.vote.from_value, row.vote.to_value
            other = first if target.get(second.id, second.id) in own else second
            key = (titles.get(target.get(other.id, 0), other.title), row.vote.context.text)
            cells.setdefault(key, Counter())[row.stance] += 1
            people.setdefault(key, set()).add(row.vote.participant_id)
    told = []
    for (title, context), counts in sorted(cells.items()):
        shown = len(people[title, context]) >= SMALLEST_CELL
        told.append(
            {
                "wiser_than": title,
                "context": context,
                "for": counts["for"] if shown else None,
                "against": counts["against"] if shown else None,
                "unsure": counts["unsure"] if shown else None,
                **({} if shown else {"withheld": "fewer than 5 people"}),
            }
        )
    return told
