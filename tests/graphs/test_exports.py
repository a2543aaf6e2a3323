import csv
import io
import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import pytest
from networkx.readwrite import json_graph

from core.canonical import sha256_of
from elicitation.models import CanonicalValue, Participant, Study
from graphs.building import body_of, build_graph
from graphs.exports import FORMS, as_networkx, export
from graphs.models import GraphSnapshot
from tests.people import value_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot(study: Study, crowd: Callable[..., list[Participant]]) -> GraphSnapshot:
    """One arrow kept, from a value with a name that is hostile to files, and one dropped."""
    hostile = value_in(study, title='=HYPERLINK("x") <b>&\x1f\ufffe', policies=["-1+1", "SIGNS"], detail="Longer")
    wiser = value_in(study, title="Letting go", source_id="289")
    other = value_in(study, title="Keeping safe")
    crowd(9, hostile, wiser)
    crowd(2, other, wiser)
    return build_graph(study)


def rows(snapshot: GraphSnapshot) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export(snapshot, "csv"))))


def test_our_own_form_is_the_hashed_body(snapshot: GraphSnapshot) -> None:
    assert sha256_of(json.loads(export(snapshot, "folkmoot"))) == snapshot.sha256


def test_the_published_form_has_exactly_the_values_in_arrows_under_the_sources_ids(snapshot: GraphSnapshot) -> None:
    graph = json.loads(export(snapshot, "mge"))
    assert [value["id"] for value in graph["values"]] == [1, 289]
    assert list(graph["values"][0]) == [
        *("id", "title", "instructionsShort", "instructionsDetailed", "evaluationCriteria", "createdAt", "updatedAt")
    ]
    assert graph["edges"] == [
        {
            "sourceValueId": 1,
            "wiserValueId": 289,
            "contexts": ["When someone loses a freedom"],
            "counts": {"markedWiser": 9, "markedNotWiser": 0, "markedLessWise": 0, "markedUnsure": 0, "impressions": 9},
            "summary": {"wiserLikelihood": 1.0, "entropy": 1.0},
        }
    ]


def test_the_published_forms_numbers_are_not_rounded(study: Study, crowd: Callable[..., Any]) -> None:
    first, second = value_in(study), value_in(study)
    for many, answer in ((3, "upgrade"), (1, "not_sure")):
        crowd(many, first, second, answer)
    (edge,) = json.loads(export(build_graph(study, mode="mge-2023"), "mge"))["edges"]
    assert edge["summary"] == {"wiserLikelihood": 0.75, "entropy": 1.4056390622295665}


def test_the_published_form_has_the_times_of_the_source_and_no_clock_of_ours(snapshot: GraphSnapshot) -> None:
    at = "2023-09-11T17:04:16.370Z"
    CanonicalValue.objects.filter(source_id="289").update(extra={"created_at": at})
    times = [(value["createdAt"], value["updatedAt"]) for value in json.loads(export(snapshot, "mge"))["values"]]
    assert times == [(None, None), (at, at)]


def test_texts_are_those_that_were_hashed_even_if_a_value_is_gone(snapshot: GraphSnapshot) -> None:
    before = json.loads(export(snapshot, "mge"))["values"]
    CanonicalValue.objects.filter(number=1).update(title="", description="", detail="", policies=[])
    after = json.loads(export(snapshot, "mge"))["values"]
    assert [value["title"] for value in before] == [value["title"] for value in after]
    assert after[0]["instructionsDetailed"] == "Longer" and after[0]["evaluationCriteria"] == ["-1+1", "SIGNS"]


def test_node_link_is_read_back_by_networkx(snapshot: GraphSnapshot) -> None:
    graph = json_graph.node_link_graph(json.loads(export(snapshot, "node-link")), edges="edges")
    assert nx.utils.graphs_equal(graph, as_networkx(snapshot))
    assert graph.nodes[2]["title"] == "Letting go" and graph.edges[1, 2]["counts"]["wiser"] == 9


def test_graphml_is_well_formed_whatever_the_texts_hold(snapshot: GraphSnapshot) -> None:
    text = export(snapshot, "graphml")
    ElementTree.fromstring(text)
    graph = nx.parse_graphml(text, node_type=int)
    assert graph.nodes[1]["title"] == '=HYPERLINK("x") <b>&\ufffd\ufffd'
    assert graph.edges[1, 2]["counts_wiser"] == 9 and graph.edges[1, 2]["share"] == 1.0


def test_graphml_has_one_type_for_an_attribute(study: Study, crowd: Callable[..., Any]) -> None:
    first, second, third = (value_in(study) for _ in range(3))
    crowd(20, first, second)
    crowd(19, first, third)
    crowd(1, first, third, "no_upgrade")
    keys = ElementTree.fromstring(export(build_graph(study), "graphml"))
    named = [(key.get("for"), key.get("attr.name")) for key in keys if key.tag.endswith("key")]
    assert len(named) == len(set(named))


def test_a_spreadsheet_gets_no_formula(snapshot: GraphSnapshot) -> None:
    assert {row["from_title"][:12] for row in rows(snapshot)} == {"'=HYPERLINK(", "Keeping safe"}


def test_the_table_tells_dropped_arrows_and_why(snapshot: GraphSnapshot) -> None:
    assert [(row["from"], row["to"], row["verdict"], row["reason"]) for row in rows(snapshot)] == [
        ("1", "2", "kept", ""),
        ("3", "2", "not enough evidence", "fewer than 5 people decided"),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_graph_without_arrows_has_every_form(study: Study, crowd: Callable[..., Any], form: str) -> None:
    crowd(1, value_in(study), value_in(study))
    snapshot = build_graph(study)
    assert export(snapshot, form)
    assert body_of(snapshot)["edges"] == []
