import os
import stat
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from core.command_output import add_output_option, write_output


def place(where: str) -> str:
    parser = ArgumentParser(exit_on_error=False)
    add_output_option(parser)
    return str(parser.parse_args(["--output", where]).output)


def test_standard_output_is_the_default_and_a_minus(capsys: pytest.CaptureFixture[str]) -> None:
    write_output("ü\n", place("-"))
    assert capsys.readouterr().out == "ü\n"


def test_standard_output_is_utf8_whatever_the_terminal_says() -> None:
    code = "from core.command_output import write_output; write_output('ü\\n', '-')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env={"PYTHONIOENCODING": "ascii"})
    assert (done.stdout, done.stderr) == ("ü\n".encode(), b"")


def test_a_place_that_cannot_be_written_to_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for where, said in ((tmp_path, "Is a directory"), (tmp_path / "a" / "b", "No such file or directory")):
        with pytest.raises(Exception, match=said):
            place(str(where))


def test_a_file_is_replaced_whole_and_keeps_who_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old and longer")
    path.chmod(0o600)
    write_output("new", str(path))
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
    assert os.listdir(tmp_path) == ["out.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    write_output("new", str(tmp_path / "link.json"))
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "real.json").read_text() == "new"
