import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from constitutions.evidence import evidence_behind
from constitutions.exports import export
from constitutions.extraction import extract
from constitutions.models import Constitution, ConstitutionVersion
from constitutions.publishing import changes, diff, notice_withdrawals, publish, version_body
from core.canonical import sha256_of
from core.problems import Conflict
from elicitation import comparisons, withdrawal
from elicitation.models import Dataset, Participant, Study
from tests.constitutions.conftest import Preferring
from tests.people import join

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(dataset: Dataset) -> ConstitutionVersion:
    return publish(extract(dataset=dataset), slug="lists", title="Lists", note="First")


def test_the_first_version_has_number_1_licence_executor_and_the_hash_of_its_body(version: ConstitutionVersion) -> None:
    body = version_body(version)
    assert (body["number"], body["parent"], body["note"], body["title"]) == (1, None, "First", "Lists")
    assert body["licence"] == "CC-BY-4.0"
    voting = [p["id"] for p in body["principles"]]
    assert body["executor"] == {"kind": "weighted votes", "weights": "strength", "principles": voting}
    assert version.sha256 == sha256_of(body)


def test_another_extraction_makes_the_next_version_of_it(version: ConstitutionVersion, dataset: Dataset) -> None:
    second = publish(extract(dataset=dataset, seed=5), slug="lists")
    assert (second.number, second.parent, version_body(second)["parent"]) == (2, version, 1)


def test_the_same_extraction_again_is_the_same_version(version: ConstitutionVersion, dataset: Dataset) -> None:
    assert publish(extract(dataset=dataset), slug="lists") == version
    assert ConstitutionVersion.objects.count() == 1


