"""An answer while it is being given: whole sentences out of pieces, a text field out of unfinished JSON."""

import json
import re
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Generic, TypeVar

from llm_client.answers import Unusable, check_text

T = TypeVar("T")

LONGEST = 1_000
# A full stop after a single letter or digit is an abbreviation or a list number, not an end.
END = re.compile(
    r"""(?: (?<![.!?…]) (?:(?<!\b\w)\.|[!?…]) [.!?…]*+ ["'”’»)\]]*+ \s++
          | [。！？]++ [」』”）]*+ \s*+
          | \n\s*+
        ) (?=(\S))""",
    re.VERBOSE,
)


def sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the text of the pieces a whole sentence at a time, with the space after it; nothing is added or lost.

    Where one ends depends on the text alone, not on how it was cut into pieces. A sentence longer than 1 000
    characters is yielded in parts. If `pieces` raises, so does this, and the unfinished sentence is not yielded.
    """
    rest = ""
    for piece in pieces:
        rest += piece
        while (end := _first_end(rest)) > 0:
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _first_end(text: str) -> int:
    """Return where the first sentence ends, 0 if that cannot be told yet."""
    for found in END.finditer(text, 0, LONGEST + 1):
        if not found[1].islower():
            return found.end()
    return LONGEST if len(text) > LONGEST else 0


def text_field(pieces: Iterable[str], name: str) -> Iterator[str]:
    """Yield the text of a JSON object's first property as its pieces come, and end where that text ends.

    Yields nothing if the object does not begin with that property. Raises Unusable for text that is cut or not JSON.
    """
    opening = re.compile(r"\s*(?:```(?:json)?\s*)?\{\s*" + re.escape(json.dumps(name)) + r'\s*:\s*"')
    rest, is_open = "", False
    for piece in pieces:
        rest += piece
        if not is_open:
            start = opening.match(rest)
            if start is None:
                if len(rest) > LONGEST:
                    return
                continue
            rest, is_open = rest[start.end() :], True
        ready = READY.match(rest)
        assert ready is not None
        rest = rest[ready.end() :]
        if ready[0]:
            yield check_text(json.loads(f'"{ready[0]}"'))
        if rest.startswith('"'):
            return
        if rest and not UNFINISHED.fullmatch(rest):
            raise Unusable(f"{name}: not valid JSON")
    if is_open:
        raise Unusable(f"{name}: cut short")


# Plain characters and whole escapes. A surrogate pair counts as one, so that half of it waits for the other half.
READY = re.compile(
    r"""(?:[^"\\\x00-\x1f]++ | \\["\\/bfnrt]
        | \\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}
        | \\u(?![dD][89abAB])[0-9a-fA-F]{4})*+""",
    re.VERBOSE,
)
UNFINISHED = re.compile(r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)?")


class StreamedAnswer(Generic[T]):
    """An answer that is iterated while it is given; afterwards it is whole, with its record.

    An error is raised by the iteration, after whatever was already given; the answer is then not complete and never
    will be.
    """

    def __init__(self, run: Generator[str, None, tuple[T, Any]]) -> None:
        self._run = run
        self._result: tuple[T, Any] | None = None

    def __iter__(self) -> Iterator[str]:
        self._result = yield from self._run

    @property
    def is_complete(self) -> bool:
        return self._result is not None

    @property
    def answer(self) -> T:
        """The whole answer. Raises RuntimeError before the end."""
        return self._whole()[0]

    @property
    def call(self) -> Any:
        """What the ledger returned for the call. Raises RuntimeError before the end."""
        return self._whole()[1]

    def _whole(self) -> tuple[T, Any]:
        if self._result is None:
            raise RuntimeError("the answer is not complete")
        return self._result
