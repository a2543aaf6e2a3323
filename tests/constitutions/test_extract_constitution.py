import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from constitutions.models import ConstitutionVersion
from core.canonical import sha256_of
from elicitation.models import Dataset
from tests.constitutions.conftest import Preferring

pytestmark = pytest.mark.django_db


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    path = folder / "out.json"
    call_command("extract_constitution", *arguments, "--output", str(path))
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def test_it_writes_principles_reconstruction_cells_calls_seed_and_hash(dataset: Dataset, tmp_path: Path) -> None:
    told = run(tmp_path, "lists", "--seed", "3", "--principles", "2")
    principle = told["principles"][0]
    for name in ("text", "source", "for", "against", "irrelevant", "missing", "relevance", "accuracy", "strength"):
        assert name in principle
    assert {"ci", "q", "evidence"} <= set(principle)
    assert {"n", "accuracy", "ci", "baselines", "split"} <= set(told["reconstruction"])
    assert (told["seed"], told["verdict"]) == (3, "enough evidence")
    cells, calls = told.pop("cells"), told.pop("calls")
    assert cells["asked"] == cells["answered"] + cells["cached"] + cells["missing"]
    assert calls["requests"] == 0
    sha256 = told.pop("sha256")
    assert sha256 == sha256_of(told)


def test_shuffled_labels_are_not_enough_evidence(preferring: Preferring, tmp_path: Path) -> None:
    preferring("chance", share=0.5)
    assert run(tmp_path, "chance")["verdict"] == "not enough evidence"


def test_annotators_can_be_named(dataset: Dataset, tmp_path: Path) -> None:
    assert run(tmp_path, "lists", "--annotators", "ana, bo")["parameters"]["annotators"] == ["ana", "bo"]


def test_an_estimate_stores_nothing(dataset: Dataset, tmp_path: Path) -> None:
    assert run(tmp_path, "lists", "--estimate")["calls"]["requests"] == 0
    assert not dataset.extractions.exists()


def test_it_can_publish(dataset: Dataset, tmp_path: Path) -> None:
    run(tmp_path, "lists", "--publish", "lists")
    assert ConstitutionVersion.objects.get().constitution.slug == "lists"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Name a dataset, or a study with --from-graph"),
        (("nothing",), "There is no dataset nothing"),
        (("lists", "--from-graph", "nothing"), "There is no study nothing"),
        (("lists", "--judge", "llm"), "There is no language model"),
        (("lists", "--annotators", "dora"), "--annotators: there is no annotator dora"),
        (("lists", "--group", "place=sea"), "--group: Write it as KEY=VALUE"),
        (("lists", "--test-fraction", "2"), "--test-fraction: "),
        (("lists", "--seed", "-1"), "--seed: "),
        (("lists", "--principles", "0"), "--principles: "),
        (("lists", "--publish", "no slug"), "--publish: "),
        (("lists", "--estimate", "--judge", "llm"), "There is no language model"),
        (("lists", "--output", "/nowhere/at/all.json"), "--output: /nowhere/at/all.json"),
    ],
)
def test_an_error_names_the_option(dataset: Dataset, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("extract_constitution", *arguments, stdout=StringIO())
    assert told in str(error.value)
