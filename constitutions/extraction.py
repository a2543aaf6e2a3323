"""From comparisons, and from a published moral graph, to tested principles: propose → vote → choose → score.

Principles are chosen on one part of the comparisons and scored on the other; the split goes by prompt. The same inputs and
seed give the same bytes. "Not enough evidence" is an answer.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from constitutions.algorithms import scoring
from constitutions.algorithms.selection import SelectionRules, Test, Tested, orient, p_values, select
from constitutions.from_graph import GraphPrinciple, principles_of
from constitutions.judges import Candidate, Judgement, judge_named
from constitutions.models import Extraction, PrincipleEvidence
from core.canonical import canonical_bytes, sha256_of, unchanged
from core.models import User
from elicitation.comparisons import answers_given, majority_of
from elicitation.models import Annotation, Comparison, Dataset, Participant, Study
from graphs.models import GraphSnapshot

FORMAT = "folkmoot-extraction/1"
ENOUGH = "enough evidence"
NOT_ENOUGH = "not enough evidence"
LARGEST_SEED = 2**32 - 1
SMALLEST_CELL = 5
FEWEST_COMPARISONS = 4


class Pairs(NamedTuple):
    """The comparisons that have a decided answer, in their order, and what was left out. `raters` numbers who decided each
    one, where that is one annotator for every comparison; it is empty where several decided together."""

    rows: list[Comparison]
    answers: list[str]
    raters: list[int]
    ties: int
    unanswered: int
    annotations: int

    @property
    def prompts(self) -> list[str]:
        return [row.prompt or "" for row in self.rows]


def extract(
    *,
    dataset: Dataset | None = None,
    study: Study | None = None,
    annotators: Sequence[str] = (),
    group: str = "",
    judge: str = "features",
    test_fraction: float = 0.5,
    seed: int = 0,
    principles: int = 5,
    user: User | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Extraction:
    """Return the extraction for these inputs: the one there is, or a new one.

    `dataset` gives principles from comparisons, `study` those of its newest published graph; both may be given. Raises
    ValidationError that names the option, LookupError for an unknown annotator, Problem for a judge that is not there.
    """
    tell = progress or (lambda done, total, note: None)
    _check(dataset, study, test_fraction, seed, principles)
    parameters: dict[str, Any] = {
        "annotators": list(annotators),
        "group": group,
        "judge": judge,
        "test_fraction": test_fraction,
        "principles": principles,
    }
    tell(0, 4, _("Reading"))
    snapshot = _published_graph(study) if study is not None else None
    pairs = _pairs(dataset, annotators, group) if dataset is not None else Pairs([], [], [], 0, 0, 0)
    asked = judge_named(judge)
    inputs_sha256 = sha256_of(_inputs(dataset, study, snapshot, pairs, parameters, seed))
    if found := Extraction.objects.filter(inputs_sha256=inputs_sha256).first():
        return found
    tell(1, 4, _("Judging"))
    judgement = asked.judge(pairs.prompts, [c.text_a for c in pairs.rows], [c.text_b for c in pairs.rows])
    tell(2, 4, _("Choosing and scoring"))
    from_graph = principles_of(snapshot) if snapshot is not None else []
    body, stances = _body(dataset, study, snapshot, pairs, judgement, from_graph, parameters, seed)
    tell(3, 4, _("Storing"))
    try:
        with transaction.atomic():
            extraction = Extraction.objects.create(
                dataset=dataset,
                study=study,
                graph_sha256=snapshot.sha256 if snapshot else "",
                parameters=parameters,
                seed=seed,
                inputs_sha256=inputs_sha256,
                body=canonical_bytes(body).decode(),
                sha256=sha256_of(body),
                created_by=user,
            )
            _store_evidence(extraction, stances, pairs, from_graph)
            return extraction
    except IntegrityError:  # the same extraction, made by someone else at the same moment
        return Extraction.objects.get(inputs_sha256=inputs_sha256)


def annotations_until(dataset: Dataset, moment: datetime | None = None) -> int:
    """Return how many annotations that were made by then are there now. They are append-only: fewer than there were
    means that someone took theirs back."""
    made = Annotation.objects.filter(comparison__dataset=dataset)
    return (made.filter(created_at__lte=moment) if moment else made).count()


def body_of(extraction: Extraction) -> dict[str, Any]:
    """Return an extraction's body as it was hashed."""
    body: dict[str, Any] = json.loads(unchanged(extraction.body, extraction.sha256))
    return body


def estimate(dataset: Dataset, *, judge: str = "features") -> dict[str, Any]:
    """Return what an extraction would ask and cost, before it is run. Measured features ask no model."""
    judge_named(judge)
    from constitutions.algorithms.features import FEATURES

    count = dataset.comparisons.count()
    return {
        "comparisons": count,
        "candidates": len(FEATURES),
        "cells": count * len(FEATURES),
        "calls": _no_calls(),
        "judge": judge,
    }


