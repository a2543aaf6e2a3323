"""From comparisons, and from a published moral graph, to tested principles: propose → vote → choose → score.

Principles are chosen on one part of the comparisons and scored on the other; the split goes by prompt. The same inputs and
seed give the same bytes. "Not enough evidence" is an answer.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

import numpy as np
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from constitutions.algorithms import scoring
from constitutions.body import FORMAT, Chosen, Material, Readings, Stance, rules_of, write_body
from constitutions.by_group import Groups, groups_behind
from constitutions.executors import PROMPT as READER
from constitutions.executors import read_decisions
from constitutions.from_graph import GraphPrinciple, principles_of
from constitutions.judges import Cells, measure
from constitutions.material import is_cut, prompt_named, speaks_to_a_judge
from constitutions.model_judge import ModelJudge
from constitutions.models import Extraction, PrincipleEvidence
from constitutions.options import Options, check_cap, check_model, read_options
from constitutions.pairs import Pairs, clusters_of, counts_of, group_annotators, read_pairs
from constitutions.proposing import PROMPT as PROPOSER
from constitutions.spending import PREFIX, counted, no_calls, told_since
from constitutions.voting import PROMPT as VOTER
from constitutions.wording import MOST_COMPARISONS, Checked, check_wording
from core.bulk import insert_rows
from core.canonical import canonical_bytes, sha256_of, unchanged
from core.ledger import llm_for
from core.models import User
from elicitation.models import Comparison, Dataset, Study
from graphs.models import GraphSnapshot
from llm_client import LLM, LLMBudgetReached

MOST_READ = 60  # held-out comparisons that a reading model is scored on
_OTHER = {"a": "b", "b": "a"}

Progress = Callable[[int, int, str], None]


def extract(
    *,
    dataset: Dataset | None = None,
    study: Study | None = None,
    user: User | None = None,
    progress: Progress | None = None,
    llm: LLM | None = None,
    cap: Decimal | None = None,
    repair: Extraction | None = None,
    since: datetime | None = None,
    **options: Any,
) -> Extraction:
    """Return the extraction for these inputs: the one there is, or a new one.

    `dataset` gives principles from comparisons, `study` those of its newest published graph; both may be given. The options are
    those of `read_options`. `llm` is the model that judges, by default the configured one, and `cap` the most that this run may
    cost from now on; `since` is when a run began that may have been stopped since, so that all of it is counted. `repair` is a
    degraded extraction of the same inputs: what stayed without an answer is asked again.

    Raises ValidationError that names the option, LookupError for an unknown annotator, Problem for a judge or a model that is not
    there, LLMBudgetReached at the cap or the budget, and LLMUnavailable where the model cannot be reached: what was answered
    until then is kept, and asking again asks only the rest.
    """
    chosen = read_options(**options)
    check_cap(cap)
    if dataset is None and study is None:
        raise ValidationError({"dataset": _("Name a dataset, a study with a published graph, or both.")})
    tell = progress or (lambda done, total, note: None)
    tell(0, 4, _("Reading"))
    snapshot = _published_graph(study) if study is not None else None
    pairs = read_pairs(dataset, chosen.annotators, chosen.group, left_out(chosen)) if dataset is not None else None
    groups = groups_behind(dataset, chosen.by) if dataset is not None and chosen.by else None
    if repair is not None:
        check_repair(repair, dataset, study, chosen)
    asked = _model(llm, dataset) if chosen.asks_a_model and pairs is not None else None
    counts = _counts(pairs, chosen)
    inputs_sha256 = sha256_of(_inputs(dataset, study, snapshot, pairs, counts, groups, chosen, asked, repair))
    if found := Extraction.objects.filter(inputs_sha256=inputs_sha256).first():
        return found
    material = readings = wordings = None
    found_principles: Chosen | None = None
    calls, cells = no_calls(), Cells(0, 0, 0, 0)
    if pairs is not None and dataset is not None:
        asked, ledger = counted(asked, cap) if asked is not None else (None, None)
        spent = (lambda: ledger.cost) if ledger else None
        told = _Told(tell, spent)
        try:
            material = _judge(dataset, pairs, groups, chosen, asked, told)
        except LLMBudgetReached:
            if cap is not None and ledger is not None and ledger.cost >= cap:
                raise LLMBudgetReached(_("This run has cost as much as it was allowed to.")) from None
            raise
        told("choose", 0, 1)
        found_principles = material.choose(chosen)
        if asked is not None and chosen.reader and found_principles.kept:
            readings = _read(material, found_principles, chosen, asked, told)
        if asked is not None and chosen.wording and found_principles.kept:
            wordings = _check_wording(dataset, material, found_principles, asked, told)
        cells = material.judgement.cells
        if ledger is not None:
            calls = told_since(dataset.scope_key, since) if since else ledger.told()
    from_graph = principles_of(snapshot) if snapshot is not None else []
    body, stances = write_body(
        dataset, study, snapshot, counts, material, found_principles, readings, wordings, from_graph, chosen
    )
    if asked is not None:
        body["judge"] = _told_of(asked)
    tell(3, 4, _("Storing"))
    try:
        with transaction.atomic():
            extraction = Extraction.objects.create(
                dataset=dataset,
                study=study,
                graph_sha256=snapshot.sha256 if snapshot else "",
                parameters=body["parameters"],
                seed=chosen.seed,
                inputs_sha256=inputs_sha256,
                body=canonical_bytes(body).decode(),
                sha256=sha256_of(body),
                cells=cells._asdict(),
                calls=calls,
                repairs=repair,
                created_by=user,
            )
            extraction.evidence_count = _store_evidence(extraction, stances, pairs, from_graph)
            extraction.save(update_fields=["evidence_count"])
            return extraction
    except IntegrityError:  # the same extraction, made by someone else at the same moment
        return Extraction.objects.get(inputs_sha256=inputs_sha256)


STAGES = {
    "measure": _lazy("Counting in the texts"),
    "propose": _lazy("Proposing principles"),
    "vote": _lazy("Voting"),
    "repeat": _lazy("Asking again where it is in doubt"),
    "read": _lazy("Letting a model read the constitution"),
    "choose": _lazy("Choosing and scoring"),
    "wording": _lazy("Trying other wordings"),
}


class _Told:
    """Tells how far a run is: the stage, its part that is done, and what was spent so far."""

    def __init__(self, tell: Progress, spent: Callable[[], Decimal] | None) -> None:
        self.tell, self.spent = tell, spent

    def __call__(self, stage: str, done: int, total: int) -> None:
        name = STAGES.get(stage.rpartition(": ")[2], stage)
        note = f"{name}: {done} of {total}" if total > 1 else str(name)
        if self.spent is not None and (spent := self.spent()):
            note += _("; %s spent so far") % f"{spent:.2f}"
        self.tell(done, max(1, total), note)


def left_out(options: Options) -> Callable[[Comparison], bool]:
    """Return which comparisons are set apart: those that speak to a judge, where a model judges."""
    return speaks_to_a_judge if options.asks_a_model else lambda row: False


def _model(llm: LLM | None, dataset: Dataset | None) -> LLM:
    if llm is None:
        check_model()
        llm = llm_for(dataset, patience=None)
    assert llm is not None
    return llm


def _counts(pairs: Pairs | None, options: Options) -> dict[str, int]:
    if pairs is None:
        return counts_of([], {}, 0)
    return pairs.counts | ({"cut": sum(map(is_cut, pairs.rows))} if options.asks_a_model else {})


def _judge(
    dataset: Dataset, pairs: Pairs, groups: Groups | None, options: Options, llm: LLM | None, tell: _Told
) -> Material:
    """Let the chosen judge vote on the pairs, and on what only a group decides."""
    others = _others(dataset, pairs, groups, options)
    rows = pairs.rows + others
    clusters = clusters_of(rows)
    rng = np.random.default_rng(options.seed)
    both = scoring.split_by_prompt(clusters, options.test_fraction, rng)
    own = scoring.Split(*(part[part < len(pairs.rows)] for part in both))
    if not all(map(len, own)):
        raise ValidationError({"dataset": _("All decided comparisons are of one prompt, so none could be held out.")})
    tell("measure", 0, 1)
    texts = [row.prompt or "" for row in rows], [row.text_a for row in rows], [row.text_b for row in rows]
    judged = None
    with ThreadPoolExecutor(1) as beside:  # a model leaves time to count in
        counting = beside.submit(measure, *texts)
        if llm is not None:
            judge = ModelJudge(
                pairs, others, clusters, own, seed=options.seed, llm=llm, scope_key=dataset.scope_key, tell=tell
            )
            judged = judge.judge(fixed=options.fixed, rounds=options.rounds, rules=rules_of(options))
        measured = counting.result()
    judgement = judged.judgement if judged else measured
    split = own if groups is None else both
    return Material(pairs, rows, clusters, own, split, judgement, measured.differences, judged, groups, rng)


def _others(dataset: Dataset, pairs: Pairs, groups: Groups | None, options: Options) -> list[Comparison]:
    """Return the comparisons that a group decides and everyone together does not."""
    if groups is None:
        return []
    decided = {number for group in groups.shown for number in group.answers} - {row.number for row in pairs.rows}
    is_apart = left_out(options)
    return [row for row in dataset.comparisons.order_by("number") if row.number in decided and not is_apart(row)]


def _read(material: Material, chosen: Chosen, options: Options, llm: LLM, tell: _Told) -> Readings:
    """Let a model decide a sample of the held-out comparisons, by the constitution and without one."""
    rng = np.random.default_rng([options.seed, 2])
    places = np.sort(rng.permutation(material.split.test)[:MOST_READ])
    swapped = rng.permutation(len(places)) < len(places) // 2
    rows = [material.pairs.rows[i] for i in places]
    principles = [material.judgement.candidates[t.candidate].wording(t.sign) for t in chosen.kept]
    by_constitution, by_itself = read_decisions(
        [principles, []],
        rows,
        swapped=swapped,
        purpose=f"{PREFIX}read",
        llm=llm,
        progress=lambda done, total: tell("read", done, total),
    )
    return Readings(places, by_constitution, by_itself)


def _check_wording(dataset: Dataset, material: Material, chosen: Chosen, llm: LLM, tell: _Told) -> dict[int, Checked]:
    """Return how far the votes on kept principles depend on their wording, by the candidate, on some training comparisons."""
    assert material.judged is not None
    columns = [t.candidate for t in chosen.kept]
    found = check_wording(
        [material.judgement.candidates[column].text for column in columns],
        material.judged.answers[:, columns],
        material.rows,
        material.split.train[:MOST_COMPARISONS],
        swapped=material.judged.swapped,
        purpose=f"{PREFIX}wording",
        llm=llm,
        scope_key=dataset.scope_key,
        progress=lambda done, total: tell("wording", done, total),
    )
    return dict(zip(columns, found, strict=True))


def _told_of(llm: LLM) -> dict[str, Any]:
    """Return which model judged, and by which prompts."""
    return {
        "provider": llm.settings.provider,
        "model": llm.settings.model,
        "prompts": {name: prompt_named(name).sha256 for name in (PROPOSER, VOTER, READER)},
    }


def body_of(extraction: Extraction) -> dict[str, Any]:
    """Return an extraction's body as it was hashed."""
    body: dict[str, Any] = json.loads(unchanged(extraction.body, extraction.sha256))
    return body


