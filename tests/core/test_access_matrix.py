"""Who may do what: every route of the API, every method, every role. A route that is not in the table fails the build.

What someone may not see is a 404, the same as what is not there. The table says for each role what is answered: IN (the
request is taken up: whatever is said to its empty body), 401, 403 or 404.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from constitutions.models import Constitution, PrincipleReview, ReviewItem, Webhook
from core import api_keys
from core.models import ApiKey, Job, User
from elicitation import cards, interviews, studies, withdrawal
from elicitation.models import Comparison, Dataset, Participant, Study, StudyMembership
from graphs.models import GraphSnapshot
from reports.models import Report
from tests.people import client_for, join, make_study, story_between, value_in

pytestmark = pytest.mark.django_db

IN = 200
ROLES = (
    "nobody", "participant", "other", "outsider", "left", "owner", "viewer", "stranger", "reader", "writer", "limited",
    "expired", "revoked",
)  # fmt: skip


def who(**status: int) -> dict[str, int]:
    """Return the answer for each role; a key that ended is told so everywhere, and one that is limited to another study sees
    what a stranger sees. `people`, `users` and `keys` stand for all. `left` took everything back."""
    groups = {
        "people": ("participant", "other", "outsider", "left"),
        "users": ("owner", "viewer", "stranger"),
        "keys": ("reader", "writer"),
    }
    answers = {"revoked": 401, "expired": 401}
    for name, code in status.items():
        answers |= dict.fromkeys(groups.get(name, (name,)), code)
    answers.setdefault("limited", answers["stranger"])
    assert set(answers) == set(ROLES)
    return answers


EVERYONE = who(nobody=IN, people=IN, users=IN, keys=IN)
ACCOUNT = who(nobody=401, people=403, users=IN, keys=IN)
ACCOUNT_CHANGE = ACCOUNT | {"reader": 403}
MAKES_NEW = ACCOUNT_CHANGE | {"limited": 403}
SIGNED_IN = who(nobody=401, people=403, users=IN, keys=403, limited=403)
RUNS = who(nobody=401, people=403, owner=IN, viewer=IN, stranger=404, keys=IN)
EDITS = RUNS | {"viewer": 404}
CHANGES = RUNS | {"viewer": 404, "reader": 403}
SEES = who(
    nobody=404, participant=IN, other=IN, left=IN, outsider=404, owner=IN, viewer=IN, stranger=404, keys=IN
)  # fmt: skip
UNPUBLISHED = SEES | {"participant": 404, "other": 404, "left": 404}
NOT_THERE = who(nobody=404, people=404, users=404, keys=404)
PERSON = who(nobody=401, people=IN, users=403, keys=403)
OWN = PERSON | {"other": 404, "outsider": 404, "left": 404}
TAKES_PART = PERSON | {"outsider": 404}
JOINS = EVERYONE | {"reader": 403, "writer": 403, "limited": 403}

MATRIX: dict[str, dict[str, dict[str, int]]] = {
    "": {"get": EVERYONE},
    "jobs/": {"get": ACCOUNT},
    "jobs/<uuid:pk>/": {"get": RUNS},
    "jobs/<uuid:pk>/cancel/": {"post": CHANGES},
    "jobs/<uuid:pk>/resume/": {"post": CHANGES},
    "keys/": {"get": SIGNED_IN, "post": SIGNED_IN},
    "keys/<uuid:pk>/": {
        "get": SIGNED_IN | {"viewer": 404, "stranger": 404},
        "delete": SIGNED_IN | {"viewer": 404, "stranger": 404},
    },
    "studies/": {"get": EVERYONE, "post": MAKES_NEW},
    "studies/<slug:slug>/": {"get": SEES, "patch": CHANGES},
    "studies/<slug:slug>/open/": {"post": CHANGES},
    "studies/<slug:slug>/pause/": {"post": CHANGES},
    "studies/<slug:slug>/close/": {"post": CHANGES},
    "studies/<slug:slug>/members/": {"get": RUNS},
    "studies/<slug:slug>/invitations/": {"post": CHANGES},
    "invitations/": {"post": MAKES_NEW},
    "studies/<slug:slug>/participants/": {"post": JOINS},
    "studies/<slug:slug>/participants/return/": {"post": EVERYONE},
    "participants/me/": {"get": PERSON, "patch": PERSON, "delete": PERSON},
    "participants/me/talk/": {"delete": PERSON},
    "participants/me/data/": {"get": PERSON},
    "participants/me/finish/": {"post": PERSON},
    "participants/me/verification/": {"get": PERSON, "post": PERSON},
    "studies/<slug:slug>/verification/": {"get": RUNS},
    "studies/<slug:slug>/verification/links/": {"post": CHANGES},
    "interviews/": {"get": PERSON, "post": PERSON},
    "interviews/<uuid:pk>/": {"get": OWN},
    "interviews/<uuid:pk>/turns/": {"post": OWN},
    "interviews/<uuid:pk>/end/": {"post": OWN},
    "interviews/<uuid:pk>/guide/": {"post": OWN},
    "interviews/<uuid:pk>/card/": {"get": OWN, "post": OWN, "put": OWN},
    "interviews/<uuid:pk>/card/revise/": {"post": OWN},
    "interviews/<uuid:pk>/card/confirm/": {"post": OWN},
    "studies/<slug:slug>/values/": {"get": RUNS},
    "studies/<slug:slug>/values/<int:number>/facets/": {"get": RUNS, "post": CHANGES, "put": CHANGES},
    "studies/<slug:slug>/values/<int:number>/facets/proposals/": {"post": CHANGES},
    "studies/<slug:slug>/endorsements/": {"get": RUNS, "post": TAKES_PART},
    "studies/<slug:slug>/draws/": {"get": TAKES_PART, "post": TAKES_PART},
    "studies/<slug:slug>/draws/all/": {"get": RUNS},
    "studies/<slug:slug>/votes/": {"get": RUNS, "post": TAKES_PART},
    "studies/<slug:slug>/comparisons/": {
        "get": RUNS | {"participant": IN, "other": IN, "left": IN, "outsider": 404},
        "post": CHANGES,
    },
    "studies/<slug:slug>/comparisons/of-values/": {"post": CHANGES},
    "studies/<slug:slug>/comparisons/of-principles/": {"post": CHANGES},
    "studies/<slug:slug>/comparisons/<int:number>/": {"get": TAKES_PART},
    "studies/<slug:slug>/comparisons/<int:number>/annotation/": {"put": TAKES_PART},
    "datasets/": {"get": EVERYONE},
    "datasets/<slug:slug>/": {"get": UNPUBLISHED},
    "datasets/<slug:slug>/comparisons/": {"get": UNPUBLISHED, "post": CHANGES},
    "datasets/<slug:slug>/download/": {"get": UNPUBLISHED},
    "studies/<slug:slug>/graphs/": {"get": SEES, "post": CHANGES},
    "studies/<slug:slug>/graphs/latest/": {"get": NOT_THERE},
    "studies/<slug:slug>/graphs/<str:graph>/": {"get": UNPUBLISHED},
    "studies/<slug:slug>/graphs/<str:graph>/about/": {"get": UNPUBLISHED},
    "studies/<slug:slug>/graphs/<str:graph>/compare/": {"get": UNPUBLISHED},
    "studies/<slug:slug>/graphs/<str:graph>/order/": {"get": UNPUBLISHED},
    "studies/<slug:slug>/graphs/<str:graph>/diff/<str:other>/": {"get": UNPUBLISHED},
    "studies/<slug:slug>/graphs/<str:graph>/publish/": {"post": CHANGES},
    "constitutions/": {"get": EVERYONE, "post": ACCOUNT_CHANGE},
    "constitutions/estimate/": {"post": ACCOUNT_CHANGE},
    "constitutions/<slug:slug>/": {"get": UNPUBLISHED},
    "constitutions/<slug:slug>/latest/": {"get": NOT_THERE},
    "constitutions/<slug:slug>/versions/": {"get": UNPUBLISHED},
    "constitutions/<slug:slug>/versions/<int:number>/": {"get": NOT_THERE},
    "constitutions/<slug:slug>/versions/<int:number>/ratification/": {"get": NOT_THERE},
    "constitutions/<slug:slug>/versions/<int:number>/approvals/": dict.fromkeys(
        ("get", "post"), who(nobody=401, people=404, users=403, keys=403)
    ),
    "studies/<slug:slug>/reviews/": {"get": RUNS, "post": CHANGES},
    "studies/<slug:slug>/reviews/<int:number>/": {"get": RUNS},
    "studies/<slug:slug>/reviews/<int:number>/close/": {"post": CHANGES},
    "studies/<slug:slug>/review-items/": {"get": TAKES_PART},
    "studies/<slug:slug>/review-items/<uuid:pk>/": {"put": TAKES_PART},
    "constitutions/<slug:slug>/versions/<int:number>/diff/<int:other>/": {"get": NOT_THERE},
    "constitutions/<slug:slug>/versions/<int:number>/principles/<int:principle>/evidence/": {"get": NOT_THERE},
    "constitutions/<slug:slug>/versions/<int:number>/signature/": {"get": NOT_THERE},
    "signing-key/": {"get": EVERYONE},
    "signing-key/<str:key>/": {"get": NOT_THERE},
    "webhooks/": {"get": ACCOUNT, "post": ACCOUNT_CHANGE},
    "webhooks/<uuid:pk>/": {"get": EDITS, "patch": CHANGES, "delete": CHANGES},
    "webhooks/<uuid:pk>/test/": {"post": CHANGES},
    "webhooks/<uuid:pk>/deliveries/": {"get": EDITS},
    "reports/": {"get": ACCOUNT, "post": ACCOUNT_CHANGE},
    "reports/<uuid:pk>/": {"get": RUNS},
    "schema/": {"get": EVERYONE},
    "docs/": {"get": EVERYONE},
}
# Pages, by the beginning of their address: those of one study's team, those for accounts, and those for everyone. What
# everyone may open shows only what is published or one's own.
TEAM_PAGES = ("studies/<slug:slug>/",)
ACCOUNT_PAGES = ("studies/", "datasets/", "found/", "reports/", "jobs/", "account/")
OPEN_PAGES = ("back/", "check/", "developers/", "s/<slug:slug>/", "g/<slug:slug>/", "c/<slug:slug>/", "accounts/")


@dataclass
class World:
    """Things of one study, and those who ask for them."""

    actors: dict[str, Any]
    named: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def world(
    study: Study, other_study: Study, participant: Participant, other_participant: Participant,
    facilitator: User, viewer: User, stranger: User,
) -> World:  # fmt: skip
    keys = {name: api_keys.make_key(facilitator, name, scopes) for name, scopes in SCOPES.items()}
    api_keys.revoke(keys["revoked"][0])
    ApiKey.objects.filter(name="expired").update(expires_at=timezone.now())
    second = make_study("second", "The facilitator’s other study")
    StudyMembership.objects.create(study=second, user=facilitator, role=StudyMembership.Role.OWNER)
    ApiKey.objects.filter(name="limited").update(limited_to=second.scope_key)
    left = join(study)
    withdrawal.withdraw(left)
    interview = interviews.begin_interview(participant, study.questions.get(), llm=None)
    interviews.add_turn(interview, "Yes, with my uncle, a long time ago.", llm=None)
    cards.articulate_card(interview, llm=None)
    value_in(study, number=1)
    dataset = Dataset.objects.create(slug="set", title="Set", study=study)
    Comparison.objects.create(dataset=dataset, number=1, text_a="a", text_b="b")
    counts = dict.fromkeys(("vote_count", "voter_count", "value_count", "edge_count"), 0)
    hashes = {"sha256": hashlib.sha256(EMPTY_GRAPH.encode()).hexdigest(), "inputs_sha256": "0" * 64}
    GraphSnapshot.objects.create(study=study, number=1, mode="robust", body=EMPTY_GRAPH, **hashes, **counts)
    Constitution.objects.create(slug="rules", title="Rules", study=study)
    job = Job.objects.create(kind="graphs.build", inputs_sha256="0", scope_key=study.scope_key)
    report = Report.objects.create(kind="funnel", study=study, body="{}", sha256=hashlib.sha256(b"{}").hexdigest())
    review = PrincipleReview.objects.create(study=study, number=1, parameters={"seed": 0})
    item = ReviewItem.objects.create(review=review, number=1, source="people", text="Prefer the answer that listens.")
    webhook = Webhook.objects.create(study=study, url="https://moot.example/", sealed_secret=b"")
    actors = {
        "nobody": None, "participant": participant, "other": other_participant, "outsider": join(other_study), "left": left,
        "owner": facilitator, "viewer": viewer, "stranger": stranger,
    }  # fmt: skip
    named = {
        "interviews/": {"pk": interview.id}, "jobs/": {"pk": job.id}, "reports/": {"pk": report.id}, "webhooks/": {"pk": webhook.id},
        "keys/": {"pk": ApiKey.objects.get(name="reader").id}, "datasets/": {"slug": dataset.slug},
        "constitutions/": {"slug": "rules"}, "studies/": {"slug": study.slug, "pk": item.id},
    }  # fmt: skip
    return World(actors | {name: secret for name, (_key, secret) in keys.items()}, named)


SCOPES = {"reader": ["read"]} | {name: ["read", "write"] for name in ("writer", "limited", "expired", "revoked")}
EMPTY_GRAPH = '{"format":"folkmoot-graph/1","values":[],"edges":[],"dropped":[],"winners":[],"counts":{}}\n'
OTHERS = {
    "<int:number>": "1",
    "<int:other>": "1",
    "<int:principle>": "1",
    "<str:graph>": "1",
    "<str:key>": "1",
    "<str:other>": "1",
}


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every route of the site with its view."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path, pattern.callback
        else:
            yield from routes(pattern, path)


def methods(view: Any) -> set[str]:
    """Return which methods a view has."""
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return {name for name in ("get", "post", "put", "patch", "delete") if hasattr(cls, name)}


API = {path.removeprefix("api/v1/"): view for path, view in routes() if path.startswith("api/v1/")}


def test_every_route_of_the_api_is_in_the_table_with_every_method() -> None:
    found = {path: methods(view) for path, view in API.items()}
    assert found == {path: set(table) for path, table in MATRIX.items()}


SITE = [path for path, _view in routes() if path and not path.startswith(("api/", "^api/"))]


def test_every_page_is_for_someone_who_is_known() -> None:
    assert [path for path in SITE if not path.startswith(TEAM_PAGES + ACCOUNT_PAGES + OPEN_PAGES)] == []


@pytest.mark.parametrize("page", [path for path in SITE if path.startswith(TEAM_PAGES + ACCOUNT_PAGES)])
def test_pages_of_a_team_are_not_there_for_others_and_accounts_are_asked_to_sign_in(world: World, page: str) -> None:
    filled = re.sub(r"<uuid:\w+>", "00000000-0000-4000-8000-000000000000", page.replace("<slug:slug>", "letting-go"))
    path = "/" + re.sub(r"<\w+:\w+>", "1", filled)
    for role in ("nobody", "participant"):
        response = client_for(world.actors[role]).get(path)
        assert response.status_code == 302 and "/accounts/sign-in/" in response["Location"]
    if page.startswith(TEAM_PAGES):
        assert client_for(world.actors["stranger"]).get(path).status_code == 404


def address(route: str, world: World) -> str:
    path = "/api/v1/" + route
    for start, named in world.named.items():
        if route.startswith(start):
            for name, value in named.items():
                path = path.replace(f"<uuid:{name}>", str(value)).replace(f"<slug:{name}>", str(value))
    for slot, value in OTHERS.items():
        path = path.replace(slot, value)
    return path


def outcome(status: int) -> int:
    """Return 401, 403 or 404 as they are, and IN for what was taken up and answered."""
    return status if status in (401, 403, 404) or status >= 500 else IN


@pytest.mark.parametrize(
    ("route", "method"), [(route, method) for route, table in MATRIX.items() for method in table], ids=str
)
def test_each_role_gets_what_the_table_says(world: World, route: str, method: str) -> None:
    path, found = address(route, world), {}
    for role in ROLES:
        client = client_for(world.actors[role])
        client.raise_request_exception = False
        with transaction.atomic():
            found[role] = outcome(getattr(client, method)(path).status_code)
            transaction.set_rollback(True)
    assert found == MATRIX[route][method]


HIDDEN = [route for route, table in MATRIX.items() if table.get("get", EVERYONE)["stranger"] == 404]


@pytest.mark.parametrize("route", HIDDEN)
def test_what_is_not_ones_own_answers_as_what_is_not_there(world: World, route: str) -> None:
    client = client_for(world.actors["stranger"])
    path = address(route, world)
    hidden = client.get(path)
    missing = client.get(_elsewhere(path, world))
    assert hidden.status_code == missing.status_code == 404
    assert {**hidden.json(), "instance": ""} == {**missing.json(), "instance": ""}


def _elsewhere(path: str, world: World) -> str:
    for named in world.named.values():
        for value in named.values():
            text = str(value)
            path = path.replace(f"/{text}/", "/nowhere/" if "-" not in text or len(text) < 36 else f"/{text[:-4]}0000/")
    return path


def test_a_key_of_one_study_makes_no_dataset(world: World) -> None:
    file = SimpleUploadedFile("a.jsonl", b"{}")
    answer = client_for(world.actors["limited"]).post(
        "/api/v1/datasets/new/comparisons/", {"file": file}, format="multipart"
    )
    assert answer.status_code == 403 and not Dataset.objects.filter(slug="new").exists()


# What a body may name, and what belongs to the other study: each is answered as if it were not there, and does nothing.
FOREIGN = [
    ("owner", "post", "constitutions/", {"study": "another"}),
    ("owner", "post", "constitutions/", {"dataset": "foreign"}),
    ("owner", "post", "constitutions/estimate/", {"dataset": "foreign"}),
    ("owner", "post", "constitutions/", {"study": "letting-go", "dataset": "foreign"}),
    ("owner", "post", "reports/", {"kind": "funnel", "study": "another"}),
    ("owner", "post", "reports/", {"kind": "agreement", "dataset": "foreign"}),
    ("owner", "post", "keys/", {"name": "k", "scopes": ["read"], "limited_to": "STUDY"}),
    ("participant", "post", "interviews/", {"question": 7}),
    ("participant", "patch", "participants/me/", {"question": 7}),
    ("participant", "post", "studies/letting-go/votes/", {"story": 7, "answer": "upgrade"}),
    ("participant", "post", "studies/letting-go/endorsements/", {"picked": [7]}),
    ("participant", "put", "studies/letting-go/comparisons/7/annotation/", {"answer": "a"}),
    ("participant", "post", "studies/another/draws/", {"kind": "picks"}),
    ("owner", "post", "studies/letting-go/values/7/facets/", {"norm": {"labels": {"legal": "legal"}}}),
    ("owner", "put", "studies/letting-go/values/7/facets/", {"norm": 1, "state": "rejected"}),
    ("owner", "post", "studies/letting-go/values/7/facets/proposals/", {}),
]


@pytest.mark.parametrize(("role", "method", "path", "body"), FOREIGN, ids=str)
def test_what_belongs_to_others_is_not_there_inside_a_body_either(
    world: World, other_study: Study, role: str, method: str, path: str, body: dict[str, Any]
) -> None:
    foreign = Dataset.objects.create(slug="foreign", title="Foreign", study=other_study)
    Comparison.objects.create(dataset=foreign, number=7, text_a="a", text_b="b")
    other_study.questions.create(number=7, text="Asked elsewhere?")
    context = other_study.contexts.get(number=1)
    values = [value_in(other_study, number=number) for number in (7, 8)]
    story_between(other_study, values[0], values[1], context, number=7)
    body = {key: other_study.scope_key if value == "STUDY" else value for key, value in body.items()}
    before = Job.objects.count(), ApiKey.objects.count()
    answer = getattr(client_for(world.actors[role]), method)(f"/api/v1/{path}", body, format="json")
    assert answer.status_code in (400, 404) and (Job.objects.count(), ApiKey.objects.count()) == before


@pytest.mark.parametrize("name", ["open", "pause", "close"])
def test_a_session_changes_nothing_without_its_csrf_token(facilitator: User, study: Study, name: str) -> None:
    client = client_for(facilitator)
    client.handler.enforce_csrf_checks = True
    assert client.post(f"/api/v1/studies/{study.slug}/{name}/").status_code == 403
    study.refresh_from_db()
    assert study.state == "open" and studies.missing_before_opening(study) == []
