import os
import sys
import tempfile
from pathlib import Path


def write_output(text: str, where: str) -> None:
    """Write what a command made to a file, or to standard output for "-". A file is there whole or not at all."""
    if where == "-":
        sys.stdout.write(text)
        return
    path = Path(where)
    if path.exists() and not path.is_file():  # a pipe or a device, such as /dev/null, is written to and never replaced
        path.write_text(text, encoding="utf-8")
        return
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(part).chmod(0o644)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
