"""`python -m bench.measured MODULE ARGUMENTS`: call `MODULE.measured(*ARGUMENTS)`, a dict, and print it as JSON with the
peak memory of this process."""

import importlib
import json
import sys
from pathlib import Path


def main() -> None:
    found = dict(importlib.import_module(sys.argv[1]).measured(*sys.argv[2:]))
    print(json.dumps(found | {"peak_mb": round(peak_mb(), 1)}))


def peak_mb() -> float:
    """Return the peak of this program alone; `getrusage` would count the memory of the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