def _no_calls() -> dict[str, int]:
    return {"requests": 0, "retries": 0, "tokens": 0, "cost": 0}


def _check(dataset: Dataset | None, study: Study | None, test_fraction: float, seed: int, principles: int) -> None:
    if dataset is None and study is None:
        raise ValidationError({"dataset": _("Name a dataset, a study with a published graph, or both.")})
    if not isinstance(test_fraction, float | int) or not 0.1 <= test_fraction <= 0.9:
        raise ValidationError({"test_fraction": _("The held-out fraction lies between 0.1 and 0.9.")})
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ValidationError({"seed": _("A seed is a whole number from 0 to %d.") % LARGEST_SEED})
    if isinstance(principles, bool) or not isinstance(principles, int) or not 1 <= principles <= 50:
        raise ValidationError({"principles": _("Ask for 1 to 50 principles.")})


def _published_graph(study: Study) -> GraphSnapshot:
    snapshot = GraphSnapshot.objects.published().filter(study=study).order_by("-number").first()
    if snapshot is None:
        raise ValidationError({"study": _("The study %s has no published graph yet.") % study.slug})
    return snapshot


def _pairs(dataset: Dataset, annotators: Sequence[str], group: str) -> Pairs:
    given = answers_given(dataset, _annotators_behind(dataset, annotators, group))
    answers = majority_of(given)
    rows = list(dataset.comparisons.order_by("number"))
    decided = [row for row in rows if answers.get(row.number) in ("a", "b")]
    ties = sum(answers.get(row.number) in ("tie", "both_bad") for row in rows)
    without = len(rows) - len(decided) - ties
    raters = [name for row in decided for name in {a.annotator for a in given[row.number]}]
    found = Pairs(
        decided,
        [answers[row.number] for row in decided],
        _numbered(raters) if len(raters) == len(decided) else [],
        ties,
        without,
        annotations_until(dataset),
    )
    if len(decided) < FEWEST_COMPARISONS:
        told = _(
            "Only %(n)d comparisons have a decided answer (%(ties)d ties, %(none)d without a majority); that is too few."
        )
        raise ValidationError({"dataset": told % {"n": len(decided), "ties": ties, "none": found.unanswered}})
    return found


def answers_behind(dataset: Dataset, annotators: Sequence[str], group: str) -> dict[int, str]:
    """Return the answers that an extraction with these parameters explains, by the comparison's number."""
    return majority_of(answers_given(dataset, _annotators_behind(dataset, annotators, group)))


def _annotators_behind(dataset: Dataset, annotators: Sequence[str], group: str) -> Sequence[str]:
    return _group_annotators(dataset, group) if group else annotators


def _group_annotators(dataset: Dataset, group: str) -> list[str]:
    """Return the annotators of a group "key=value" of the study's people. Raises ValidationError under five people."""
    key, _sign, value = group.partition("=")
    people = Participant.objects.filter(annotators__dataset=dataset, withdrawn_at=None).distinct()
    inside = [p.id for p in people if value and p.demographics.get(key) == value]
    if len(inside) < SMALLEST_CELL or 0 < people.count() - len(inside) < SMALLEST_CELL:
        told = _("Write it as KEY=VALUE; groups of fewer than %d people, inside or outside, are not shown.")
        raise ValidationError({"group": told % SMALLEST_CELL})
    return list(dataset.annotators.filter(participant__in=inside).values_list("source_id", flat=True))


def _inputs(
    dataset: Dataset | None,
    study: Study | None,
    snapshot: GraphSnapshot | None,
    pairs: Pairs,
    parameters: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "dataset": str(dataset.id) if dataset else None,
        "study": str(study.id) if study else None,
        "graph": snapshot.sha256 if snapshot else None,
        "pairs": [
            [c.number, c.prompt, c.text_a, c.text_b, answer]
            for c, answer in zip(pairs.rows, pairs.answers, strict=True)
        ],
        "raters": pairs.raters,
        "left_out": [pairs.ties, pairs.unanswered, pairs.annotations],
        "parameters": parameters,
        "seed": seed,
    }


def _numbered(names: Sequence[str]) -> list[int]:
    """Return each name's place of first occurrence: who answered together, not who it was."""
    places: dict[str, int] = {}
    return [places.setdefault(name, len(places)) for name in names]


class Stance(NamedTuple):
    """How a principle, by its number, speaks on the comparisons: 1 for the preferred text, −1 against it, 0 neither."""

    principle: int
    votes: np.ndarray


