"""Storing a study that was read from a folder: one transaction writes all of it or nothing."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_slug
from django.db import IntegrityError, transaction

from core.bulk import insert_rows
from elicitation import comparisons
from elicitation.models import (
    CanonicalValue,
    ConsentText,
    Context,
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
from elicitation.study_folder.content import (
    IS_SATISFIED,
    LATER,
    OPTIONAL,
    REQUIRED,
    Folder,
    ImportSummary,
    PickRow,
    ValueRow,
)
from elicitation.study_folder.reading import read_folder
from elicitation.study_settings import DemographicField
from elicitation.tables import BadFile

BATCH = 500
MOST_SLUG = 60
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_FIELDS = 12  # of demographics that a study can ask for; others are kept and can be grouped by


def import_study(folder: Path, slug: str) -> ImportSummary:
    """Read a study folder into a new study. The same folder again changes nothing.

    Raises BadFile if anything in the folder is wrong, or if the slug belongs to another study; nothing is written then.
    """
    found = read_folder(folder)
    return store_study(found, slug, digest_of(folder, (*REQUIRED, *OPTIONAL)))


def digest_of(folder: Path, names: Iterable[str]) -> str:
    """Return one hash of those of the named files that are in the folder."""
    there = sorted(name for name in names if (folder / name).exists())
    parts = [(name, hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in there]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def store_study(found: Folder, slug: str, digest: str) -> ImportSummary:
    """Store what was read as a new study, all or nothing; a study that holds it already is left alone.

    Raises BadFile if the slug is none, or belongs to another study.
    """
    try:
        validate_slug(slug)
        MaxLengthValidator(MOST_SLUG)(slug)
    except ValidationError:
        raise BadFile([f"--study: {slug!r} is no slug; use up to {MOST_SLUG} letters, digits and dashes"]) from None
    try:
        with transaction.atomic():
            if not Study.objects.filter(slug=slug).exists():
                counts = _store(found, slug, digest)
                return ImportSummary(slug, changed=True, counts=counts, notes=found.notes)
    except IntegrityError:
        if not Study.objects.filter(slug=slug).exists():
            raise
        # another import of this slug came first; what it stored decides
    if Study.objects.get(slug=slug).source_sha256 != digest:
        raise BadFile([f"--study: there is a study {slug} already, with other content; choose another slug"])
    return ImportSummary(slug, changed=False, notes=found.notes)


def _store(found: Folder, slug: str, digest: str) -> dict[str, int]:
    study = _store_study(found, slug, digest)
    questions = {
        name: Question(
            study=study,
            number=n,
            source_id=name,
            title=row.text("title", required=False),
            text=row.text("question"),
            is_heavy=row.flag("is_heavy"),
            is_archived=row.flag("is_archived"),
        )
        for n, (name, row) in enumerate(found.cases.items(), 1)
    }
    Question.objects.bulk_create(questions.values())
    contexts = {text: Context(study=study, number=n, text=text) for n, text in enumerate(found.contexts, 1)}
    Context.objects.bulk_create(contexts.values())
    QuestionContext.objects.bulk_create(
        [
            QuestionContext(question=questions[case], context=contexts[context], number=n)
            for n, (context, case) in enumerate(found.links, 1)
        ]
    )
    values = {number: _value(study, row, questions) for number, row in found.values.items()}
    CanonicalValue.objects.bulk_create(values.values(), BATCH)
    cards = _store_cards(found, study)
    later = _store_runs(found, study, values, cards)
    people = {name: uuid4() for name in sorted(found.people)}
    insert_rows(
        Participant,
        ("id", "study_id", "number", "source_id", "demographics", "is_simulated"),
        (
            (ident, study.id, number, name, found.people[name], study.is_simulated)
            for number, (name, ident) in enumerate(people.items(), 1)
        ),
    )
    stories = _store_stories(found, study, values, contexts)
    items = story_draws.store(found.story_draws, people, stories, questions)
    _store_votes(found, study, people, values, contexts, stories, items)
    _store_picks(found, people, values, questions)
    _store_checks(found, study, people, cards, later)
    if found.compared.pairs:
        compared.store(found.compared, comparisons.dataset_of(study), people)
    return {
        "questions": len(questions),
        "contexts": len(contexts),
        "canonical values": len(values),
        "values cards": len(cards),
        "upgrade stories": len(stories),
        "participants": len(people),
        "story draws": len(found.story_draws),
        "wisdom votes": len(found.votes),
        "exposures": len(found.exposures),
        "endorsements": len(found.picks),
        "verification answers": len(found.same_card) + len(found.fair),
        **({"comparisons": len(found.compared.pairs)} if found.compared.pairs else {}),
        **({"answers to comparisons": len(found.compared.answers)} if found.compared.pairs else {}),
    }


def _store_study(found: Folder, slug: str, digest: str) -> Study:
    told = found.study
    settings = told.get("settings")
    if settings is None:
        choices: dict[str, set[str]] = {}
        for answers in found.people.values():
            for key, answer in answers.items():
                choices.setdefault(key, set()).update([answer] if answer else [])
        fields = [
            DemographicField(key=key, label=key.replace("_", " "), choices=sorted(kinds)).model_dump()
            for key, kinds in choices.items()
            if 2 <= len(kinds) <= 30 and KEY.fullmatch(key)
        ][:MOST_FIELDS]
        settings = {"demographics": fields}
    study = Study.objects.create(
        slug=slug,
        title=told.get("title") or slug,
        description=told.get("description") or "",
        language=told.get("language") or "en",
        state=Study.State.CLOSED,
        is_simulated=told.get("is_simulated", False),
        settings=settings,
        source_sha256=digest,
    )
    for version, text in enumerate(told.get("consent_texts", []), 1):
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        ConsentText.objects.create(study=study, version=version, text=text, sha256=sha256)
    return study


def _value(study: Study, row: ValueRow, questions: dict[str, Question], *, source_id: str = "", number: int = 0) -> Any:
    extra = dict(row.extra)
    return CanonicalValue(
        study=study,
        number=number or row.number,
        source_id=source_id or str(row.number),
        title=row.title,
        description=row.description,
        detail=row.detail,
        policies=row.policies,
        question=questions.get(extra.pop("case_id", "")),
        is_archived=bool(extra.pop("is_archived", False)),
        extra=extra,
    )


def _store_cards(found: Folder, study: Study) -> dict[int, ValuesCard]:
    cards = {
        number: ValuesCard(
            study=study,
            number=n,
            source_id=str(number),
            title=row.text("title"),
            description=row.text("instructions_short", required=False),
            detail=row.text("instructions_detailed", required=False),
            policies=[{"text": policy, "quotes": []} for policy in row.texts("evaluation_criteria")],
            state=ValuesCard.State.CONFIRMED,
            origin=ValuesCard.Origin.IMPORT,
            quality=row.text("quality", required=False),
            source_created_at=row.text("created_at", most=40, required=False),
        )
        for n, (number, row) in enumerate(found.cards.items(), 1)
    }
    ValuesCard.objects.bulk_create(cards.values(), BATCH)
    return cards


def _store_runs(
    found: Folder, study: Study, values: dict[int, CanonicalValue], cards: dict[int, ValuesCard]
) -> dict[int, CanonicalValue]:
    """Store the grouping that the votes were cast under as the active run, and later generations beside it. Return the
    values of those by the source's id."""
    first = DeduplicationRun.objects.create(study=study, number=1, method="import", is_active=True)
    own = [(cards[n], row.fields.get("canonical_id")) for n, row in found.cards.items()]
    ValueMember.objects.bulk_create(
        [ValueMember(run=first, card=card, value=values[to]) for card, to in own if to is not None], BATCH
    )
    ValueProjection.objects.bulk_create(
        [
            ValueProjection(run=first, value=values[value], target=values[target])
            for value, target in found.merged.items()
        ]
    )
    following = max(values, default=0) + 1
    merged: dict[int, CanonicalValue] = {}
    for n, (generation, rows) in enumerate(sorted(found.runs.items()), 2):
        run = DeduplicationRun.objects.create(study=study, number=n, source_id=str(generation), method="import")
        for number, row in rows.items():
            archived = row._replace(extra={"is_archived": True, "generation": generation})
            merged[number] = _value(study, archived, {}, source_id=f"{LATER}{number}", number=following)
            following += 1
        CanonicalValue.objects.bulk_create([merged[number] for number in rows], BATCH)
        members = [(card, value) for card, value, of in found.members if of == generation]
        ValueMember.objects.bulk_create(
            [ValueMember(run=run, card=cards[card], value=merged[value]) for card, value in members], BATCH
        )
    return merged


