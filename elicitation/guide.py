"""The written guide: a fixed, branching interview that needs no language model.

It asks one question at a time, chooses the next by plain rules about the last answer, and puts a card together from the
person's own words. It never claims to understand. Everything is derived from the answers given so far, so changing an
answer, or coming from a talk with a model, needs no state of its own.

Stages and redirections follow moral graph elicitation (Klingefjord, Lowe, Edelman 2024), in our own words. Rules about
words are for English; in other languages only length and "skip" steer, and lines stay as they were written.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from elicitation.algorithms.difference import content_words
from elicitation.algorithms.own_words import (
    avoids,
    first_words,
    has_no_more,
    is_lost,
    is_unsure,
    lines_of,
    plain,
    raised,
    says_nothing,
)
from elicitation.algorithms.quotes import Quote, sentences

STAGES = ("situation", "mattered", "attention", "why", "check")
LEAST_LINES, WANTED_LINES, MOST_LINES = 3, 4, 7
MOST_TITLE, MOST_DESCRIPTION = 80, 300
_MORE = ("attention.more", "attention.more2", "attention.more3")
_NAMING = "check.name"
# How many answers a stage leaves for those that come after it.
_TO_COME = {"situation": 2, "mattered": 2, "attention": 1, "why": 1, "check": 0}


class Answer(NamedTuple):
    """What the person answered (nothing, if they skipped) to the question `asked`, in turn `turn`."""

    turn: int
    asked: str
    text: str


class Reply(NamedTuple):
    """What the guide says next. `key` names its question ("attention.vague"); an empty key means that enough was said."""

    key: str
    text: str

    @property
    def stage(self) -> str:
        return _stage(self.key)

    @property
    def is_enough(self) -> bool:
        return not self.key


class DraftLine(NamedTuple):
    """A line of a card made from the person's words, and where they said it."""

    text: str
    quote: Quote


class Draft(NamedTuple):
    """A card in the person's own words; nothing in it is invented but the word in capitals that begins a line."""

    title: str
    description: str
    lines: list[DraftLine]


