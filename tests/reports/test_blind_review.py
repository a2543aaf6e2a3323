"""What is told of a blind review: which source is better only where items and reviewers agree, and nothing about a few people."""

from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from constitutions.models import PrincipleReview, ReviewItem, ReviewScore
from elicitation.models import Participant, Study
from reports.running import body_of, run_report
from tests.people import join

pytestmark = pytest.mark.django_db


def review_of(study: Study, **sources: int) -> PrincipleReview:
    """Make a review with so many items of each source."""
    review = PrincipleReview.objects.create(study=study, number=1, parameters={"seed": 0})
    made = [(source, place) for source, many in sources.items() for place in range(many)]
    for number, (source, place) in enumerate(made, 1):
        text = f"Prefer the answer that tells w{number}a of w{number}b in {source}{place}."
        ReviewItem.objects.create(review=review, number=number, source=source, text=text, original=text)
    return review


def scored(review: PrincipleReview, people: list[Participant], better: str = "", by: int = 2, **left_out: str) -> None:
    """Let everyone score all items from 2 to 3, those of `better` higher in acceptability; `left_out` names by a person's place
    ("p0") a source that they skip."""
    rng = np.random.default_rng(7)
    for place, person in enumerate(people):
        for item in review.items.exclude(source=left_out.get(f"p{place}", "")):
            novelty, feasibility, clarity, acceptability = (int(n) for n in rng.integers(2, 4, 4))
            ReviewScore.objects.create(
                item=item, participant=person, novelty=novelty, feasibility=feasibility, clarity=clarity,
                acceptability=acceptability + (by if item.source == better else 0),
            )  # fmt: skip


def told(study: Study, **params: Any) -> dict[str, Any]:
    result: dict[str, Any] = body_of(run_report("blind_review", study=study, params=params))["result"]
    return result


def people_in(study: Study, many: int) -> list[Participant]:
    return [join(study) for _ in range(many)]


def test_a_source_is_better_where_items_and_reviewers_say_so_and_nowhere_else(study: Study) -> None:
    scored(review_of(study, people=8, model=8), people_in(study, 8), better="people")
    result = told(study)
    found = {row["criterion"]: (row["better"], row["verdict"]) for row in result["comparisons"]}
    assert found["acceptability"] == ("people", "better")
    assert {found[name] for name in ("novelty", "feasibility", "clarity")} == {(None, "no difference shown")}
    people = next(source for source in result["sources"] if source["source"] == "people")
    assert (people["items"], people["reviews"], people["reviewers"]) == (8, 64, 8)
    low, high = people["criteria"]["acceptability"]["ci"]
    assert low <= people["criteria"]["acceptability"]["mean"] <= high
    assert told(study) == result


def test_the_newest_score_of_a_person_counts(study: Study) -> None:
    review, people = review_of(study, people=3, model=3), people_in(study, 5)
    scored(review, people)
    before = told(study)
    for score in list(ReviewScore.objects.filter(participant=people[0])):
        score.id, score.clarity = None, 5
        score.save()
    after = told(study)
    assert after["sources"][0]["reviews"] == before["sources"][0]["reviews"] == 15
    assert after["sources"][0]["criteria"]["clarity"]["mean"] > before["sources"][0]["criteria"]["clarity"]["mean"]


def test_sources_of_fewer_than_five_reviewers_are_withheld(study: Study) -> None:
    scored(review_of(study, people=3, model=3), people_in(study, 4))
    result = told(study)
    assert [source["withheld"] for source in result["sources"]] == ["fewer than 5 people"] * 2
    assert (result["comparisons"], result["reviewers"], result["too_few"]) == ([], None, True)
    assert all(source["criteria"] == {} and source["reviews"] is None for source in result["sources"])


def test_items_that_one_person_reviewed_are_too_few(study: Study) -> None:
    review, people = review_of(study, people=6, model=6), people_in(study, 6)
    for person, item in zip(people * 2, review.items.all(), strict=True):
        ReviewScore.objects.create(item=item, participant=person, novelty=1, feasibility=1, clarity=1, acceptability=1)
    result = told(study)
    assert [source["withheld"] for source in result["sources"]] == ["too few"] * 2 and result["too_few"]


def test_one_who_left_a_source_out_cannot_be_worked_out(study: Study) -> None:
    scored(review_of(study, people=4, model=4), people_in(study, 8), p0="model")
    result = told(study)
    assert [source["reviewers"] for source in result["sources"]] == [7, 7]
    assert all(row["by_reviewer"]["n"] == [7, 7] for row in result["comparisons"])


def test_forty_copies_among_a_hundred_leave_sixty_percent(study: Study) -> None:
    review = review_of(study, model=60, people=2)
    review.items.filter(source="model", number__lte=20).update(copies=2)
    for number in range(21, 41):  # twenty more say it with a word in another place
        text = review.items.get(number=number).text.replace(" of ", " and of ")
        ReviewItem.objects.create(review=review, number=100 + number, source="model", text=text, original=text)
    found = {source["source"]: source["duplicates"] for source in told(study)["sources"]}
    assert found["model"] == {"said": 100, "unique": 60, "share": 0.6}
    assert found["people"]["share"] == 1.0


def test_opposites_are_no_duplicates(study: Study) -> None:
    review = review_of(study, people=2)
    for item, text in zip(review.items.all(), ("says what is not known", "says what is known"), strict=True):
        review.items.filter(id=item.id).update(text=f"Prefer the answer that {text}.")
    assert told(study)["sources"][0]["duplicates"]["unique"] == 2


def test_where_nothing_varies_nothing_is_claimed(study: Study) -> None:
    review = review_of(study, people=3, model=3)
    for person in people_in(study, 5):
        for item in review.items.all():
            mark = 4 if item.source == "people" else 2
            marks = dict.fromkeys(("novelty", "feasibility", "clarity", "acceptability"), mark)
            ReviewScore.objects.create(item=item, participant=person, **marks)
    assert {(row["verdict"], row["better"]) for row in told(study)["comparisons"]} == {("nothing varies", None)}


def test_a_review_that_is_not_there_is_said(study: Study) -> None:
    with pytest.raises(ValidationError, match="no such blind review"):
        told(study, review=3)
