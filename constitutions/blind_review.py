"""Blind review: people score principles without knowing whether people, a model or several of them said so.

Source: Si, Yang, Hashimoto 2024, Can LLMs Generate Novel Research Ideas? One style for all texts, reviewers who are not told the source,
and an order of each reviewer's own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from constitutions.algorithms.merging import merge
from constitutions.algorithms.style import common_form
from constitutions.asking import ask_all, told_of
from constitutions.extraction import body_of
from constitutions.from_graph import FROM_GRAPH
from constitutions.judges import MEASURED, OPENING
from constitutions.material import answer_type, prompt_named, written
from constitutions.model_judge import BY_HAND
from constitutions.models import ConstitutionVersion, Extraction, PrincipleReview, ReviewItem, ReviewScore
from constitutions.publishing import version_body
from constitutions.spending import PREFIX
from core.ledger import forget_words, llm_for
from core.models import LLMCall, User
from core.numbers import next_number
from core.problems import Conflict
from core.text import clean_text
from elicitation.groups import SMALLEST_CELL
from elicitation.models import CanonicalValue, Participant, Study
from elicitation.participation import hold, must_be_here
from llm_client import LLM, LLMError, Request

PROMPT = "reword_principles"
REWORD = f"{PREFIX}reword"
MOST_ITEMS = 200
MOST_A_CALL = 20
MOST_WORDS = 40  # the prompt asks for 30
MOST_COMMENT = 1000
FEWEST_REVIEWS = 2  # of an item, before its mean counts
LEAST, MOST = 1, 5
# Criterion: its name, what is asked, and what the ends of the scale mean.
CRITERIA = {
    "novelty": (_lazy("Novelty"), _lazy("How new is it to you?"), _lazy("nothing new"), _lazy("very new")),
    "feasibility": (_lazy("Feasibility"), _lazy("Could an AI do this?"), _lazy("hardly"), _lazy("easily")),
    "clarity": (_lazy("Clarity"), _lazy("Is it clear what it asks for?"), _lazy("unclear"), _lazy("very clear")),
    "acceptability": (
        _lazy("Acceptability"),
        _lazy("Would you accept it as a rule?"),
        _lazy("not at all"),
        _lazy("fully"),
    ),
}
Source = ReviewItem.Source
Made = Extraction | ConstitutionVersion


class Said(NamedTuple):
    """A principle as its source says it; `copies` is how many of its source say just this, `value_id` the value whose words it has."""

    original: str
    source: str
    was_kept: bool
    copies: int = 1
    value_id: int = 0


class Worded(NamedTuple):
    """A principle's text in the common form; `fits` is false where it could only be quoted, or was not reworded as the rest was."""

    text: str
    fits: bool


def open_review(
    study: Study,
    made: Sequence[Made],
    *,
    dropped: bool = False,
    seed: int = 0,
    user: User | None = None,
    llm: LLM | None = None,
) -> PrincipleReview:
    """Return an open review of the principles of these extractions and versions; with `dropped` also of those that were tested and
    not kept. The one that is open is returned where it was asked for in the same way.

    A model gives all texts one form, where one is configured, else plain rules do; reviewers see them in an order of their own, by
    the seed. Raises as `principles_of` does, Conflict where another review is open, LLMBudgetReached, and LLMUnavailable where nobody
    can be reached: nothing is stored then.
    """
    if found := must_be_free(study, made, dropped=dropped, seed=seed):
        return found
    said = principles_of(study, made, dropped=dropped)
    llm = llm or llm_for(study, patience=None)
    worded = _by_model([one.original for one in said], llm) if llm else [by_rules(one.original) for one in said]
    rows = _one_each(said, worded)
    by = told_of(llm, prompt_named(PROMPT)) if llm else {}
    try:
        with transaction.atomic():
            review = PrincipleReview.objects.create(
                study=study,
                number=next_number(PrincipleReview, study=study),
                parameters=_parameters(made, dropped, seed),
                reworded_by=by,
                created_by=user,
            )
            ReviewItem.objects.bulk_create(
                ReviewItem(
                    review=review,
                    number=number,
                    text=text.text,
                    fits=text.fits,
                    **one._asdict() | {"value_id": one.value_id or None},
                )
                for number, (one, text) in enumerate(rows, 1)
            )
            _empty_words_taken_back(study)  # while a model was asked
            return review
    except IntegrityError:  # opened by someone else at the same moment
        if found := must_be_free(study, made, dropped=dropped, seed=seed):
            return found
        raise


def _parameters(made: Sequence[Made], dropped: bool, seed: int) -> dict[str, Any]:
    return {"bodies": sorted({one.sha256 for one in made}), "dropped": dropped, "seed": seed}


def must_be_free(study: Study, made: Sequence[Made], *, dropped: bool, seed: int) -> PrincipleReview | None:
    """Return the study's open review where it is the one that is asked for. Raises Conflict where it is another."""
    found = open_of(study)
    if found is not None and found.parameters != _parameters(made, dropped, seed):
        raise Conflict(_("Another review is open"), _("Close it before you open a new one."))
    return found


