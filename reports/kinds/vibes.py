"""What sets two groups' chosen texts, or two models' texts, apart; and whether people prefer it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from pydantic import Field

from constitutions.algorithms.scoring import Split, ends, number, split_by_prompt
from constitutions.asking import told_of
from constitutions.by_group import BY_ANNOTATOR, groups_behind
from constitutions.judges import Candidate, Cells, measure
from constitutions.material import speaks_to_a_judge
from constitutions.pairs import clusters_of
from elicitation.comparisons import answers_given, answers_of
from elicitation.groups import SMALLEST_CELL, groups_of, questions_of
from elicitation.models import Dataset
from llm_client import LLM
from reports.algorithms.agreement import Agreement, cohen_kappa
from reports.algorithms.vibes import MIN_KAPPA, Foretold, TestedAxis, always_one, choose_axes, foretell
from reports.axes import (
    MOST_AXES,
    MOST_PROPOSED_FROM,
    PROPOSES,
    JudgedAxes,
    SidedPair,
    judge_axes,
    propose_axes,
)
from reports.parameters import Seeded
from reports.reading import prompt_named
from reports.registry import report

FEWEST_PAIRS = 20
TEST_FRACTION = 0.5


class Parameters(Seeded):
    """Whose texts: those that two groups "KEY=VALUE" of one key chose, or those that two models wrote; with neither, the two
    models that met most often, or else the first and last group of the study's first question. The judge "llm" proposes and
    scores axes on at most `pairs` pairs, in one round or two; "features" measures all pairs."""

    groups: list[str] = Field(default_factory=list, max_length=2)
    models: list[str] = Field(default_factory=list, max_length=2)
    judge: Literal["features", "llm"] = "features"
    rounds: int = Field(default=1, ge=1, le=2)
    pairs: int = Field(default=200, ge=FEWEST_PAIRS, le=2000)


class Sides(NamedTuple):
    """Two sides and their pairs of texts. `compared` is how many comparisons both sides have a part in; of groups only those
    in which they chose differently make a pair."""

    by: str
    names: list[str]
    pairs: list[SidedPair]
    compared: int


class Scored(NamedTuple):
    """The axes, their scores on the pairs (above 0: text a has more), what a regression reads, and κ of two judgings, None
    where axes are measured."""

    axes: list[Candidate]
    scores: np.ndarray
    columns: np.ndarray
    kappas: list[Agreement] | None


@report("vibes", title="What sets two sides’ texts apart", about="dataset", parameters=Parameters, asks_a_model=True)
def vibes(dataset: Dataset, parameters: Parameters, *, llm: LLM | None) -> dict[str, Any]:
    """Return the axes that hold, what they tell of the sides and of preference on held-out pairs, and what was left out.

    Raises ValidationError for sides that are not there, that may not be told of or have too few pairs, and where no model is
    there to judge; with the judge "llm" also LLMBudgetReached and LLMUnavailable.
    """
    asked = _model(parameters, llm)
    sides = _sides(dataset, parameters)
    rng = np.random.default_rng(parameters.seed)
    pairs = [pair for pair in sides.pairs if asked is None or not speaks_to_a_judge(pair.row)]
    set_apart = len(sides.pairs) - len(pairs)
    if asked is not None:
        pairs = [pairs[i] for i in np.sort(rng.permutation(len(pairs))[: parameters.pairs])]
    clusters = clusters_of([pair.row for pair in pairs])
    if len(pairs) < FEWEST_PAIRS or len(set(clusters)) < 2:
        told = _("Only %(n)d pairs of texts of %(first)s and %(second)s answer the same prompt; %(least)d are needed.")
        names = {"first": sides.names[0], "second": sides.names[1]}
        raise ValidationError({"dataset": told % {"n": len(pairs), "least": FEWEST_PAIRS, **names}})
    split = split_by_prompt(clusters, TEST_FRACTION, rng)
    one = np.array([1 if pair.one == "a" else -1 for pair in pairs])
    preferred = np.array([{"a": 1, "b": -1}.get(pair.preferred, 0) for pair in pairs])
    run = _Run(pairs, one, preferred, split, clusters, parameters.seed)
    told_of_model: dict[str, Any] = {}
    if asked is None:
        scored = _measured(pairs)
        tested = run.tested(scored)
    else:
        scored, tested, told_of_model = _judged(run, asked, dataset.scope_key, parameters.rounds)
    kept = [t.axis for t in tested if not t.reason]
    identity, _right = run.foretold(scored, tested, one)
    preference, _right = run.foretold(scored, tested, preferred)
    base = always_one(one, preferred, split, clusters, rng)
    return {
        "is_simulated": bool(dataset.study and dataset.study.is_simulated),
        "by": sides.by,
        "sides": sides.names,
        "judge": told_of_model.pop("judge", None),
        "counts": {
            "compared": sides.compared,
            "all": len(sides.pairs),
            "set_apart": set_apart,
            "used": len(pairs),
            "prompts": len(set(clusters)),
            "trained_on": len(split.train),
            "held_out": len(split.test),
        },
        "axes": [_axis(t, scored) for t in tested if not t.reason],
        "dropped": [_axis(t, scored) for t in tested if t.reason],
        "identity": _accuracy(identity, bool(kept)),
        "preference": _accuracy(preference, bool(kept))
        | {"always_one": {"accuracy": number(base.value), "ci": ends(base), "n": base.n}},
        **told_of_model,
    }


def _model(parameters: Parameters, llm: LLM | None) -> LLM | None:
    """Return the model that judges, or None where texts are measured. Raises ValidationError where there is none to ask."""
    if parameters.judge == "features":
        return None
    if llm is None:
        raise ValidationError({"judge": _("There is no language model here to judge with. Choose “features”.")})
    return llm


class _Run:
    """The pairs of one report and what is known of them; each question draws from a stream of its own."""

    def __init__(
        self,
        pairs: Sequence[SidedPair],
        one: np.ndarray,
        preferred: np.ndarray,
        split: Split,
        clusters: Sequence[str],
        seed: int,
    ) -> None:
        self.pairs, self.one, self.preferred = pairs, one, preferred
        self.split, self.clusters, self.seed = split, clusters, seed

    def tested(self, scored: Scored) -> list[TestedAxis]:
        kappas = None if scored.kappas is None else [kappa.value for kappa in scored.kappas]
        rng = np.random.default_rng([self.seed, 1])
        return choose_axes(scored.scores, self.one, self.preferred, self.split, self.clusters, rng, kappas)

    def foretold(self, scored: Scored, tested: Sequence[TestedAxis], side: np.ndarray) -> tuple[Foretold, np.ndarray]:
        kept = [t.axis for t in tested if not t.reason]
        rng = np.random.default_rng([self.seed, 2])
        return foretell(scored.columns[:, kept], side, self.split, self.clusters, rng)


def _measured(pairs: Sequence[SidedPair]) -> Scored:
    rows = [pair.row for pair in pairs]
    judged = measure([row.prompt or "" for row in rows], [row.text_a for row in rows], [row.text_b for row in rows])
    return Scored(judged.candidates, np.sign(judged.differences), judged.differences, None)


def _judged(run: _Run, llm: LLM, scope_key: str, rounds: int) -> tuple[Scored, list[TestedAxis], dict[str, Any]]:
    """Let the model propose from training pairs and judge all; a second round reads those whose sides the first tells wrong."""
    rng = np.random.default_rng([run.seed, 3])
    rows = [pair.row for pair in run.pairs]
    axes: list[Candidate] = []
    proposals = Counter[str]()
    cells = Cells(0, 0, 0, 0)
    scored = Scored([], np.zeros((len(rows), 0)), np.zeros((len(rows), 0)), [])
    tested: list[TestedAxis] = []
    places = run.split.train
    for round_number in range(1, rounds + 1):
        if round_number > 1:
            _told, right = run.foretold(scored, tested, run.one)
            places = run.split.train[right < 1]
        sample = np.sort(rng.permutation(places)[:MOST_PROPOSED_FROM])
        found = propose_axes(
            [run.pairs[i] for i in sample],
            axes,
            round=round_number,
            most=MOST_AXES - sum(not t.reason for t in tested),
            llm=llm,
        )
        proposals.update(calls=found.calls, missing=found.missing, phrases=found.phrases, refused=found.refused)
        if not found.axes:
            break
        axes = axes + found.axes
        judged = judge_axes(rows, axes, llm=llm, scope_key=scope_key)
        cells = judged.cells
        scored = _scored(axes, judged, run.seed)
        tested = run.tested(scored)
    told = {
        "judge": told_of(llm, prompt_named(PROPOSES)),
        "proposals": {name: proposals[name] for name in ("calls", "missing", "phrases", "refused")},
        "missing_votes": cells.missing,
        "min_kappa": MIN_KAPPA,
    }
    return scored, tested, told


def _scored(axes: list[Candidate], judged: JudgedAxes, seed: int) -> Scored:
    """Return the mean of both judgings, and κ of them where both were answered."""
    scores = (judged.first + judged.second) / 2
    kappas = [
        cohen_kappa(
            [
                {"first": str(int(one)), "second": str(int(other))}
                for one, other, missing in zip(
                    judged.first[:, axis], judged.second[:, axis], judged.missing[:, axis], strict=True
                )
                if not missing
            ],
            "first",
            "second",
            rng=np.random.default_rng([seed, 4, axis]),
        )
        for axis in range(len(axes))
    ]
    return Scored(axes, scores, scores, kappas)


def _sides(dataset: Dataset, parameters: Parameters) -> Sides:
    if parameters.groups and parameters.models:
        raise ValidationError({"groups": _("Name two groups or two models, not both.")})
    for option, names in (("groups", parameters.groups), ("models", parameters.models)):
        if names and len(set(names)) != 2:
            raise ValidationError({option: _("Name two different ones.")})
    if parameters.groups:
        return _groups(dataset, parameters.groups)
    met = Counter(
        tuple(sorted(models))
        for models in dataset.comparisons.values_list("model_a", "model_b")
        if all(models) and models[0] != models[1]
    )
    if parameters.models:
        first, second = parameters.models
        return _models(dataset, first, second, known=sorted({name for models in met for name in models}))
    if met:
        first, second = min(met, key=lambda models: (-met[models], models))
        return _models(dataset, first, second)
    questions = questions_of(dataset.study) if dataset.study else {}
    key = next((key for key, names in questions.items() if len(names) > 1), "")
    if not key:
        told = _("This dataset names no models and its people told nothing about themselves: there are no two sides.")
        raise ValidationError({"dataset": told})
    shown = [group.name for group in groups_behind(dataset, key).shown]
    return _groups(dataset, [f"{key}={shown[0]}", f"{key}={shown[-1]}"])


def _models(dataset: Dataset, first: str, second: str, known: Sequence[str] = ()) -> Sides:
    """Return what two models wrote to the same prompts. Raises ValidationError where they never meet."""
    answers = answers_of(dataset)
    pairs = [
        SidedPair(row, "a" if row.model_a == first else "b", answers.get(row.number, ""))
        for row in dataset.comparisons.order_by("number")
        if {row.model_a, row.model_b} == {first, second}
    ]
    if not pairs and known:
        told = _("No comparison is of %(first)s and %(second)s. The models here are: %(known)s.")
        raise ValidationError({"models": told % {"first": first, "second": second, "known": ", ".join(known)}})
    return Sides("models", [first, second], pairs, len(pairs))


def _groups(dataset: Dataset, wanted: Sequence[str]) -> Sides:
    """Return the texts that two groups chose where both decided the same comparison and chose differently. Raises
    ValidationError for groups that are not there or are of fewer than five people, also of those who answered here."""
    split = [group.partition("=") for group in wanted]
    key, names = split[0][0], [name for _key, _sign, name in split]
    if any(its_key != key or not name for its_key, _sign, name in split):
        raise ValidationError({"groups": _("Write both as KEY=VALUE, of one key.")})
    found = {group.name: group for group in groups_behind(dataset, key).shown}
    if missing := [name for name in names if name not in found]:
        told = _("There is no group %(name)s that can be told of. Those of %(key)s that can are: %(known)s.")
        what = {"name": missing[0], "key": key, "known": ", ".join(found) or _("none")}
        raise ValidationError({"groups": told % what})
    first, second = (found[name].answers for name in names)
    answers = answers_of(dataset)
    both = [row for row in dataset.comparisons.order_by("number") if row.number in first and row.number in second]
    pairs = [
        SidedPair(row, first[row.number], answers.get(row.number, ""))
        for row in both
        if first[row.number] != second[row.number]
    ]
    _must_be_people_enough(dataset, key, names, [pair.row.number for pair in pairs])
    return Sides("groups", [f"{key}: {name}" for name in names], pairs, len(both))


def _must_be_people_enough(dataset: Dataset, key: str, names: Sequence[str], numbers: Sequence[int]) -> None:
    """Raise ValidationError where one to four people of a group answered the comparisons that are told of."""
    if key == BY_ANNOTATOR or dataset.study is None or dataset.study.is_simulated:
        return
    group_of = groups_of(dataset.study, key, "groups").group_of
    people = dict(dataset.annotators.exclude(participant=None).values_list("source_id", "participant__number"))
    given = answers_given(dataset)
    for name in names:
        who = {answer.annotator for one in numbers for answer in given[one] if answer.annotator in people}
        if 0 < sum(group_of.get(people[annotator]) == name for annotator in who) < SMALLEST_CELL:
            told = _("Fewer than %(least)d people of %(name)s answered where the groups chose differently.")
            raise ValidationError({"groups": told % {"least": SMALLEST_CELL, "name": name}})


def _axis(tested: TestedAxis, scored: Scored) -> dict[str, Any]:
    axis, kappa = scored.axes[tested.axis], None
    if scored.kappas is not None:
        found = scored.kappas[tested.axis]
        kappa = {"value": found.value, "ci": list(found.ci) if found.ci else None, "n": found.n}
    return {
        "text": axis.more,
        "source": axis.source,
        "merged": list(axis.merged),
        "round": axis.round,
        "kappa": kappa,
        "chosen_on": number(tested.chosen_on.value),
        "q": tested.q,
        "difference": {"value": number(tested.difference.value), "ci": ends(tested.difference)},
        "preferred": {
            "value": number(tested.preferred.value),
            "ci": ends(tested.preferred),
            "n": tested.preferred.n,
            "verdict": _preferred(ends(tested.preferred)),
        },
        "reason": tested.reason,
        "same_as": None if tested.twin is None else scored.axes[tested.twin].more,
    }


def _preferred(interval: list[float] | None) -> str:
    """Return whether people prefer more of an axis, less, or neither can be said."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "open"
    return "more" if interval[0] > 0 else "less"


def _accuracy(foretold: Foretold, has_axes: bool) -> dict[str, Any]:
    share = foretold.share
    return {
        "n": share.n,
        "trained_on": foretold.trained_on,
        "accuracy": number(share.value) if has_axes else None,
        "ci": ends(share) if has_axes else None,
        "chance": 0.5,
    }
