"""What an extraction tells, as it is hashed: its principles, what was dropped and why, and how well they decide what they were
not chosen on. No clock time, no database key, and nothing of what asking cost."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from constitutions.algorithms import scoring
from constitutions.algorithms.merging import ALIKE_FROM, similarity
from constitutions.algorithms.scoring import ends, number
from constitutions.algorithms.selection import SelectionRules, Test, Tested, orient, test_and_select
from constitutions.by_group import Groups, for_each, told_counts
from constitutions.executors import Read
from constitutions.from_graph import GraphPrinciple
from constitutions.judges import Judgement, phrase_of
from constitutions.model_judge import MOST_MISSING, Judged
from constitutions.options import Options
from constitutions.pairs import Pairs
from constitutions.wording import Checked
from elicitation.models import Comparison, Dataset, Study
from graphs.models import GraphSnapshot

FORMAT = "folkmoot-extraction/2"
ENOUGH = "enough evidence"
NOT_ENOUGH = "not enough evidence"
UNUSABLE = "the model answers by place: its votes say nothing"


class Stance(NamedTuple):
    """How a principle, by its number, speaks on the comparisons: 1 for the preferred text, −1 against it, 0 for neither; `both`
    and `missing` tell apart what is 0."""

    principle: int
    votes: np.ndarray
    both: np.ndarray
    missing: np.ndarray

    def names(self) -> list[str]:
        """Return for each comparison: for, against, irrelevant, both or missing."""
        said = np.select(
            [self.missing, self.both, self.votes > 0, self.votes < 0],
            ["missing", "both", "for", "against"],
            "irrelevant",
        )
        return [str(name) for name in said]


class Chosen(NamedTuple):
    """What was chosen on the training part: every candidate tested, and `votes` oriented by people's answers."""

    tested: list[Tested]
    votes: np.ndarray
    test: Test

    @property
    def kept(self) -> list[Tested]:
        return [t for t in self.tested if not t.reason]


class Readings(NamedTuple):
    """What a model decides of some held-out comparisons, by their places: by the constitution, and without any."""

    places: np.ndarray
    constitution: Read
    nothing: Read

    @property
    def missing(self) -> int:
        """How many comparisons stayed without an answer, by the constitution or without any."""
        return int((self.constitution.missing | self.nothing.missing).sum())

    @property
    def is_degraded(self) -> bool:
        return self.missing > MOST_MISSING * len(self.places)


class Material(NamedTuple):
    """Everything from comparisons that an extraction tells of. `rows` are the pairs' comparisons, then those that only a group
    decides; the judgement, `measured` (the differences of measured features) and the clusters are of them, in that order. `split`
    is of the pairs, `whole_split` of all rows."""

    pairs: Pairs
    rows: list[Comparison]
    clusters: list[str]
    split: scoring.Split
    whole_split: scoring.Split
    judgement: Judgement
    measured: np.ndarray
    judged: Judged | None
    groups: Groups | None
    rng: np.random.Generator

    @property
    def raters(self) -> list[int]:
        return self.pairs.raters

    def choose(self, options: Options) -> Chosen:
        """Choose principles on the training part."""
        train = self.split.train
        votes = orient(self.judgement.differences[: len(self.pairs.rows)], self.pairs.answers)
        raters = [self.raters[i] for i in train] if self.raters else []
        both, missing = self.judgement.both[train], self.judgement.missing[train]
        tested, test = test_and_select(votes[train], raters, rules_of(options), self.rng, both=both, missing=missing)
        return Chosen(tested, votes, test)

    def clusters_at(self, places: np.ndarray) -> list[str]:
        return [self.clusters[i] for i in places]

    def raters_at(self, places: np.ndarray) -> list[int]:
        return [self.raters[i] for i in places] if self.raters else []

    def share(self, hits: np.ndarray, places: np.ndarray) -> scoring.Share:
        return scoring.share_by_cluster(hits, self.clusters_at(places), self.rng, self.raters_at(places))


def rules_of(options: Options) -> SelectionRules:
    return SelectionRules(most=options.principles)


