"""What people say afterwards, summed up; and the 2023 trial's figures of it."""

from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from elicitation.models import Participant, Study, VerificationAnswer
from elicitation.study_folder import import_study
from reports.running import body_of, run_report
from tests.people import join

pytestmark = pytest.mark.django_db


def answer(person: Participant, said: str, kind: str = "same_card") -> None:
    before = VerificationAnswer.objects.current().filter(participant=person, kind=kind).first()
    VerificationAnswer.objects.create(study=person.study, participant=person, kind=kind, answer=said, supersedes=before)


def figures(study: Study, kind: str = "same_card", **params: str) -> dict[str, object]:
    told: dict[str, object] = body_of(run_report("verification", study=study, params=params))["result"][kind]
    return told


def test_each_persons_newest_answer_counts_once(study: Study) -> None:
    people = [join(study) for _n in range(6)]
    for person in people:
        answer(person, "different")
    for person in people[:5]:
        answer(person, "same")
    told = figures(study)
    assert (told["yes"], told["n"], told["people"]) == (5, 6, 6)


def test_who_is_not_sure_is_told_beside_the_share(study: Study) -> None:
    for n in range(6):
        answer(join(study), "unsure" if n else "same")
    told = figures(study)
    assert (told["yes"], told["n"], told["unsure"]) == (1, 1, 5)


def test_previews_and_people_who_left_do_not_count(study: Study) -> None:
    for n in range(7):
        answer(join(study, is_preview=n == 0), "same")
    Participant.objects.filter(number=2).update(withdrawn_at="2026-01-01T00:00:00Z")
    assert figures(study)["people"] == 5


def test_fewer_than_five_people_are_not_shown(study: Study) -> None:
    for _n in range(4):
        answer(join(study), "same")
    told = figures(study)
    assert told["withheld"] == "fewer than 5 people" and told["yes"] is None and told["n"] is None


def test_a_group_is_withheld_where_everyone_less_it_would_show_a_few(study: Study) -> None:
    for n in range(14):
        person = join(study)
        Participant.objects.filter(id=person.id).update(demographics={"party": "A" if n < 7 else "B"})
        if n < 10:
            answer(person, "same")
    assert figures(study, group="party=A")["withheld"]
    assert figures(study)["n"] == 10
    with pytest.raises(ValidationError):
        figures(study, group="party=C")


def test_the_trials_people_are_counted_as_published(shared_data: Path, db: None) -> None:
    """158 of 180 called their place fair; 33 of 43 called the merged card the same as theirs."""
    import_study(shared_data / "moral-graph-trial", "trial")
    trial = Study.objects.get(slug="trial")
    fair, same = figures(trial, "fair_position"), figures(trial)
    assert (fair["yes"], fair["n"], same["yes"], same["n"], same["people"]) == (158, 180, 33, 43, 42)
    assert fair["interval"] == pytest.approx([0.824, 0.920], abs=5e-4)
    assert same["interval"] == pytest.approx([0.627, 0.874], abs=5e-4)
