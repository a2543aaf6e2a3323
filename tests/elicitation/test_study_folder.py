"""A study as a folder: read whole or not at all, written so that it can be read again, and the same bytes ever after."""

import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elicitation import arena, comparisons, deduplication, draws, picks, verification, votes, withdrawal
from elicitation.models import (
    Annotation,
    CanonicalValue,
    Comparison,
    ComparisonDraw,
    ConsentText,
    Context,
    Dataset,
    DeduplicationRun,
    Draw,
    Endorsement,
    Exposure,
    Participant,
    Question,
    ShownComparison,
    Study,
    ValuesCard,
    VerificationAnswer,
    WisdomVote,
)
from elicitation.study_folder import export_study, import_study
from elicitation.tables import BadFile
from tests.elicitation.test_arena import in_arena, read
from tests.people import card_of, join, story_between

pytestmark = pytest.mark.django_db

Files = dict[str, str]


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def value(number: int, title: str, **more: Any) -> dict[str, Any]:
    texts = {"instructions_short": "Short.", "instructions_detailed": "Long.", "evaluation_criteria": ["SIGNS of care"]}
    return {"id": number, "title": title, **texts, **more}


VOTES = "participant,from_id,to_id,context,run_id,relationship,created_at\n"
SHOWN = "participant,draw_id,canonical_value_id,case_id,created_at\n"
AT = "2023-09-19T11:54:00.000Z"
FIRST_VOTE = "anna,7,3,When it hurts,r1,upgrade,2023-09-19T11:54:18.065Z\n"


@pytest.fixture
def files() -> Files:
    """A small study folder, with the five files that it needs."""
    return {
        "cases.json": json.dumps([{"id": "keys", "title": "The keys", "question": "Should I take his keys?"}]),
        "contexts.json": json.dumps(["When it hurts", "When there is time"]),
        "contexts_on_cases.csv": "context,case_id\nWhen it hurts,keys\nWhen there is time,keys\n",
        "canonical_values.jsonl": lines(value(7, "Keeping safe"), value(3, "Letting go", case_id="keys")),
        "wisdom_votes.csv": VOTES + FIRST_VOTE + "ben,7,3,When it hurts,r1,not_sure,2023-09-20T11:54:18Z\n",
    }


@pytest.fixture
def everything(files: Files) -> Files:
    """The same study with every optional file."""
    card = value(1, "Take the keys", quality="ok", created_at="2023-09-01T10:00:00Z", canonical_id=7)
    story: dict[str, Any] = {
        "from_id": 7,
        "to_id": 3,
        "context": "When it hurts",
        "run_id": "r1",
        "story": "I used to…",
        "grade": "A",
    }
    story["mapping"] = [{"from": "SIGNS of care", "to": None, "how": "is lost"}]
    drawn = {"from_id": 7, "to_id": 3, "context": "When it hurts", "run_id": "r1", "from_first": True}
    why = {"why": "close_call", "asked": 4, "wiser": 3, "decided": 4, "shown_at": "2023-09-19T11:54:00.000Z"}
    return files | {
        "story_draws.jsonl": lines(
            {"participant": "anna", "case_id": "keys", "seed": 3, "rule": {"line": 0.5}, "items": [drawn | why]}
        ),
        "values_cards.jsonl": lines(card, value(2, "Let him choose", quality="", canonical_id=None)),
        "upgrade_stories.jsonl": lines(story),
        "impressions.csv": SHOWN
        + "anna,d-1,7,keys,2023-09-12T21:58:17.185Z\nanna,d-1,3,keys,2023-09-12T21:58:17.185Z\n",
        "votes.csv": SHOWN + "anna,d-1,3,keys,2023-09-12T21:59:00.000Z\n",
        "demographics.csv": "participant,age\nanna,Under 30\nben,30 to 54\n",
        "deduplicated_cards.jsonl": lines(value(7, "Safe for all", generation=1), value(8, "Nobody's", generation=1)),
        "deduplications.csv": "values_card_id,deduplicated_card_id,generation\n1,7,1\n",
        "merged_values.csv": "canonical_value_id,counts_as_id\n7,3\n",
        "deduplication_checks.csv": "participant,values_card_id,deduplicated_card_id,answer\nanna,1,7,same\n",
        "graph_position_checks.csv": "participant,deduplicated_card_id,is_satisfied\nben,7,True\n",
        "comparisons.jsonl": lines(
            {"id": 1, "prompt": "May I go?", "text_a": "Yes.", "text_b": "Ask her.", "model_a": "m1", "source_id": "x"},
            {"id": 4, "prompt": None, "text_a": "Stay.", "text_b": "Go.", "context": "When it hurts"},
        ),
        "comparison_draws.jsonl": lines(
            {
                "participant": "anna",
                "seed": 100,
                "rule": {"overlap": 10, "wanted": 2},
                "drawn_at": AT,
                "items": [
                    {"comparison_id": 4, "order_shown": "ba", "seen_at": AT, "answered_at": AT},
                    {"comparison_id": 1, "order_shown": "ab", "seen_at": AT, "skipped_at": AT},
                ],
            }
        ),
        "comparison_answers.jsonl": lines(
            {
                "participant": "anna",
                "comparison_id": 4,
                "answer": "both_bad",
                "order_shown": "ba",
                "dwell_ms": 7000,
                "dimensions": {"honest": "tie"},
                "created_at": AT,
            },
        ),
    }


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[Files], Path]:
    """Write files into a new folder."""

    def write(files: Files) -> Path:
        folder = tmp_path / uuid4().hex
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        return folder

    return write


