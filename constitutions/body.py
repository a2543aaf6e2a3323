"""What an extraction tells, as it is hashed: its principles, what was dropped and why, and how well they decide what they were
not chosen on. No clock time, no database key, and nothing of what asking cost."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from constitutions.algorithms import scoring
from constitutions.algorithms.selection import SelectionRules, Test, Tested, orient, p_values, select
from constitutions.from_graph import GraphPrinciple
from constitutions.judges import Judgement
from constitutions.pairs import Pairs
from elicitation.models import Dataset, Study
from graphs.models import GraphSnapshot

FORMAT = "folkmoot-extraction/2"
ENOUGH = "enough evidence"
NOT_ENOUGH = "not enough evidence"


class Stance(NamedTuple):
    """How a principle, by its number, speaks on the comparisons: 1 for the preferred text, −1 against it, 0 neither."""

    principle: int
    votes: np.ndarray


def body_and_stances(
    dataset: Dataset | None,
    study: Study | None,
    snapshot: GraphSnapshot | None,
    pairs: Pairs,
    judgement: Judgement,
    split: scoring.Split | None,
    from_graph: list[GraphPrinciple],
    parameters: dict[str, Any],
    seed: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], list[Stance]]:
    told: list[dict[str, Any]] = [{"id": n, **p.told} for n, p in enumerate(from_graph, 1)]
    dropped: list[dict[str, Any]] = []
    reconstruction: dict[str, Any] | None = None
    test = Test("none", 0)
    stances: list[Stance] = []
    verdict = ENOUGH if told else NOT_ENOUGH
    if split is not None:
        clusters = pairs.clusters
        votes = orient(judgement.differences, pairs.answers)
        raters = [pairs.raters[i] for i in split.train] if pairs.raters else []
        p, test = p_values(votes[split.train], raters, rng)
        tested = select(votes[split.train], p, SelectionRules(most=parameters["principles"]))
        kept = [t for t in tested if not t.reason]
        for t in kept:
            number = len(told) + 1
            oriented = votes[:, t.candidate] * t.sign
            told.append(_principle(number, judgement, t, oriented, split, clusters, rng))
            stances.append(Stance(number, oriented))
        dropped = [_dropped(judgement, t, kept, len(split.train)) for t in tested if t.reason]
        decided_by = [stance.principle for stance in stances]
        reconstruction = _reconstruction(pairs, judgement, kept, split, clusters, rng)
        reconstruction |= {"split": pairs.split, "principles": decided_by}
        verdict = ENOUGH if kept or from_graph else NOT_ENOUGH
    body = {
        "format": FORMAT,
        "dataset": dataset.slug if dataset else None,
        "study": study.slug if study else None,
        "is_simulated": bool(
            (study and study.is_simulated) or (dataset and dataset.study and dataset.study.is_simulated)
        ),
        "graph_sha256": snapshot.sha256 if snapshot else None,
        "parameters": parameters,
        "seed": seed,
        "verdict": verdict,
        "labels": _labels(bool(pairs.rows), snapshot if from_graph else None, parameters["judge"]),
        "comparisons": pairs.counts,
        "test": test._asdict(),
        "principles": told,
        "dropped": dropped,
        "reconstruction": reconstruction,
    }
    return body, stances


def _labels(has_pairs: bool, snapshot: GraphSnapshot | None, judge: str) -> list[str]:
    told = []
    if has_pairs and judge == "features":
        told.append("Measured text features, no language model: each principle says what was counted and no more.")
        told.append("Describes these comparisons, not people's minds.")
    if snapshot is not None:
        told.append("From the winning values of a published moral graph, in the words of the people who hold them.")
        if limits := "; ".join(f"{name} {said}" for name, said in sorted(snapshot.filters.items()) if said):
            told.append(f"That graph counts only some of the votes: {limits}.")
    return told


def _principle(
    number: int,
    judgement: Judgement,
    tested: Tested,
    votes: np.ndarray,
    split: scoring.Split,
    clusters: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    candidate = judgement.candidates[tested.candidate]
    chosen, held = (_share(votes, part, clusters, rng) for part in split)
    total = len(split.train)
    return {
        "id": number,
        "text": _wording(judgement, tested),
        "source": candidate.source,
        "name": candidate.name if tested.sign > 0 else f"less {candidate.name}",
        "direction": candidate.direction(tested.sign),
        "for": tested.votes_for,
        "against": tested.votes_against,
        "irrelevant": tested.irrelevant,
        "missing": 0,
        "relevance": (tested.votes_for + tested.votes_against) / total,
        "accuracy": tested.votes_for / max(1, tested.votes_for + tested.votes_against),
        "strength": (tested.votes_for - tested.votes_against) / total,
        "p": tested.p,
        "q": tested.q,
        "ci": _ends(chosen),
        "held_out": {"n": held.n, "accuracy": _number(held.value), "ci": _ends(held)},
        "evidence": {"comparisons": int((votes != 0).sum())},
    }


def _share(votes: np.ndarray, part: np.ndarray, clusters: Sequence[str], rng: np.random.Generator) -> scoring.Share:
    """Return how often a principle speaks for the preferred text, where it speaks, among the comparisons of a part."""
    spoke = part[votes[part] != 0]
    return scoring.share_by_cluster((votes[spoke] > 0).astype(float), [clusters[i] for i in spoke], rng)


def _dropped(judgement: Judgement, tested: Tested, kept: Sequence[Tested], total: int) -> dict[str, Any]:
    reason = tested.reason
    for other in kept:
        if other.candidate == tested.twin:
            reason = f"says much the same as “{_wording(judgement, other)}”"
    return {
        "text": _wording(judgement, tested),
        "for": tested.votes_for,
        "against": tested.votes_against,
        "irrelevant": tested.irrelevant,
        "strength": (tested.votes_for - tested.votes_against) / max(1, total),
        "q": tested.q,
        "reason": reason,
    }


def _wording(judgement: Judgement, tested: Tested) -> str:
    return judgement.candidates[tested.candidate].wording(tested.sign)


def _reconstruction(
    pairs: Pairs,
    judgement: Judgement,
    kept: Sequence[Tested],
    split: scoring.Split,
    clusters: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return how well the kept principles decide the held-out comparisons, beside what any constitution must beat."""
    train, test = split
    answers = [pairs.answers[i] for i in train]
    held = [pairs.answers[i] for i in test]
    prompts = [clusters[i] for i in test]
    counted = judgement.differences
    texts_a, texts_b = [c.text_a for c in pairs.rows], [c.text_b for c in pairs.rows]
    weights = [(t.votes_for - t.votes_against) / max(1, len(train)) for t in kept]
    decisions = {
        "constitution": scoring.weighted_votes(
            counted[test], [t.candidate for t in kept], [t.sign for t in kept], weights
        ),
        "random": np.zeros(len(test)),  # a coin is right half of the time: thrown once it would only add its own luck
        "longest": np.array([float(len(texts_a[i]) - len(texts_b[i])) for i in test]),
        "all_features": scoring.logistic_decisions(counted[train], answers, counted[test]),
        "all_features_and_words": scoring.tfidf_decisions(
            (counted[train], [texts_a[i] for i in train], [texts_b[i] for i in train]),
            answers,
            (counted[test], [texts_a[i] for i in test], [texts_b[i] for i in test]),
        ),
    }
    hits = {name: scoring.hits(decided, held) for name, decided in decisions.items()}
    shares = {name: scoring.share_by_cluster(hit, prompts, rng) for name, hit in hits.items()}
    beats = {}
    for name in ("random", "longest"):
        difference = scoring.difference_by_cluster(hits["constitution"], hits[name], prompts, rng)
        beats[name] = {
            "difference": _number(difference.value),
            "ci": _ends(difference),
            # To decide nothing counts ½ each time, which is more than "longest" has where people like it short.
            "beats": bool(kept) and difference.low is not None and difference.low > 0,
        }
    ours = shares.pop("constitution")
    return {
        "n": len(test),
        "prompts": len(set(prompts)),
        "trained_on": len(train),
        "accuracy": _number(ours.value),
        "ci": _ends(ours),
        "undecided": int((decisions["constitution"] == 0).sum()),
        "baselines": {name: {"accuracy": _number(s.value), "ci": _ends(s)} for name, s in shares.items()},
        "against": beats,
        "executor": "weighted votes of the principles",
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _ends(share: scoring.Share) -> list[float] | None:
    return None if share.low is None or share.high is None else [share.low, share.high]
