import json
from pathlib import Path
from typing import Any

import pytest

from elicitation.comparison_formats import read_comparisons
from elicitation.comparison_formats.content import AnnotationRow, ComparisonFile
from elicitation.tables import BadFile

LINE = {"id": 1, "prompt": "Hello", "text_a": "Hi", "text_b": "Good day", "annotations": {"human": {"ana": "a"}}}


def written(folder: Path, content: str | bytes, name: str = "pairs.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read(folder: Path, *rows: dict[str, Any]) -> ComparisonFile:
    return read_comparisons(written(folder, lines(*rows)))


def errors_of(path: Path, form: str = "auto") -> list[str]:
    with pytest.raises(BadFile) as bad:
        read_comparisons(path, form)
    return bad.value.errors


def pairs_body(**comparison: Any) -> dict[str, Any]:
    """One comparison as annotated pairs 2.0, with what the test changes about it."""
    row = {"id": "ab", "prompt": None, "response_a": {"text": "x"}, "response_b": {"text": "y"}, "annotations": {}}
    return {
        "metadata": {"version": "2.0", "default_annotator": "ana"},
        "annotators": {"ana": {"type": "human"}},
        "comparisons": [row | comparison],
    }


# what is read


def test_our_own_lines_give_texts_context_models_and_answers(tmp_path: Path) -> None:
    more = {
        "context": "When one greets",
        "model_a": "m1",
        "annotations": {"human": {"ana": "b"}, "model": {"m": "tie"}},
    }
    [row] = read(tmp_path, LINE | more).comparisons
    assert (row.source_id, row.prompt, row.text_a, row.text_b) == ("1", "Hello", "Hi", "Good day")
    assert (row.context, row.model_a, row.model_b) == ("When one greets", "m1", "")
    assert row.annotations == [AnnotationRow("ana", "b"), AnnotationRow("m", "tie")]


def test_instruction_and_input_make_the_prompt(tmp_path: Path) -> None:
    bare = {"text_a": "x", "text_b": "y"}
    rows = read(
        tmp_path, bare | {"instruction": "Sum up", "input": "A text"}, bare | {"instruction": "Go", "input": ""}
    )
    assert [row.prompt for row in rows.comparisons] == ["Sum up\n\nA text", "Go"]


def test_an_annotators_map_tells_humans_from_models_by_name(tmp_path: Path) -> None:
    found = read(tmp_path, LINE | {"annotators": {"human_1": "text_b", "gpt": "invalid"}, "annotations": {}})
    assert {name: a.kind for name, a in found.annotators.items()} == {"human_1": "human", "gpt": "model"}
    assert found.comparisons[0].annotations == [AnnotationRow("human_1", "b"), AnnotationRow("gpt", "none", "invalid")]


def test_a_judge_may_answer_in_both_orders(tmp_path: Path) -> None:
    found = read(tmp_path, LINE | {"annotations": {}, "judges": {"gpt": {"original": "text_a", "swapped": "text_b"}}})
    assert found.comparisons[0].annotations == [
        AnnotationRow("gpt", "a", "", "ab"),
        AnnotationRow("gpt", "b", "", "ba"),
    ]


def test_a_bare_json_value_is_read_as_text_and_said(tmp_path: Path) -> None:
    found = read(tmp_path, LINE | {"text_a": True})
    assert found.comparisons[0].text_a == "true"
    assert "1 texts were bare JSON values and are read as text" in found.notes


def test_odd_comparisons_are_counted(tmp_path: Path) -> None:
    bare = {"prompt": "p", "text_a": "", "text_b": "y"}
    found = read(tmp_path, bare, bare, {"prompt": "p", "text_a": "y", "text_b": "y"})
    assert found.notes == [
        "2 of 3 comparisons have an empty text",
        "1 of 3 comparisons repeat an earlier one",
        "1 of 3 comparisons have two equal texts",
    ]


def test_the_csv_of_inverse_cai_may_have_its_prompt_in_input_and_an_unnamed_first_column(tmp_path: Path) -> None:
    content = "\ufeff,text_a,text_b,preferred_text,input\r\n0,x,y,text_b,Why?\r\n1,x,z,tie,Why?\r\n"
    found = read_comparisons(written(tmp_path, content, "pairs.csv"))
    assert [(row.source_id, row.prompt) for row in found.comparisons] == [("", "Why?"), ("", "Why?")]
    assert [row.annotations[0].answer for row in found.comparisons] == ["b", "tie"]


def test_trl_gives_the_chosen_text_as_the_answer_on_either_side(tmp_path: Path) -> None:
    rows = [{"prompt": f"p{n}", "chosen": "good", "rejected": "bad"} for n in range(40)]
    found = read(tmp_path, *rows)
    assert found.format == "trl"
    sides = set()
    for row in found.comparisons:
        answer = row.annotations[0].answer
        assert {"a": row.text_a, "b": row.text_b}[answer] == "good"
        sides.add(answer)
    assert sides == {"a", "b"}


def test_trl_talks_give_the_messages_that_both_begin_with_as_the_prompt(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "How are you?"}
    answers = [{"role": "assistant", "content": text} for text in ("Well.", "Go away.")]
    [row] = read(tmp_path, {"chosen": [asked, answers[0]], "rejected": [asked, answers[1]]}).comparisons
    assert row.prompt == "How are you?"
    assert {row.text_a, row.text_b} == {"Well.", "Go away."}


def test_version_1_of_annotated_pairs_has_its_texts_as_plain_text(tmp_path: Path) -> None:
    body = pairs_body()
    body["metadata"]["version"] = "1.0"
    comparison = {"id": "1", "prompt": "p", "text_a": "x", "text_b": "y", "annotations": {"ana": {"pref": "text_b"}}}
    body["comparisons"] = [comparison]
    [row] = read_comparisons(written(tmp_path, json.dumps(body), "old.json")).comparisons
    assert (row.text_a, row.text_b, row.annotations) == ("x", "y", [AnnotationRow("ana", "b")])


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.jsonl", lines(LINE), "jsonl"),
        ("long.jsonl", lines(LINE | {"text_a": "x" * 300_000}), "jsonl"),
        ("b.jsonl", lines({"prompt": "p", "chosen": "x", "rejected": "y"}), "trl"),
        ("c.csv", "text_a,text_b,preferred_text\nx,y,text_a\n", "icai-csv"),
        ("c.txt", "text_a,text_b,preferred_text\nx,y,text_a\n", "icai-csv"),
        ("d.json", json.dumps(pairs_body(), indent=2), "annotated-pairs"),
        ("e.json", json.dumps(pairs_body()), "annotated-pairs"),
    ],
)
def test_the_format_is_recognised(tmp_path: Path, name: str, content: str, form: str) -> None:
    assert read_comparisons(written(tmp_path, content, name)).format == form


