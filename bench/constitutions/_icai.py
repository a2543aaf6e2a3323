"""The peer, run by a Python that has inverse-cai: its experiment as it ships, without the annotators at its end."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def measured(url: str, path: str, folder: str, clusters: str) -> dict[str, Any]:
    """Return the seconds of one run on a CSV file, and how many votes of its three passes were lost."""
    os.environ |= {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": url, "OPENAI_API_BASE": url}
    import inverse_cai.models  # type: ignore[import-not-found]
    from inverse_cai.experiment.core import run  # type: ignore[import-not-found]

    embeddings = inverse_cai.models.OpenAIEmbeddings
    # else it downloads a list of tokens
    inverse_cai.models.OpenAIEmbeddings = lambda: embeddings(check_embedding_ctx_length=False)
    sys.argv = ["icai-exp", f"data_path={path}", f"s2_num_clusters={clusters}", "annotator.skip=True"]
    sys.argv += [f"hydra.run.dir={folder}", "hydra.job.chdir=False"]
    begun = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        run()
    seconds = time.perf_counter() - begun
    lost = votes = 0
    for kept in Path(folder).rglob("*_seed_*"):
        for file in [kept] if kept.is_file() else [f for f in kept.rglob("*") if f.is_file()]:
            for line in file.read_text().splitlines():
                values = list(json.loads(line).values()) if line.startswith("{") else []
                votes += bool(values)
                lost += "invalid" in values
    return {"seconds": seconds, "lost": lost, "votes": votes}
