"""Run the parts that are named, or all of them; exit 1 if a target is missed."""

import importlib
import pkgutil
import sys

import bench.graphs
from bench.measuring import report


def main() -> int:
    known = sorted(m.name for m in pkgutil.iter_modules(bench.graphs.__path__) if not m.name.startswith("_"))
    chosen = sys.argv[1:] or known
    if unknown := sorted(set(chosen) - set(known)):
        print(f"There is no part {unknown[0]!r}; choose among {', '.join(known)}.", file=sys.stderr)
        return 2
    missed = 0
    for name in chosen:
        print(f"== {name}", flush=True)
        missed += report(importlib.import_module(f"bench.graphs.{name}").lines())
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
