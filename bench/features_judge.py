"""`python -m bench.features_judge [--data FOLDER] [--only PART …]`: what the features judge finds in others' comparisons,
in chance, and in planted comparisons; each figure beside what it must reach."""

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.measuring import Line, report
from bench.planted import MARKS, TRUE, Planted, planted
from constitutions.algorithms import scoring
from constitutions.algorithms.features import FEATURES, differences
from constitutions.algorithms.selection import SelectionRules, Tested, orient, p_values, select
from elicitation.comparison_formats import read_comparisons

SEEDS = 10
SHUFFLES = 500
COVERAGE_RUNS = 2000
LEANING_RUNS = 500
PLANTED_SEEDS = 20


class Decided(NamedTuple):
    """Comparisons that most of the people decided, and what is counted in them. `clusters` is what a split keeps together."""

    clusters: list[str]
    texts_a: list[str]
    texts_b: list[str]
    answers: list[str]
    counted: np.ndarray


def decided_in(path: Path, *, by_pair: bool = False) -> Decided:
    """Read a file's comparisons with a decided majority of its human annotators, or of those of unknown kind."""
    found = read_comparisons(path)
    kinds = {a.kind for a in found.annotators.values()}
    asked = "human" if "human" in kinds else "unknown"
    rows = []
    for n, row in enumerate(found.comparisons):
        given = Counter(
            a.answer for a in row.annotations if found.annotators[a.annotator].kind == asked and a.answer != "none"
        )
        for answer, votes in given.most_common(1):
            if answer in ("a", "b") and 2 * votes > given.total():
                rows.append((str(n) if by_pair else row.prompt or "", row.prompt or "", row.text_a, row.text_b, answer))
    clusters, prompts, texts_a, texts_b, answers = (list(column) for column in zip(*rows, strict=True))
    return Decided(clusters, texts_a, texts_b, answers, differences(prompts, texts_a, texts_b))


def kept_of(counted: np.ndarray, answers: Sequence[str], raters: Sequence[int], seed: int) -> list[Tested]:
    """Return what the judge keeps of these training comparisons."""
    votes = orient(counted, answers)
    p, _test = p_values(votes, raters, np.random.default_rng(seed))
    return [t for t in select(votes, p, SelectionRules()) if not t.reason]


class Reached(NamedTuple):
    """Held-out accuracy of one split, by judge; `kept` principles; whether a judge beats another on it."""

    accuracy: dict[str, float]
    kept: int
    beats_longest: dict[str, bool]


def reached(data: Decided, seed: int) -> Reached:
    """Choose on one half and score on the other."""
    train, test = scoring.split_by_prompt(data.clusters, 0.5, np.random.default_rng(seed))
    answers = np.array(data.answers)
    kept = kept_of(data.counted[train], list(answers[train]), [], seed)

    def part(places: np.ndarray) -> tuple[np.ndarray, list[str], list[str]]:
        texts_a, texts_b = ([side[i] for i in places] for side in (data.texts_a, data.texts_b))
        return data.counted[places], texts_a, texts_b

    _counted, texts_a, texts_b = part(test)
    decisions = {
        "random": np.zeros(len(test)),
        "longest": np.array([float(len(a) - len(b)) for a, b in zip(texts_a, texts_b, strict=True)]),
        "readable": scoring.weighted_votes(
            data.counted[test],
            [t.candidate for t in kept],
            [t.sign for t in kept],
            [t.votes_for - t.votes_against for t in kept],
        ),
        "all features": scoring.logistic_decisions(data.counted[train], list(answers[train]), data.counted[test]),
        "with words": scoring.tfidf_decisions(part(train), list(answers[train]), part(test)),
    }
    hits = {name: scoring.hits(decided, list(answers[test])) for name, decided in decisions.items()}
    clusters = [data.clusters[i] for i in test]
    beats = {}
    for name in ("readable", "all features"):
        difference = scoring.difference_by_cluster(hits[name], hits["longest"], clusters, np.random.default_rng(seed))
        beats[name] = difference.low is not None and difference.low > 0
    return Reached({name: float(hit.mean()) for name, hit in hits.items()}, len(kept), beats)


def _means(data: Decided) -> tuple[dict[str, list[float]], list[Reached]]:
    runs = [reached(data, seed) for seed in range(SEEDS)]
    return {name: [run.accuracy[name] for run in runs] for name in runs[0].accuracy}, runs