def _body(
    dataset: Dataset | None,
    study: Study | None,
    snapshot: GraphSnapshot | None,
    pairs: Pairs,
    judgement: Judgement,
    from_graph: list[GraphPrinciple],
    parameters: dict[str, Any],
    seed: int,
) -> tuple[dict[str, Any], list[Stance]]:
    told: list[dict[str, Any]] = [{"id": n, **p.told} for n, p in enumerate(from_graph, 1)]
    dropped: list[dict[str, Any]] = []
    reconstruction: dict[str, Any] | None = None
    test = Test("none", 0)
    stances: list[Stance] = []
    verdict = ENOUGH if told else NOT_ENOUGH
    if pairs.rows:
        rng = np.random.default_rng(seed)
        # Texts without a prompt, or all with one: each comparison is then its own cluster, and the result says so.
        clusters = pairs.prompts if len(set(pairs.prompts)) > 1 else [str(c.number) for c in pairs.rows]
        split = scoring.split_by_prompt(clusters, float(parameters["test_fraction"]), rng)
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
        dropped = [_dropped(judgement.candidates[t.candidate], t, len(split.train)) for t in tested if t.reason]
        reconstruction = _reconstruction(pairs, judgement, kept, split, clusters, rng)
        reconstruction["split"] = (
            "by prompt" if clusters == pairs.prompts else "by comparison: there is only one prompt"
        )
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
        "labels": _labels(bool(pairs.rows), bool(from_graph), parameters["judge"]),
        "comparisons": {
            "decided": len(pairs.rows),
            "ties": pairs.ties,
            "without_majority": pairs.unanswered,
            "annotations": pairs.annotations,
        },
        "test": test._asdict(),
        "principles": told,
        "dropped": dropped,
        "reconstruction": reconstruction,
        "cells": judgement.cells._asdict(),
        "calls": _no_calls(),
    }
    return body, stances


def _labels(has_pairs: bool, has_graph: bool, judge: str) -> list[str]:
    told = []
    if has_pairs and judge == "features":
        told.append("Measured text features, no language model: each principle says what was counted and no more.")
        told.append("Describes these comparisons, not people's minds.")
    if has_graph:
        told.append("From the winning values of a published moral graph, in the words of the people who hold them.")
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
    held = votes[split.test]
    spoke = held != 0
    share = scoring.share_by_cluster((held[spoke] > 0).astype(float), [clusters[i] for i in split.test[spoke]], rng)
    wording = candidate.more if tested.sign > 0 else candidate.less
    total = len(split.train)
    return {
        "id": number,
        "text": f"Prefer the answer that {wording}.",
        "source": judgement.source,
        "name": candidate.name if tested.sign > 0 else f"less {candidate.name}",
        "for": tested.votes_for,
        "against": tested.votes_against,
        "irrelevant": tested.irrelevant,
        "missing": 0,
        "relevance": (tested.votes_for + tested.votes_against) / total,
        "accuracy": tested.votes_for / max(1, tested.votes_for + tested.votes_against),
        "strength": (tested.votes_for - tested.votes_against) / total,
        "p": tested.p,
        "q": tested.q,
        "held_out": {"n": share.n, "accuracy": _number(share.value), "ci": _ends(share)},
        "ci": _ends(share),
        "evidence": {"comparisons": int((votes != 0).sum())},
    }


def _dropped(candidate: Candidate, tested: Tested, total: int) -> dict[str, Any]:
    return {
        "text": candidate.more if tested.sign > 0 else candidate.less,
        "for": tested.votes_for,
        "against": tested.votes_against,
        "irrelevant": tested.irrelevant,
        "strength": (tested.votes_for - tested.votes_against) / max(1, total),
        "q": tested.q,
        "reason": tested.reason,
    }


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
        "random": rng.choice([-1.0, 1.0], len(test)),
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
            "beats": difference.low is not None and difference.low > 0,
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


def _store_evidence(
    extraction: Extraction, stances: Sequence[Stance], pairs: Pairs, from_graph: Sequence[GraphPrinciple]
) -> None:
    rows = [
        PrincipleEvidence(
            extraction=extraction,
            principle=stance.principle,
            stance="for" if vote > 0 else "against",
            comparison=comparison,
        )
        for stance in stances
        for comparison, vote in zip(pairs.rows, stance.votes, strict=True)
        if vote
    ]
    for number, principle in enumerate(from_graph, 1):
        rows.append(
            PrincipleEvidence(extraction=extraction, principle=number, stance="source", value_id=principle.value_id)
        )
        rows += [
            PrincipleEvidence(extraction=extraction, principle=number, stance="source", card_id=card)
            for card in principle.card_ids
        ]
        rows += [
            PrincipleEvidence(extraction=extraction, principle=number, stance=stance, vote_id=vote)
            for vote, stance in principle.votes
        ]
    PrincipleEvidence.objects.bulk_create(rows, 1000)
