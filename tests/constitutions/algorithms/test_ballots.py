from hypothesis import given
from hypothesis import strategies as st

from constitutions.algorithms.ballots import packed

Cells = st.sets(st.tuples(st.integers(0, 12), st.integers(0, 60)), max_size=300).map(sorted)


@given(Cells)
def test_every_cell_is_asked_once_within_the_limits(cells: list[tuple[int, int]]) -> None:
    calls = list(packed(cells, most_pairs=5, most_cells=40))
    assert sorted(cell for call in calls for cell in call) == cells
    for call in calls:
        assert len(call) <= 40
        assert len({place for place, _principle in call}) <= 5


def test_comparisons_share_a_call_where_they_fit() -> None:
    assert len(list(packed([(place, 0) for place in range(10)]))) == 2
    assert len(list(packed([(place, principle) for place in range(3) for principle in range(30)]))) == 3
    assert len(list(packed([(0, principle) for principle in range(81)]))) == 3
