"""Where a command writes what it made: a file, or standard output."""

import os
import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from io import TextIOWrapper
from pathlib import Path


def add_output_option(parser: ArgumentParser) -> None:
    """Add `--output`. A place that can't be written to is refused before the command begins its work."""
    parser.add_argument("--output", type=_place, default="-", metavar="FILE", help="- is standard output (default)")


def _place(where: str) -> str:
    folder = Path(where).parent
    if where == "-":
        return where
    if Path(where).is_dir():
        raise ArgumentTypeError(f"{where}: Is a directory; name a file in it")
    if not folder.is_dir():
        raise ArgumentTypeError(f"{where}: No such file or directory; make the folder {folder} first")
    if not os.access(where if Path(where).exists() else folder, os.W_OK):
        raise ArgumentTypeError(f"{where}: Permission denied")
    return where


def write_output(text: str, where: str) -> None:
    """Write what a command made to a file, or to standard output for "-". A file is there whole or not at all."""
    if where == "-":
        if isinstance(sys.stdout, TextIOWrapper):  # whatever the terminal's own encoding, as a file would be
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    path = Path(where).resolve()  # a link stays one
    if path.exists() and not path.is_file():  # a pipe or a device, such as /dev/null, is written to and never replaced
        path.write_text(text, encoding="utf-8")
        return
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(part).chmod(mode)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
