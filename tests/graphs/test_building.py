import random
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from core.canonical import canonical_bytes, sha256_of
from core.seeds import LARGEST_SEED
from elicitation import withdrawal
from elicitation.models import CanonicalValue, Participant, Study, WisdomVote
from graphs.building import LONG, body_of, build_graph, publish, waiting_votes
from graphs.models import GraphPublication, GraphSnapshot
from tests.people import card_of, join, make_study, value_in

pytestmark = pytest.mark.django_db
Values = list[CanonicalValue]
Cast = Callable[..., WisdomVote]
Crowd = Callable[..., list[Participant]]


@pytest.fixture
def judged(study: Study, values: Values, crowd: Crowd) -> Study:
    """Twelve of twelve find 3 wiser than 1; eight of twelve find 2 wiser than 1; one answers about 2 and 3."""
    crowd(12, values[0], values[2], "upgrade")
    crowd(8, values[0], values[1], "upgrade", context=study.contexts.get(number=2))
    crowd(4, values[0], values[1], "no_upgrade", context=study.contexts.get(number=2))
    crowd(1, values[1], values[2], "it_depends")
    return study


def test_a_body_says_what_was_counted_and_by_which_rules(judged: Study) -> None:
    body = body_of(build_graph(judged, seed=3))
    assert (body["format"], body["study"], body["mode"], body["seed"]) == ("folkmoot-graph/2", judged.slug, "robust", 3)
    assert body["rules"]["min_voters"] == 5
    assert body["counts"]["votes"] == 25 and body["counts"]["voters"] == 25
    assert body["counts"]["edges"] == 1 and body["counts"]["dropped"] == 2


def test_an_arrow_carries_its_counts_its_interval_and_its_verdict(judged: Study) -> None:
    body = body_of(build_graph(judged))
    (edge,) = body["edges"]
    assert (edge["from"], edge["to"], edge["verdict"]) == (1, 3, "kept")
    assert edge["counts"] == {"wiser": 12, "not_wiser": 0, "less_wise": 0, "unsure": 0, "impressions": 12}
    assert edge["share"] == 1 and edge["interval"][1] == 1 and 0.7 < edge["interval"][0] < 0.9
    assert edge["contexts"] == ["When someone loses a freedom"]


def test_an_arrow_says_what_each_context_that_judged_it_says_by_itself(
    judged: Study, values: Values, crowd: Crowd
) -> None:
    crowd(6, values[0], values[2], "no_upgrade", context=judged.contexts.get(number=2))
    body = body_of(build_graph(judged))
    both = next(e for e in [*body["edges"], *body["dropped"]] if (e["from"], e["to"]) == (1, 3))
    told = [(here["context"], here["counts"]["wiser"], here["share"], here["verdict"]) for here in both["by_context"]]
    assert told == [("When a family must decide", 0, 0, "dropped"), ("When someone loses a freedom", 12, 1, "kept")]
    assert not any("by_context" in e for e in [*body["edges"], *body["dropped"]] if len(e["contexts"]) < 2)


def test_of_a_context_in_which_few_decided_an_arrow_says_nothing(judged: Study, values: Values, crowd: Crowd) -> None:
    crowd(4, values[0], values[2], "no_upgrade", context=judged.contexts.get(number=2))
    body = body_of(build_graph(judged))
    edge = next(e for e in [*body["edges"], *body["dropped"]] if (e["from"], e["to"]) == (1, 3))
    assert [here["context"] for here in edge["by_context"]] == ["When someone loses a freedom"]


