"""A snapshot counted again from the stored votes has the same bytes, whatever happened since; or it is said why not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.append_only import erasing
from elicitation import deduplication
from elicitation.models import CanonicalValue, Context, Study
from elicitation.study_folder import import_study
from elicitation.withdrawal import withdraw
from graphs.building import build_graph
from graphs.models import GraphSnapshot
from graphs.rerunning import rerun
from tests.graphs.conftest import cast, crowd_of
from tests.people import card_of, join

pytestmark = pytest.mark.django_db


@pytest.fixture
def voted(study: Study, values: list[CanonicalValue]) -> Study:
    """`study` with two clear pairs in two contexts."""
    crowd_of(9, values[0], values[1], demographics={"role": "carer"})
    crowd_of(9, values[1], values[2], context=study.contexts.get(number=2), demographics={"role": "other"})
    return study


def newer_votes(study: Study, values: list[CanonicalValue]) -> None:
    crowd_of(12, values[0], values[1], "no_upgrade")


def changed_minds(study: Study, values: list[CanonicalValue]) -> None:
    for person in study.participants.all()[:9]:
        cast(person, values[0], values[1], "no_upgrade")


def a_merge(study: Study, values: list[CanonicalValue]) -> None:
    deduplication.merge(study, values[1:])


def an_undone_merge(study: Study, values: list[CanonicalValue]) -> None:
    deduplication.undo(deduplication.merge(study, values[1:]))


def an_archived_value(study: Study, values: list[CanonicalValue]) -> None:
    CanonicalValue.objects.filter(id=values[1].id).update(is_archived=True)


def another_wording(study: Study, values: list[CanonicalValue]) -> None:
    CanonicalValue.objects.filter(id=values[1].id).update(title="Staying free, whatever it takes")


def a_renamed_context(study: Study, values: list[CanonicalValue]) -> None:
    Context.objects.filter(study=study, number=1).update(text="Zero freedom left")


def new_holders(study: Study, values: list[CanonicalValue]) -> None:
    for _ in range(6):
        card_of(join(study), title="Newly held", confirmed=True)


def a_value_that_is_emptied(study: Study, values: list[CanonicalValue]) -> None:
    """Someone whose card a value was takes everything back, and had judged nothing."""
    owner = join(study)
    card = card_of(owner, title=values[0].title, confirmed=True)
    card.memberships.update(value=values[0])
    withdraw(owner)
    assert CanonicalValue.objects.get(id=values[0].id).title == ""


SINCE = [
    newer_votes, changed_minds, a_merge, an_undone_merge, an_archived_value, another_wording, a_renamed_context, new_holders,
    a_value_that_is_emptied,
]  # fmt: skip


@pytest.mark.parametrize("mode", ["robust", "mge-2023"])
@pytest.mark.parametrize("happens", SINCE, ids=lambda happens: happens.__name__)
def test_what_happened_since_changes_nothing(
    voted: Study, values: list[CanonicalValue], happens: Callable[..., None], mode: str
) -> None:
    snapshot = build_graph(voted, mode=mode, seed=3)
    happens(voted, values)
    assert rerun(snapshot) == (snapshot.sha256, True, [])


@pytest.mark.parametrize(
    "options",
    [
        {"context": "When someone loses a freedom"},
        {"group": "role=carer"},
        {"question": "1"},
        {"before": (timezone.now() + timedelta(days=1)).isoformat()},
    ],
    ids=lambda options: next(iter(options)),
)
def test_filters_are_followed_as_they_were(voted: Study, values: list[CanonicalValue], options: dict[str, Any]) -> None:
    snapshot = build_graph(voted, **options)
    a_renamed_context(voted, values)
    changed_minds(voted, values)
    a_merge(voted, values)
    assert rerun(snapshot).is_equal


def test_a_graph_over_a_merge_is_counted_over_it_after_it_was_undone(
    voted: Study, values: list[CanonicalValue]
) -> None:
    run = deduplication.merge(voted, values[:2])
    snapshot = build_graph(voted)
    assert snapshot.vote_count == 9
    deduplication.undo(run)
    assert rerun(snapshot).is_equal and build_graph(voted).vote_count == 18


def test_votes_that_were_taken_back_are_told_as_that(voted: Study) -> None:
    snapshot = build_graph(voted)
    for person in voted.participants.all()[:2]:
        withdraw(person)
    found = rerun(snapshot)
    assert not found.is_equal and found.reasons[0] == "2 votes are gone: who gave them took everything back."


def test_where_everyone_took_their_votes_back_nothing_can_be_counted(voted: Study) -> None:
    snapshot = build_graph(voted)
    for person in voted.participants.all():
        withdraw(person)
    found = rerun(snapshot)
    assert (found.sha256, found.is_equal) == ("", False) and "no vote to count" in found.reasons[0]


def test_of_a_group_it_is_not_told_how_many_votes_are_gone(voted: Study) -> None:
    snapshot = build_graph(voted, group="role=carer")
    withdraw(voted.participants.filter(demographics__role="carer")[0])
    found = rerun(snapshot)
    assert not found.is_equal and "It is of a group" in found.reasons[0]
    assert not any("gone" in reason for reason in found.reasons)


def test_rules_that_the_code_no_longer_has_are_told(voted: Study) -> None:
    snapshot = build_graph(voted)
    with erasing():
        GraphSnapshot.objects.update(rules=snapshot.rules | {"test": "coin"}, code_version="abc")
    found = rerun(GraphSnapshot.objects.get())
    assert not found.is_equal and "version abc built it" in found.reasons[0]


def test_rules_are_those_of_the_snapshot(voted: Study) -> None:
    """Not the ones that the code would take today: a threshold may be another one by then."""
    snapshot = build_graph(voted)
    with erasing():
        GraphSnapshot.objects.update(rules=snapshot.rules | {"min_voters": 10})
    found = rerun(GraphSnapshot.objects.get())
    assert "edges" in found.reasons[-1] and "rules" not in found.reasons[-1]


def test_a_snapshot_without_pins_is_counted_as_things_are_now(voted: Study, values: list[CanonicalValue]) -> None:
    build_graph(voted)
    with erasing():
        GraphSnapshot.objects.update(pins=None)
    assert rerun(GraphSnapshot.objects.get()).is_equal
    a_merge(voted, values)
    found = rerun(GraphSnapshot.objects.get())
    assert not found.is_equal and any("before snapshots kept" in reason for reason in found.reasons)


def test_a_balanced_graph_is_counted_again_with_its_groups(voted: Study, values: list[CanonicalValue]) -> None:
    crowd_of(6, values[0], values[1], "no_upgrade", demographics={"role": "other"})
    snapshot = build_graph(voted, balance="role", seed=3)
    newer_votes(voted, values)
    assert rerun(snapshot).is_equal


def test_nothing_is_stored(voted: Study) -> None:
    rerun(build_graph(voted))
    assert GraphSnapshot.objects.count() == 1


# the command


def test_the_command_says_that_the_bytes_are_the_same(
    voted: Study, values: list[CanonicalValue], capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = build_graph(voted)
    newer_votes(voted, values)
    call_command("rerun_graph", voted.slug, "1")
    assert capsys.readouterr().out == f"snapshot 1 of letting-go: the same bytes, SHA-256 {snapshot.sha256}\n"


def test_the_command_fails_where_votes_are_gone(voted: Study, capsys: pytest.CaptureFixture[str]) -> None:
    build_graph(voted)
    withdraw(voted.participants.all()[0])
    with pytest.raises(SystemExit) as ended:
        call_command("rerun_graph", voted.slug, "1")
    told = capsys.readouterr().out
    assert ended.value.code == 1 and "not the same bytes" in told and "1 vote is gone" in told


@pytest.mark.parametrize("named", [("letting-go", "2"), ("nowhere", "1"), ("letting-go", "99999999999999999999")])
def test_a_snapshot_that_is_not_there_is_told(voted: Study, named: tuple[str, str]) -> None:
    build_graph(voted)
    with pytest.raises(CommandError, match="There is no snapshot"):
        call_command("rerun_graph", *named)


def test_a_body_that_was_tampered_with_is_told(voted: Study) -> None:
    snapshot = build_graph(voted)
    with erasing():
        GraphSnapshot.objects.update(body=snapshot.body.replace("Keeping safe", "Keeping sane"))
    with pytest.raises(CommandError, match="no longer matches its SHA-256"):
        call_command("rerun_graph", voted.slug, "1")


# the trial


def test_the_trial_s_graphs_are_counted_again_to_the_byte(trial: Any) -> None:
    import_study(trial, "trial")
    study = Study.objects.get(slug="trial")
    snapshots = [
        build_graph(study, before="2023-10-18T00:00:00Z", seed=1),
        build_graph(study, mode="mge-2023", before="2023-10-18T00:00:00Z"),
    ]
    first, second = study.values.filter(is_archived=False).order_by("number")[:2]
    deduplication.merge(study, [first, second])
    assert all(rerun(snapshot).is_equal for snapshot in snapshots)
