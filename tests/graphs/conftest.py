"""Votes to count: made up, and those of the 2023 trial where they are."""

import csv
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from elicitation.models import CanonicalValue, Context, Participant, Study, WisdomVote
from graphs.algorithms.tally import Vote
from tests.people import join, value_in

CUT_OFF = "2023-10-18"  # as the trial published its graph of all participants


@pytest.fixture(scope="session")
def trial(shared_data: Path) -> Path:
    folder = shared_data / "moral-graph-trial"
    if not folder.is_dir():
        pytest.skip("the trial's votes are not there (../shared/data/moral-graph-trial)")
    return folder


@pytest.fixture(scope="session")
def trial_votes_before(trial: Path) -> Callable[[str], list[Vote]]:
    """Return the trial's votes before a moment, in the order of the file."""
    rows = list(csv.DictReader((trial / "wisdom_votes.csv").open(encoding="utf-8")))
    people = {name: i for i, name in enumerate(sorted({row["participant"] for row in rows}), 1)}

    def before(moment: str) -> list[Vote]:
        return [
            Vote(people[r["participant"]], int(r["from_id"]), int(r["to_id"]), r["context"], r["relationship"])
            for r in rows
            if r["created_at"] < moment
        ]

    return before


@pytest.fixture(scope="session")
def trial_votes(trial_votes_before: Callable[[str], list[Vote]]) -> list[Vote]:
    return trial_votes_before(CUT_OFF)


@pytest.fixture(scope="session")
def published_graph(trial: Path) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads((trial / "published-graph-all-participants.json").read_text(encoding="utf-8"))
    return graph


@pytest.fixture
def values(study: Study) -> list[CanonicalValue]:
    """Three values of `study`, numbered 1 to 3."""
    return [value_in(study, title=title) for title in ("Keeping safe", "Staying free", "Letting go together")]


@pytest.fixture
def vote() -> Callable[..., WisdomVote]:
    """Store a vote: `vote(person, first, second, "upgrade", context=…, at=…)`; a second one on a pair supersedes the first."""
    return cast


@pytest.fixture
def crowd() -> Callable[..., list[Participant]]:
    """Make people who all give one answer about a pair: `crowd(6, first, second, "upgrade")`."""
    return crowd_of


def cast(
    person: Participant,
    first: CanonicalValue,
    second: CanonicalValue,
    answer: str = "upgrade",
    *,
    context: Context | None = None,
    at: datetime | None = None,
    comment: str = "",
) -> WisdomVote:
    context = context or person.study.contexts.get(number=1)
    pair = {"participant": person, "from_value": first, "to_value": second, "context": context}
    return WisdomVote.objects.create(
        study=person.study,
        answer=answer,
        comment=comment,
        voted_at=at or timezone.now(),
        supersedes=WisdomVote.objects.current().filter(**pair).first(),
        **pair,
    )


def crowd_of(
    many: int, first: CanonicalValue, second: CanonicalValue, answer: str = "upgrade", **options: Any
) -> list[Participant]:
    demographics = options.pop("demographics", {})
    people = [join(first.study) for _ in range(many)]
    for person in people:
        Participant.objects.filter(id=person.id).update(demographics=demographics)
        cast(person, first, second, answer, **options)
    return people
