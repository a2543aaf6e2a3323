"""What people say and what they choose: how often reasons state a principle, beside its weight in the choices."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from pydantic import Field

from constitutions.algorithms.ballots import MISSING
from constitutions.algorithms.features import FEATURES
from constitutions.algorithms.scoring import FEWEST_CLUSTERS
from constitutions.algorithms.selection import orient
from constitutions.asking import told_of
from constitutions.extraction import body_of, left_out
from constitutions.judges import Candidate, measure, read_back
from constitutions.model_judge import BY_HAND, is_turned
from constitutions.models import Extraction
from constitutions.options import Options, read_options
from constitutions.pairs import Pairs, annotators_behind, clusters_of, read_pairs
from constitutions.voting import stored_votes, vote
from core.algorithms.uncertainty import jeffreys
from elicitation.comparisons import answers_given
from elicitation.groups import SMALLEST_CELL
from elicitation.models import Annotation, Annotator, Consent, Dataset, Participant
from llm_client import LLM, LLMSettings
from reports.algorithms.stated_revealed import (
    SAID_FROM,
    Weight,
    correlation,
    is_said,
    shares_words,
    verdict,
    weights,
    words_of,
)
from reports.parameters import Seeded
from reports.reading import READS, Reason, prompt_named, read_reasons
from reports.registry import report

MOST_READ = 500  # reasons
MOST_MISSING = 0.1  # of a principle's votes, over which it gets no weight
FEW = "fewer than 5 people"
VOTED = "report: vote"


class Parameters(Seeded):
    """Of which extraction of the dataset (its id); without one the newest, and where there is none the measured features."""

    extraction: str = Field(default="", max_length=36)


class Principles(NamedTuple):
    """What is looked for: every candidate, whether the extraction kept it, and how each one votes on the pairs (1 text a, −1
    text b, 0 neither) and where no vote is known, both of shape (pairs, candidates). `asks` is whether the model that
    voted is here to be asked for what is missing, None where votes are measured."""

    candidates: list[Candidate]
    kept: list[bool]
    votes: np.ndarray
    missing: np.ndarray
    asks: bool | None


class Said(NamedTuple):
    """What the reasons say: `states` and `opposes`, of shape (reasons, candidates), and who gave each. `opposes` is None where
    words are looked for, which do not tell a principle from its opposite."""

    states: np.ndarray
    opposes: np.ndarray | None
    who: list[str]
    missing: int


@report(
    "stated_revealed",
    title="What people say and what they choose",
    about="dataset",
    parameters=Parameters,
    asks_a_model=True,
)
def stated_revealed(dataset: Dataset, parameters: Parameters, *, llm: LLM | None) -> dict[str, Any]:
    """Return each principle's share of the reasons beside its weight in the choices, and what the two come to.

    Raises ValidationError for too few comparisons or people, LookupError for an extraction that is not there; where a model
    reads, LLMBudgetReached and LLMUnavailable.
    """
    extraction = _extraction(dataset, parameters.extraction)
    body = body_of(extraction) if extraction else {}
    chosen = read_options(**extraction.parameters) if extraction else read_options()
    pairs = read_pairs(dataset, chosen.annotators, chosen.group, left_out(chosen))
    whose = _whose(dataset, chosen)
    rng = np.random.default_rng(parameters.seed)
    principles = (
        _voted(dataset, pairs, body, llm) if body.get("judge") and chosen.asks_a_model else _measured(pairs, body)
    )
    clusters, drawn = _clusters(pairs)
    is_known = principles.missing.mean(axis=0) <= MOST_MISSING
    by_choice = orient(principles.votes, pairs.answers)
    found = weights(np.where(is_known, by_choice, 0), clusters, rng)
    reasons = _reasons(dataset, whose, llm)
    given = len(reasons.sent)
    read = [reasons.sent[i] for i in np.sort(rng.permutation(given)[:MOST_READ])]
    said = _said(read, principles.candidates, llm)
    is_private = dataset.study is not None and not dataset.study.is_simulated
    rows = [_row(place, principles, found[place], said, is_private) for place in range(len(principles.kept))]
    shown = [row for row in rows if row["stated"]["share"] is not None and row["weight"]["value"] is not None]
    r = correlation([row["stated"]["share"] for row in shown], [row["weight"]["value"] for row in shown])
    spoken = said.states if said.opposes is None else said.states | said.opposes
    silent = np.asarray(~spoken.any(axis=1))
    return {
        "is_simulated": bool(dataset.study and dataset.study.is_simulated),
        "extraction": extraction.sha256 if extraction else None,
        "judge": body.get("judge") if principles.asks is not None else None,
        "reader": told_of(llm, prompt_named(READS)) if llm else None,
        "said_from": SAID_FROM,
        "choices": {
            "comparisons": len(pairs.rows),
            "drawn": drawn,
            "clusters": len(set(clusters)),
            "missing_votes": int(principles.missing.sum()),
            "asks_the_model": principles.asks,
        },
        "reasons": {
            "given": given + reasons.not_sent,
            "not_sent": reasons.not_sent,
            "not_sampled": given - len(read),
            "missing": said.missing,
            "read": len(said.who),
            "states_none": _share(silent, said.who, is_private),
        },
        "principles": sorted(rows, key=_order),
        "correlation": {"r": r.r, "n": r.n, "ci": list(r.ci) if r.ci else None},
    }


def _extraction(dataset: Dataset, wanted: str) -> Extraction | None:
    """Return the extraction that is asked for, or the newest. Raises LookupError where it is not of this dataset."""
    if not wanted:
        return dataset.extractions.order_by("-created_at", "id").first()
    try:
        return dataset.extractions.get(id=UUID(wanted))
    except (ValueError, Extraction.DoesNotExist):
        raise LookupError(_("There is no extraction %s of this dataset.") % wanted) from None


def _whose(dataset: Dataset, options: Options) -> set[str]:
    """Return the annotators whose choices are explained. Raises ValidationError for one to four people of a study."""
    given = answers_given(dataset, annotators_behind(dataset, options.annotators, options.group))
    whose = {answer.annotator for answers in given.values() for answer in answers}
    if dataset.study is not None and not dataset.study.is_simulated:
        people = dataset.annotators.filter(source_id__in=whose).exclude(participant=None).count()
        if 0 < people < SMALLEST_CELL:
            told = _("Fewer than %d people have chosen; what so few say and choose is not shown.")
            raise ValidationError({"dataset": told % SMALLEST_CELL})
    return whose


def _clusters(pairs: Pairs) -> tuple[Sequence[object], str]:
    """Return what belongs together: the raters where enough are known, else the prompts."""
    if len(set(pairs.raters)) >= FEWEST_CLUSTERS:
        return pairs.raters, "raters"
    return clusters_of(pairs.rows), "prompts"


def _measured(pairs: Pairs, body: dict[str, Any]) -> Principles:
    rows = pairs.rows
    judged = measure([row.prompt or "" for row in rows], [row.text_a for row in rows], [row.text_b for row in rows])
    kept = {principle["name"].removeprefix("less ") for principle in body.get("principles", ()) if "for" in principle}
    return Principles(
        judged.candidates, [f.name in kept for f in FEATURES], np.sign(judged.differences), judged.missing, None
    )


def _voted(dataset: Dataset, pairs: Pairs, body: dict[str, Any], llm: LLM | None) -> Principles:
    """Return how the model voted that made the extraction: its stored first votes, and new ones where it is here to be asked."""
    told = [(row, is_kept) for part, is_kept in (("principles", True), ("dropped", False)) for row in body[part]]
    tested = [(row, is_kept) for row, is_kept in told if "for" in row]
    candidates = [read_back(row["text"], row["source"], row["source"] == BY_HAND) for row, _is_kept in tested]
    texts = [candidate.text for candidate in candidates]
    cells = [(place, column) for place in range(len(pairs.rows)) for column in range(len(texts))]
    swapped = np.array([is_turned(row) for row in pairs.rows])
    judge = body["judge"]
    asks = llm is not None and (llm.settings.provider, llm.settings.model) == (judge["provider"], judge["model"])
    if llm is not None and asks:
        found = vote(
            pairs.rows,
            texts,
            cells,
            swapped=swapped,
            repeat=0,
            purpose=VOTED,
            llm=llm,
            scope_key=dataset.scope_key,
        )
    else:
        settings = LLMSettings(model=judge["model"], provider=judge["provider"], base_url="http://nobody.invalid")
        found = stored_votes(settings, pairs.rows, texts, cells, swapped=swapped, repeat=0)
    votes = np.where(np.abs(found.answers) == 1, found.answers, 0)
    return Principles(candidates, [is_kept for _row, is_kept in tested], votes, found.answers == MISSING, asks)


class _Reasons(NamedTuple):
    """The reasons that may be read, and how many may not: their people did not agree that a model reads their words."""

    sent: list[Reason]
    not_sent: int


def _reasons(dataset: Dataset, whose: set[str], llm: LLM | None) -> _Reasons:
    """Return the current reasons for a choice that human annotators gave. Where a model is to read them, only those of people who
    agreed to that."""
    rows = (
        Annotation.objects.current()
        .filter(
            annotator__dataset=dataset,
            annotator__source_id__in=whose,
            annotator__kind__in=(Annotator.Kind.HUMAN, Annotator.Kind.UNKNOWN),
            answer__in=(Annotation.Answer.A, Annotation.Answer.B),
        )
        .exclude(reason="")
        .order_by("id")
        .values_list("annotator__source_id", "annotator__participant", "reason")
    )
    agreed = dict(
        Consent.objects.filter(participant__annotators__dataset=dataset)
        .order_by("id")
        .values_list("participant", "uses_model")
    )
    found = [
        (person, Reason(who, Participant(id=person).subject if person else None, text.strip()))
        for who, person, text in rows
        if text.strip()
    ]
    may = [reason for person, reason in found if llm is None or person is None or agreed.get(person, False)]
    return _Reasons(may, len(found) - len(may))


def _said(reasons: Sequence[Reason], candidates: Sequence[Candidate], llm: LLM | None) -> Said:
    if llm is not None and reasons and candidates:
        read = read_reasons(reasons, [candidate.text for candidate in candidates], llm=llm)
        answered = ~read.missing
        who = [reason.who for reason, is_there in zip(reasons, answered, strict=True) if is_there]
        return Said(read.states[answered], read.opposes[answered], who, int(read.missing.sum()))
    words = [words_of(candidate.more or candidate.text) for candidate in candidates]
    shared = [[shares_words(reason.text, looked_for) for looked_for in words] for reason in reasons]
    states = np.array(shared, dtype=bool).reshape(len(reasons), len(candidates))
    return Said(states, None, [reason.who for reason in reasons], 0)


def _row(place: int, principles: Principles, weight: Weight, said: Said, is_private: bool) -> dict[str, Any]:
    """Return what is told of a principle: in the direction that choices reward, or else in the one that is said more often."""
    candidate = principles.candidates[place]
    states = said.states[:, place]
    opposes = None if said.opposes is None else said.opposes[:, place]
    is_turned_round = weight.value is not None and weight.value < 0 if weight.is_rewarded else False
    if not weight.is_rewarded and opposes is not None:
        is_turned_round = bool(opposes.sum() > states.sum())
    sign = -1 if is_turned_round else 1
    if opposes is not None and sign < 0:
        states, opposes = opposes, states
    low, high = weight.low, weight.high
    if low is not None and high is not None and sign < 0:
        low, high = -high, -low
    stated = _share(states, said.who, is_private)
    interval = tuple(stated["ci"]) if stated["ci"] else None
    return {
        "text": candidate.wording(sign),
        "source": candidate.source,
        "kept": principles.kept[place],
        "words": words_of(candidate.more or candidate.text) if said.opposes is None else None,
        "stated": stated,
        "opposed": None if opposes is None else _share(opposes, said.who, is_private),
        "weight": {
            "value": None if weight.value is None else sign * weight.value + 0.0,
            "ci": None if low is None else [low, high],
            "q": weight.q,
        },
        "verdict": verdict(is_said(interval), weight.is_rewarded),
    }


def _share(hits: np.ndarray, who: Sequence[str], is_private: bool) -> dict[str, Any]:
    """Return how many reasons do, with Jeffreys' interval; withheld where one to four people of a study gave those that do, or
    those that do not."""
    nothing = {"n": None, "of": len(hits), "share": None, "ci": None}
    if not len(hits):
        return nothing | {"withheld": None}
    sides = [{name for name, hit in zip(who, hits, strict=True) if bool(hit) is side} for side in (True, False)]
    if is_private and any(0 < len(people) < SMALLEST_CELL for people in sides):
        return nothing | {"withheld": FEW}
    n = int(hits.sum())
    return {
        "n": n,
        "of": len(hits),
        "share": n / len(hits),
        "ci": list(jeffreys(n, len(hits))),
        "withheld": None,
    }


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Sort by verdict, what is said and not rewarded first, and then by weight."""
    verdicts = ("said, not rewarded", "rewarded, not said", "said and rewarded", "neither")
    place = verdicts.index(row["verdict"]) if row["verdict"] in verdicts else len(verdicts)
    return place, -abs(row["weight"]["value"] or 0), json.dumps(row["text"])
