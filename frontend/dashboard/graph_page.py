"""What a page about a snapshot of the moral graph shows: the sentence about its winner, the picture, the tables, the
evidence for one value or arrow. The address says what is looked at; nothing here changes a graph.

In the address: `value` or `arrow` ("1-2") is what is selected; `situation` limits all to the arrows judged in it;
`people`, `low` and `q` are other thresholds than the graph's own; `find` looks for values by words; `around` draws what is
near a value and `most` more values than the first view; `colour` puts values in groups; `table`, `sort` and `page` say
what is listed.
"""

import itertools
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from core.canonical import unchanged
from elicitation.models import CanonicalValue
from frontend.dashboard.desk import number_in
from frontend.dashboard.graph_tables import EVEN, Glance, Named, Row, table
from frontend.templatetags.folkmoot import percent
from graphs import looking
from graphs.algorithms.pruning import TOO_CLOSE
from graphs.algorithms.reach import around, ends
from graphs.algorithms.tally import Pair
from graphs.building import waiting_votes
from graphs.drawing import MOST_VALUES, draw, shown_values, view_note
from graphs.exports import FORMS
from graphs.models import GraphSnapshot

FIRM = 0.9  # of the resamples that a winner must win to be told without "probably"
MOST_DRAWN = 300
MOST_FOUND = 12
MOST_LISTED = 12  # values or circles in a list beside the picture


def mode_titles() -> dict[str, str]:
    """Return what each way of counting is called."""
    return {
        "robust": _("says how sure it is (robust)"),
        "mge-2023": _("as the trial of 2023 counted (mge-2023)"),
    }


def graph_context(snapshot: GraphSnapshot, request: HttpRequest) -> Row:
    """Return what a page about a snapshot shows, as its address asks."""
    asked = request.GET
    whole = read(snapshot)
    titles = dict(CanonicalValue.objects.filter(study=snapshot.study).values_list("number", "title"))
    titles |= {v["number"]: v["title"] for v in whole["values"]}
    situations = sorted({text for edge in [*whole["edges"], *whole["dropped"]] for text in edge["contexts"]})
    situation = asked.get("situation", "")
    situation = situation if situation in situations else ""
    body = _narrowed(whole, situation)
    own = looking.usual(whole)
    thresholds = _thresholds(asked, own)
    strictest = {(e["from"], e["to"]): looking.strictest(e, own) for e in looking.candidates(body)}
    look = _let_through(body, strictest, thresholds)
    values = {v["number"]: v for v in [*whole["values"], *look["values"]]}
    arrow = _arrow_asked(asked, look)
    best = next((w["value"] for w in whole["winners"] if w["context"] == (situation or None)), None)
    chosen = None if arrow else values.get(number_in(asked.get("value", "")))
    selected = None if arrow else chosen or values.get(best)
    ways = (
        looking.ways_to_wiser(body, selected["number"]) if selected and selected["number"] in ends(_pairs(body)) else []
    )
    most = min(max(number_in(asked.get("most", "")), MOST_VALUES), MOST_DRAWN)
    first = shown_values(look, most)
    part = _middle(look, asked, first, arrow["from"] if arrow else chosen["number"] if chosen else None)
    inside = first if part is None else around(_pairs(look), part, MOST_VALUES)
    colour, groups = _groups(asked.get("colour", ""), whole, body, snapshot)
    keep = _without(asked, "value", "arrow", "find", "page")
    link = f"?{keep}&" if keep else "?"
    mark = (arrow["from"], arrow["to"]) if arrow else selected["number"] if selected else None
    glance = Glance(whole["values"])
    named = Named(titles)
    drawing = draw(
        look, selected=mark, inside=inside, link=f"{link}value=", arrow_link=f"{link}arrow=",
        way={pair for way in ways for pair in itertools.pairwise(way)}, groups=groups, thresholds=strictest,
    )  # fmt: skip
    return {
        "snapshot": snapshot,
        "way_of_counting": mode_titles().get(snapshot.mode, snapshot.mode),
        "body": whole,
        "titles": titles,
        "link": link,
        "lead": lead(whole, situation, titles),
        "drawing": drawing,
        "has_far": re.search(r'class="arrow[^"]* far', drawing) is not None,
        "is_chosen": bool(arrow or chosen),
        "view_note": view_note(look, inside=inside, is_first=part is None),
        "part": values.get(part) if part else None,
        "whole_link": f"?{_without(asked, 'around', 'value', 'arrow', 'find', 'page')}",
        "more": _more(look, first, asked) if part is None else None,
        "cards": [glance(values[n]) for n in sorted(inside)],
        "groups": [{"place": i, "name": g.name, "count": len(g.members)} for i, g in enumerate(groups, 1)],
        "colours": _colours(snapshot),
        "colour": colour,
        "situations": situations if len(situations) > 1 else [],
        "situation": situation,
        "thresholds": _threshold_form(thresholds, own, strictest, look),
        "hidden": [(name, asked[name]) for name in ("value", "arrow", "around", "most", "table", "sort") if name in asked],
        **_find(asked.get("find", ""), glance),
        "table": table(asked, look, whole, titles, glance),
        "winners": [_winner(row, titles) for row in whole["winners"]],
        "has_rings": any("score_interval" in v for v in whole["values"]),
        "has_doubt": any("probability" in w for w in whole["winners"]),
        "balance": whole["rules"].get("balance"),
        "filters": [said for said in whole["filters"].values() if said],
        "arrow": named(arrow) if arrow else None,
        "selected": glance(selected) if selected else None,
        "ways": [[{"number": n, "title": titles.get(n)} for n in way] for way in ways],
        **_neighbours(selected, body, named),
        **_shape(whole, titles),
        "waiting": waiting_votes(snapshot),
        "forms": sorted(FORMS),
        "publication": getattr(snapshot, "publication", None),
    }  # fmt: skip