def same_again(extraction: Extraction) -> dict[str, Any]:
    """Return the inputs of a job that makes the same extraction."""
    told: dict[str, Any] = extraction.parameters | {"seed": extraction.seed}
    told |= {"dataset": str(extraction.dataset_id)} if extraction.dataset_id else {}
    return told | ({"study": str(extraction.study_id)} if extraction.study_id else {})


def must_be_there(dataset: Dataset | None, study: Study | None, options: Mapping[str, Any]) -> None:
    """Raise what `extract` would raise at once: ValidationError that names an option or what is not there, and Problem where
    there is no model. For whoever asks for one in the background, so that they hear of it before."""
    chosen = read_options(**options)
    if chosen.asks_a_model:
        check_model()
    if study is not None:
        _published_graph(study)
    if dataset is None:
        return
    if chosen.by:
        groups_behind(dataset, chosen.by)
    if chosen.group:
        group_annotators(dataset, chosen.group)
    else:
        known = set(dataset.annotators.filter(source_id__in=chosen.annotators).values_list("source_id", flat=True))
        if missing := [name for name in chosen.annotators if name not in known]:
            raise ValidationError({"annotators": _("There is no annotator %s.") % ", ".join(missing)})


def check_repair(repair: Extraction, dataset: Dataset | None, study: Study | None, options: Options) -> None:
    """Raise ValidationError where an extraction is none of these inputs, or lacks no answer."""
    asked_for = (dataset and dataset.id, study and study.id, options.stored(), options.seed)
    if asked_for != (repair.dataset_id, repair.study_id, repair.parameters, repair.seed):
        told = _("That extraction was made of something else, or with other options: repair it with the same ones.")
        raise ValidationError({"repair": told})
    must_lack_answers(repair)