def pandalm(folder: Path) -> list[Line]:
    """PandaLM, majority of the three humans, by prompt."""
    data = decided_in(folder / "pandalm_pairs.jsonl")
    found, runs = _means(data)
    least = {"all features": 0.705, "readable": 0.66, "with words": 0.72}
    lines = []
    for name, values in found.items():
        mean = float(np.mean(values))
        target = f"≥ {least[name]:.1%}" if name in least else ""
        holds = mean >= least[name] if name in least else None
        lines.append(
            Line(f"PandaLM by prompt, {name}", f"{mean:.1%}", target, holds, f"sd {np.std(values, ddof=1):.1%}")
        )
    leaks = float(np.mean(found["with words"]))
    lines.append(Line("PandaLM by prompt, with words, leak", f"{leaks:.1%}", "≤ 80 %", leaks <= 0.8))
    for name in ("readable", "all features"):
        said = sum(run.beats_longest[name] for run in runs)
        lines.append(
            Line(f"PandaLM, {name} said to beat longest", f"{said} of {SEEDS} splits", "", None, "no general claim")
        )
    return lines


def others(folder: Path) -> list[Line]:
    """Other real human choices, and the three small synthetic sets of inverse-cai."""
    runs = _means(decided_in(folder / "llmbar_natural.jsonl"))[1]
    none = sum(not run.kept for run in runs)
    lines = [Line("LLMBar by prompt, not enough evidence", f"{none} of {SEEDS}", f"≥ {SEEDS - 1}", none >= SEEDS - 1)]
    for name, least in (("aligned_vqvtb", 0.85), ("mixed_vqvtb_adcbg", 0.72), ("orthogonal_adcbg", 0.65)):
        data = decided_in(folder / "icai" / f"synthetic_data_{name}.csv", by_pair=True)
        found, runs = _means(data)
        mean = float(np.mean(found["all features"]))
        detail = f"{len(data.answers)} pairs of a few prompts, split by pair: it leaks; none kept in "
        detail += f"{sum(not run.kept for run in runs)} of {SEEDS}"
        lines.append(Line(f"icai {name}, all features", f"{mean:.1%}", f"≥ {least:.0%}", mean >= least, detail))
    return lines


def shuffled(folder: Path) -> list[Line]:
    """Labels by chance on the texts of PandaLM."""
    data = decided_in(folder / "pandalm_pairs.jsonl")
    rng = np.random.default_rng(0)
    nothing = 0
    for seed in range(SHUFFLES):
        answers = rng.permutation(data.answers)
        train = scoring.split_by_prompt(data.clusters, 0.5, rng).train
        nothing += not kept_of(data.counted[train], list(answers[train]), [], seed)
    share = nothing / SHUFFLES
    return [Line(f"{SHUFFLES} runs on shuffled labels keep nothing", f"{share:.1%}", "≥ 93 %", share >= 0.93)]


def leaning(
    seed: int, raters: int, pairs: int = 200, candidates: int = 30, sigma: float = 1.0
) -> tuple[np.ndarray, list[int]]:
    """Return votes of raters who each lean their own way on every candidate, none on the whole, and who gave which."""
    rng = np.random.default_rng(seed)
    by = np.arange(pairs) % raters
    agree = 1 / (1 + np.exp(-rng.normal(0, sigma, (raters, candidates))))
    votes = np.where(rng.random((pairs, candidates)) < agree[by], 1, -1)
    return np.where(rng.random((pairs, candidates)) < 0.6, votes, 0), by.tolist()


def leaning_raters(_folder: Path) -> list[Line]:
    """Raters who lean at random."""
    any_kept = 0
    for seed in range(LEANING_RUNS):
        votes, by = leaning(seed, 20)
        p, _test = p_values(votes, by, np.random.default_rng(seed))
        any_kept += any(not t.reason for t in select(votes, p, SelectionRules()))
    share = any_kept / LEANING_RUNS
    return [
        Line(f"20 raters lean at random, {LEANING_RUNS} runs, any principle", f"{share:.1%}", "≤ 9 %", share <= 0.09)
    ]


