from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from constitutions.evidence import evidence_behind
from constitutions.extraction import body_of, extract
from constitutions.from_graph import bridges
from constitutions.models import PrincipleEvidence
from constitutions.publishing import notice_withdrawals, publish, version_body
from elicitation import withdrawal
from elicitation.models import Participant, Study, ValuesCard
from elicitation.participation import set_quotes_shown
from graphs import building
from graphs.models import GraphSnapshot
from tests.constitutions.conftest import Preferring
from tests.graphs.conftest import cast, crowd_of
from tests.people import card_of, join, value_in

pytestmark = pytest.mark.django_db
QUOTE = "I wanted her to choose"


def card_with_quote(person: Participant) -> ValuesCard:
    card = card_of(person, title="Letting go", policies=["MOMENTS when they can still choose."])
    card.policies = [policy | {"quotes": [{"turn": 1, "text": QUOTE}]} for policy in card.policies]
    card.save()
    return card


@pytest.fixture
def winners(study: Study) -> GraphSnapshot:
    """A published graph in which the value of one person, who lets quotes be shown, wins in the first context."""
    holder = join(study, shows_quotes=True)
    card_with_quote(holder)
    winner = study.values.get(title="Letting go")
    loser = value_in(study, title="Keeping safe", policies=["DANGERS on the road"])
    crowd_of(9, loser, winner)
    snapshot = building.build_graph(study)
    building.publish(snapshot)
    return snapshot


def test_a_winning_value_gives_its_policies_in_its_context(study: Study, winners: GraphSnapshot) -> None:
    [principle] = body_of(extract(study=study))["principles"]
    assert principle["text"] == "When someone loses a freedom, attend to: MOMENTS when they can still choose."
    assert principle["source"] == "moral graph: winning value"
    assert (principle["for"], principle["against"], principle["irrelevant"]) == (9, 0, 0)
    assert principle["ci"][0] > 0.5


def test_a_principle_counts_the_votes_of_the_contexts_it_names(study: Study, winners: GraphSnapshot) -> None:
    winner, loser = (study.values.get(title=title) for title in ("Letting go", "Keeping safe"))
    crowd_of(1, winner, loser, "upgrade")
    crowd_of(2, loser, winner, "not_sure")
    crowd_of(9, loser, winner, "no_upgrade", context=study.contexts.get(number=2))
    building.publish(building.build_graph(study))
    extraction = extract(study=study)
    [principle] = body_of(extraction)["principles"]
    assert (principle["for"], principle["against"], principle["irrelevant"]) == (9, 1, 2)
    assert principle["accuracy"] == 0.9 and principle["ci"][0] < 0.9 < principle["ci"][1]
    assert principle["evidence"]["votes"] == 12 == extraction.evidence.exclude(vote=None).count()
    assert body_of(extraction)["principles"][0]["wisdom_score"] is None, "over all contexts it is no longer the wiser"


def test_a_graph_of_some_votes_says_so(study: Study, winners: GraphSnapshot) -> None:
    building.publish(building.build_graph(study, context="When someone loses a freedom"))
    assert body_of(extract(study=study))["labels"][-1] == (
        "That graph counts only some of the votes: context When someone loses a freedom."
    )


def test_what_nobody_measured_on_comparisons_wants_a_reader(study: Study, winners: GraphSnapshot) -> None:
    version = publish(extract(study=study), slug="moot")
    assert version_body(version)["executor"] == {"kind": "a model that reads it"}


def test_a_value_that_was_taken_back_is_not_published_anew(study: Study, winners: GraphSnapshot) -> None:
    holder = study.values.get(title="Letting go").members.get().card.participant
    assert holder is not None
    withdrawal.withdraw(holder)
    with pytest.raises(ValidationError, match="took back a value"):
        extract(study=study)


def test_what_was_extracted_before_a_value_was_taken_back_is_not_published_after(
    study: Study, winners: GraphSnapshot
) -> None:
    extraction = extract(study=study)
    holder = study.values.get(title="Letting go").members.get().card.participant
    assert holder is not None
    withdrawal.withdraw(holder)
    with pytest.raises(ValidationError, match="took back a value"):
        publish(extraction, slug="moot")


def test_the_graph_is_named_by_its_hash(study: Study, winners: GraphSnapshot) -> None:
    extraction = extract(study=study)
    assert extraction.graph_sha256 == winners.sha256 == body_of(extraction)["graph_sha256"]


