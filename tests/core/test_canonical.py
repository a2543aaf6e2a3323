import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import canonical_bytes, sha256_of, unchanged
from core.problems import Problem

BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical_bytes({"b": 1, "a": 2}) == canonical_bytes({"a": 2, "b": 1}) == b'{"a":2,"b":1}\n'


def test_the_order_of_a_list_does() -> None:
    assert sha256_of([1, 2]) != sha256_of([2, 1])


def test_floats_are_rounded_to_twelve_places_and_whole_ones_are_integers() -> None:
    assert canonical_bytes([0.1 + 0.2, 2.0, -0.0, 1 / 3]) == b"[0.3,2,0,0.333333333333]\n"


def test_one_text_has_one_form() -> None:
    assert canonical_bytes("cafe\u0301") == canonical_bytes("caf\u00e9") == '"caf\u00e9"\n'.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, {1: 2}, {"a": object()}, {1, 2}])
def test_what_json_does_not_know_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_bytes(value)


@given(BODIES)
def test_the_same_body_gives_the_same_bytes(body: object) -> None:
    with contextlib.suppress(UnicodeEncodeError):  # lone surrogates never pass the text gate
        assert canonical_bytes(body) == canonical_bytes(body)


def test_a_stored_body_is_read_only_while_it_is_what_was_hashed() -> None:
    body = canonical_bytes({"a": 1}).decode()
    assert unchanged(body, sha256_of({"a": 1})) == body
    with pytest.raises(Problem) as caught:
        unchanged(body.replace("1", "2"), sha256_of({"a": 1}))
    assert caught.value.name == "damaged"


def test_a_list_may_come_item_by_item() -> None:
    rows = [{"b": 1.50, "a": ["e\u0301"]}, {}]
    assert canonical_bytes({"rows": iter(rows), "z": {}, "a": 1}) == canonical_bytes({"rows": rows, "z": {}, "a": 1})
    assert canonical_bytes({"rows": iter([])}) == canonical_bytes({"rows": []})
