import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from constitutions.estimating import estimate
from constitutions.extraction import body_of, extract
from constitutions.models import Extraction, PrincipleEvidence
from core.canonical import sha256_of
from core.problems import Problem
from elicitation import comparisons
from elicitation.comparisons import import_comparisons
from elicitation.models import Dataset, Participant, Study
from tests.constitutions.conftest import Preferring, principle_texts
from tests.people import join

pytestmark = pytest.mark.django_db


def one_dataset(folder: Path, *rows: dict[str, object], slug: str = "made") -> Dataset:
    path = folder / f"{slug}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_comparisons(path, slug)
    return Dataset.objects.get(slug=slug)


# what is found


def test_what_people_prefer_is_found_and_worded_as_a_count(dataset: Dataset) -> None:
    body = body_of(extract(dataset=dataset))
    assert body["verdict"] == "enough evidence"
    assert "Prefer the answer that has more list items." in principle_texts(body) + [
        d["text"] for d in body["dropped"] if d["reason"].startswith("says much the same")
    ]
    assert {p["source"] for p in body["principles"]} == {"measured: text feature"}


def test_turned_preferences_turn_the_principles(preferring: Preferring) -> None:
    with_lists = body_of(extract(dataset=preferring("with", share=0.9)))
    without = body_of(extract(dataset=preferring("without", share=0.1)))
    assert not set(principle_texts(with_lists)) & set(principle_texts(without))


def test_preferences_by_chance_are_not_enough_evidence(preferring: Preferring) -> None:
    body = body_of(extract(dataset=preferring("chance", share=0.5)))
    assert body["verdict"] == "not enough evidence"
    assert body["principles"] == []
    assert all(d["reason"] for d in body["dropped"])


def test_every_principle_says_its_counts_over_the_training_part(dataset: Dataset) -> None:
    body = body_of(extract(dataset=dataset))
    trained_on = body["reconstruction"]["trained_on"]
    for p in body["principles"]:
        assert p["for"] + p["against"] + p["irrelevant"] + p["missing"] == trained_on
        assert p["strength"] == pytest.approx((p["for"] - p["against"]) / trained_on)
        assert p["relevance"] == pytest.approx((p["for"] + p["against"]) / trained_on)
        assert p["accuracy"] == pytest.approx(p["for"] / (p["for"] + p["against"]))
        assert p["q"] <= 0.05


def test_reconstruction_is_held_out_by_prompt_beside_what_it_must_beat(dataset: Dataset) -> None:
    told = body_of(extract(dataset=dataset))["reconstruction"]
    assert (told["n"] + told["trained_on"], told["prompts"], told["split"]) == (160, 40, "by prompt")
    assert told["ci"][0] <= told["accuracy"] <= told["ci"][1]
    assert set(told["baselines"]) == {"random", "longest", "all_features", "all_features_and_words"}
    assert told["accuracy"] > 0.8
    assert told["against"]["random"]["beats"]


def test_nothing_is_said_to_beat_what_it_does_not(preferring: Preferring) -> None:
    told = body_of(extract(dataset=preferring("chance", share=0.5)))["reconstruction"]
    assert (told["accuracy"], told["undecided"]) == (0.5, told["n"])
    assert not told["against"]["random"]["beats"]


def test_one_prompt_for_all_is_split_by_comparison_and_says_so(preferring: Preferring) -> None:
    told = body_of(extract(dataset=preferring("one", prompts=1)))["reconstruction"]
    assert told["split"] == "by comparison: there is only one prompt"


def test_every_cell_is_accounted_for(dataset: Dataset) -> None:
    made = extract(dataset=dataset)
    assert made.cells["asked"] == made.cells["answered"] + made.cells["cached"] + made.cells["missing"] > 0
    assert {made.calls[name] for name in ("requests", "retries", "tokens", "cost")} == {0}


def test_evidence_is_each_comparison_that_the_principle_speaks_about(dataset: Dataset) -> None:
    extraction = extract(dataset=dataset)
    for p in body_of(extraction)["principles"]:
        rows = PrincipleEvidence.objects.filter(extraction=extraction, principle=p["id"])
        assert rows.count() == p["evidence"]["comparisons"]


def test_a_pair_of_equal_texts_speaks_for_no_principle(tmp_path: Path) -> None:
    rows = [
        {"id": n, "prompt": f"p{n}", "text_a": "same", "text_b": "same", "annotations": {"human": {"ana": "ab"[n % 2]}}}
        for n in range(20)
    ]
    body = body_of(extract(dataset=one_dataset(tmp_path, *rows)))
    assert body["verdict"] == "not enough evidence"


