"""Bridging: people who start from different values and agree on the wiser one; across two groups, and among everyone."""

from collections import defaultdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.algorithms.disclosure import safe_cuts
from elicitation.deduplication import projection
from elicitation.groups import SMALLEST_CELL, Groups, questions_of, read_groups
from elicitation.models import CanonicalValue, Endorsement, Participant, Study
from graphs.counting import count_votes, read_filters
from reports.algorithms.bridging import Bridge, Judgement, Rows, Side, bridges, published_query
from reports.registry import report

ANYONE = None
MOST_BRIDGES = 200
MAX_Q = 0.05


class Parameters(BaseModel):
    """Between which two groups, "KEY=VALUE" each and of one key; or a key alone, whose first and last groups are taken, in
    the study's order; or, with neither, those of the first question about people. Which votes count: those before a moment,
    or all."""

    model_config = ConfigDict(extra="forbid")

    groups: list[str] = Field(default_factory=list, max_length=2)
    key: str = ""
    before: str = ""


@report("bridging", title="Bridges between people", about="study", parameters=Parameters)
def bridging(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return the totals of the 2023 trial's bridging query, as published and with its flaw mended, and the bridges that hold.

    A person starts from a value if they picked it as wise. Raises ValidationError for groups that are not there.
    """
    groups = _groups(study, parameters)
    votes = list(count_votes(study, read_filters(study, before=parameters.before)).votes)
    starts = _starts(study)
    judgements = [
        Judgement(v.voter, groups.group_of.get(v.voter, "") if groups else "", v.source, v.target, v.answer)
        for v in votes
        if v.source in starts[v.voter]
    ]
    hidden = _hidden([(v.voter, v.source, v.target) for v in votes], judgements, groups)
    titles = dict(CanonicalValue.objects.filter(study=study).values_list("number", "title"))
    across = (groups.names[0], groups.names[1]) if groups else None
    between = bridges(judgements, hidden, across=across, least=SMALLEST_CELL) if across else []
    anyone = bridges(judgements, hidden, across=None, least=SMALLEST_CELL)
    return {
        "is_simulated": study.is_simulated,
        "key": groups.key if groups else None,
        "groups": groups.names if groups else [],
        "votes": len(votes),
        "votes_from_a_picked_value": len(judgements),
        "totals": {
            "published_query": _totals(published_query(judgements, across, wiser_only=False)),
            "both_say_wiser": _totals(published_query(judgements, across, wiser_only=True)),
        }
        if across
        else None,
        "bridges_between_groups": [_told(bridge, titles) for bridge in between[:MOST_BRIDGES]],
        "bridges": [_told(bridge, titles) for bridge in anyone[:MOST_BRIDGES]],
        "sides_withheld": len(hidden),
    }


def _groups(study: Study, parameters: Parameters) -> Groups | None:
    """Return the two groups; None where nobody told anything about themselves and no group was asked for."""
    if parameters.groups:
        return read_groups(study, parameters.groups)
    if not parameters.key and not any(len(names) > 1 for names in questions_of(study).values()):
        return None
    groups = read_groups(study, key=parameters.key)
    return groups._replace(names=[groups.names[0], groups.names[-1]])


def _starts(study: Study) -> dict[int, set[int]]:
    """Return which values each person picked as wise, by numbers, as the active run sees them."""
    target = projection(study)
    numbers = dict(CanonicalValue.objects.filter(study=study).values_list("id", "number"))
    picked = Endorsement.objects.current().filter(
        participant__in=Participant.objects.counted(study), answer=Endorsement.Answer.AGREE
    )
    found: dict[int, set[int]] = defaultdict(set)
    for voter, value in picked.values_list("participant__number", "value_id"):
        found[voter].add(numbers[target.get(value, value)])
    return found


def _hidden(
    votes: list[tuple[int, int, int]], judgements: list[Judgement], groups: Groups | None
) -> set[tuple[int, int, str | None]]:
    """Return the sides (source, target, group or `ANYONE`) that would tell of one to four people: of those who start there,
    or of those who judged the same story and do not, all together or of the same group."""
    group_of = groups.group_of if groups else {}
    everyone: dict[tuple[int, int], set[int]] = defaultdict(set)
    for voter, source, target in votes:
        everyone[source, target].add(voter)
    sides: dict[tuple[int, int], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for one in judgements:
        sides[one.source, one.target][one.group].add(one.voter)
    hidden: set[tuple[int, int, str | None]] = set()
    for story, by_group in sides.items():
        whole = everyone[story]
        of_group: dict[str, set[int]] = defaultdict(set)
        for voter in whole & group_of.keys():
            of_group[group_of[voter]].add(voter)
        known = {"": whole} | dict(sorted(of_group.items()))
        cuts = {"any": set().union(*by_group.values())}
        cuts |= {f"={name}": by_group[name] for name in sorted(by_group) if name}
        told = safe_cuts(cuts, _safe(known))
        hidden |= {(*story, name[1:] if name != "any" else ANYONE) for name in cuts if name not in told}
    return hidden


def _safe(cuts: dict[str, set[int]]) -> list[set[int]]:
    told = safe_cuts(cuts)
    return [people for name, people in cuts.items() if name in told]


def _totals(rows: Rows) -> dict[str, Any]:
    """Return a query's totals, or None in their place where one to four people of a group stand behind them."""
    few = any(0 < len(people) < SMALLEST_CELL for people in (rows.first, rows.second))
    sizes = [min(len(first), len(second)) for first, second in rows.combinations.values()]
    return {
        "rows": None if few else rows.rows,
        "people": None if few else [len(rows.first), len(rows.second)],
        "combinations": None if few else len(sizes),
        "combinations_of_fewer_than_five": None if few else sum(size < SMALLEST_CELL for size in sizes),
    }


def _told(bridge: Bridge, titles: dict[int, str]) -> dict[str, Any]:
    return {
        "to": bridge.target,
        "to_title": titles[bridge.target],
        "sides": [_side(side, titles) for side in bridge.sides],
        "q": bridge.q,
        "verdict": _verdict(bridge),
    }


def _verdict(bridge: Bridge) -> str:
    if bridge.q <= MAX_Q:
        return "holds"
    may_be = all(side.interval.high > 0.5 for side in bridge.sides)
    return "too close to call" if may_be else "does not hold"


def _side(side: Side, titles: dict[int, str]) -> dict[str, Any]:
    return {
        "from": side.source,
        "from_title": titles[side.source],
        "group": side.group,
        "wiser": side.wiser,
        "decided": side.decided,
        "share": side.share,
        "interval": list(side.interval),
    }
