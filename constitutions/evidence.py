"""What stands behind a principle: comparisons, values, cards, quotes and votes, without anyone's identity.

Served beside the hashed body, so that it honours withdrawal: what a person took back is gone from here at once. Quotes are
shown only with consent, votes and comparisons only where five people or more gave the answer that is explained.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any
from uuid import UUID

from constitutions.models import ConstitutionVersion, PrincipleEvidence
from constitutions.pairs import answers_behind
from elicitation.deduplication import projection
from elicitation.groups import SMALLEST_CELL
from elicitation.models import CanonicalValue, ValuesCard

MOST_SHOWN = 50


def evidence_behind(
    version: ConstitutionVersion, principle: int, *, start: int = 0, stance: str = "", most: int = MOST_SHOWN
) -> dict[str, Any]:
    """Return what stands behind a principle now: counts over all, and a page of comparisons from `start`; `stance` "for" or
    "against" shows only those."""
    rows = PrincipleEvidence.objects.filter(extraction=version.extraction, principle=principle)
    pairs = rows.exclude(comparison=None).select_related("comparison").order_by("comparison__number")
    votes = rows.exclude(vote=None).select_related("vote__context", "vote__from_value", "vote__to_value")
    values = rows.exclude(value=None).select_related("value")
    cards = [row.card for row in rows.exclude(card=None).select_related("card__participant")]
    shown = pairs.filter(comparison__number__in=answers_behind(version.extraction))
    stances = Counter(shown.order_by().values_list("stance", flat=True))
    listed = shown.filter(stance=stance) if stance else shown
    return {
        "principle": principle,
        "values": [
            {"number": v.value.number, "title": v.value.title, "policies": v.value.policies}
            for v in values
            if v.value and v.value.title
        ],
        "cards": {"count": len(cards) if len(cards) >= SMALLEST_CELL else None, "quotes": quotes_of(cards)},
        "votes": _votes(list(votes), {v.value_id for v in values}),
        "comparisons": {
            "for": stances["for"],
            "against": stances["against"],
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


def quotes_of(cards: list[ValuesCard | None]) -> list[str]:
    """Return verbatim quotes of those who agreed to have them shown, newest consent counting; sorted, so that the order
    tells nothing of who said them when."""
    found: set[str] = set()
    for card in cards:
        if card is None or card.participant is None or card.participant.withdrawn_at:
            continue
        consent = card.participant.consents.order_by("-id").first()
        if consent is not None and consent.shows_quotes:
            found |= {quote["text"] for policy in card.policies for quote in policy["quotes"]}
    return sorted(found)[:MOST_SHOWN]


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
