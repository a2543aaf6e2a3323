import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from core.models import User
from core.problems import Problem
from elicitation import comparisons, studies
from elicitation.comparisons import answers_of, export_comparisons, import_comparisons
from elicitation.models import Annotation, Comparison, Dataset, Participant, Study
from elicitation.tables import BadFile
from tests.people import join

pytestmark = pytest.mark.django_db
ClientOf = Callable[..., APIClient]
NASTY = Path(__file__).parents[1] / "fixtures" / "annotated_pairs_nasty.json"


def pair(n: int, **answers: str) -> dict[str, Any]:
    return {
        "id": n, "prompt": f"prompt {n}", "text_a": f"first {n}", "text_b": f"second {n}", "annotations": {"human": answers}
    }  # fmt: skip


def written(folder: Path, *rows: dict[str, Any], name: str = "pairs.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def dataset(tmp_path: Path, facilitator: User) -> Dataset:
    """Three comparisons with two human answers each; the facilitator imported them."""
    rows = [pair(1, ana="a", bo="a"), pair(2, ana="b", bo="b"), pair(3, ana="a", bo="b")]
    import_comparisons(written(tmp_path, *rows), "pairs", owner=facilitator)
    return Dataset.objects.get(slug="pairs")


@pytest.fixture
def own_pair(study: Study) -> Comparison:
    return comparisons.add_comparison(comparisons.dataset_of(study), prompt="How?", text_a="So.", text_b="Not so.")


# import


def test_the_same_file_again_changes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    summary = import_comparisons(tmp_path / "pairs.jsonl", "pairs")
    assert not summary.changed
    assert (dataset.comparisons.count(), Annotation.objects.count()) == (3, 6)


def test_a_longer_file_adds_what_is_new_and_says_what_was_there(dataset: Dataset, tmp_path: Path) -> None:
    longer = written(tmp_path, pair(1, ana="a"), pair(4, ana="b"), name="longer.jsonl")
    summary = import_comparisons(longer, "pairs")
    assert [c.number for c in dataset.comparisons.order_by("number")] == [1, 2, 3, 4]
    assert "1 comparisons were there already and are left as they were" in summary.notes


def test_repeated_pairs_without_ids_are_kept_and_not_doubled(tmp_path: Path) -> None:
    row = {"prompt": "p", "text_a": "x", "text_b": "y", "annotations": {"human": {"ana": "a"}}}
    for _ in range(2):
        import_comparisons(written(tmp_path, row, row), "twins")
    assert Comparison.objects.filter(dataset__slug="twins").count() == 2


def test_answers_that_are_not_taken_in_are_counted_and_said(dataset: Dataset, tmp_path: Path) -> None:
    later = written(tmp_path, pair(1, ana="a", bo="a"), pair(2, ana="a"), pair(3, cleo="b"), name="later.jsonl")
    summary = import_comparisons(later, "pairs")
    assert not summary.changed and Annotation.objects.count() == 6
    assert summary.notes[-1].startswith("2 of the comparisons that are there have other answers in this file")


def test_the_same_id_with_other_texts_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    changed = written(tmp_path, pair(1, ana="a") | {"text_a": "another"}, pair(9, ana="a"), name="changed.jsonl")
    with pytest.raises(BadFile, match="comparison 1, id: '1' is in the dataset with other texts"):
        import_comparisons(changed, "pairs")
    assert dataset.comparisons.count() == 3


def test_one_bad_line_keeps_the_whole_file_out(tmp_path: Path) -> None:
    with pytest.raises(BadFile):
        import_comparisons(written(tmp_path, pair(1, ana="a"), pair(2, ana="c")), "pairs")
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(
    ("slug", "title", "said"),
    [
        ("no slug", "", "dataset: 'no slug' is no name of a dataset; use up to 60 letters, digits and dashes"),
        ("x" * 61, "", "is no name of a dataset"),
        ("fine", "t" * 161, "title: This has 161 characters; at most 160 fit"),
    ],
)
def test_a_bad_name_is_refused(tmp_path: Path, slug: str, title: str, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        import_comparisons(written(tmp_path, pair(1, ana="a")), slug, title=title)


def test_a_study_gets_its_own_dataset_though_an_import_took_its_name(tmp_path: Path, study: Study) -> None:
    import_comparisons(written(tmp_path, pair(1, ana="a")), study.slug)
    own = comparisons.dataset_of(study)
    assert own.slug != study.slug
    assert own == comparisons.dataset_of(study)


# export


@pytest.mark.parametrize("name", ["example_ap.json", "forensics_annotated_pairs.json"])
def test_annotated_pairs_of_others_come_out_as_they_went_in(shared_data: Path, name: str) -> None:
    source = shared_data / "preferences" / "icai" / name
    import_comparisons(source, "pairs", format="annotated-pairs")
    assert json.loads(export_comparisons(Dataset.objects.get(), "annotated-pairs")) == json.loads(source.read_text())


def test_the_oddest_annotated_pairs_come_out_as_they_went_in() -> None:
    import_comparisons(NASTY, "nasty", format="annotated-pairs")
    assert json.loads(export_comparisons(Dataset.objects.get(), "annotated-pairs")) == json.loads(NASTY.read_text())


def test_the_oddest_annotated_pairs_again_change_nothing() -> None:
    import_comparisons(NASTY, "nasty", format="annotated-pairs")
    assert not import_comparisons(NASTY, "nasty").changed


def test_odd_annotated_pairs_keep_their_order_of_keys() -> None:
    import_comparisons(NASTY, "nasty", format="annotated-pairs")
    exported = export_comparisons(Dataset.objects.get(), "annotated-pairs")
    assert exported == NASTY.read_text()


@pytest.mark.parametrize("form", ["jsonl", "annotated-pairs"])
def test_every_answer_survives_a_journey_through_a_file(tmp_path: Path, form: str) -> None:
    row = pair(1, ana="a", bo="tie", cleo="both_bad") | {"context": "When asked"}
    row["annotations"]["model"] = {"gpt": "b", "old": "invalid"}
    import_comparisons(written(tmp_path, row), "first")
    there = tmp_path / "there.out"
    there.write_text(export_comparisons(Dataset.objects.get(slug="first"), form), encoding="utf-8")
    import_comparisons(there, "second", format=form)

    def told(slug: str) -> list[tuple[Any, ...]]:
        rows = Annotation.objects.filter(comparison__dataset__slug=slug)
        known = {"tie": "tie", "both_bad": "both_bad" if form == "jsonl" else "none"}
        return sorted((a.annotator.source_id, known.get(a.answer, a.answer)) for a in rows.select_related("annotator"))

    assert told("first") == told("second")


def test_annotated_pairs_hold_the_answer_in_the_original_order(tmp_path: Path) -> None:
    row = pair(1) | {"judges": {"gpt": {"original": "a", "swapped": "b"}, "old": {"swapped": "a", "original": "b"}}}
    import_comparisons(written(tmp_path, row), "judged")
    [told] = json.loads(export_comparisons(Dataset.objects.get(), "annotated-pairs"))["comparisons"]
    assert {name: given["pref"] for name, given in told["annotations"].items()} == {"gpt": "a", "old": "b"}


def test_a_file_of_inverse_cai_can_be_written_as_lines_and_read_again(tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_text("text_a,text_b,preferred_text,prompt\nx,y,text_b,p\n")
    import_comparisons(source, "first")
    there = tmp_path / "there.jsonl"
    there.write_text(export_comparisons(Dataset.objects.get(slug="first"), "jsonl"))
    import_comparisons(there, "second")
    assert answers_of(Dataset.objects.get(slug="second")) == {1: "b"}


def test_a_prompt_that_was_never_there_is_not_an_empty_one_after_a_csv(tmp_path: Path) -> None:
    rows = [{"text_a": "x", "text_b": "y"}, {"text_a": "x", "text_b": "z"}]
    import_comparisons(written(tmp_path, *rows), "bare")
    there = tmp_path / "there.csv"
    there.write_text(export_comparisons(Dataset.objects.get(slug="bare"), "icai-csv"))
    assert not import_comparisons(there, "bare").changed


def test_our_own_lines_keep_why_there_is_no_answer(tmp_path: Path) -> None:
    import_comparisons(written(tmp_path, pair(1, ana="not_applicable", bo="invalid")), "first")
    there = tmp_path / "there.jsonl"
    there.write_text(export_comparisons(Dataset.objects.get(slug="first"), "jsonl"))
    import_comparisons(there, "second")
    told = Annotation.objects.filter(comparison__dataset__slug="second").order_by("annotator__source_id")
    assert list(told.values_list("answer", "why_none")) == [("none", "not_applicable"), ("none", "invalid")]


def test_the_csv_gives_the_human_majority_and_leaves_open_what_has_none(dataset: Dataset) -> None:
    rows = list(csv.DictReader(io.StringIO(export_comparisons(dataset, "icai-csv"))))
    assert [row["preferred_text"] for row in rows] == ["text_a", "text_b", ""]


def test_trl_comes_out_as_it_went_in(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "chosen": "x", "rejected": "y\r"}, {"prompt": "", "chosen": "漢字", "rejected": ""}]
    rows.append({"chosen": "no prompt", "rejected": "at all"})
    import_comparisons(written(tmp_path, *rows), "pairs", format="trl")
    exported = export_comparisons(Dataset.objects.get(), "trl")
    assert [json.loads(line) for line in exported.splitlines()] == rows


def test_trl_gives_only_what_is_decided(dataset: Dataset) -> None:
    rows = [json.loads(line) for line in export_comparisons(dataset, "trl").splitlines()]
    assert [(row["chosen"], row["rejected"]) for row in rows] == [("first 1", "second 1"), ("second 2", "first 2")]


def test_one_annotator_can_be_chosen_for_a_form_that_holds_one(dataset: Dataset) -> None:
    assert len(export_comparisons(dataset, "trl", annotator="bo").splitlines()) == 3


def test_an_annotator_that_is_not_there_is_said(dataset: Dataset) -> None:
    with pytest.raises(LookupError, match="cleo"):
        export_comparisons(dataset, "trl", annotator="cleo")


# answers


def test_a_comparison_without_a_majority_has_no_answer(dataset: Dataset) -> None:
    assert answers_of(dataset) == {1: "a", 2: "b"}


def test_answers_of_named_annotators_are_theirs_alone(dataset: Dataset) -> None:
    assert answers_of(dataset, ["bo"]) == {1: "a", 2: "b", 3: "b"}


def test_models_do_not_count_as_people(tmp_path: Path) -> None:
    row = pair(1, ana="a")
    row["annotations"]["model"] = {"m1": "b", "m2": "b"}
    import_comparisons(written(tmp_path, row), "pairs")
    assert answers_of(Dataset.objects.get()) == {1: "a"}


def test_the_majority_of_three_humans_in_the_pandalm_pairs_is_as_published(shared_data: Path) -> None:
    import_comparisons(shared_data / "preferences" / "pandalm_pairs.jsonl", "pandalm")
    given = list(answers_of(Dataset.objects.get()).values())
    assert (given.count("a"), given.count("b"), given.count("tie")) == (422, 472, 105)


# a person's own answers


def test_a_second_answer_supersedes_the_first_and_both_stay(participant: Participant, own_pair: Comparison) -> None:
    comparisons.annotate(own_pair, participant=participant, answer="a")
    comparisons.annotate(own_pair, participant=participant, answer="tie")
    assert own_pair.annotations.current().get().answer == "tie"
    assert own_pair.annotations.count() == 2


def test_the_same_answer_again_is_the_same_annotation(participant: Participant, own_pair: Comparison) -> None:
    first = comparisons.annotate(own_pair, participant=participant, answer="b", order_shown="ba")
    assert comparisons.annotate(own_pair, participant=participant, answer="b", order_shown="ba") == first


@pytest.mark.parametrize("wrong", [{"answer": "none"}, {"answer": "c"}, {"answer": "a", "order_shown": "up"}])
def test_an_answer_that_there_is_not_is_refused(
    participant: Participant, own_pair: Comparison, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        comparisons.annotate(own_pair, participant=participant, **wrong)


def test_a_comparison_of_another_study_is_refused(other_study: Study, own_pair: Comparison) -> None:
    with pytest.raises(ValidationError):
        comparisons.annotate(own_pair, participant=join(other_study), answer="a")


def test_a_closed_study_takes_no_answer(study: Study, participant: Participant, own_pair: Comparison) -> None:
    studies.close_study(study)
    participant.refresh_from_db()
    with pytest.raises(Problem):
        comparisons.annotate(own_pair, participant=participant, answer="a")


# commands


def test_the_command_says_what_is_in_a_file_and_stores_nothing(tmp_path: Path, capsys: Any) -> None:
    file = str(written(tmp_path, pair(1, ana="a", bo="b"), pair(2, ana="tie")))
    call_command("import_comparisons", file, "--dataset", "pairs", "--preview")
    told = capsys.readouterr().out
    assert "2 comparisons for a new dataset pairs: 2 new, 0 there" in told and "Nothing was stored." in told
    assert "1 a, 1 b, 1 tie" in told and not Dataset.objects.exists()
    with pytest.raises(CommandError, match="can't be imported"):
        call_command("import_comparisons", str(written(tmp_path, pair(1, ana="c"))), "--dataset", "pairs", "--preview")


def test_the_commands_import_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_comparisons", str(written(tmp_path, pair(1, ana="a"))), "--dataset", "pairs")
    out = tmp_path / "out.jsonl"
    call_command("export_comparisons", "pairs", "--format", "jsonl", "--output", str(out))
    assert json.loads(out.read_text())["annotations"] == {"human": {"ana": "a"}}


def test_the_sites_only_account_runs_an_imported_dataset(tmp_path: Path, facilitator: User) -> None:
    call_command("import_comparisons", str(written(tmp_path, pair(1, ana="a"))), "--dataset", "pairs")
    assert Dataset.objects.get(slug="pairs").owner == facilitator


def test_the_import_command_lists_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"Nothing was imported.\npairs.jsonl, line 1, annotations.ana"):
        call_command("import_comparisons", str(written(tmp_path, pair(1, ana="c"))), "--dataset", "pairs")


def test_the_export_command_names_a_dataset_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="There is no dataset nothing"):
        call_command("export_comparisons", "nothing")


# REST


def upload(client: APIClient, path: Path, slug: str = "new", **fields: str) -> Any:
    with path.open("rb") as file:
        return client.post(f"/api/v1/datasets/{slug}/comparisons/", {"file": file, **fields}, format="multipart")


def test_a_facilitator_uploads_a_file_and_finds_its_dataset(
    tmp_path: Path, facilitator: User, client_of: ClientOf
) -> None:
    answer = upload(client_of(facilitator), written(tmp_path, pair(1, ana="a")))
    assert (answer.status_code, answer.json()["counts"]["comparisons"]) == (201, 1)
    assert client_of(facilitator).get("/api/v1/datasets/new/").json()["comparisons"] == 1


def test_a_preview_tells_what_a_file_holds_and_writes_nothing(
    tmp_path: Path, facilitator: User, client_of: ClientOf
) -> None:
    path = written(tmp_path, *(pair(n, ana="a", bo="tie") for n in range(5)))
    told = upload(client_of(facilitator), path, preview="true")
    assert told.status_code == 200
    body = told.json()
    assert (body["format"], body["is_new"], body["comparisons"], body["fresh"]) == ("jsonl", True, 5, 5)
    assert (body["annotators"], body["answers"]) == ({"human": 2}, {"a": 5, "tie": 5})
    assert [row["prompt"] for row in body["first"]] == ["prompt 0", "prompt 1", "prompt 2"]
    assert not Dataset.objects.exists()


def test_a_preview_says_what_is_there_already_and_refuses_what_an_import_would(
    dataset: Dataset, tmp_path: Path, facilitator: User, client_of: ClientOf
) -> None:
    longer = written(tmp_path, pair(1, ana="b"), pair(4, ana="b"), name="longer.jsonl")
    body = upload(client_of(facilitator), longer, "pairs", preview="true").json()
    assert (body["is_new"], body["fresh"], body["known"]) == (False, 1, 1)
    assert len(body["notes"]) == 2 and dataset.comparisons.count() == 3
    other = written(tmp_path, pair(1, ana="b") | {"text_a": "another"}, name="other.jsonl")
    assert upload(client_of(facilitator), other, "pairs", preview="true").status_code == 400
    assert upload(client_of(facilitator), longer, "a b", preview="true").status_code == 404


def test_the_same_upload_again_says_that_nothing_changed(
    tmp_path: Path, facilitator: User, client_of: ClientOf
) -> None:
    path = written(tmp_path, pair(1, ana="a"))
    upload(client_of(facilitator), path)
    answer = upload(client_of(facilitator), path)
    assert (answer.status_code, answer.json()["changed"]) == (200, False)


def test_a_bad_upload_is_a_problem_that_lists_the_lines(tmp_path: Path, facilitator: User, client_of: ClientOf) -> None:
    answer = upload(client_of(facilitator), written(tmp_path, pair(1, ana="c"), pair(2, ana="d")))
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["detail"].split(":")[0] for error in answer.json()["errors"]] == [
        "pairs.jsonl, line 1, annotations.ana",
        "pairs.jsonl, line 2, annotations.ana",
    ]
    assert not Dataset.objects.exists()


