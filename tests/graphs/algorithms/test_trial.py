"""The published graph of the 2023 trial from its votes, and what is known about how firm it is.

Expected figures are those of the published file, and of our own measurements on the same votes.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphs.algorithms import ranking
from graphs.algorithms.flipping import sybil_share, votes_to_flip
from graphs.algorithms.pruning import DROPPED, KEPT, TOO_FEW, PruningRules, RobustRules, Rules, Verdicts
from graphs.algorithms.resampling import Ballots, bootstrap
from graphs.algorithms.tally import Pair, Tallies, Vote, entropy, net_support, tally

VotesBefore = Callable[[str], list[Vote]]


@pytest.fixture(scope="module")
def tallies(trial_votes: list[Vote]) -> Tallies:
    return tally(trial_votes)


@pytest.fixture(scope="module")
def verdicts(tallies: Tallies) -> Verdicts:
    return PruningRules().judge(tallies)


@pytest.fixture(scope="module")
def weights(verdicts: Verdicts) -> dict[Pair, float]:
    return verdicts.kept


def test_there_are_1540_votes_of_506_people(trial_votes: list[Vote]) -> None:
    assert (len(trial_votes), len({vote.voter for vote in trial_votes})) == (1540, 506)
    assert Counter(vote.answer for vote in trial_votes) == {"upgrade": 1046, "not_sure": 326, "no_upgrade": 168}


def test_every_arrow_of_the_published_file_is_there_to_the_last_bit_and_in_its_order(
    tallies: Tallies, weights: dict[Pair, float], published_graph: dict[str, Any]
) -> None:
    pairs = list(tallies)
    ours = [
        {
            "sourceValueId": source,
            "wiserValueId": target,
            "contexts": edge.contexts,
            "counts": {
                "markedWiser": edge.wiser,
                "markedNotWiser": edge.not_wiser,
                "markedLessWise": edge.less_wise,
                "markedUnsure": edge.unsure,
                "impressions": edge.impressions,
            },
            "summary": {"wiserLikelihood": net_support(edge), "entropy": entropy(edge)},
        }
        for (source, target) in (pairs[place] for place in tallies.asked)
        if (source, target) in weights
        for edge in [tallies[source, target]]
    ]
    assert len(ours) == 69
    assert ours == published_graph["edges"]


def test_the_values_in_arrows_are_the_published_ones(
    weights: dict[Pair, float], published_graph: dict[str, Any]
) -> None:
    values = {value for pair in weights for value in pair}
    assert len(values) == 60
    assert values == {value["id"] for value in published_graph["values"]}


@pytest.mark.parametrize(
    ("cut_off", "votes", "arrows", "values"),
    [
        ("2023-10-13", 1528, 67, 59),  # the file named after the panel's run, which is an earlier state of everyone
        ("2023-10-15T06:38:47.735Z", 1529, 67, 59),
        ("2023-10-17T22:31:46.331Z", 1540, 69, 60),
        ("9999", 1592, 71, 59),  # no cut-off
    ],
)
def test_other_cut_offs_give_the_known_sizes(
    trial_votes_before: VotesBefore, cut_off: str, votes: int, arrows: int, values: int
) -> None:
    counted = trial_votes_before(cut_off)
    weights = PruningRules().judge(tally(counted)).kept
    assert (len(counted), len(weights), len({v for pair in weights for v in pair})) == (votes, arrows, values)


def test_why_the_other_pairs_are_dropped(tallies: Tallies, verdicts: Verdicts) -> None:
    assert len(tallies) == 242
    assert sum(edge.was_asked for edge in tallies.values()) == 130
    assert sum(not edge.wiser for edge in tallies.values()) == 134
    some = {pair: edge for pair, edge in tallies.items() if edge.wiser}
    dropped = [some[pair] for pair in some if verdicts[pair].verdict == DROPPED]
    unclear = [edge for edge in dropped if net_support(edge) < 0.33]
    split = [edge for edge in dropped if net_support(edge) >= 0.33 and entropy(edge) > 1.69]
    lone = [edge for edge in dropped if net_support(edge) >= 0.33 and entropy(edge) <= 1.69]
    assert (len(unclear), len(split), len(lone)) == (8, 14, 17)
    assert all(edge.wiser < 2 for edge in lone)


def test_the_kept_arrows_add_up(tallies: Tallies, weights: dict[Pair, float]) -> None:
    edges = [tallies[pair] for pair in weights]
    assert sum(edge.wiser for edge in edges) == 912
    assert sum(edge.answers - edge.less_wise for edge in edges) == 1267
    assert np.mean([*weights.values()]) == pytest.approx(0.701, abs=5e-4)
    assert (min(weights.values()), max(weights.values())) == (1 / 3, 1)


def test_the_graph_has_four_parts_and_four_circles(weights: dict[Pair, float]) -> None:
    parts = ranking.components(weights)
    assert (len(parts), len(parts[0])) == (4, 46)
    assert len(ranking.cycles(weights, longest=60)) == 4


def test_the_wisest_values_and_their_scores(weights: dict[Pair, float]) -> None:
    scores, raw = ranking.wisdom_scores(weights), ranking.legacy_scores(weights)
    assert sum(raw.values()) == pytest.approx(0.41867, abs=1e-5)
    expected = {289: (0.03924, 0.09373), 298: (0.03586, 0.08565), 303: (0.02900, 0.06926), 234: (0.01948, 0.04653)}
    assert sorted(scores, key=lambda v: -scores[v])[:5] == [*expected, 167]
    for value, figures in expected.items():
        assert (raw[value], scores[value]) == pytest.approx(figures, abs=1e-5)


def test_the_trial_viewers_second_ranking_disagrees(weights: dict[Pair, float]) -> None:
    support = ranking.incoming_support(weights)
    assert sorted(support, key=lambda v: -support[v])[:5] == [304, 321, 303, 284, 289]
    assert support[304] == pytest.approx(3.3069, abs=5e-5)


@pytest.mark.parametrize(
    ("context", "votes", "arrows", "winner", "score"),
    [
        ("When seeking information", 274, 9, 289, 0.273),
        ("When making decisions", 128, 12, 174, 0.124),
        ("When being introspective", 58, 4, None, 0.316),
    ],
)
def test_winners_in_contexts(
    trial_votes: list[Vote], context: str, votes: int, arrows: int, winner: int | None, score: float
) -> None:
    here = [vote for vote in trial_votes if vote.context == context]
    weights = PruningRules().judge(tally(here)).kept
    scores = ranking.wisdom_scores(weights)
    best = ranking.winner(scores)
    assert best is not None
    assert (len(here), len(weights)) == (votes, arrows)
    assert scores[best] == pytest.approx(score, abs=5e-4)
    assert winner in (best, None)


def test_robust_rules_find_26_arrows_firm(tallies: Tallies) -> None:
    verdicts = RobustRules().judge(tallies)
    assert Counter(verdict.verdict for verdict in verdicts.values())[KEPT] == 26
    assert {verdict.verdict for verdict in verdicts.values()} == {KEPT, DROPPED, TOO_FEW}
    assert sum(verdict.q is not None for verdict in verdicts.values()) == 110, "the family"


@pytest.mark.parametrize(
    ("rules", "winner", "least", "most"), [(PruningRules(), 289, 0.36, 0.46), (RobustRules(), 304, 0.16, 0.26)]
)
def test_the_winner_is_uncertain(trial_votes: list[Vote], rules: Rules, winner: int, least: float, most: float) -> None:
    found = bootstrap(Ballots.of(tally(trial_votes), rules), resamples=1000, rng=np.random.default_rng(0))
    assert max(found.wins, key=lambda value: found.wins[value]) == winner
    assert least <= found.wins[winner] <= most


@pytest.mark.parametrize(("rules", "needed", "share"), [(PruningRules(), 1, 1 / 507), (RobustRules(), 2, 2 / 508)])
def test_one_or_two_votes_crown_another(trial_votes: list[Vote], rules: Rules, needed: int, share: float) -> None:
    flip = votes_to_flip(trial_votes, rules)
    assert flip is not None and len(flip.votes) == needed
    assert sybil_share(needed, 506) == share
