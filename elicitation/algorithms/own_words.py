"""A card's lines from a person's own words, by plain rules of English: nothing is added but a word in capitals to begin
with ("he went quiet" → "SIGNS that he went quiet"). In other languages lines stay as they were written.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from elicitation.algorithms.quotes import sentences

MOST_LINE = 240

_UNSURE = re.compile(
    r"\W*(?:(?:well|um|hm+|honestly)\W+)?(?:i\s+)?(?:really\s+)?"
    r"(?:(?:don't|do not|dont)\s+(?:really\s+)?know|no idea|idk|dunno|(?:(?:i'm|i am|am)\s+)?not\s+(?:really\s+)?sure|hard to say|"
    r"no clue|can't\s+think of (?:any|one)\w*|pass)\b"
)
_NO_MORE = re.compile(
    r"\W*(?:no|nope|nothing|none|no more|nothing (?:else|more)|not really|that(?:'?s| is| was) (?:all|it|enough)|done|"
    r"i think that(?:'?s| is| was) (?:all|it))"
    r"(?:\W+(?:thanks|thank you|really|that(?:'?s| is| was) (?:all|it)))?\W*"
)
_LOST = re.compile(
    r"what do you mean|(?:don't|do not|dont) (?:get|understand) (?:the question|what you|this|it|that)|"
    r"^\W*(?:huh|what)\?*\W*$"
)
_NOD = re.compile(r"\W*(?:ok(?:ay)?|yes|yeah|yep|sure|fine|right|thanks|thank you)\W*")
_AVOIDS = re.compile(r"\W*(?:not|never|avoid\w*|don't|do not|dont|no|stop)\b")
_FEW_WORDS = 12


class Line(NamedTuple):
    """A line of a card, and the words of the person that it was made of, verbatim."""

    text: str
    said: str


def plain(text: str) -> str:
    """Return a text as the rules read it: small letters, straight apostrophes."""
    return text.lower().replace("’", "'")


def is_unsure(text: str) -> bool:
    """Whether an answer says "I don't know"."""
    return len(text.split()) <= _FEW_WORDS and bool(_UNSURE.match(plain(text)))


def has_no_more(text: str) -> bool:
    """Whether an answer says that there is nothing to add."""
    return bool(_NO_MORE.fullmatch(plain(text)))


def is_lost(text: str) -> bool:
    """Whether an answer says that the question was not understood."""
    return len(text.split()) <= _FEW_WORDS and bool(_LOST.search(plain(text)))


def avoids(text: str) -> bool:
    """Whether a text begins with what to stay away from."""
    return bool(_AVOIDS.match(plain(text)))


def says_nothing(text: str) -> bool:
    """Whether an answer has no content of its own."""
    return not text.strip() or is_unsure(text) or has_no_more(text) or is_lost(text)


def _names_nothing(text: str) -> bool:
    """Whether the person only nods, or asks back ("what else?")."""
    return bool(_NOD.fullmatch(plain(text))) or (text.endswith("?") and len(text.split()) <= 3)


def lines_of(text: str, *, english: bool = True) -> Iterator[Line]:
    """Yield the lines that an answer makes: one for each sentence, written line or part between semicolons."""
    for sentence in sentences(text):
        for part in sentence.split(";"):
            said = _BULLET.sub("", part).strip()
            if (
                said
                and not (english and (says_nothing(said) or _names_nothing(said)))
                and (line := _line(said, english))
            ):
                yield Line(line, said)


def first_words(text: str, most: int) -> str:
    """Return the first words of a text as a name: raised, without closing marks."""
    return raised(" ".join(text.strip(" .,;:!?\"'“”‘’").split()[:most]).rstrip(" ,;:"))


def raised(text: str) -> str:
    """Return the text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


_BULLET = re.compile(r"^\s*(?:[-*•·–—]+|\d{1,2}[.)]|[a-h][.)])\s*")
_LEAD_IN = re.compile(
    r"(?:and|also|then|so|well|maybe|perhaps|like|probably|mostly|first|second|third|i think|i guess|i mean|for example|"
    r"(?:i(?:'d| would|'ll| will)? (?:also )?)?(?:look(?:ed|ing)?(?: out)? (?:for|at)|watch(?:ing)?(?: out)? for|"
    r"listen(?:ing)? for|pay(?:ing)? attention to|keep(?:ing)? an eye on|notice|"
    r"(?:watch|check|see|listen|look|hear)(?:ing)?(?=\s+(?:whether|if|how|what|who|when)\b)))"
    r"(?:\s*[,:]\s*|\s+)",
    re.IGNORECASE,
)
_NAMED = {
    "moment": "MOMENTS", "moments": "MOMENTS", "time": "TIMES", "times": "TIMES", "day": "DAYS", "days": "DAYS",
    "sign": "SIGNS", "signs": "SIGNS", "way": "WAYS", "ways": "WAYS", "place": "PLACES", "places": "PLACES",
    "chance": "CHANCES", "chances": "CHANCES", "reason": "REASONS", "reasons": "REASONS",
}  # fmt: skip
_WITH_NAME = re.compile(
    rf"(?:the |a |any )?({'|'.join(_NAMED)})\s+(?=(?:when|where|that|which|in|of|to|for|how)\b)", re.IGNORECASE
)
_WOULD = re.compile(r"i(?:'d|'ll| will| can| could|(?: would)?(?: try to| want to| need to)| would)\s+", re.IGNORECASE)
_FIRST_WORDS = {
    "MOMENTS {}": frozenset({"when", "whenever"}),
    "SIGNS {}": frozenset({"that"}),
    "SIGNS of {}": frozenset("whether how what who whom why where which".split()),
    "SIGNS that {}": frozenset(
        "he she they it we you there everyone everybody nobody someone somebody people he's she's they're it's".split()
    ),
    "SIGNS in {}": frozenset("the his her their its my our your a an this these those".split()),
    "WAYS {}": frozenset({"to"}),
    "MOMENTS when {}": frozenset({"i", "i'm", "i've"}),
}
_VERBS = frozenset(
    """accept act admit allow answer apologise apologize ask be begin believe break bring build call calm care check choose
    come comfort cook decide do drive eat encourage explain face find finish follow forgive get give go help hold hug keep
    know laugh learn leave let listen live look make meet offer open pause play protect put read remember respect rest say
    share show sit slow speak spend stand start stay step support take talk teach tell think touch treat trust try turn
    understand use visit wait walk watch welcome work write""".split()
)
_NOT_DOING = frozenset(
    "thing something nothing anything everything feeling morning evening meaning wedding building sibling being".split()
)
_NOT_NOUNS = frozenset(
    """is was has does goes gets gives lets makes takes says asks tells feels keeps seems tries listens always perhaps yes
    this his its us thus""".split()
)
_JOINS = frozenset(
    """that when where who which whose of in on to for from with about behind under between after before and or like
    at""".split()
)
_SUBJECTS = frozenset("i he she they we".split())
_PLURAL_WITHOUT_S = frozenset({"people", "children", "women", "men"})


