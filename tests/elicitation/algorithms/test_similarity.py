"""Texts are compared by their words, in blocks; duplicates are found exactly; groups hold what they promise."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elicitation.algorithms.similarity import (
    BLOCK,
    MOST_GROUPED,
    candidates,
    duplicates,
    groups,
    similarities,
    vectors,
)

TEXTS = [
    "Letting go\nMOMENTS when someone can still choose",
    "Letting go together\nMOMENTS when someone can still choose",
    "Clean water\nRIVERS that fish can live in",
    "",
]


def test_like_texts_come_first_and_unlike_ones_not_at_all() -> None:
    (only,) = candidates(TEXTS, least=0.3)
    assert (only.first, only.second) == (0, 1) and 0.3 < only.similarity < 1


def test_only_the_most_alike_are_kept_and_of_equals_the_first() -> None:
    found = candidates(["same words here"] * 40, least=0.3, most=5)
    assert [(c.first, c.second) for c in found] == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]


def test_pairs_over_many_blocks_are_those_of_the_whole_table() -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{w}" for w in rng.integers(0, 60, 8)) for _ in range(BLOCK + 90)]
    alike = np.triu(similarities(texts), 1)
    assert len(candidates(texts, least=0.4, most=10**6)) == int((alike >= 0.4).sum())


@pytest.mark.parametrize("text", ["", "…!", "   "])
def test_a_text_without_a_word_is_like_nothing(text: str) -> None:
    assert candidates([text, text, "words"], least=0.1) == []


def test_a_text_of_common_words_alone_is_still_like_its_copy() -> None:
    assert similarities(["to be or not to be", "to be or not to be", "rivers"])[0, 1] == pytest.approx(1)


def test_a_copy_of_a_text_changes_nothing_for_the_others() -> None:
    alone, copied = similarities(TEXTS), similarities([*TEXTS, TEXTS[2], TEXTS[2]])
    assert np.allclose(alone, copied[:4, :4])


@given(st.lists(st.text(alphabet="abc ", max_size=12), min_size=1, max_size=12), st.sampled_from([0.2, 0.5, 0.9]))
def test_every_two_texts_of_a_group_are_as_alike_as_was_asked(texts: list[str], least: float) -> None:
    alike = similarities(texts)
    found = groups(texts, least=least)
    assert sorted(place for group in found for place in group) == list(range(len(texts)))
    assert all(alike[a, b] >= least - 1e-9 for group in found for a, b in combinations(group, 2))


def test_pairs_that_are_to_stay_apart_are_in_no_group_together() -> None:
    texts = ["same words here"] * 4
    assert groups(texts) == [[0, 1, 2, 3]]
    for group in groups(texts, apart=[(2, 0)]):
        assert not {0, 2} <= set(group)


def test_too_many_texts_to_group_are_refused() -> None:
    with pytest.raises(ValueError, match="grouping takes"):
        groups(["a b"] * (MOST_GROUPED + 1))


def test_duplicates_are_the_planted_groups_whatever_their_order() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((150, 32)).astype(np.float32)
    rows = np.repeat(centres, 8, axis=0) + np.float32(0.1) * rng.standard_normal((1200, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    order = rng.permutation(1200)
    labels = duplicates(rows[order], least=0.9)
    assert len(set(labels)) == 150
    assert all(len({int(label) for label in labels[order // 8 == group]}) == 1 for group in range(150))


def test_duplicates_follow_chains_and_take_sparse_rows_too() -> None:
    chain = np.array([[1, 0], [0.8, 0.6], [0.28, 0.96], [-1, 0]], dtype=np.float32)
    assert duplicates(chain, least=0.79).tolist() == [0, 0, 0, 1]
    assert duplicates(vectors(TEXTS), least=0.3).tolist() == [0, 0, 1, 2]


def test_nothing_has_no_duplicates() -> None:
    assert duplicates(np.empty((0, 4), dtype=np.float32), least=0.5).tolist() == []