def task(*annotations: dict[str, Any], **change: Any) -> dict[str, Any]:
    """One task as Label Studio's JSON export has it, with what the test changes about it."""
    return {
        "id": 7,
        "data": {"prompt": "Why?", "answer1": "So.", "answer2": "Not so."},
        "annotations": list(annotations),
        "predictions": [],
    } | change


def by(person: Any, selected: str | None, kind: str = "pairwise", **more: Any) -> dict[str, Any]:
    """One person's annotation of a task; None: the choice was taken back."""
    value = {"selected": selected} if kind == "pairwise" else {"choices": [selected]}
    result = {"id": "r", "from_name": "c", "to_name": "answer1,answer2", "type": kind, "value": value}
    return {"id": 1, "completed_by": person, "was_cancelled": False, "result": [result] if selected else []} | more


def test_label_studios_pairs_give_left_right_ties_and_no_answer_by_person(tmp_path: Path) -> None:
    people = {"id": 3, "email": "someone@example.org"}
    sent = [
        task(by(1, "left"), by(2, "right"), by(people, "Tie", "choices"), by(4, None)),
        task(by(1, "left", was_cancelled=True), id=8),
    ]
    found = read_comparisons(written(tmp_path, json.dumps(sent), "project.json"))
    first, second = found.comparisons
    assert found.format == "label-studio"
    assert (first.source_id, first.prompt, first.text_a, first.text_b) == ("7", "Why?", "So.", "Not so.")
    assert first.annotations == [
        AnnotationRow("person-1", "a"),
        AnnotationRow("person-2", "b"),
        AnnotationRow("person-3", "tie"),
        AnnotationRow("person-4", "none", "missing"),
    ]
    assert second.annotations == [AnnotationRow("person-1", "none", "missing")]
    assert {a.kind for a in found.annotators.values()} == {"human"}
    assert "example.org" not in str(found)


