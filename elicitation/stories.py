"""Upgrade stories: how someone might come from one value to another in a context. What wisdom votes are about.

With a model, a story is written for each direction of a pair, with a mapping of every policy and a grade; low grades are
held back. Without one there is no invented story: the two cards stand side by side with what differs (`origin` pair).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, create_model

from core.numbers import next_number
from core.problems import Conflict
from core.text import clean_text
from elicitation.algorithms.difference import Difference
from elicitation.algorithms.difference import difference as difference_of
from elicitation.algorithms.similarity import similarities
from elicitation.deduplication import lock, text_of
from elicitation.interviews import ModelText
from elicitation.models import CanonicalValue, Context, Study, UpgradeStory
from elicitation.study_settings import settings_of
from elicitation.values import counted_values
from llm_client import LLM, LLMError, Request, load_prompt

NEIGHBOURS = 3
MOST_TEXT = 1500
HELD_BACK = ("D", "F")
Pair = tuple[CanonicalValue, CanonicalValue, Context]


LOST = "is lost"
How = Literal["stays as it is", "saw only a part", "had a mixed motive", "is done with more skill", "is lost"]


class WrittenStory(BaseModel):
    """A model's upgrade story. The mapping has a property for each line of the first value: see `story_type`."""

    model_config = ConfigDict(extra="forbid")

    was_really_about: str = Field(max_length=400)
    mapping: Any
    story: ModelText = Field(min_length=1, max_length=MOST_TEXT)
    grade: Literal["A", "B", "C", "D", "F"]


@lru_cache
def story_type(lines: int, other_lines: int) -> type[WrittenStory]:
    """Return the type of a story from a value of so many lines to one of so many: `line_1` … each become "line_1" … of the
    second or "none", so that whatever fits can be stored."""
    forbid = ConfigDict(extra="forbid")
    becomes: Any = Literal[("none", *(f"line_{n}" for n in range(1, other_lines + 1)))]
    mapped = create_model("Mapped", __config__=forbid, becomes=(becomes, ...), how=(How, ...))
    properties: dict[str, Any] = {f"line_{n}": (mapped, ...) for n in range(1, lines + 1)}
    mapping = create_model("Mapping", __config__=forbid, **properties)
    return create_model("WrittenStory", __base__=WrittenStory, mapping=(mapping, ...))


def propose_stories(
    study: Study, *, llm: LLM | None = None, progress: Callable[[int, int, str], None] | None = None
) -> list[UpgradeStory]:
    """Propose stories between each value and its nearest neighbours, both directions, in each shared context.

    Pairs that have a story in that context are left alone, so asking again adds only what is new. Without a model,
    stories are plain pairs. Raises the model's errors, keeping the stories that it did write.
    """
    values = list(counted_values(study).select_related("question").order_by("number"))
    contexts = list(study.contexts.prefetch_related("questions"))
    known = _known(study)
    wanted = [
        (source, target, context)
        for context in contexts
        for first, second in _neighbours([v for v in values if fits(v, context)])
        for source, target in ((first, second), (second, first))
        if (source.id, target.id, context.id) not in known
    ]
    if llm is None:
        return _store_all(study, [(pair, {"origin": UpgradeStory.Origin.PAIR}) for pair in wanted])
    written, error = _written_by(llm, wanted, progress)
    made = _store_all(study, written)
    if error is not None:
        raise error
    return made


def fits(value: CanonicalValue, context: Context) -> bool:
    """Whether a value was told about a question that this context belongs to; a context of no question fits all."""
    questions = {question.id for question in context.questions.all()}
    return not questions or value.question_id is None or value.question_id in questions


def _neighbours(values: Sequence[CanonicalValue]) -> list[tuple[CanonicalValue, CanonicalValue]]:
    """Return each value with its nearest others, every pair once, in the order of their numbers."""
    if len(values) < 2:
        return []
    alike = similarities([text_of(v) for v in values])
    pairs = set()
    for i in range(len(values)):
        others = sorted((j for j in range(len(values)) if j != i), key=lambda j: (-alike[i, j], j))
        pairs |= {(min(i, j), max(i, j)) for j in others[:NEIGHBOURS]}
    return [(values[i], values[j]) for i, j in sorted(pairs)]


def _written_by(
    llm: LLM, wanted: Sequence[Pair], progress: Callable[[int, int, str], None] | None
) -> tuple[list[tuple[Pair, dict[str, Any]]], LLMError | None]:
    """Return the stories that a model writes, and the error that ended its work, if one did."""
    prompt = load_prompt(Path(__file__).parent / "prompts" / "upgrade_story.md")
    calls: dict[int, Any] = {}

    def keep(place: int, _answer: Any, call: Any) -> None:
        calls[place] = call
        if progress is not None:
            progress(len(calls), len(wanted), wanted[place][1].title)

    requests = [
        Request(
            prompt,
            {"first": _numbered(source), "second": _numbered(target), "context": context.text},
            returns=story_type(len(source.policies), len(target.policies)),
            purpose="upgrade_story",
        )
        for source, target, context in wanted
    ]
    written, error = [], None
    for place, answer in enumerate(llm.ask_many(requests, on_answer=keep)):
        if isinstance(answer, LLMError):
            error = answer  # what ends the work is the error of all that is left, so the last one says most
        else:
            written.append((wanted[place], _fields(answer, wanted[place], calls[place])))
    return written, error