def _store_stories(
    found: Folder, study: Study, values: dict[int, CanonicalValue], contexts: dict[str, Context]
) -> dict[tuple[int, int, str, str], UpgradeStory]:
    stories = {}
    for n, row in enumerate(found.stories, 1):
        f = row.fields
        key = (int(f["from_id"]), int(f["to_id"]), f["context"], f.get("run_id") or "")
        stories[key] = UpgradeStory(
            study=study,
            number=n,
            from_value=values[key[0]],
            to_value=values[key[1]],
            context=contexts[key[2]],
            text=row.text("story", required=False),
            run_label=key[3],
            grade=row.text("grade", most=2, required=False),
            mapping=row.fields.get("mapping", []),
            origin=row.fields.get("origin", UpgradeStory.Origin.IMPORT),
            state=row.fields.get("state", UpgradeStory.State.APPROVED),
        )
    UpgradeStory.objects.bulk_create(stories.values(), BATCH)
    return stories


def _store_votes(
    found: Folder,
    study: Study,
    people: dict[str, UUID],
    values: dict[int, CanonicalValue],
    contexts: dict[str, Context],
    stories: dict[tuple[int, int, str, str], UpgradeStory],
    items: dict[tuple[str, int, int, str], DrawItem],
) -> None:
    value_ids = {number: value.id for number, value in values.items()}
    context_ids = {text: context.id for text, context in contexts.items()}
    story_ids = {key: story.id for key, story in stories.items()}
    item_ids = {key: item.id for key, item in items.items()}
    insert_rows(
        WisdomVote,
        (
            "study_id", "participant_id", "story_id", "draw_item_id", "from_value_id", "to_value_id", "context_id", "answer",
            "run_label", "source", "voted_at",
        ),
        (
            (
                study.id,
                people[row.participant],
                story_ids.get((row.from_id, row.to_id, row.context, row.run_id)),
                item_ids.get((row.participant, row.from_id, row.to_id, row.context)),
                value_ids[row.from_id],
                value_ids[row.to_id],
                context_ids[row.context],
                row.answer,
                row.run_id,
                row.source,
                row.moment,
            )
            for row in found.votes
        ),
    )  # fmt: skip


