"""Duplicates among embeddings against the bare product of their matrix, and the memory of both grouping paths."""

import numpy as np

from bench.measuring import Line, at_most, in_own_process, side_by_side
from elicitation.algorithms.similarity import BLOCK, candidates, duplicates, groups

POINTS, LENGTH, PLANTED, LEAST = 10_000, 384, 8, 0.8
TEXTS = 5_000
MOST_MB = 300


def planted(points: int = POINTS, *, seed: int = 0) -> np.ndarray:
    """Return unit vectors (float32) in planted groups of eight: a random direction each, with a little noise."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((points // PLANTED, LENGTH), dtype=np.float32)
    rows = np.repeat(centres, PLANTED, axis=0)
    rows += np.float32(0.2) * rng.standard_normal(rows.shape, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rng.permutation(rows)


def made_up_texts(count: int = TEXTS, *, seed: int = 0) -> list[str]:
    """Return texts of sixty words each, of which some are far more frequent than others."""
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, 3001)
    words = rng.choice(3000, (count, 60), p=chance / chance.sum())
    return [" ".join(f"w{word}" for word in row) for row in words]


def bare_product(rows: np.ndarray) -> None:
    """Multiply each two rows once, and look at nothing."""
    room = np.empty((BLOCK, len(rows)), dtype=rows.dtype)
    for start in range(0, len(rows), BLOCK):
        block, rest = rows[start : start + BLOCK], rows[start:]
        np.matmul(block, rest.T, out=room.ravel()[: len(block) * len(rest)].reshape(len(block), len(rest)))


def lines() -> list[Line]:
    rows = planted()
    found: list[np.ndarray] = []
    product, ours = side_by_side(lambda: bare_product(rows), lambda: found.append(duplicates(rows, least=LEAST)))
    sizes = np.bincount(found[-1])
    exact = len(sizes) == POINTS // PLANTED and bool((sizes == PLANTED).all())
    texts = made_up_texts()
    pairs, whole = side_by_side(lambda: candidates(texts, least=0.3), lambda: groups(texts))
    return [
        Line("planted groups of 8 that are found", f"{int((sizes == PLANTED).sum()):,} of {POINTS // PLANTED:,}",
             "all", exact),
        at_most(f"duplicates among {POINTS:,} embeddings", ours, product, 2, "bare half product"),
        _memory("duplicates", "embeddings"),
        Line(f"nearest pairs of {TEXTS:,} texts", f"{pairs.median:.3g} s", detail=str(pairs)),
        Line(f"grouping of {TEXTS:,} texts", f"{whole.median:.3g} s", detail=str(whole)),
        _memory("candidates", "pairs of texts", target=False),
        _memory("groups", "grouping of texts", target=False),
    ]  # fmt: skip


def _memory(what: str, name: str, *, target: bool = True) -> Line:
    peak = in_own_process("bench.graphs.duplicates", what)["peak_mb"]
    aim = f"< {MOST_MB} MB" if target else ""
    return Line(f"memory for {name}", f"{peak:.0f} MB", aim, peak < MOST_MB if target else None)


def measured(work: str) -> dict[str, int]:
    """Do one kind of work, for its peak memory."""
    if work == "duplicates":
        return {"groups": int(duplicates(planted(), least=LEAST).max()) + 1}
    texts = made_up_texts()
    return {"found": len(candidates(texts, least=0.3) if work == "candidates" else groups(texts))}
