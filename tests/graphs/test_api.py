import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.append_only import erasing
from core.jobs import perform
from core.models import Job, User
from elicitation.models import CanonicalValue, Participant, Study
from graphs.building import build_graph, publish
from graphs.models import GraphSnapshot
from graphs.tasks import build_moral_graph
from tests.people import value_in

pytestmark = pytest.mark.django_db
ClientOf = Callable[..., APIClient]
Crowd = Callable[..., list[Participant]]


@pytest.fixture
def pair(study: Study) -> list[CanonicalValue]:
    return [value_in(study, title="Keeping safe"), value_in(study, title="Letting go")]


@pytest.fixture
def draft(study: Study, pair: list[CanonicalValue], crowd: Crowd) -> GraphSnapshot:
    crowd(9, *pair)
    return build_graph(study)


@pytest.fixture
def published(draft: GraphSnapshot) -> GraphSnapshot:
    publish(draft)
    return draft


def address(study: Study, rest: str = "") -> str:
    return f"/api/v1/studies/{study.slug}/graphs/{rest}"


# pulling


@pytest.mark.parametrize("form", ["folkmoot", "mge", "node-link", "graphml", "csv"])
def test_a_snapshot_that_was_tampered_with_is_not_served(
    study: Study, published: GraphSnapshot, client_of: ClientOf, form: str
) -> None:
    with erasing():
        GraphSnapshot.objects.update(body=published.body.replace("Letting go", "Holding on"))
    answer = client_of(None).get(address(study, f"latest/?export={form}"))
    assert answer.status_code == 500 and answer.json()["type"] == "/problems/damaged"


def test_anyone_may_pull_what_is_published_and_its_bytes_have_the_hash(
    study: Study, published: GraphSnapshot, client_of: ClientOf
) -> None:
    answer = client_of(None).get(address(study, "latest/"))
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == published.sha256
    assert answer["ETag"] == f'"sha256:{published.sha256}"'
    assert "Last-Modified" in answer and answer["X-Graph-Number"] == "1"


