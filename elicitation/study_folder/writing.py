"""Writing a study as a folder that can be read again. Free text of people (turns, comments, quotes) is never written."""

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from django.db.models import Prefetch

from elicitation.models import (
    DeduplicationRun,
    Draw,
    DrawItem,
    Endorsement,
    Exposure,
    Participant,
    Question,
    QuestionContext,
    Study,
    UpgradeStory,
    ValueMember,
    ValueProjection,
    ValuesCard,
    VerificationAnswer,
    WisdomVote,
)
from elicitation.study_folder import compared, story_draws
from elicitation.study_folder.content import IS_SATISFIED, LATER, MAPPING, REQUIRED, STUDY_FORMAT
from elicitation.study_settings import settings_of
from elicitation.tables import BadFile


def export_study(study: Study, folder: Path) -> list[str]:
    """Write the study as a folder and return the names of the files. The folder must be new or empty; raises BadFile
    otherwise, and OSError if it can't be written.

    Withdrawn people, previews and unconfirmed cards are left out. An export that is cut short leaves no folder that
    could be taken for a study.
    """
    is_new = not folder.exists()
    if not is_new and not folder.is_dir():
        raise BadFile([f"{folder}: is a file; name a new or empty folder"])
    if not is_new and (there := sorted(path.name for path in folder.iterdir())):
        raise BadFile([f"{folder}: must be a new or empty folder; it holds {', '.join(there[:5])}"])
    folder.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder, prefix=".unfinished-"))
    try:
        names = []
        for name, lines in _files(study):
            with (part / name).open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
            names.append(name)
        for name in sorted(names, key=REQUIRED.__contains__):  # a folder without those is none that is read
            (part / name).replace(folder / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if is_new and not any(folder.iterdir()):
            folder.rmdir()
    return sorted(names)


def _files(study: Study) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the files, each as a name and lines that are read as they are written.

    A study may be open meanwhile: what others refer to is read after them, so that nothing refers to what is not there.
    """
    people = _names(Participant.objects.filter(study=study, withdrawn_at=None, is_preview=False).order_by("number"))
    yield from _answer_files(study, people)
    yield from _later_files(study, people)
    yield from _value_files(study)
    yield (
        "contexts_on_cases.csv",
        _csv(
            ["context", "case_id"],
            (
                [link.context.text, _case_id(link.question)]
                for link in QuestionContext.objects.filter(question__study=study)
                .select_related("context", "question")
                .order_by("number", "id")
            ),
        ),
    )
    yield "contexts.json", _json([c.text for c in study.contexts.order_by("number")])
    yield (
        "cases.json",
        _json(
            [
                {
                    "id": _case_id(q),
                    **({"title": q.title} if q.title else {}),
                    "question": q.text,
                    **({"is_heavy": True} if q.is_heavy else {}),
                    **({"is_archived": True} if q.is_archived else {}),
                }
                for q in study.questions.order_by("number")
            ]
        ),
    )
    yield (
        "study.json",
        _json(
            {
                "format": STUDY_FORMAT,
                "title": study.title,
                "description": study.description,
                "language": study.language,
                "is_simulated": study.is_simulated,
                "settings": settings_of(study).model_dump(mode="json"),
                "consent_texts": [c.text for c in study.consent_texts.order_by("version")],
            }
        ),
    )


def _names(people: Iterable[Participant]) -> dict[Any, str]:
    """Return a name for each participant: the source's, or one from their number that no other has."""
    found = {p.id: p.source_id for p in people}
    taken = set(found.values())
    for p in people:
        if not p.source_id:
            found[p.id] = next(name for n in count(p.number) if (name := f"p{n:04d}") not in taken)
            taken.add(found[p.id])
    return found


def _case_id(question: Question | None) -> str:
    return "" if question is None else question.source_id or f"q{question.number}"


def _texts(title: str, description: str, detail: str, policies: list[str]) -> dict[str, Any]:
    return {
        "title": title,
        "instructions_short": description,
        "instructions_detailed": detail,
        "evaluation_criteria": policies,
    }


def _value_files(study: Study) -> Iterator[tuple[str, Iterable[str]]]:
    active = DeduplicationRun.objects.filter(study=study, is_active=True).first()
    home = dict(ValueMember.objects.filter(run=active).values_list("card_id", "value__number"))
    confirmed = study.cards.filter(state=ValuesCard.State.CONFIRMED).order_by("number")
    cards = list(confirmed.exclude(participant__is_preview=True))
    card_ids = _card_ids(cards)
    if cards:
        yield (
            "values_cards.jsonl",
            _jsonl(
                {
                    "id": card_ids[c.id],
                    "canonical_id": home.get(c.id),
                    **_texts(c.title, c.description, c.detail, [p["text"] for p in c.policies]),
                    "quality": c.quality,
                    "created_at": c.source_created_at or _stamp(c.confirmed_at or c.created_at),
                }
                for c in cards
            ),
        )
    merged = ValueProjection.objects.filter(run=active).order_by("value__number")
    if rows := list(merged.values_list("value__number", "target__number")):
        yield "merged_values.csv", _csv(["canonical_value_id", "counts_as_id"], rows)
    yield from _generation_files(study, card_ids)
    own = study.values.exclude(source_id__startswith=LATER).select_related("question").order_by("id")
    yield (
        "canonical_values.jsonl",
        _jsonl(
            {
                "id": v.number,
                **_texts(v.title, v.description, v.detail, v.policies),
                **({"created_at": v.extra["created_at"]} if v.extra.get("created_at") else {}),
                **({"source": dict(sorted(v.extra["source"].items()))} if "source" in v.extra else {}),
                **({"case_id": _case_id(v.question)} if v.question else {}),
                **({"is_archived": True} if v.is_archived else {}),
            }
            for v in own
        ),
    )


def _card_ids(cards: Iterable[ValuesCard]) -> dict[Any, int]:
    """Return an id for each card: the source's, or one from its number that no other has."""
    found = {c.id: int(c.source_id) for c in cards if c.source_id}
    taken = set(found.values())
    for c in cards:
        if not c.source_id:
            found[c.id] = next(n for n in count(c.number) if n not in taken)
            taken.add(found[c.id])
    return found


def _generation_files(study: Study, cards: dict[Any, int]) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the groupings that an import brought beside the one that votes were cast under. They don't change here."""
    values = list(study.values.filter(source_id__startswith=LATER).order_by("number"))
    if not values:
        return
    source = {v.id: int(v.source_id.removeprefix(LATER)) for v in values}
    yield (
        "deduplicated_cards.jsonl",
        _jsonl(
            {
                "id": source[v.id],
                "generation": v.extra["generation"],
                **_texts(v.title, v.description, v.detail, v.policies),
            }
            for v in values
        ),
    )
    members = ValueMember.objects.filter(run__study=study, value__in=source).exclude(run__source_id="").order_by("id")
    yield (
        "deduplications.csv",
        _csv(
            ["values_card_id", "deduplicated_card_id", "generation"],
            (
                [cards[card], source[value], generation]
                for card, value, generation in members.values_list("card_id", "value_id", "run__source_id")
                if card in cards
            ),
        ),
    )


def _answer_files(study: Study, people: dict[Any, str]) -> Iterator[tuple[str, Iterable[str]]]:
    counted = Participant.objects.filter(study=study, withdrawn_at=None, is_preview=False)
    votes = WisdomVote.objects.current().filter(study=study, participant__in=counted).order_by("id")
    columns = ["participant", "from_id", "to_id", "context", "run_id", "relationship"]
    yield (
        "wisdom_votes.csv",
        _csv(
            [*columns, "has_comment", "created_at", "updated_at"],
            (
                [
                    people[person],
                    *row,
                    source.get("has_comment", str(int(bool(comment)))),
                    source.get("created_at", _stamp(moment)),
                    source.get("updated_at", source.get("created_at", _stamp(moment))),
                ]
                for person, comment, source, moment, *row in votes.values_list(
                    "participant_id",
                    "comment",
                    "source",
                    "voted_at",
                    "from_value__number",
                    "to_value__number",
                    "context__text",
                    "run_label",
                    "answer",
                ).iterator(2000)
                if person in people  # someone may have joined a moment ago
            ),
        ),
    )
    drawn = Draw.objects.filter(participant__in=counted, id__in=DrawItem.objects.values("draw"))
    if drawn.exists():
        items = DrawItem.objects.select_related("story__from_value", "story__to_value", "story__context")
        in_order = drawn.order_by("participant__number").prefetch_related(Prefetch("items", items))
        cases = {question.id: _case_id(question) for question in study.questions.all()}
        yield story_draws.NAME, story_draws.written(in_order.iterator(2000), people, cases)
    yield from compared.written(study, counted, people, _stamp)
    stories = study.stories.select_related("from_value", "to_value", "context").order_by("number")
    if stories:
        yield (
            "upgrade_stories.jsonl",
            _jsonl(
                {
                    "from_id": s.from_value.number,
                    "to_id": s.to_value.number,
                    "context": s.context.text,
                    "run_id": s.run_label,
                    "story": s.text,
                    **({"grade": s.grade} if s.grade else {}),
                    **({"mapping": [{key: step[key] for key in MAPPING} for step in s.mapping]} if s.mapping else {}),
                    **({"origin": s.origin} if s.origin != UpgradeStory.Origin.IMPORT else {}),
                    **({"state": s.state} if s.state != UpgradeStory.State.APPROVED else {}),
                }
                for s in stories
            ),
        )
    exposures = Exposure.objects.filter(draw__participant__in=counted).order_by("id")
    shown = [e for e in exposures.select_related("draw__question", "value") if e.draw.participant_id in people]
    endorsements = Endorsement.objects.current().filter(participant__in=counted).order_by("id")
    related = ("participant", "draw__question", "value", "question")
    picks = [e for e in endorsements.select_related(*related) if e.participant_id in people]
    names = _draw_names([e.draw for e in shown] + [e.draw for e in picks if e.draw])
    columns = ["participant", "draw_id", "canonical_value_id", "case_id"]
    if shown:
        yield (
            "impressions.csv",
            _csv(
                [*columns, "created_at"],
                (
                    [
                        people[e.draw.participant_id],
                        names[e.draw_id],
                        e.value.number,
                        _case_id(e.draw.question),
                        e.source_created_at or _stamp(e.shown_at or e.draw.created_at),
                    ]
                    for e in shown
                ),
            ),
        )
    if picks:
        yield (
            "votes.csv",
            _csv(
                [*columns, "created_at", "answer"],
                (
                    [
                        people[e.participant_id],
                        names.get(e.draw_id, ""),
                        e.value.number,
                        _case_id(e.question),
                        # of people who were imported without a time it is not known
                        e.source_created_at if e.participant.source_id else _stamp(e.created_at),
                        e.answer,
                    ]
                    for e in picks
                ),
            ),
        )


def _draw_names(draws: Iterable[Draw]) -> dict[Any, str]:
    """Return a name for each draw: the source's, or its place among the study's draws. Our own random ids stay inside."""
    found: dict[Any, str] = {}
    for draw in draws:
        found.setdefault(draw.id, draw.source_id or f"d{len(found) + 1}")
    return found


def _later_files(study: Study, people: dict[Any, str]) -> Iterator[tuple[str, Iterable[str]]]:
    with_answers = [
        (people[p.id], p.demographics)
        for p in Participant.objects.filter(study=study).order_by("number")
        if p.demographics and p.id in people
    ]
    if with_answers:
        asked = [f.key for f in settings_of(study).demographics]
        told = {key for _, answers in with_answers for key in answers}
        keys = [key for key in asked if key in told] + sorted(told - set(asked))
        yield (
            "demographics.csv",
            _csv(
                ["participant", *keys], ([name, *(answers.get(k, "") for k in keys)] for name, answers in with_answers)
            ),
        )
    # what was answered here is tied to values and cards that a folder does not tie to people
    given = study.verification_answers.exclude(source_value_id="").select_related("card").order_by("id")
    checks = [c for c in given if c.participant_id in people]
    same = [c for c in checks if c.kind == VerificationAnswer.Kind.SAME_CARD and c.card]
    fair = [c for c in checks if c.kind == VerificationAnswer.Kind.FAIR_POSITION]
    if same:
        yield (
            "deduplication_checks.csv",
            _csv(
                ["participant", "values_card_id", "deduplicated_card_id", "answer"],
                ([people[c.participant_id], c.card.source_id, c.source_value_id, c.answer] for c in same if c.card),
            ),
        )
    if fair:
        satisfied = {ours: theirs for theirs, ours in IS_SATISFIED.items()}
        yield (
            "graph_position_checks.csv",
            _csv(
                ["participant", "deduplicated_card_id", "is_satisfied"],
                ([people[c.participant_id], c.source_value_id, satisfied[c.answer]] for c in fair),
            ),
        )


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> Iterator[str]:
    yield json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _jsonl(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    careful = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)  # Python 3.11 leaves a lone CR unquoted
    for row in chain([columns], rows):
        (careful if any("\r" in str(cell) for cell in row) else writer).writerow(row)
        yield out.getvalue()
        out.seek(0)
        out.truncate()