def write_body(
    dataset: Dataset | None,
    study: Study | None,
    snapshot: GraphSnapshot | None,
    counts: dict[str, int],
    material: Material | None,
    chosen: Chosen | None,
    readings: Readings | None,
    wordings: Mapping[int, Checked] | None,
    from_graph: list[GraphPrinciple],
    options: Options,
) -> tuple[dict[str, Any], list[Stance]]:
    """Return the body, and how its principles speak on the comparisons, for the evidence beside it."""
    told: list[dict[str, Any]] = [{"id": n, "direction": "encouraged", **p.told} for n, p in enumerate(from_graph, 1)]
    dropped: list[dict[str, Any]] = []
    reconstruction: dict[str, Any] | None = None
    stances: list[Stance] = []
    model: dict[str, Any] = {}
    by_group: dict[str, Any] = {}
    verdict = ENOUGH if told else NOT_ENOUGH
    if material is not None and chosen is not None:
        for t in chosen.kept:
            stance = _stance(len(told) + 1, t, chosen, material)
            checked = {"wording": wordings[t.candidate].told()} if wordings else {}
            told.append(_principle(stance, t, material) | checked)
            stances.append(stance)
        dropped = [_dropped(t, chosen.kept, material) for t in chosen.tested if t.reason]
        reconstruction = _reconstruction(chosen, readings, material)
        reconstruction |= {"split": material.pairs.split, "principles": [stance.principle for stance in stances]}
        verdict = ENOUGH if chosen.kept or from_graph else NOT_ENOUGH
        if material.judged is not None:
            model = _model(material.judged, readings)
            verdict = UNUSABLE if material.judged.answers_by_place and chosen.kept else verdict
        if material.groups is not None:
            by_group = for_each(
                material.groups,
                material.rows,
                material.clusters,
                material.judgement,
                material.whole_split,
                [t.candidate for t in chosen.kept],
                rules_of(options),
                material.rng,
            )
    _mark_the_same(told)
    body = {
        "format": FORMAT,
        "dataset": dataset.slug if dataset else None,
        "study": study.slug if study else None,
        "is_simulated": bool(
            (study and study.is_simulated) or (dataset and dataset.study and dataset.study.is_simulated)
        ),
        "graph_sha256": snapshot.sha256 if snapshot else None,
        "parameters": options.stored(),
        "seed": options.seed,
        "verdict": verdict,
        "labels": _labels(material, readings, counts, snapshot, from_graph),
        "comparisons": counts,
        "test": (chosen.test if chosen else Test("none", 0))._asdict(),
        "principles": told,
        "dropped": dropped,
        "reconstruction": reconstruction,
        **model,
        **by_group,
    }
    return body, stances


def _mark_the_same(principles: Sequence[dict[str, Any]]) -> None:
    """Note on principles of a graph and of comparisons which say much the same in their words (`same_as`, their ids). All stay:
    each rests on evidence of its own."""
    values = [p for p in principles if "value" in p]
    others = [p for p in principles if "value" not in p]
    if not values or not others:
        return
    phrases = [(p, phrase) for p in values for phrase in (p["title"], *p["policies"])]
    phrases += [(p, phrase_of(p["text"])) for p in others]
    alike = similarity([phrase for _p, phrase in phrases]) >= ALIKE_FROM
    for i, (one, _phrase) in enumerate(phrases):
        near = {other["id"] for j, (other, _text) in enumerate(phrases) if alike[i, j]}
        if same := {ident for ident in near if ("value" in principles[ident - 1]) != ("value" in one)}:
            one["same_as"] = sorted(same | set(one.get("same_as", ())))


def _labels(
    material: Material | None,
    readings: Readings | None,
    counts: dict[str, int],
    snapshot: GraphSnapshot | None,
    from_graph: Sequence[GraphPrinciple],
) -> list[str]:
    told = []
    if material is not None:
        if material.judged is None:
            told.append("Measured text features, no language model: each principle says what was counted and no more.")
        else:
            told += _labels_of_model(material.judged, counts)
        if readings is not None and readings.is_degraded:
            told.append(
                f"Degraded: of {len(readings.places)} comparisons that a model was to decide by the constitution and"
                f" without one, {readings.missing} stayed without an answer. A repair asks only those."
            )
        told.append("Describes these comparisons, not people's minds.")
    if snapshot is not None and from_graph:
        told.append("From the winning values of a published moral graph, in the words of the people who hold them.")
        if any(p.told.get("bridges") for p in from_graph):
            groups = snapshot.rules["balance"]
            told.append(f"A bridge: more than half of each group by {groups} find the value wiser than another.")
        if limits := "; ".join(f"{name} {said}" for name, said in sorted(snapshot.filters.items()) if said):
            told.append(f"That graph counts only some of the votes: {limits}.")
    return told


