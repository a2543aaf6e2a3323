"""Files from outside: what is wrong with them is said with its line, as an editor counts it, and in words one can act on."""

import os
from pathlib import Path

import pytest

from elicitation.tables import BadFile, Errors, NotJson, names_in, parse_json, read_csv, read_json, read_jsonl


def told(path: Path, *columns: str) -> list[str]:
    """Return what is wrong with a CSV file whose column n must hold whole numbers."""
    errors = Errors()
    for row in read_csv(path, columns, errors):
        row.number("n")
    return errors.told


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_is_that_of_the_editor_after_a_quoted_text_over_many_lines(tmp_path: Path, end: str) -> None:
    rows = ["n,text", '1,"one', "two", 'three"', "", "x,y"]
    assert told(written(tmp_path, end.join(rows) + end)) == [
        't.csv, line 6, n: "x" is no whole number from 0 to 1000000000'
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "t.csv, line 1: is empty; it needs a header with the columns n, text"),
        ("n\n1\n", 't.csv, line 1, text: this column is missing; the header has "n"'),
        ("n;text\n", 'n, text: these columns are missing; the header has "n;text"; put commas between them'),
        ("n,text\n1,a,b\n", "line 2: has 3 fields where the header has 2; put a text that holds a comma in quotes"),
        ('n,text\n1,a\n2,"b\n3,c\n', "line 3: is no proper CSV from here (a quote is opened here and never closed)"),
        ("n,text," + "x" * 201 + "\n", "a column's name has at most 200 characters"),
        (b"n,text\n1,\xe9\n", "line 2: is not UTF-8 here; save the file as UTF-8"),
        ("n,text\n1,a\n".encode("utf-16-le"), "line 1: holds a NUL character; remove it, and save the file as UTF-8"),
        (b"PK\x03\x04", "is a zip or spreadsheet file; save it as plain text, CSV for a table"),
        ("n,text\n\x1b[31m,a\n", 'line 2, n: "\\u001b[31m" is no whole number'),
    ],
)
def test_what_is_wrong_with_a_table_says_what_to_do(tmp_path: Path, content: str | bytes, said: str) -> None:
    [error] = told(written(tmp_path, content), "n", "text")
    assert said in error


def test_a_field_that_the_csv_module_would_not_take_by_itself_is_read(tmp_path: Path) -> None:
    [row] = read_csv(written(tmp_path, "text\n" + "x" * 900_000 + "\n"), ["text"], Errors())
    assert len(row.fields["text"]) == 900_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('{"a": 1, "a": 2}', 'the key "a" is there twice'),
        ("[NaN]", "NaN is no JSON number"),
        ("[1e999]", "1e999 is too large a number"),
        ("[" + "9" * 5000 + "]", "holds a number of 5000 digits; at most 400 are read"),
        ("[" * 200 + "]" * 200, "is nested too deeply"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a": [1,]}', "is no proper JSON at column 10"),
    ],
)
def test_json_that_not_everyone_can_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(NotJson, match=said):
        parse_json(text)


def test_many_texts_beside_each_other_are_not_nested(tmp_path: Path) -> None:
    assert len(parse_json("[" + ",".join(["[]"] * 500) + "]")) == 500


def test_an_error_in_a_json_file_has_its_line(tmp_path: Path) -> None:
    errors = Errors()
    assert read_json(written(tmp_path, '{\n "a": 1,\n "b": ,\n}', "t.json"), errors) is None
    assert errors.told == ["t.json, line 3: is no proper JSON at column 7 (Expecting value)"]


@pytest.mark.parametrize("line", ["null", "[1]", "5", '"x"'])
def test_a_line_that_holds_no_object_is_told_and_not_skipped(tmp_path: Path, line: str) -> None:
    errors = Errors()
    assert len(list(read_jsonl(written(tmp_path, f'{{"a": 1}}\n{line}\n', "t.jsonl"), errors))) == 1
    assert errors.told == ['t.jsonl, line 2: must be a JSON object on one line: {"…": …}']


def test_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    assert told(tmp_path / "t.csv") == ["t.csv: is no file"]


def test_a_file_named_as_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="is a file; name the folder"):
        names_in(written(tmp_path, "x"))


def test_a_reference_with_a_slip_names_what_is_near(tmp_path: Path) -> None:
    errors = Errors()
    for row in read_csv(written(tmp_path, "n\nWhen it hurt\n"), ["n"], errors):
        row.known("n", row.text("n"), ["When it hurts", "When there is time"], "context", "contexts.json")
    assert errors.told == [
        't.csv, line 2, n: there is no context "When it hurt" in contexts.json; did you mean "When it hurts"?'
    ]