def coverage(clusters: int, each: int | None, runs: int, seed: int = 11) -> float:
    """Return how often the interval holds a true accuracy of .65, ICC .2; `each` comparisons a prompt, None: one or two."""
    rng, covered, strength = np.random.default_rng(seed), 0, 1 / 0.2 - 1
    for _ in range(runs):
        sizes = np.full(clusters, each) if each else rng.integers(1, 3, clusters)
        names = np.repeat(np.arange(clusters), sizes)
        chances = rng.beta(0.65 * strength, 0.35 * strength, clusters)
        hit = (rng.random(len(names)) < chances[names]).astype(float)
        share = scoring.share_by_cluster(hit, names.astype(str).tolist(), rng)
        covered += share.low is not None and share.high is not None and share.low <= 0.65 <= share.high
    return covered / runs


def intervals(_folder: Path) -> list[Line]:
    """True coverage of the interval of held-out accuracy by prompt."""
    lines = []
    for clusters, low, high in ((50, 0.92, 1.0), (100, 0.93, 0.97), (200, 0.93, 0.97)):
        for each in (None, 5):
            share = coverage(clusters, each, COVERAGE_RUNS)
            what = f"interval, {clusters} prompts, {each or '1–2'} comparisons each, {COVERAGE_RUNS} runs"
            target = f"{low:.0%}–{high:.0%}" if high < 1 else f"≥ {low:.0%}"
            lines.append(Line(what, f"{share:.1%}", target, low <= share <= high))
    return lines


NAMES = tuple(feature.name for feature in FEATURES)


def found_in(world: Planted, places: np.ndarray, seed: int) -> dict[str, int]:
    """Return the kept principles of these comparisons, half of their prompts being the training part: name → sign."""
    train = scoring.split_by_prompt([world.prompts[i] for i in places], 0.5, np.random.default_rng(seed)).train
    chosen = places[train]
    counted = differences(*([texts[i] for i in chosen] for texts in (world.prompts, world.texts_a, world.texts_b)))
    kept = kept_of(counted, [world.answers[i] for i in chosen], [world.raters[i] for i in chosen], seed)
    return {NAMES[t.candidate]: t.sign for t in kept}


def planted_sets(_folder: Path) -> list[Line]:
    """Three true principles among thirty, 10 % noise: of one mind, and with a fifth of the people contradicting one."""
    truth = {p.name: p.sign for p in TRUE}
    marks = {mark.name for mark in MARKS}  # what goes along with them, such as longer words, is not false
    upside_down = {name: -sign for name, sign in truth.items()}
    lines = []
    for pairs, others in ((300, 0.0), (2000, 0.2)):
        found, inverted, contradicted, false = 0, 0, 0, 0
        for seed in range(PLANTED_SEEDS):
            world = planted(pairs, seed=seed, others=others)
            turned = planted(pairs, seed=seed, others=others, inverted=True)
            everyone = np.arange(pairs)
            kept = found_in(world, everyone, seed)
            found += truth.items() <= kept.items()
            false += len(kept.keys() & marks - truth.keys())
            inverted += upside_down.items() <= found_in(turned, everyone, seed).items()
            if others:
                one, other = (found_in(world, np.flatnonzero(world.others == which), seed) for which in (False, True))
                opposite = {name for name, sign in one.items() if name in marks and other.get(name) == -sign}
                contradicted += opposite == {p.name for p in TRUE if p.sign != p.other}
        what = f"planted, {pairs} pairs, {others:.0%} of the people contradict"
        for how, times in (("found", found), ("inverted when inverted", inverted), ("contradiction", contradicted)):
            if how != "contradiction" or others:
                detail = f"{false} others of the thirty kept" if how == "found" else ""
                figure, holds = f"{times} of {PLANTED_SEEDS}", times >= 0.9 * PLANTED_SEEDS
                lines.append(Line(f"{what}: {how}", figure, "≥ 90 %", holds, detail))
    return lines


PARTS: dict[str, Callable[[Path], list[Line]]] = {
    "pandalm": pandalm,
    "others": others,
    "shuffled": shuffled,
    "leaning": leaning_raters,
    "intervals": intervals,
    "planted": planted_sets,
}


def main() -> int:
    parser = ArgumentParser(prog="python -m bench.features_judge", description=__doc__)
    default = Path(__file__).parents[2] / "shared" / "data" / "preferences"
    parser.add_argument("--data", type=Path, default=default, help="folder of the comparisons of others")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    told = parser.parse_args()
    return int(sum(report(PARTS[name](told.data)) for name in told.only) > 0)


if __name__ == "__main__":
    sys.exit(main())