def read(snapshot: GraphSnapshot) -> Row:
    """Return a snapshot's body, kept for the next page that asks for it. Nobody may change what is returned."""
    return _read(snapshot.body, snapshot.sha256)


@lru_cache(maxsize=2)
def _read(body: str, sha256: str) -> Row:
    """Return a snapshot's body, which never changes: a large one takes long to read, and a page asks for it again and
    again while someone searches."""
    read: Row = json.loads(unchanged(body, sha256))
    return read


def _pairs(body: Mapping[str, Any]) -> list[Pair]:
    return looking.pairs_of(body["edges"])


def _without(asked: QueryDict, *names: str) -> str:
    kept = asked.copy()
    for name in names:
        kept.pop(name, None)
    return kept.urlencode()


# what is looked at


def _narrowed(body: Row, situation: str) -> Row:
    if not situation:
        return body
    kept, dropped = ([e for e in body[name] if situation in e["contexts"]] for name in ("edges", "dropped"))
    inside = ends(looking.pairs_of(kept))
    return body | {"edges": kept, "dropped": dropped, "values": [v for v in body["values"] if v["number"] in inside]}


def _thresholds(asked: QueryDict, own: looking.Thresholds) -> looking.Thresholds:
    def number(name: str, usual: int, most: int) -> int:
        text = asked.get(name, "")
        return min(number_in(text), most) if text.isascii() and text.isdigit() else usual

    return looking.Thresholds(
        number("people", own.people, looking.MOST_PEOPLE), number("low", own.low, 95),
        number("q", own.q, len(looking.Q_STEPS) - 1),
    )  # fmt: skip


def _let_through(body: Row, strictest: Mapping[Pair, looking.Thresholds], thresholds: looking.Thresholds) -> Row:
    """Return the body with the arrows that pass the thresholds as its own."""
    passing: list[Row] = []
    rest: list[Row] = []
    for edge in [*body["edges"], *body["dropped"]]:
        at = strictest.get((edge["from"], edge["to"]))
        (passing if at and thresholds.let_through(at) else rest).append(edge)
    inside = ends(looking.pairs_of(passing)) | {v["number"] for v in body["values"]}
    known = {v["number"]: v for v in [*body.get("values_outside", ()), *body["values"]]}
    values = [{"wisdom_score": 0.0, **known[n]} for n in sorted(inside) if n in known]
    passing = [e for e in passing if e["from"] in known and e["to"] in known]
    return body | {"edges": passing, "dropped": rest, "values": values}


def _arrow_asked(asked: QueryDict, look: Row) -> Row | None:
    pair = tuple(number_in(part) for part in asked.get("arrow", "").split("-"))
    return next((e for e in [*look["edges"], *look["dropped"]] if (e["from"], e["to"]) == pair), None)


def _middle(look: Row, asked: QueryDict, first: set[int], chosen: int | None) -> int | None:
    """Return the value whose surroundings are drawn instead of the first view: the one asked for, or one that was chosen
    and is not in the first view."""
    there = ends(_pairs(look))
    if (middle := number_in(asked.get("around", ""))) in there:
        return middle
    return chosen if chosen in there - first else None


def _more(look: Row, first: set[int], asked: QueryDict) -> Row | None:
    """Return how many values a larger picture would show, and its address."""
    there = len(ends(_pairs(look)))
    if len(first) >= min(there, MOST_DRAWN):
        return None
    kept = asked.copy()
    kept["most"] = str(MOST_DRAWN)
    return {"count": min(there, MOST_DRAWN), "is_all": there <= MOST_DRAWN, "link": f"?{kept.urlencode()}"}


# groups