def _labels_of_model(judged: Judged, counts: dict[str, int]) -> list[str]:
    told = ["Proposed and put to the vote by a language model; tested on people's answers, which no model gave."]
    if judged.is_degraded:
        cells = judged.judgement.cells
        told.append(
            f"Degraded: {cells.missing} of {cells.asked} votes stayed without an answer. A repair asks only those."
        )
    if judged.proposals["missing"]:
        missing, calls = judged.proposals["missing"], judged.proposals["calls"]
        told.append(f"{missing} of {calls} calls for proposals stayed without an answer.")
    if judged.answers_by_place and (share := judged.first_share):
        told.append(f"The model answers by place: {share[0]:.0%} of its votes for one text name the one shown first.")
    if judged.one_sided:
        told.append(
            f"In {judged.one_sided} comparisons nearly all principles were said to speak for one and the same text."
        )
    if counts.get("speak_to_a_judge"):
        told.append(f"{counts['speak_to_a_judge']} comparisons speak to whoever judges them; they were set apart.")
    if counts.get("cut"):
        told.append(
            f"{counts['cut']} comparisons have a very long text, of which the model saw the beginning and the end."
        )
    return told


def _model(judged: Judged, readings: Readings | None) -> dict[str, Any]:
    share = judged.first_share
    return {
        "degraded": judged.is_degraded or (readings is not None and readings.is_degraded),
        "position": {
            "first_named": judged.first_named,
            "second_named": judged.second_named,
            "first_share": share[0] if share else None,
            "ci": share[1] if share else None,
            "answers_by_place": judged.answers_by_place,
            "one_sided_comparisons": judged.one_sided,
        },
        "proposals": judged.proposals,
        "missing_votes": judged.judgement.cells.missing,
    }


def _stance(principle: int, tested: Tested, chosen: Chosen, material: Material) -> Stance:
    column, rows = tested.candidate, len(material.pairs.rows)
    both, missing = material.judgement.both[:rows, column], material.judgement.missing[:rows, column]
    return Stance(principle, chosen.votes[:, column] * tested.sign, both, missing)


def _principle(stance: Stance, tested: Tested, material: Material) -> dict[str, Any]:
    candidate = material.judgement.candidates[tested.candidate]
    train, held_out = material.split
    chosen, held = _accuracy(stance.votes, train, material), _accuracy(stance.votes, held_out, material)
    answered = train[~material.judgement.missing[train, tested.candidate]]
    strength = scoring.strength_by_cluster(
        stance.votes[answered], material.clusters_at(answered), material.rng, material.raters_at(answered)
    )
    return {
        "id": stance.principle,
        "text": candidate.wording(tested.sign),
        "source": candidate.source,
        "name": candidate.name if tested.sign > 0 else f"less {candidate.name}",
        "direction": candidate.direction(tested.sign),
        **told_counts(tested),
        "p": tested.p,
        "q": tested.q,
        "ci": ends(chosen),
        "strength_ci": ends(strength),
        "held_out": {"n": held.n, "accuracy": number(held.value), "ci": ends(held)},
        "evidence": {"comparisons": int((stance.votes != 0).sum())},
        **_of_model(tested.candidate, material),
    }


def _of_model(place: int, material: Material) -> dict[str, Any]:
    """Return what is told of a principle that a model proposed or was asked about."""
    if material.judged is None:
        return {}
    candidate, position = material.judgement.candidates[place], material.judged.positions[place]
    return {
        "merged": list(candidate.merged),
        "stable": candidate.stable,
        "round": candidate.round,
        "position": {**position._asdict(), "unreliable": position.is_unreliable},
    }


def _accuracy(votes: np.ndarray, part: np.ndarray, material: Material) -> scoring.Share:
    """Return how often a principle speaks for the preferred text, where it speaks, among the comparisons of a part."""
    spoke = part[votes[part] != 0]
    return material.share((votes[spoke] > 0).astype(float), spoke)


