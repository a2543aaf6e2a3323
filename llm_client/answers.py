"""From a type to the JSON schema that is sent, and from a model's text to a value of that type or to what is wrong."""

import json
import math
import re
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

A = TypeVar("A", bound=BaseModel)

MAX_DEPTH = 32
MAX_CONTAINERS = 20_000
MAX_DIGITS = 18  # what fits every database's integer
MAX_PROBLEMS = 10
UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# What strict modes of providers know; everything else of the type is checked by us when the answer comes.
KEYWORDS = {
    "$ref", "additionalProperties", "anyOf", "const", "description", "enum", "exclusiveMaximum", "exclusiveMinimum",
    "format", "items", "maxItems", "maximum", "minItems", "minimum", "multipleOf", "pattern", "properties", "required",
    "type",
}  # fmt: skip


class Unusable(ValueError):
    """A model's answer cannot be used; the text says why, to the model. `call` is its record, once there is one."""

    call: Any = None


@lru_cache(maxsize=256)
def schema_of(returns: type[BaseModel]) -> dict[str, Any]:
    """Return a type's JSON schema in the strict form: every property required, no other allowed.

    Length limits of strings, which strict modes refuse, become part of the description. Raises TypeError for a type
    that the strict form cannot hold: dicts with open keys, tuples.
    """
    whole = returns.model_json_schema()
    schema = _strict(whole)
    if "$defs" in whole:
        schema["$defs"] = {name: _strict(part) for name, part in whole["$defs"].items()}
    return schema


def _strict(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        return {"$ref": part["$ref"]}
    if "oneOf" in part:
        part = part | {"anyOf": part["oneOf"]}
    is_open = part.get("type") == "object" and "properties" not in part
    if is_open or "prefixItems" in part or "allOf" in part or not part.keys() & {"type", "anyOf", "enum", "const"}:
        raise TypeError(f"an answer type is made of named properties, lists and plain values; not so: {part}")
    schema = {key: value for key, value in part.items() if key in KEYWORDS}
    if "properties" in part:
        schema["properties"] = {name: _strict(value) for name, value in part["properties"].items()}
        schema["required"] = list(part["properties"])
        schema["additionalProperties"] = False
    if "items" in part:
        schema["items"] = _strict(part["items"])
    if "anyOf" in part:
        schema["anyOf"] = [_strict(value) for value in part["anyOf"]]
    if limits := [f"{words} {part[key]}" for key, words in _LENGTHS.items() if key in part]:
        schema["description"] = f"{part.get('description', '')} ({', '.join(limits)} characters)".strip()
    return schema


_LENGTHS = {"minLength": "at least", "maxLength": "at most"}


def read_answer(text: str, returns: type[A]) -> A:
    """Return the answer that a model's text holds. Raises Unusable, with the reasons, if it is not just that."""
    value = _parse(_bare(text))
    try:
        return returns.model_validate(value, extra="forbid")
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_PROBLEMS]
        ]
        raise Unusable("\n".join(problems)) from None


def check_text(text: str) -> str:
    """Return the text. Raises Unusable if it holds what cannot be stored or shown: NUL or half a surrogate pair."""
    if UNSTORABLE.search(text):
        raise Unusable("the answer holds characters that are none (NUL or half a surrogate pair)")
    return text


def storable(text: str) -> str:
    """Return the text with what no database stores replaced by the replacement character."""
    return UNSTORABLE.sub("\ufffd", text)


def _bare(text: str) -> str:
    """Return the JSON without a byte-order mark and without the one code fence that may stand round it."""
    text = text.removeprefix("\ufeff").strip()
    if not text:
        raise Unusable("the answer is empty")
    if not text.startswith("{"):
        parts = text.split("```", 3)
        if len(parts) == 3:
            return parts[1].removeprefix("json").strip()
    return text


def _parse(text: str) -> Any:
    if text.count("[") + text.count("{") > MAX_CONTAINERS:
        raise Unusable("the answer has too many parts")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except RecursionError:
        raise Unusable("the answer is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Unusable(f"the answer is not JSON and nothing but JSON: {error}") from None
    _check(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unusable("the answer has a property twice")
    return found


def _constant(name: str) -> Any:
    raise Unusable(f"{name} is no number")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise Unusable("a number has too many digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Unusable("a number is too large")
    return number


def _check(value: Any) -> None:
    """Raise Unusable for deep nesting and for text that cannot be stored."""
    waiting = [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Unusable("the answer is nested too deeply")
        inside = [*part, *part.values()] if isinstance(part, dict) else part if isinstance(part, list) else [part]
        for item in inside:
            if isinstance(item, str):
                check_text(item)
            elif isinstance(item, dict | list):
                waiting.append((item, depth + 1))
