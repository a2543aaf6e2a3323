"""REST for what is said about a value, and values found by the labels of their norms."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from core.models import Job, User
from elicitation import facets
from elicitation.models import CanonicalValue, Consideration, Study
from tests.people import Actor, value_in

pytestmark = pytest.mark.django_db
ClientOf = Callable[[Actor], APIClient]
ADDRESS = "/api/v1/studies/letting-go/values/"
ONE = {"type": "right", "text": "Right to be heard", "relevance": 1, "supports": 1, "opposes": 0, "either": 0}
OTHER = {"type": "duty", "text": "Duty to decide", "relevance": 0.5, "supports": 0, "opposes": 1, "either": 0}


@pytest.fixture
def value(study: Study) -> CanonicalValue:
    return value_in(study)


@pytest.fixture
def client(client_of: ClientOf, facilitator: User) -> APIClient:
    return client_of(facilitator)


def send(client: APIClient, how: str, value: CanonicalValue, body: dict[str, Any]) -> Any:
    return getattr(client, how)(f"{ADDRESS}{value.number}/facets/", body, format="json")


def test_what_is_said_of_a_value_is_added_weighed_and_decided(client: APIClient, value: CanonicalValue) -> None:
    assert send(client, "post", value, {"consideration": ONE}).status_code == 201
    told = send(client, "post", value, {"consideration": OTHER}).json()
    assert told["decision"]["supports"] == pytest.approx(2 / 3)
    assert told["decision"]["entropy"] == pytest.approx(0.9183, abs=5e-5)
    told = send(client, "put", value, {"consideration": 2, "state": "rejected"}).json()
    assert told["decision"] == {"supports": 1, "opposes": 0, "either": 0, "entropy": 0}
    assert client.get(f"{ADDRESS}{value.number}/facets/").json() == told


def test_a_norm_is_added_with_its_labels(client: APIClient, value: CanonicalValue) -> None:
    labels = {"foundation": ["care-harm"], "legal": "legal", "judgement": 1}
    told = send(client, "post", value, {"norm": {"rule": "Care.", "labels": labels}}).json()["norms"][0]
    assert told["state"] == "confirmed" and told["labels"] | labels == told["labels"]
    assert told["labels"]["pressure"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"norm": {"labels": {"legal": "sort of"}}}, "norm.labels.legal"),
        ({"norm": {"labels": {"foundation": ["liberty"]}}}, "norm.labels.foundation.0"),
        ({"norm": {"labels": {}}}, "labels"),
        ({"consideration": ONE | {"type": "virtue"}}, "consideration.type"),
        ({"consideration": ONE | {"relevance": 2}}, "relevance"),
        ({"consideration": ONE | {"supports": "NaN"}}, "consideration.supports"),
        ({"consideration": ONE, "norm": {"labels": {"legal": "legal"}}}, ""),
        ({}, ""),
    ],
)
def test_what_can_not_be_used_is_a_400_that_names_the_field(
    client: APIClient, value: CanonicalValue, body: dict[str, Any], field: str
) -> None:
    answer = send(client, "post", value, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_only_rows_about_this_value_are_decided_here(client: APIClient, study: Study, value: CanonicalValue) -> None:
    send(client, "post", value_in(study, title="Patience"), {"consideration": ONE})
    assert send(client, "put", value, {"consideration": 1, "state": "rejected"}).status_code == 404
    assert send(client, "put", value, {"consideration": 1, "state": "perhaps"}).status_code == 400
    assert Consideration.objects.get().state == "confirmed"


def test_without_a_model_a_proposal_is_refused_and_says_so(client: APIClient, value: CanonicalValue) -> None:
    answer = client.post(f"{ADDRESS}{value.number}/facets/proposals/")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-model")
    assert not Job.objects.exists()


def test_with_a_model_a_proposal_is_work_in_the_background(
    client: APIClient, value: CanonicalValue, settings: Any
) -> None:
    settings.LLM_BASE_URL, settings.LLM_MODEL = "http://model.invalid/v1", "fake"
    answer = client.post(f"{ADDRESS}{value.number}/facets/proposals/")
    assert answer.status_code == 202
    assert Job.objects.get().inputs["values"] == [value.number]


def test_values_are_found_by_the_labels_of_their_norms(client: APIClient, study: Study, value: CanonicalValue) -> None:
    facets.add_norm(value, labels={"foundation": ["care-harm"], "legal": "legal", "judgement": -1})
    facets.add_norm(value_in(study, title="Patience"), labels={"foundation": ["care-harm"], "legal": "illegal"})

    def found(query: str) -> list[str]:
        return [row["title"] for row in client.get(f"{ADDRESS}?{query}").json()["results"]]

    assert found("foundation=care-harm") == ["Care", "Patience"]
    assert found("foundation=care-harm&legal=legal") == ["Care"] == found("judgement=-1")
    assert found("pressure=2") == []


@pytest.mark.parametrize("query", ["foundation=liberty", "legal=", "judgement=3", "foundations=care-harm"])
def test_a_label_that_there_is_not_is_a_400_that_names_it(client: APIClient, value: CanonicalValue, query: str) -> None:
    answer = client.get(f"{ADDRESS}?{query}")
    assert answer.status_code == 400 and query.partition("=")[0] in answer.json()["title"]
