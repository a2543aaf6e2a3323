"""Measured text features: what can be counted in a text, without any model. Each is worded as the count that it is.

A feature never says that a text is clearer or kinder, only that it has more of something. Measured
results: docs/methods/features-judge.md.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

MOST_READ = 20_000  # characters of a text that are measured
RUN = 5  # words in a row that count as copied


class Feature(NamedTuple):
    """One thing that is counted: its name, and how the text that has more, or less, of it is spoken of."""

    name: str
    more: str
    less: str
    measure: Callable[["Text"], float]


_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Begun only where a run of marks begins, and only on its own line: a text of nothing but marks takes no longer.
_SENTENCE = re.compile(r"(?<![.!?])[.!?]+(?=\s|$)|[。！？]+")
_LIST = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?。！？\n]+")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")
_HEADING = re.compile(r"^#{1,6}\s", re.MULTILINE)
_CODE = re.compile(r"```|`[^`\n]+`")
_NEWLINE = re.compile(r"\n+")
_QUESTION = re.compile(r"[?？]")
_EXCLAMATION = re.compile(r"[!！]")
_QUOTE = re.compile(r"[\"“”«»]")
_DIGIT = re.compile(r"\d+")
_CAPITALS = re.compile(r"\b[A-Z]\w*")
_COMMA = re.compile(r"[,;:]")
_BRACKET = re.compile(r"[(\[]")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_LINK = re.compile(r"https?://\S+")
_REFUSAL = re.compile(r"\b(?:i can['’]?(?:no)?t|i am unable|i['’]m unable|i won['’]t|as an ai)\b", re.IGNORECASE)
_SYLLABLE = re.compile(r"[aeiouyàâäéèêëîïôöùûü]+", re.IGNORECASE)


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every run of `RUN` words."""
    return list(zip(*(words[i:] for i in range(RUN)), strict=False))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_HEDGE = _set(
    "maybe perhaps possibly might could may seems seem likely probably generally usually often sometimes somewhat"
)
_CERTAIN = _set("always never definitely certainly clearly must absolutely surely undoubtedly every all none obviously")
_POLITE = _set("please thank thanks sorry welcome glad happy appreciate kindly apologize apologise")
_WARNING = _set("warning caution careful danger dangerous risk risks harmful illegal unsafe consult")
_FIRST = _set("i me my mine myself i'm i've i'd i'll we us our ours")
_SECOND = _set("you your yours yourself you're you've you'd you'll")
_CAUSE = _set("because since therefore thus hence so consequently due")
_CONTRAST = _set("but however although though while whereas yet instead despite")
_EXAMPLE = _set("example examples instance such like including")
_NEGATION = _set(
    "not no never none nothing nobody don't doesn't didn't isn't aren't wasn't won't can't cannot couldn't"
)
_FEELING = _set("feel feeling feelings understand sad hard difficult worried hope care love hurt")


class Text:
    """A text and its prompt, cut into what the features count."""

    def __init__(self, text: str, prompt: str) -> None:
        self.raw = text[:MOST_READ]
        self.words: list[str] = _WORD.findall(self.raw.lower())
        self.count = max(1, len(self.words))
        self.sentences = max(1, len(_SENTENCE.findall(self.raw)))
        self.letters = max(1, sum(map(len, self.words)))
        prompt_words = _WORD.findall(prompt[:MOST_READ].lower())
        self.prompt_words = set(prompt_words)
        self.prompt_runs = set(_runs(prompt_words))

    def share(self, words: frozenset[str]) -> float:
        """Return how many of 100 words are among these."""
        return 100 * sum(map(words.__contains__, self.words)) / self.count

    def matches(self, pattern: re.Pattern[str]) -> float:
        return float(len(pattern.findall(self.raw)))


def _reading_ease(text: Text) -> float:
    """Return Flesch's reading ease (1948), from words, sentences and vowel groups."""
    syllables = sum(max(1, len(_SYLLABLE.findall(word))) for word in text.words)
    return 206.835 - 1.015 * text.count / text.sentences - 84.6 * syllables / text.count