def _line(item: str, english: bool) -> str:
    """Return the line that an item makes, or "" if nothing is left of it."""
    rest = item.rstrip(" .,;:!…").replace("’", "'")
    if not english:
        return _cut(rest)
    before = ""
    while before != rest:
        before, rest = rest, _LEAD_IN.sub("", rest, count=1) if _LEAD_IN.match(rest) else rest
    if named := _WITH_NAME.match(rest):
        return _cut(f"{_NAMED[named.group(1).lower()]} {rest[named.end() :]}")
    if would := _WOULD.match(rest):
        rest = rest[would.end() :]
        return _cut(f"WAYS to {_small(rest)}") if rest else ""
    words = rest.split()
    if not words:
        return ""
    first = words[0].lower()
    if first == "if":
        return _cut("SIGNS of whether " + rest[3:])
    if first in ("someone", "somebody") and words[1:2] == ["who"]:
        return _cut(f"SIGNS of {_small(rest)}")
    if first == "people" and words[1:2] in (["who"], ["whose"]):
        return _cut("PEOPLE " + rest[7:])
    for frame, starts in _FIRST_WORDS.items():
        if first in starts:
            if frame == "SIGNS in {}" and _is_clause(words):
                frame = "SIGNS that {}"
            return _cut(frame.format(_small(rest)))
    if avoids(rest) or (words[0].isupper() and len(words[0]) > 1):
        return _cut(rest)
    if (size := _plural_head(words)) > 0:
        return _cut(" ".join([*(word.upper() for word in words[:size]), *words[size:]]))
    if first in _VERBS:
        return _cut(f"WAYS to {_small(rest)}")
    if first.endswith("ing") and len(first) > 5 and first not in _NOT_DOING:
        return _cut(f"WAYS of {_small(rest)}")
    is_short = len(words) <= 3 or any(word.lower() in _JOINS for word in words[1:3])
    return _cut(f"SIGNS of {_small(rest)}" if is_short else rest)


def _is_clause(words: Sequence[str]) -> bool:
    """Whether words that begin like "her hands" go on with what these do: "her hands shake", "his voice gets quiet"."""
    noun, after = (word.lower() for word in (*words[1:3], "", "")[:2])
    is_verb = after in _NOT_NOUNS or after.removesuffix("s") in _VERBS
    plural_does = (
        noun.endswith("s") and not noun.endswith("ss") and len(words) == 3 and not after.endswith(("ing", "s"))
    )
    return bool(after) and after not in _JOINS and (is_verb or plural_does)


def _plural_head(words: Sequence[str]) -> int:
    """Return how many words the plural noun phrase at the beginning has ("small changes in …": 2), 0 if there is none."""
    for place, word in enumerate(words[:4]):
        lower = word.lower()
        if lower in _JOINS:
            return 0
        following = words[place + 1].lower() if place + 1 < len(words) else ""
        ends = not following or following in _JOINS or following in _SUBJECTS
        plural = lower in _PLURAL_WITHOUT_S or (lower.endswith("s") and not lower.endswith(("ss", "us", "is")))
        if ends:
            return place + 1 if plural and lower not in _NOT_NOUNS and "'" not in lower else 0
    return 0


def _small(text: str) -> str:
    """Return the text with its first letter small, unless the word is "I" or all capitals."""
    first = text.split(" ", 1)[0]
    return text if first in ("I", "I'm", "I've", "I'd") or first.isupper() else text[:1].lower() + text[1:]


def _cut(line: str) -> str:
    """Return at most 240 characters of a line, cut after a whole part or word."""
    if len(line) <= MOST_LINE:
        return line
    cut = line[:MOST_LINE]
    at = max(cut.rfind(", "), cut.rfind(" and "), cut.rfind(" but "))
    return cut[: at if at > 60 else cut.rfind(" ")].rstrip(" ,")
