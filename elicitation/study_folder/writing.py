"""Writing a study as a folder that can be read again. Free text of people (turns, comments, quotes) is never written."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from elicitation.models import (
    CanonicalValue,
    DeduplicationRun,
    Draw,
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
from elicitation.study_folder.content import STUDY_FORMAT
from elicitation.study_settings import settings_of
from elicitation.tables import BadFile


def export_study(study: Study, folder: Path) -> list[str]:
    """Write the study as a folder and return the names of the files. The folder must be new or empty.

    Raises BadFile otherwise. Withdrawn people, previews and unconfirmed cards are left out.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadFile([f"{folder}: must be a new or empty folder"])
    people = _names(Participant.objects.filter(study=study, withdrawn_at=None, is_preview=False).order_by("number"))
    files = {
        "study.json": _study_json(study),
        "cases.json": _json(
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
        "contexts.json": _json([c.text for c in study.contexts.order_by("number")]),
        "contexts_on_cases.csv": _csv(
            ["context", "case_id"],
            (
                [link.context.text, _case_id(link.question)]
                for link in QuestionContext.objects.filter(question__study=study)
                .select_related("context", "question")
                .order_by("number", "id")
            ),
        ),
    }
    files |= _value_files(study)
    files |= _answer_files(study, people)
    files |= _later_files(study, people)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return sorted(files)


def _names(people: Iterable[Participant]) -> dict[Any, str]:
    """Return a name for each participant: the source's, or one from their number that no other has."""
    found = {p.id: p.source_id for p in people}
    taken = set(found.values())
    for p in people:
        if not p.source_id:
            found[p.id] = next(name for n in count(p.number) if (name := f"p{n:04d}") not in taken)
            taken.add(found[p.id])
    return found


def _study_json(study: Study) -> str:
    return _json(
        {
            "format": STUDY_FORMAT,
            "title": study.title,
            "description": study.description,
            "language": study.language,
            "is_simulated": study.is_simulated,
            "settings": settings_of(study).model_dump(mode="json"),
            "consent_texts": [c.text for c in study.consent_texts.order_by("version")],
        }
    )


def _case_id(question: Question | None) -> str:
    return "" if question is None else question.source_id or f"q{question.number}"


def _texts(title: str, description: str, detail: str, policies: list[str]) -> dict[str, Any]:
    return {
        "title": title,
        "instructions_short": description,
        "instructions_detailed": detail,
        "evaluation_criteria": policies,
    }


def _value_files(study: Study) -> dict[str, str]:
    values = list(study.values.select_related("question").order_by("number"))
    own = [v for v in values if not v.source_id.startswith("deduplicated:")]
    files = {
        "canonical_values.jsonl": _jsonl(
            {
                "id": v.number,
                **_texts(v.title, v.description, v.detail, v.policies),
                **v.extra,
                **({"case_id": _case_id(v.question)} if v.question else {}),
                **({"is_archived": True} if v.is_archived else {}),
            }
            for v in sorted(own, key=lambda v: v.id)
        )
    }
    active = DeduplicationRun.objects.filter(study=study, is_active=True).first()
    home = dict(ValueMember.objects.filter(run=active).values_list("card_id", "value__number"))
    confirmed = study.cards.filter(state=ValuesCard.State.CONFIRMED).order_by("number")
    cards = list(confirmed.exclude(participant__is_preview=True))
    card_ids = _card_ids(cards)
    if cards:
        files["values_cards.jsonl"] = _jsonl(
            {
                "id": card_ids[c.id],
                "canonical_id": home.get(c.id),
                **_texts(c.title, c.description, c.detail, [p["text"] for p in c.policies]),
                "quality": c.quality,
                "created_at": c.source_created_at or _stamp(c.confirmed_at or c.created_at),
            }
            for c in cards
        )
    merged = ValueProjection.objects.filter(run=active).order_by("value__number")
    if rows := list(merged.values_list("value__number", "target__number")):
        files["merged_values.csv"] = _csv(["canonical_value_id", "counts_as_id"], rows)
    return files | _generation_files(study, values, card_ids)


def _card_ids(cards: Iterable[ValuesCard]) -> dict[Any, int]:
    """Return an id for each card: the source's, or one from its number that no other has."""
    found = {c.id: int(c.source_id) for c in cards if c.source_id}
    taken = set(found.values())
    for c in cards:
        if not c.source_id:
            found[c.id] = next(n for n in count(c.number) if n not in taken)
            taken.add(found[c.id])
    return found


def _generation_files(study: Study, values: list[CanonicalValue], cards: dict[Any, int]) -> dict[str, str]:
    later = list(DeduplicationRun.objects.filter(study=study).exclude(source_id="").order_by("number"))
    if not later:
        return {}
    members = list(
        ValueMember.objects.filter(run__in=later).order_by("id").values_list("card_id", "value_id", "run__source_id")
    )
    generation_of = {value: generation for _card, value, generation in members}
    source = {v.id: int(v.source_id.split(":")[1]) for v in values if v.source_id.startswith("deduplicated:")}
    return {
        "deduplicated_cards.jsonl": _jsonl(
            {
                "id": source[v.id],
                "generation": int(generation_of[v.id]),
                **_texts(v.title, v.description, v.detail, v.policies),
            }
            for v in values
            if v.id in source and v.id in generation_of
        ),
        "deduplications.csv": _csv(
            ["values_card_id", "deduplicated_card_id", "generation"],
            ([cards[card], source[value], generation] for card, value, generation in members if card in cards),
        ),
    }


def _answer_files(study: Study, people: dict[Any, str]) -> dict[str, str]:
    files = {}
    stories = list(study.stories.select_related("from_value", "to_value", "context").order_by("number"))
    if stories:
        files["upgrade_stories.jsonl"] = _jsonl(
            {
                "from_id": s.from_value.number,
                "to_id": s.to_value.number,
                "context": s.context.text,
                "run_id": s.run_label,
                "story": s.text,
                **({"grade": s.grade} if s.grade else {}),
                **({"mapping": s.mapping} if s.mapping else {}),
                **({"origin": s.origin} if s.origin != UpgradeStory.Origin.IMPORT else {}),
                **({"state": s.state} if s.state != UpgradeStory.State.APPROVED else {}),
            }
            for s in stories
        )
    votes = (
        WisdomVote.objects.current()
        .filter(study=study, participant__in=people)
        .select_related("from_value", "to_value", "context")
        .order_by("id")
    )
    columns = ["participant", "from_id", "to_id", "context", "run_id", "relationship"]
    files["wisdom_votes.csv"] = _csv(
        [*columns, "has_comment", "created_at", "updated_at"],
        (
            [
                people[v.participant_id],
                v.from_value.number,
                v.to_value.number,
                v.context.text,
                v.run_label,
                v.answer,
                v.source.get("has_comment", str(int(bool(v.comment)))),
                v.source.get("created_at", _stamp(v.voted_at)),
                v.source.get("updated_at", v.source.get("created_at", _stamp(v.voted_at))),
            ]
            for v in votes
        ),
    )
    columns = ["participant", "draw_id", "canonical_value_id", "case_id"]
    exposures = Exposure.objects.filter(draw__participant__in=people).order_by("id")
    shown = list(exposures.select_related("draw__question", "value"))
    endorsements = Endorsement.objects.current().filter(participant__in=people).order_by("id")
    picks = list(endorsements.select_related("draw__question", "value", "question"))
    names = _draw_names([e.draw for e in shown] + [e.draw for e in picks if e.draw])
    if shown:
        files["impressions.csv"] = _csv(
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
        )
    if picks:
        files["votes.csv"] = _csv(
            [*columns, "created_at", "answer"],
            (
                [
                    people[e.participant_id],
                    names.get(e.draw_id, ""),
                    e.value.number,
                    _case_id(e.question),
                    e.source_created_at or _stamp(e.created_at),
                    e.answer,
                ]
                for e in picks
            ),
        )
    return files


def _draw_names(draws: Iterable[Draw]) -> dict[Any, str]:
    """Return a name for each draw: the source's, or its place among the study's draws. Our own random ids stay inside."""
    found: dict[Any, str] = {}
    for draw in draws:
        found.setdefault(draw.id, draw.source_id or f"d{len(found) + 1}")
    return found


def _later_files(study: Study, people: dict[Any, str]) -> dict[str, str]:
    files = {}
    with_answers = [
        (people[p.id], p.demographics)
        for p in Participant.objects.filter(study=study, id__in=people).order_by("number")
        if p.demographics
    ]
    if with_answers:
        asked = [f.key for f in settings_of(study).demographics]
        told = {key for _, answers in with_answers for key in answers}
        keys = [key for key in asked if key in told] + sorted(told - set(asked))
        files["demographics.csv"] = _csv(
            ["participant", *keys], ([name, *(answers.get(k, "") for k in keys)] for name, answers in with_answers)
        )
    checks = list(study.verification_answers.filter(participant__in=people).select_related("card").order_by("id"))
    same = [c for c in checks if c.kind == VerificationAnswer.Kind.SAME_CARD and c.card]
    fair = [c for c in checks if c.kind == VerificationAnswer.Kind.FAIR_POSITION]
    if same:
        files["deduplication_checks.csv"] = _csv(
            ["participant", "values_card_id", "deduplicated_card_id", "answer"],
            ([people[c.participant_id], c.card.source_id, c.source_value_id, c.answer] for c in same if c.card),
        )
    if fair:
        files["graph_position_checks.csv"] = _csv(
            ["participant", "deduplicated_card_id", "is_satisfied"],
            ([people[c.participant_id], c.source_value_id, c.answer] for c in fair),
        )
    return files


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _jsonl(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    careful = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)  # Python 3.11 leaves a lone CR unquoted
    writer.writerow(columns)
    for row in rows:
        (careful if any("\r" in str(cell) for cell in row) else writer).writerow(row)
    return out.getvalue()
