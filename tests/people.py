"""The small cast of the tests, and the few things they own. Every fixture here can be used anywhere."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import User
from core.numbers import next_number
from elicitation import participation, studies, values
from elicitation.models import (
    CanonicalValue,
    CardRevision,
    Context,
    Participant,
    Question,
    QuestionContext,
    Study,
    StudyMembership,
    UpgradeStory,
    ValuesCard,
)

Actor = User | Participant | str | None


@pytest.fixture
def facilitator(db: None) -> User:
    """Runs `study`, as its owner."""
    return User.objects.create_user("facilitator@moot.example", "correct horse battery staple")


@pytest.fixture
def viewer(db: None) -> User:
    """May look at `study`, and change nothing."""
    return User.objects.create_user("viewer@moot.example", "correct horse battery staple")


@pytest.fixture
def stranger(db: None) -> User:
    """Has an account and no part in `study`."""
    return User.objects.create_user("stranger@moot.example", "correct horse battery staple")


@pytest.fixture
def study(facilitator: User, viewer: User) -> Study:
    """An open study of one question and two contexts."""
    study = make_study("letting-go", "Letting go")
    StudyMembership.objects.create(study=study, user=facilitator, role=StudyMembership.Role.OWNER)
    StudyMembership.objects.create(study=study, user=viewer, role=StudyMembership.Role.VIEWER)
    return study


@pytest.fixture
def other_study(stranger: User) -> Study:
    """An open study that nobody of `study` has a part in; the stranger runs it."""
    study = make_study("another", "Another study")
    StudyMembership.objects.create(study=study, user=stranger, role=StudyMembership.Role.OWNER)
    return study


@pytest.fixture
def question(study: Study) -> Question:
    return study.questions.get(number=1)


@pytest.fixture
def context(study: Study) -> Context:
    return study.contexts.get(number=1)


@pytest.fixture
def participant(study: Study) -> Participant:
    """Agreed to take part in `study`, and to nothing about quotes."""
    return join(study)


@pytest.fixture
def other_participant(study: Study, participant: Participant) -> Participant:
    """Someone else in the same study."""
    return join(study)


@pytest.fixture
def client_of() -> Callable[[Actor], APIClient]:
    """Return a client that asks as a user, a participant, an API key's secret, or nobody (None)."""
    return client_for


@pytest.fixture
def make_card() -> Callable[..., ValuesCard]:
    """Make a person's card: `make_card(participant, title="Letting go", policies=["MOMENTS when …"], confirmed=True)`."""
    return card_of


@pytest.fixture
def make_value() -> Callable[..., CanonicalValue]:
    """Make a value that no card stands behind: `make_value(study, title="Care", policies=["SIGNS that …"])`."""
    return value_in


@pytest.fixture
def make_story() -> Callable[..., UpgradeStory]:
    """Make an approved upgrade story: `make_story(study, from_value, to_value, context)`."""
    return story_between


def make_study(slug: str, title: str, **settings: Any) -> Study:
    """Make an open study with a question, two contexts and a consent text."""
    study = Study.objects.create(
        slug=slug, title=title, state=Study.State.OPEN, opened_at=timezone.now(), settings=settings
    )
    asked = Question.objects.create(
        study=study, number=1, text="My father’s memory is going. He still wants to drive. Should I take his keys?"
    )
    for number, text in enumerate(["When someone loses a freedom", "When a family must decide"], start=1):
        context = Context.objects.create(study=study, number=number, text=text)
        QuestionContext.objects.create(question=asked, context=context, number=number)
    studies.set_consent_text(study, "We keep your talk for a year. You can take everything back.")
    return study


def join(study: Study, **options: Any) -> Participant:
    """Make a participant; its `token` and `return_code` are kept on the instance, for clients."""
    text = study.consent_texts.order_by("version").last()
    assert text is not None
    joined = participation.join(study, consent_text=text, **({"shows_quotes": False} | options))
    joined.participant.token = joined.token  # type: ignore[attr-defined]
    joined.participant.return_code = joined.return_code  # type: ignore[attr-defined]
    return joined.participant


def client_for(actor: Actor) -> APIClient:
    client = APIClient()
    if isinstance(actor, User):
        client.force_login(actor, backend="django.contrib.auth.backends.ModelBackend")
    elif isinstance(actor, Participant):
        token = getattr(actor, "token", "") or participation.new_return_code(actor).token
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        client.cookies["participant"] = token
    elif actor:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {actor}")
    return client


def card_of(
    participant: Participant,
    *,
    title: str = "Letting go together",
    policies: Sequence[str] = ("MOMENTS when someone can still choose the next step themselves",),
    confirmed: bool = True,
) -> ValuesCard:
    card = ValuesCard.objects.create(
        study=participant.study,
        participant=participant,
        question=participant.question,
        number=next_number(ValuesCard, study=participant.study),
        title=title,
        policies=[{"text": text, "quotes": []} for text in policies],
        origin=ValuesCard.Origin.PERSON,
        state=ValuesCard.State.CONFIRMED if confirmed else ValuesCard.State.DRAFT,
        confirmed_at=timezone.now() if confirmed else None,
        fidelity=5 if confirmed else None,
    )
    CardRevision.objects.create(card=card, number=1, author=card.origin, title=title, policies=card.policies)
    if confirmed:
        values.adopt_card(card)
    return card


def value_in(
    study: Study, *, title: str = "Care", policies: Sequence[str] = ("SIGNS that someone is not heard",), **fields: Any
) -> CanonicalValue:
    fields = {"number": next_number(CanonicalValue, study=study)} | fields
    return CanonicalValue.objects.create(study=study, title=title, policies=list(policies), **fields)


def story_between(
    study: Study, from_value: CanonicalValue, to_value: CanonicalValue, context: Context, **fields: Any
) -> UpgradeStory:
    number = next_number(UpgradeStory, study=study)
    fields = {"number": number, "origin": UpgradeStory.Origin.PAIR, "state": UpgradeStory.State.APPROVED} | fields
    return UpgradeStory.objects.create(
        study=study,
        from_value=from_value,
        to_value=to_value,
        context=context,
        **fields,
    )
