"""`python -m bench.measured MODULE ARGUMENTS`: call `MODULE.measured(*ARGUMENTS)`, a dict, and print it as JSON with the
peak memory of this process."""

import importlib
import json
import resource
import sys


def main() -> None:
    found = dict(importlib.import_module(sys.argv[1]).measured(*sys.argv[2:]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found | {"peak_mb": round(peak, 1)}))


if __name__ == "__main__":
    main()
