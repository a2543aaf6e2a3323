"""Which values all groups share: the group-informed consensus of each, and what sets the groups apart."""

from typing import Any, Literal

import numpy as np
from pydantic import Field

from elicitation.groups import SMALLEST_CELL
from elicitation.models import Participant, Study
from reports.algorithms.consensus import count_by_group, group_informed_consensus, may_be_told
from reports.opinions import IMPORTED, groups_of, opinions_of, told_apart, told_counts, told_groups, told_item
from reports.parameters import Seeded
from reports.registry import report

MOST_SHARED = 10


class Parameters(Seeded):
    """By which groups: a key of the demographics, or "" for the imported groups, else those found in the answers. `mode` is
    how the consensus is worked out; `seed` is for groups that must be found."""

    groups: str = Field(default="", max_length=100)
    mode: Literal["polis", "standard"] = "polis"


@report("group_consensus", title="Consensus across groups", about="study", parameters=Parameters)
def group_consensus(study: Study, parameters: Parameters) -> dict[str, Any]:
    """Return every value with its consensus, those that all groups agree with first. Raises LookupError for an unknown key of
    the demographics and ValueError if none of its groups has five people."""
    grouping = groups_of(study, parameters.groups, parameters.seed)
    opinions = opinions_of(study, stories=False, archived=True)
    counts = count_by_group(opinions.answers, grouping.labels(opinions.people), len(grouping.names))
    score = group_informed_consensus(counts, parameters.mode)
    told = may_be_told(counts, SMALLEST_CELL)
    # groups and votes by the source itself; the score of one group alone would be its counts
    is_published = grouping.by == IMPORTED and bool(study.source_sha256) and len(grouping.names) > 1
    items = []
    for n, item in enumerate(opinions.items):
        if not is_published and not counts.seen[:, n].any() and not counts.seen_by_others[n]:
            continue  # nobody was asked
        smallest = int(counts.seen[:, n].min())
        is_scored = bool(told[n]) or is_published
        items.append(
            told_item(item)
            | {
                "is_archived": item.is_archived,
                "consensus_agree": float(score.agree[n]) if is_scored else None,
                "consensus_disagree": float(score.disagree[n]) if is_scored else None,
                "groups": len(grouping.names),
                "smallest_seen": smallest if told[n] else None,
                "is_enough": smallest >= SMALLEST_CELL,
                "counts": told_counts(counts, n) if told[n] else None,
            }
        )
    items.sort(key=lambda item: -1.0 if item["consensus_agree"] is None else -item["consensus_agree"] - 1)
    return {
        "is_simulated": study.is_simulated,
        "mode": parameters.mode,
        "people": len(opinions.people),
        "by": grouping.by,
        "reasons": list(grouping.reasons),
        "groups": told_groups(grouping, Participant.objects.counted(study).count()),
        "shared": _first(items, "agree"),
        "refused": _first(items, "disagree"),
        "items": items,
        "enough": sum(item["is_enough"] for item in items),
        "withheld": int(np.sum(~told)),
    } | told_apart(opinions, counts, grouping.names)


def _first(items: list[dict[str, Any]], answer: str) -> list[dict[str, Any]]:
    """Return the values in use that groups agree (or disagree) with most, of those that five people of each group saw
    and that more of each agree (or disagree) with than not."""
    other = "disagree" if answer == "agree" else "agree"
    fitting = [
        item
        for item in items
        if item["is_enough"] and item["counts"] and not item["is_archived"]
        if all(cell[answer] > cell[other] for cell in item["counts"])
    ]
    return sorted(fitting, key=lambda item: -float(item[f"consensus_{answer}"]))[:MOST_SHARED]
