"""Bridging: people who start from different values and agree on the wiser one.

Source: the 2023 trial's bridging query (democratic fine-tuning repository), and its flaw mended. Test that a claim holds on
both sides at once: the larger p-value of the two (intersection–union, Berger 1982).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np

from core.algorithms.uncertainty import Interval, benjamini_hochberg, exact_p, jeffreys

WISER, NOT_WISER = "upgrade", "no_upgrade"


class Judgement(NamedTuple):
    """What someone who starts from a value (`source`) says of a story to another (`target`); `group` is theirs."""

    voter: int
    group: str
    source: int
    target: int
    answer: str


class Rows(NamedTuple):
    """Rows of the published query: two people, one of each group, who start from different values and judged stories to
    the same third one. `combinations` are the different (start, start, target), `first` and `second` the people."""

    rows: int
    combinations: dict[tuple[int, int, int], tuple[set[int], set[int]]]
    first: set[int]
    second: set[int]


def published_query(judgements: Iterable[Judgement], groups: tuple[str, str], *, wiser_only: bool) -> Rows:
    """Return the rows of the trial's published query; with `wiser_only` those alone in which both say wiser.

    As published the query does not look at the answer, so that "no" counts as bridging too.
    """
    sides: tuple[dict[int, list[Judgement]], ...] = (defaultdict(list), defaultdict(list))
    for judgement in judgements:
        if judgement.group in groups and (judgement.answer == WISER or not wiser_only):
            sides[groups.index(judgement.group)][judgement.target].append(judgement)
    rows = 0
    found: dict[tuple[int, int, int], tuple[set[int], set[int]]] = {}
    for target, ours in sides[0].items():
        for one in ours:
            for other in sides[1].get(target, ()):
                if one.source != other.source:
                    rows += 1
                    people = found.setdefault((one.source, other.source, target), (set(), set()))
                    people[0].add(one.voter)
                    people[1].add(other.voter)
    return Rows(
        rows,
        found,
        {voter for first, _second in found.values() for voter in first},
        {voter for _first, second in found.values() for voter in second},
    )


class Side(NamedTuple):
    """People who start from one value and judged a story to the wiser one; `group` is None for everyone."""

    source: int
    group: str | None
    wiser: int
    decided: int
    share: float
    interval: Interval


class Bridge(NamedTuple):
    """Two sides that start from different values and say, each for itself, that the same value is wiser.

    `q` is the smallest false discovery rate at which the claim would be kept, that more than half of each side say so.
    """

    target: int
    sides: tuple[Side, Side]
    q: float


def bridges(
    judgements: Iterable[Judgement],
    hidden: Collection[tuple[int, int, str | None]],
    *,
    across: tuple[str, str] | None,
    least: int,
) -> list[Bridge]:
    """Return every pair of sides with at least `least` people who decided on each, the surest first.

    `across` names two groups, one for each side; None takes everyone, whatever their group. `hidden` are sides (source,
    target, group) that may not be told. The family of the tests is all that is returned.
    """
    answers: dict[tuple[int, int, str | None], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for one in judgements:
        if one.answer in (WISER, NOT_WISER) and (across is None or one.group in across):
            answers[one.source, one.target, one.group if across else None][one.answer].add(one.voter)
    sides: dict[int, list[Side]] = defaultdict(list)
    for (source, target, group), said in sorted(answers.items(), key=lambda item: (item[0][:2], str(item[0][2]))):
        wiser, decided = len(said[WISER]), len(said[WISER]) + len(said[NOT_WISER])
        if len(said[WISER] | said[NOT_WISER]) >= least and (source, target, group) not in hidden:
            interval = jeffreys(wiser, decided)
            sides[target].append(Side(source, group, wiser, decided, wiser / decided, interval))
    found = [
        (target, (one, other))
        for target in sorted(sides)
        for one, other in combinations(sides[target], 2)
        if one.source != other.source and (across is None or one.group != other.group)
    ]
    if not found:
        return []
    p = np.array([[float(exact_p(side.wiser, side.decided)) for side in pair] for _target, pair in found]).max(axis=1)
    q = benjamini_hochberg(p)
    rows = [Bridge(target, pair, float(q[i])) for i, (target, pair) in enumerate(found)]
    return sorted(rows, key=lambda row: (row.q, row.target, row.sides[0].source, row.sides[1].source))
