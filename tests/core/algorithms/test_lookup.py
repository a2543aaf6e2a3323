import numpy as np

from core.algorithms.lookup import Lookup


def test_each_key_gives_what_the_table_has_or_itself() -> None:
    assert Lookup({7: 1, 3: 9}).of(np.array([3, 7, 5, 8, 2])).tolist() == [9, 1, 5, 8, 2]


def test_an_empty_table_changes_nothing() -> None:
    assert Lookup({}).of(np.array([4, 2])).tolist() == [4, 2]
