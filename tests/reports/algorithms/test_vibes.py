import numpy as np

from constitutions.algorithms.scoring import Split
from reports.algorithms.vibes import always_one, choose_axes, foretell

SPLIT = Split(np.arange(100), np.arange(100, 200))
PROMPTS = [f"p{n}" for n in range(200)]
ONE = np.where(np.arange(200) % 3 == 0, 1, -1)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_an_axis_that_follows_the_side_is_kept_and_one_of_chance_is_not() -> None:
    scores = np.column_stack([ONE, np.random.default_rng(1).choice([-1, 1], 200)])
    kept, dropped = choose_axes(scores, ONE, ONE, SPLIT, PROMPTS, rng())
    assert (kept.axis, kept.reason, kept.difference.value, kept.preferred.value) == (0, "", 1, 1)
    assert (dropped.axis, dropped.reason) == (1, "does not set them apart")


def test_agreement_of_judgings_comes_before_everything_else() -> None:
    scores = np.column_stack([ONE, ONE, ONE])
    told = choose_axes(scores, ONE, ONE, SPLIT, PROMPTS, rng(), kappas=[None, 0.39, 0.4])
    assert {t.axis: t.reason for t in told} == {0: "not well-defined", 1: "not well-defined", 2: ""}


def test_the_second_of_two_alike_names_the_first_also_where_it_is_turned_round() -> None:
    told = choose_axes(np.column_stack([-ONE, ONE]), ONE, ONE, SPLIT, PROMPTS, rng())
    assert [(t.axis, t.twin) for t in told] == [(0, None), (1, 0)]


def test_a_small_difference_sets_nothing_apart_however_sure_it_is() -> None:
    n = 20_000
    one, split = np.ones(n, dtype=int), Split(np.arange(n // 2), np.arange(n // 2, n))
    scores = np.where(np.arange(n) % 25 == 0, 1.0, 0.0)[:, None]  # 0.04, always to one side
    [told] = choose_axes(scores, one, one, split, [str(i) for i in range(n)], rng())
    assert told.chosen_on.low is not None and told.chosen_on.low > 0
    assert told.reason == "does not set them apart"


def test_on_few_prompts_nothing_is_kept() -> None:
    [told] = choose_axes(ONE[:, None], ONE, ONE, SPLIT, [f"p{n % 9}" for n in range(200)], rng())
    assert told.reason == "too few prompts"


def test_chance_alone_keeps_an_axis_of_38_in_few_runs() -> None:
    found = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        scores = draw.choice([-1, 0, 1], (200, 38))
        found += any(not t.reason for t in choose_axes(scores, ONE, ONE, SPLIT, PROMPTS, draw))
    assert found <= 10


def test_whose_text_it_is_is_told_also_where_it_always_stands_on_one_side() -> None:
    one = np.ones(200, dtype=int)
    told, right = foretell(one[:, None] * 1.0, one, SPLIT, PROMPTS, rng())
    assert (told.share.value, told.share.n, told.trained_on, right.mean()) == (1, 100, 100, 1)


def test_place_alone_and_no_axes_tell_nothing() -> None:
    assert foretell(np.zeros((200, 0)), ONE, SPLIT, PROMPTS, rng())[0].share.value == 0.5
    coin = np.random.default_rng(5).choice([-1.0, 1.0], (200, 1))
    assert abs(foretell(coin, np.ones(200, dtype=int), SPLIT, PROMPTS, rng())[0].share.value - 0.5) < 0.15


def test_pairs_of_unknown_preference_are_left_out() -> None:
    preferred = np.where(np.arange(200) % 4 == 0, 0, ONE)
    assert foretell(ONE[:, None] * 1.0, preferred, SPLIT, PROMPTS, rng())[0].share.n == 75
    assert (always_one(ONE, preferred, SPLIT, PROMPTS, rng()).value, always_one(ONE, -ONE, SPLIT, PROMPTS, rng()).n) == (
        1, 100,
    )  # fmt: skip