def test_an_upload_lists_twenty_errors_and_how_many_more_there_are(
    tmp_path: Path, facilitator: User, client_of: ClientOf
) -> None:
    answer = upload(client_of(facilitator), written(tmp_path, *(pair(n, ana="c") for n in range(25))))
    assert [error["detail"] for error in answer.json()["errors"]][20:] == ["… and 5 more"]


@pytest.mark.parametrize("name", ["ü" * 250 + ".jsonl", "a\nb.jsonl", "a:b?.jsonl"])
def test_a_name_that_no_file_can_have_is_no_obstacle(
    tmp_path: Path, facilitator: User, client_of: ClientOf, name: str
) -> None:
    file = SimpleUploadedFile(name, written(tmp_path, pair(1, ana="a")).read_bytes())
    answer = client_of(facilitator).post("/api/v1/datasets/new/comparisons/", {"file": file}, format="multipart")
    assert answer.status_code == 201


def test_half_of_a_surrogate_pair_in_a_file_does_not_break_the_problem(
    tmp_path: Path, facilitator: User, client_of: ClientOf
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"\\ud800": 1, "\\ud800": 2}')
    answer = upload(client_of(facilitator), path)
    assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (
        400,
        'pairs.jsonl, line 1: the key "\\ud800" is there twice',
    )


