"""Blind review, as its reviewers and those who run the study meet it."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from constitutions.blind_review import close, items_for, open_review, score
from constitutions.models import Extraction, PrincipleReview, ReviewItem, ReviewScore
from core.models import Job
from elicitation.comparisons import add_comparison, annotate, dataset_of
from elicitation.models import Participant, Study
from reports.models import Report
from tests.constitutions.test_blind_review import MARKS, PRINCIPLES, extraction_of
from tests.people import join

pytestmark = pytest.mark.usefixtures("db")
PAGE = "/s/letting-go/review/"
TYPED = {name: str(n) for name, n in MARKS.items()}


@pytest.fixture
def made(study: Study) -> Extraction:
    return extraction_of(study, PRINCIPLES)


@pytest.fixture
def review(study: Study, made: Extraction) -> PrincipleReview:
    return open_review(study, [made])


@pytest.fixture
def walked(study: Study) -> Client:
    browser = Client()
    browser.post(f"/s/{study.slug}/", {"consent_version": "1", "agrees": "yes"})
    return browser


def order(review: PrincipleReview) -> list[ReviewItem]:
    return items_for(review, Participant.objects.get())


def test_principles_are_scored_one_at_a_time_and_the_page_tells_no_source(
    walked: Client, review: PrincipleReview
) -> None:
    for place, item in enumerate(order(review), 1):
        shown = walked.get(PAGE).content.decode()
        assert f"Principle {place} of 5" in shown and item.text in shown
        words = [*ReviewItem.Source.values, "hand", "graph", "extraction", "kept", item.original.split()[0] + " kind."]
        main = re.search(r"<main.*</main>", shown, re.S)
        assert main and not [word for word in words if re.search(rf"\b{word}\b", main[0].replace("by hand ", ""))]
        moved = walked.post(PAGE, {"n": str(place), "item": str(item.id), **TYPED, "comment": "Fine."})
        assert moved.status_code == 302
    assert moved["Location"].endswith("/finish/") and ReviewScore.objects.count() == 5
    again = walked.get(f"{PAGE}?n=2").content.decode()
    assert "Fine." in again and len(re.findall(r'value="\d" required checked', again)) == 4


def test_what_is_missing_is_named_and_what_was_chosen_stays(walked: Client, review: PrincipleReview) -> None:
    walked.get(PAGE)
    item = order(review)[0]
    answer = walked.post(PAGE, {"n": "1", "item": str(item.id), "novelty": "4", "clarity": "7", "comment": "Well"})
    shown = answer.content.decode()
    assert answer.status_code == 400 and "Clarity: choose a number from 1 to 5." in shown
    assert "Acceptability: choose" in shown and "Novelty: choose" not in shown
    assert 'name="novelty" value="4" required checked' in shown and "Well" in shown
    assert not ReviewScore.objects.exists()


def test_one_can_be_skipped_and_the_page_comes_back_to_it(walked: Client, review: PrincipleReview) -> None:
    walked.get(PAGE)
    first = order(review)[0]
    skipped = walked.post(PAGE, {"n": "1", "item": str(first.id), "act": "skip"})
    assert skipped["Location"].endswith("?n=2") and first.text in walked.get(PAGE).content.decode()


def test_scores_for_a_principle_that_is_not_shown_there_are_not_taken(walked: Client, review: PrincipleReview) -> None:
    walked.get(PAGE)
    answer = walked.post(PAGE, {"n": "1", "item": str(order(review)[1].id), **TYPED})
    assert answer.status_code == 400 and not ReviewScore.objects.exists()


def test_the_last_page_leads_there_while_a_review_is_open(
    walked: Client, study: Study, review: PrincipleReview
) -> None:
    Study.objects.filter(id=study.id).update(state="closed")
    assert PAGE in walked.get("/s/letting-go/finish/").content.decode()
    review.items.update(text="")
    assert walked.get(PAGE)["Location"].endswith("/finish/")
    close(review)
    assert PAGE not in walked.get("/s/letting-go/finish/").content.decode()
    assert walked.get(PAGE)["Location"].endswith("/finish/")


def test_a_review_is_opened_followed_reported_and_closed_from_the_desk(
    study: Study, desk: Client, viewers_desk: Client, work_off: Callable[[], Job]
) -> None:
    dataset, address = dataset_of(study), "/studies/letting-go/constitution/"
    for n in range(60):
        pair = add_comparison(dataset, prompt=f"Q{n}", text_a="many, many words " * (3 + n % 5), text_b="few")
        annotate(pair, participant=join(study), answer="a")
    desk.post(address, {"act": "search", "comparisons": "yes", "judge": "features", "principles": "2"})
    found = work_off().result
    assert found is not None and "Open a review" in desk.get(address).content.decode()
    assert "Open a review" not in viewers_desk.get(address).content.decode()
    assert desk.post(address, {"act": "open-review"}).status_code == 400
    desk.post(address, {"act": "open-review", "made": f"found:{found['extraction']}", "dropped": "yes"})
    assert work_off().state == "done"
    review = PrincipleReview.objects.get()
    many = review.items.count()
    assert many > 4 and not review.items.exclude(source="measured").exists()
    review.items.filter(number__lte=2).update(source="merged")
    for _ in range(5):
        person = join(study)
        for item in review.items.all():
            score(item, person, MARKS)
    shown = desk.get(address).content.decode()
    assert "5 people" in shown and f"{many} of {many} principles by two or more" in shown
    assert desk.post(address, {"act": "review-report", "review": "1"}).status_code == 302
    work_off()
    report = Report.objects.get(kind="blind_review")
    told = desk.get(f"/reports/{report.id}/").content.decode()
    assert "Sources compared" in told and "several that met" in told
    assert str(report.id) in desk.get(address).content.decode()
    assert viewers_desk.post(address, {"act": "close-review", "review": "1"}).status_code == 404
    assert desk.post(address, {"act": "close-review", "review": "1"}).status_code == 302
    review.refresh_from_db()
    assert review.closed_at is not None