def _overlap(text: Text) -> float:
    return 100 * sum(map(text.prompt_words.__contains__, text.words)) / text.count


def _copied(text: Text) -> float:
    """Return how many of 100 places in the text begin a run of words that stands in the prompt too."""
    return 100 * sum(map(text.prompt_runs.__contains__, _runs(text.words))) / text.count


def _repeated_sentences(text: Text) -> float:
    sentences = [s for part in _SENTENCE_END.split(text.raw.lower()) if (s := part.strip())]
    return float(len(sentences) - len(set(sentences)))


def _coverage(text: Text) -> float:
    return 100 * len(text.prompt_words & set(text.words)) / max(1, len(text.prompt_words))


FEATURES: tuple[Feature, ...] = (
    Feature("words", "has more words", "has fewer words", lambda t: math.log1p(len(t.words))),
    Feature("sentence_length", "has longer sentences", "has shorter sentences", lambda t: t.count / t.sentences),
    Feature("sentences", "has more sentences", "has fewer sentences", lambda t: math.log1p(t.sentences)),
    Feature("newlines", "has more lines", "has fewer lines", lambda t: math.log1p(t.matches(_NEWLINE))),
    Feature("paragraphs", "has more paragraphs", "has fewer paragraphs", lambda t: math.log1p(t.matches(_PARAGRAPH))),
    Feature("list_items", "has more list items", "has fewer list items", lambda t: math.log1p(t.matches(_LIST))),
    Feature("bold", "has more bold words", "has fewer bold words", lambda t: math.log1p(t.matches(_BOLD))),
    Feature("headings", "has more headings", "has fewer headings", lambda t: math.log1p(t.matches(_HEADING))),
    Feature("code", "has more code", "has less code", lambda t: math.log1p(t.matches(_CODE))),
    Feature("questions", "has more question marks", "has fewer question marks", lambda t: t.matches(_QUESTION)),
    Feature(
        "exclamations", "has more exclamation marks", "has fewer exclamation marks", lambda t: t.matches(_EXCLAMATION)
    ),
    Feature("quotes", "has more quotation marks", "has fewer quotation marks", lambda t: t.matches(_QUOTE)),
    Feature("digits", "has more numbers", "has fewer numbers", lambda t: math.log1p(t.matches(_DIGIT))),
    Feature(
        "capitals",
        "has more capitalised words",
        "has fewer capitalised words",
        lambda t: math.log1p(t.matches(_CAPITALS)),
    ),
    Feature(
        "commas",
        "has more commas, colons and semicolons",
        "has fewer commas, colons and semicolons",
        lambda t: math.log1p(t.matches(_COMMA)),
    ),
    Feature("brackets", "has more brackets", "has fewer brackets", lambda t: t.matches(_BRACKET)),
    Feature("emoji", "has more emoji", "has fewer emoji", lambda t: t.matches(_EMOJI)),
    Feature("links", "has more web addresses", "has fewer web addresses", lambda t: t.matches(_LINK)),
    Feature("refusals", "has more phrases of refusal", "has fewer phrases of refusal", lambda t: t.matches(_REFUSAL)),
    Feature(
        "hedges",
        "has more words such as “maybe” and “often”",
        "has fewer words such as “maybe” and “often”",
        lambda t: t.share(_HEDGE),
    ),
    Feature(
        "certainty",
        "has more words such as “always” and “must”",
        "has fewer words such as “always” and “must”",
        lambda t: t.share(_CERTAIN),
    ),
    Feature(
        "politeness",
        "has more words such as “please” and “thank”",
        "has fewer words such as “please” and “thank”",
        lambda t: t.share(_POLITE),
    ),
    Feature(
        "warnings",
        "has more words such as “risk” and “careful”",
        "has fewer words such as “risk” and “careful”",
        lambda t: t.share(_WARNING),
    ),
    Feature("first_person", "has more of “I” and “we”", "has less of “I” and “we”", lambda t: t.share(_FIRST)),
    Feature("second_person", "has more of “you”", "has less of “you”", lambda t: t.share(_SECOND)),
    Feature(
        "causes", "has more words such as “because”", "has fewer words such as “because”", lambda t: t.share(_CAUSE)
    ),
    Feature(
        "contrasts",
        "has more words such as “but” and “however”",
        "has fewer words such as “but” and “however”",
        lambda t: t.share(_CONTRAST),
    ),
    Feature(
        "examples",
        "has more words such as “example” and “such as”",
        "has fewer words such as “example” and “such as”",
        lambda t: t.share(_EXAMPLE),
    ),
    Feature("negations", "has more words such as “not”", "has fewer words such as “not”", lambda t: t.share(_NEGATION)),
    Feature(
        "feelings",
        "has more words such as “feel” and “hard”",
        "has fewer words such as “feel” and “hard”",
        lambda t: t.share(_FEELING),
    ),
    Feature(
        "distinct_words",
        "has more different words",
        "has fewer different words",
        lambda t: math.log1p(len(set(t.words))),
    ),
    Feature(
        "word_variety",
        "repeats its words less",
        "repeats its words more",
        lambda t: len(set(t.words)) / math.sqrt(t.count),
    ),
    Feature(
        "repeated_sentences",
        "has more sentences that it has already",
        "has fewer sentences that it has already",
        _repeated_sentences,
    ),
    Feature("word_length", "has longer words", "has shorter words", lambda t: t.letters / t.count),
    Feature("reading_ease", "has a higher Flesch reading ease", "has a lower Flesch reading ease", _reading_ease),
    Feature(
        "prompt_echo",
        "has more words of the prompt among its own",
        "has fewer words of the prompt among its own",
        _overlap,
    ),
    Feature(
        "prompt_copied",
        f"has more runs of {RUN} words of the prompt",
        f"has fewer runs of {RUN} words of the prompt",
        _copied,
    ),
    Feature(
        "prompt_coverage", "takes up more of the prompt's words", "takes up fewer of the prompt's words", _coverage
    ),
)


