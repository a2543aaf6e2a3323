"""From comparisons, and from a published moral graph, to tested principles: propose → vote → choose → score.

Principles are chosen on one part of the comparisons and scored on the other; the split goes by prompt. The same inputs and
seed give the same bytes. "Not enough evidence" is an answer.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from constitutions.algorithms import scoring
from constitutions.algorithms.features import FEATURES
from constitutions.body import FORMAT, Stance, body_and_stances
from constitutions.from_graph import GraphPrinciple, principles_of
from constitutions.judges import Judgement, measure
from constitutions.models import Extraction, PrincipleEvidence
from constitutions.pairs import Pairs, counts_of, group_annotators, read_pairs
from core.canonical import canonical_bytes, sha256_of, unchanged
from core.models import User
from core.problems import Problem
from core.seeds import check_seed
from elicitation.models import Dataset, Study
from graphs.models import GraphSnapshot

JUDGES = ("features", "llm")
_OTHER = {"a": "b", "b": "a"}


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
    pairs = read_pairs(dataset, annotators, group) if dataset is not None else Pairs([], [], [], counts_of([], {}, 0))
    check_judge(judge)
    inputs_sha256 = sha256_of(_inputs(dataset, study, snapshot, pairs, parameters, seed))
    if found := Extraction.objects.filter(inputs_sha256=inputs_sha256).first():
        return found
    tell(1, 4, _("Judging"))
    rng = np.random.default_rng(seed)
    split = scoring.split_by_prompt(pairs.clusters, test_fraction, rng) if pairs.rows else None
    judgement = _judge(pairs)
    tell(2, 4, _("Choosing and scoring"))
    from_graph = principles_of(snapshot) if snapshot is not None else []
    body, stances = body_and_stances(
        dataset, study, snapshot, pairs, judgement, split, from_graph, parameters, seed, rng
    )
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
                cells=judgement.cells._asdict(),
                calls=_no_calls(),
                created_by=user,
            )
            extraction.evidence_count = _store_evidence(extraction, stances, pairs, from_graph)
            extraction.save(update_fields=["evidence_count"])
            return extraction
    except IntegrityError:  # the same extraction, made by someone else at the same moment
        return Extraction.objects.get(inputs_sha256=inputs_sha256)


def body_of(extraction: Extraction) -> dict[str, Any]:
    """Return an extraction's body as it was hashed."""
    body: dict[str, Any] = json.loads(unchanged(extraction.body, extraction.sha256))
    return body


def estimate(
    dataset: Dataset | None, *, annotators: Sequence[str] = (), group: str = "", judge: str = "features"
) -> dict[str, Any]:
    """Return what an extraction would ask and cost, before it is run. Measured features ask no model, and no more does a
    graph. Raises as `extract`."""
    check_judge(judge)
    decided = len(read_pairs(dataset, annotators, group).rows) if dataset is not None else 0
    return {
        "comparisons": decided,
        "candidates": len(FEATURES),
        "cells": decided * len(FEATURES),
        "calls": _no_calls(),
        "judge": judge,
    }


def must_be_there(
    dataset: Dataset | None, study: Study | None, annotators: Sequence[str] = (), group: str = ""
) -> None:
    """Raise ValidationError that names what an extraction would lack: a published graph, an annotator, or a group that may
    be shown. For whoever asks for one in the background, so that they hear of it at once."""
    if study is not None:
        _published_graph(study)
    if dataset is not None and group:
        group_annotators(dataset, group)
    elif dataset is not None:
        known = set(dataset.annotators.filter(source_id__in=annotators).values_list("source_id", flat=True))
        if missing := [name for name in annotators if name not in known]:
            raise ValidationError({"annotators": _("There is no annotator %s.") % ", ".join(missing)})


def check_judge(judge: str) -> None:
    """Raise Problem for a judge that is not there."""
    if judge == "llm":
        raise Problem(501, "judge-not-built", _("The model judge is not built yet"), _("Use the judge “features”."))
    if judge not in JUDGES:
        raise Problem(400, "unknown-judge", _("There is no judge %r") % judge[:40], _("Choose features."))


def _judge(pairs: Pairs) -> Judgement:
    return measure(pairs.prompts, [c.text_a for c in pairs.rows], [c.text_b for c in pairs.rows])


def _no_calls() -> dict[str, int]:
    return {"requests": 0, "retries": 0, "tokens": 0, "cost": 0}


def _check(dataset: Dataset | None, study: Study | None, test_fraction: float, seed: int, principles: int) -> None:
    if dataset is None and study is None:
        raise ValidationError({"dataset": _("Name a dataset, a study with a published graph, or both.")})
    if not isinstance(test_fraction, float | int) or not 0.1 <= test_fraction <= 0.9:
        raise ValidationError({"test_fraction": _("The held-out fraction lies between 0.1 and 0.9.")})
    check_seed(seed)
    if isinstance(principles, bool) or not isinstance(principles, int) or not 1 <= principles <= 50:
        raise ValidationError({"principles": _("Ask for 1 to 50 principles.")})


def _published_graph(study: Study) -> GraphSnapshot:
    snapshot = GraphSnapshot.objects.published().filter(study=study).order_by("-number").first()
    if snapshot is None:
        raise ValidationError({"study": _("The study %s has no published graph yet.") % study.slug})
    return snapshot


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
        "counts": pairs.counts,
        "parameters": parameters,
        "seed": seed,
    }


def _store_evidence(
    extraction: Extraction, stances: Sequence[Stance], pairs: Pairs, from_graph: Sequence[GraphPrinciple]
) -> int:
    """Store what stands behind the principles, and return how many rows that is."""
    rows = [
        PrincipleEvidence(
            extraction=extraction,
            principle=stance.principle,
            stance="for" if vote > 0 else "against",
            side=answer if vote > 0 else _OTHER[answer],
            comparison=comparison,
        )
        for stance in stances
        for comparison, answer, vote in zip(pairs.rows, pairs.answers, stance.votes, strict=True)
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
    return len(PrincipleEvidence.objects.bulk_create(rows, 1000))