@pytest.mark.parametrize("field", ["body", "sha256", "note", "number"])
def test_a_published_version_refuses_every_change(version: ConstitutionVersion, field: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        ConstitutionVersion.objects.filter(id=version.id).update(**{field: 7 if field == "number" else "changed"})


def test_a_published_version_cannot_be_deleted(version: ConstitutionVersion) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        version.delete()


def test_its_extraction_cannot_be_deleted_from_under_it(version: ConstitutionVersion) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        version.extraction.delete()


def test_without_a_principle_there_is_nothing_to_publish(preferring: Preferring) -> None:
    with pytest.raises(ValidationError, match="Not enough evidence"):
        publish(extract(dataset=preferring("chance", share=0.5)), slug="chance")
    assert not Constitution.objects.exists()


@pytest.mark.parametrize("wrong", [{"slug": "no slug"}, {"slug": "x" * 61}, {"slug": "ok", "title": "t" * 161}])
def test_a_bad_name_is_refused(dataset: Dataset, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        publish(extract(dataset=dataset), **wrong)  # type: ignore[arg-type]


def test_a_name_that_belongs_to_something_else_is_refused(version: ConstitutionVersion, preferring: Preferring) -> None:
    with pytest.raises(Conflict):
        publish(extract(dataset=preferring("other", seed=3)), slug="lists")


def test_another_licence_can_be_given(dataset: Dataset) -> None:
    version = publish(extract(dataset=dataset), slug="lists", licence="CC0-1.0")
    assert version_body(version)["licence"] == "CC0-1.0"


# what changed


def test_a_diff_names_what_was_added_removed_and_reweighted(version: ConstitutionVersion, dataset: Dataset) -> None:
    second = publish(extract(dataset=dataset, seed=5, principles=1), slug="lists")
    changes = diff(version, second)
    before, after = (version_body(v)["principles"] for v in (version, second))
    assert (changes["from"], changes["to"]) == (1, 2)
    assert len(after) == len(before) - len(changes["removed"]) + len(changes["added"])
    for changed in changes["reweighted"]:
        assert changed["change"] == pytest.approx(changed["strength"] - changed["was"])


def test_a_change_of_strength_has_an_interval_and_is_clear_only_off_0() -> None:
    def body(strength: float, ci: list[float] | None) -> dict[str, Any]:
        principle = {"id": 1, "text": "t", "source": "s", "name": "n", "strength": strength}
        return {"principles": [principle | ({"strength_ci": ci} if ci else {})]}

    [small] = changes(body(0.1, [0.0, 0.4]), body(0.2, [0.16, 0.23]))["reweighted"]
    assert small["change_ci"] == pytest.approx([0.1 - (0.04**2 + 0.3**2) ** 0.5, 0.1 + (0.03**2 + 0.1**2) ** 0.5])
    assert small["is_clear"] is False
    [large] = changes(body(0.1, [0.0, 0.2]), body(0.6, [0.5, 0.7]))["reweighted"]
    assert large["is_clear"] is True
    [unknown] = changes(body(0.1, None), body(0.6, [0.5, 0.7]))["reweighted"]
    assert (unknown["change_ci"], unknown["is_clear"]) == (None, None)


def test_another_wording_of_the_same_merged_principle_is_reworded() -> None:
    def body(phrase: str, *merged: str, direction: str = "encouraged") -> dict[str, Any]:
        names = {"name": f"Prefer the answer that {phrase}", "text": phrase, "merged": list(merged)}
        return {"principles": [{"id": 1, "source": "model: m", "strength": 0.1, "direction": direction, **names}]}

    was, now = body("names its limits", "states limits"), body("states limits", "names its limits", "tells limits")
    assert [row["was"] for row in changes(was, now)["reworded"]] == ["names its limits"]
    assert not changes(was, now)["added"] and not changes(was, now)["removed"]
    told = changes(was, body("states limits", direction="discouraged"))
    assert (len(told["added"]), len(told["removed"])) == (1, 1)


def test_a_version_does_not_differ_from_itself(version: ConstitutionVersion) -> None:
    changes = diff(version, version)
    assert not any(changes[name] for name in ("added", "removed", "reworded", "reweighted"))
    assert changes["kept"] == len(version_body(version)["principles"])


# what was taken back


@pytest.fixture
def of_people(study: Study) -> ConstitutionVersion:
    """A version that people of a study made by comparing."""
    dataset = comparisons.dataset_of(study)
    people: list[Participant] = [join(study) for _ in range(6)]
    for n in range(40):
        pair = comparisons.add_comparison(dataset, prompt=f"p{n}", text_a="many words " * (n % 7 + 3), text_b="few")
        for person in people:
            comparisons.annotate(pair, participant=person, answer="a")
    return publish(extract(dataset=dataset), slug="people")


def test_a_version_says_that_answers_behind_it_were_withdrawn_since(of_people: ConstitutionVersion) -> None:
    assert not notice_withdrawals(of_people)
    person = of_people.constitution.study.participants.first()  # type: ignore[union-attr]
    assert person is not None
    withdrawal.withdraw(person)
    assert notice_withdrawals(of_people)


def test_a_later_answer_is_no_withdrawal(of_people: ConstitutionVersion) -> None:
    study = of_people.constitution.study
    assert study is not None
    pair = study.dataset.comparisons.get(number=1)
    comparisons.annotate(pair, participant=join(study), answer="b")
    assert not notice_withdrawals(of_people)


def test_annotated_pairs_say_what_a_principle_spoke_for_whatever_people_answer_since(
    of_people: ConstitutionVersion, study: Study
) -> None:
    pair = study.dataset.comparisons.get(number=1)
    for person in study.participants.all():
        comparisons.annotate(pair, participant=person, answer="b")
    pairs = json.loads(export(of_people, "annotated-pairs"))["comparisons"]
    assert {p["annotations"]["principle_1"]["pref"] for p in pairs} == {"a"}
    assert [p["annotations"]["people"]["pref"] for p in pairs].count("b") == 1


def test_annotated_pairs_are_there_when_a_named_annotator_has_left(
    of_people: ConstitutionVersion, study: Study
) -> None:
    first, *_others = study.participants.all()
    names = [annotator.source_id for annotator in study.dataset.annotators.all()]
    alone = study.dataset.annotators.get(participant=first).source_id
    versions = [
        publish(extract(dataset=study.dataset, annotators=whose), slug=slug)
        for slug, whose in (("all", names), ("one", [alone]))
    ]
    withdrawal.withdraw(first)
    assert [len(json.loads(export(v, "annotated-pairs"))["comparisons"]) for v in versions] == [40, 0]


def test_of_a_group_no_comparison_is_told_that_fewer_than_five_of_it_judged(study: Study) -> None:
    dataset = comparisons.dataset_of(study)
    people = [join(study) for _ in range(10)]
    Participant.objects.filter(id__in=[p.id for p in people[:5]]).update(demographics={"place": "coast"})
    for n in range(40):
        pair = comparisons.add_comparison(dataset, prompt=f"p{n}", text_a="many words " * (n % 7 + 3), text_b="few")
        for person in people[n % 2 :]:  # of every second one four of the coast are asked
            comparisons.annotate(pair, participant=person, answer="a")
    version = publish(extract(dataset=dataset, group="place=coast"), slug="coast")
    assert version_body(version)["comparisons"]["decided"] == 40
    assert len(json.loads(export(version, "annotated-pairs"))["comparisons"]) == 20
    told = evidence_behind(version.extraction, 1)["comparisons"]
    assert told["for"] + told["against"] == len(told["results"]) == 20