Write = Callable[[Files], Path]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def problems(folder: Path) -> str:
    """Return what the import says is wrong, having made sure that it wrote nothing."""
    with pytest.raises(BadFile) as bad:
        import_study(folder, "bad")
    assert not Study.objects.exists() and not CanonicalValue.objects.exists()
    return str(bad.value)


# ---- reading


def test_the_five_files_make_a_study(files: Files, folder_of: Write) -> None:
    summary = import_study(folder_of(files), "keys")
    study = Study.objects.get(slug="keys")
    assert summary.changed and summary.counts["wisdom votes"] == 2
    assert study.state == "closed"
    assert [v.number for v in study.values.order_by("id")] == [7, 3]
    assert [(v.participant.source_id, v.answer, v.from_value.number) for v in study.wisdom_votes.order_by("id")] == [
        ("anna", "upgrade", 7),
        ("ben", "not_sure", 7),
    ]
    assert not Participant.objects.filter(is_simulated=True).exists()


def test_the_same_folder_again_changes_nothing(everything: Files, folder_of: Write) -> None:
    folder = folder_of(everything)
    import_study(folder, "keys")
    before = [model.objects.count() for model in (Participant, WisdomVote, Exposure, ValuesCard, VerificationAnswer)]
    assert not import_study(folder, "keys").changed
    assert before == [m.objects.count() for m in (Participant, WisdomVote, Exposure, ValuesCard, VerificationAnswer)]


def test_a_slug_that_holds_another_study_is_refused(files: Files, folder_of: Write) -> None:
    import_study(folder_of(files), "keys")
    other = files | {"contexts.json": json.dumps(["When it hurts", "When there is time", "When nobody looks"])}
    with pytest.raises(BadFile, match="choose another slug"):
        import_study(folder_of(other), "keys")


def test_a_dataset_of_the_same_name_is_no_obstacle(files: Files, folder_of: Write) -> None:
    Dataset.objects.create(slug="keys", title="Keys")
    assert import_study(folder_of(files), "keys").changed


@pytest.mark.parametrize("slug", ["with space", "", "x" * 61, "../up"])
def test_a_slug_that_is_none_is_refused(files: Files, folder_of: Write, slug: str) -> None:
    with pytest.raises(BadFile, match="slug"):
        import_study(folder_of(files), slug)


def test_unknown_files_are_named_and_left(files: Files, folder_of: Write) -> None:
    summary = import_study(folder_of(files | {"notes.txt": "hello"}), "keys")
    assert summary.notes == ["left unread: notes.txt"]


def test_a_byte_order_mark_is_no_part_of_a_file(files: Files, folder_of: Write) -> None:
    assert import_study(folder_of({name: "\ufeff" + text for name, text in files.items()}), "keys").changed


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_lines_may_end_as_on_any_system(files: Files, folder_of: Write, end: str) -> None:
    assert import_study(folder_of({name: text.replace("\n", end) for name, text in files.items()}), "keys").changed


def test_a_row_that_repeats_a_draw_and_value_is_told_and_one_is_kept(everything: Files, folder_of: Write) -> None:
    everything["votes.csv"] += "anna,d-1,3,keys,2023-09-12T21:59:09.000Z\n"
    summary = import_study(folder_of(everything), "keys")
    assert "votes.csv: 1 row repeats a draw and value; one of each was kept" in summary.notes
    assert Endorsement.objects.count() == 1


