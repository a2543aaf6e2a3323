"""Norms as files: in the format of Social Chemistry 101, all or nothing, and back again."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from elicitation import facets, norms
from elicitation.algorithms.norms import LABELS
from elicitation.models import CanonicalValue, Norm, Study
from elicitation.tables import BadFile
from tests.people import value_in

pytestmark = pytest.mark.django_db

FILE = Path(__file__).parents[1] / "fixtures" / "norms.tsv"
COLUMNS = [label.column for label in LABELS.values()]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


@pytest.fixture
def imported(study: Study) -> Study:
    norms.import_norms(FILE, study, makes_values=True)
    return study


def file_of(folder: Path, *lines: str) -> Path:
    path = folder / "norms.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_row_and_label_comes_back(imported: Study) -> None:
    before, after = rows_of(FILE.read_text()), rows_of(norms.export_norms(imported))
    assert len(after) == 20
    for was, now in zip(before, after, strict=True):
        assert {c: sorted(was[c].split("|")) for c in COLUMNS} == {c: sorted(now[c].split("|")) for c in COLUMNS}
        assert (was["rot"], was["situation"], was["characters"]) == (now["rot"], now["situation"], now["characters"])


def test_unanswered_is_null_and_not_a_label(imported: Study) -> None:
    labels = Norm.objects.get(rule="Things are as they are.").labels
    assert labels["agreement"] is labels["legal"] is labels["action"] is None
    assert (labels["category"], labels["bad"]) == ([], 1)


def test_a_label_is_counted_as_often_as_the_file_has_it(imported: Study) -> None:
    plain = Counter(part for row in rows_of(FILE.read_text()) for part in row["rot-moral-foundations"].split("|"))
    stored = Counter(label for norm in Norm.objects.all() for label in norm.labels["foundation"])
    assert stored == {name: count for name, count in plain.items() if name}


def test_who_wrote_or_labelled_a_row_is_not_taken_in(imported: Study) -> None:
    assert "worker" not in norms.export_norms(imported) and "rot/3" not in str(list(Norm.objects.values()))


def test_the_same_file_again_changes_nothing_nor_does_an_export(imported: Study, tmp_path: Path) -> None:
    before = list(Norm.objects.values()), CanonicalValue.objects.count()
    assert not norms.import_norms(FILE, imported, makes_values=True).changed
    path = tmp_path / "export.tsv"
    path.write_text(norms.export_norms(imported), encoding="utf-8")
    assert not norms.import_norms(path, imported).changed
    assert (list(Norm.objects.values()), CanonicalValue.objects.count()) == before


def test_what_a_facilitator_wrote_comes_back_as_it_is(study: Study, tmp_path: Path) -> None:
    facets.add_norm(value_in(study), labels={"legal": "legal"})
    path = tmp_path / "export.tsv"
    path.write_text(norms.export_norms(study), encoding="utf-8")
    assert not norms.import_norms(path, study).changed


def test_rows_that_are_the_same_twice_are_two_readers(imported: Study) -> None:
    assert Norm.objects.filter(rule="It's good to help a lost stranger.").count() == 3


def test_a_rule_finds_the_value_of_that_title_or_number(study: Study, tmp_path: Path) -> None:
    care, patience = value_in(study, title="Care"), value_in(study, title="Patience")
    path = file_of(tmp_path, "value\trot\taction-legal", "\tCare\tlegal", f"{patience.number}\tWait.\ttolerated")
    norms.import_norms(path, study)
    assert {(n.value_id, n.rule) for n in Norm.objects.all()} == {(care.id, "Care"), (patience.id, "Wait.")}
    assert CanonicalValue.objects.count() == 2


def test_a_rule_that_is_too_long_for_a_title_is_found_again(study: Study, tmp_path: Path) -> None:
    path = file_of(tmp_path, "rot\taction-legal", "It is good " + "to wait " * 40 + "\tlegal")
    assert norms.import_norms(path, study, makes_values=True).counts == {"norms": 1, "new values": 1}
    assert not norms.import_norms(path, study, makes_values=True).changed
    assert CanonicalValue.objects.get().title.endswith("…")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["rot\taction-legal", "Care\tsort of"],
            "line 2, action-legal: 'sort of' is none of legal, illegal, tolerated",
        ),
        (["rot\trot-agree", "Care\t5"], "line 2, rot-agree: '5' is none of 0, 1, 2, 3, 4"),
        (
            ["rot\trot-moral-foundations", "Care\tcare-harm|liberty"],
            "line 2, rot-moral-foundations: 'liberty' is none of",
        ),
        (["rot\taction-legal", "Cares\tlegal"], 'line 2, rot: there is no value called "Cares"; did you mean "Care"?'),
        (["rot\taction-legal", "\tlegal"], "line 2, rot: is empty"),
        (["rot\taction-legal", "Twin\tlegal"], "line 2, rot: is the title of values 2, 3; put a number"),
        (["value\trot", "9\tCare"], "line 2, value: there is no value 9"),
        (["value\trot", "x\tCare"], 'line 2, value: "x" is no whole number'),
        (["rule\taction-legal", "Care\tlegal"], "line 1, rot: this column is missing"),
        (["rot,action-legal", "Care,legal"], "put tabs between them"),
        (["rot\taction-legal", "Care\tlegal\tmore"], "put a text that holds a tab in quotes"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    study: Study, tmp_path: Path, lines: list[str], told: str
) -> None:
    for title in ("Care", "Twin", "Twin"):
        value_in(study, title=title)
    path = file_of(tmp_path, *lines)
    with pytest.raises(BadFile, match=r"norms\.tsv") as bad:
        norms.import_norms(path, study)
    assert told in str(bad.value)
    assert not Norm.objects.exists()


def test_the_commands_read_write_and_tell(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_norms", str(FILE), study=study.slug, make_values=True)
    told = capsys.readouterr().out
    assert "20 norms, 18 new values" in told and "columns that are left: area, m, split" in told
    call_command("import_norms", str(FILE), study=study.slug)
    assert "nothing was changed" in capsys.readouterr().out
    out = tmp_path / "out.tsv"
    call_command("export_norms", study.slug, output=str(out))
    assert len(rows_of(out.read_text())) == 20
    with pytest.raises(CommandError, match="There is no study nowhere"):
        call_command("import_norms", str(FILE), study="nowhere")


def test_each_value_tells_the_labels_of_its_good_confirmed_norms(study: Study) -> None:
    value, other = value_in(study), value_in(study, title="Patience")
    facets.add_norm(value, labels={"foundation": ["fairness-cheating"], "legal": "legal"})
    facets.add_norm(value, labels={"foundation": ["care-harm"], "legal": "illegal"})
    facets.add_norm(other, labels={"legal": "legal", "bad": 1})
    facets.decide(facets.add_norm(other, labels={"legal": "legal"}), "proposed", None)
    told = norms.facets_of(study)
    assert list(told) == [value.number]
    assert told[value.number]["foundation"] == ["care-harm", "fairness-cheating"]
    assert told[value.number]["legal"] == ["legal", "illegal"] and told[value.number]["pressure"] == []