def test_a_value_that_wins_in_two_contexts_is_one_principle(study: Study, winners: GraphSnapshot) -> None:
    winner, loser = (study.values.get(title=title) for title in ("Letting go", "Keeping safe"))
    crowd_of(9, loser, winner, context=study.contexts.get(number=2))
    building.publish(building.build_graph(study))
    [principle] = body_of(extract(study=study))["principles"]
    assert principle["text"].startswith("When a family must decide, when someone loses a freedom, attend to: ")
    assert len(principle["contexts"]) == 2


def test_an_unpublished_newer_graph_is_not_used(study: Study, winners: GraphSnapshot) -> None:
    crowd_of(3, study.values.get(title="Keeping safe"), study.values.get(title="Letting go"))
    assert building.build_graph(study) != winners
    assert extract(study=study).graph_sha256 == winners.sha256


def test_graph_and_comparisons_meet_with_each_ones_source(
    study: Study, winners: GraphSnapshot, preferring: Preferring
) -> None:
    body = body_of(extract(study=study, dataset=preferring("lists")))
    sources = [p["source"] for p in body["principles"]]
    assert sources[0] == "moral graph: winning value"
    assert set(sources[1:]) == {"measured: text feature"}
    assert [p["id"] for p in body["principles"]] == list(range(1, len(sources) + 1))
    assert len(body["labels"]) == 3


# bridges


@pytest.fixture
def of_two_ages(study: Study) -> GraphSnapshot:
    """A published graph by age: both ages find 2 wiser than 1 and 3 wiser than 2; of 4 they are of two minds."""
    first, second, third, fourth = (
        value_in(study, title=title, policies=[f"THINGS about {title}"]) for title in ("one", "two", "three", "four")
    )
    for age in ("young", "old"):
        crowd_of(9, first, second, demographics={"age": age})
        crowd_of(9, second, third, demographics={"age": age})
        crowd_of(9, first, fourth, "upgrade" if age == "young" else "no_upgrade", demographics={"age": age})
    snapshot = building.build_graph(study, balance="age")
    building.publish(snapshot)
    return snapshot


def test_a_value_that_every_group_finds_wiser_is_a_bridge(study: Study, of_two_ages: GraphSnapshot) -> None:
    body = body_of(extract(study=study))
    bridged = {p["title"]: p["bridges"] for p in body["principles"] if "bridges" in p}
    assert list(bridged) == ["three", "two"]
    [bridge] = bridged["two"]
    assert bridge["from"] == 1 and bridge["q"] <= 0.05
    assert {name: side["wiser"] for name, side in bridge["groups"].items()} == {"young": 9, "old": 9}
    assert any(label.startswith("A bridge: more than half of each group by age") for label in body["labels"])


def test_bridges_are_surest_first_and_need_every_group() -> None:
    def arrow(target: int, **wiser: int | None) -> dict[str, Any]:
        groups = {name: None if n is None else {"wiser": n, "decided": 12} for name, n in wiser.items()}
        return {"from": 1, "to": target, "groups": groups}

    arrows = [arrow(2, young=12, old=11), arrow(3, young=12, old=12), arrow(4, young=12, old=6)]
    arrows += [arrow(5, young=12, old=None), {"from": 1, "to": 6}]
    assert [found["to"] for found in bridges(arrows)] == [3, 2]
    assert bridges([]) == []


def test_a_bridge_that_wins_nowhere_is_a_principle_of_its_own(study: Study, of_two_ages: GraphSnapshot) -> None:
    body = building.body_of(of_two_ages)
    winners = {w["value"] for w in body["winners"]}
    principles = body_of(extract(study=study))["principles"]
    [bridge] = [p for p in principles if p["source"] == "moral graph: bridge between groups"]
    assert bridge["value"] == 2 not in winners, "the premise: it wins nowhere"
    assert (bridge["for"], bridge["against"]) == (18, 0)
    assert bridge["text"] == "When someone loses a freedom, attend to: THINGS about two."


def test_what_both_sources_say_is_marked_on_both(study: Study, preferring: Preferring) -> None:
    dataset = preferring("lists")
    measured = body_of(extract(dataset=dataset))["principles"][0]["text"]
    policy = measured.removeprefix("Prefer the answer that ").rstrip(".").upper()
    crowd_of(9, value_in(study, title="Plain"), value_in(study, title="Listing", policies=[policy]))
    building.publish(building.build_graph(study))
    winner, same, *rest = body_of(extract(study=study, dataset=dataset))["principles"]
    assert (winner["same_as"], same["same_as"], same["text"]) == ([2], [1], measured)
    assert all("same_as" not in p for p in rest)