def must_lack_answers(extraction: Extraction) -> None:
    """Raise ValidationError where all that a model was asked was answered: votes, proposals and readings."""
    body = body_of(extraction)
    reader = (body.get("reconstruction") or {}).get("reader")
    unread = reader is not None and reader["n"] < reader["asked"]
    if not (body.get("missing_votes") or body.get("proposals", {}).get("missing") or unread):
        raise ValidationError({"repair": _("Nothing stayed without an answer in that extraction.")})


def _published_graph(study: Study) -> GraphSnapshot:
    snapshot = GraphSnapshot.objects.published().filter(study=study).order_by("-number").first()
    if snapshot is None:
        raise ValidationError({"study": _("The study %s has no published graph yet.") % study.slug})
    return snapshot


def _inputs(
    dataset: Dataset | None,
    study: Study | None,
    snapshot: GraphSnapshot | None,
    pairs: Pairs | None,
    counts: dict[str, int],
    groups: Groups | None,
    options: Options,
    llm: LLM | None,
    repair: Extraction | None,
) -> dict[str, Any]:
    """Return everything that shapes an extraction."""
    rows = zip(pairs.rows, pairs.answers, strict=True) if pairs else ()
    return {
        "format": FORMAT,
        "dataset": str(dataset.id) if dataset else None,
        "study": str(study.id) if study else None,
        "graph": snapshot.sha256 if snapshot else None,
        "pairs": [[c.number, c.prompt, c.context, c.text_a, c.text_b, answer] for c, answer in rows],
        "raters": pairs.raters if pairs else [],
        "counts": counts,
        "parameters": options.stored(),
        "seed": options.seed,
        **({"groups": [[g.name, g.people, sorted(g.answers.items())] for g in groups.shown]} if groups else {}),
        **({"judge": _told_of(llm)} if llm else {}),
        **({"repairs": str(repair.id)} if repair else {}),
    }


