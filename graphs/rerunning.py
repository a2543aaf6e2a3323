"""A snapshot counted again from the stored votes, as they were when it was built: the proof that its bytes follow from them.

Newer votes, changed minds and merges since do not matter: a snapshot pins up to which vote it counted, and what counting
reads beside the votes (`graphs.pins`). The words of values and how many people held them are no results, and are taken from the body.
Two things are not kept, since they are people's own: votes that were taken back, and what someone said about themselves
before they changed it.
"""

import hashlib
import json
from dataclasses import fields
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.canonical import canonical_bytes, sha256_of
from core.code_version import code_version
from graphs.algorithms.pruning import RULES, BalancedRules, Rules
from graphs.building import FORMAT, arranged, balanced, body_of, findings, stored_rules
from graphs.counting import Counted, count_votes, read_filters
from graphs.models import GraphSnapshot
from graphs.pins import pins_of

OF_VALUES = (
    "wisdom_score",
    "incoming_support",
    "win_probability",
    "rank_interval",
)  # what is counted, beside the words
NOT_COUNTED = ("format", "study", "is_simulated", "mode", "rules", "filters", "seed")


class Rerun(NamedTuple):
    """What came of it: the hash of the bytes counted now (empty where nothing could be counted), whether they are those of
    the snapshot, and if they are not, why not."""

    sha256: str
    is_equal: bool
    reasons: list[str]


def rerun(snapshot: GraphSnapshot) -> Rerun:
    """Count a snapshot again; nothing is stored. Raises Problem for one whose stored body no longer has its hash."""
    body = body_of(snapshot)
    rules = _rules(snapshot)
    if rules is None:
        told = _("This version of the code no longer counts by those rules; version %s built it.")
        return Rerun("", False, [told % (snapshot.code_version or "?")])
    try:
        counted = balanced(snapshot.study, _count(snapshot), rules)
    except ValidationError as error:
        return Rerun("", False, error.messages)
    texts = {
        value["number"]: {name: fact for name, fact in value.items() if name not in OF_VALUES}
        for value in [*body["values"], *body.get("values_outside", ())]
    }
    votes = arranged(counted.votes, snapshot.mode)
    frame = {name: body[name] for name in NOT_COUNTED}
    written = canonical_bytes(frame | findings(votes, counted, rules, snapshot.seed, texts))
    sha256 = hashlib.sha256(written).hexdigest()
    if sha256 == snapshot.sha256:
        return Rerun(sha256, True, [])
    return Rerun(sha256, False, _reasons(snapshot, counted, body, json.loads(written)))


def _rules(snapshot: GraphSnapshot) -> Rules | None:
    """Return the rules that are stored with a snapshot, or None if the code has no such rules any more."""
    if snapshot.mode not in RULES:
        return None
    known: Any = BalancedRules if "balance" in snapshot.rules else type(RULES[snapshot.mode])
    told = {field.name: snapshot.rules[field.name] for field in fields(known) if field.name in snapshot.rules}
    rules: Rules = known(**told)
    return rules if sha256_of(stored_rules(rules)) == sha256_of(snapshot.rules) else None


def _count(snapshot: GraphSnapshot) -> Counted:
    pins = pins_of(snapshot.study, snapshot.pins)
    filters = read_filters(snapshot.study, pins=pins, **snapshot.filters)
    return count_votes(snapshot.study, filters, pins=pins, until=snapshot.last_vote_id)


def _reasons(snapshot: GraphSnapshot, counted: Counted, body: dict[str, Any], again: dict[str, Any]) -> list[str]:
    said = []
    more = _all_votes(again["counts"]) - _all_votes(body["counts"])
    if more < 0 and not snapshot.filters.get("group"):  # of a group it could tell of a person
        gone = ngettext(
            "%d vote is gone: who gave it took everything back.",
            "%d votes are gone: who gave them took everything back.",
            -more,
        )
        said.append(gone % -more)
    elif more > 0 and not snapshot.filters.get("group"):
        late = ngettext(
            "%d vote was being stored while it was built.", "%d votes were being stored while it was built.", more
        )
        said.append(late % more)
    if snapshot.filters.get("group"):
        said.append(_("It is of a group, and people took votes back or changed what they said about themselves since."))
    if body["format"] != FORMAT:
        told = {"was": body["format"], "now": FORMAT}
        said.append(_("It is written in the format %(was)s, and this version of the code writes %(now)s.") % told)
    if snapshot.pins is None:
        said.append(_("It was built before snapshots kept which values were merged and archived."))
    if snapshot.code_version != code_version():
        versions = {"was": snapshot.code_version or "?", "now": code_version() or "?"}
        said.append(_("Version %(was)s of the code built it, this is version %(now)s.") % versions)
    parts = sorted(name for name in body.keys() | again.keys() if _differs(body.get(name), again.get(name)))
    return [*said, _("What differs: %s.") % ", ".join(parts)]


def _all_votes(counts: dict[str, int]) -> int:
    return counts["votes"] + counts["votes_on_archived_values"] + counts["votes_within_merged_values"]


def _differs(was: Any, now: Any) -> bool:
    return sha256_of(was) != sha256_of(now)