# What of a text a feature counts, where that can be pointed at.
_POINTED_AT: dict[str, re.Pattern[str] | frozenset[str]] = {
    "list_items": _LIST,
    "bold": _BOLD,
    "headings": _HEADING,
    "code": _CODE,
    "questions": _QUESTION,
    "exclamations": _EXCLAMATION,
    "quotes": _QUOTE,
    "digits": _DIGIT,
    "capitals": _CAPITALS,
    "commas": _COMMA,
    "brackets": _BRACKET,
    "emoji": _EMOJI,
    "links": _LINK,
    "refusals": _REFUSAL,
    "hedges": _HEDGE,
    "certainty": _CERTAIN,
    "politeness": _POLITE,
    "warnings": _WARNING,
    "first_person": _FIRST,
    "second_person": _SECOND,
    "causes": _CAUSE,
    "contrasts": _CONTRAST,
    "examples": _EXAMPLE,
    "negations": _NEGATION,
    "feelings": _FEELING,
}


def spans(name: str, text: str) -> list[tuple[int, int]]:
    """Return where in a text stands what a feature counts, as (start, end); nothing for a feature that is of the whole text, such
    as its length."""
    pointed_at = _POINTED_AT.get(name)
    if pointed_at is None:
        return []
    read = text[:MOST_READ]
    if isinstance(pointed_at, re.Pattern):
        return [match.span() for match in pointed_at.finditer(read) if match.group()]
    return [match.span() for match in _WORD.finditer(read) if match.group().lower() in pointed_at]


def measure(texts: Sequence[str], prompts: Sequence[str]) -> np.ndarray:
    """Return what is counted in each text: an array of shape (texts, features), float."""
    cut = [Text(text, prompt) for text, prompt in zip(texts, prompts, strict=True)]
    return np.array([[feature.measure(text) for feature in FEATURES] for text in cut], dtype=float).reshape(
        len(cut), len(FEATURES)
    )


def differences(prompts: Sequence[str], texts_a: Sequence[str], texts_b: Sequence[str]) -> np.ndarray:
    """Return how much more of each feature text a has than text b: shape (pairs, features). Rounded, so that equal texts
    differ by exactly 0."""
    return np.asarray(np.round(measure(texts_a, prompts) - measure(texts_b, prompts), 9))