def test_later_groupings_stand_beside_the_one_that_votes_were_cast_under(everything: Files, folder_of: Write) -> None:
    import_study(folder_of(everything), "keys")
    study = Study.objects.get()
    first, later = DeduplicationRun.objects.order_by("number")
    assert first.is_active and not later.is_active
    assert [m.value.title for m in later.members.all()] == ["Safe for all"]
    assert deduplication.projection(study) == {study.values.get(number=7).id: study.values.get(number=3).id}


WRONG: list[tuple[str, str, str, str]] = [
    # file, what is replaced, by what, what is said
    ("wisdom_votes.csv", "upgrade", "wiser", 'wisdom_votes.csv, line 2, relationship: "wiser" is none of upgrade'),
    ("wisdom_votes.csv", "ben,7,3", "ben,9,3", "wisdom_votes.csv, line 3, from_id: there is no canonical value 9"),
    ("wisdom_votes.csv", "ben,7,3", "ben,--7,3", 'line 3, from_id: "--7" is no whole number'),
    ("wisdom_votes.csv", "ben,7,3", "ben,7,7", "line 3, to_id: a value can't be compared with itself"),
    ("wisdom_votes.csv", "ben,7,3", "ben,,3", "line 3, from_id: is missing"),
    ("wisdom_votes.csv", "ben,7,3", "anna,7,3", "line 3, participant: anna answered this pair"),
    ("wisdom_votes.csv", "ben,7,3", "b\x00n,7,3", "line 3: holds a NUL character"),
    ("wisdom_votes.csv", "ben,7,3", 'ben,"7,3', "line 3: is no proper CSV from here"),
    ("wisdom_votes.csv", "ben,7,3", "ben,7", "line 3: has 6 fields where the header has 7"),
    ("wisdom_votes.csv", "ben,7", f"{'b' * 101},7", "participant: has 101 characters; at most 100 fit"),
    ("wisdom_votes.csv", "ben,7", f"{'b' * 900_000},7", "participant: has 900000 characters; at most 100 fit"),
    ("wisdom_votes.csv", "ben,7,3,When it hurts", "ben,7,3,When it rains", "line 3, context: there is no context"),
    ("wisdom_votes.csv", "2023-09-20T11:54:18Z", "yesterday", 'line 3, created_at: "yesterday" is no ISO time'),
    ("wisdom_votes.csv", "2023-09-20T11:54:18Z", "2023-09-20T11:54:18", "lacks a time zone"),
    ("wisdom_votes.csv", "2023-09-20T11:54:18Z", "0001-01-01T00:00:00+23:00", "is no ISO time"),
    ("wisdom_votes.csv", "to_id", "too", "wisdom_votes.csv, line 1, to_id: this column is missing"),
    ("wisdom_votes.csv", "run_id", "run_id,to_id", "line 1, to_id: this column is there twice"),
    ("cases.json", "]", "", "cases.json, line 1: is no proper JSON at column"),
    ("cases.json", '"keys"', "5", "cases.json, case 1, id: must be text"),
    ("cases.json", "Should", "S" * 2000, "question: has 2017 characters; at most 2000 fit"),
    ("contexts.json", "When there is time", "When it hurts", 'contexts.json, context 2: "When it hurts" is there twice'),
    ("contexts.json", "When there is time", "\\ud800", "contexts.json, context 2: holds a character that"),
    ("contexts.json", '"When there is time"', "NaN", "contexts.json: NaN is no JSON number"),
    ("contexts_on_cases.csv", "time,keys", "time,doors", 'contexts_on_cases.csv, line 3, case_id: there is no case "doors"'),
    ("canonical_values.jsonl", '"id": 3', '"id": 7', "canonical_values.jsonl, line 2, id: 7 is there twice"),
    ("canonical_values.jsonl", '"id": 3', '"id": 1e999', "line 2"),
    ("canonical_values.jsonl", '"id": 3', '"id": 99999999999', "line 2, id: 99999999999 is no whole number"),
    ("canonical_values.jsonl", '"id": 3', '"id": -3', "line 2, id: -3 is no whole number"),
    ("canonical_values.jsonl", '"id": 3', '"id": 3, "id": 4', 'line 2: the key "id" is there twice'),
    ("canonical_values.jsonl", '"case_id": "keys"', '"case_id": ["keys"]', "line 2, case_id: must be text"),
    ("canonical_values.jsonl", '"case_id": "keys"', '"is_archived": "no"', "is_archived: must be true or false"),
    ("canonical_values.jsonl", '["SIGNS of care"]', '"SIGNS of care"', "evaluation_criteria: must be a list of texts"),
    ("canonical_values.jsonl", "SIGNS of care", "\\u0000", "evaluation_criteria: holds a character that can't be"),
    ("canonical_values.jsonl", '"title": "Letting go"', '"title": "\\ud800"', "line 2, title: holds a character"),
    ("canonical_values.jsonl", "}\n", "\n", "canonical_values.jsonl, line 1: is no proper JSON"),
    ("upgrade_stories.jsonl", '"A"', '"Good"', "upgrade_stories.jsonl, line 1, grade: has 4 characters"),
    ("upgrade_stories.jsonl", '"run_id"', '"state": "new", "run_id"', 'line 1, state: "new" is none of proposed'),
    ("upgrade_stories.jsonl", "null", "5", "line 1, mapping: must be a list"),
    ("values_cards.jsonl", '"canonical_id": 7', '"canonical_id": 8', "line 1, canonical_id: there is no canonical value 8"),
    ("deduplications.csv", "1,7,1", "1,7,2", "deduplicated_card_id: there is no deduplicated card of generation 2 with id 7"),
    ("deduplication_checks.csv", "same", "maybe", 'line 2, answer: "maybe" is none of same, different, unsure'),
    ("canonical_values.jsonl", '"case_id": "keys"', '"source": [5]', "line 2, source: must be an object"),
    ("impressions.csv", "anna,d-1,3", "ben,d-1,3", "line 3, draw_id: draw d-1 belongs to another participant"),
    ("values_cards.jsonl", "2023-09-01T10:00:00Z", "in autumn", 'line 1, created_at: "in autumn" is no ISO time'),
    ("upgrade_stories.jsonl", "}\n", "}\nnull\n", "upgrade_stories.jsonl, line 2: must be a JSON object"),
    ("comparisons.jsonl", '"id": 4', '"id": 1', "comparisons.jsonl, line 2, id: 1 is there twice"),
    ("comparisons.jsonl", '"id": 4', '"id": 0', "line 2, id: must be 1 or more"),
    ("comparisons.jsonl", '"Yes."', "null", "line 1, text_a: is missing"),
    ("comparisons.jsonl", '"context"', '"source_id": "x", "context"', "line 2, source_id: 'x' is there already in line 1"),
    ("comparison_draws.jsonl", '"ba"', '"aa"', 'comparison_draws.jsonl, line 1, order_shown: "aa" is none of ab, ba'),
    ("comparison_draws.jsonl", '"comparison_id": 4', '"comparison_id": 5', "comparison_id: there is no comparison 5 in comparisons"),
    ("comparison_draws.jsonl", '"comparison_id": 4', '"comparison_id": 1', "line 1, comparison_id: 1 was drawn for anna twice"),
    ("comparison_draws.jsonl", '"skipped_at": "2023', '"skipped_at": "at 2023', "line 1, skipped_at: \"at 2023"),
    ("comparison_answers.jsonl", "both_bad", "bad", 'comparison_answers.jsonl, line 1, answer: "bad" is none of a, b, tie'),
    ("comparison_answers.jsonl", "7000", "-1", "line 1, dwell_ms: must be a whole number of milliseconds"),
    ("comparison_answers.jsonl", '"tie"}', '"c"}', 'line 1, dimensions.honest: "c" is none of a, b, tie'),
    ("comparison_answers.jsonl", '"honest"', '""', "line 1, dimensions: the name of a dimension has 1 to 40"),
    ("merged_values.csv", "7,3", "7,3\n7,3", "merged_values.csv, line 3, canonical_value_id: 7 is there already in line 2"),
    ("merged_values.csv", "7,3", "7,7", "line 2, counts_as_id: 7 counts as another value itself (line 2)"),
    ("merged_values.csv", "7,3", "7,3\n3,7", "line 3, counts_as_id: 7 counts as another value itself (line 2)"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "said"), WRONG, ids=[f"{w[0]}-{w[3][:40]}" for w in WRONG])