# the same again


def test_the_same_inputs_and_seed_are_the_same_extraction(dataset: Dataset) -> None:
    assert extract(dataset=dataset, seed=4) == extract(dataset=dataset, seed=4)
    assert Extraction.objects.count() == 1


def test_the_same_inputs_and_seed_give_the_same_bytes_when_made_anew(dataset: Dataset) -> None:
    first = extract(dataset=dataset, seed=4)
    sha256, body = first.sha256, first.body
    first.delete()
    again = extract(dataset=dataset, seed=4)
    assert (again.sha256, again.body) == (sha256, body)


def test_the_hash_is_that_of_the_body(dataset: Dataset) -> None:
    extraction = extract(dataset=dataset)
    assert extraction.sha256 == sha256_of(body_of(extraction))


def test_another_seed_is_another_split(dataset: Dataset) -> None:
    assert extract(dataset=dataset, seed=1).sha256 != extract(dataset=dataset, seed=2).sha256


def test_the_body_holds_no_key_and_no_clock(dataset: Dataset) -> None:
    extraction = extract(dataset=dataset)
    assert str(dataset.id) not in extraction.body
    assert str(extraction.id) not in extraction.body
    assert extraction.created_at.strftime("%Y-%m") not in extraction.body


# what is refused


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("test_fraction", 0.0),
        ("test_fraction", 1.0),
        ("test_fraction", float("nan")),
        ("seed", -1),
        ("seed", 2**32),
        ("principles", 0),
        ("principles", 51),
    ],
)
def test_a_bad_option_is_named(dataset: Dataset, option: str, value: float) -> None:
    with pytest.raises(ValidationError) as bad:
        extract(dataset=dataset, **{option: value})  # type: ignore[arg-type]
    assert list(bad.value.message_dict) == [option]


def test_neither_dataset_nor_study_is_refused() -> None:
    with pytest.raises(ValidationError):
        extract()


@pytest.mark.parametrize("asking", [extract, estimate])
def test_without_a_model_its_judge_says_what_to_set(dataset: Dataset, asking: Callable[..., object]) -> None:
    with pytest.raises(Problem, match="FOLKMOOT_LLM_BASE_URL"):
        asking(dataset=dataset, judge="llm")


def test_an_unknown_annotator_is_refused(dataset: Dataset) -> None:
    with pytest.raises(LookupError, match="dora"):
        extract(dataset=dataset, annotators=["dora"])


@pytest.mark.parametrize(("answer", "told"), [("tie", "8 ties"), ("both_bad", "8 where both are bad")])
def test_ties_alone_are_too_few_and_counted(tmp_path: Path, answer: str, told: str) -> None:
    rows = [{"id": n, "text_a": "x", "text_b": "y", "annotations": {"human": {"ana": answer}}} for n in range(8)]
    with pytest.raises(ValidationError, match=told):
        extract(dataset=one_dataset(tmp_path, *rows))


def answered(count: int, text_a: str, text_b: str, **more: object) -> list[dict[str, object]]:
    """Comparisons of the same two texts, answered by one rater, always with a."""
    row = {"text_a": text_a, "text_b": text_b, "annotations": {"human": {"ana": "a"}}} | more
    return [{"id": n, "prompt": f"p{n}"} | row for n in range(count)]


@pytest.mark.parametrize(
    ("text_a", "text_b"), [("the same", "the same"), ("", ""), (" ", ""), ("x " * 100_000, "x " * 100_000)]
)
def test_texts_that_do_not_differ_are_not_enough_evidence(tmp_path: Path, text_a: str, text_b: str) -> None:
    body = body_of(extract(dataset=one_dataset(tmp_path, *answered(20, text_a, text_b))))
    assert (body["verdict"], body["principles"]) == ("not enough evidence", [])
    assert body["comparisons"]["decided"] == 20


def test_one_pair_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="Only 1 comparisons have a decided answer"):
        extract(dataset=one_dataset(tmp_path, *answered(1, "x", "y")))


@pytest.mark.parametrize("prompt", [None, "p"])
def test_one_pair_again_and_again_is_told_to_be_one(tmp_path: Path, prompt: str | None) -> None:
    with pytest.raises(ValidationError, match="are all of the same two texts"):
        extract(dataset=one_dataset(tmp_path, *answered(20, "x y", "y", prompt=prompt)))


def test_what_one_rater_says_is_about_these_comparisons(tmp_path: Path) -> None:
    body = body_of(extract(dataset=one_dataset(tmp_path, *answered(60, "one\n- two", "one two"))))
    assert body["test"] == {"name": "sign test (about these comparisons)", "raters": 1}


