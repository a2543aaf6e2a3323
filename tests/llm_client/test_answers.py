import json
import time
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from llm_client.answers import Unusable, read_answer, schema_of, storable
from tests.llm_client.conftest import GREETING, Greeting

GOOD = GREETING.model_dump_json()


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    title: str = "none"
    colour: Colour = Field(description="of the leaf")


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Tree(BaseModel):
    leaves: list[Leaf] = Field(max_length=4)
    height: float | None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


def every_object(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for part in schema for found in every_object(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for part in schema.values() for found in every_object(part)]


def test_the_schema_requires_every_property_and_allows_no_other() -> None:
    objects = every_object(schema_of(Tree))
    assert len(objects) == 4
    for part in objects:
        assert part["required"] == list(part["properties"])
        assert part["additionalProperties"] is False


def test_a_property_may_be_called_like_a_keyword() -> None:
    assert list(schema_of(Tree)["$defs"]["Leaf"]["properties"]) == ["title", "colour"]


def test_the_schema_holds_nothing_that_strict_modes_refuse() -> None:
    text = json.dumps(schema_of(Tree)) + json.dumps(schema_of(Greeting))
    assert not [word for word in ("oneOf", "default", "discriminator", "minLength", "maxLength") if word in text]
    assert schema_of(Tree)["$defs"]["Leaf"]["properties"]["colour"] == {"$ref": "#/$defs/Colour"}


def test_length_limits_are_told_in_words() -> None:
    assert schema_of(Greeting)["properties"]["say"]["description"] == "(at least 1, at most 2000 characters)"


@pytest.mark.parametrize("kind", [dict[str, int], tuple[int, str], Any])
def test_a_type_that_no_strict_schema_can_hold_is_refused(kind: Any) -> None:
    class Open(BaseModel):
        inside: kind

    with pytest.raises(TypeError, match="named properties"):
        schema_of(Open)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\ufeff \n{GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Here it is:\n\n```json\n{GOOD}\n```\nBye.",
    ],
)
def test_one_json_object_is_found_also_in_a_code_fence(text: str) -> None:
    assert read_answer(text, Greeting) == GREETING


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("I'd rather not.", "not JSON"),
        (f"Here it is: {GOOD}", "not JSON"),
        (f"{GOOD}{GOOD}", "not JSON"),
        (GOOD[:-3], "not JSON"),
        (f"```json\n{GOOD}\n```\nor\n```json\n{GOOD}\n```", "not JSON"),
        ("[]", "answer: Input should be"),
        ('{"say": "Hello"}', "mood: Field required"),
        ('{"say": "Hello", "mood": 9}', "mood: Input should be less"),
        ('{"say": "Hello", "mood": 3, "vote": "yes"}', "vote: Extra inputs"),
        ('{"say": "Hello", "mood": 3, "mood": 4}', "twice"),
        ('{"say": "Hello", "mood": NaN}', "NaN"),
        ('{"say": "Hello", "mood": -Infinity}', "Infinity"),
        ('{"say": "Hello", "mood": 1e999}', "too large"),
        ('{"say": "Hello", "mood": ' + "9" * 5000 + "}", "too many digits"),
        ('{"say": "a\\u0000b", "mood": 3}', "characters that are none"),
        ('{"say": "a\\ud800b", "mood": 3}', "characters that are none"),
        ('{"say": "Hello", "mood": 3, "\\udfff": 1}', "characters that are none"),
        ('{"say": "a\x00b", "mood": 3}', "not JSON"),
        ('{"say": ' + "[" * 100_000, "too many parts"),
        ('{"say": ' + "[" * 10_000 + "]" * 10_000 + "}", "too deeply"),
        ('{"say": ' + "[" * 40 + "]" * 40 + "}", "too deeply"),
    ],
)
def test_anything_else_is_unusable_and_says_why(text: str, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        read_answer(text, Greeting)


@pytest.mark.parametrize("part", ["[", '{"a":', "[1,", "```", "9", "\\u0000", '"', " "])
def test_two_megabytes_of_anything_are_refused_within_a_second(part: str) -> None:
    begun = time.monotonic()
    for text in (part * (2_000_000 // len(part)), '{"say": ' + part * (2_000_000 // len(part))):
        with pytest.raises(Unusable):
            read_answer(text, Greeting)
    assert time.monotonic() - begun < 1


@given(st.text(max_size=50))
def test_no_text_makes_reading_fail_in_another_way(text: str) -> None:
    for attempt in (text, "{" + text, f'{{"say": "{text}", "mood": 3}}', f'{{"say": "a", "mood": {text}}}'):
        try:
            answer = read_answer(attempt, Greeting)
        except Unusable:
            continue
        answer.say.encode()


def test_what_no_database_stores_is_replaced() -> None:
    assert storable("a\0b\ud800c\U0001f600") == "a\ufffdb\ufffdc\U0001f600"