_QUESTIONS = {
    "situation": gettext_lazy("Has something like this happened to you, or near you? What happened?"),
    "situation.imagine": gettext_lazy(
        "That is fine. Then imagine that someone you know asks you this. What comes first?"
    ),
    "situation.more": gettext_lazy("Can you tell a little more? What happened, and who was there?"),
    "mattered": gettext_lazy("What mattered most to you in that moment?"),
    "mattered.unsure": gettext_lazy("No hurry. Was there one moment in it that stays with you? Which one?"),
    "mattered.more": gettext_lazy("Can you say that in a few more words?"),
    "mattered.goal": gettext_lazy("Say you get there one day. How would you all live with each other then?"),
    "mattered.rule": gettext_lazy("Think of a time when that was right. What did you see that told you so?"),
    "mattered.belief": gettext_lazy("Where have you met this in your own life? What happened there?"),
    "mattered.model": gettext_lazy("What does this person notice that others miss?"),
    "mattered.fear": gettext_lazy("You wrote about fear or worry. What good thing was in danger?"),
    "mattered.anger": gettext_lazy("You wrote about anger. What good thing was held back?"),
    "mattered.shame": gettext_lazy("You wrote about shame or guilt. What did you want to live up to?"),
    "mattered.confusion": gettext_lazy("That sounds hard to sort out. What would you want to keep in sight?"),
    "mattered.sadness": gettext_lazy("You wrote about something sad. What was lost, or nearly lost?"),
    "mattered.vague": gettext_lazy("“%(word)s” can look like many things. What did you see or hear that was like it?"),
    "attention": gettext_lazy(
        "Now think of being there again. What would you look out for, to know what to do? Write one thing on each line."
        "\n\nYou can begin with “moments when …”, “signs that …” or “ways to …”."
    ),
    "attention.unsure": gettext_lazy("Think of your eyes and ears. What would you look at, or listen for?"),
    "attention.rule": gettext_lazy("How would you notice that this is right, just now? What would you see or hear?"),
    "attention.goal": gettext_lazy("What would you notice on the way there, long before it is reached?"),
    "attention.instead": gettext_lazy("That is what to stay away from. What would you look for instead?"),
    "attention.vague": gettext_lazy("How would you notice “%(word)s”? What would you see or hear?"),
    "attention.more": gettext_lazy("What else would you look out for? If that was all, just say so."),
    "attention.more2": gettext_lazy("Is there one more thing that you would look out for?"),
    "attention.more3": gettext_lazy("And is there something small, that others might miss?"),
    "why": gettext_lazy("When you look out for these things, what becomes possible, for you or for others?"),
    "check.name": gettext_lazy(
        "What short name would you give to what you care about here? Two to six words are best."
    ),
    "situation.again": gettext_lazy("Put simply: do you know such a moment from your own life? Tell me about it."),
    "mattered.again": gettext_lazy("Put simply: what did you care about there?"),
    "attention.again": gettext_lazy("Put simply: if you were there, what would you watch, or listen for?"),
    "why.again": gettext_lazy("Put simply: what is good about looking out for this?"),
}
_FEELINGS = {
    "fear": re.compile(r"\b(?:afraid|scared|fear(?:ed|s)?|worr(?:y|ied)|anxious|anxiety|panic\w*)\b"),
    "anger": re.compile(r"\b(?:angry|anger|furious|rage|annoyed|frustrat\w+|fed up)\b"),
    "shame": re.compile(r"\b(?:ashamed|shame|guilt|guilty|embarrass\w+)\b"),
    "confusion": re.compile(r"\b(?:confus\w+|torn|overwhelm\w+|mixed feelings)\b"),
    "sadness": re.compile(r"\b(?:sad|sadness|grief|grieving|lonely|heartbr\w+|cried|crying)\b"),
}
_GOAL = re.compile(
    r"\b(?:my goal|the goal|in order to|to achieve|end up (?:with|as|in)|(?:want|wanted|need|needed) to (?:win|succeed|get|become|finish))\b"
)
_RULE = re.compile(
    r"\b(?:should(?:n'?t)?|must(?:n'?t)?|ought to|ha(?:ve|s) to|supposed to|the rule|a duty|my duty|is wrong|it'?s wrong|not allowed|"
    r"you always|you never|people always|people never)\b"
)
_BELIEF = re.compile(
    r"\b(?:bible|quran|scripture|(?:my|our) (?:faith|religion|church)|god|government|politic\w+|liberals?|conservatives?|"
    r"pro-?(?:life|choice)|human rights|socialis\w+|capitalis\w+|traditional values)\b"
)
_PERSON = re.compile(
    r"\bmy (?:mother|mum|mom|dad|father|grand\w+|aunt|uncle|teacher|boss|sister|brother|coach|neighbou?r)\b|\bi (?:admire|look up to)\b|\brole model\b"
)
_ADMIRED = re.compile(
    r"\b(?:would have|always knew|knew how|kind of person|sort of person|taught me|showed me|i admire|look up to|role model)\b"
)
_BIG_WORDS = re.compile(
    r"\b(respect|honesty|love|kindness|trust|freedom|care|caring|support|safety|dignity|family|happiness|empathy|understanding|"
    r"communication|fairness|truth|patience|peace|health|loyalty|compassion|equality|justice|responsibility|well-?being|"
    r"independence|autonomy)\b"
)
_CONCRETE = re.compile(
    r"\b(?:when|whether|if|how|signs?|moments?|notice|see|saw|hear|heard|look|listen|said|says|told|asked?)\b"
)
_DANGER = re.compile(
    r"\b(?:suicid\w*|kill(?:ed|ing)? (?:my|him|her|them)sel(?:f|ves)|end(?:ing|ed)? (?:my|his|her|their) (?:own )?li(?:fe|ves)|"
    r"wants? to die|wanted to die|do(?:n'?t| not) want to (?:live|be alive)|better off dead|self[- ]?harm\w*|"
    r"(?:hurt|harm|cut)(?:ting|ing)? (?:my|him|her|them)sel(?:f|ves)|overdos\w+|"
    r"(?:beats?|hits?|hurts?|rapes?|raped|chokes?|choked|abuses?|abused) (?:me|us|her|him|my|the (?:kids|children))|was raped|"
    r"(?:sexual\w*|child) abuse|abused as|going to kill)\b"
)