def test_a_study_without_a_published_graph_is_refused(study: Study) -> None:
    with pytest.raises(ValidationError, match="no published graph"):
        extract(study=study)


def test_an_estimate_asks_no_model_and_counts_what_will_be_asked(tmp_path: Path) -> None:
    rows = [
        {"id": n, "text_a": "x " * n, "text_b": "y", "annotations": {"human": {"ana": "a" if n % 4 else "tie"}}}
        for n in range(40)
    ]
    dataset = one_dataset(tmp_path, *rows)
    told = estimate(dataset)
    assert (told["comparisons"], told["calls"]["requests"]) == (30, 0)
    assert told["cells"] == extract(dataset=dataset).cells["asked"]


def test_every_comparison_is_counted_for_what_it_is(tmp_path: Path) -> None:
    answers: list[dict[str, str]] = [
        *({"ana": "a"} for _ in range(6)),
        {"ana": "tie"},
        {"ana": "both_bad"},
        {"ana": "a", "bo": "b"},
        {},
    ]
    rows: list[dict[str, object]] = [
        {"id": n, "text_a": f"some words {n}", "text_b": "" if n < 2 else "y", "annotations": {"human": given}}
        for n, given in enumerate(answers)
    ]
    rows.append({**rows[1], "id": 99})
    counts = body_of(extract(dataset=one_dataset(tmp_path, *rows)))["comparisons"]
    assert counts == {
        "decided": 7, "ties": 1, "both_bad": 1, "without_majority": 1, "unanswered": 1,
        "with_empty_text": 3, "repeated": 1, "annotations": 11,
    }  # fmt: skip


def test_the_interval_of_a_principle_is_of_the_accuracy_beside_it(dataset: Dataset) -> None:
    for principle in body_of(extract(dataset=dataset))["principles"]:
        held_out = principle["held_out"]
        assert principle["ci"][0] < principle["accuracy"] < principle["ci"][1]
        assert held_out["ci"][0] <= held_out["accuracy"] <= held_out["ci"][1]
        assert principle["accuracy"] == pytest.approx(principle["for"] / (principle["for"] + principle["against"]))


def test_what_says_the_same_as_a_principle_names_it(dataset: Dataset) -> None:
    body = body_of(extract(dataset=dataset, principles=50))
    wordings = {p["text"] for p in body["principles"]}
    alike = [p["reason"] for p in body["dropped"] if p["reason"].startswith("says much the same")]
    assert alike
    assert all(reason.partition("“")[2].rstrip("”") in wordings for reason in alike)


def test_where_no_principle_is_kept_nothing_is_beaten(tmp_path: Path) -> None:
    rows = [
        {"id": n, "prompt": f"p{n}", "text_a": "x y z", "text_b": "x y", "annotations": {"human": {"ana": "b"}}}
        for n in range(5)
    ]
    rows += [{**row, "id": 100 + n, "prompt": f"q{n}"} for n, row in enumerate(rows * 3)]
    told = body_of(extract(dataset=one_dataset(tmp_path, *rows), seed=1, test_fraction=0.9))
    assert (told["verdict"], told["reconstruction"]["baselines"]["longest"]["accuracy"]) == ("not enough evidence", 0)
    assert told["reconstruction"]["against"]["longest"]["beats"] is False


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        ([None], "by comparison: there are no prompts"),
        (["p"], "by comparison: there is only one prompt"),
        (["p", "q"], "by prompt"),
        (["p", "q", None], "by prompt, and by comparison where there is no prompt"),
    ],
)
def test_the_result_says_how_it_was_split(tmp_path: Path, prompts: list[str | None], told: str) -> None:
    rows: list[dict[str, object]] = [
        {
            "id": n,
            "prompt": prompts[n % len(prompts)],
            "text_a": f"x {n}",
            "text_b": "y",
            "annotations": {"human": {"ana": "a"}},
        }
        for n in range(24)
    ]
    reconstruction = body_of(extract(dataset=one_dataset(tmp_path, *rows)))["reconstruction"]
    assert reconstruction["split"] == told
    assert reconstruction["n"] + reconstruction["trained_on"] == 24
    if None in prompts:
        assert reconstruction["n"] not in (0, 8, 16, 24), "those without a prompt are not one"


def test_without_prompts_the_same_two_texts_are_on_one_side(tmp_path: Path) -> None:
    rows = [
        {"id": n, "text_a": f"text {n % 5}", "text_b": "y", "annotations": {"human": {"ana": "a"}}} for n in range(25)
    ]
    reconstruction = body_of(extract(dataset=one_dataset(tmp_path, *rows)))["reconstruction"]
    assert reconstruction["n"] % 5 == 0


