import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.canonical import sha256_of
from elicitation.models import Participant, Study
from elicitation.study_folder import import_study
from graphs.building import build_graph
from graphs.models import GraphPublication, GraphSnapshot
from tests.people import value_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged(study: Study, crowd: Callable[..., list[Participant]]) -> Study:
    crowd(9, value_in(study), value_in(study))
    return study


def test_the_trials_votes_give_the_published_graph(
    trial: Path, published_graph: dict[str, Any], tmp_path: Path
) -> None:
    import_study(trial, "trial")
    out = tmp_path / "graph.json"
    options = ["--mode", "mge-2023", "--before", "2023-10-18T00:00:00Z", "--format", "mge", "--output", str(out)]
    call_command("build_graph", "trial", *options)
    graph = json.loads(out.read_text(encoding="utf-8"))
    assert all(value["updatedAt"] == value["createdAt"] for value in graph["values"]), "no clock of ours"
    assert graph["edges"] == published_graph["edges"], "counts, contexts, figures to the last bit, order"
    texts = ("title", "instructionsShort", "instructionsDetailed", "evaluationCriteria", "createdAt")
    ours = {value["id"]: [value[name] for name in texts] for value in graph["values"]}
    assert ours == {value["id"]: [value[name] for name in texts] for value in published_graph["values"]}


def test_the_body_is_written_with_its_hash(judged: Study, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("build_graph", judged.slug)
    written = json.loads(capsys.readouterr().out)
    assert written.pop("sha256") == sha256_of(written) == build_graph(judged).sha256


def test_twice_gives_the_same_bytes(judged: Study, tmp_path: Path) -> None:
    for name in ("one", "two"):
        call_command("build_graph", judged.slug, "--seed", "7", "--output", str(tmp_path / name))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_log_tells_the_size_and_the_hash(judged: Study, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("build_graph", judged.slug, "--format", "csv")
    told = capsys.readouterr().err
    assert told.startswith("snapshot 1: 1 arrows between 2 values from 9 votes by 9 people")
    assert build_graph(judged).sha256 in told


def test_it_publishes_when_told_to(judged: Study, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("build_graph", judged.slug)
    assert not GraphPublication.objects.exists()
    call_command("build_graph", judged.slug, "--publish")
    assert GraphPublication.objects.count() == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--before", "soon"], "--before: 'soon' is no ISO time"),
        (["--context", "When it rains"], "--context: There is no context"),
        (["--question", "77"], "--question: There is no question"),
        (["--group", "party"], "--group: Write it as KEY=VALUE"),
        (["--seed", "-1"], "--seed: A seed is a whole number"),
        (["--seed", "x"], "argument --seed: invalid int value"),
        (["--mode", "best"], "argument --mode: invalid choice"),
        (["--output", "no-such-folder/graph.json"], "--output: no-such-folder/graph.json: No such file or directory"),
    ],
)
def test_a_bad_option_is_named(judged: Study, options: list[str], told: str) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("build_graph", judged.slug, *options)
    assert told in str(caught.value)


def test_a_context_with_a_slip_names_what_is_near(judged: Study) -> None:
    text = judged.contexts.get(number=1).text
    with pytest.raises(CommandError, match=f'did you mean "{text}"'):
        call_command("build_graph", judged.slug, "--context", text[:-1])


@pytest.mark.parametrize("value", ["blue", "red"])
def test_a_group_that_nobody_is_of_is_told_like_one_of_a_few(
    study: Study, crowd: Callable[..., list[Participant]], value: str
) -> None:
    pair = (value_in(study), value_in(study))
    crowd(6, *pair, demographics={"colour": "green"})
    crowd(5, *pair, demographics={"colour": "yellow"})
    crowd(2, *pair, demographics={"colour": "red"})
    with pytest.raises(CommandError) as caught:
        call_command("build_graph", study.slug, "--group", f"colour={value}")
    told = "are not shown. Those of colour that are: green, yellow."
    assert str(caught.value).endswith(told)


def test_a_study_that_is_not_there_is_named(db: None) -> None:
    with pytest.raises(CommandError, match=r"There is no study nowhere\."):
        call_command("build_graph", "nowhere")


def test_a_study_without_votes_has_no_graph(study: Study) -> None:
    with pytest.raises(CommandError, match=r"No graph was built\.\nThere is no vote to count"):
        call_command("build_graph", study.slug)
    assert not GraphSnapshot.objects.exists()