def opening(question: str) -> Reply:
    """Return the guide's first words about the study's question."""
    said = _("Your question: “%(question)s”") % {"question": question}
    return Reply("situation", f"{said}\n\n{_QUESTIONS['situation']}")


def reply(answers: Sequence[Answer], *, budget: int, help_text: str = "", language: str = "en") -> Reply:
    """Return what the guide says to the last answer. `budget` is the most answers that are asked for.

    After the first words of danger, help comes before the next question.
    """
    english = _is_english(language)
    key = _next_key(answers, budget - len(answers), english)
    words = [help_for(help_text)] if is_first_danger([answer.text for answer in answers], language=language) else []
    words.append(
        _wording(key, answers, english) if key else _("Thank you. That is enough for a card. You check it next.")
    )
    return Reply(key, "\n\n".join(words))


def is_first_danger(said: Sequence[str], *, language: str = "en") -> bool:
    """Whether the last thing said may mean that someone is in danger, and nothing before it did.

    The words are English ones, and many people use them of what is long past: a reason to offer help, not to decide.
    """
    in_danger = [bool(_DANGER.search(plain(text))) for text in said]
    return _is_english(language) and bool(in_danger) and in_danger[-1] and not any(in_danger[:-1])


def help_for(help_text: str) -> str:
    """Return what is said to someone whose words may mean danger: the study's help text, and that they may stop."""
    own = help_text.strip() or _("If you or someone near you is in danger, please call your local emergency number.")
    stop = _("You can stop at any time, or choose another question. What you wrote is safe.")
    return f"{_('What you write sounds heavy.')} {own}\n\n{stop}"


def draft_card(answers: Sequence[Answer], *, language: str = "en") -> Draft:
    """Return a card put together from the answers: up to 7 lines, where the words give them.

    Lines come from what the person would look out for, and from what mattered to them where those are fewer than 3.
    The name and the sentence under it are the person's own as well; each may be empty.
    """
    return _draft(answers, _is_english(language))


def _draft(answers: Sequence[Answer], english: bool) -> Draft:
    lines: list[DraftLine] = []
    for stage, most in (("attention", MOST_LINES), ("mattered", LEAST_LINES)):
        for answer in _standing(answers, stage):
            if _has_no_more(answer, english):
                continue
            for line in lines_of(answer.text, english=english):
                is_new = all(content_words(line.text) != content_words(known.text) for known in lines)
                if is_new and len(lines) < most:
                    lines.append(DraftLine(line.text, Quote(answer.turn, line.said)))
    return Draft(_title(answers, lines, english), _description(answers, lines, english), lines)


def _is_english(language: str) -> bool:
    return language.partition("-")[0] == "en"


def _stage(key: str) -> str:
    return key.partition(".")[0]


def _next_key(answers: Sequence[Answer], left: int, english: bool) -> str:
    """Return the key of the next question, or "" for enough. `left` is how many answers the budget still has."""
    if left <= 0:
        return ""
    last = answers[-1]
    stage = _stage(last.asked)
    branch = _branch(last, stage, english)
    if branch and left > _TO_COME[stage] and not any(_is_redirection(answer.asked, stage) for answer in answers):
        return branch
    if stage == "situation" and left >= 3:
        return "mattered"
    if stage in ("situation", "mattered"):
        return "attention"
    if stage == "attention":
        told = len(_draft(answers, english).lines)
        wanted = (told < LEAST_LINES and left >= 2) or (told < WANTED_LINES and left >= 3)
        asked = {answer.asked for answer in answers}
        more = next((key for key in _MORE if key not in asked), "")
        if more and wanted and last.text.strip() and not _has_no_more(last, english):
            return more
        # "these things" need to be there
        return "why" if left >= 2 and told else _NAMING
    return _NAMING if stage == "why" else ""


def _has_no_more(answer: Answer, english: bool) -> bool:
    """Whether an answer says that there is nothing to add. In other languages one or two words in answer to the question
    for more are taken to say so ("nein", "c’est tout")."""
    if english:
        return says_nothing(answer.text)
    return answer.asked in _MORE and len(answer.text.split()) <= 2