def _dropped(tested: Tested, kept: Sequence[Tested], material: Material) -> dict[str, Any]:
    def wording(t: Tested) -> str:
        return material.judgement.candidates[t.candidate].wording(t.sign)

    reason = tested.reason
    for other in kept:
        if other.candidate == tested.twin:
            reason = f"says much the same as “{wording(other)}”"
    return {
        "text": wording(tested),
        "source": material.judgement.candidates[tested.candidate].source,
        **told_counts(tested),
        "q": tested.q,
        "reason": reason,
        **_of_model(tested.candidate, material),
    }


def _reconstruction(chosen: Chosen, readings: Readings | None, material: Material) -> dict[str, Any]:
    """Return how well the kept principles decide the held-out comparisons, beside what any constitution must beat."""
    train, test = material.split
    rows, answers = material.pairs.rows, [material.pairs.answers[i] for i in train]
    held = [material.pairs.answers[i] for i in test]
    measured, kept = material.measured, chosen.kept
    decisions = {
        "constitution": scoring.weighted_votes(
            material.judgement.differences[test],
            [t.candidate for t in kept],
            [t.sign for t in kept],
            [t.strength for t in kept],
        ),
        "random": np.zeros(len(test)),  # a coin is right half of the time: thrown once it would only add its own luck
        "longest": np.array([float(len(rows[i].text_a) - len(rows[i].text_b)) for i in test]),
        "all_features": scoring.logistic_decisions(measured[train], answers, measured[test]),
        "all_features_and_words": scoring.tfidf_decisions(
            (measured[train], [rows[i].text_a for i in train], [rows[i].text_b for i in train]),
            answers,
            (measured[test], [rows[i].text_a for i in test], [rows[i].text_b for i in test]),
        ),
    }
    hits = {name: scoring.hits(decided, held) for name, decided in decisions.items()}
    shares = {name: material.share(hit, test) for name, hit in hits.items()}
    ours = shares.pop("constitution")
    told = {
        "n": len(test),
        "prompts": len({material.clusters[i] for i in test}),
        "trained_on": len(train),
        "accuracy": number(ours.value),
        "ci": ends(ours),
        "undecided": int((decisions["constitution"] == 0).sum()),
        "baselines": {name: {"accuracy": number(s.value), "ci": ends(s)} for name, s in shares.items()},
        # To decide nothing counts ½ each time, which is more than "longest" has where people like it short.
        "against": {
            name: _against(hits["constitution"], hits[name], test, material, may_beat=bool(kept))
            for name in ("random", "longest")
        },
        "executor": "weighted votes of the principles",
    }
    return told | _read(hits, decisions, readings, material)


def _against(
    ours: np.ndarray, theirs: np.ndarray, places: np.ndarray, material: Material, *, may_beat: bool = True
) -> dict[str, Any]:
    """Return the paired difference of two judges. One beats the other only if its interval excludes 0."""
    difference = scoring.difference_by_cluster(
        ours, theirs, material.clusters_at(places), material.rng, material.raters_at(places)
    )
    beats = may_beat and difference.low is not None and difference.low > 0
    return {"difference": number(difference.value), "ci": ends(difference), "beats": beats}


def _read(
    hits: dict[str, np.ndarray], decisions: dict[str, np.ndarray], readings: Readings | None, material: Material
) -> dict[str, Any]:
    """Return how well a model decides that reads the constitution, and without one, on the comparisons that it was asked about
    and answered; and how far the two executors agree."""
    if readings is None:
        return {}
    has = ~readings.constitution.missing & ~readings.nothing.missing
    places = readings.places[has]
    within = np.searchsorted(material.split.test, places)
    answers = [material.pairs.answers[i] for i in places]
    read = scoring.hits(readings.constitution.decisions[has], answers)
    nothing = scoring.hits(readings.nothing.decisions[has], answers)
    voted = hits["constitution"][within]

    def told(hit: np.ndarray) -> dict[str, Any]:
        share = material.share(hit, places)
        return {"n": share.n, "accuracy": number(share.value), "ci": ends(share)}

    return {
        "reader": {
            **told(read),
            "asked": len(has),
            "weighted_votes": told(voted),
            "no_constitution": told(nothing),
            "longest": told(hits["longest"][within]),
            "against": {
                "weighted_votes": _against(read, voted, places, material),
                "no_constitution": _against(read, nothing, places, material),
                "longest": _against(read, hits["longest"][within], places, material),
            },
            "agreement": scoring.agreement(readings.constitution.decisions[has], decisions["constitution"][within]),
        }
    }
