"""What sets two sides' texts apart, with a friendly model and a cold one, and with judges that know nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from elicitation import comparisons
from elicitation.models import Annotation, Annotator, Dataset, Participant, Study
from llm_client import FakeLLM, LLMUnavailable
from llm_client.client import Asked
from reports.models import Report
from reports.running import body_of, run_report
from tests.constitutions.planted_judge import FENCED, _hash, planted
from tests.people import join

pytestmark = pytest.mark.usefixtures("db")
WARM, COLD, RANDOM, SAME = "greets the reader warmly", "is curt", "hints at autumn", "answers the question"
AGAIN = "warmly greets the reader"


def texts(folder: Path, pairs: int, *, liked: float = 0.8, models: tuple[str, str] = ("sunny", "frosty")) -> Dataset:
    """Import a friendly and a cold answer to each prompt, whose order is chance; just this share prefer the friendly one."""
    rng = np.random.default_rng(2)
    likes = rng.permutation(pairs) < round(liked * pairs)
    rows = []
    for n in range(pairs):
        is_first = bool(rng.integers(2))
        friendly, cold = f"Hello dear friend! {n} it is, with joy!", f"{n}. That is the answer."
        rows.append(
            {
                "id": n,
                "prompt": f"Question {n}",
                "text_a": friendly if is_first else cold,
                "text_b": cold if is_first else friendly,
                "model_a": models[0] if is_first else models[1],
                "model_b": models[1] if is_first else models[0],
                "annotations": {"human": {"ana": "a" if likes[n] == is_first else "b"}},
            }
        )
    return planted(folder, rows, "texts")


def judge(asked: Asked) -> dict[str, Any]:
    """Propose warmth twice, a trait of chance and one of all; see warmth by its words, and chance by a coin each time."""
    found = FENCED.search(asked.user)
    assert found
    material = json.loads(found[1])
    if "pairs" in material:
        return {"axes": [WARM, AGAIN, RANDOM, SAME]}
    rows = {row["comparison"]: row for row in material["comparisons"]}
    principles = {row["principle"]: row["text"] for row in material["principles"]}
    said = {}
    for question in material["questions"]:
        pair, rank = (int(part[1:]) for part in question.split("_"))
        row, text = rows[pair], principles[rank]
        if "warm" in text:
            said[question] = "first" if "Hello" in row["first"] else "second"
        elif "autumn" in text:
            coin = _hash(row["first"], row["second"], json.dumps(asked.parameters))
            said[question] = ("first", "second", "neither")[int(3 * coin)]
        else:
            said[question] = "both"
    return said


def always_first(asked: Asked) -> dict[str, Any]:
    told = judge(asked)
    return told if "axes" in told else dict.fromkeys(told, "first")


def result(dataset: Dataset, llm: FakeLLM | None = None, **params: Any) -> dict[str, Any]:
    told: dict[str, Any] = body_of(run_report("vibes", dataset=dataset, params=params, llm=llm))["result"]
    return told


def test_the_friendly_model_is_told_and_liked_as_often_as_planted(tmp_path: Path) -> None:
    model = FakeLLM(judge)
    told = result(texts(tmp_path, 1000), model, judge="llm", pairs=1000)
    assert [axis["text"] for axis in told["axes"]] == [WARM] and told["axes"][0]["merged"] == [AGAIN]
    assert told["identity"]["accuracy"] >= 0.95
    assert told["preference"]["accuracy"] == pytest.approx(0.8, abs=0.03)
    assert told["preference"]["ci"][0] > told["preference"]["chance"]
    [axis] = told["axes"]
    assert axis["kappa"]["value"] == 1 and axis["preferred"]["verdict"] == "more"
    assert abs(axis["difference"]["value"]) == 1


def test_a_trait_of_chance_and_one_that_all_have_are_left_out(tmp_path: Path) -> None:
    told = result(texts(tmp_path, 200), FakeLLM(judge), judge="llm")
    dropped = {axis["text"]: axis for axis in told["dropped"]}
    assert set(dropped) == {RANDOM, SAME}
    assert abs(dropped[RANDOM]["kappa"]["value"]) < 0.2
    assert {axis["reason"] for axis in dropped.values()} == {"not well-defined"}


def test_an_axis_in_other_words_is_left_out_by_its_scores(tmp_path: Path) -> None:
    def two_words_for_it(asked: Asked) -> dict[str, Any]:
        told = judge(asked)
        return {"axes": [WARM, "wishes warmth on all"]} if "axes" in told else told

    told = result(texts(tmp_path, 100), FakeLLM(two_words_for_it), judge="llm")
    assert len(told["axes"]) == 1
    [dropped] = told["dropped"]
    assert (dropped["reason"], dropped["same_as"]) == ("says much the same as another", told["axes"][0]["text"])


def test_a_judge_that_always_names_the_first_text_yields_nothing(tmp_path: Path) -> None:
    told = result(texts(tmp_path, 100), FakeLLM(always_first), judge="llm")
    assert told["axes"] == [] and len(told["dropped"]) == 3
    assert (told["identity"]["accuracy"], told["preference"]["accuracy"]) == (None, None)


def test_an_outage_is_no_finding_and_stores_nothing(tmp_path: Path) -> None:
    dataset = texts(tmp_path, 100)
    for answers in (
        lambda asked: LLMUnavailable(),
        lambda asked: told if "axes" in (told := judge(asked)) else LLMUnavailable(),
    ):
        with pytest.raises(LLMUnavailable):
            run_report("vibes", dataset=dataset, params={"judge": "llm"}, llm=FakeLLM(answers))
    assert not Report.objects.exists()


def test_the_same_again_gives_the_same_bytes_and_asks_nothing(tmp_path: Path) -> None:
    dataset, model = texts(tmp_path, 100), FakeLLM(judge)
    first = run_report("vibes", dataset=dataset, params={"judge": "llm"}, llm=model)
    asked = len(model.asked)
    second = run_report("vibes", dataset=dataset, params={"judge": "llm"}, llm=model)
    assert (first.body, len(model.asked)) == (second.body, asked)


def test_a_second_round_reads_what_the_first_tells_wrong(tmp_path: Path) -> None:
    def only_later(asked: Asked) -> dict[str, Any]:
        told = judge(asked)
        found = FENCED.search(asked.user)
        assert found
        return {"axes": [WARM if "known" in json.loads(found[1]) else RANDOM]} if "axes" in told else told

    dataset = texts(tmp_path, 100)
    assert result(dataset, FakeLLM(only_later), judge="llm")["axes"] == []
    [axis] = result(dataset, FakeLLM(only_later), judge="llm", rounds=2)["axes"]
    assert (axis["text"], axis["round"]) == (WARM, 2)


# without a model


def test_measured_features_tell_the_models_apart(tmp_path: Path) -> None:
    told = result(texts(tmp_path, 200))
    assert (told["judge"], told["by"], told["sides"]) == (None, "models", ["frosty", "sunny"])
    assert told["identity"]["accuracy"] >= 0.95
    assert exclaimed(told)["chosen_on"] == -1  # the sunny model, named second, has more
    assert {axis["kappa"] for axis in told["axes"]} == {None}


def exclaimed(told: dict[str, Any]) -> dict[str, Any]:
    """Return the axis of exclamation marks, kept or the same as one that is."""
    axis: dict[str, Any] = next(
        row for row in told["axes"] + told["dropped"] if row["text"] == "has more exclamation marks"
    )
    assert axis["reason"] in ("", "says much the same as another")
    return axis


def test_two_names_of_one_kind_of_text_are_not_told_apart(tmp_path: Path) -> None:
    dataset = texts(tmp_path, 200)
    for row in dataset.comparisons.all():
        if row.number % 2:
            dataset.comparisons.filter(id=row.id).update(model_a=row.model_b, model_b=row.model_a)
    told = result(dataset)
    assert told["axes"] == [] and told["identity"]["accuracy"] is None


def test_the_order_in_which_the_sides_are_named_turns_the_figures_round(tmp_path: Path) -> None:
    dataset = texts(tmp_path, 200)
    one, other = (result(dataset, models=names) for names in (["sunny", "frosty"], ["frosty", "sunny"]))
    by_text = {axis["text"]: axis["chosen_on"] for axis in other["axes"]}
    assert one["axes"] and all(axis["chosen_on"] == -by_text[axis["text"]] for axis in one["axes"])


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"judge": "llm"}, "no language model"),
        ({"models": ["sunny"]}, "two different"),
        ({"models": ["sunny", "sunny"]}, "two different"),
        ({"models": ["sunny", "stormy"]}, "The models here are: frosty, sunny"),
        ({"models": ["sunny", "frosty"], "groups": ["a=b", "a=c"]}, "not both"),
        ({"groups": ["a=b", "c=d"]}, "of one key"),
    ],
)
def test_sides_that_are_not_there_are_named(tmp_path: Path, params: dict[str, Any], told: str) -> None:
    dataset = texts(tmp_path, 40)
    with pytest.raises(ValidationError, match=told):
        result(dataset, **params)


def test_too_few_pairs_are_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="Only 12 pairs"):
        result(texts(tmp_path, 12))


# two groups of a study's people


def two_parties(study: Study, sizes: tuple[int, int], late: int = 0) -> Dataset:
    """Store that the first party chooses the text with more exclamation marks, and the other one the other text. The
    `late` last people answer one comparison alone, in which all are of one mind."""
    dataset = comparisons.dataset_of(study)
    rows = [
        comparisons.add_comparison(dataset, prompt=f"Q{n}", text_a=f"Yes! {n}!", text_b=f"Yes, {n}.")
        if n % 2
        else comparisons.add_comparison(dataset, prompt=f"Q{n}", text_a=f"Yes, {n}.", text_b=f"Yes! {n}!")
        for n in range(40)
    ]
    agreed = comparisons.add_comparison(dataset, prompt="Late", text_a="Yes!", text_b="No.")
    for number in range(sum(sizes)):
        person, party = join(study), "loud" if number < sizes[0] else "quiet"
        Participant.objects.filter(id=person.id).update(demographics={"party": party})
        who = Annotator.objects.create(
            dataset=dataset, number=number + 1, source_id=f"p{number}", kind="human", participant=person
        )
        Annotation.objects.bulk_create(
            Annotation(comparison=row, annotator=who, answer="a" if ("!" in row.text_a) == (party == "loud") else "b")
            for row in (rows if number < sum(sizes) - late else ())
        )
        Annotation.objects.create(comparison=agreed, annotator=who, answer="a")
    return dataset


def test_what_two_groups_choose_differently_is_told(study: Study) -> None:
    dataset = two_parties(study, (8, 6))
    told = result(dataset, groups=["party=loud", "party=quiet"])
    assert (told["by"], told["sides"], told["counts"]["used"]) == ("groups", ["party: loud", "party: quiet"], 40)
    axis = exclaimed(told)
    assert axis["difference"]["value"] == 1 and axis["preferred"]["verdict"] == "more"  # the loud are more
    assert result(dataset) == told


def test_a_group_of_fewer_than_five_is_refused(study: Study) -> None:
    with pytest.raises(ValidationError, match="five people"):
        result(two_parties(study, (8, 4)), groups=["party=loud", "party=quiet"])


def test_groups_of_which_fewer_than_five_answered_where_they_differ_are_refused(study: Study) -> None:
    dataset = two_parties(study, (8, 6), late=2)
    with pytest.raises(ValidationError, match="Fewer than 5 people of quiet"):
        result(dataset, groups=["party=loud", "party=quiet"])
