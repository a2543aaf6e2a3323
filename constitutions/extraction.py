"""From comparisons, and from a published moral graph, to tested principles: propose → vote → choose → score.

Principles are chosen on one part of the comparisons and scored on the other; the split goes by prompt. The same inputs and
seed give the same bytes. "Not enough evidence" is an answer.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from constitutions.algorithms import scoring
from constitutions.algorithms.selection import SelectionRules, Test, Tested, orient, p_values, select
from constitutions.from_graph import GraphPrinciple, principles_of
from constitutions.judges import Judgement, judge_named
from constitutions.models import Extraction, PrincipleEvidence
from core.canonical import canonical_bytes, sha256_of, unchanged
from core.models import User
from core.seeds import check_seed
from elicitation.comparisons import answers_given, majority_of, told_of_people
from elicitation.groups import members
from elicitation.models import Annotation, Comparison, Dataset, Participant, Study
from graphs.models import GraphSnapshot

FORMAT = "folkmoot-extraction/1"
ENOUGH = "enough evidence"
NOT_ENOUGH = "not enough evidence"
FEWEST_COMPARISONS = 4
_OTHER = {"a": "b", "b": "a"}


class Pairs(NamedTuple):
    """The comparisons that have a decided answer, in their order, and how many there are of what kind. `raters` numbers who
    decided each one, where that is one annotator for every comparison; it is empty where several decided together."""

    rows: list[Comparison]
    answers: list[str]
    raters: list[int]
    counts: dict[str, int]

    @property
    def prompts(self) -> list[str]:
        return [row.prompt or "" for row in self.rows]

    @property
    def clusters(self) -> list[str]:
        """What belongs together: comparisons of one prompt, and without prompts those of the same two texts."""
        if len({row.prompt for row in self.rows}) > 1:
            return [row.prompt or _texts(row) for row in self.rows]
        return [_texts(row) for row in self.rows]

    @property
    def split(self) -> str:
        prompts = {row.prompt or "" for row in self.rows}
        if len(prompts) > 1:
            return "by prompt, and by comparison where there is no prompt" if "" in prompts else "by prompt"
        return "by comparison: " + ("there are no prompts" if prompts == {""} else "there is only one prompt")


def _texts(row: Comparison) -> str:
    return "\0".join(sorted((row.text_a, row.text_b)))


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
    pairs = _pairs(dataset, annotators, group) if dataset is not None else Pairs([], [], [], _counts([], {}, 0))
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
            extraction.evidence_count = _store_evidence(extraction, stances, pairs, from_graph)
            extraction.save(update_fields=["evidence_count"])
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


def estimate(
    dataset: Dataset | None, *, annotators: Sequence[str] = (), group: str = "", judge: str = "features"
) -> dict[str, Any]:
    """Return what an extraction would ask and cost, before it is run. Measured features ask no model, and no more does a
    graph. Raises as `extract`."""
    candidates = judge_named(judge).candidates
    decided = len(_pairs(dataset, annotators, group).rows) if dataset is not None else 0
    return {
        "comparisons": decided,
        "candidates": len(candidates),
        "cells": decided * len(candidates),
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
        _group_annotators(dataset, group)
    elif dataset is not None:
        known = set(dataset.annotators.filter(source_id__in=annotators).values_list("source_id", flat=True))
        if missing := [name for name in annotators if name not in known]:
            raise ValidationError({"annotators": _("There is no annotator %s.") % ", ".join(missing)})


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


def _pairs(dataset: Dataset, annotators: Sequence[str], group: str) -> Pairs:
    given = answers_given(dataset, _annotators_behind(dataset, annotators, group))
    answers = majority_of(given)
    rows = list(dataset.comparisons.order_by("number"))
    annotations = annotations_until(dataset)
    decided = [row for row in rows if answers.get(row.number) in ("a", "b")]
    raters = [name for row in decided for name in {a.annotator for a in given[row.number]}]
    found = Pairs(
        decided,
        [answers[row.number] for row in decided],
        _numbered(raters) if len(raters) == len(decided) else [],
        _counts(rows, {row.number: answers.get(row.number, "") for row in rows if row.number in given}, annotations),
    )
    if len(decided) < FEWEST_COMPARISONS:
        told = _(
            "Only %(decided)d comparisons have a decided answer (%(ties)d ties, %(both_bad)d where both are bad, "
            "%(without_majority)d without a majority, %(unanswered)d without an answer); that is too few."
        )
        raise ValidationError({"dataset": told % found.counts})
    return found


def _counts(rows: Sequence[Comparison], answers: Mapping[int, str], annotations: int) -> dict[str, int]:
    """Return how many comparisons there are of what kind. `answers` are those of the comparisons that anyone answered, and
    empty where there is no majority. The first five kinds add up to all; of the others a comparison may be any."""
    kinds = Counter(answers.values())
    texts = {(row.prompt, row.text_a, row.text_b) for row in rows}
    return {
        "decided": kinds["a"] + kinds["b"],
        "ties": kinds["tie"],
        "both_bad": kinds["both_bad"],
        "without_majority": kinds[""],
        "unanswered": len(rows) - len(answers),
        "with_empty_text": sum(not row.text_a.strip() or not row.text_b.strip() for row in rows),
        "repeated": len(rows) - len(texts),
        "annotations": annotations,
    }


def answers_behind(extraction: Extraction) -> dict[int, str]:
    """Return the answers that an extraction from comparisons explains, as they are now, by the comparison's number; those
    that one to four people gave are left out (`told_of_people`)."""
    dataset, group, named = extraction.dataset, extraction.parameters["group"], extraction.parameters["annotators"]
    if dataset is None:
        return {}
    try:
        whose = (
            _group_annotators(dataset, group)
            if group
            else [*dataset.annotators.filter(source_id__in=named).values_list("source_id", flat=True)]
        )
    except ValidationError:  # so many have left the group that it is no longer shown
        return {}
    if named and not whose:
        return {}
    return majority_of(told_of_people(dataset, answers_given(dataset, whose)))


def _annotators_behind(dataset: Dataset, annotators: Sequence[str], group: str) -> Sequence[str]:
    return _group_annotators(dataset, group) if group else annotators


def _group_annotators(dataset: Dataset, group: str) -> list[str]:
    """Return the annotators of a group "key=value" of the study's people. Raises ValidationError under five people."""
    inside = members(Participant.objects.filter(annotators__dataset=dataset, withdrawn_at=None).distinct(), group)
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
        "counts": pairs.counts,
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
        clusters = pairs.clusters
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
        "cells": judgement.cells._asdict(),
        "calls": _no_calls(),
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
        "text": f"Prefer the answer that {_wording(judgement, tested)}.",
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
    candidate = judgement.candidates[tested.candidate]
    return candidate.more if tested.sign > 0 else candidate.less


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