def _store_picks(
    found: Folder, people: dict[str, UUID], values: dict[int, CanonicalValue], questions: dict[str, Question]
) -> None:
    value_ids = {number: value.id for number, value in values.items()}
    question_ids = {name: question.id for name, question in questions.items()}
    first: dict[str, PickRow] = {}
    for row in chain(found.exposures, found.picks):
        if row.draw_id:
            first.setdefault(row.draw_id, row)
    draws = {name: uuid4() for name in first}
    insert_rows(
        Draw,
        ("id", "participant_id", "kind", "question_id", "source_id", "completed_at"),
        (
            (
                ident,
                people[first[name].participant],
                Draw.Kind.PICKS,
                question_ids.get(first[name].case),
                name,
                datetime.fromisoformat(first[name].created_at),
            )
            for name, ident in draws.items()
        ),
    )
    places: Counter[str] = Counter()

    def place(row: PickRow) -> int:
        places[row.draw_id] += 1
        return places[row.draw_id] - 1

    insert_rows(
        Exposure,
        ("draw_id", "position", "value_id", "shown_at", "source_created_at"),
        (
            (
                draws[row.draw_id],
                place(row),
                value_ids[row.value],
                datetime.fromisoformat(row.created_at),
                row.created_at,
            )
            for row in found.exposures
        ),
    )
    insert_rows(
        Endorsement,
        ("participant_id", "value_id", "draw_id", "question_id", "answer", "source_created_at"),
        (
            (
                people[row.participant],
                value_ids[row.value],
                draws.get(row.draw_id),
                question_ids.get(row.case),
                row.answer,
                row.created_at,
            )
            for row in found.picks
        ),
    )


def _store_checks(
    found: Folder,
    study: Study,
    people: dict[str, UUID],
    cards: dict[int, ValuesCard],
    later: dict[int, CanonicalValue],
) -> None:
    kinds = VerificationAnswer.Kind
    told = [(kinds.SAME_CARD, row) for row in found.same_card] + [(kinds.FAIR_POSITION, row) for row in found.fair]
    VerificationAnswer.objects.bulk_create(
        [
            VerificationAnswer(
                study=study,
                participant_id=people[row.participant],
                kind=kind,
                card=None if row.card is None else cards[row.card],
                value=later[row.merged],
                source_value_id=str(row.merged),
                answer=IS_SATISFIED.get(row.answer, row.answer),
            )
            for kind, row in told
        ],
        BATCH,
    )
