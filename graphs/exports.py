"""A snapshot in the forms that others read. All come from the hashed body; only `mge` adds the source's times to it."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from core.canonical import unchanged
from core.spreadsheet import safe_cell
from elicitation.models import CanonicalValue
from graphs.algorithms.tally import EdgeTally, entropy, net_support
from graphs.building import body_of, titles_of
from graphs.models import GraphSnapshot

if TYPE_CHECKING:
    import networkx as nx

COUNTS = ("wiser", "not_wiser", "less_wise", "unsure", "impressions")
GROUP = ("wiser", "decided", "share")  # what a table tells of each group
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0, 2.2 leaves out


class Form(NamedTuple):
    """One form of a graph: how it is written, what it is, and how such a file ends."""

    write: Callable[[GraphSnapshot], str]
    content_type: str
    ending: str


def export(snapshot: GraphSnapshot, form: str) -> str:
    """Return the snapshot in one of `FORMS`. Raises KeyError for another."""
    return FORMS[form].write(snapshot)


def _folkmoot(snapshot: GraphSnapshot) -> str:
    return unchanged(snapshot.body, snapshot.sha256)


def _mge(snapshot: GraphSnapshot) -> str:
    """The published trial's own format: exactly the values that are in arrows, under the source's ids where they have
    them.

    The two summary numbers are counted from the tallies again and not the body's rounded ones: the published file has
    them to the last bit.
    """
    body = body_of(snapshot)
    ids = {value["number"]: _source_id(value) for value in body["values"]}
    there = CanonicalValue.objects.filter(study=snapshot.study, number__in=ids)
    stored = dict(there.values_list("number", "extra"))

    def value(node: dict[str, Any]) -> dict[str, Any]:
        times = stored.get(node["number"], {})
        created = times.get("created_at")
        return {
            "id": ids[node["number"]],
            "title": node["title"],
            "instructionsShort": node["description"],
            "instructionsDetailed": node.get("detail", ""),
            "evaluationCriteria": node["policies"],
            "createdAt": created,
            "updatedAt": times.get("updated_at", created),
        }

    def edge(row: dict[str, Any]) -> dict[str, Any]:
        tallied = EdgeTally(**row["counts"])
        return {
            "sourceValueId": ids[row["from"]],
            "wiserValueId": ids[row["to"]],
            "contexts": row["contexts"],
            "counts": {
                "markedWiser": tallied.wiser,
                "markedNotWiser": tallied.not_wiser,
                "markedLessWise": tallied.less_wise,
                "markedUnsure": tallied.unsure,
                "impressions": tallied.impressions,
            },
            "summary": {"wiserLikelihood": net_support(tallied), "entropy": entropy(tallied)},
        }

    return _json({"values": [value(node) for node in body["values"]], "edges": [edge(row) for row in body["edges"]]})


def _source_id(value: dict[str, Any]) -> int | str:
    text: str = value.get("source_id", "")
    return int(text) if text.isascii() and text.isdigit() else text or int(value["number"])


def as_networkx(snapshot: GraphSnapshot) -> "nx.DiGraph":
    """Return the kept graph: nodes by number with their texts and scores, arrows with their figures."""
    import networkx as nx  # large, and few requests need it

    body = body_of(snapshot)
    graph = nx.DiGraph(study=body["study"], mode=body["mode"], sha256=snapshot.sha256)
    for value in body["values"]:
        graph.add_node(value["number"], **{k: v for k, v in value.items() if k != "number"})
    for edge in body["edges"]:
        graph.add_edge(edge["from"], edge["to"], **{k: v for k, v in edge.items() if k not in ("from", "to")})
    return graph


def _node_link(snapshot: GraphSnapshot) -> str:
    from networkx.readwrite import json_graph

    return _json(json_graph.node_link_data(as_networkx(snapshot), edges="edges"))


def _json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, indent=1) + "\n"


def _graphml(snapshot: GraphSnapshot) -> str:
    """GraphML knows only plain attributes of one type each: lists become text, measured numbers decimals, and
    characters that XML lacks U+FFFD."""
    import networkx as nx  # large, and few requests need it

    graph = as_networkx(snapshot)
    plain = nx.DiGraph(**graph.graph)
    for node, data in graph.nodes(data=True):
        plain.add_node(node, **_flat(data))
    for source, target, data in graph.edges(data=True):
        plain.add_edge(source, target, **_flat(data))
    return "\n".join(nx.generate_graphml(plain)) + "\n"


def _flat(data: dict[str, Any]) -> dict[str, str | int | float]:
    counts = data.get("counts", {})
    rest = {key: value for key, value in data.items() if key != "counts" and value is not None}
    if interval := rest.pop("interval", None):
        rest |= {"low": interval[0], "high": interval[1]}
    rest |= {f"share of {name}": side["share"] for name, side in rest.pop("groups", {}).items() if side}
    return {f"counts_{key}": n for key, n in counts.items()} | {key: _plain(value) for key, value in rest.items()}


def _plain(value: Any) -> str | float:
    if isinstance(value, int | float):
        return float(value)
    text = value if isinstance(value, str) else "; ".join(str(item) for item in value)
    return NOT_XML.sub("\ufffd", text)


def _csv(snapshot: GraphSnapshot) -> str:
    """All arrows, kept and dropped, for a spreadsheet: cells that it would take for a formula are marked as text."""
    body = body_of(snapshot)
    titles = titles_of(body)
    out = io.StringIO()
    writer = csv.writer(out)
    figures = ("net_support", "share", "low", "high", "q", "weight", "verdict", "reason")
    groups = body["rules"].get("groups", [])
    of_groups = ["balanced_share", *(f"{figure} of {name}" for name in groups for figure in GROUP)] if groups else []
    writer.writerow(map(safe_cell, ["from", "from_title", "to", "to_title", *COUNTS, *figures, "contexts", *of_groups]))
    for edge in [*body["edges"], *body["dropped"]]:
        low, high = edge["interval"] or (None, None)
        row = [
            *(edge["from"], titles[edge["from"]], edge["to"], titles[edge["to"]]),
            *(edge["counts"][name] for name in COUNTS),
            *((edge | {"low": low, "high": high})[name] for name in figures),
            "; ".join(edge["contexts"]),
            *([edge["balanced_share"]] if groups else []),
            *((edge["groups"][name] or {}).get(figure) for name in groups for figure in GROUP),
        ]
        writer.writerow([safe_cell(cell) for cell in row])
    return out.getvalue()


FORMS = {
    "folkmoot": Form(_folkmoot, "application/json", "json"),
    "mge": Form(_mge, "application/json", "json"),
    "node-link": Form(_node_link, "application/json", "json"),
    "graphml": Form(_graphml, "application/xml", "graphml"),
    "csv": Form(_csv, "text/csv; charset=utf-8", "csv"),
}
