import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.algorithms.lookup import Lookup


def test_each_key_gives_what_the_table_has_or_itself() -> None:
    assert Lookup({7: 1, 3: 9}).of(np.array([3, 7, 5, 8, 2])).tolist() == [9, 1, 5, 8, 2]


@given(
    st.dictionaries(st.integers(-(10**9), 10**9) | st.integers(1, 60), st.integers(-(10**9), 10**9)),
    st.lists(st.integers(-(10**9), 10**9) | st.integers(-9, 99)),
)
def test_near_numbers_and_far_ones_are_found_alike(table: dict[int, int], keys: list[int]) -> None:
    keys += list(table)
    assert Lookup(table).of(np.array(keys, np.int64)).tolist() == [table.get(key, key) for key in keys]


def test_an_empty_table_changes_nothing() -> None:
    assert Lookup({}).of(np.array([4, 2])).tolist() == [4, 2]