def test_a_body_longer_than_what_goes_to_the_database_at_once_is_stored_whole(judged: Study, values: Values) -> None:
    CanonicalValue.objects.filter(id=values[2].id).update(description="Ä \\ '%s' \n" * (LONG // 8))
    snapshot = build_graph(judged)
    stored = GraphSnapshot.objects.get(id=snapshot.id)
    assert len(stored.body) > LONG and stored.body == snapshot.body
    assert body_of(stored)["values"][1]["number"] == 3, "it is what was hashed"


def test_a_dropped_arrow_says_why(judged: Study) -> None:
    reasons = {(e["from"], e["to"]): (e["verdict"], e["reason"]) for e in body_of(build_graph(judged))["dropped"]}
    assert reasons == {
        (1, 2): ("dropped", "too close to call"),
        (2, 3): ("not enough evidence", "fewer than 5 people decided"),
    }


def test_values_outside_the_graph_are_named_so_that_dropped_arrows_can_be_read(judged: Study) -> None:
    body = body_of(build_graph(judged))
    assert [v["number"] for v in body["values"]] == [1, 3]
    assert body["values_outside"] == [{"number": 2, "title": "Staying free"}]


def test_a_winner_has_a_probability_overall_and_in_each_context(judged: Study) -> None:
    overall, family, freedom = body_of(build_graph(judged))["winners"]
    assert (overall["context"], overall["value"]) == (None, 3)
    assert 0.9 < overall["probability"] < 1, "the other arrow is firm in some resamples"
    assert (family["context"], family["value"], family["probability"]) == ("When a family must decide", None, None)
    assert (freedom["value"], freedom["voters"]) == (3, 13)


def test_a_winner_in_a_context_names_the_arrows_that_made_it_with_that_contexts_counts(
    judged: Study, values: Values, crowd: Crowd
) -> None:
    crowd(1, values[0], values[2], "no_upgrade", context=judged.contexts.get(number=2))
    overall, family, freedom = body_of(build_graph(judged))["winners"]
    assert [(a["from"], a["counts"]["wiser"], a["counts"]["not_wiser"]) for a in overall["arrows"]] == [(1, 12, 1)]
    assert [(a["from"], a["counts"]["wiser"], a["counts"]["not_wiser"]) for a in freedom["arrows"]] == [(1, 12, 0)]
    assert family["arrows"] == []


def test_a_value_that_wins_in_a_context_alone_is_told_with_its_words(
    study: Study, values: Values, crowd: Crowd
) -> None:
    crowd(9, values[0], values[1], "upgrade")
    crowd(9, values[0], values[1], "no_upgrade", context=study.contexts.get(number=2))
    body = body_of(build_graph(study))
    assert body["values"] == []
    assert [(w["context"], w["value"]) for w in body["winners"] if w["value"]] == [("When someone loses a freedom", 2)]
    assert [v.get("policies") for v in body["values_outside"]] == [None, values[1].policies]


def test_a_robust_graph_says_what_would_change_its_winner(judged: Study) -> None:
    body = body_of(build_graph(judged))
    assert body["votes_to_flip"]["at_most"] == len(body["votes_to_flip"]["votes"]) > 0
    assert body["sybil_share"] == pytest.approx(
        body["votes_to_flip"]["at_most"] / (25 + body["votes_to_flip"]["at_most"])
    )


def test_the_trials_mode_says_nothing_about_doubt(judged: Study) -> None:
    body = body_of(build_graph(judged, mode="mge-2023"))
    assert not {"votes_to_flip", "sybil_share"} & set(body)
    assert "probability" not in body["winners"][0] and "win_probability" not in body["values"][0]


def test_the_hash_is_that_of_the_body(judged: Study) -> None:
    snapshot = build_graph(judged)
    assert snapshot.sha256 == sha256_of(body_of(snapshot))
    assert snapshot.body.encode() == canonical_bytes(body_of(snapshot))


def test_no_database_key_random_id_or_clock_time_is_hashed(judged: Study) -> None:
    snapshot = build_graph(judged)
    for person in judged.participants.all():
        assert str(person.id) not in snapshot.body
    assert str(snapshot.id) not in snapshot.body and str(judged.id) not in snapshot.body
    assert str(snapshot.built_at.year) not in snapshot.body


def test_the_same_votes_give_the_same_snapshot_back(judged: Study) -> None:
    assert build_graph(judged, seed=1).id == build_graph(judged, seed=1).id
    assert GraphSnapshot.objects.count() == 1


def test_a_vote_a_seed_or_a_rule_more_gives_another(judged: Study, values: Values, crowd: Crowd) -> None:
    first = build_graph(judged)
    others = [build_graph(judged, seed=1), build_graph(judged, mode="mge-2023")]
    crowd(1, values[0], values[2])
    others.append(build_graph(judged))
    assert [snapshot.number for snapshot in (first, *others)] == [1, 2, 3, 4]
    assert len({snapshot.sha256 for snapshot in (first, *others)}) == 4


def test_the_same_votes_give_the_same_bytes_whoever_voted_first(facilitator: object, vote: Cast) -> None:
    hashes = set()
    for seed in range(4):
        study = make_study("moot", "Moot")
        values = [value_in(study, title=title) for title in "abcd"]
        people = [join(study) for _ in range(14)]
        ballots = [(p, values[i % 4], values[(i + 1 + n) % 4], n) for i, p in enumerate(people) for n in range(3)]
        random.Random(seed).shuffle(ballots)
        for person, first, second, n in ballots:
            answer = "upgrade" if second.number > first.number else "no_upgrade"
            vote(person, first, second, answer, context=study.contexts.get(number=1 + n % 2))
        hashes.add(build_graph(study, seed=5).sha256)
        study.slug = f"moot-{seed}"
        study.save()
    assert len(hashes) == 1


def test_after_a_withdrawal_the_graph_is_as_if_the_person_had_never_been(
    judged: Study, values: Values, crowd: Crowd
) -> None:
    before = build_graph(judged)
    (person,) = crowd(1, values[0], values[1])
    during = build_graph(judged)
    withdrawal.withdraw(person)
    after = build_graph(judged)
    assert before.sha256 == after.sha256 != during.sha256


def test_a_published_snapshot_stays_when_votes_change_and_people_leave(judged: Study) -> None:
    snapshot = build_graph(judged)
    publish(snapshot)
    body = snapshot.body
    for person in judged.participants.all():
        withdrawal.withdraw(person)
    snapshot.refresh_from_db()
    assert snapshot.body == body
    with pytest.raises(DatabaseError), transaction.atomic():
        GraphSnapshot.objects.filter(id=snapshot.id).update(body="{}")


def test_publishing_twice_changes_nothing(judged: Study) -> None:
    snapshot = build_graph(judged)
    assert publish(snapshot) == publish(snapshot)
    assert GraphPublication.objects.count() == 1


def test_few_holders_are_not_told(judged: Study, values: Values) -> None:
    for _ in range(4):
        card_of(join(judged))
    own = CanonicalValue.objects.filter(study=judged, number__gt=3).order_by("number")
    assert own.count() == 4
    assert {value["holders"] for value in body_of(build_graph(judged))["values"]} == {None}


def test_a_graph_of_the_past_does_not_depend_on_cards_confirmed_since(judged: Study) -> None:
    moment = "2100-01-01T00:00:00Z"
    first = build_graph(judged, before=moment)
    card_of(join(judged))
    assert build_graph(judged, before=moment).id == first.id


def test_votes_since_the_snapshot_wait(judged: Study, values: Values, crowd: Crowd, vote: Cast) -> None:
    snapshot = build_graph(judged)
    assert waiting_votes(snapshot) == 0
    (person,) = crowd(1, values[0], values[1])
    vote(person, values[0], values[1], "not_sure")
    crowd(2, values[0], values[2])
    assert waiting_votes(snapshot) == 3, "an answer that was changed waits once"


def test_only_votes_that_the_same_build_would_count_wait(judged: Study, values: Values, crowd: Crowd) -> None:
    context = judged.contexts.get(number=2)
    snapshot = build_graph(judged, context=context.text)
    assert waiting_votes(snapshot) == 0
    crowd(2, values[0], values[1])
    crowd(1, values[0], values[1], context=context)
    assert waiting_votes(snapshot) == 1


def test_progress_is_told_to_the_end(judged: Study) -> None:
    told: list[tuple[int, int]] = []
    build_graph(judged, progress=lambda done, total, note: told.append((done, total)))
    assert told == [(done, 5) for done in range(6)]


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("mode", "best"),
        ("seed", -1),
        ("seed", LARGEST_SEED + 1),
        ("seed", True),
        ("seed", float("nan")),
        ("context", "no"),
    ],
)
def test_a_bad_option_is_named_and_nothing_is_stored(judged: Study, option: str, given: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        build_graph(judged, **{option: given})
    assert list(caught.value.message_dict) == [option]
    assert not GraphSnapshot.objects.exists()


def test_votes_of_which_no_arrow_holds_are_a_graph_too(study: Study, values: Values, crowd: Crowd) -> None:
    crowd(2, values[0], values[1], "not_sure")
    snapshot = build_graph(study)
    body = body_of(snapshot)
    assert (snapshot.edge_count, body["values"], body["winners"][0]["value"]) == (0, [], None)
    assert body["votes_to_flip"] is None and body["sybil_share"] is None