def test_what_is_wrong_is_said_with_its_place_and_nothing_is_written(
    everything: Files, folder_of: Write, file: str, old: str, new: str, said: str
) -> None:
    assert old in everything[file]
    everything[file] = everything[file].replace(old, new, 1)
    assert said in problems(folder_of(everything))


@pytest.mark.parametrize(
    ("data", "said"),
    [("a,b\n".encode("utf-16"), "UTF-16"), (b"PK\x03\x04 and so on", "spreadsheet"), (b"a\n\xff\n", "line 2")],
)
def test_files_that_are_no_plain_utf8_are_refused(files: Files, folder_of: Write, data: bytes, said: str) -> None:
    folder = folder_of(files)
    (folder / "wisdom_votes.csv").write_bytes(data)
    assert said in problems(folder)


@pytest.mark.parametrize(
    "study",
    [
        [],
        {"format": "other/1"},
        {"format": "folkmoot-study/1", "title": 5},
        {"format": "folkmoot-study/1", "title": "x" * 161},
        {"format": "folkmoot-study/1", "consent_texts": 5},
        {"format": "folkmoot-study/1", "is_simulated": "yes"},
        {"format": "folkmoot-study/1", "settings": {"stories_each": -1}},
        {"format": "folkmoot-study/1", "settings": {"nobody_knows": 1}},
    ],
)
def test_settings_that_do_not_hold_are_refused(files: Files, folder_of: Write, study: Any) -> None:
    assert "study.json" in problems(folder_of(files | {"study.json": json.dumps(study)}))


