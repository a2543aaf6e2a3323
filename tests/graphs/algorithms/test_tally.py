import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graphs.algorithms.tally import EdgeTally, Vote, Votes, distinct, entropy, net_support, order_by, places_of, tally
from tests.graphs.algorithms.ballots import elections, votes

SAFE, FREE = 1, 2
A, B, C = "When alone", "When together", "When far away"


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
    assert tallies[SAFE, FREE].deciders == 3
    assert tallies[FREE, SAFE].deciders == 2


def test_one_person_in_two_contexts_is_two_answers_and_one_decider() -> None:
    edge = tally([Vote(1, SAFE, FREE, A, "upgrade"), Vote(1, SAFE, FREE, B, "upgrade")])[SAFE, FREE]
    assert (edge.wiser, edge.deciders) == (2, 1)


def test_pairs_are_sorted_and_those_asked_about_can_be_had_as_they_first_appear() -> None:
    found = tally([Vote(1, 3, 1, B, "upgrade"), Vote(2, 2, 1, A, "upgrade"), Vote(3, 3, 1, A, "no_upgrade")])
    pairs = list(found)
    assert pairs == [(1, 2), (1, 3), (2, 1), (3, 1)]
    assert [pairs[place] for place in found.asked] == [(3, 1), (2, 1)]


def test_contexts_come_as_they_first_appear_those_of_the_other_direction_last() -> None:
    election = [Vote(1, 1, 3, C, "upgrade"), Vote(2, 3, 1, B, "upgrade"), Vote(3, 3, 1, A, "no_upgrade")]
    found = tally([*election, Vote(4, 1, 3, B, "upgrade")])
    assert found[3, 1].contexts == [B, A, C]
    assert found[1, 3].contexts == [C, B, A]


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
        assert sorted(edge.contexts) == sorted(other.contexts)
        assert replace(edge, contexts=[]) == replace(other, contexts=[])


@given(elections())
def test_less_wise_is_wiser_of_the_other_direction_and_impressions_are_equal(election: list[Vote]) -> None:
    found = tally(election)
    for (source, target), edge in found.items():
        back = found[target, source]
        assert edge.less_wise == back.wiser
        assert edge.impressions == back.impressions


@given(elections())
def test_arrays_of_counts_say_what_the_tallies_say(election: list[Vote]) -> None:
    counts = found = tally(election)
    assert counts.decided.tolist() == [edge.decided for edge in found.values()]
    np.testing.assert_allclose(counts.entropy(), [entropy(edge) for edge in found.values()], atol=1e-12)
    supports = [net_support(edge) if edge.answers else 0 for edge in found.values()]
    np.testing.assert_allclose(counts.net_support, supports, atol=1e-12)


@given(elections())
def test_pairs_are_of_several_contexts_whose_tallies_name_several(election: list[Vote]) -> None:
    found = tally(election)
    assert found.is_of_several_contexts.tolist() == [len(edge.contexts) > 1 for edge in found.values()]
    assert found.places(found.targets, found.sources).tolist() == found.back.tolist()


def by_hand(election: list[Vote]) -> dict[tuple[int, int], EdgeTally]:
    """Count one vote after the other, as the trial's own code does."""
    pairs: dict[tuple[int, int], EdgeTally] = {}
    deciders: dict[tuple[int, int], set[int]] = {}

    def note(pair: tuple[int, int], vote: Vote, name: str, decides: bool) -> None:
        edge = pairs.setdefault(pair, EdgeTally())
        edge.impressions += 1
        if name:
            setattr(edge, name, getattr(edge, name) + 1)
        if vote.context not in edge.contexts:
            edge.contexts.append(vote.context)
        people = deciders.setdefault(pair, set())
        people |= {vote.voter} if decides else set()
        edge.deciders = len(people)

    for vote in election:
        name = {"upgrade": "wiser", "no_upgrade": "not_wiser"}.get(vote.answer, "unsure")
        note((vote.source, vote.target), vote, name, decides=name != "unsure")
    for vote in election:
        upgrade = vote.answer == "upgrade"
        note((vote.target, vote.source), vote, "less_wise" if upgrade else "", decides=upgrade)
    return pairs


@given(elections())
def test_all_at_once_is_as_one_after_the_other(election: list[Vote]) -> None:
    expected = by_hand(election)
    found = tally(election)
    assert dict(found) == expected
    asked = dict.fromkeys((vote.source, vote.target) for vote in election)
    pairs = list(found)
    assert [pairs[place] for place in found.asked] == list(asked)


def test_numbers_may_be_as_large_as_a_database_holds() -> None:
    largest = 2**31 - 1
    found = tally([Vote(largest, largest, 7, A, "upgrade"), Vote(2, largest, 7, B, "not_sure")])
    assert dict(found) == by_hand([Vote(largest, largest, 7, A, "upgrade"), Vote(2, largest, 7, B, "not_sure")])


def test_a_pair_that_nobody_judged_is_not_there() -> None:
    found = tally(votes(1, 2, wiser=1))
    for pair in ((1, 3), (-1, 2), (2, 10**12)):
        assert pair not in found


def test_an_answer_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="perhaps"):
        tally([Vote(1, SAFE, FREE, A, "perhaps")])


@given(elections())
def test_votes_are_the_same_as_columns(election: list[Vote]) -> None:
    assert list(Votes.of(election)) == election


@pytest.mark.parametrize("far", [0, 10**9], ids=["close together", "far apart"])
def test_numbers_in_columns_are_known_by_their_places(far: int) -> None:
    numbers, (first, second) = places_of(np.array([7, 3, 7]), np.array([3 + far, 5]))
    assert numbers.tolist() == sorted({3, 5, 7, 3 + far})
    assert numbers[first].tolist() == [7, 3, 7] and numbers[second].tolist() == [3 + far, 5]
    assert distinct(np.array([7, 3, 7, 3 + far, 5])).tolist() == numbers.tolist()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**31))), st.sampled_from([0, 29, 31]))
@example([(3, 2**31), (3, 2**31), (0, 1)], 29)
def test_rows_are_ordered_by_one_column_after_the_other(rows: list[tuple[int, int]], shift: int) -> None:
    first, second = np.array(rows, np.int64).reshape(-1, 2).T
    places = order_by(first << shift, second)
    assert places.tolist() == sorted(range(len(rows)), key=lambda i: rows[i])
