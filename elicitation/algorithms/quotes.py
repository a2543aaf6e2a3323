"""A person's own words: finding a quote in what they said, exactly, and finding what they said behind a line."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from elicitation.algorithms.difference import content_words

LEAST_LETTERS = 3


class Quote(NamedTuple):
    """Words of turn `turn`, character for character as they stand there."""

    turn: int
    text: str


# Typing habits that do not make a quote less verbatim: what is returned is always the person's own characters.
_SAME = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-"}
)
_AROUND = " \t\n\"'.,;:!?…-"
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*[\"'”’)]*")


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Return where `quote` stands in `text`, as (start, end) of the person's own characters, or None.

    White space, case and the form of quotation marks may differ; words, their order and everything between them may
    not. A quote begins and ends at the edge of a word and has at least 3 letters. The first place counts.
    """
    wanted, _places = _folded(quote.strip(_AROUND + "“”’‘«»„"))
    if sum(char.isalnum() for char in wanted) < LEAST_LETTERS:
        return None
    said, places = _folded(text)
    at = said.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if not _cuts_a_word(said, at) and not _cuts_a_word(said, end):
            return places[at], places[end - 1] + 1
        at = said.find(wanted, at + 1)
    return None


def own_quote(quote: str, turns: Mapping[int, str], *, turn: int | None = None) -> Quote | None:
    """Return the quote as the person wrote it, looking first in `turn`, then in all of `turns`; None if they did not."""
    order = sorted(turns, key=lambda number: (number != turn, number))
    for number in order:
        if span := find_quote(quote, turns[number]):
            return Quote(number, turns[number][slice(*span)])
    return None


def quotes_behind(line: str, turns: Mapping[int, str], *, most: int = 2) -> list[Quote]:
    """Return the person's own sentences that share the most content words with a line of a card, at most `most`.

    A sentence counts only if it holds at least two of the line's content words, or its only one. The line may then
    stand on them; whether it does is for the person to say.
    """
    words = content_words(line)
    if not words:
        return []
    found = []
    for number in sorted(turns):
        for sentence in sentences(turns[number]):
            shared = len(words & content_words(sentence))
            if shared >= min(2, len(words)):
                found.append((-shared, number, sentence))
    return [Quote(number, sentence) for _shared, number, sentence in sorted(found)[:most]]


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, each as it stands there; a new line ends a sentence too."""
    for match in _SENTENCE.finditer(text):
        if any(char.isalnum() for char in match.group()):
            yield match.group().strip()


def _folded(text: str) -> tuple[str, list[int]]:
    """Return the text as it is compared, and for each of its characters the place in `text` that it comes from."""
    folded: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        if char.isspace():
            if folded and folded[-1] != " ":
                folded.append(" ")
                places.append(place)
            continue
        for piece in unicodedata.normalize("NFKD", char).casefold().translate(_SAME):
            folded.append(piece)
            places.append(place)
    return "".join(folded), places


def _cuts_a_word(text: str, at: int) -> bool:
    """Whether a cut here divides a word. Scripts without case may write without spaces, so there it never does."""
    if not 0 < at < len(text):
        return False
    if unicodedata.combining(text[at]):
        return True
    return all(char.isdecimal() or char.upper() != char.lower() for char in (text[at - 1], text[at]))
