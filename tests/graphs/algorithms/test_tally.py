import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.algorithms.tally import EdgeTally, Vote, counts_of, entropy, net_support, tally
from tests.graphs.algorithms.ballots import elections, votes

SAFE, FREE = 1, 2
A, B = "When alone", "When together"


@pytest.fixture
def four_votes() -> list[Vote]:
    """Two say that free is wiser than safe, of whom one is asked the other way round; one says no; one is not sure."""
    return [
        Vote(1, SAFE, FREE, A, "upgrade"),
        Vote(2, SAFE, FREE, B, "no_upgrade"),
        Vote(3, FREE, SAFE, B, "upgrade"),
        Vote(4, SAFE, FREE, A, "it_depends"),
    ]


def test_a_pair_counts_what_was_answered_in_both_directions(four_votes: list[Vote]) -> None:
    edge = tally(four_votes)[SAFE, FREE]
    assert (edge.wiser, edge.not_wiser, edge.less_wise, edge.unsure, edge.impressions) == (1, 1, 1, 1, 4)


def test_no_and_not_sure_of_the_other_direction_are_impressions_only(four_votes: list[Vote]) -> None:
    edge = tally(four_votes)[FREE, SAFE]
    assert (edge.wiser, edge.not_wiser, edge.less_wise, edge.unsure, edge.impressions) == (1, 0, 1, 0, 4)


def test_deciders_are_people_whose_answer_bears_on_the_direction(four_votes: list[Vote]) -> None:
    tallies = tally(four_votes)
    assert tallies[SAFE, FREE].deciders == {1, 2, 3}
    assert tallies[FREE, SAFE].deciders == {1, 3}


def test_one_person_in_two_contexts_is_two_answers_and_one_decider() -> None:
    edge = tally([Vote(1, SAFE, FREE, A, "upgrade"), Vote(1, SAFE, FREE, B, "upgrade")])[SAFE, FREE]
    assert (edge.wiser, len(edge.deciders)) == (2, 1)


def test_pairs_and_contexts_keep_the_order_in_which_they_first_appear() -> None:
    found = tally([Vote(1, 3, 1, B, "upgrade"), Vote(2, 2, 1, A, "upgrade"), Vote(3, 3, 1, A, "no_upgrade")])
    assert list(found) == [(3, 1), (2, 1), (1, 3), (1, 2)]
    assert found[3, 1].contexts == [B, A]


def test_a_mirrored_pair_was_not_asked() -> None:
    found = tally(votes(SAFE, FREE, wiser=2))
    assert found[SAFE, FREE].was_asked and not found[FREE, SAFE].was_asked


def test_net_support_is_one_for_unanimous_and_minus_one_for_reversed() -> None:
    found = tally(votes(SAFE, FREE, wiser=3))
    assert net_support(found[SAFE, FREE]) == 1
    assert net_support(found[FREE, SAFE]) == -1


def test_net_support_needs_an_answer() -> None:
    with pytest.raises(ValueError, match="at least one answer"):
        net_support(EdgeTally(impressions=3))


def test_entropy_counts_impressions_as_a_fifth_answer_as_the_trial_did() -> None:
    # the first arrow of the published file: 3 wiser, 1 not sure, 4 impressions
    edge = tally(votes(167, 174, wiser=3, unsure=1))[167, 174]
    assert entropy(edge) == 1.4056390622295665
    assert net_support(edge) == 0.75


def test_entropy_of_one_direction_alone_is_one_plus_half_that_of_the_answers() -> None:
    edge = tally(votes(SAFE, FREE, wiser=2, not_wiser=1, unsure=1))[SAFE, FREE]
    of_answers = 0.5 * math.log2(2) + 2 * 0.25 * math.log2(4)
    assert entropy(edge) == pytest.approx(1 + of_answers / 2)


@given(elections(), st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter_to_counts(election: list[Vote], chance: st.DataObject) -> None:
    shuffled = list(election)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = tally(election), tally(shuffled)
    assert first.keys() == second.keys()
    for pair, edge in first.items():
        other = second[pair]
        assert counts_of({pair: edge}) == counts_of({pair: other})
        assert sorted(edge.contexts) == sorted(other.contexts)


@given(elections())
def test_less_wise_is_wiser_of_the_other_direction_and_impressions_are_equal(election: list[Vote]) -> None:
    found = tally(election)
    for (source, target), edge in found.items():
        back = found[target, source]
        assert edge.less_wise == back.wiser
        assert edge.impressions == back.impressions


@given(elections())
def test_arrays_of_counts_say_what_the_tallies_say(election: list[Vote]) -> None:
    found = tally(election)
    counts = counts_of(found)
    assert counts.decided.tolist() == [edge.decided for edge in found.values()]
    np.testing.assert_allclose(counts.entropy, [entropy(edge) for edge in found.values()], atol=1e-12)
    supports = [net_support(edge) if edge.answers else 0 for edge in found.values()]
    np.testing.assert_allclose(counts.net_support, supports, atol=1e-12)