def test_the_result_of_label_studio_names_the_two_texts(tmp_path: Path) -> None:
    answer = by(1, "left")
    answer["result"][0]["to_name"] = "second, first"
    sent = [task(answer, data={"first": "x", "second": "y", "text1": "p", "text2": "q"})]
    [row] = read_comparisons(written(tmp_path, json.dumps(sent), "project.json")).comparisons
    assert (row.text_a, row.text_b, row.prompt) == ("y", "x", None)


def test_the_last_answer_of_someone_who_answered_a_task_again_counts(tmp_path: Path) -> None:
    times = ("2024-02-01T00:00:00Z", "2024-01-01T00:00:00Z")
    sent = [task(by(1, "left", updated_at=times[0]), by(1, "right", updated_at=times[1]))]
    found = read_comparisons(written(tmp_path, json.dumps(sent), "project.json"))
    assert found.comparisons[0].annotations == [AnnotationRow("person-1", "a")]
    assert "1 answers were given again by the same annotator; the last one counts" in found.notes


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ([task(by(1, "middle"))], "p.json, task 1, annotations.1.result.selected: 'middle' is none of left, right"),
        ([task(by(1, "tie"))], "p.json, task 1, annotations.1.result.selected: 'tie' is none of left, right"),
        ([task(by(1, "Maybe", "choices"))], "p.json, task 1, annotations.1.result.choices: 'Maybe' is none of"),
        ([task(by(True, "left"))], "p.json, task 1, annotations.1.completed_by: must be a number"),
        ([task(by(["x"], "left"))], "p.json, task 1, annotations.1.completed_by: must be a number"),
        ([task(), task()], "p.json, task 2, id: '7' is there already in task 1"),
        ([task(id=[1])], "p.json, task 1, id: must be a whole number"),
        ([task(annotations="none")], "p.json, task 1, annotations: must be a list of objects"),
        ([task(data={"image": "x"})], "p.json, task 1, data: does not hold the two texts"),
        ([task(data={"text1": 1, "text2": "y"})], "p.json, task 1, text1: must be text"),
        ([task(data={"text1": "x" * 1_000_001, "text2": "y"})], "p.json, task 1, text1: has 1000001 characters"),
        ([task(), "x"], "p.json, task 2, data: must be an object"),
        ("x", "p.json: is no list of tasks; export the project as JSON"),
        ([], "p.json: holds no comparison"),
    ],
)
def test_a_bad_task_of_label_studio_is_named_with_its_field(tmp_path: Path, sent: Any, told: str) -> None:
    assert errors_of(written(tmp_path, json.dumps(sent), "p.json"), "label-studio")[0].startswith(told)


