"""For everyone and for each: three groups, of which one contradicts one of three principles among thirty."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from constitutions.extraction import body_of, extract
from core.models import User
from elicitation.comparisons import add_comparison, annotate, dataset_of, import_comparisons
from elicitation.models import Dataset, Participant, Study
from tests.constitutions.planted_judge import TRUE, phrase, planted, planted_model, planted_rows
from tests.people import join

pytestmark = pytest.mark.usefixtures("db")
CONTESTED = f"Prefer the answer that {phrase(TRUE[2])}."
SHARED = [f"Prefer the answer that {phrase(number)}." for number in TRUE[:2]]


def three_groups(folder: Path) -> Dataset:
    rows: list[dict[str, Any]] = []
    for number, (name, signs) in enumerate({"hills": (1, 1, 1), "coast": (1, 1, 1), "plain": (1, 1, -1)}.items()):
        rows += planted_rows(300, seed=20 + number, signs=signs, rater=name)
    return planted(folder, rows)


def test_the_contradiction_is_named_and_the_rest_is_shared(tmp_path: Path) -> None:
    body = body_of(extract(dataset=three_groups(tmp_path), judge="llm", llm=planted_model(), by="annotator"))
    assert body["contradictions"] == [{"text": CONTESTED, "for": ["coast", "hills"], "against": ["plain"]}]
    assert sorted(body["shared_core"]) == sorted(SHARED)
    plain = next(group for group in body["groups"]["shown"] if group["name"] == "plain")
    assert f"Avoid the answer that {phrase(TRUE[2])}." in {p["text"] for p in plain["principles"]}


def test_each_group_has_its_own_constitution_scored_on_what_was_held_out(tmp_path: Path) -> None:
    body = body_of(extract(dataset=three_groups(tmp_path), judge="llm", llm=planted_model(), by="annotator"))
    for group in body["groups"]["shown"]:
        assert group["comparisons"] == 300
        assert group["reconstruction"]["accuracy"] > 0.6
        assert 0 < group["reconstruction"]["n"] < 300
    for row in body["groups"]["principles"]:
        for told in row["groups"].values():
            assert told["ci"][0] <= told["strength"] <= told["ci"][1]


def test_the_groups_ask_for_no_more_votes_than_everyone(tmp_path: Path) -> None:
    dataset = three_groups(tmp_path)
    together, apart = planted_model(), planted_model()
    extract(dataset=dataset, judge="llm", llm=together)
    extract(dataset=dataset, judge="llm", llm=apart, by="annotator")
    assert sum(asked.purpose.endswith("vote") for asked in apart.asked) == 0


def test_what_groups_decide_against_each_other_is_looked_at_too(tmp_path: Path) -> None:
    """Two groups of one person each that always disagree: together they decide nothing, apart everything."""
    path = tmp_path / "split.jsonl"
    lines = []
    for n in range(80):
        long, short = "word " * (5 + n % 7), "word"
        answers = {"ana": "a", "bo": "b"} | ({"cleo": "a"} if n < 40 else {})
        lines.append({"prompt": f"Q{n}", "text_a": long, "text_b": short, "annotations": {"human": answers}})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    import_comparisons(path, "split")
    body = body_of(extract(dataset=Dataset.objects.get(slug="split"), by="annotator"))
    assert body["comparisons"]["decided"] == 40
    assert [group["comparisons"] for group in body["groups"]["shown"]] == [80, 80, 40]
    assert any("more words" in row["text"] or "fewer words" in row["text"] for row in body["contradictions"])


def answering_people(study: Study, places: dict[str, int], comparisons: int = 12) -> Dataset:
    dataset = dataset_of(study)
    rows = [
        add_comparison(dataset, prompt=f"Q{n}", text_a="one two three four", text_b="one") for n in range(comparisons)
    ]
    for place, people in places.items():
        for _person in range(people):
            person = join(study)
            Participant.objects.filter(id=person.id).update(
                demographics={"place": place}, demographics_at=timezone.now()
            )
            for row in rows:
                annotate(row, participant=person, answer="a" if place == "coast" else "b")
    return dataset


def test_groups_of_fewer_than_five_people_are_withheld(study: Study, facilitator: User) -> None:
    dataset = answering_people(study, {"coast": 12, "hills": 6, "plain": 5, "moor": 4})
    body = body_of(extract(dataset=dataset, by="place"))
    shown = {group["name"]: group["people"] for group in body["groups"]["shown"]}
    # the four of the moor alone could be had by subtraction, so the largest group goes with them, as in a moral graph
    assert shown == {"hills": 6, "plain": 5}
    assert set(body["groups"]["withheld"]) >= {"coast"}
    assert "moor" not in json.dumps(body["groups"]["shown"])


def test_too_few_groups_are_refused_in_words(study: Study) -> None:
    dataset = answering_people(study, {"coast": 6, "hills": 3})
    with pytest.raises(ValidationError, match="five people"):
        extract(dataset=dataset, by="place")
    with pytest.raises(ValidationError, match="no key"):
        extract(dataset=dataset, by="weather")
    with pytest.raises(ValidationError, match="one by one"):
        extract(dataset=dataset, by="annotator")