def _store_evidence(
    extraction: Extraction, stances: Sequence[Stance], pairs: Pairs | None, from_graph: Sequence[GraphPrinciple]
) -> int:
    """Store what stands behind the principles, and return how many rows that is."""
    return insert_rows(
        PrincipleEvidence,
        ("extraction_id", "principle", "stance", "side", "comparison_id", "value_id", "card_id", "vote_id"),
        chain(_of_comparisons(extraction.id, stances, pairs), _of_graph(extraction.id, from_graph)),
    )


def _of_comparisons(extraction: UUID, stances: Sequence[Stance], pairs: Pairs | None) -> Iterator[tuple[Any, ...]]:
    if pairs is None:
        return
    for stance in stances:
        for comparison, answer, said in zip(pairs.rows, pairs.answers, stance.names(), strict=True):
            side = {"for": answer, "against": _OTHER[answer]}.get(said, "")
            yield extraction, stance.principle, said, side, comparison.id, None, None, None


def _of_graph(extraction: UUID, from_graph: Sequence[GraphPrinciple]) -> Iterator[tuple[Any, ...]]:
    for number, principle in enumerate(from_graph, 1):
        yield extraction, number, "source", "", None, principle.value_id, None, None
        for card in principle.card_ids:
            yield extraction, number, "source", "", None, None, card, None
        for vote, stance in principle.votes:
            yield extraction, number, stance, "", None, None, None, vote