def _is_redirection(key: str, stage: str) -> bool:
    """Whether this question redirected the stage. Each stage has one at most: a second would feel like an exam."""
    return _stage(key) == stage and key != stage and key not in _MORE


def _branch(answer: Answer, stage: str, english: bool) -> str:
    """Return the key of the redirection that the answer calls for, or ""."""
    text = plain(answer.text).strip()
    if not text or stage == "check":
        return ""
    words = len(text.split())
    if not english:
        return f"{stage}.more" if stage in ("situation", "mattered") and len(text) < 15 else ""
    if is_lost(text):
        return f"{stage}.again"
    kind = ""
    if stage == "situation":
        kind = "imagine" if says_nothing(text) else "more" if words < 6 else ""
    elif stage == "mattered":
        kind = "unsure" if is_unsure(text) else _kind_of_reason(text) or ("more" if words < 4 else "")
    elif stage == "attention" and answer.asked not in _MORE:
        kind = "unsure" if says_nothing(text) else _kind_of_line(text)
    return f"{stage}.{kind}" if kind else ""


def _kind_of_reason(text: str) -> str:
    """Return what the person named in place of what they attend to: a role model, a feeling, a rule …, or ""."""
    if _PERSON.search(text) and _ADMIRED.search(text):
        return "model"
    if feeling := next((name for name, pattern in _FEELINGS.items() if pattern.search(text)), ""):
        return feeling
    kinds = {"belief": _BELIEF, "rule": _RULE, "goal": _GOAL}
    return next(
        (kind for kind, pattern in kinds.items() if pattern.search(text)), "vague" if _is_big_word(text) else ""
    )


def _kind_of_line(text: str) -> str:
    """Return what is written in place of something to look for, or "". Several lines stand: the card can mend one."""
    if "\n" in text or has_no_more(text):
        return ""
    if avoids(text):
        return "instead"
    if _CONCRETE.search(text):
        return ""
    kinds = {"rule": _RULE, "goal": _GOAL}
    return next(
        (kind for kind, pattern in kinds.items() if pattern.search(text)), "vague" if _is_big_word(text) else ""
    )


def _is_big_word(text: str) -> bool:
    return len(text.split()) <= 10 and bool(_BIG_WORDS.search(text)) and not _CONCRETE.search(text)


def _wording(key: str, answers: Sequence[Answer], english: bool) -> str:
    if key == _NAMING:
        lines = _draft(answers, english).lines
        if not lines:
            return str(_QUESTIONS[key])
        so_far = _("Thank you. Your lines so far, put together from your words. You can change them next:")
        return "\n\n".join([so_far, "\n".join(f"- {line.text}" for line in lines), str(_QUESTIONS[key])])
    text = str(_QUESTIONS[key])
    if key.endswith(".vague"):
        big = _BIG_WORDS.search(plain(answers[-1].text))
        return text % {"word": big.group() if big else ""}
    return text


def _standing(answers: Sequence[Answer], stage: str) -> Iterator[Answer]:
    """Yield the answers of a stage, but not one that was redirected when something came of that."""
    for answer, following in zip(answers, [*answers[1:], None], strict=True):
        if _stage(answer.asked) != stage:
            continue
        if following is None or not _is_redirection(following.asked, stage) or says_nothing(following.text):
            yield answer


def _title(answers: Sequence[Answer], lines: Sequence[DraftLine], english: bool) -> str:
    """Return the name that the person gave, or the first words of their first line."""
    for answer in reversed(answers):
        if answer.asked == _NAMING and answer.text.strip() and not (english and says_nothing(answer.text)):
            return first_words(next(sentences(answer.text), answer.text), 8)[:MOST_TITLE]
    return first_words(lines[0].quote.text, 6)[:MOST_TITLE] if lines else ""


def _description(answers: Sequence[Answer], lines: Sequence[DraftLine], english: bool) -> str:
    """Return the first sentence of why it matters, or of what mattered where that is not among the lines."""
    used = {line.quote.text for line in lines}
    for stage in ("why", "mattered"):
        for answer in _standing(answers, stage):
            for sentence in sentences(answer.text):
                is_empty = english and says_nothing(sentence)
                if sentence not in used and not is_empty and len(sentence.split()) > 2:
                    return raised(sentence)[:MOST_DESCRIPTION]
    return ""