def test_missing_files_are_named(files: Files, folder_of: Write) -> None:
    del files["cases.json"], files["wisdom_votes.csv"]
    said = problems(folder_of(files))
    assert "cases.json: is missing" in said and "wisdom_votes.csv: is missing" in said


def test_a_folder_of_polis_is_told_how_to_be_read(folder_of: Write) -> None:
    said = problems(folder_of({"comments.csv": "", "participants-votes.csv": ""}))
    assert said.endswith("this looks like a Polis export: add --format polis")


@pytest.mark.parametrize("file", ["cases.json", "contexts.json", "canonical_values.jsonl", "values_cards.jsonl"])
def test_what_refers_to_a_file_that_could_not_be_read_is_no_error_of_its_own(
    everything: Files, folder_of: Write, file: str
) -> None:
    said = problems(folder_of(everything | {file: "{"}))
    assert said.startswith(f"{file}, line 1: is no proper JSON") and "\n" not in said


def test_a_comment_is_not_smuggled_in_as_a_mark_that_there_is_one(files: Files, folder_of: Write) -> None:
    files["wisdom_votes.csv"] = files["wisdom_votes.csv"].replace("created_at", "created_at,has_comment")
    files["wisdom_votes.csv"] = files["wisdom_votes.csv"].replace("Z\n", "Z,My cousin Bert drinks.\n")
    assert 'line 2, has_comment: "My cousin Bert drinks." is none of 0, 1' in problems(folder_of(files))


def test_a_column_without_a_name_is_left(files: Files, folder_of: Write) -> None:
    files["demographics.csv"] = ",participant,age\n0,anna,30\n1,ben,40\n"
    import_study(folder_of(files), "keys")
    assert Participant.objects.get(source_id="anna").demographics == {"age": "30"}


def test_twenty_errors_are_told_and_the_others_counted(files: Files, folder_of: Write) -> None:
    bad = "".join(f"p{i},7,3,When it hurts,r1,perhaps,2023-09-19T11:54:18Z\n" for i in range(25))
    said = problems(folder_of(files | {"wisdom_votes.csv": VOTES + bad}))
    assert said.count("perhaps") == 20 and said.endswith("… and 5 more")


def test_columns_of_any_name_can_stand_in_demographics(files: Files, folder_of: Write) -> None:
    files["demographics.csv"] = "participant,Âge (years),sex\nanna,30,f\nben,40,m\n"
    import_study(folder_of(files), "keys")
    assert Participant.objects.get(source_id="anna").demographics == {"Âge (years)": "30", "sex": "f"}


def test_the_command_says_that_nothing_was_imported(files: Files, folder_of: Write) -> None:
    files["contexts.json"] = "{"
    with pytest.raises(
        CommandError, match=r"Nothing was imported.\ncontexts.json, line 1: is no proper JSON at column 2"
    ):
        call_command("import_study", str(folder_of(files)), "--study", "keys")


# ---- writing


