"""What people say and what they choose, with people who say what they do not reward and reward what they do not say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from constitutions.extraction import extract
from constitutions.models import Cell
from elicitation import comparisons
from elicitation.models import Annotation, Annotator, Consent, Dataset, Participant, Study
from llm_client import FakeLLM, LLMError, LLMUnavailable
from llm_client.client import Asked
from reports.models import Report
from reports.running import body_of, run_report
from tests.constitutions.planted_judge import FENCED, PlantedJudge, number_in, phrase, planted, planted_rows
from tests.people import join

pytestmark = pytest.mark.usefixtures("db")
BOTH_WAYS, SAID_ONLY, HIDDEN, NEITHER = 3, 5, 11, 7


def reader(asked: Asked) -> dict[str, Any]:
    """Answer as the planted judge; of a reason, that it states what it names, or opposes what it names after "not"."""
    found = FENCED.search(asked.user)
    assert found
    material = json.loads(found[1])
    if "reasons" not in material:
        return PlantedJudge(0.0, proposes=(BOTH_WAYS, SAID_ONLY, HIDDEN, NEITHER))(asked)
    said: dict[str, Any] = {}
    for row in material["reasons"]:
        words = row["text"]
        named = [
            principle["principle"]
            for principle in material["principles"]
            if (number := number_in(principle["text"])) is not None and phrase(number) in words
        ]
        is_turned = words.startswith("Not")
        said |= {f"r{row['reason']}_states": [] if is_turned else named}
        said |= {f"r{row['reason']}_opposes": named if is_turned else []}
    return said


def with_reasons(folder: Path, pairs: int = 600, raters: Sequence[str] = ("ana",), slug: str = "said") -> Dataset:
    """Import comparisons whose choices follow two rules, one of which nobody mentions; reasons mention one without weight."""
    rows = planted_rows(pairs, seed=1, true=(BOTH_WAYS, HIDDEN), noise=0.05)
    answers = [row.pop("annotations")["human"]["people"] for row in rows]
    dataset = planted(folder, rows, slug)
    people = [
        Annotator.objects.create(dataset=dataset, number=n, source_id=name, kind="human")
        for n, name in enumerate(raters, 1)
    ]
    rng = np.random.default_rng(5)
    said = (f"It {phrase(BOTH_WAYS)}.", f"Since it {phrase(SAID_ONLY)}, I think.", "I just like it more.", "")
    Annotation.objects.bulk_create(
        Annotation(comparison=row, annotator=people[n % len(people)], answer=answer, reason=said[rng.integers(4)])
        for n, (row, answer) in enumerate(zip(dataset.comparisons.order_by("number"), answers, strict=True))
    )
    return dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return with_reasons(tmp_path)


def result(dataset: Dataset, llm: FakeLLM | None = None, **params: Any) -> dict[str, Any]:
    told: dict[str, Any] = body_of(run_report("stated_revealed", dataset=dataset, params=params, llm=llm))["result"]
    return told


def verdicts(told: dict[str, Any]) -> dict[int, str]:
    return {number: row["verdict"] for row in told["principles"] if (number := number_in(row["text"])) is not None}


def test_what_is_said_and_not_rewarded_and_the_other_way_round_are_found(dataset: Dataset) -> None:
    model = FakeLLM(reader)
    extract(dataset=dataset, judge="llm", llm=model, reader=False)
    votes_before = Cell.objects.count()
    told = result(dataset, model)
    assert verdicts(told) == {
        BOTH_WAYS: "said and rewarded",
        SAID_ONLY: "said, not rewarded",
        HIDDEN: "rewarded, not said",
        NEITHER: "neither",
    }
    assert Cell.objects.count() == votes_before  # what was voted is not asked again
    weight = {row["text"]: row["weight"]["value"] for row in told["principles"]}
    hidden = f"Prefer the answer that {phrase(HIDDEN)}."
    assert weight[hidden] > 1 and told["choices"]["missing_votes"] == 0
    assert told["reasons"]["states_none"]["share"] == pytest.approx(1 / 3, abs=0.08)


def test_votes_alone_are_enough_where_the_model_is_gone_and_words_are_looked_for(dataset: Dataset) -> None:
    extract(dataset=dataset, judge="llm", llm=FakeLLM(reader), reader=False)
    told = result(dataset)
    assert (told["reader"], told["choices"]["asks_the_model"], told["choices"]["missing_votes"]) == (None, False, 0)
    assert verdicts(told)[SAID_ONLY] == "said, not rewarded" and verdicts(told)[HIDDEN] == "rewarded, not said"
    row = next(row for row in told["principles"] if row["verdict"] == "said, not rewarded")
    assert row["words"] and row["opposed"] is None


def test_votes_of_a_model_that_is_gone_and_were_not_kept_are_missing_and_give_no_weight(dataset: Dataset) -> None:
    extract(dataset=dataset, judge="llm", llm=FakeLLM(reader), reader=False)
    Cell.objects.all().delete()
    told = result(dataset)
    assert told["choices"]["missing_votes"] == 600 * len(told["principles"])
    assert {row["weight"]["value"] for row in told["principles"]} == {None}
    assert set(verdicts(told).values()) == {"not enough evidence"}


def test_who_wants_the_opposite_of_a_principle_is_told_of_that(tmp_path: Path) -> None:
    rows = planted_rows(300, seed=1)
    for row in rows:
        del row["annotations"]
    dataset = planted(tmp_path, rows)
    who = Annotator.objects.create(dataset=dataset, number=1, source_id="ana", kind="human")
    Annotation.objects.bulk_create(
        Annotation(
            comparison=row,
            annotator=who,
            answer="b" if f"{{{HIDDEN}}}" in row.text_a else "a",
            reason=f"Not one that {phrase(HIDDEN)}.",
        )
        for row in dataset.comparisons.all()
        if (f"{{{HIDDEN}}}" in row.text_a) != (f"{{{HIDDEN}}}" in row.text_b)
    )
    model = FakeLLM(reader)
    extract(dataset=dataset, judge="llm", llm=model, reader=False)
    told = result(dataset, model)
    row = next(row for row in told["principles"] if phrase(HIDDEN) in row["text"])
    assert row["text"] == f"Avoid the answer that {phrase(HIDDEN)}."
    assert (row["verdict"], row["stated"]["share"], row["opposed"]["n"]) == ("said and rewarded", 1.0, 0)


def test_without_an_extraction_measured_features_are_looked_at(dataset: Dataset) -> None:
    told = result(dataset)
    assert (told["extraction"], told["judge"], len(told["principles"])) == (None, None, 38)


def test_no_reasons_at_all_are_told_as_that(tmp_path: Path) -> None:
    dataset = planted(tmp_path, planted_rows(60, seed=1))
    told = result(dataset, FakeLLM(reader))
    assert (told["reasons"]["given"], told["correlation"]["r"]) == (0, None)
    assert {row["verdict"] for row in told["principles"]} == {"not enough evidence"}
    assert {row["stated"]["share"] for row in told["principles"]} == {None}


def test_with_ten_raters_whole_raters_are_drawn(tmp_path: Path) -> None:
    told = result(with_reasons(tmp_path, raters=[f"r{n}" for n in range(12)]))
    assert (told["choices"]["drawn"], told["choices"]["clusters"]) == ("raters", 12)


def test_the_same_again_gives_the_same_bytes_and_asks_nothing(dataset: Dataset) -> None:
    model = FakeLLM(reader)
    extract(dataset=dataset, judge="llm", llm=model, reader=False)
    first = run_report("stated_revealed", dataset=dataset, llm=model)
    asked = len(model.asked)
    second = run_report("stated_revealed", dataset=dataset, llm=model)
    assert (first.body, first.sha256) == (second.body, second.sha256) and len(model.asked) == asked


def test_an_outage_is_no_finding_and_stores_nothing(dataset: Dataset) -> None:
    def outage(asked: Asked) -> LLMError:
        return LLMUnavailable()

    with pytest.raises(LLMUnavailable):
        run_report("stated_revealed", dataset=dataset, llm=FakeLLM(outage))
    assert not Report.objects.exists()


def test_a_reason_without_an_answer_is_missing_and_no_silence(dataset: Dataset) -> None:
    failed: list[Asked] = []

    def once(asked: Asked) -> Any:
        if not failed:
            failed.append(asked)
            return LLMUnavailable()
        return reader(asked)

    told = result(dataset, FakeLLM(once))["reasons"]
    assert told["missing"] == 10 and told["read"] == told["given"] - 10


def test_an_extraction_of_another_dataset_is_not_there(dataset: Dataset, tmp_path: Path) -> None:
    other = extract(dataset=planted(tmp_path, planted_rows(60, seed=2), "other"))
    with pytest.raises(ValidationError, match="no extraction"):
        result(dataset, extraction=str(other.id))


# people of a study


def study_choices(study: Study, people: int, reasons: int = 6) -> Dataset:
    """Store that people choose the longer text; the first `reasons` of them say that it shows cobalt."""
    dataset = comparisons.dataset_of(study)
    rows = [
        comparisons.add_comparison(dataset, prompt=f"Q{n}", text_a="word " * (n + 2), text_b="word") for n in range(12)
    ]
    for n in range(people):
        person = join(study)
        for row in rows:
            comparisons.annotate(
                row, participant=person, answer="a", reason="It has more words." if n < reasons else "So."
            )
    return dataset


def test_fewer_than_five_people_are_not_told_of(study: Study) -> None:
    with pytest.raises(ValidationError, match="Fewer than 5 people"):
        result(study_choices(study, 4))


def test_what_one_to_four_people_say_is_withheld(study: Study) -> None:
    told = result(study_choices(study, 9, reasons=4))
    row = next(row for row in told["principles"] if row["text"] == "Prefer the answer that has more words.")
    assert (row["stated"]["n"], row["stated"]["withheld"]) == (None, "fewer than 5 people")


def test_words_go_to_a_model_only_of_people_who_agreed_and_one_person_at_a_time(study: Study) -> None:
    dataset = study_choices(study, 7)
    refused = Participant.objects.order_by("number").last()
    assert refused
    now = refused.consents.get()
    Consent.objects.create(participant=refused, text=now.text, text_sha256=now.text_sha256, uses_model=False)
    model = FakeLLM(reader)
    told = result(dataset, model)["reasons"]
    assert (told["given"], told["not_sent"], told["read"]) == (84, 12, 72)
    assert refused.subject not in {asked.subject for asked in model.asked}
    assert len({asked.subject for asked in model.asked}) == 6
