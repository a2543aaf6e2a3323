"""Over REST: what is drawn for a person, what they answer, and what those who run the study can download."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import User
from elicitation import arena, studies, withdrawal
from elicitation.models import (
    Annotation,
    CanonicalValue,
    Comparison,
    Context,
    Participant,
    ShownComparison,
    Study,
    UpgradeStory,
    WisdomVote,
)
from tests.elicitation.test_arena import in_arena
from tests.people import Actor, card_of, story_between, value_in

pytestmark = pytest.mark.django_db

Clients = Callable[[Actor], APIClient]


@pytest.fixture
def story(study: Study, context: Context) -> UpgradeStory:
    return story_between(study, value_in(study), value_in(study, title="=Patience"), context)


@pytest.fixture
def person(participant: Participant) -> Participant:
    """Someone whose own card is confirmed."""
    card_of(participant)
    return participant


def test_other_peoples_values_come_after_ones_own_card(participant: Participant, client_of: Clients) -> None:
    url = f"/api/v1/studies/{participant.study.slug}/draws/"
    refused = client_of(participant).post(url, {"kind": "picks"})
    assert refused.status_code == 403 and refused.data["type"] == "/problems/own-card-first"


def test_optional_facts_about_oneself_do_not_stand_before_judging(
    person: Participant, story: UpgradeStory, client_of: Clients
) -> None:
    studies.update_settings(person.study, {"demographics": [{"key": "age", "label": "Age", "choices": ["a", "b"]}]})
    drawn = client_of(person).post(f"/api/v1/studies/{person.study.slug}/draws/", {"kind": "picks"})
    assert drawn.status_code == 200 and drawn.data["values"]


@pytest.mark.parametrize("table", ["values", "votes", "endorsements", "comparisons"])
def test_an_empty_table_has_a_header(study: Study, facilitator: User, client_of: Clients, table: str) -> None:
    empty = client_of(facilitator).get(f"/api/v1/studies/{study.slug}/{table}/?export=csv").content.decode()
    assert empty.count("\n") == 1 and "," in empty


def test_values_are_drawn_and_picked(person: Participant, story: UpgradeStory, client_of: Clients) -> None:
    client, url = client_of(person), f"/api/v1/studies/{person.study.slug}/"
    drawn = client.post(f"{url}draws/", {"kind": "picks"}).data
    numbers = [value["number"] for value in drawn["values"]]
    assert set(drawn["values"][0]) == {"number", "title", "description", "policies"}
    assert client.post(f"{url}endorsements/", {"picked": [999]}).status_code == 400
    picked = client.post(f"{url}endorsements/", {"picked": numbers})
    assert picked.status_code == 201 and {row["answer"] for row in picked.data} == {"agree"}


def test_asked_again_an_empty_draw_is_filled(
    study: Study, person: Participant, context: Context, client_of: Clients
) -> None:
    client, url = client_of(person), f"/api/v1/studies/{study.slug}/draws/"
    empty = {kind: client.post(url, {"kind": kind}).data for kind in ("picks", "stories")}
    assert client.get("/api/v1/participants/me/").data["next_step"] == "finish"
    story_between(study, value_in(study), value_in(study), context)
    for kind, shown in (("picks", "values"), ("stories", "stories")):
        filled = client.post(url, {"kind": kind}).data
        assert filled["id"] == empty[kind]["id"] and filled[shown] and not empty[kind][shown]
        assert client.get("/api/v1/participants/me/").data["next_step"] == "picks"
    Study.objects.update(state="closed")
    assert client.post(url, {"kind": "picks"}).status_code == 403


def test_stories_are_drawn_and_answered(person: Participant, story: UpgradeStory, client_of: Clients) -> None:
    client, url = client_of(person), f"/api/v1/studies/{person.study.slug}/"
    drawn = client.post(f"{url}draws/", {"kind": "stories"}).data
    assert [s["number"] for s in drawn["stories"]] == [story.number]
    line = "SIGNS that someone is not heard"
    assert drawn["stories"][0]["difference"] == {"shared": [[line, line]], "only_first": [], "only_second": []}
    assert client.post(f"{url}votes/", {"story": story.number, "skip": True}).data["stories"][0]["is_skipped"]
    voted = client.post(f"{url}votes/", {"story": story.number, "answer": "upgrade", "comment": "It holds more."})
    assert voted.status_code == 201 and voted.data["answer"] == "upgrade"
    assert client.get(f"{url}draws/").data["results"][0]["stories"][0]["answer"] == "upgrade"


@pytest.mark.parametrize(
    "body", [{}, {"story": 1}, {"story": 1, "answer": "x"}, {"story": 1, "answer": "upgrade", "skip": True}]
)
def test_bad_votes_are_problems(person: Participant, client_of: Clients, body: dict[str, object]) -> None:
    response = client_of(person).post(f"/api/v1/studies/{person.study.slug}/votes/", body)
    assert response.status_code == 400 and response["Content-Type"] == "application/problem+json"


def test_a_story_that_was_not_drawn_for_one_is_not_there(
    person: Participant, other_participant: Participant, story: UpgradeStory, client_of: Clients
) -> None:
    url = f"/api/v1/studies/{person.study.slug}/"
    card_of(other_participant)
    client_of(other_participant).post(f"{url}draws/", {"kind": "stories"})
    answer = {"story": story.number, "answer": "upgrade"}
    assert client_of(person).post(f"{url}votes/", answer).status_code == 404
    assert not WisdomVote.objects.exists()


@pytest.mark.parametrize("part", ["draws", "votes", "endorsements"])
def test_in_another_study_one_takes_no_part(
    person: Participant, other_study: Study, client_of: Clients, part: str
) -> None:
    body = {"kind": "picks", "story": 1, "answer": "upgrade", "picked": [1]}
    assert client_of(person).post(f"/api/v1/studies/{other_study.slug}/{part}/", body).status_code == 404


def test_those_who_run_a_study_download_it(
    study: Study, person: Participant, story: UpgradeStory, facilitator: User, client_of: Clients
) -> None:
    url = f"/api/v1/studies/{study.slug}/"
    client_of(person).post(f"{url}draws/", {"kind": "stories"})
    client_of(person).post(f"{url}votes/", {"story": story.number, "answer": "upgrade", "comment": "=cmd()"})
    client = client_of(facilitator)
    votes = list(csv.DictReader(io.StringIO(client.get(f"{url}votes/?export=csv").content.decode())))
    assert votes[0]["comment"] == "'=cmd()" and votes[0]["participant"] == "1"
    lines = client.get(f"{url}votes/?export=jsonl").content.decode().splitlines()
    assert json.loads(lines[0])["comment"] == "=cmd()"
    values = client.get(f"{url}values/").data["results"]
    assert sorted((v["title"], v["holders"]) for v in values)[-1] == ("Letting go together", 1)
    assert client.get(f"{url}values/?export=xlsx").status_code == 400


@pytest.mark.parametrize("part", ["values", "votes", "endorsements"])
def test_others_see_none_of_it(
    study: Study, person: Participant, stranger: User, client_of: Clients, part: str
) -> None:
    url = f"/api/v1/studies/{study.slug}/{part}/"
    assert client_of(stranger).get(url).status_code == 404
    assert client_of(person).get(url).status_code == 403
    assert APIClient().get(url).status_code == 401


def test_answers_side_by_side_are_judged(
    study: Study, participant: Participant, facilitator: User, client_of: Clients
) -> None:
    url = f"/api/v1/studies/{study.slug}/comparisons/"
    pair = {"prompt": "Should I take his keys?", "text_a": "Yes.", "text_b": "Ask him first."}
    assert client_of(facilitator).post(url, pair).data["number"] == 1
    assert client_of(participant).get(url).data["count"] == 1
    put = client_of(participant).put(f"{url}1/annotation/", {"answer": "b", "reason": "It asks."})
    assert put.status_code == 200 and Annotation.objects.get().answer == "b"
    assert client_of(participant).get(url).data["count"] == 0
    assert client_of(participant).put(f"{url}2/annotation/", {"answer": "b"}).status_code == 404
    assert client_of(participant).put(f"{url}1/annotation/", {"answer": "none"}).status_code == 400


def test_the_reading_time_of_a_pair_starts_when_it_is_got_and_not_with_the_list(
    study: Study, participant: Participant, client_of: Clients
) -> None:
    in_arena(study, pairs=2, comparison_seconds=5)
    url, client = f"/api/v1/studies/{study.slug}/comparisons/", client_of(participant)
    first, second = client.get(url).data["results"]
    assert not ShownComparison.objects.exclude(seen_at=None).exists()
    assert [pair["number"] for pair in (first, second)] == [
        item.comparison.number for item in arena.pairs_of(participant)
    ]
    early = client.put(f"{url}{first['number']}/annotation/", {"answer": "a"})
    assert early.status_code == 400 and "Open this pair first" in str(early.data)
    opened = client.get(f"{url}{first['number']}/").data
    assert opened["seconds_left"] == 5
    assert "in 5 seconds" in str(client.put(f"{url}{first['number']}/annotation/", {"answer": "a"}).data)
    with time_machine.travel(timezone.now() + timedelta(seconds=6)):
        assert client.get(f"{url}{first['number']}/").data["seconds_left"] == 0  # the first time counts
        assert client.put(f"{url}{first['number']}/annotation/", {"answer": "a"}).status_code == 200
        assert client.put(f"{url}{second['number']}/annotation/", {"answer": "a"}).status_code == 400
    assert ShownComparison.objects.get(comparison__number=second["number"]).seen_at is None


def test_a_pair_is_told_in_the_order_that_was_drawn_and_blind(
    study: Study, participant: Participant, client_of: Clients
) -> None:
    in_arena(study, pairs=3)
    participant.refresh_from_db()
    Comparison.objects.update(model_a="secret-one", model_b="secret-two")
    url, client = f"/api/v1/studies/{study.slug}/comparisons/", client_of(participant)
    arena.pairs_of(participant)
    for order in ("ab", "ba"):
        ShownComparison.objects.update(order_shown=order)
        listed = client.get(url)
        for pair in (listed.data["results"][0], client.get(f"{url}{listed.data['results'][0]['number']}/").data):
            texts = pair["text_a"], pair["text_b"]
            assert pair["order_shown"] == order
            assert (pair["first"], pair["second"]) == (texts if order == "ab" else texts[::-1])
        assert "secret" not in listed.content.decode()
    header = client.get(f"{url}?export=csv").content.decode().splitlines()[0]
    assert header == "number,prompt,context,text_a,text_b,order_shown,first,second"


def test_a_pair_that_was_not_drawn_for_someone_is_not_there(
    study: Study, participant: Participant, client_of: Clients
) -> None:
    in_arena(study, pairs=6, comparisons_each=1)
    participant.refresh_from_db()
    [mine] = arena.pairs_of(participant)
    other = Comparison.objects.exclude(id=mine.comparison_id).earliest("number")
    assert client_of(participant).get(f"/api/v1/studies/{study.slug}/comparisons/{other.number}/").status_code == 404


def test_those_who_run_a_study_see_what_was_drawn_for_whom_and_why(
    study: Study, person: Participant, story: UpgradeStory, facilitator: User, client_of: Clients
) -> None:
    url = f"/api/v1/studies/{study.slug}/"
    client_of(person).post(f"{url}draws/", {"kind": "stories"})
    client_of(person).post(f"{url}votes/", {"story": story.number, "answer": "upgrade"})
    client = client_of(facilitator)
    (row,) = client.get(f"{url}draws/all/").data["results"]
    assert (row["participant"], row["story"], row["answer"]) == (person.number, story.number, "upgrade")
    assert row["rule"] == "least voted and close calls" and row["why"] in ("least_voted", "close_call")
    assert (row["asked"], row["wiser"], row["decided"]) == (0, 0, 0)
    told = list(csv.DictReader(io.StringIO(client.get(f"{url}draws/all/?export=csv").content.decode())))
    assert told[0]["from_value"] == str(story.from_value.number) and told[0]["seed"] == str(row["seed"])
    assert client_of(person).get(f"{url}draws/all/").status_code == 403


@pytest.mark.parametrize(
    ("happens", "status", "kind"),
    [("closed", 403, "study-not-open"), ("left", 410, "gone"), ("taken back", 409, "conflict"), ("unknown", 404, "")],
)
def test_a_vote_that_comes_too_late_is_told_why(
    study: Study, person: Participant, story: UpgradeStory, client_of: Clients, happens: str, status: int, kind: str
) -> None:
    client, url = client_of(person), f"/api/v1/studies/{study.slug}/"
    client.post(f"{url}draws/", {"kind": "stories"})
    number = story.number
    match happens:
        case "closed":
            Study.objects.update(state="closed")
        case "left":
            withdrawal.withdraw(Participant.objects.get(id=person.id))
        case "taken back":
            CanonicalValue.objects.filter(id=story.to_value_id).update(is_archived=True)
        case "unknown":
            number = 10**9
    told = client.post(f"{url}votes/", {"story": number, "answer": "upgrade"})
    assert told.status_code == status and told["Content-Type"] == "application/problem+json", told.content
    assert kind in told.data["type"] and not WisdomVote.objects.exists()


@pytest.mark.parametrize("number", [0, -1, 10**30, "x", None, 1.5, "1e3"])
def test_no_number_of_a_story_breaks_a_vote(
    study: Study, person: Participant, story: UpgradeStory, client_of: Clients, number: object
) -> None:
    told = client_of(person).post(
        f"/api/v1/studies/{study.slug}/votes/", {"story": number, "answer": "upgrade"}, format="json"
    )
    assert told.status_code in (400, 404) and told["Content-Type"] == "application/problem+json"