def test_everything_comes_out_again_and_the_second_export_is_the_same_bytes(
    everything: Files, folder_of: Write, tmp_path: Path
) -> None:
    import_study(folder_of(everything), "keys")
    export_study(Study.objects.get(slug="keys"), tmp_path / "one")
    import_study(tmp_path / "one", "again")
    export_study(Study.objects.get(slug="again"), tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert set(content(tmp_path / "one")) == {*everything, "study.json"}


def test_picks_come_out_where_nobody_wrote_down_what_was_shown(
    everything: Files, folder_of: Write, tmp_path: Path
) -> None:
    del everything["impressions.csv"]
    import_study(folder_of(everything), "keys")
    export_study(Study.objects.get(), tmp_path / "one")
    import_study(tmp_path / "one", "again")
    assert Endorsement.objects.filter(participant__study__slug="again").count() == 1


def test_a_merged_card_without_members_comes_out_again(everything: Files, folder_of: Write, tmp_path: Path) -> None:
    import_study(folder_of(everything), "keys")
    export_study(Study.objects.get(), tmp_path / "one")
    written = (tmp_path / "one" / "deduplicated_cards.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in written] == [7, 8]


def test_an_export_that_fails_leaves_no_folder(files: Files, folder_of: Write, tmp_path: Path) -> None:
    import_study(folder_of(files), "keys")
    Study.objects.update(settings={"turn_budget": "many"})
    with pytest.raises(ValueError, match="turn_budget"):
        export_study(Study.objects.get(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_named(files: Files, folder_of: Write) -> None:
    folder = folder_of(files)
    import_study(folder, "keys")
    with pytest.raises(CommandError, match=r"cases.json/out: Not a directory; nothing was written"):
        call_command("export_study", "keys", str(folder / "cases.json" / "out"))


def test_a_study_that_was_born_here_comes_back_as_it_was(study: Study, tmp_path: Path) -> None:
    Question.objects.update(is_heavy=True)
    first, second, third = join(study), join(study), join(study)
    cards = [card_of(person, title=f"Card {person.number}") for person in (first, second, third)]
    values = list(CanonicalValue.objects.order_by("number"))
    for context in Context.objects.all():
        story_between(study, values[1], values[2], context)
    deduplication.merge(study, values[:2])
    picks.save_picks(picks.draw_values(third), [values[0].id])
    for person, answer in ((first, "upgrade"), (second, "it_depends")):
        for item in draws.draw_stories(person).items.all():
            votes.cast_wisdom_vote(person, item, answer="not_sure")
            votes.cast_wisdom_vote(person, item, answer=answer, comment="Words of my own.")
    export_study(study, tmp_path / "one")
    import_study(tmp_path / "one", "again")
    again = Study.objects.get(slug="again")
    export_study(again, tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert again.wisdom_votes.filter(draw_item__draw__rule__wanted=3, draw_item__counts__has_key="asked").count() == 2
    assert again.settings == json.loads((tmp_path / "one" / "study.json").read_text())["settings"]
    assert again.questions.get().is_heavy
    assert again.cards.count() == len(cards)
    assert list(again.wisdom_votes.values_list("participant__source_id", "answer")) == [
        ("p0001", "upgrade"),
        ("p0002", "it_depends"),
    ]
    assert len(deduplication.projection(again)) == 1
    assert list(ConsentText.objects.filter(study=again).values_list("text", flat=True)) == list(
        ConsentText.objects.filter(study=study).values_list("text", flat=True)
    )


def test_comparisons_come_back_as_they_were_drawn_read_and_answered(study: Study, tmp_path: Path) -> None:
    in_arena(study, pairs=4, dimensions=[{"key": "honest", "label": "More honest?"}], comparisons_each=2)
    kept, gone, preview = join(study), join(study), join(study, is_preview=True)
    for person in (kept, gone, preview):
        first, second = arena.pairs_of(person)
        arena.skip(second)
        arena.judge(read(first), answer="a", reason="Mine.", dimensions={"honest": "b"})
        arena.judge(read(first), answer="tie", reason="Mine.", dimensions={"honest": "tie"})
    withdrawal.withdraw(gone)
    export_study(study, tmp_path / "one")
    import_study(tmp_path / "one", "again")
    again = Study.objects.get(slug="again")
    export_study(again, tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")

    def stored(study: Study) -> Any:
        shown = ShownComparison.objects.filter(comparison__dataset__study=study, participant__number=1)
        given = Annotation.objects.current().filter(annotator__participant__number=1, comparison__dataset__study=study)
        drawn = ("comparison__number", "place", "order_shown", "draw__seed", "draw__rule")
        said = (
            "comparison__number",
            "answer",
            "order_shown",
            "dwell_ms",
            "dimensions__dimension",
            "dimensions__answer",
        )
        pairs = ("number", "prompt", "text_a", "text_b", "context", "model_a", "model_b", "source_id")
        texts = Comparison.objects.filter(dataset__study=study)
        times = [[moment and moment.replace(microsecond=0) for moment in row]
                 for row in shown.order_by("place").values_list("seen_at", "answered_at", "skipped_at")]  # fmt: skip
        return times, *(list(rows.values_list(*names)) for rows, names in (
            (shown.order_by("place"), drawn), (given, said), (texts.order_by("number"), pairs)))  # fmt: skip

    assert stored(again) == stored(study) and len(stored(again)[1]) == 2
    assert ShownComparison.objects.filter(comparison__dataset__study=again).count() == 2  # nobody else's
    with pytest.raises(draws.CannotReplay, match="imported"):
        arena.replay(ComparisonDraw.objects.get(participant__study=again))


def test_people_and_cards_that_come_after_an_import_get_names_of_their_own(
    everything: Files, folder_of: Write, tmp_path: Path
) -> None:
    everything = {name: text.replace("ben", "p0003") for name, text in everything.items()}
    everything["values_cards.jsonl"] = everything["values_cards.jsonl"].replace('"id": 2,', '"id": 3,')
    import_study(folder_of(everything), "keys")
    study = Study.objects.get()
    newcomer = Participant.objects.create(study=study, number=3, demographics={"age": "Under 30"})
    card_of(newcomer)
    export_study(study, tmp_path / "one")
    people = (tmp_path / "one" / "demographics.csv").read_text().splitlines()
    cards = [json.loads(line)["id"] for line in (tmp_path / "one" / "values_cards.jsonl").read_text().splitlines()]
    assert [row.split(",")[0] for row in people[1:]] == ["anna", "p0003", "p0004"]
    assert cards == [1, 3, 4]


def test_nobodys_free_text_is_written(study: Study, tmp_path: Path) -> None:
    first, second, third = join(study), join(study), join(study)
    for person in (first, second):
        card_of(person, title=f"Card {person.number}")
    values = list(CanonicalValue.objects.order_by("number"))
    story_between(study, values[0], values[1], Context.objects.all()[0])
    (item,) = draws.draw_stories(third).items.all()
    pair = comparisons.add_comparison(comparisons.dataset_of(study), prompt="Q", text_a="one", text_b="two")
    comparisons.annotate(pair, participant=first, answer="a", reason="My cousin Bert drinks.")
    votes.cast_wisdom_vote(third, item, answer="upgrade", comment="My cousin Bert drinks.")
    verification.say(first, "fair_position", "not_fair", "My cousin Bert drinks.")
    export_study(study, tmp_path / "one")
    assert not [name for name, data in content(tmp_path / "one").items() if b"Bert" in data]


def test_previews_and_those_who_withdrew_are_left_out(study: Study, tmp_path: Path) -> None:
    kept, preview, gone = join(study), join(study, is_preview=True), join(study)
    for person in (kept, preview, gone):
        card_of(person, title=f"Card of {person.number}")
    Participant.objects.update(demographics={"age": "Under 30"})
    withdrawal.withdraw(gone)
    export_study(study, tmp_path / "one")
    assert (tmp_path / "one" / "demographics.csv").read_text() == "participant,age\np0001,Under 30\n"
    titles = [json.loads(row)["title"] for row in (tmp_path / "one" / "values_cards.jsonl").read_text().splitlines()]
    assert titles == ["Card of 1"]


def test_a_folder_that_holds_something_is_never_written_into(files: Files, folder_of: Write) -> None:
    folder = folder_of(files)
    import_study(folder, "keys")
    with pytest.raises(BadFile, match="new or empty"):
        export_study(Study.objects.get(), folder)


@pytest.mark.parametrize(
    ("field", "put", "said"),
    [
        ("seed", -1, "seed: must be a whole number"),
        ("seed", 10**30, "seed: must be a whole number"),
        ("rule", {"line": [1]}, "rule: must be an object"),
        ("rule", {"line": True}, "rule: must be an object"),
        ("items", {"from_id": 7}, "items: must be a list"),
        ("items", [{}], "from_id: is missing"),
        (
            "items",
            [{"from_id": 3, "to_id": 7, "context": "When it hurts", "run_id": "r1"}],
            "from_id: upgrade_stories.jsonl has no story from 3 to 7 of that context and run",
        ),
        ("case_id", "boats", 'case_id: there is no case "boats"'),
    ],
)
def test_a_draw_of_what_is_not_there_is_told(
    everything: Files, folder_of: Write, field: str, put: Any, said: str
) -> None:
    draw = json.loads(everything["story_draws.jsonl"])
    everything["story_draws.jsonl"] = lines(draw | {field: put})
    assert f"story_draws.jsonl, line 1, {said}" in problems(folder_of(everything))


def test_an_imported_draw_belongs_to_its_vote(everything: Files, folder_of: Write) -> None:
    import_study(folder_of(everything), "keys")
    vote = WisdomVote.objects.get(participant__source_id="anna")
    assert vote.draw_item is not None and vote.draw_item.counts == {"asked": 4, "wiser": 3, "decided": 4}
    assert (vote.draw_item.why, vote.draw_item.draw.rule) == ("close_call", {"line": 0.5})


# ---- any study


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
names = texts.filter(lambda text: text.strip() != "")


@st.composite
def folders(draw: st.DrawFn) -> Files:
    """Any study folder that holds together."""
    cases = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    contexts = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    numbers = draw(st.lists(st.integers(0, 10**9), min_size=2, max_size=4, unique=True))
    people = draw(st.lists(names, max_size=3, unique=True))
    asked = [(a, b, c) for a in numbers for b in numbers if a != b for c in contexts]
    answers = st.sampled_from(WisdomVote.Answer.values)
    moments = st.datetimes(timezones=st.just(UTC)).map(lambda m: m.isoformat())
    cast = [
        {"participant": person, "from_id": a, "to_id": b, "context": c, "run_id": draw(texts),
         "relationship": draw(answers), "created_at": draw(moments)}
        for person in people
        for a, b, c in draw(st.lists(st.sampled_from(asked), max_size=3, unique=True))
    ]  # fmt: skip
    links = draw(st.lists(st.tuples(st.sampled_from(contexts), st.sampled_from(cases)), max_size=4, unique=True))
    values = [
        {"id": n, "title": draw(names), "instructions_short": draw(texts), "instructions_detailed": draw(texts),
         "evaluation_criteria": draw(st.lists(texts, max_size=3)), "case_id": draw(st.sampled_from(cases))}
        for n in numbers
    ]  # fmt: skip
    return {
        "cases.json": json.dumps([{"id": name, "question": draw(names)} for name in cases]),
        "contexts.json": json.dumps(contexts),
        "contexts_on_cases.csv": written(["context", "case_id"], links),
        "canonical_values.jsonl": lines(*values),
        "wisdom_votes.csv": written(VOTES.strip().split(","), [list(row.values()) for row in cast]),
    }


def written(columns: list[str], rows: Any) -> str:
    return "".join(
        ",".join('"' + str(cell).replace('"', '""') + '"' for cell in row) + "\n" for row in [columns, *rows]
    )


@given(files=folders())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_study_survives_being_written_and_read(folder_of: Write, tmp_path: Path, files: Files) -> None:
    slug = f"s-{uuid4().hex}"
    one, two = tmp_path / f"{slug}-1", tmp_path / f"{slug}-2"
    import_study(folder_of(files), slug)
    export_study(Study.objects.get(slug=slug), one)
    import_study(one, f"{slug}-again")
    export_study(Study.objects.get(slug=f"{slug}-again"), two)
    assert content(one) == content(two)
    told = [json.loads(line) for line in files["canonical_values.jsonl"].splitlines()]
    assert [json.loads(line) for line in (one / "canonical_values.jsonl").read_text().split("\n")[:-1]] == told


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Any way in which a piece of a file can be lost, doubled or replaced."""
    start, length = draw(st.floats(0, 1)), draw(st.integers(0, 60))
    pieces = st.sampled_from(
        [b"", b'"', b",", b"\n", b"\r", b"\0", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"[" * 2000, b"NaN", b"null"]
    )
    put = draw(pieces | st.binary(max_size=20) | st.text(max_size=20).map(str.encode))

    def damage(data: bytes) -> bytes:
        place = int(start * len(data))
        return data[:place] + put + data[place + length :]

    return damage


@given(data=st.data(), damage=damages())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_folder_is_read_whole_or_refused_with_the_file_named(
    everything: Files, folder_of: Write, data: st.DataObject, damage: Callable[[bytes], bytes]
) -> None:
    name = data.draw(st.sampled_from(sorted(everything)))
    folder = folder_of(everything)
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    slug = f"s-{uuid4().hex}"
    try:
        import_study(folder, slug)
    except BadFile as bad:
        assert 1 <= len(bad.errors) <= 20 and all(
            error.split(",")[0].split(":")[0] in everything for error in bad.errors
        )
        assert not Study.objects.filter(slug=slug).exists()
    else:
        assert Study.objects.filter(slug=slug).exists()


# ---- the 2023 trial


def test_the_trial_comes_in_whole_and_its_votes_go_out_as_they_came(shared_data: Path, tmp_path: Path) -> None:
    trial = shared_data / "moral-graph-trial"
    summary = import_study(trial, "trial")
    assert (summary.counts["canonical values"], summary.counts["wisdom votes"]) == (115, 1592)
    assert (summary.counts["exposures"], summary.counts["endorsements"]) == (3295 - 46, 1265 - 8)
    assert Draw.objects.filter(kind="picks").count() == 553
    export_study(Study.objects.get(), tmp_path / "one")
    for name in ("wisdom_votes.csv", "canonical_values.jsonl", "values_cards.jsonl", "deduplications.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (trial / name).read_bytes()
    import_study(tmp_path / "one", "again")
    export_study(Study.objects.get(slug="again"), tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")
