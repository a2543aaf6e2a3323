"""One form for principles of every source, by plain rules, so that how they are written does not tell where they come from.

Each becomes a phrase that completes "Prefer the answer that …". English alone.
"""

import re
from typing import NamedTuple


class Formed(NamedTuple):
    """A phrase that completes "Prefer the answer that …", and whether it is in the common form: what no rule knows how to turn
    is quoted instead, which readers can see."""

    phrase: str
    fits: bool


_ANSWER = r"(?:an?|the)? ?(?:answer|response|text|one|reply)s?"
_PREFERRED = re.compile(rf"^(?:prefer|choose|select|pick)\w* {_ANSWER} (?:that|which|who) ", re.I)
_AVOIDED = re.compile(rf"^avoid\w* {_ANSWER} (?:that|which|who) ", re.I)
_REFUSED = re.compile(r"^do not follow: [“\"](.+)[”\"]$", re.I)
_ATTENDED = re.compile(r"^(?:(?P<when>.+), )?attend to: (?P<what>.+)$", re.I)
_OUGHT = re.compile(
    r"^(?:an?|the|your|all|every|any)? ?(?:ai|ais|assistant|model|chatbot|system|it|they|you|we|answer|response|text|reply)s? "
    r"(?:should|must|shall|ought to|needs? to|has to|have to) ",
    re.I,
)
_NEVER = re.compile(r"^(?:do not|don['’]t|never|not) (?:ever )?", re.I)
_ALWAYS = re.compile(r"^(?:please|always|also|only ever) ", re.I)
_SHOUTED = re.compile(r"(?:^|(?<=; ))[A-Z]{2,}(?: [A-Z]{2,})*\b")
_VERBS = frozenset(
    "acknowledge act add address admit allow answer ask attend avoid balance be begin believe care challenge check choose cite"
    " clarify comfort consider correct describe do encourage ensure explain express favour favor find focus follow give"
    " have hear help honour honor invite keep lead learn leave let listen look maintain make mention name offer"
    " outline point praise preserve prioritise prioritize promote protect provide put question recognise recognize recommend refer"
    " refuse remember remind respect respond return say seek see set share show speak start state stay stick suggest"
    " support take teach tell think treat trust try turn understand use value warn weigh welcome work write".split()
)
_NOUNS_TOO = frozenset(
    "act address answer care comfort help name point praise question respect state support trust use value work".split()
)
_JOINED = re.compile(r"\b(and|or|but) (\w+)\b")


def common_form(text: str) -> Formed:
    """Return a principle as a phrase that completes "Prefer the answer that …", without a full stop.

    Turned are: "Prefer / avoid the answer that …", "Do not follow: “…”", "…, attend to: …", "An AI should (not) …", and commands that begin
    with a common verb. Raises ValueError for a text without a word.
    """
    said = " ".join(text.split()).strip().rstrip(".!… ")
    if not re.search(r"\w", said):
        raise ValueError("a principle needs words")
    if found := _REFUSED.match(said):
        inner = common_form(found[1])
        return Formed(_refused(inner.phrase), inner.fits)
    if found := _AVOIDED.match(said):
        return Formed(_refused(said[found.end() :]), True)
    if found := _PREFERRED.match(said):
        return Formed(_lower(said[found.end() :]), True)
    if found := _ATTENDED.match(said):
        what = _SHOUTED.sub(lambda word: word[0].lower(), found["what"])
        when = f", {_lower(found['when'])}," if found["when"] else ""
        return Formed(f"attends{when} to {what}", True)
    return _command(said)


def _refused(phrase: str) -> str:
    return f"is not one that {_lower(phrase)}"


def _command(said: str) -> Formed:
    rest, turned = said, False
    if found := _OUGHT.match(rest):
        rest, turned = rest[found.end() :], True
    rest = _ALWAYS.sub("", rest)
    if found := _NEVER.match(rest):
        return Formed(f"does not {_lower(rest[found.end() :])}", True)
    verb, _space, tail = rest.partition(" ")
    if verb.lower() in _VERBS or (turned and verb.isalpha()):
        return Formed(f"{_third(verb.lower())} {_JOINED.sub(_also, tail)}".strip(), True)
    if any(verb.lower() == _third(known) for known in _VERBS):
        return Formed(_lower(rest), True)
    return Formed(f"follows this: {_lower(said)}", False)


def _also(joined: re.Match[str]) -> str:
    word = joined[2]
    return f"{joined[1]} {_third(word)}" if word in _VERBS - _NOUNS_TOO else joined[0]


def _third(verb: str) -> str:
    """Return a verb as it follows "that": be → is, try → tries, say → says."""
    if verb in (irregular := {"be": "is", "have": "has"}):
        return irregular[verb]
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else f"{verb}s"


def _lower(phrase: str) -> str:
    """Return a phrase with a small first letter, unless its first word is an abbreviation or "I"."""
    first = phrase.split(" ", 1)[0]
    return phrase if first[:2].isupper() or first == "I" else phrase[:1].lower() + phrase[1:]
