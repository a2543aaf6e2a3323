from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constitutions.algorithms import scoring
from constitutions.algorithms.features import differences
from constitutions.algorithms.selection import SelectionRules, orient, p_values, select
from elicitation.comparison_formats import read_comparisons


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=40).filter(lambda p: len(set(p)) > 1),
    st.floats(0.1, 0.9),
    st.integers(0, 99),
)
def test_no_prompt_is_on_both_sides_and_nothing_is_lost(prompts: list[str], fraction: float, seed: int) -> None:
    train, test = scoring.split_by_prompt(prompts, fraction, np.random.default_rng(seed))
    assert not {prompts[i] for i in train} & {prompts[i] for i in test}
    assert sorted([*train, *test]) == list(range(len(prompts)))
    assert len(train)
    assert len(test)


def test_the_split_does_not_depend_on_the_order_of_the_comparisons() -> None:
    prompts = [f"p{n % 20}" for n in range(60)]
    held = [
        {order[i] for i in scoring.split_by_prompt(order, 0.5, np.random.default_rng(1)).test}
        for order in (prompts, prompts[::-1])
    ]
    assert held[0] == held[1]


@pytest.mark.parametrize(("prompts", "fraction"), [(["a", "a"], 0.5), (["a", "b"], 0.0), (["a", "b"], 1.0)])
def test_a_split_that_cannot_be_made_is_refused(prompts: list[str], fraction: float) -> None:
    with pytest.raises(ValueError, match=r"prompt|fraction"):
        scoring.split_by_prompt(prompts, fraction, np.random.default_rng(0))


def test_no_interval_is_given_under_ten_clusters() -> None:
    share = scoring.share_by_cluster(np.ones(90), [f"p{n % 9}" for n in range(90)], np.random.default_rng(0))
    assert (share.n, share.value, share.low, share.high) == (90, 1.0, None, None)


def test_an_interval_holds_its_share_and_stays_between_0_and_1() -> None:
    for clusters in (12, 30, 80):
        hit = np.random.default_rng(clusters).integers(0, 2, 200).astype(float)
        share = scoring.share_by_cluster(hit, [str(n % clusters) for n in range(200)], np.random.default_rng(0))
        assert share.low is not None
        assert share.high is not None
        assert 0 <= share.low <= share.value <= share.high <= 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_share_of_all_or_nothing_claims_no_certainty(value: float) -> None:
    share = scoring.share_by_cluster(np.full(60, value), [str(n) for n in range(60)], np.random.default_rng(0))
    assert share.low is not None
    assert share.high is not None
    assert 0 < share.high - share.low < 0.1


