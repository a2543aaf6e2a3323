import numpy as np

from elicitation.algorithms.comparison_selection import Pair, choose_comparisons, uncertainty


def pair(number: int, raters: int = 0, a: int = 0, b: int = 0, is_free: bool = True, context: str = "") -> Pair:
    return Pair(number, raters, a, b, is_free, context)


def test_a_share_near_even_is_less_sure_and_answers_make_it_surer() -> None:
    assert uncertainty(3, 3) > uncertainty(6, 0)
    assert uncertainty(0, 0) > uncertainty(3, 3) > uncertainty(30, 30)
    assert uncertainty(0, 0) == 1 / 12


def test_pairs_that_lack_raters_come_first_then_the_least_sure() -> None:
    pairs = [pair(1, 10, 5, 5), pair(2, 3, 3, 0), pair(3, 4, 2, 2), pair(4, 2, 1, 1)]
    chosen = choose_comparisons(pairs, 4, overlap=10, rng=np.random.default_rng(0))
    assert chosen[-1] == 1 and chosen[0] == 4


def test_every_pair_reaches_its_overlap_before_any_exceeds_it_by_more_than_one() -> None:
    rng = np.random.default_rng(5)
    raters, a = dict.fromkeys(range(1, 21), 0), dict.fromkeys(range(1, 21), 0)
    for person in range(60):
        pairs = [pair(n, raters[n], a[n], raters[n] - a[n]) for n in raters]
        for number in choose_comparisons(pairs, 4, overlap=10, rng=np.random.default_rng(person)):
            raters[number] += 1
            a[number] += int(rng.random() < number / 21)
        if min(raters.values()) < 10:
            assert max(raters.values()) <= 11
    assert min(raters.values()) >= 10


def test_once_all_have_their_raters_close_calls_get_more() -> None:
    pairs = [pair(n, 10, 5, 5) for n in range(5)] + [pair(n, 10, 10, 0) for n in range(5, 10)]
    chosen = choose_comparisons(pairs, 5, overlap=10, rng=np.random.default_rng(1))
    assert set(chosen) == set(range(5))


def test_contexts_are_balanced_for_each_person() -> None:
    pairs = [pair(n, context="at work" if n < 8 else "at home") for n in range(10)]
    chosen = choose_comparisons(pairs, 4, overlap=10, rng=np.random.default_rng(2))
    assert sorted(n >= 8 for n in chosen) == [False, False, True, True]


def test_what_a_group_judged_often_enough_is_left_out() -> None:
    pairs = [pair(1, is_free=False), pair(2)]
    assert choose_comparisons(pairs, 2, overlap=10, rng=np.random.default_rng(0)) == [2]


def test_the_same_seed_chooses_the_same() -> None:
    pairs = [pair(n) for n in range(30)]
    first = choose_comparisons(pairs, 8, overlap=10, rng=np.random.default_rng(7))
    assert first == choose_comparisons(pairs, 8, overlap=10, rng=np.random.default_rng(7))
    assert first != choose_comparisons(pairs, 8, overlap=10, rng=np.random.default_rng(8))
