"""A Polis export: statements are values, votes are endorsements, groups are kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core.models import User
from elicitation.models import CanonicalValue, Endorsement, Participant, Study
from elicitation.polis_folder import import_polis
from elicitation.study_folder import export_study, import_study
from elicitation.tables import BadFile

pytestmark = pytest.mark.django_db

LONG = "We should keep the old trees. " * 10
COMMENTS = f"timestamp,comment-id,moderated,comment-body\n1,0,1,More buses.\n2,4,-1,{LONG}\n"
VOTES = "participant,group-id,n-votes,0,4\n7,0,2,1,-1\n8,,1,0,\n"


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    def write(comments: str = COMMENTS, votes: str = VOTES) -> Path:
        (tmp_path / "comments.csv").write_text(comments)
        (tmp_path / "participants-votes.csv").write_text(votes)
        (tmp_path / "summary.csv").write_text("topic,Our town\nvoters,2\n")
        return tmp_path

    return write


def test_statements_votes_and_groups_come_in(export: Callable[..., Path]) -> None:
    import_polis(export(), "town")
    assert Study.objects.get().title == "Our town"
    short, long = CanonicalValue.objects.order_by("number")
    assert (short.number, short.title, short.description, short.is_archived) == (0, "More buses.", "", False)
    assert len(long.title) == 200 and long.description == LONG
    assert long.is_archived and long.extra["source"] == {"timestamp": "2", "moderated": "-1"}
    answers = Endorsement.objects.values_list("participant__source_id", "value__number", "answer")
    assert set(answers) == {("7", 0, "agree"), ("7", 4, "disagree"), ("8", 0, "pass")}
    assert dict(Participant.objects.values_list("source_id", "demographics")) == {"7": {"group": "0"}, "8": {}}


def test_votes_that_are_not_read_are_told(export: Callable[..., Path]) -> None:
    summary = import_polis(export(votes="participant,group-id,0,4.0,00\n7,0,1,-1,1\n"), "town")
    assert summary.notes == [
        "participants-votes.csv: columns left unread: 4.0, 00",
        "participants-votes.csv: 1 of 2 statements have no column",
    ]


def test_the_same_export_again_changes_nothing(export: Callable[..., Path]) -> None:
    folder = export()
    import_polis(folder, "town")
    assert not import_polis(folder, "town").changed
    assert Study.objects.count() == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("7,0,2,1,-1", "7,0,2,1,2", "participants-votes.csv, line 2, 4: '2' is none of 1, -1, 0"),
        ("n-votes,0,4", "n-votes,0,9", "participants-votes.csv, line 2, 9: there is no statement 9"),
        ("8,,1", "7,,1", "participants-votes.csv, line 3, participant: 7 is there twice"),
        ("participant,", "who,", "participants-votes.csv, line 1, participant: this column is missing"),
        ("2,4,-1", "2,4,no", 'comments.csv, line 3, moderated: "no" is none of -1, 0, 1, nothing'),
        ("2,4,-1", "2,0,-1", "comments.csv, line 3, comment-id: 0 is there twice"),
        ("More buses.", "x" * 2001, "comments.csv, line 2, comment-body: has 2001 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(export: Callable[..., Path], old: str, new: str, said: str) -> None:
    with pytest.raises(BadFile) as bad:
        import_polis(export(COMMENTS.replace(old, new), VOTES.replace(old, new)), "town")
    assert said in str(bad.value)
    assert not Study.objects.exists()


def test_it_comes_out_as_a_study_folder_that_can_be_read_again(
    export: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("out")
    import_polis(export(), "town")
    export_study(Study.objects.get(), place / "one")
    import_study(place / "one", "again")
    export_study(Study.objects.get(slug="again"), place / "two")
    names = sorted(path.name for path in (place / "one").iterdir())
    assert [(place / "one" / n).read_bytes() for n in names] == [(place / "two" / n).read_bytes() for n in names]
    assert Endorsement.objects.filter(participant__study__slug="again").count() == 3


def test_votes_of_which_no_time_is_told_get_none(export: Callable[..., Path], tmp_path: Path) -> None:
    import_polis(export(), "town")
    export_study(Study.objects.get(), tmp_path / "one")
    assert (tmp_path / "one" / "votes.csv").read_text().splitlines()[1] == "7,,0,,,agree"


def test_what_a_database_keeps_in_its_own_order_comes_out_in_one(export: Callable[..., Path], tmp_path: Path) -> None:
    import_polis(export(), "town")
    export_study(Study.objects.get(), tmp_path / "one")
    line = (tmp_path / "one" / "canonical_values.jsonl").read_text().splitlines()[0]
    assert list(json.loads(line)["source"]) == ["moderated", "timestamp"]


def test_every_vote_of_a_published_export_comes_in(shared_data: Path) -> None:
    folder = shared_data / "opinion-groups" / "bg2050-volunteers"
    call_command("import_study", str(folder), "--format", "polis", "--study", "bg2050")
    answers = dict.fromkeys(Endorsement.Answer.values, 0)
    for answer in Endorsement.objects.values_list("answer", flat=True):
        answers[answer] += 1
    assert answers == {"agree": 10006, "disagree": 1621, "pass": 2656}
    assert CanonicalValue.objects.count() == 371 and CanonicalValue.objects.filter(is_archived=True).count() == 55


def test_the_sites_only_account_runs_what_the_command_brings_in(export: Callable[..., Path]) -> None:
    ada = User.objects.create_user("ada@moot.example")
    call_command("import_study", str(export()), "--format", "polis", "--study", "town")
    assert Study.objects.get().memberships.get().user == ada


def test_among_several_accounts_the_one_that_is_named_runs_it(
    export: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    User.objects.create_user("ada@moot.example")
    bob = User.objects.create_user("bob@moot.example")
    command = ["import_study", str(export()), "--format", "polis", "--study", "town"]
    call_command(*command)
    assert "nobody runs it yet" in capsys.readouterr().out
    call_command(*command, "--owner", "Bob@moot.example")
    assert Study.objects.get().memberships.get().user == bob


def test_an_owner_without_an_account_keeps_the_import_out(export: Callable[..., Path]) -> None:
    with pytest.raises(CommandError, match="--owner: there is no account"):
        call_command("import_study", str(export()), "--study", "town", "--owner", "bob@moot.example")
    assert not Study.objects.exists()