def test_someone_else_cannot_add_to_a_dataset(
    dataset: Dataset, tmp_path: Path, stranger: User, client_of: ClientOf
) -> None:
    assert upload(client_of(stranger), written(tmp_path, pair(7, ana="a")), "pairs").status_code == 404


def test_comparisons_are_listed_with_current_answers_and_without_reasons(
    dataset: Dataset, facilitator: User, client_of: ClientOf
) -> None:
    body = client_of(facilitator).get("/api/v1/datasets/pairs/comparisons/").json()
    assert body["count"] == 3
    assert body["results"][0]["annotations"][0] == {
        "annotator": "ana",
        "answer": "a",
        "why_none": "",
        "order_shown": "",
    }


@pytest.mark.parametrize("form", ["jsonl", "icai-csv", "annotated-pairs", "trl"])
def test_a_dataset_can_be_downloaded_in_every_format(
    dataset: Dataset, facilitator: User, client_of: ClientOf, form: str
) -> None:
    answer = client_of(facilitator).get(f"/api/v1/datasets/pairs/download/?export={form}")
    assert answer.content.decode() == export_comparisons(dataset, form)


def test_an_unknown_export_is_a_problem(dataset: Dataset, facilitator: User, client_of: ClientOf) -> None:
    answer = client_of(facilitator).get("/api/v1/datasets/pairs/download/?export=xml")
    assert answer.status_code == 400
    assert "jsonl" in answer.json()["detail"]


def test_an_unlisted_dataset_is_not_there_for_others(dataset: Dataset, client_of: ClientOf) -> None:
    assert client_of(None).get("/api/v1/datasets/pairs/").status_code == 404