# whose answers


@pytest.fixture
def two_camps(study: Study) -> Dataset:
    """Ten people of a study: the five of the coast prefer the longer text, the five of the hills the shorter one."""
    dataset = comparisons.dataset_of(study)
    people: list[Participant] = []
    for n in range(10):
        person = join(study)
        Participant.objects.filter(id=person.id).update(demographics={"place": "coast" if n < 5 else "hills"})
        people.append(person)
    rng = np.random.default_rng(0)
    for n in range(40):
        short, long = " ".join(["word"] * 4), " ".join(["word"] * int(rng.integers(8, 20)))
        pair = comparisons.add_comparison(dataset, prompt=f"p{n}", text_a=long, text_b=f"{short} {n}")
        for place, person in enumerate(people):
            comparisons.annotate(pair, participant=person, answer="a" if place < 5 else "b")
    return dataset


def test_each_group_has_its_own_principles(two_camps: Dataset) -> None:
    coast = body_of(extract(dataset=two_camps, group="place=coast"))
    hills = body_of(extract(dataset=two_camps, group="place=hills"))
    assert "Prefer the answer that has more words." in principle_texts(coast)
    assert "Prefer the answer that has fewer words." in principle_texts(hills)


@pytest.mark.parametrize("group", ["place=moon", "place", "=coast", "nothing=coast"])
def test_a_group_that_is_unknown_or_small_is_refused(two_camps: Dataset, group: str) -> None:
    with pytest.raises(ValidationError, match=r"fewer than 5|KEY=VALUE"):
        extract(dataset=two_camps, group=group)


def test_a_group_of_all_but_a_few_is_refused(two_camps: Dataset, study: Study) -> None:
    odd = Participant.objects.filter(study=study, demographics__place="hills").order_by("number")[:3]
    Participant.objects.filter(id__in=[p.id for p in odd]).update(demographics={"place": "coast"})
    with pytest.raises(ValidationError, match="fewer than 5"):
        extract(dataset=two_camps, group="place=coast")


def test_where_each_comparison_has_one_rater_whole_raters_are_tested(study: Study) -> None:
    dataset = comparisons.dataset_of(study)
    people = [join(study) for _ in range(12)]
    for n in range(96):
        pair = comparisons.add_comparison(dataset, prompt=f"p{n}", text_a="many words " * (n % 5 + 3), text_b="few")
        comparisons.annotate(pair, participant=people[n % 12], answer="a")
    assert body_of(extract(dataset=dataset))["test"] == {"name": "sign flips of whole raters", "raters": 12}


def test_where_several_decide_together_the_test_is_about_these_comparisons(dataset: Dataset) -> None:
    assert body_of(extract(dataset=dataset))["test"] == {"name": "sign test (about these comparisons)", "raters": 0}


def test_simulated_people_do_not_count_in_a_study_of_people(study: Study, two_camps: Dataset) -> None:
    Participant.objects.filter(demographics__place="hills").update(is_simulated=True)
    body = body_of(extract(dataset=two_camps))
    assert body["comparisons"]["decided"] == 40
    assert "Prefer the answer that has more words." in principle_texts(body)


# what others published


def test_pandalm_gives_a_readable_constitution_with_interval_and_baselines(shared_data: Path) -> None:
    import_comparisons(shared_data / "preferences" / "pandalm_pairs.jsonl", "pandalm")
    body = body_of(extract(dataset=Dataset.objects.get()))
    told = body["reconstruction"]
    assert body["comparisons"] == {
        "decided": 894, "ties": 105, "both_bad": 0, "without_majority": 0, "unanswered": 0,
        "with_empty_text": 54, "repeated": 99, "annotations": 4995,
    }  # fmt: skip
    assert body["verdict"] == "enough evidence"
    assert 0.6 < told["ci"][0] < told["accuracy"] < told["ci"][1] < 0.8
    assert told["baselines"]["random"]["accuracy"] == 0.5
    assert told["against"]["random"]["beats"] is True and told["against"]["longest"]["beats"] is False
    assert 0.6 < told["baselines"]["longest"]["accuracy"] < 0.75


def test_llmbar_is_not_enough_evidence(shared_data: Path) -> None:
    import_comparisons(shared_data / "preferences" / "llmbar_natural.jsonl", "llmbar")
    assert body_of(extract(dataset=Dataset.objects.get()))["verdict"] == "not enough evidence"
