from collections.abc import Sequence

import numpy as np
import pytest

from bench.features_judge import leaning
from constitutions.algorithms import selection
from constitutions.algorithms.selection import (
    CLUSTER_T,
    FLIPS,
    SIGN,
    SelectionRules,
    orient,
    p_values,
    select,
    sign_test_p,
)


def planted(
    pairs: int = 300, *, true: int = 3, of: int = 30, share: float = 0.8, seed: int = 0, relevance: float = 0.7
) -> np.ndarray:
    """Return votes in which the first `true` candidates speak for the preferred text in this share, the others at random."""
    rng = np.random.default_rng(seed)
    agree = np.full(of, 0.5)
    agree[:true] = share
    votes = np.where(rng.random((pairs, of)) < agree, 1, -1)
    return np.asarray(np.where(rng.random((pairs, of)) < relevance, votes, 0))


def selected(
    votes: np.ndarray, rules: SelectionRules | None = None, raters: Sequence[int] = ()
) -> list[selection.Tested]:
    p, _test = p_values(votes, raters, np.random.default_rng(0))
    return select(votes, p, rules or SelectionRules())


def kept(votes: np.ndarray, raters: Sequence[int] = ()) -> list[int]:
    return [t.candidate for t in selected(votes, raters=raters) if not t.reason]


def test_the_sign_test_is_that_of_pencil_and_paper() -> None:
    assert sign_test_p(5, 0) == pytest.approx(2 / 2**5)
    assert sign_test_p(3, 3) == 1
    assert sign_test_p(0, 0) == 1


def test_planted_principles_are_found_and_few_others() -> None:
    """Every run finds the three; the share of others among the kept is what q ≤ .05 allows."""
    runs = [kept(planted(seed=seed)) for seed in range(40)]
    assert all({0, 1, 2} <= set(run) for run in runs)
    assert np.mean([sum(c > 2 for c in run) / len(run) for run in runs]) <= 0.08


def test_turned_labels_turn_the_principles() -> None:
    votes = planted()
    signs = {t.candidate: t.sign for t in selected(votes) if not t.reason}
    turned = {t.candidate: t.sign for t in selected(-votes) if not t.reason}
    assert (signs[0], signs[1], signs[2]) == (1, 1, 1)
    assert turned == {candidate: -sign for candidate, sign in signs.items()}


def test_an_inverse_rule_is_kept_in_its_own_direction() -> None:
    found = [t for t in selected(planted(true=1, of=1, share=0.2)) if not t.reason]
    assert [t.sign for t in found] == [-1]
    assert all(t.votes_for > t.votes_against for t in found)


def test_of_two_that_vote_alike_the_better_is_kept() -> None:
    votes = planted(of=5, true=1)
    twin = votes[:, 0].copy()
    twin[:20] = 0
    tested = selected(np.column_stack([twin, votes]))
    assert [t.candidate for t in tested if not t.reason] == [1]
    dropped = next(t for t in tested if t.candidate == 0)
    assert (dropped.reason, dropped.twin) == ("says much the same as another", 1)


def test_a_candidate_that_speaks_too_seldom_is_dropped_with_its_reason() -> None:
    votes = np.zeros((400, 2), dtype=int)
    votes[:30, 0] = 1
    votes[:, 1] = 1
    assert next(t.reason for t in selected(votes) if t.candidate == 0).startswith("says something about")


def test_no_more_are_kept_than_asked_for_and_the_rest_say_so() -> None:
    tested = selected(planted(), SelectionRules(most=2))
    assert sum(not t.reason for t in tested) == 2
    assert "after the best 2" in [t.reason for t in tested]


def test_for_against_and_irrelevant_are_all_comparisons() -> None:
    votes = planted(pairs=120)
    assert all(t.votes_for + t.votes_against + t.irrelevant == 120 for t in selected(votes))


def test_the_order_of_the_comparisons_does_not_matter() -> None:
    votes = planted()
    assert selected(votes) == selected(votes[::-1])


def test_without_comparisons_nothing_is_kept() -> None:
    assert kept(np.zeros((0, 4), dtype=int)) == []


def test_chance_alone_keeps_a_principle_in_at_most_seven_of_a_hundred_runs() -> None:
    runs = 200
    found = sum(bool(kept(planted(200, true=0, of=30, seed=seed))) for seed in range(runs))
    assert found <= 0.07 * runs


def test_orientation_is_towards_the_preferred_text() -> None:
    counted = np.array([[2.0, -1.0], [2.0, 0.0]])
    assert orient(counted, ["a", "b"]).tolist() == [[1, -1], [-1, 0]]


# raters


@pytest.mark.parametrize(
    ("raters", "name"), [(0, SIGN), (1, SIGN), (5, SIGN), (6, CLUSTER_T), (11, CLUSTER_T), (12, FLIPS), (30, FLIPS)]
)
def test_the_test_is_chosen_by_the_number_of_raters_and_named(raters: int, name: str) -> None:
    who = [n % raters for n in range(60)] if raters else []
    _p, test = p_values(planted(60), who, np.random.default_rng(0))
    assert test == (name, raters)


def test_flips_of_twelve_raters_are_exact() -> None:
    p, _test = p_values(np.ones((12, 1), dtype=int), range(12), np.random.default_rng(0))
    assert p.tolist() == [2 / 2**12]


def test_six_raters_with_the_same_sum_are_no_certainty() -> None:
    p, _test = p_values(np.ones((6, 1), dtype=int), range(6), np.random.default_rng(0))
    assert p.tolist() == [2 / 2**6]


def test_twenty_raters_who_lean_at_random_seldom_give_a_principle_though_the_sign_test_would() -> None:
    runs = [leaning(seed, 20) for seed in range(100)]
    assert np.mean([bool(kept(votes, who)) for votes, who in runs]) <= 0.09
    assert np.mean([bool(kept(votes)) for votes, _who in runs]) > 0.3


def test_ten_raters_who_lean_at_random_give_one_a_little_too_often() -> None:
    runs = [leaning(seed, 10) for seed in range(100)]
    assert np.mean([bool(kept(votes, who)) for votes, who in runs]) <= 0.15


def test_what_thirty_raters_share_is_found() -> None:
    who = [n % 30 for n in range(300)]
    assert {0, 1, 2} <= set(kept(planted(300), who))


def test_the_numbers_of_the_raters_do_not_matter() -> None:
    votes, who = leaning(0, 20)
    assert kept(votes, who) == kept(votes, [100 + number for number in who])