# what is refused, with file, line and field


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"text_b": None}, "pairs.jsonl, line 1, text_b: is missing"),
        ({"text_a": ["x"]}, "pairs.jsonl, line 1, text_a: must be text"),
        ({"text_a": "x" * 1_000_001}, "pairs.jsonl, line 1, text_a: has 1000001 characters; at most 1000000 fit"),
        ({"text_a": "a\x00b"}, "pairs.jsonl, line 1, text_a: holds a character that can't be stored"),
        ({"text_a": "\ud800"}, "pairs.jsonl, line 1, text_a: holds a character that can't be stored"),
        ({"id": [1]}, "pairs.jsonl, line 1, id: must be a whole number or a text of at most 200 characters"),
        ({"context": "c" * 301}, "pairs.jsonl, line 1, context: has 301 characters; at most 300 fit"),
        ({"annotations": {"human": {"ana": "c"}}}, "pairs.jsonl, line 1, annotations.ana: 'c' is none of"),
        ({"annotations": {"human": {"ana": ["a"]}}}, "pairs.jsonl, line 1, annotations.ana:"),
        ({"annotations": {"human": {"x" * 201: "a"}}}, "pairs.jsonl, line 1, annotations: an annotator's name has"),
        ({"annotations": {"human": {"\udfff": "a"}}}, "pairs.jsonl, line 1, annotations: an annotator's name has"),
        ({"annotations": {"human": {"ana": {}}}}, "pairs.jsonl, line 1, annotations.ana: holds no answer"),
        ({"annotations": ["a"]}, "pairs.jsonl, line 1, annotations: must be an object"),
        ({"annotators": {"ana": "b"}}, "pairs.jsonl, line 1, annotations.ana: answers 2 times"),
        ({"judges": {"m": {"original": "a", "ab": "b"}}}, "pairs.jsonl, line 1, annotations.m: answers 2 times"),
        ({"judges": {"m": {"sideways": "a"}}}, "pairs.jsonl, line 1, judges.m: 'sideways' is no order of presentation"),
    ],
)
def test_a_bad_field_is_named_with_its_line(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    [error] = errors_of(written(tmp_path, lines(LINE | change)))
    assert error.startswith(told)


def test_the_same_id_twice_names_both_lines(tmp_path: Path) -> None:
    assert errors_of(written(tmp_path, lines(LINE, LINE))) == [
        "pairs.jsonl, line 2, id: '1' is there already in line 1"
    ]


@pytest.mark.parametrize("form", ["jsonl", "annotated-pairs", "trl"])
def test_a_file_of_another_format_is_told_which_it_looks_like(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, "text_a,text_b,preferred_text\nx,y,text_a\n", "pairs.csv")
    first = errors_of(path, form)[0]
    assert first == f"pairs.csv: looks like icai-csv rather than {form}; choose that format, or auto"


def test_twenty_errors_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    path = written(tmp_path, lines(*({"id": n, "text_a": "x"} for n in range(30))))
    with pytest.raises(BadFile, match="and 10 more") as bad:
        read_comparisons(path, "jsonl")
    assert len(bad.value.errors) == 20


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", lines(LINE) + '{"id": 2, "text_a": "x', "a.jsonl, line 2: is no proper JSON"),
        ("a.jsonl", '{"id": 2, "text_a": "x', "a.jsonl, line 1: is no proper JSON"),
        ("a.jsonl", b'{"text_a": "\xe9"}', "a.jsonl, line 1: is not UTF-8 here"),
        ("a.jsonl", "x".encode("utf-16"), "a.jsonl, line 1: is UTF-16"),
        ("a.jsonl", b"{}\n\x00", "a.jsonl, line 2: holds a NUL character"),
        ("a.jsonl", "[" * 100_000, "a.jsonl, line 1: is none of jsonl"),
        ("a.jsonl", "{}", "a.jsonl, line 1, text_a: is missing"),
        ("a.json", '{"metadata": {}}\n', "a.json, line 1, text_a: is missing"),
        ("a.json", '{\n"metadata": {}}', "a.json: is no object with metadata, annotators and comparisons"),
        ("a.jsonl", '{"a":' * 100_000, "a.jsonl, line 1: is nested too deeply"),
        ("a.jsonl", '{"id": NaN}', "a.jsonl, line 1: NaN is no JSON number"),
        ("a.jsonl", "", "a.jsonl, line 1: is empty"),
        ("a.csv", "text_a,text_b\nx,y\n", "a.csv, line 1, preferred_text: this column is missing"),
        ("a.csv", "text_a,text_b,preferred_text\nx,y\n", "a.csv, line 2: has 2 fields where the header has 3"),
        ("a.csv", 'text_a,text_b,preferred_text\nx,"y\n', "a.csv, line 2: is no proper CSV"),
        ("a.csv", "text_a,text_b,preferred_text\nx,y,a\n", "a.csv, line 2, preferred_text: 'a' is none of text_a"),
        ("a.csv", "id,text_a,text_b,preferred_text\n1,x,y,tie\n1,x,y,tie\n", "a.csv, line 3, id: '1' is there"),
        ("a.csv", "text_a,text_b,preferred_text\n", "a.csv: holds no comparison"),
    ],
)
def test_a_broken_file_is_told_where(tmp_path: Path, name: str, content: str | bytes, told: str) -> None:
    assert errors_of(written(tmp_path, content, name))[0].startswith(told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (pairs_body() | {"comparisons": {}}, "p.json, comparisons: must be a list"),
        (pairs_body() | {"annotators": []}, "p.json, annotators: must be an object of objects"),
        (pairs_body() | {"metadata": {"version": "3.0"}}, "p.json, metadata.version: '3.0' is neither 1.0 nor 2.0"),
        (pairs_body(response_b={"txt": "y"}), "p.json, comparison 1, response_b: must be an object with a text"),
        (pairs_body(response_b={"text": 1}), "p.json, comparison 1, response_b: must be an object with a text"),
        (pairs_body(prompt="x" * 1_000_001), "p.json, comparison 1, prompt: has 1000001 characters; at most 1000000"),
        (pairs_body(prompt=7), "p.json, comparison 1, prompt: must be text or null"),
        (pairs_body(annotations={"ana": {"pref": "c"}}), "p.json, comparison 1, annotations.ana.pref: 'c' is none of"),
        (pairs_body(annotations={"bo": {"pref": "a"}}), "p.json, comparison 1, annotations.bo: there is no such"),
        (pairs_body(id="\ud800"), "p.json, comparison 1, id: has at most 200 characters"),
    ],
)
def test_bad_annotated_pairs_name_the_comparison_and_the_field(tmp_path: Path, body: dict[str, Any], told: str) -> None:
    assert errors_of(written(tmp_path, json.dumps(body), "p.json"), "annotated-pairs")[0].startswith(told)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert errors_of(tmp_path / "none.jsonl")[0].endswith("there is no such file")


# what others published


def test_the_pandalm_pairs_are_read_whole(shared_data: Path) -> None:
    found = read_comparisons(shared_data / "preferences" / "pandalm_pairs.jsonl")
    kinds = [a.kind for a in found.annotators.values()]
    assert (len(found.comparisons), kinds.count("human"), kinds.count("model")) == (999, 3, 2)
    assert "54 of 999 comparisons have an empty text" in found.notes
    assert "99 of 999 comparisons repeat an earlier one" in found.notes
    assert "105 of 999 comparisons have tie as their majority" in found.notes


def test_llmbar_judges_are_read_in_both_orders(shared_data: Path) -> None:
    found = read_comparisons(shared_data / "preferences" / "llmbar_natural.jsonl")
    orders = {(a.annotator, a.order) for row in found.comparisons for a in row.annotations if a.order}
    assert len(found.comparisons) == 100
    assert len(orders) == 12


@pytest.mark.parametrize(("name", "count"), [("example.csv", 1), ("synthetic_data_mixed_vqvtb_adcbg.csv", 60)])
def test_the_reference_files_of_inverse_cai_are_read(shared_data: Path, name: str, count: int) -> None:
    assert len(read_comparisons(shared_data / "preferences" / "icai" / name).comparisons) == count
