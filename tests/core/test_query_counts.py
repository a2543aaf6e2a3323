"""A list asks the database as often for many rows as for few. A list that is not here fails the build."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from constitutions.models import Constitution, ConstitutionVersion, Extraction, Webhook
from core import api_keys
from core.canonical import canonical_bytes, sha256_of
from core.models import Job, User
from core.numbers import next_number
from elicitation import interviews
from elicitation.models import (
    Annotation,
    Annotator,
    Comparison,
    Context,
    Dataset,
    Draw,
    DrawItem,
    Endorsement,
    Participant,
    Study,
    StudyMembership,
    VerificationAnswer,
    WisdomVote,
)  # fmt: skip
from graphs.models import GraphPublication, GraphSnapshot
from reports.models import Report
from tests.core.test_access_matrix import API
from tests.people import client_for, join, make_study, story_between, value_in

pytestmark = pytest.mark.django_db

BODY = {
    "principles": [{"id": 1, "evidence": {"votes": 0, "comparisons": 0}}],
    "comparisons": {"annotations": 0},
    "licence": "CC-BY-4.0",
}  # fmt: skip


class World:
    """A study with its team, its dataset and someone who takes part, that grows by one row at a time."""

    def __init__(self, study: Study, facilitator: User, context: Context, participant: Participant) -> None:
        self.study, self.facilitator, self.context, self.participant = study, facilitator, context, participant
        self.dataset = Dataset.objects.create(slug="set", title="Set", study=study)
        self.constitution = Constitution.objects.create(slug="rules", title="Rules", study=study)
        self.values = [value_in(study, title=f"Value {number}") for number in range(2)]
        self.webhook = Webhook.objects.create(study=study, url="https://moot.example/", sealed_secret=b"")
        self.story = story_between(study, self.values[0], self.values[1], context)

    def number(self, model: Any, **within: Any) -> int:
        return next_number(model, **within)

    def add_study(self) -> None:
        study = make_study(f"s{Study.objects.count()}", "One more")
        Study.objects.filter(id=study.id).update(is_listed=True)

    def add_vote(self) -> None:
        person = join(self.study)
        WisdomVote.objects.create(
            study=self.study, participant=person, story=self.story, from_value=self.values[0],
            to_value=self.values[1], context=self.context, answer="upgrade", voted_at=timezone.now(),
        )  # fmt: skip
        Endorsement.objects.create(participant=person, value=self.values[0], answer="agree")

    def add_verification(self) -> None:
        VerificationAnswer.objects.create(
            study=self.study, participant=join(self.study), kind="same_card", answer="same", value=self.values[0]
        )

    def add_draw(self) -> None:
        now = timezone.now()
        picks = Draw.objects.create(participant=self.participant, kind=Draw.Kind.PICKS, completed_at=now)
        stories = Draw.objects.create(participant=self.participant, kind=Draw.Kind.STORIES, completed_at=now)
        for position in range(2):
            value = value_in(self.study)
            picks.exposures.create(position=position, value=value)
            story = story_between(self.study, value, self.values[0], self.context)
            DrawItem.objects.create(draw=stories, position=position, story=story)

    def add_comparison(self) -> None:
        number = self.number(Comparison, dataset=self.dataset)
        comparison = Comparison.objects.create(dataset=self.dataset, number=number, text_a="a", text_b="b")
        for name in ("p1", "p2"):
            annotator, _made = Annotator.objects.get_or_create(
                dataset=self.dataset, source_id=name, defaults={"kind": "human", "number": int(name[1])}
            )
            Annotation.objects.create(comparison=comparison, annotator=annotator, answer="a")

    def add_graph(self) -> None:
        number = self.number(GraphSnapshot, study=self.study)
        counts = dict.fromkeys(("vote_count", "voter_count", "value_count", "edge_count"), 0)
        hashes = {"sha256": sha256_of({}), "inputs_sha256": str(number)}
        snapshot = GraphSnapshot.objects.create(
            study=self.study, number=number, mode="robust", body="{}\n", **hashes, **counts
        )
        GraphPublication.objects.create(snapshot=snapshot)

    def add_constitution(self) -> None:
        slug = f"c{Constitution.objects.count()}"
        self.add_version(Constitution.objects.create(slug=slug, title=slug, study=self.study))

    def add_version(self, constitution: Constitution | None = None) -> None:
        constitution = constitution or self.constitution
        text = canonical_bytes(BODY).decode()
        count = Extraction.objects.count()
        extraction = Extraction.objects.create(
            dataset=self.dataset, study=self.study, body=text, sha256=sha256_of(BODY), inputs_sha256=str(count)
        )
        ConstitutionVersion.objects.create(
            constitution=constitution, number=constitution.versions.count() + 1, parent=constitution.versions.first(),
            extraction=extraction, body=text, sha256=sha256_of(BODY),
        )  # fmt: skip

    def add_member(self) -> None:
        user = User.objects.create_user(f"u{User.objects.count()}@moot.example")
        StudyMembership.objects.create(study=self.study, user=user, role=StudyMembership.Role.VIEWER)

    def add_dataset(self) -> None:
        slug = f"d{Dataset.objects.count()}"
        Dataset.objects.create(slug=slug, title=slug, owner=self.facilitator)

    def add_interview(self) -> None:
        interview = interviews.begin_interview(self.participant, self.study.questions.get(), llm=None)
        interviews.add_turn(interview, "Yes, with my uncle.", llm=None)
        interviews.end_talk(interview)
        type(interview).objects.filter(id=interview.id).update(state="left")

    def add_report(self) -> None:
        Report.objects.create(kind="funnel", study=self.study, body="{}")

    def add_job(self) -> None:
        count = Job.objects.count()
        Job.objects.create(kind="graphs.build", inputs_sha256=str(count), scope_key=self.study.scope_key)

    def add_webhook(self) -> None:
        Webhook.objects.create(study=self.study, url="https://moot.example/", sealed_secret=b"")

    def add_delivery(self) -> None:
        self.webhook.deliveries.create(body="{}")

    def add_key(self) -> None:
        api_keys.make_key(self.facilitator, "key", ["read"])


GROW: dict[str, Callable[[World], None]] = {
    "jobs/": World.add_job,
    "keys/": World.add_key,
    "studies/": World.add_study,
    "studies/<slug:slug>/members/": World.add_member,
    "interviews/": World.add_interview,
    "studies/<slug:slug>/values/": World.add_draw,
    "studies/<slug:slug>/endorsements/": World.add_vote,
    "studies/<slug:slug>/draws/": World.add_draw,
    "studies/<slug:slug>/draws/all/": World.add_draw,
    "studies/<slug:slug>/votes/": World.add_vote,
    "studies/<slug:slug>/verification/": World.add_verification,
    "studies/<slug:slug>/comparisons/": World.add_comparison,
    "datasets/": World.add_dataset,
    "datasets/<slug:slug>/comparisons/": World.add_comparison,
    "studies/<slug:slug>/graphs/": World.add_graph,
    "constitutions/": World.add_constitution,
    "webhooks/": World.add_webhook,
    "webhooks/<uuid:pk>/deliveries/": World.add_delivery,
    "reports/": World.add_report,
}
# Each version is held against what stands behind it, so that it says so when someone took theirs back.
CHECKED_ONE_BY_ONE = {"constitutions/<slug:slug>/versions/"}
OWN = ("interviews/", "studies/<slug:slug>/draws/")


@pytest.fixture
def world(study: Study, facilitator: User, context: Context, participant: Participant) -> World:
    return World(study, facilitator, context, participant)


def test_every_list_is_here() -> None:
    assert {route for route, view in API.items() if hasattr(view.cls, "list")} == set(GROW) | CHECKED_ONE_BY_ONE


@pytest.mark.parametrize("route", GROW)
def test_a_list_asks_as_often_for_many_rows_as_for_few(world: World, route: str) -> None:
    slug = {"datasets/": "set", "constitutions/": "rules"}.get(route.partition("<")[0], world.study.slug)
    path = "/api/v1/" + route.replace("<slug:slug>", slug).replace("<uuid:pk>", str(world.webhook.id))
    client = client_for(world.participant if route in OWN else world.facilitator)
    asked = []
    for rows in (2, 6):
        for _row in range(rows):
            GROW[route](world)
        client.get(path)  # what is noticed and noted once is not counted
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(path)
        assert answer.status_code == 200, answer.content
        asked.append((len(queries), [query["sql"][:300] for query in queries.captured_queries]))
    few, many = asked
    assert many[0] <= few[0], "\n".join(many[1][few[0] :])


def test_a_pull_of_what_is_not_new_asks_little(world: World) -> None:
    world.add_graph()
    world.add_version()
    client = client_for(None)
    for path, most in (("studies/letting-go/graphs/latest/", 1), ("constitutions/rules/latest/", 4)):
        etag = client.get(f"/api/v1/{path}")["ETag"]
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/api/v1/{path}", headers={"If-None-Match": etag}).status_code == 304
        assert len(queries) <= most, [query["sql"] for query in queries.captured_queries]
