import subprocess
from functools import lru_cache
from pathlib import Path


@lru_cache
def code_version() -> str:
    """Return the commit that this code is of, where that can be told; it stands beside hashed bodies, never in them."""
    root = Path(__file__).resolve().parent.parent
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()[:40]
