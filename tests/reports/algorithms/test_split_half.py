import numpy as np
import pytest

from graphs.algorithms.pruning import PruningRules, RobustRules, Rules
from graphs.algorithms.tally import Vote
from reports.algorithms.split_half import Held, halves, split_half
from tests.graphs.algorithms.ballots import votes


def held(cast: list[Vote], rules: Rules, *, splits: int = 10) -> Held:
    return split_half(cast, {"": rules}, splits=splits, seed=0).held[""]


def test_the_two_halves_hold_every_vote_once() -> None:
    for one, other in halves(votes(1, 2, wiser=7, not_wiser=2, unsure=4), splits=3, seed=0):
        for name, counts in (
            ("wiser", [7, 0]), ("not_wiser", [2, 0]), ("less_wise", [0, 7]), ("unsure", [4, 0]), ("impressions", [13, 13]),
            ("deciders", [9, 7]),
        ):  # fmt: skip
            assert (getattr(one, name) + getattr(other, name)).tolist() == counts


def test_half_of_the_people_are_on_each_side_with_all_their_votes() -> None:
    for one, other in halves([*votes(1, 2, wiser=9), *votes(2, 3, wiser=9)], splits=2, seed=0):
        assert one.deciders.tolist() == [4] * 4 and other.deciders.tolist() == [5] * 4


def test_the_split_is_the_one_that_the_seed_says() -> None:
    found = [int(one.wiser[0]) for one, _other in halves(votes(1, 2, wiser=1, not_wiser=9), splits=30, seed=7)]
    first = [np.random.default_rng([7, split]).permutation(10)[:5] for split in range(30)]
    assert found == [int(0 in drawn) for drawn in first]


def test_the_order_of_votes_does_not_matter() -> None:
    cast = [*votes(1, 2, wiser=12, not_wiser=2), *votes(2, 3, wiser=5, unsure=3)]
    assert held(cast, PruningRules()) == held(cast[::-1], PruningRules())


def test_a_person_who_judges_a_pair_in_two_situations_decides_once() -> None:
    cast = [Vote(person, 1, 2, context, "upgrade") for person in range(8) for context in ("alone", "together")]
    one, _other = next(halves(cast, splits=1, seed=0))
    assert (one.wiser[0], one.deciders[0]) == (8, 4)


def test_what_all_say_is_confirmed_and_kept_again() -> None:
    found = held(votes(1, 2, wiser=40), RobustRules())
    assert (found.kept.mean, found.confirmed.mean, found.kept_again.mean, found.halves_at_least_90) == (1, 1, 1, 1)
    assert found.confirmed.sd == 0


def test_each_split_is_looked_at_from_both_sides() -> None:
    """Of 23 people the smaller half has eleven: both halves keep the arrow, and both count."""
    found = split_half(votes(1, 2, wiser=23), {"": RobustRules()}, least=(12,), splits=4, seed=0)
    assert found.held[""].kept.mean == 1
    assert found.base_rates[12].mean == 1


def test_an_arrow_that_the_other_half_did_not_decide_on_is_not_confirmed() -> None:
    """Of four people two judge a pair: a half that has both keeps the arrow, and the other has nothing."""
    found = held([*votes(1, 2, wiser=2), *votes(3, 4, unsure=2, first=3)], PruningRules(), splits=20)
    assert found.kept.high == 1
    assert (found.confirmed.mean, found.confirmed_of_decided.mean) == (0, None)


def test_even_votes_are_kept_by_no_half_and_have_no_rate() -> None:
    found = held(votes(1, 2, wiser=20, not_wiser=20), RobustRules(max_q=1e-9))
    assert (found.kept.mean, found.confirmed.mean, found.halves_at_least_90) == (0, None, None)


def test_the_base_rate_asks_for_decided_answers_on_one_half_alone() -> None:
    """Two people say wiser of one pair, and one of them of another: one half has one pair confirmed of two, the other one
    of one."""
    found = split_half([*votes(1, 2, wiser=2), *votes(3, 4, wiser=1)], {}, least=(1, 2), splits=50, seed=0)
    assert found.base_rates[1][:1] + found.base_rates[1][2:] == (0.75, 0.5, 1)
    assert found.base_rates[2].mean is None


def test_one_person_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="halves"):
        held([Vote(1, 1, 2, "When in doubt", "upgrade")], RobustRules())


@pytest.mark.parametrize(("many", "robust", "pruned"), [(10, 0, 1), (12, 1, 1), (3, 0, 0.5)])
def test_a_half_is_judged_as_a_graph_of_its_own(many: int, robust: float, pruned: float) -> None:
    """Half of 2k unanimous votes is k: kept from six on (both directions are tested: 2 / 2⁶ < .05), and by the trial's
    rules from two on."""
    assert held(votes(1, 2, wiser=many), RobustRules()).kept.mean == robust
    assert held(votes(1, 2, wiser=many), PruningRules()).kept.mean == pruned
