import pytest

from reports.algorithms.bridging import Judgement, bridges, published_query


def say(first: int, many: int, group: str, source: int, target: int, answer: str = "upgrade") -> list[Judgement]:
    """Return judgements of different people; `first` is the number of the first."""
    return [Judgement(first + i, group, source, target, answer) for i in range(many)]


def test_a_row_is_two_people_of_either_group_who_start_from_different_values() -> None:
    said = [*say(1, 2, "a", 1, 9), *say(3, 3, "b", 2, 9), *say(6, 1, "b", 1, 9), *say(7, 1, "c", 3, 9)]
    found = published_query(said, ("a", "b"), wiser_only=False)
    assert found.rows == 6
    assert found.combinations == {(1, 2, 9): ({1, 2}, {3, 4, 5})}
    assert (found.first, found.second) == ({1, 2}, {3, 4, 5})


def test_judging_stories_to_different_values_makes_no_row() -> None:
    said = [*say(1, 2, "a", 1, 9), *say(3, 2, "b", 2, 8)]
    assert published_query(said, ("a", "b"), wiser_only=False).rows == 0


def test_the_published_query_takes_a_no_for_agreement_and_the_mended_one_does_not() -> None:
    said = [*say(1, 1, "a", 1, 9), *say(2, 1, "b", 2, 9), *say(3, 1, "b", 2, 9, "no_upgrade")]
    assert published_query(said, ("a", "b"), wiser_only=False).rows == 2
    assert published_query(said, ("a", "b"), wiser_only=True).rows == 1


def test_which_group_comes_first_does_not_change_the_rows() -> None:
    said = [*say(1, 2, "a", 1, 9), *say(3, 3, "b", 2, 9)]
    assert published_query(said, ("b", "a"), wiser_only=True).rows == 6


def test_a_bridge_is_as_sure_as_its_weaker_side() -> None:
    said = [*say(1, 10, "a", 1, 9), *say(11, 5, "b", 2, 9)]
    [bridge] = bridges(said, (), across=("a", "b"), least=5)
    assert bridge.target == 9 and bridge.q == pytest.approx(1 / 32)
    assert [(side.source, side.group, side.wiser, side.decided) for side in bridge.sides] == [
        (1, "a", 10, 10),
        (2, "b", 5, 5),
    ]


def test_the_same_start_is_no_bridge_and_neither_is_the_same_group() -> None:
    said = [*say(1, 6, "a", 1, 9), *say(7, 6, "b", 1, 9), *say(13, 6, "a", 2, 9)]
    [bridge] = bridges(said, (), across=("a", "b"), least=5)
    assert [(side.source, side.group) for side in bridge.sides] == [(1, "b"), (2, "a")]


def test_among_everyone_groups_do_not_matter() -> None:
    said = [*say(1, 3, "a", 1, 9), *say(4, 3, "b", 1, 9), *say(7, 3, "a", 2, 9), *say(10, 3, "", 2, 9)]
    [bridge] = bridges(said, (), across=None, least=5)
    assert [(side.source, side.group, side.decided) for side in bridge.sides] == [(1, None, 6), (2, None, 6)]


def test_a_side_of_few_and_a_hidden_one_make_no_bridge() -> None:
    said = [*say(1, 6, "a", 1, 9), *say(7, 4, "b", 2, 9), *say(11, 6, "b", 3, 9)]
    assert len(bridges(said, (), across=("a", "b"), least=5)) == 1
    assert bridges(said, {(3, 9, "b")}, across=("a", "b"), least=5) == []


def test_who_is_not_sure_counts_on_no_side() -> None:
    said = [*say(1, 5, "a", 1, 9), *say(6, 4, "b", 2, 9), *say(10, 3, "b", 2, 9, "not_sure")]
    assert bridges(said, (), across=("a", "b"), least=5) == []


def test_many_bridges_are_tested_as_one_family() -> None:
    said = [*say(1, 5, "a", 1, 9), *say(6, 5, "b", 2, 9), *say(11, 5, "a", 1, 8), *say(16, 2, "b", 2, 8)]
    said += say(18, 3, "b", 2, 8, "no_upgrade")
    sure, unsure = bridges(said, (), across=("a", "b"), least=5)
    assert sure.target == 9 and sure.q == pytest.approx(2 / 32)
    assert unsure.target == 8 and unsure.q > 0.5
