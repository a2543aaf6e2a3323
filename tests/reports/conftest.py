"""People who say what they think of values, made up and published."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elicitation.models import CanonicalValue, Endorsement, Participant, Study
from elicitation.polis_folder import import_polis
from elicitation.study_folder import import_study
from reports.running import body_of, run_report
from tests.people import join, value_in
from tests.reports.algorithms.made_up import camps

ResultOf = Callable[..., dict[str, Any]]
ANSWERS = {1: "agree", -1: "disagree", 0: "pass"}


@pytest.fixture
def think() -> Callable[..., None]:
    """Store what a person thinks of a value: `think(person, value, "agree")`; a second answer supersedes the first."""
    return endorse


def endorse(person: Participant, value: CanonicalValue, answer: str) -> None:
    before = Endorsement.objects.current().filter(participant=person, value=value).first()
    Endorsement.objects.create(participant=person, value=value, answer=answer, supersedes=before)


def people_of(study: Study, many: int, **demographics: str) -> list[Participant]:
    people = [join(study) for _ in range(many)]
    Participant.objects.filter(id__in=[p.id for p in people]).update(demographics=demographics)
    return people


def fill(study: Study, people: Sequence[Participant], table: np.ndarray) -> list[CanonicalValue]:
    """Store a table (people, values) of 1, 0, −1 and NaN as answers about new values."""
    values = [value_in(study, title=f"Value <{n}>") for n in range(table.shape[1])]
    Endorsement.objects.bulk_create(
        Endorsement(participant=people[row], value=values[column], answer=ANSWERS[int(table[row, column])])
        for row, column in np.argwhere(~np.isnan(table))
    )
    return values


@pytest.fixture
def two_camps(study: Study) -> np.ndarray:
    """Sixty people of two camps who answered most of thirty values of `study`. Return the camp of each, in order of joining."""
    planted, answers = camps(60, 30, 2, filled=0.8, taste=3, seed=0)
    table = np.full((60, 30), np.nan)
    table[answers.person, answers.item] = answers.answer
    people = [Participant(study=study, number=n, source_id=f"camp-{n}") for n in range(1001, 1061)]
    Participant.objects.bulk_create(people)
    fill(study, people, table)
    return planted


@pytest.fixture
def polis(shared_data: Path, db: None) -> Callable[[str], Study]:
    """Import one of the published Polis studies by the name of its folder."""

    def study_of(name: str) -> Study:
        import_polis(shared_data / "opinion-groups" / name, name)
        return Study.objects.get(slug=name)

    return study_of


@pytest.fixture(scope="session")
def published_consensus(shared_data: Path) -> dict[str, float]:
    """The group-informed consensus that the source of bg2050-volunteers published, by statement."""
    with (shared_data / "opinion-groups" / "bg2050-volunteers" / "comments.csv").open(encoding="utf-8") as file:
        return {row["comment-id"]: float(row["group-informed-consensus"]) for row in csv.DictReader(file)}


@pytest.fixture
def trial_study(shared_data: Path, db: None) -> Study:
    """The 2023 trial, imported."""
    import_study(shared_data / "moral-graph-trial", "trial")
    return Study.objects.get(slug="trial")


@pytest.fixture
def result_of() -> ResultOf:
    """Run a report about a study and return its result: `result_of("bridging", study, key="party")`."""

    def run(kind: str, study: Study, **params: Any) -> dict[str, Any]:
        result: dict[str, Any] = body_of(run_report(kind, study=study, params=params))["result"]
        return result

    return run