# evidence


def test_people_are_quoted_on_their_votes_only_where_they_let_it(study: Study) -> None:
    winner, loser = value_in(study, title="Letting go"), value_in(study, title="Keeping safe")
    voters = crowd_of(9, loser, winner)
    for person, said in ((voters[0], "She can still choose."), (voters[1], "Said in private.")):
        cast(person, loser, winner, comment=said)
    set_quotes_shown(voters[0], True)
    building.publish(building.build_graph(study))
    extraction = extract(study=study)
    assert evidence_behind(extraction, 1)["comments"] == [{"stance": "for", "text": "She can still choose."}]
    withdrawal.withdraw(voters[0])
    assert evidence_behind(extraction, 1)["comments"] == []


@pytest.fixture
def told(study: Study, winners: GraphSnapshot) -> Callable[[], dict[str, Any]]:
    version = publish(extract(study=study), slug="moot")
    return lambda: evidence_behind(version.extraction, 1)


def test_evidence_names_value_quotes_and_votes_and_no_person(told: Callable[[], dict[str, Any]], study: Study) -> None:
    evidence = told()
    assert evidence["values"][0]["title"] == "Letting go"
    assert evidence["cards"]["quotes"] == [QUOTE]
    assert [(cell["wiser_than"], cell["for"]) for cell in evidence["votes"]] == [("Keeping safe", 9)]
    assert not [p for p in study.participants.all() if str(p.id) in str(evidence)]


def test_cards_of_fewer_than_five_people_are_not_counted(told: Callable[[], dict[str, Any]]) -> None:
    assert told()["cards"]["count"] is None


def test_votes_of_fewer_than_five_people_give_no_figures(told: Callable[[], dict[str, Any]], study: Study) -> None:
    for person in Participant.objects.filter(wisdom_votes__study=study).distinct()[:5]:
        withdrawal.withdraw(person)
    [cell] = told()["votes"]
    assert (cell["for"], cell["withheld"]) == (None, "fewer than 5 people")


def test_who_withdraws_takes_quotes_and_votes_out_of_the_evidence(
    told: Callable[[], dict[str, Any]], study: Study
) -> None:
    holder = study.values.get(title="Letting go").members.get().card.participant
    assert holder is not None
    withdrawal.withdraw(holder)
    evidence = told()
    assert (evidence["cards"]["quotes"], evidence["values"]) == ([], [])


def test_who_does_not_let_quotes_be_shown_is_not_quoted(study: Study) -> None:
    card_with_quote(join(study, shows_quotes=False))
    winner, loser = study.values.get(title="Letting go"), value_in(study, title="Keeping safe")
    crowd_of(9, loser, winner)
    building.publish(building.build_graph(study))
    assert evidence_behind(extract(study=study), 1)["cards"]["quotes"] == []


def test_a_version_says_that_votes_behind_it_were_withdrawn_since(study: Study, winners: GraphSnapshot) -> None:
    version = publish(extract(study=study), slug="moot")
    before = version.body
    assert not notice_withdrawals(version)
    voter = Participant.objects.filter(wisdom_votes__study=study).first()
    assert voter is not None
    withdrawal.withdraw(voter)
    assert notice_withdrawals(version)
    version.refresh_from_db()
    assert version.body == before


def test_an_answer_the_other_way_round_and_a_change_of_mind_are_no_withdrawal(study: Study) -> None:
    winner, loser = value_in(study, title="Letting go"), value_in(study, title="Keeping safe")
    [first, *_rest] = crowd_of(12, loser, winner)
    crowd_of(1, winner, loser, "upgrade")
    building.publish(building.build_graph(study))
    cast(first, loser, winner, "no_upgrade")
    version = publish(extract(study=study), slug="moot")
    assert not notice_withdrawals(version)
    [cell] = evidence_behind(version.extraction, 1)["votes"]
    assert (cell["wiser_than"], cell["for"], cell["against"]) == ("Keeping safe", 12, 1)


def test_a_later_vote_is_no_withdrawal_and_no_evidence(study: Study, winners: GraphSnapshot) -> None:
    version = publish(extract(study=study), slug="moot")
    winner, loser = (study.values.get(title=title) for title in ("Letting go", "Keeping safe"))
    cast(join(study), loser, winner)
    assert not notice_withdrawals(version)
    assert PrincipleEvidence.objects.exclude(vote=None).count() == 9