def principles_of(study: Study, made: Sequence[Made], *, dropped: bool = False) -> list[Said]:
    """Return the principles to be reviewed, each with its source, sorted by their words.

    "People": by hand, or from the values of a moral graph; "model": proposed by a model; "merged": where several proposals met, or
    where what a model proposed is also said by another source. Raises ValidationError where there is nothing to review, too much, or
    something of another study.
    """
    if not made:
        raise ValidationError({"extractions": _("Choose what to review.")})
    found: list[Said] = []
    values = dict(CanonicalValue.objects.filter(study=study).exclude(title="").values_list("number", "id"))
    for one in made:
        if not _is_of(one, study):
            raise ValidationError({"extractions": _("Not all of these are of this study.")})
        body = version_body(one) if isinstance(one, ConstitutionVersion) else body_of(one)
        for name in ("principles", "dropped") if dropped else ("principles",):
            found += [
                Said(p["text"], _source(p), name == "principles", value_id=values[p["value"]] if "value" in p else 0)
                for p in body.get(name, [])
                if re.search(r"\w", p["text"]) and ("value" not in p or p["value"] in values)
            ]
    said = _met(_distinct(found))
    if not said:
        raise ValidationError({"extractions": _("There are no principles in what you chose.")})
    if len(said) > MOST_ITEMS:
        raise ValidationError({"extractions": _("A review has at most %d principles.") % MOST_ITEMS})
    return said


def _is_of(made: Made, study: Study) -> bool:
    extraction = made.extraction if isinstance(made, ConstitutionVersion) else made
    return study.id in (extraction.study_id, extraction.dataset.study_id if extraction.dataset else None)


def _source(principle: dict[str, Any]) -> str:
    said = principle["source"]
    if said == MEASURED:
        return Source.MEASURED
    if said in (BY_HAND, *FROM_GRAPH):
        return Source.PEOPLE
    return Source.MERGED if principle.get("merged") else Source.MODEL


def _distinct(found: Iterable[Said]) -> list[Said]:
    """Return each principle of each source once, with how many there were."""
    told: dict[tuple[str, str], Said] = {}
    for one in found:
        key = (one.original, one.source)
        before = told.get(key)
        told[key] = (
            one
            if before is None
            else before._replace(was_kept=before.was_kept or one.was_kept, copies=before.copies + 1)
        )
    return sorted(told.values())


def _met(said: Sequence[Said]) -> list[Said]:
    """Return the principles with those of different sources that say the same as one, which is merged."""
    by_phrase: dict[str, list[Said]] = {}
    for one in said:
        by_phrase.setdefault(common_form(one.original).phrase, []).append(one)
    found = []
    for group in merge(list(by_phrase)):
        alike = [one for phrase in group for one in by_phrase[phrase]]
        if len({one.source for one in alike} - {Source.MERGED}) < 2:
            found += alike
        else:
            value_id = max(one.value_id for one in alike)
            found.append(Said(alike[0].original, Source.MERGED, any(one.was_kept for one in alike), value_id=value_id))
    return sorted(found)


def _one_each(said: Sequence[Said], worded: Sequence[Worded]) -> list[tuple[Said, Worded]]:
    """Return the principles without those of a source whose words became the same, which count as its copies; the same words of
    different sources are merged."""
    told: dict[str, tuple[Said, Worded]] = {}
    for one, text in zip(said, worded, strict=True):
        if before := told.get(text.text):
            same = before[0].source == one.source
            one = before[0]._replace(
                source=one.source if same else Source.MERGED,
                was_kept=before[0].was_kept or one.was_kept,
                copies=before[0].copies + one.copies if same else 1,
                value_id=max(before[0].value_id, one.value_id),
            )
        told[text.text] = (one, text)
    return list(told.values())


def by_rules(original: str) -> Worded:
    """Return a principle in the common form, by plain rules."""
    formed = common_form(original)
    return Worded(f"{OPENING} {formed.phrase}.", formed.fits)


def _by_model(texts: Sequence[str], llm: LLM) -> list[Worded]:
    """Return the principles as a model rewords them. One whose answer is not in the form is worded by rules, and does not fit."""
    batches = [texts[start : start + MOST_A_CALL] for start in range(0, len(texts), MOST_A_CALL)]
    answers = ask_all([_request(batch) for batch in batches], llm)
    found = []
    for batch, answer in zip(batches, answers, strict=True):
        for number, text in enumerate(batch, 1):
            said = "" if isinstance(answer, LLMError) else checked(getattr(answer, f"r{number}"))
            found.append(Worded(said, True) if said else by_rules(text)._replace(fits=False))
    return found


def _request(batch: Sequence[str]) -> Request[Any]:
    material = {"rules": [{"rule": number, "text": text} for number, text in enumerate(batch, 1)]}
    names = tuple(f"r{number}" for number in range(1, len(batch) + 1))
    return Request(prompt_named(PROMPT), written(material), answer_type("Reworded", names, str), REWORD)


