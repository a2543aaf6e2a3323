"""People score principles without knowing where they come from."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from constitutions import blind_review
from constitutions.blind_review import close, items_for, open_review, principles_of, score, scores_of, state_of
from constitutions.models import Extraction, PrincipleReview, ReviewItem, ReviewScore
from core import jobs
from core.canonical import canonical_bytes, sha256_of
from core.jobs import perform
from core.ledger import DatabaseLedger
from core.models import Job, LLMCall, User
from core.problems import Conflict, Gone
from elicitation import personal_data, withdrawal
from elicitation.models import CanonicalValue, Participant, Study
from llm_client.fake import FakeLLM
from tests.people import card_of, join

pytestmark = pytest.mark.usefixtures("db")
PROPOSED = "proposed by a model"
MARKS = {"novelty": 3, "feasibility": 4, "clarity": 5, "acceptability": 2}
PRINCIPLES: list[dict[str, Any]] = [
    {"text": "Be kind.", "source": "by hand"},
    {"text": "When a family must decide, attend to: MOMENTS when he chooses.", "source": "moral graph: winning value"},
    {"text": "Prefer the answer that names a concrete next step.", "source": PROPOSED, "merged": []},
    {"text": "Prefer the answer that admits doubt.", "source": PROPOSED, "merged": ["says what it does not know"]},
    {"text": "Prefer the answer that has fewer words.", "source": "measured: text feature"},
]
DROPPED = [{"text": "Prefer the answer that uses headings.", "source": PROPOSED, "merged": []}]


def extraction_of(
    study: Study, principles: list[dict[str, Any]], dropped: list[dict[str, Any]] = DROPPED
) -> Extraction:
    body = {"principles": principles, "dropped": dropped}
    digest = sha256_of(body)
    text = canonical_bytes(body).decode()
    return Extraction.objects.create(study=study, body=text, sha256=digest, inputs_sha256=digest)


@pytest.fixture
def made(study: Study) -> Extraction:
    return extraction_of(study, PRINCIPLES)


@pytest.fixture
def review(study: Study, made: Extraction) -> PrincipleReview:
    return open_review(study, [made], llm=None)


# ---- what is reviewed


def test_each_principle_has_the_class_of_its_source_and_the_same_form(review: PrincipleReview) -> None:
    found = {item.text: item.source for item in review.items.all()}
    assert found == {
        "Prefer the answer that is kind.": "people",
        "Prefer the answer that attends, when a family must decide, to moments when he chooses.": "people",
        "Prefer the answer that names a concrete next step.": "model",
        "Prefer the answer that admits doubt.": "merged",
        "Prefer the answer that has fewer words.": "measured",
    }
    assert review.reworded_by == {} and all(item.original in str(PRINCIPLES) for item in review.items.all())


def test_what_was_dropped_is_reviewed_where_asked_for(study: Study, made: Extraction) -> None:
    review = open_review(study, [made], dropped=True)
    assert [item.text for item in review.items.filter(was_kept=False)] == ["Prefer the answer that uses headings."]


def test_what_a_model_and_people_both_say_is_one_merged_principle(study: Study) -> None:
    said = [{"text": "Name a concrete next step.", "source": "by hand"}, PRINCIPLES[2]]
    [item] = open_review(study, [extraction_of(study, said)]).items.all()
    assert (item.source, item.copies) == ("merged", 1)


def test_what_one_source_says_twice_is_shown_once_and_counted(study: Study, made: Extraction) -> None:
    again = extraction_of(study, [PRINCIPLES[2]], [])
    item = open_review(study, [made, again]).items.get(source="model")
    assert item.copies == 2


def test_a_model_gives_all_one_form_and_what_is_not_in_it_is_told(study: Study, made: Extraction) -> None:
    answers = {f"r{n}": f"Prefer the answer that does thing {n}" for n in range(1, 5)} | {"r5": "Be good. Be brief."}
    llm = FakeLLM([answers])
    review = open_review(study, [made], llm=llm)
    assert [item.text for item in review.items.all()][:2] == [
        "Prefer the answer that does thing 1.", "Prefer the answer that does thing 2.",
    ]  # fmt: skip
    assert [item.fits for item in review.items.all()] == [True, True, True, True, False]
    assert review.reworded_by["model"] == "fake"
    assert "by hand" not in str(llm.asked[0]) and "moral graph" not in str(llm.asked[0])


@pytest.mark.parametrize(
    "said",
    ["", "Prefer the answer that", "Be good.", "Prefer the answer that is good. It helps.",
     "Prefer the answer that " + "is long " * 40],
)  # fmt: skip
def test_rewordings_that_are_no_principle_are_not_taken(said: str) -> None:
    assert blind_review.checked(said) == ""


def test_one_review_is_open_at_a_time_and_asking_again_gives_it(study: Study, made: Extraction) -> None:
    first = open_review(study, [made])
    assert open_review(study, [made]) == first
    with pytest.raises(Conflict):
        open_review(study, [made], seed=1)
    close(first)
    assert open_review(study, [made], seed=1).number == 2


def test_nothing_and_what_is_of_another_study_is_not_reviewed(
    study: Study, other_study: Study, made: Extraction
) -> None:
    with pytest.raises(ValidationError, match="Choose what"):
        principles_of(study, [])
    with pytest.raises(ValidationError, match="of this study"):
        principles_of(other_study, [made])
    with pytest.raises(ValidationError, match="no principles"):
        principles_of(study, [extraction_of(study, [], [])])


# ---- scoring


def test_everyone_has_an_order_of_their_own_which_stays(review: PrincipleReview, study: Study) -> None:
    people = [join(study) for _ in range(6)]
    orders = [[item.number for item in items_for(review, person)] for person in people]
    assert orders == [[item.number for item in items_for(review, person)] for person in people]
    assert len({tuple(order) for order in orders}) > 3
    assert all(sorted(order) == [1, 2, 3, 4, 5] for order in orders)


def test_the_newest_score_counts_and_the_same_again_adds_nothing(
    review: PrincipleReview, participant: Participant
) -> None:
    item = review.items.get(number=1)
    score(item, participant, MARKS)
    score(item, participant, MARKS)
    assert ReviewScore.objects.count() == 1
    score(item, participant, MARKS | {"novelty": 1})
    assert ReviewScore.objects.count() == 2
    assert scores_of(review) == [(1, participant.number, (1, 4, 5, 2))]


@pytest.mark.parametrize("given", [0, 6, None, "3", True, 2.5])
def test_a_score_out_of_range_is_named(review: PrincipleReview, participant: Participant, given: Any) -> None:
    with pytest.raises(ValidationError) as error:
        score(review.items.get(number=1), participant, MARKS | {"clarity": given})
    assert error.value.message_dict == {"clarity": ["Clarity: choose a number from 1 to 5."]}


def test_closed_reviews_and_other_studies_are_refused(
    review: PrincipleReview, study: Study, other_study: Study
) -> None:
    item = review.items.get(number=1)
    with pytest.raises(ValidationError, match="not of your study"):
        score(item, join(other_study), MARKS)
    close(review)
    with pytest.raises(Conflict, match="gave before stays"):
        score(item, join(study), MARKS)


def test_who_takes_everything_back_takes_their_scores_too(review: PrincipleReview, participant: Participant) -> None:
    item = review.items.get(number=1)
    score(item, participant, MARKS, "Well said.")
    assert personal_data.collect(participant)["constitutions_reviewscore"][0]["comment"] == "Well said."
    withdrawal.withdraw(participant)
    assert not ReviewScore.objects.exists() and scores_of(review) == []
    with pytest.raises(Gone):
        score(item, participant, MARKS)


def test_words_of_a_value_that_was_taken_back_go_and_what_others_gave_them_stays(
    study: Study, participant: Participant, other_participant: Participant
) -> None:
    card_of(participant, title="Letting go")
    value = CanonicalValue.objects.get()
    said = [PRINCIPLES[0], PRINCIPLES[1] | {"value": value.number}]
    made = extraction_of(study, said)
    answers = {"r1": "Prefer the answer that is kind", "r2": "Prefer the answer that minds moments of choice"}
    llm = FakeLLM([answers], ledger=DatabaseLedger(study.scope_key))
    review = open_review(study, [made], llm=llm)
    item = review.items.get(value=value)
    score(item, other_participant, MARKS)
    withdrawal.withdraw(participant)
    item.refresh_from_db()
    assert (item.text, item.original) == ("", "") and item.scores.count() == 1
    assert [shown.original for shown in items_for(review, other_participant)] == ["Be kind."]
    assert [one.original for one in principles_of(study, [made])] == ["Be kind."]
    assert not LLMCall.objects.exclude(raw_text="").exists()


def test_words_that_are_taken_back_while_a_model_rewords_them_are_not_stored(
    study: Study, participant: Participant
) -> None:
    card_of(participant, title="Letting go")
    made = extraction_of(study, [PRINCIPLES[1] | {"value": CanonicalValue.objects.get().number}])

    def answer_late(asked: Any) -> dict[str, str]:
        withdrawal.withdraw(Participant.objects.get(id=participant.id))
        return {"r1": "Prefer the answer that minds moments of choice"}

    review = open_review(study, [made], llm=FakeLLM(answer_late, ledger=DatabaseLedger(study.scope_key)))
    assert [(item.text, item.original) for item in review.items.all()] == [("", "")]
    assert not LLMCall.objects.exclude(raw_text="").exists()


def test_how_many_reviewed_is_withheld_while_it_is_one_to_four_people(review: PrincipleReview, study: Study) -> None:
    assert state_of(review)["reviewers"] == 0
    item = review.items.get(number=1)
    for people in range(1, 6):
        score(item, join(study), MARKS)
        told = state_of(review)
        assert (told["reviewers"], told["reviews"]) == ((5, 5) if people == 5 else (None, None))
    assert (told["enough"], told["items"], told["sources"]["people"]) == (1, 5, 2)


# ---- over REST


def test_reviewers_are_told_no_source(
    review: PrincipleReview, participant: Participant, client_of: Callable[..., APIClient]
) -> None:
    client, address = client_of(participant), "/api/v1/studies/letting-go/review-items/"
    listed = client.get(address).json()
    assert [row["id"] for row in listed] == [str(item.id) for item in items_for(review, participant)]
    assert all(set(row) == {"id", "text", "given"} for row in listed)
    answered = client.put(f"{address}{listed[0]['id']}/", MARKS, format="json")
    assert answered.status_code == 200 and set(answered.json()) == {*MARKS, "comment"}
    told = json.dumps([client.get(address).json(), answered.json()])
    assert not [word for word in (*ReviewItem.Source.values, "hand", "graph", "kept") if word in told]
    assert client.put(f"{address}{listed[0]['id']}/", MARKS | {"clarity": 9}, format="json").status_code == 400
    assert client.get("/api/v1/studies/letting-go/reviews/").status_code == 403


def test_those_who_run_the_study_open_a_review_and_close_it(
    study: Study, made: Extraction, facilitator: User, client_of: Callable[..., APIClient]
) -> None:  # fmt: skip
    client, address = client_of(facilitator), "/api/v1/studies/letting-go/reviews/"
    asked = client.post(address, {"extractions": [str(made.id)], "dropped": True}, format="json")
    assert asked.status_code == 202
    job = Job.objects.get(kind="constitutions.review")
    perform(str(job.id), jobs.kinds()[job.kind].work)
    [told] = client.get(address).json()
    assert (told["items"], told["is_open"], told["style"]) == (6, True, "rules")
    assert client.post(address, {"extractions": [str(made.id)]}, format="json").status_code == 409
    assert client.post(f"{address}1/close/").json()["is_open"] is False
    assert client.post(address, {}, format="json").status_code == 400


def test_what_belongs_to_others_is_as_if_it_were_not_there(
    study: Study, other_study: Study, facilitator: User, stranger: User, client_of: Callable[..., APIClient]
) -> None:
    foreign, address = extraction_of(other_study, PRINCIPLES), "/api/v1/studies/letting-go/reviews/"
    for wanted in ({"extractions": [str(foreign.id)]}, {"versions": ["rules/1"]}):
        assert client_of(facilitator).post(address, wanted, format="json").status_code == 404
    item = open_review(other_study, [foreign]).items.get(number=1)
    theirs = f"/api/v1/studies/letting-go/review-items/{item.id}/"
    assert client_of(join(study)).put(theirs, MARKS, format="json").status_code == 404
