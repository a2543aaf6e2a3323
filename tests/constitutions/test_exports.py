import json
from pathlib import Path
from typing import Any

import pytest

from constitutions.exports import FORMS, export
from constitutions.extraction import extract
from constitutions.models import ConstitutionVersion
from constitutions.publishing import publish, version_body
from core.append_only import erasing
from core.canonical import canonical_bytes, sha256_of
from elicitation.comparison_formats import read_comparisons
from elicitation.models import Dataset, Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(dataset: Dataset) -> ConstitutionVersion:
    return publish(extract(dataset=dataset), slug="lists", title="*Lists* <b>")


def test_json_is_the_hashed_body_itself(version: ConstitutionVersion) -> None:
    assert export(version, "json") == version.body


def test_markdown_has_every_principle_its_evidence_and_what_it_must_beat(version: ConstitutionVersion) -> None:
    text = export(version, "markdown")
    for principle in version_body(version)["principles"]:
        assert principle["text"] in text
        assert f"{principle['for']} for, {principle['against']} against" in text
    for told in ("A coin toss", "CC-BY-4.0", version.sha256, "no language model"):
        assert told in text


def test_markdown_takes_a_title_for_nothing_but_text(version: ConstitutionVersion) -> None:
    assert export(version, "markdown").startswith("# \\*Lists\\* \\<b\\>, version 1\n")


def test_the_prompt_is_the_principles_in_their_order(version: ConstitutionVersion) -> None:
    lines = export(version, "prompt").splitlines()
    principles = version_body(version)["principles"]
    assert lines[2:] == [f"{n}. {p['text']}" for n, p in enumerate(principles, 1)]


def test_the_prompt_says_that_simulated_people_made_it(dataset: Dataset, study: Study) -> None:
    study.is_simulated = True
    study.save(update_fields=["is_simulated"])
    Dataset.objects.filter(id=dataset.id).update(study=study)
    version = publish(extract(dataset=Dataset.objects.get(id=dataset.id)), slug="simulated")
    assert export(version, "prompt").startswith("(These principles were made by simulated participants.")


def test_annotated_pairs_have_each_principle_as_an_annotator(version: ConstitutionVersion) -> None:
    body = json.loads(export(version, "annotated-pairs"))
    principle = version_body(version)["principles"][0]
    assert body["annotators"]["principle_1"]["type"] == "principle"
    assert body["annotators"]["principle_1"]["description"] == principle["text"]
    given = [c["annotations"] for c in body["comparisons"]]
    agree = sum(c["principle_1"]["pref"] == c["people"]["pref"] for c in given)
    against = sum(c["principle_1"]["pref"] not in (None, c["people"]["pref"]) for c in given)
    assert agree + against == principle["evidence"]["comparisons"]
    assert agree > against


def test_every_form_is_the_same_each_time(version: ConstitutionVersion) -> None:
    assert all(export(version, form) == export(version, form) for form in FORMS)


def test_annotated_pairs_pass_our_own_reader(version: ConstitutionVersion, tmp_path: Path) -> None:
    path = tmp_path / "version.json"
    path.write_text(export(version, "annotated-pairs"))
    assert len(read_comparisons(path, "annotated-pairs").comparisons) == 160


def test_the_data_sheet_names_the_test(version: ConstitutionVersion) -> None:
    test = version_body(version)["test"]
    assert f"- Test of each principle against chance: {test['name']}" in export(version, "data-sheet")


def rows_of(version: ConstitutionVersion, form: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export(version, form).splitlines()]


def test_the_rubric_has_a_principle_a_line_with_the_weight_of_its_vote(version: ConstitutionVersion) -> None:
    principles = version_body(version)["principles"]
    rows = rows_of(version, "rubric")
    assert [(r["id"], r["text"], r["weight"]) for r in rows] == [
        (p["id"], p["text"], p["strength"]) for p in principles
    ]
    assert all(row["text"] in row["ask"] and row["licence"] == "CC-BY-4.0" for row in rows)


def test_trl_and_rewardbench_hold_the_answer_that_people_gave(version: ConstitutionVersion, dataset: Dataset) -> None:
    trl, bench = rows_of(version, "trl"), rows_of(version, "rewardbench")
    pairs = json.loads(export(version, "annotated-pairs"))["comparisons"]
    assert len(trl) == len(bench) == len(pairs) == 160
    for row, told in zip(trl, bench, strict=True):
        pair = dataset.comparisons.get(number=told["id"])
        assert {row["chosen"], row["rejected"]} == {pair.text_a, pair.text_b}
        assert all(told[name] == row[name] for name in row)
    first = pairs[0]
    assert trl[0]["chosen"] == first[f"response_{first['annotations']['people']['pref']}"]["text"]
    columns = ["prompt", "chosen", "chosen_model", "rejected", "rejected_model", "subset", "id"]
    assert list(bench[0]) == columns


def test_the_data_sheet_tells_counts_licence_and_how_to_cite(version: ConstitutionVersion) -> None:
    text = export(version, "data-sheet")
    for told in ("## Who", "## Consent", "## Limits", "CC-BY-4.0", version.sha256, "decided: 160"):
        assert told in text


def test_what_is_discouraged_reads_so_in_every_form(version: ConstitutionVersion) -> None:
    with erasing():
        body = version_body(version)
        body["principles"][0] |= {"text": "Avoid the answer that flatters.", "direction": "discouraged"}
        ConstitutionVersion.objects.update(body=canonical_bytes(body).decode(), sha256=sha256_of(body))
    version = ConstitutionVersion.objects.get()
    assert "1. Avoid the answer that flatters." in export(version, "prompt")
    assert "*discouraged; " in export(version, "markdown")
    assert rows_of(version, "rubric")[0]["direction"] == "discouraged"