def _questions(snapshot: GraphSnapshot) -> dict[int, str]:
    values = CanonicalValue.objects.filter(study=snapshot.study).exclude(question=None)
    told = values.values_list("number", "question__title", "question__text")
    return {number: title or text for number, title, text in told}


def _colours(snapshot: GraphSnapshot) -> list[tuple[str, str]]:
    """Return what values can be put in groups by."""
    several = snapshot.study.values.exclude(question=None).values("question").distinct()[:2].count() > 1
    return [
        ("", _("nothing")),
        ("part", _("part of the graph")),
        ("situation", _("situation")),
        *([("question", _("question"))] if several else []),
    ]


def _groups(colour: str, whole: Row, body: Row, snapshot: GraphSnapshot) -> tuple[str, list[looking.Group]]:
    if colour == "part":
        inside = ends(_pairs(body))
        return colour, [g for g in looking.parts(whole) if g.members & inside]
    if colour == "situation":
        return colour, looking.by_situation(body)
    if colour == "question":
        inside = ends(_pairs(body))
        return colour, looking.grouped({n: name for n, name in _questions(snapshot).items() if n in inside})
    return "", []


# words beside it


def lead(body: Row, situation: str, titles: Mapping[int, str]) -> Row:
    """Return what is said of the winner, over all or in a situation, with its doubt."""
    row = next((w for w in body["winners"] if w["context"] == (situation or None)), None)
    if row is None or row["value"] is None:
        return {"kind": "none"}
    told: Row = {"title": titles.get(row["value"], "?"), "value": row["value"], "share": row.get("probability")}
    if told["share"] is None:
        return {**told, "kind": "untold"}
    told["kind"] = "firm" if told["share"] >= FIRM else "likely" if told["share"] >= EVEN else "unsure"
    if situation:
        return told
    others = [v for v in body["values"] if v["number"] != row["value"] and v.get("win_probability")]
    rival = max(others, key=lambda v: (v["win_probability"], -v["number"]), default=None)
    flip = body.get("votes_to_flip")
    return told | {
        "rival": rival and {"title": rival["title"], "value": rival["number"], "share": rival["win_probability"]},
        "flip": flip and {**flip, "title": titles.get(flip["new_winner"])},
        "sybil_share": body.get("sybil_share"),
    }


def _winner(row: Row, titles: Mapping[int, str]) -> Row:
    share = row.get("probability")
    return {**row, "title": titles.get(row["value"]), "is_unsure": share is not None and share < EVEN}


def _neighbours(selected: Row | None, body: Row, named: Named) -> Row:
    number = selected["number"] if selected else None
    return {
        "wiser_than": [named(e) for e in body["edges"] if e["to"] == number],
        "less_wise_than": [named(e) for e in body["edges"] if e["from"] == number],
        "undecided": [named(e) for e in body["dropped"] if e["reason"] == TOO_CLOSE and number in (e["from"], e["to"])],
    }


def _shape(body: Row, titles: Mapping[int, str]) -> Row:
    """Return the values that nothing is wiser than, and the circles, as pages list them."""
    top = looking.maximal(body)
    return {
        "top": [{"number": n, "title": titles.get(n)} for n in top[:MOST_LISTED]],
        "top_count": len(top),
        "circles": [
            [{"number": n, "title": titles.get(n)} for n in [*cycle, cycle[0]]]
            for cycle in body["cycles"][:MOST_LISTED]
        ],
        "circle_count": len(body["cycles"]),
        "part_count": len(body["components"]),
    }


def _find(words: str, glance: Glance) -> Row:
    """Return the values in whose texts all words are, the wisest first."""
    wanted = words.casefold().split()
    if not wanted:
        return {"find": "", "found": None}
    hits = []
    for value in glance.by_score:
        text = " ".join([value["title"], value["description"], *value["policies"]]).casefold()
        if all(word in text for word in wanted):
            hits.append(value)
    return {"find": words, "found": [glance(value) for value in hits[:MOST_FOUND]], "found_count": len(hits)}


def _threshold_form(
    thresholds: looking.Thresholds,
    own: looking.Thresholds,
    strictest: Mapping[Pair, looking.Thresholds],
    look: Row,
) -> Row:
    steps = [_("at most %s false") % percent(q) for q in looking.Q_STEPS[:-1]] + [_("without a test")]
    all_people = [at.people for at in strictest.values()]
    return {
        "at": thresholds,
        "own": own,
        "is_own": thresholds == own,
        "most_people": max([*all_people, own.people, thresholds.people]),
        "has_test": own.q < len(looking.Q_STEPS) - 1,
        "last_q": len(looking.Q_STEPS) - 1,
        "q_label": steps[thresholds.q],
        "passing": len(look["edges"]),
        "all": len(strictest),
        "data": {"spectrum": looking.spectrum(list(strictest.values())), "q": steps, "own": own},
    }