def checked(said: str) -> str:
    """Return a reworded principle, or nothing where it is not one sentence of at most `MOST_WORDS` words with the common opening."""
    text = " ".join(said.split()).rstrip(".!… ")
    phrase = text[len(OPENING) :].strip()
    is_formed = text.casefold().startswith(f"{OPENING} ".casefold()) and phrase
    if not is_formed or len(text.split()) > MOST_WORDS or re.search(r"[.!?]\s", phrase):
        return ""
    return f"{OPENING} {phrase}."


def open_of(study: Study) -> PrincipleReview | None:
    """Return the study's open review, if there is one."""
    return PrincipleReview.objects.filter(study=study, closed_at=None).first()


def close(review: PrincipleReview) -> None:
    """End a review: what was scored stays. A second time changes nothing."""
    PrincipleReview.objects.filter(id=review.id, closed_at=None).update(closed_at=timezone.now())
    review.refresh_from_db()


def items_for(review: PrincipleReview, participant: Participant) -> list[ReviewItem]:
    """Return a review's principles in the order that this person sees, the same each time; without those whose words were taken back."""
    items = list(review.items.exclude(text="").order_by("number"))
    rng = np.random.default_rng([review.parameters["seed"], participant.number])
    return [items[place] for place in rng.permutation(len(items))]


def score(item: ReviewItem, participant: Participant, scores: Mapping[str, Any], comment: str = "") -> ReviewScore:
    """Store what a person gives a principle, 1 to 5 by each of the `CRITERIA`; the newest counts, and all stay.

    Raises ValidationError that names each criterion whose score is missing or no whole number from 1 to 5, or where the
    principle is of another study; Conflict where the review is closed; and as `participation.must_be_here` does.
    """
    must_be_here(participant)
    if item.review.study_id != participant.study_id or not item.text:
        raise ValidationError({"item": _("This principle is not of your study.")})
    what = _("%(criterion)s: choose a number from 1 to 5.")
    wrong = {name: what % {"criterion": told[0]} for name, told in CRITERIA.items() if not _is_score(scores.get(name))}
    if wrong:
        raise ValidationError(wrong)
    comment = clean_text(comment, field="comment", most=MOST_COMMENT).strip()
    told = {name: scores[name] for name in CRITERIA} | {"comment": comment}
    with transaction.atomic():
        hold(participant)
        if not PrincipleReview.objects.filter(id=item.review_id, closed_at=None).exists():
            raise Conflict(_("This review is closed"), _("What you gave before stays."))
        before = given_by(participant, item.review).get(item.id)
        if before is not None and {name: getattr(before, name) for name in told} == told:
            return before
        return ReviewScore.objects.create(item=item, participant=participant, **told)


def _is_score(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and LEAST <= given <= MOST


def given_by(participant: Participant, review: PrincipleReview) -> dict[UUID, ReviewScore]:
    """Return a person's newest scores of each principle of a review, by the item."""
    rows = ReviewScore.objects.filter(participant=participant, item__review=review).order_by("id")
    return {row.item_id: row for row in rows}


def forget(participant: Participant) -> None:
    """Delete what a person who takes everything back gave to principles, and the words of those that were theirs alone. What others
    gave those stays."""
    ReviewScore.objects.filter(participant=participant).delete()
    _empty_words_taken_back(participant.study)


def _empty_words_taken_back(study: Study) -> None:
    gone = ReviewItem.objects.filter(review__study=study, value__title="").exclude(text="")
    if gone.update(text="", original=""):
        forget_words(LLMCall.objects.filter(purpose=REWORD, scope_key=study.scope_key))


def scores_of(review: PrincipleReview) -> list[tuple[int, int, tuple[int, ...]]]:
    """Return the scores that count, as (item's number, person's number, the scores in the order of the criteria), sorted."""
    rows = ReviewScore.objects.filter(
        item__review=review, participant__in=Participant.objects.counted(review.study)
    ).order_by("id")
    found = {
        (item, person): tuple(given)
        for item, person, *given in rows.values_list("item__number", "participant__number", *CRITERIA)
    }
    return [(item, person, given) for (item, person), given in sorted(found.items())]


def state_of(review: PrincipleReview) -> dict[str, Any]:
    """Return how a review stands, for those who run the study: no scores. How many reviews there are is withheld while they are of
    one to four people."""
    sources = list(review.items.values_list("source", flat=True))
    scores = scores_of(review)
    people = {person for _item, person, _given in scores}
    each = [item for item, _person, _given in scores]
    is_few = 0 < len(people) < SMALLEST_CELL
    return {
        "number": review.number,
        "is_open": review.closed_at is None,
        "created_at": review.created_at,
        "closed_at": review.closed_at,
        "style": "model" if review.reworded_by else "rules",
        "items": len(sources),
        "sources": {str(source): sources.count(source) for source in Source.values if source in sources},
        "not_in_form": review.items.filter(fits=False).count(),
        "reviewers": None if is_few else len(people),
        "reviews": None if is_few else len(scores),
        "enough": None if is_few else sum(each.count(item) >= FEWEST_REVIEWS for item in set(each)),
    }
