import itertools
from pathlib import Path
from typing import Any

import pytest

from elicitation.models import Study
from elicitation.study_folder import import_study
from graphs import looking
from graphs.building import body_of, build_graph
from graphs.looking import Q_STEPS, Thresholds


@pytest.fixture
def trial_study(db: None, trial: Path) -> Study:
    import_study(trial, "trial")
    return Study.objects.get(slug="trial")


def arrow(verdict: str = "kept", **more: Any) -> dict[str, Any]:
    counts = {"wiser": 8, "not_wiser": 2, "less_wise": 1, "unsure": 3}
    known = {"from": 1, "to": 2, "counts": counts, "interval": [0.43, 0.9], "share": 8 / 11, "q": 0.03}
    return known | {"verdict": verdict, "contexts": ["When asked"]} | more


OWN = Thresholds(5, 0, Q_STEPS.index(0.05))


def test_an_arrow_passes_up_to_what_its_own_numbers_say() -> None:
    assert looking.strictest(arrow(), OWN) == Thresholds(people=11, low=40, q=Q_STEPS.index(0.05))
    assert looking.strictest(arrow(q=0.0004), OWN).q == 0


def test_rounding_moves_no_arrow_across_its_graphs_own_rules() -> None:
    kept, dropped = arrow(q=0.0500001), arrow("dropped", q=0.0499999)
    assert OWN.let_through(looking.strictest(kept, OWN))
    assert not OWN.let_through(looking.strictest(dropped, OWN))


def test_what_was_not_tested_passes_only_without_a_test() -> None:
    at = looking.strictest(arrow("not enough evidence", q=None), OWN)
    assert [q for q in range(len(Q_STEPS)) if Thresholds(1, 0, q).let_through(at)] == [len(Q_STEPS) - 1]


def test_the_spectrum_counts_the_survivors_of_any_thresholds() -> None:
    arrows = [Thresholds(5, 20, 3), Thresholds(5, 20, 3), Thresholds(9, 60, 1), Thresholds(30, 0, 6)]
    rows = looking.spectrum(arrows)
    assert rows == [[5, 20, 3, 2], [9, 60, 1, 1], [30, 0, 6, 1]]
    asked = Thresholds(6, 0, 6)
    assert sum(n for *at, n in rows if asked.let_through(Thresholds(*at))) == sum(map(asked.let_through, arrows)) == 2


def test_values_are_grouped_by_the_situation_of_most_of_their_arrows() -> None:
    edges = [arrow(contexts=["A", "B"]), arrow(to=3, contexts=["B"]), arrow(to=2, contexts=["A"]) | {"from": 4}]
    groups = {group.name: sorted(group.members) for group in looking.by_situation({"edges": edges})}
    assert groups == {"A": [2, 4], "B": [1, 3]}


def test_only_the_largest_groups_are_told_apart() -> None:
    groups = looking.grouped({n: f"group {n % 7}" for n in range(50)})
    assert [group.name for group in groups] == [f"group {n}" for n in range(5)]


@pytest.mark.parametrize("mode", ["robust", "mge-2023"])
def test_the_usual_thresholds_let_exactly_the_kept_arrows_through(trial_study: Study, mode: str) -> None:
    body = body_of(build_graph(trial_study, mode=mode, seed=1))
    own = looking.usual(body)
    passing = [e for e in looking.candidates(body) if own.let_through(looking.strictest(e, own))]
    assert passing == body["edges"] != []


def test_the_trial_has_values_that_nothing_is_wiser_than_and_ways_up_to_them(trial_study: Study) -> None:
    body = body_of(build_graph(trial_study, mode="mge-2023"))
    top = looking.maximal(body)
    edges = set(looking.pairs_of(body["edges"]))
    assert top and not any(source in top for source, _target in edges)
    ways = looking.ways_to_wiser(body, body["edges"][0]["from"])
    assert all(pair in edges for way in ways for pair in itertools.pairwise(way))
    assert {part.name for part in looking.parts(body)} <= {value["title"] for value in body["values"]}
