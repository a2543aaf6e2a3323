"""The web process by itself, as it is served: nothing that a worker or another test has imported helps it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASKS = "import config.wsgi; from core import jobs; print(*sorted(jobs.kinds()))"


def test_the_web_process_knows_every_kind_of_work_that_can_be_asked_for(tmp_path: Path) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "FOLKMOOT_VAR_DIR": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-c", ASKS], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [
        "constitutions.deliver", "constitutions.extract", "constitutions.review", "elicitation.propose_facets", "elicitation.propose_merges", "elicitation.propose_stories",
        "elicitation.write_candidates", "graphs.build", "reports.run",
    ]  # fmt: skip