def _numbered(value: CanonicalValue) -> str:
    lines = (f"line_{n}: " + "\n    ".join(policy.splitlines()) for n, policy in enumerate(value.policies, start=1))
    return "\n".join([value.title, *lines])


def _fields(answer: WrittenStory, pair: Pair, call: Any) -> dict[str, Any]:
    """Return a model's story as it is stored."""
    source, target, _context = pair
    mapping = []
    for n, policy in enumerate(source.policies, start=1):
        mapped = getattr(answer.mapping, f"line_{n}")
        is_lost = mapped.how == LOST or mapped.becomes == "none"
        becomes = None if is_lost else target.policies[int(mapped.becomes.removeprefix("line_")) - 1]
        mapping.append({"from": policy, "to": becomes, "how": LOST if is_lost else mapped.how})
    held = {"state": UpgradeStory.State.ARCHIVED} if answer.grade in HELD_BACK else {}
    origin = UpgradeStory.Origin.MODEL
    return {"origin": origin, "text": answer.story, "grade": answer.grade, "mapping": mapping, "llm_call": call} | held


def _store_all(study: Study, told: Sequence[tuple[Pair, dict[str, Any]]]) -> list[UpgradeStory]:
    """Store these stories, but none of a pair that got one in its context meanwhile. Returns those that were stored."""
    waits = settings_of(study).stories_need_review
    state = UpgradeStory.State.PROPOSED if waits else UpgradeStory.State.APPROVED
    with transaction.atomic():
        lock(study)
        known = _known(study)
        first = next_number(UpgradeStory, study=study)
        fresh = [(pair, fields) for pair, fields in told if (pair[0].id, pair[1].id, pair[2].id) not in known]
        return UpgradeStory.objects.bulk_create(
            [
                UpgradeStory(
                    study=study,
                    number=number,
                    from_value=source,
                    to_value=target,
                    context=context,
                    **({"state": state} | fields),
                )
                for number, ((source, target, context), fields) in enumerate(fresh, start=first)
            ]
        )


def write_story(
    study: Study, source: CanonicalValue | None, target: CanonicalValue | None, context: Context | None, text: str
) -> UpgradeStory:
    """Store a story that someone of the study's team wrote, in use from now on. Others of the same pair stay as they are.

    Raises ValidationError that names what is missing, archived, merged into another value or of another study.
    """
    in_use = counted_values(study)
    if source is None or not in_use.filter(id=source.id).exists():
        raise ValidationError({"from_value": _("Please choose a value that is in use here.")})
    if target is None or not in_use.filter(id=target.id).exists():
        raise ValidationError({"to_value": _("Please choose a value that is in use here.")})
    if context is None or context.study_id != study.id:
        raise ValidationError({"context": _("Please choose one of this study's situations.")})
    if source == target:
        raise ValidationError({"to_value": _("A story leads from one value to another.")})
    text = clean_text(text, field="text", most=MOST_TEXT, required=True).strip()
    with transaction.atomic():
        lock(study)
        number = next_number(UpgradeStory, study=study)
        return UpgradeStory.objects.create(
            study=study, number=number, from_value=source, to_value=target, context=context, text=text,
            run_label=f"by hand {number}", origin=UpgradeStory.Origin.PERSON, state=UpgradeStory.State.APPROVED,
        )  # fmt: skip


def may_edit(story: UpgradeStory) -> bool:
    """Whether a story's words may still be changed: nobody was shown it, so nobody judged other words."""
    return not (story.draw_items.exists() or story.votes.exists())


def edit_text(story: UpgradeStory, text: str) -> None:
    """Change a story's words. A pair without a story gets one so, and is a person's from then on.

    Raises ValidationError for words that cannot be stored, and Conflict once the story was drawn for someone.
    """
    text = clean_text(text, field="text", most=MOST_TEXT).strip()
    origin = UpgradeStory.Origin.PERSON if story.origin == UpgradeStory.Origin.PAIR and text else story.origin
    fresh = UpgradeStory.objects.filter(id=story.id, draw_items=None, votes=None)
    if not UpgradeStory.objects.filter(id__in=fresh.values("id")).update(text=text, origin=origin):
        raise Conflict(_("Someone was shown this story"), _("Put it away, and write another in its place."))


def _known(study: Study) -> set[tuple[int, int, int]]:
    stories = UpgradeStory.objects.filter(study=study)
    return set(stories.values_list("from_value_id", "to_value_id", "context_id"))


def approve(stories: Iterable[UpgradeStory]) -> int:
    """Let these stories be drawn. Returns how many changed; an archived story comes back so, too."""
    ids = [story.id for story in stories]
    return UpgradeStory.objects.filter(id__in=ids).exclude(state="approved").update(state="approved")


def archive(stories: Iterable[UpgradeStory]) -> int:
    """Draw these stories no more. Votes on them stay and count. Returns how many changed."""
    ids = [story.id for story in stories]
    return UpgradeStory.objects.filter(id__in=ids).exclude(state="archived").update(state="archived")


def difference(story: UpgradeStory) -> Difference:
    """Return what the story's two values share and what only one of them looks for."""
    return difference_of(story.from_value.policies, story.to_value.policies)
