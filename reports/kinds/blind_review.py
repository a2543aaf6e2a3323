"""Do people score principles of people, of a model and of several that met alike, when they are not told which is which?"""

from itertools import combinations
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field

from constitutions.algorithms.merging import merge
from constitutions.blind_review import CRITERIA, FEWEST_REVIEWS, scores_of, state_of
from constitutions.judges import phrase_of
from constitutions.models import PrincipleReview, ReviewItem
from elicitation.groups import SMALLEST_CELL
from elicitation.models import Study
from reports.algorithms.blind_review import FEWEST, Compared, Pair, Reviews, compare, enough, item_means, mean_of
from reports.registry import report

ALIKE_FROM = 0.8
WITHHELD = f"fewer than {SMALLEST_CELL} people"
TOO_FEW = "too few"


class Parameters(BaseModel):
    """Which review, by its number, or the newest; and from which cosine on two principles of a source count as one."""

    model_config = ConfigDict(extra="forbid")

    review: int | None = Field(default=None, ge=1)
    alike_from: float = Field(default=ALIKE_FROM, gt=0, le=1)


@report("blind_review", title="Blind review of principles", about="study", parameters=Parameters)
def blind_review(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return by source the mean scores, and every two sources by each criterion; of items with two reviews or more. Raises LookupError
    where there is no such review.

    A source that fewer than five people reviewed is withheld, and so is a comparison within the reviewers of two sources where its
    difference to their means would tell of one to four people. Where only one to four people left a source out, theirs is not
    counted at all, so that the rest can be compared.
    """
    reviews = PrincipleReview.objects.filter(study=study)
    review = reviews.filter(number=parameters.review).first() if parameters.review else reviews.first()
    if review is None:
        raise LookupError(_("There is no such blind review in this study."))
    items = list(review.items.order_by("number"))
    counted = _counted(_read(review, items))
    names = [name for name in ReviewItem.Source.values if any(item.source == name for item in items)]
    people = _people(counted)
    shown = [name for name in names if len(people.get(name, ())) >= SMALLEST_CELL]
    pairs = compare(counted, list(combinations(shown, 2)), len(CRITERIA))
    told = [_pair(pair, people[pair.first], people[pair.second]) for pair in pairs]
    reviewers = len(set(counted.person.tolist()))
    state = state_of(review)
    unique = _unique(items, parameters.alike_from)
    return {
        "is_simulated": study.is_simulated,
        "review": review.number,
        "is_open": state["is_open"],
        "style": state["style"],
        "not_in_form": state["not_in_form"],
        "items": state["items"],
        "reviewers": reviewers if reviewers >= SMALLEST_CELL else None,
        "least_reviews": FEWEST_REVIEWS,
        "alike_from": parameters.alike_from,
        "sources": [_source(name, counted, people.get(name, set()), unique[name]) for name in names],
        "comparisons": told,
        "too_few": all(pair["verdict"] == TOO_FEW for pair in told),
    }


def _read(review: PrincipleReview, items: list[ReviewItem]) -> Reviews:
    source = {item.number: item.source for item in items}
    scores = scores_of(review)
    return Reviews(
        np.array([item for item, _person, _given in scores], dtype=int),
        np.array([person for _item, person, _given in scores], dtype=int),
        np.array([source[item] for item, _person, _given in scores], dtype=str),
        np.array([given for _item, _person, given in scores], dtype=float).reshape(-1, len(CRITERIA)),
    )


def _counted(reviews: Reviews) -> Reviews:
    """Return the reviews that count: of items with enough of them, and of people who reviewed every source that five people did, where
    only one to four did not."""
    found = enough(reviews, FEWEST_REVIEWS)
    large = [people for people in _people(found).values() if len(people) >= SMALLEST_CELL]
    partly = {person for people in large for person in people if not all(person in other for other in large)}
    if not 0 < len(partly) < SMALLEST_CELL:
        return found
    return enough(found.where(~np.isin(found.person, sorted(partly))), FEWEST_REVIEWS)


def _people(reviews: Reviews) -> dict[str, set[int]]:
    """Return who reviewed each source."""
    return {name: set(reviews.person[reviews.source == name].tolist()) for name in np.unique(reviews.source).tolist()}


def _unique(items: list[ReviewItem], alike_from: float) -> dict[str, dict[str, Any]]:
    """Return for each source how many of its principles say something of their own: copies, and what is as alike as that, are one."""
    found = {}
    for source in {item.source for item in items}:
        mine = [item for item in items if item.source == source and item.text]
        own = len(merge([phrase_of(item.text) for item in mine], alike_from))
        said = sum(item.copies for item in mine)
        found[source] = {"said": said, "unique": own, "share": own / said if said else None}
    return found


def _source(name: str, counted: Reviews, people: set[int], unique: dict[str, Any]) -> dict[str, Any]:
    own = counted.where(counted.source == name)
    reviewed = len(np.unique(own.item))
    why = None if len(people) >= SMALLEST_CELL else WITHHELD if people else TOO_FEW
    told: dict[str, Any] = {"source": name, "duplicates": unique, "withheld": why}
    if why:
        return told | {"items": None, "reviews": None, "reviewers": None, "criteria": {}}
    criteria = {}
    for place, criterion in enumerate(CRITERIA):
        mean = mean_of(item_means(own, place))
        criteria[criterion] = {"mean": mean.mean, "ci": list(mean.ci) if mean.ci else None}
    return told | {"items": reviewed, "reviews": len(own.item), "reviewers": len(people), "criteria": criteria}


def _pair(pair: Pair, first: set[int], second: set[int]) -> dict[str, Any]:
    is_told = len(first & second) >= SMALLEST_CELL and not 0 < len(first ^ second) < SMALLEST_CELL
    is_enough = is_told and min(pair.items.n) >= FEWEST
    is_tested = None not in (pair.items.p, pair.people.p)
    return {
        "criterion": list(CRITERIA)[pair.criterion],
        "first": pair.first,
        "second": pair.second,
        "by_review": _compared(pair.reviews),
        "by_item": _compared(pair.items),
        "by_reviewer": _compared(pair.people) if is_told else None,
        "mixed_model": _compared(pair.mixed),
        "better": pair.better if is_enough else None,
        "verdict": TOO_FEW if not is_enough else _verdict(pair) if is_tested else "nothing varies",
    }


def _verdict(pair: Pair) -> str:
    return "better" if pair.better else "no difference shown"


def _compared(told: Compared) -> dict[str, Any]:
    return {**told._asdict(), "n": list(told.n), "ci": list(told.ci) if told.ci else None}