def test_a_pull_with_the_etag_costs_no_body(study: Study, published: GraphSnapshot, client_of: ClientOf) -> None:
    client = client_of(None)
    tag = client.get(address(study, "latest/"))["ETag"]
    answer = client.get(address(study, "latest/"), headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_form_has_an_etag_of_its_own(study: Study, published: GraphSnapshot, client_of: ClientOf) -> None:
    client = client_of(None)
    tag = client.get(address(study, "latest/?export=mge"))["ETag"]
    assert client.get(address(study, "latest/?export=mge"), headers={"If-None-Match": tag}).status_code == 304
    assert client.get(address(study, "latest/"), headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("form", ["folkmoot", "mge", "node-link", "graphml", "csv"])
def test_every_form_can_be_pulled_whatever_the_reader_accepts(
    study: Study, published: GraphSnapshot, client_of: ClientOf, form: str
) -> None:
    answer = client_of(None).get(address(study, f"latest/?export={form}"), headers={"Accept": "text/csv"})
    assert answer.status_code == 200 and answer.content


def test_the_published_form_has_edges(study: Study, published: GraphSnapshot, client_of: ClientOf) -> None:
    assert len(client_of(None).get(address(study, "latest/?export=mge")).json()["edges"]) == 1


def test_an_unknown_form_is_a_problem_that_names_the_known(
    study: Study, published: GraphSnapshot, client_of: ClientOf
) -> None:
    answer = client_of(None).get(address(study, "latest/?export=docx"))
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["detail"] == "Choose one of: csv, folkmoot, graphml, mge, node-link."


def test_a_snapshot_is_found_by_number_and_by_id(study: Study, published: GraphSnapshot, client_of: ClientOf) -> None:
    answers = [client_of(None).get(address(study, f"{name}/")) for name in ("1", published.id, "latest")]
    assert len({answer.content for answer in answers}) == 1
    assert "immutable" in answers[0]["Cache-Control"] and "immutable" not in answers[2]["Cache-Control"]


def test_latest_is_the_newest_published_one(
    study: Study, published: GraphSnapshot, pair: list[CanonicalValue], crowd: Crowd, client_of: ClientOf
) -> None:
    crowd(1, *pair)
    newer = build_graph(study)
    assert client_of(None).get(address(study, "latest/"))["X-Graph-Number"] == "1"
    publish(newer)
    assert client_of(None).get(address(study, "latest/"))["X-Graph-Number"] == "2"


@pytest.mark.parametrize("name", ["2", "99999999999999999999", "٣", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_what_is_not_there_is_a_404(study: Study, published: GraphSnapshot, client_of: ClientOf, name: str) -> None:
    answer = client_of(None).get(address(study, f"{name}/"))
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_draft_is_seen_by_those_who_run_the_study_and_by_nobody_else(
    study: Study,
    draft: GraphSnapshot,
    client_of: ClientOf,
    facilitator: User,
    viewer: User,
    stranger: User,
    participant: Participant,
) -> None:
    status = {
        name: client_of(actor).get(address(study, "1/")).status_code
        for name, actor in [
            ("facilitator", facilitator),
            ("viewer", viewer),
            ("stranger", stranger),
            ("participant", participant),
            ("nobody", None),
        ]
    }
    assert status == {"facilitator": 200, "viewer": 200, "stranger": 404, "participant": 404, "nobody": 404}
    assert client_of(facilitator).get(address(study, "1/"))["Cache-Control"] == "private, no-cache"
    assert client_of(facilitator).get(address(study, "latest/")).status_code == 404, "nothing is published"


def test_a_graph_is_not_found_under_another_study(
    other_study: Study, published: GraphSnapshot, client_of: ClientOf
) -> None:
    assert client_of(None).get(address(other_study, f"{published.id}/")).status_code == 404


# listing


def test_the_list_holds_what_the_caller_may_see(
    study: Study, published: GraphSnapshot, client_of: ClientOf, facilitator: User
) -> None:
    build_graph(study, mode="mge-2023")
    everyone = client_of(None).get(address(study)).json()
    assert set(everyone) == {"count", "next", "previous", "results"}
    assert [row["number"] for row in everyone["results"]] == [1]
    assert everyone["results"][0]["sha256"] == published.sha256
    assert [row["number"] for row in client_of(facilitator).get(address(study)).json()["results"]] == [2, 1]
    chosen = client_of(facilitator).get(address(study, "?mode=mge-2023")).json()
    assert [row["number"] for row in chosen["results"]] == [2]


def test_a_study_that_one_may_not_see_has_no_list(study: Study, draft: GraphSnapshot, client_of: ClientOf) -> None:
    assert client_of(None).get(address(study)).status_code == 404


def test_the_list_costs_the_same_for_any_number_of_graphs(
    study: Study, published: GraphSnapshot, client_of: ClientOf, facilitator: User, django_assert_max_num_queries: Any
) -> None:
    for seed in range(1, 6):
        build_graph(study, seed=seed)
    client = client_of(facilitator)
    with django_assert_max_num_queries(8):
        assert client.get(address(study)).json()["count"] == 6


def test_beside_a_snapshot_stands_how_stale_it_is(
    study: Study, published: GraphSnapshot, pair: list[CanonicalValue], crowd: Crowd, client_of: ClientOf
) -> None:
    crowd(3, *pair)
    about = client_of(None).get(address(study, "1/about/")).json()
    assert about["waiting_votes"] == 3
    assert about["rules"]["min_voters"] == 5 and about["published_at"]


# building


def test_building_is_a_job_whose_result_is_the_snapshot(
    study: Study, pair: list[CanonicalValue], crowd: Crowd, client_of: ClientOf, facilitator: User
) -> None:
    crowd(9, *pair)
    answer = client_of(facilitator).post(address(study), {"mode": "mge-2023", "seed": 3, "publish": True})
    assert answer.status_code == 202
    assert answer["Location"].endswith(f"/api/v1/jobs/{answer.json()['id']}/")
    perform(answer.json()["id"], build_moral_graph.work)
    job = Job.objects.get()
    assert (job.state, job.error) == ("done", "")
    assert job.result is not None
    pulled = client_of(None).get(job.result["url"])
    assert hashlib.sha256(pulled.content).hexdigest() == job.result["sha256"]
    assert json.loads(pulled.content)["seed"] == 3


def test_the_task_run_twice_makes_one_snapshot(
    study: Study, pair: list[CanonicalValue], crowd: Crowd, client_of: ClientOf, facilitator: User
) -> None:
    crowd(9, *pair)
    for _ in range(2):
        perform(client_of(facilitator).post(address(study), {}).json()["id"], build_moral_graph.work)
    assert (Job.objects.filter(state="done").count(), GraphSnapshot.objects.count()) == (2, 1)


def test_asking_twice_while_it_waits_is_one_job(
    study: Study, draft: GraphSnapshot, client_of: ClientOf, facilitator: User
) -> None:
    first, second = (client_of(facilitator).post(address(study), {"seed": 1}).json()["id"] for _ in range(2))
    assert first == second


def test_a_study_without_votes_fails_its_job_with_a_plain_reason(
    study: Study, client_of: ClientOf, facilitator: User
) -> None:
    perform(client_of(facilitator).post(address(study), {}).json()["id"], build_moral_graph.work)
    job = Job.objects.get()
    assert (job.state, job.error) == ("failed", "There is no vote to count here, so there is no graph to build.")
    assert not GraphSnapshot.objects.exists()


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("mode", "best"),
        ("seed", -1),
        ("seed", "many"),
        ("seed", 2**32),
        ("before", "soon"),
        ("context", "When it rains"),
        ("context", "\x00"),
        ("question", "77"),
        ("group", "party=left"),
    ],
)
def test_bad_options_are_refused_before_any_job(
    study: Study, draft: GraphSnapshot, client_of: ClientOf, facilitator: User, field: str, given: Any
) -> None:
    answer = client_of(facilitator).post(address(study), {field: given})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Job.objects.exists()


def test_only_those_who_may_change_the_study_build_and_publish(
    study: Study, published: GraphSnapshot, client_of: ClientOf, viewer: User, stranger: User, participant: Participant
) -> None:
    for actor, status in ((viewer, 404), (stranger, 404), (participant, 403), (None, 403)):
        refused = {client_of(actor).post(address(study, rest), {}).status_code for rest in ("", "1/publish/")}
        assert refused <= {status, 401}, actor


def test_publishing_lists_a_snapshot_to_everyone_and_again_changes_nothing(
    study: Study, draft: GraphSnapshot, client_of: ClientOf, facilitator: User
) -> None:
    client = client_of(facilitator)
    first = client.post(address(study, "1/publish/")).json()
    assert first["published_at"] and first["sha256"] == draft.sha256
    assert client.post(address(study, "1/publish/")).json() == first
    assert client_of(None).get(address(study)).json()["count"] == 1


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_snapshot_cannot_be_changed(
    study: Study, published: GraphSnapshot, client_of: ClientOf, facilitator: User, method: str
) -> None:
    assert getattr(client_of(facilitator), method)(address(study, "1/"), {}).status_code == 405


def test_a_moment_may_be_given_in_any_zone(
    study: Study, draft: GraphSnapshot, client_of: ClientOf, facilitator: User
) -> None:
    now = timezone.now().isoformat()
    perform(client_of(facilitator).post(address(study), {"before": now}).json()["id"], build_moral_graph.work)
    assert GraphSnapshot.objects.order_by("number").last().filters["before"].endswith("Z")  # type: ignore[union-attr]


# which value is wiser


def test_of_two_values_the_wiser_one_is_told_with_the_arrows_that_say_so(
    study: Study, published: GraphSnapshot, client_of: ClientOf
) -> None:
    found = client_of(None).get(address(study, "latest/compare/?a=2&b=1")).json()
    assert (found["a"], found["relation"], found["down"]) == ({"number": 2, "title": "Letting go"}, "wiser", [])
    assert [(arrow["from"]["number"], arrow["to"]["number"]) for arrow in found["up"]] == [(1, 2)]
    assert found["up"][0]["counts"]["wiser"] == 9


def test_values_that_no_arrows_join_are_incomparable_and_all_of_them_may_be_maximal(
    study: Study, pair: list[CanonicalValue], crowd: Crowd, client_of: ClientOf
) -> None:
    others = [value_in(study, title="Being useful"), value_in(study, title="Being kind")]
    crowd(9, *pair)
    crowd(9, *others)
    publish(build_graph(study))
    client = client_of(None)
    assert client.get(address(study, "latest/compare/?a=2&b=4")).json()["relation"] == "incomparable"
    wisest = client.get(address(study, "latest/order/")).json()["maximal"]
    assert [[value["title"] for value in values] for values in wisest] == [["Letting go"], ["Being kind"]]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("a=2", "`a` and `b`"),
        ("a=2&b=nonsense", "whole number"),
        ("a=2&b=-1", "whole number"),
        ("a=2&b=99999999999", "whole number"),
        ("a=2&b=77", "no value 77"),
        ("a=2&b=1&context=home", "Choose from: a, b"),
    ],
)
def test_what_is_no_pair_of_values_is_told(
    study: Study, published: GraphSnapshot, client_of: ClientOf, query: str, told: str
) -> None:
    answer = client_of(None).get(address(study, f"latest/compare/?{query}"))
    assert answer.status_code == 400 and told in answer.json()["detail"]


# what changed


def test_what_changed_between_two_snapshots_is_told_with_the_reason(
    study: Study, published: GraphSnapshot, pair: list[CanonicalValue], crowd: Crowd, client_of: ClientOf
) -> None:
    crowd(9, pair[1], value_in(study, title="Letting go together"))
    publish(build_graph(study))
    told = client_of(None).get(address(study, "2/diff/1/")).json()
    assert (told["from"], told["to"]) == (1, 2)
    assert [(row["from"]["number"], row["to"]["number"], row["reason"]) for row in told["gained"]] == [(2, 3, "")]
    assert told["because"]["votes"] == {"was": 9, "now": 18} and told["because"]["rules"] == {}
    assert [row["now"]["title"] for row in told["winners"] if row["context"] is None] == ["Letting go together"]


def test_a_draft_is_compared_with_nothing_by_those_who_may_not_see_it(
    study: Study, published: GraphSnapshot, pair: list[CanonicalValue], crowd: Crowd, client_of: ClientOf
) -> None:
    crowd(1, *pair)
    build_graph(study)
    assert client_of(None).get(address(study, "1/diff/2/")).status_code == 404
    assert client_of(None).get(address(study, "2/diff/1/")).status_code == 404
