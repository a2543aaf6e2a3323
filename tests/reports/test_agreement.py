import json
from pathlib import Path

import pytest

from elicitation import comparisons, withdrawal
from elicitation.comparisons import import_comparisons
from elicitation.models import Dataset, Participant, Study
from reports.models import Report
from reports.running import body_of, run_report
from tests.people import join

pytestmark = pytest.mark.django_db


def result_of(report: Report) -> dict[str, object]:
    result: dict[str, object] = body_of(report)["result"]
    return result


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twenty comparisons; ana and bo are of one mind but for five, a model always says a."""
    path = tmp_path / "pairs.jsonl"
    rows = [
        {
            "id": n,
            "text_a": f"x{n}",
            "text_b": f"y{n}",
            "annotations": {"human": {"ana": "ab"[n % 2], "bo": "a" if n < 10 else "ab"[n % 2]}, "model": {"m": "a"}},
        }
        for n in range(20)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_comparisons(path, "pairs")
    return Dataset.objects.get(slug="pairs")


def test_humans_are_compared_when_nobody_is_named(dataset: Dataset) -> None:
    body = body_of(run_report("agreement", dataset=dataset))["result"]
    assert [a["id"] for a in body["annotators"]] == ["ana", "bo"]
    [pair] = body["pairs"]
    assert (pair["agreement"]["value"], pair["agreement"]["n"]) == (0.75, 20)
    assert pair["kappa"]["ci"][0] < pair["kappa"]["value"] < pair["kappa"]["ci"][1]
    assert body["alpha"]["ci"][0] < body["alpha"]["value"] < body["alpha"]["ci"][1]


def test_a_model_can_be_compared_with_a_person(dataset: Dataset) -> None:
    body = body_of(run_report("agreement", dataset=dataset, params={"annotators": ["ana", "m"]}))["result"]
    assert body["pairs"][0]["agreement"]["value"] == 0.5


def test_one_person_is_compared_with_the_models(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    row = {"text_a": "x", "text_b": "y", "annotations": {"human": {"gold": "a"}, "model": {"m": "a"}}}
    path.write_text("".join(json.dumps(row | {"id": n}) + "\n" for n in range(12)))
    import_comparisons(path, "gold")
    body = body_of(run_report("agreement", dataset=Dataset.objects.get(slug="gold")))["result"]
    assert [(pair["first"], pair["second"]) for pair in body["pairs"]] == [("gold", "m")]


def test_who_is_named_twice_is_one_annotator(dataset: Dataset) -> None:
    body = body_of(run_report("agreement", dataset=dataset, params={"annotators": ["ana", "ana", "bo"]}))["result"]
    assert [a["id"] for a in body["annotators"]] == ["ana", "bo"]


def test_a_judge_who_saw_both_orders_counts_with_the_original_one(tmp_path: Path) -> None:
    path = tmp_path / "judges.jsonl"
    row = {"text_a": "x", "text_b": "y", "judges": {"one": {"swapped": "b", "original": "a"}, "two": {"original": "a"}}}
    path.write_text("".join(json.dumps(row | {"id": n}) + "\n" for n in range(12)))
    import_comparisons(path, "judges")
    report = run_report("agreement", dataset=Dataset.objects.get(slug="judges"))
    assert body_of(report)["result"]["pairs"][0]["agreement"]["value"] == 1


def test_simulated_people_do_not_count_in_a_study_of_people(study: Study) -> None:
    dataset = comparisons.dataset_of(study)
    pair = comparisons.add_comparison(dataset, prompt="p", text_a="x", text_b="y")
    for simulated in (False, False, True):
        person = join(study)
        Participant.objects.filter(id=person.id).update(is_simulated=simulated)
        comparisons.annotate(pair, participant=person, answer="a")
    assert len(body_of(run_report("agreement", dataset=dataset))["result"]["annotators"]) == 2


def test_who_withdraws_is_no_longer_in_a_new_report(study: Study) -> None:
    dataset = comparisons.dataset_of(study)
    pair = comparisons.add_comparison(dataset, prompt="p", text_a="x", text_b="y")
    people = [join(study) for _ in range(3)]
    for person in people:
        comparisons.annotate(pair, participant=person, answer="a")
    withdrawal.withdraw(people[0])
    assert len(body_of(run_report("agreement", dataset=dataset))["result"]["annotators"]) == 2


def test_the_pandalm_humans_agree_as_published(shared_data: Path) -> None:
    import_comparisons(shared_data / "preferences" / "pandalm_pairs.jsonl", "pandalm")
    body = body_of(run_report("agreement", dataset=Dataset.objects.get()))["result"]
    assert body["alpha"]["value"] == pytest.approx(0.864221, abs=5e-7)
    assert body["fleiss_kappa"]["value"] == pytest.approx(0.864175, abs=5e-7)
    assert body["comparisons"] == 999
