import contextlib
import enum
import json
import math
import unicodedata
from typing import Any

import numpy as np
import pytest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from hypothesis import example, given
from hypothesis import strategies as st

from core.canonical import (
    canonical_bytes,
    sha256_of,
    unchanged,
    written,
    written_lists,
    written_numbers,
    written_rows,
    written_texts,
)
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


class Size(enum.IntEnum):
    SMALL = 1


class Answer(enum.StrEnum):
    CAFE = "cafe\u0301"


def plain(value: Any) -> Any:
    """What a body is as the JSON encoder takes it: the rules of canonical bytes, one after the other."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, float):
        rounded = round(value, 12)
        return int(rounded) if rounded == int(rounded) else rounded
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def expected(value: Any) -> bytes:
    text = json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{text}\n".encode()


@given(BODIES)
def test_bytes_are_those_of_the_json_encoder(body: Any) -> None:
    with contextlib.suppress(UnicodeEncodeError):  # lone surrogates never pass the text gate
        assert canonical_bytes(body) == expected(body)
        assert canonical_bytes({"rows": iter([body])}) == expected({"rows": [body]})


@given(st.floats(-2000, 2000) | st.floats(-1e-3, 1e-3) | st.integers(-(10**7), 10**7).map(lambda n: n / 10**4))
@example(0.0001)
@example(0.000099999999999999)
@example(999.9999999999995)
@example(999.9999999999994)
@example(1000.0)
@example(5e-13)
@example(100.0)
def test_a_float_is_written_as_it_is_rounded(number: float) -> None:
    assert canonical_bytes([number, np.float64(number)]) == expected([number, np.float64(number)])


@pytest.mark.parametrize(
    "value",
    [
        (1, ("a",)),
        [True, False, None, Size.SMALL, Answer.CAFE, SafeString("<b>e\u0301</b>"), '\n\u0301"\x00\u2028'],
        {Answer.CAFE: 1, "cafe": 2, "caff": 3},
        {"e\u0301": 1, "\u00e9": 2, "f": 3, "e": 4},
        {"\u00e9": 2, "e\u0301": 1},
        {str(n): {"k": n} for n in range(300)},
        [1e300, 10**200, -(2**70), {}, [], "", ()],
    ],
)
def test_kinds_of_text_numbers_and_lists_are_written_as_what_they_are(value: object) -> None:
    assert (
        canonical_bytes(value) == canonical_bytes({"a": value})[len('{"a":') : -len("}\n")] + b"\n" == expected(value)
    )


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        -math.inf,
        np.float64("nan"),
        {1: 2},
        [{1: 2}],
        {None: 2},
        {"a": object()},
        {1, 2},
        b"a",
        np.int64(1),
        np.array([1]),
        gettext_lazy("Yes"),
        [iter([1])],
    ],
)
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
    rows = [{"b": 1.50, "a": ["e\u0301"]}, {}, *range(250)]
    assert canonical_bytes({"rows": iter(rows), "z": {}, "a": 1}) == canonical_bytes({"rows": rows, "z": {}, "a": 1})
    assert canonical_bytes({"rows": iter([])}) == canonical_bytes({"rows": []})


TEXTS = ["a", 'e\u0301"', "\u00e9"]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.floats(allow_nan=False, allow_infinity=False),
            st.sampled_from(TEXTS),
            st.lists(st.integers(0, 2)),
        )
    )
)
def test_rows_of_columns_are_written_as_the_dicts_that_they_are(rows: list[tuple[int, float, str, list[int]]]) -> None:
    names = ("n", "\u00e9", "a", "list")
    columns = (
        written_numbers(np.array([row[0] for row in rows], np.int32)),
        written_numbers(np.array([row[1] for row in rows], float)),
        written_texts([row[2] for row in rows]),
        written_lists([row[3] for row in rows], TEXTS),
    )
    plainly = [dict(zip(names, (*row[:3], [TEXTS[place] for place in row[3]]), strict=True)) for row in rows]
    body = {"rows": iter(written_rows(dict(zip(names, columns, strict=True))))}
    assert canonical_bytes(body) == expected({"rows": plainly})


def test_a_row_leaves_out_what_it_has_nothing_of() -> None:
    assert written_rows({"b": ["", "1", ""], "a": ["[]", "", ""]}) == ['{"a":[]}', '{"b":1}', "{}"]


def test_of_numbers_in_a_column_what_is_none_is_null() -> None:
    assert written_numbers(np.array([0.5, math.nan, -0.0, 0.0])) == ["0.5", "null", "0", "0"]
    with pytest.raises(ValueError):
        written_numbers(np.array([0.5, math.inf]))


def test_what_is_written_already_goes_in_as_it_is() -> None:
    part = written({"b": [1.50, "e\u0301"], "a": None})
    assert canonical_bytes({"x": part, "y": [part]}) == expected({"x": json.loads(part), "y": [json.loads(part)]})
