"""What can be said of a values card by plain rules, without a model: the lintable criteria of a good card.

Lints advise; they never refuse. Rules about words are for English and stay silent in other languages.
Source: the card criteria of moral graph elicitation (Klingefjord, Lowe, Edelman 2024), in our own words.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from elicitation.algorithms.difference import content_words

LEAST_POLICIES, MOST_POLICIES = 3, 7
LEAST_TITLE_WORDS, MOST_TITLE_WORDS = 2, 6
MOST_POLICY_WORDS = 25
# Longer texts than a card can hold are cut before they are looked at, so that a lint takes no time worth naming.
_MOST_READ, _MOST_SAID = 2000, 8000


class Finding(NamedTuple):
    """One thing worth another look: its code, where it is ("title", "description", "policies", "policies.2"), and the
    words it is about."""

    code: str
    where: str
    words: str = ""


# Things that cannot be attended to because they could be anything, and praise that says nothing.
VAGUE = frozenset(
    """thing things stuff something anything everything aspect aspects issue issues matter matters factor factors
    meaningful deep deeper deeply profound authentic genuine truly holistic positive negative good better best great nice
    beautiful important appropriate appropriately proper properly right wellbeing well-being energy vibe vibes essence
    journey""".split()
)
_AVOIDS = frozenset(
    """avoid avoiding avoids not no never don't dont doesn't without stop stopping lack absence refrain refraining prevent
    preventing nothing none""".split()
)
_SHOULD = frozenset("should must ought supposed expected acceptable respectable obliged duty".split())
_PLURAL_WITHOUT_S = frozenset(
    """people children women men feet teeth mice lives wives knives leaves data media criteria phenomena folk
    folks police cattle stimuli""".split()
)
_SINGULAR_WITH_S = ("ss", "us", "is")
# Long words that everyone knows.
_COMMON_LONG = frozenset(
    """everybody somebody anybody everyone family families remember together another understand understanding
    different possible difficult important information conversation university opportunity opportunities vegetable
    experience experiences actually usually especially immediately necessary ordinary emotional decision decisions
    situation situations community communities responsibility relationship relationships interesting comfortable
    uncomfortable possibility possibilities alternative alternatives""".split()
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_CONTACT = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}\.\w{2,24}|https?://\S{1,200}|\+?\d[\d ()/-]{7,24}\d")
_VOWELS = re.compile(r"[aeiouy]+")
_SENTENCE_END = re.compile(r"[.!?…](?=\s|$)")
_STARTS_ANEW = re.compile(r"[.!?…:\n\"“”]")


def lint_card(
    title: str,
    description: str,
    policies: Sequence[str],
    *,
    said: Sequence[str] = (),
    language: str = "en",
) -> list[Finding]:
    """Return what is worth another look in a card, in reading order, at most one finding of a kind in each place.

    `said` is what the person wrote in the talk: names that stand there and in the card are reported.
    """
    english = language.partition("-")[0] == "en"
    names = names_in(said) if english else frozenset()
    findings = [*_lint_title(title, english=english), *_lint_text("title", title, names, english=english)]
    findings += _lint_text("description", description, names, english=english)
    if len(policies) < LEAST_POLICIES:
        findings.append(Finding("few", "policies"))
    elif len(policies) > MOST_POLICIES:
        findings.append(Finding("many", "policies"))
    seen: dict[frozenset[str], str] = {}
    for place, policy in enumerate(policies):
        where = f"policies.{place}"
        findings += _lint_policy(where, policy[:_MOST_READ], english=english)
        findings += _lint_text(where, policy, names, english=english)
        meaning = content_words(policy[:_MOST_READ])
        if meaning and meaning in seen:
            findings.append(Finding("twice", where, seen[meaning]))
        seen.setdefault(meaning, policy)
    return findings


def names_in(said: Sequence[str]) -> frozenset[str]:
    """Return words of a talk that look like names: capitalised within a sentence, and nowhere written small.

    Texts in capitals, or with a capital on every word, tell nothing and are left out.
    """
    capital: set[str] = set()
    small: set[str] = set()
    for text in said:
        text = text[:_MOST_SAID]
        words = list(_WORD.finditer(text))
        if len(words) > 4 and sum(word.group()[0].isupper() for word in words) > len(words) / 2:
            continue
        end_before = None
        for word in words:
            form = word.group()
            within = end_before is not None and not _STARTS_ANEW.search(text, end_before, word.start())
            end_before = word.end()
            if form[0].islower():
                small.add(form.lower())
            elif within and len(form) > 1 and not form.isupper():
                capital.add(form)
    return frozenset(form for form in capital if form.lower() not in small and form.lower() not in _NOT_NAMES)


_NOT_NAMES = frozenset(
    """i i'm i’m i'd i’d i'll i’ll i've i’ve god english monday tuesday wednesday thursday friday saturday sunday january
    february march april may june july august september october november december christmas internet""".split()
)


def reading_age(text: str) -> int:
    """Return the age, in years, at which English text can be read (Flesch–Kincaid grade plus 5), from 5 to 22."""
    text = text[:_MOST_SAID]
    words = _WORD.findall(text)
    if not words:
        return 5
    sentences = max(1, len(_SENTENCE_END.findall(text)))
    syllables = sum(_syllables(word) for word in words)
    grade = 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59
    return min(22, max(5, round(grade) + 5))


def _lint_title(title: str, *, english: bool) -> Iterator[Finding]:
    words = title[:_MOST_READ].split()
    if english and not LEAST_TITLE_WORDS <= len(words) <= MOST_TITLE_WORDS:
        yield Finding("title_length", "title")


def _lint_policy(where: str, policy: str, *, english: bool) -> Iterator[Finding]:
    words = _WORD.findall(policy)
    if not words:
        return
    head = [word for word in _leading(policy) if word.isupper() and len(word) > 1]
    if words[0].lower().replace("’", "'") in _AVOIDS:
        yield Finding("avoids", where)
    elif english and not head:
        yield Finding("no_capitals", where)
    elif english and not _is_plural(head[-1].lower()):
        yield Finding("not_plural", where, head[-1])
    if len(words) > MOST_POLICY_WORDS:
        yield Finding("long_line", where)
    if english and (found := _first(words, _SHOULD)):
        yield Finding("should", where, found)


def _lint_text(where: str, text: str, names: frozenset[str], *, english: bool) -> Iterator[Finding]:
    text = text[:_MOST_READ]
    if found := _CONTACT.search(text):
        yield Finding("contact", where, found.group())
    words = _WORD.findall(text)
    if found_name := next((word for word in words if word in names), None):
        yield Finding("name", where, found_name)
    if not english:
        return
    if where.startswith("policies") and (vague := _first(words, VAGUE)):
        yield Finding("vague", where, vague)
    if hard := next((word for word in words if _is_hard(word)), None):
        yield Finding("hard_word", where, hard)


def _leading(policy: str) -> Iterator[str]:
    """Yield the words in capitals that a line begins with."""
    for word in policy.split():
        bare = word.strip(",.;:()\"'“”’")
        if not bare.isupper():
            return
        yield bare


def _first(words: Sequence[str], wanted: frozenset[str]) -> str | None:
    return next((word for word in words if word.lower() in wanted), None)


def _is_plural(word: str) -> bool:
    return word in _PLURAL_WITHOUT_S or (word.endswith("s") and not word.endswith(_SINGULAR_WITH_S))


def _is_hard(word: str) -> bool:
    lower = word.lower()
    return lower not in _COMMON_LONG and "-" not in lower and _syllables(lower) >= 5


def _syllables(word: str) -> int:
    lower = word.lower()[:60]
    count = len(_VOWELS.findall(lower))
    if lower.endswith("e") and not lower.endswith("le") and count > 1:
        count -= 1
    return max(1, count)