def test_pairs_of_one_prompt_widen_the_interval() -> None:
    hit = np.repeat(np.random.default_rng(3).integers(0, 2, 100).astype(float), 5)
    alone = scoring.share_by_cluster(hit, [str(n) for n in range(500)], np.random.default_rng(0))
    together = scoring.share_by_cluster(hit, [str(n // 5) for n in range(500)], np.random.default_rng(0))
    assert together.high - together.low > 1.8 * (alone.high - alone.low)  # type: ignore[operator]


@pytest.mark.parametrize(("clusters", "least"), [(25, 0.89), (60, 0.90), (150, 0.92)])
def test_the_interval_covers_the_truth_as_often_as_it_says(clusters: int, least: float) -> None:
    """True accuracy .65, ICC .2, 5 comparisons a prompt."""
    rng, runs, covered = np.random.default_rng(11), 300, 0
    strength = 1 / 0.2 - 1
    names = [str(n) for n in range(clusters) for _ in range(5)]
    for _ in range(runs):
        chances = rng.beta(0.65 * strength, 0.35 * strength, clusters)
        hit = (rng.random((clusters, 5)) < chances[:, None]).astype(float).ravel()
        share = scoring.share_by_cluster(hit, names, rng)
        covered += share.low <= 0.65 <= share.high  # type: ignore[operator]
    assert covered / runs >= least


def test_one_judge_beats_another_only_where_the_interval_of_the_difference_is_off_0() -> None:
    prompts = [str(n) for n in range(200)]
    rng = np.random.default_rng(0)
    coin, good = rng.integers(0, 2, 200).astype(float), (rng.random(200) < 0.8).astype(float)
    better = scoring.difference_by_cluster(good, coin, prompts, rng)
    same = scoring.difference_by_cluster(coin, coin, prompts, rng)
    assert better.low is not None
    assert better.low > 0
    assert (same.value, same.low is None or same.low <= 0) == (0, True)


def test_what_decides_nothing_is_half_right() -> None:
    assert scoring.hits(np.array([2.0, -1.0, 0.0]), ["a", "a", "b"]).tolist() == [1, 0, 0.5]


def test_each_principle_votes_with_its_weight() -> None:
    counted = np.array([[1.0, -3.0], [0.0, 2.0], [0.0, 0.0]])
    assert scoring.weighted_votes(counted, [0, 1], [1, -1], [0.2, 0.5]).tolist() == [0.7, -0.5, 0]


def test_no_principles_decide_nothing() -> None:
    assert not scoring.weighted_votes(np.ones((3, 2)), [], [], []).any()


def test_a_model_of_one_sided_answers_decides_nothing() -> None:
    assert not scoring.logistic_decisions(np.ones((5, 2)), ["a"] * 5, np.ones((3, 2))).any()


# what others published


class Humans(NamedTuple):
    prompts: list[str]
    texts_a: list[str]
    texts_b: list[str]
    answers: list[str]
    counted: np.ndarray


@pytest.fixture(scope="module")
def pandalm(shared_data: Path) -> Humans:
    """The PandaLM pairs that most of the three humans decided."""
    found = read_comparisons(shared_data / "preferences" / "pandalm_pairs.jsonl")
    rows = []
    for row in found.comparisons:
        humans = Counter(a.answer for a in row.annotations if found.annotators[a.annotator].kind == "human")
        [(answer, votes)] = humans.most_common(1)
        if votes >= 2 and answer in ("a", "b"):
            rows.append((row.prompt or "", row.text_a, row.text_b, answer))
    prompts, texts_a, texts_b, answers = (list(column) for column in zip(*rows, strict=True))
    return Humans(prompts, texts_a, texts_b, answers, differences(prompts, texts_a, texts_b))


def test_the_measured_features_predict_held_out_pandalm_humans_as_well_as_known(pandalm: Humans) -> None:
    """By prompt, 50/50, mean of 10 seeds: logistic ≥ 70.5 %, readable ≥ 66 %, longest about 67 %; with words ≥ 72 %, and
    above 80 % the split would leak."""
    lengths = np.array([float(len(a) - len(b)) for a, b in zip(pandalm.texts_a, pandalm.texts_b, strict=True)])
    answers = np.array(pandalm.answers)
    found: dict[str, list[float]] = {"readable": [], "logistic": [], "words": [], "longest": []}
    for seed in range(10):
        train, test = scoring.split_by_prompt(pandalm.prompts, 0.5, np.random.default_rng(seed))
        votes = orient(pandalm.counted[train], list(answers[train]))
        p, _test = p_values(votes, [], np.random.default_rng(seed))
        kept = [t for t in select(votes, p, SelectionRules()) if not t.reason]

        def part(places: np.ndarray) -> tuple[np.ndarray, list[str], list[str]]:
            texts = ([side[i] for i in places] for side in (pandalm.texts_a, pandalm.texts_b))
            return (pandalm.counted[places], *texts)

        decided = {
            "readable": scoring.weighted_votes(
                pandalm.counted[test],
                [t.candidate for t in kept],
                [t.sign for t in kept],
                [t.votes_for - t.votes_against for t in kept],
            ),
            "logistic": scoring.logistic_decisions(pandalm.counted[train], list(answers[train]), pandalm.counted[test]),
            "words": scoring.tfidf_decisions(part(train), list(answers[train]), part(test)),
            "longest": lengths[test],
        }
        for name, decisions in decided.items():
            found[name].append(float(scoring.hits(decisions, list(answers[test])).mean()))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    assert means["readable"] >= 0.66
    assert means["logistic"] >= 0.705
    assert 0.72 <= means["words"] <= 0.80
    assert means["longest"] == pytest.approx(0.67, abs=0.02)


def test_shuffled_labels_of_the_pandalm_pairs_keep_nothing(pandalm: Humans) -> None:
    """At most 7 % of runs keep any principle by chance."""
    rng, runs, found = np.random.default_rng(0), 200, 0
    for _ in range(runs):
        answers = [("a", "b")[int(side)] for side in rng.integers(0, 2, len(pandalm.answers))]
        train = scoring.split_by_prompt(pandalm.prompts, 0.5, rng).train
        votes = orient(pandalm.counted[train], [answers[i] for i in train])
        p, _test = p_values(votes, [], rng)
        found += any(not t.reason for t in select(votes, p, SelectionRules()))
    assert found <= 0.07 * runs
