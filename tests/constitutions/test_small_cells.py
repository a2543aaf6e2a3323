"""What few people said of a comparison is not served to everyone: it may be what one said."""

import json
from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from constitutions.extraction import extract
from constitutions.models import ConstitutionVersion
from constitutions.publishing import publish
from elicitation import comparisons, withdrawal
from elicitation.models import Participant, Study
from tests.people import join

pytestmark = pytest.mark.django_db
MANY = range(1, 31)
FEW = range(31, 61)


@pytest.fixture
def crowd(study: Study) -> list[Participant]:
    return [join(study) for _number in range(5)]


@pytest.fixture
def version(study: Study, crowd: list[Participant]) -> ConstitutionVersion:
    """Made of sixty comparisons: five people answered the first half, one person the second."""
    dataset = comparisons.dataset_of(study)
    for number in (*MANY, *FEW):
        texts = {"text_a": "word " * 12, "text_b": "- item\n" * (number % 5 + 3)}
        comparison = comparisons.add_comparison(dataset, prompt=f"Question {number}", **texts)
        for person in crowd if number in MANY else crowd[:1]:
            comparisons.annotate(comparison, participant=person, answer="b")
    return publish(extract(dataset=dataset, seed=1), slug="ours")


def shown(client: APIClient) -> tuple[set[str], set[str], int]:
    """Return the prompts in the annotated pairs and in the evidence that everyone can pull, and how many are withheld."""
    pairs = json.loads(client.get("/api/v1/constitutions/ours/latest/?export=annotated-pairs").content)
    evidence = client.get("/api/v1/constitutions/ours/versions/1/principles/1/evidence/").json()["comparisons"]
    rows = evidence["results"]
    return {row["prompt"] for row in pairs["comparisons"]}, {row["prompt"] for row in rows}, evidence["withheld"]


def test_comparisons_that_few_people_answered_are_withheld(
    version: ConstitutionVersion, client_of: Callable[..., APIClient]
) -> None:
    safe = {f"Question {number}" for number in MANY}
    assert shown(client_of(None)) == (safe, safe, len(FEW))


def test_once_someone_leaves_what_the_others_said_is_withheld_too(
    version: ConstitutionVersion, crowd: list[Participant], client_of: Callable[..., APIClient]
) -> None:
    withdrawal.withdraw(crowd[-1])
    assert shown(client_of(None)) == (set(), set(), len(MANY) + len(FEW))


def test_simulated_people_are_not_meant(
    version: ConstitutionVersion, study: Study, client_of: Callable[..., APIClient]
) -> None:
    Study.objects.filter(id=study.id).update(is_simulated=True)
    everything = {f"Question {number}" for number in (*MANY, *FEW)}
    pairs, _page, withheld = shown(client_of(None))
    assert (pairs, withheld) == (everything, 0)


def test_of_a_version_made_from_one_named_person_no_answer_is_told(
    version: ConstitutionVersion, crowd: list[Participant], client_of: Callable[..., APIClient]
) -> None:
    """Five others answered the same comparisons, but what is explained is one person's answers."""
    alone = [crowd[0].annotators.get().source_id]
    publish(extract(dataset=version.extraction.dataset, annotators=alone, seed=2), slug="alone")
    pairs = client_of(None).get("/api/v1/constitutions/alone/latest/?export=annotated-pairs").json()
    evidence = client_of(None).get("/api/v1/constitutions/alone/versions/1/principles/1/evidence/").json()
    assert pairs["comparisons"] == evidence["comparisons"]["results"] == []
    assert evidence["comparisons"]["for"] == evidence["comparisons"]["against"] == 0
