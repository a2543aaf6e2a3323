"""Studies: from a template to open without code, and shared with others."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from rest_framework.test import APIClient

from core import api_keys
from core.models import SignInCode, User
from core.problems import Conflict, Problem
from elicitation import studies
from elicitation.candidates import add_candidates
from elicitation.models import Interview, Participant, Study, StudyMembership
from elicitation.studies import AskedQuestion
from elicitation.study_settings import settings_of
from tests.people import Actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(facilitator: User) -> Study:
    return studies.create_study(
        facilitator, template="assistant", title="Advice in hard moments", consent="We keep it."
    )


@pytest.mark.parametrize("template", list(studies.TEMPLATES))
def test_every_template_lacks_nothing_but_a_consent_text(facilitator: User, template: str) -> None:
    study = studies.create_study(facilitator, template=template, title="A study")
    assert study.state == "draft"
    if template == "judge":
        add_candidates(study, prompt="Is it late?", texts=["Yes.", "It is half past nine."])
    assert ["consent" in line for line in studies.missing_before_opening(study)] == [True]
    studies.set_consent_text(study, "We keep your talk for a year.")
    studies.open_study(study)
    assert study.state == "open" and study.opened_at


def test_whoever_makes_a_study_owns_it(draft: Study, facilitator: User) -> None:
    assert draft.memberships.get().role == "owner"
    assert draft.slug == "advice-in-hard-moments"


def test_addresses_are_unique(draft: Study, facilitator: User) -> None:
    again = studies.create_study(facilitator, template="assistant", title="Advice in hard moments")
    assert again.slug == "advice-in-hard-moments-2"
    with pytest.raises(ValidationError, match="address"):
        studies.create_study(facilitator, template="town", title="x", slug=draft.slug)


@pytest.mark.parametrize("slug", ["Has Spaces", "Upper", "a/b", "x" * 61, "ü"])
def test_an_address_that_cannot_be_one_is_refused(facilitator: User, slug: str) -> None:
    with pytest.raises(ValidationError):
        studies.create_study(facilitator, template="town", title="x", slug=slug)


def test_a_title_without_latin_letters_still_gets_an_address(facilitator: User) -> None:
    assert studies.create_study(facilitator, template="town", title="市民の声").slug == "study"


@pytest.mark.parametrize(
    "settings",
    [{"turn_budget": 2}, {"turn_budget": "many"}, {"nonsense": 1}, {"withdraw_until": "soon"}, {"demographics": [{}]}],
)
def test_settings_that_cannot_be_are_named_and_change_nothing(draft: Study, settings: dict[str, object]) -> None:
    before = draft.settings
    with pytest.raises(ValidationError) as caught:
        studies.update_settings(draft, settings)
    assert all(field.startswith(f"settings.{next(iter(settings))}") for field in caught.value.message_dict)
    draft.refresh_from_db()
    assert draft.settings == before


def test_a_setting_changes_alone(draft: Study) -> None:
    studies.update_settings(draft, {"turn_budget": 6})
    studies.update_settings(draft, {"contact": "moot@study.example"})
    assert (settings_of(draft).turn_budget, settings_of(draft).contact) == (6, "moot@study.example")


def test_a_changed_consent_text_is_a_new_version(draft: Study) -> None:
    assert studies.set_consent_text(draft, "We keep it.").version == 1
    assert studies.set_consent_text(draft, "We keep it for a year.").version == 2


def test_a_heavy_question_needs_a_help_text(draft: Study) -> None:
    studies.add_question(draft, AskedQuestion("My friend’s partner hurts her.", is_heavy=True))
    with pytest.raises(ValidationError, match="help text"):
        studies.open_study(draft)
    studies.update_settings(draft, {"help_text": "Call 0800 1."})
    studies.open_study(draft)


def test_advice_does_not_stand_in_the_way(draft: Study) -> None:
    studies.set_consent_text(
        draft,
        "Participation constitutes authorisation of indefinite institutional retention of pseudonymised material.",
    )
    advice = " ".join(studies.advice_before_opening(draft))
    assert all(word in advice for word in ("whom people can ask", "take everything back", "reads like age", "guide"))
    studies.open_study(draft)


def test_a_study_can_be_paused_opened_closed_and_opened_again(draft: Study) -> None:
    with pytest.raises(Conflict):
        studies.pause_study(draft)
    studies.open_study(draft)
    opened = draft.opened_at
    studies.pause_study(draft)
    studies.open_study(draft)
    studies.close_study(draft)
    assert draft.closed_at
    studies.open_study(draft)
    assert draft.opened_at == opened
    assert not draft.closed_at


def test_questions_get_every_context_and_contexts_every_question(draft: Study) -> None:
    question = studies.add_question(draft, AskedQuestion("And what of this?"))
    context = studies.add_context(draft, "When it rains")
    assert question.contexts.count() == draft.contexts.count() == context.questions.count()
    assert studies.add_context(draft, " When it rains ") == context


def test_a_question_that_was_talked_about_is_archived_not_changed(draft: Study) -> None:
    question = draft.questions.get(number=1)
    person = Participant.objects.create(study=draft, number=1)
    Interview.objects.create(participant=person, question=question, mode="guide")
    old = question.text
    new = studies.edit_question(question, AskedQuestion("Asked in another way?"))
    question.refresh_from_db()
    assert question.is_archived and question.text == old and new.number == 4


def test_an_invited_person_becomes_a_member_once(draft: Study, facilitator: User, stranger: User, viewer: User) -> None:
    code = studies.invite_member(draft, "facilitator", by=facilitator)
    assert studies.invitation_to(code.lower()) == (draft, "facilitator")
    assert studies.accept_invitation(stranger, code).role == "facilitator"
    with pytest.raises(Problem):
        studies.accept_invitation(viewer, code)
    assert code not in str(list(SignInCode.objects.values()))


def test_an_invitation_ends_after_a_week(draft: Study, facilitator: User, stranger: User) -> None:
    code = studies.invite_member(draft, "viewer", by=facilitator)
    SignInCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Problem):
        studies.accept_invitation(stranger, code)


def test_an_invitation_never_lowers_a_role(draft: Study, facilitator: User) -> None:
    code = studies.invite_member(draft, "viewer", by=facilitator)
    assert studies.accept_invitation(facilitator, code).role == "owner"


def test_ownership_is_not_given_away_and_viewers_invite_nobody(draft: Study, facilitator: User, viewer: User) -> None:
    with pytest.raises(ValidationError):
        studies.invite_member(draft, "owner", by=facilitator)
    StudyMembership.objects.create(study=draft, user=viewer, role="viewer")
    with pytest.raises(PermissionDenied):
        studies.invite_member(draft, "viewer", by=viewer)


# ---- over REST


def test_a_study_over_rest(facilitator: User, client_of: Callable[[Actor], APIClient]) -> None:
    client = client_of(facilitator)
    body = {"template": "assistant", "title": "Hard moments", "settings": {"turn_budget": 6}, "is_listed": True}
    made = client.post("/api/v1/studies/", body)
    assert made.status_code == 201 and len(made.data["missing"]) == 1
    url = f"/api/v1/studies/{made.data['slug']}/"
    assert client.post(f"{url}open/").status_code == 400
    questions = [{"number": 2, "text": "Changed?"}, {"text": "New?"}]
    changed = client.patch(url, {"consent": "We keep it.", "questions": questions, "contexts": ["When it rains"]}).data
    assert [q["number"] for q in changed["questions"]] == [2, 4]
    assert changed["contexts"][-1] == "When it rains" and changed["settings"]["turn_budget"] == 6
    assert client.post(f"{url}open/").data["state"] == "open"
    assert APIClient().get("/api/v1/studies/").data["results"][0]["slug"] == "hard-moments"


def test_what_everyone_sees_of_a_study_holds_no_completion_code(study: Study) -> None:
    studies.change_study(study, is_listed=True, settings={"completion_code": "FM-1"})
    shown = APIClient().get(f"/api/v1/studies/{study.slug}/")
    assert "FM-1" not in shown.content.decode() and shown.data["consent"]["version"] == 1


def test_drafts_are_seen_by_their_members_only(
    draft: Study, facilitator: User, stranger: User, client_of: Callable[[Actor], APIClient]
) -> None:
    url = f"/api/v1/studies/{draft.slug}/"
    assert client_of(facilitator).get(url).status_code == 200
    assert client_of(stranger).get(url).status_code == APIClient().get(url).status_code == 404


def test_a_viewer_changes_nothing(study: Study, viewer: User, client_of: Callable[[Actor], APIClient]) -> None:
    client, url = client_of(viewer), f"/api/v1/studies/{study.slug}/"
    assert client.get(url).status_code == 200
    assert client.patch(url, {"title": "Mine"}).status_code == client.post(f"{url}close/").status_code == 404
    study.refresh_from_db()
    assert (study.title, study.state) == ("Letting go", "open")


def test_a_reading_key_changes_nothing(
    study: Study, facilitator: User, client_of: Callable[[Actor], APIClient]
) -> None:
    _key, secret = api_keys.make_key(facilitator, "reader", ["read"])
    client, url = client_of(secret), f"/api/v1/studies/{study.slug}/"
    assert client.get(url).data["missing"] == []
    assert client.patch(url, {"title": "Mine"}).status_code == 403


def test_a_second_facilitator_over_rest(
    study: Study, facilitator: User, stranger: User, client_of: Callable[[Actor], APIClient]
) -> None:
    url = f"/api/v1/studies/{study.slug}/"
    code = client_of(facilitator).post(f"{url}invitations/", {"role": "facilitator"}).data["code"]
    accepted = client_of(stranger).post("/api/v1/invitations/", {"code": code})
    assert accepted.status_code == 201 and accepted.data["study"] == study.slug
    members = client_of(stranger).get(f"{url}members/").data["results"]
    assert [m["role"] for m in members] == ["owner", "viewer", "facilitator"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"template": "nonsense", "title": "x"},
        {"template": "town", "title": " "},
        {"template": "town", "title": "x", "questions": [{"text": ""}]},
        {"template": "town", "title": "x", "settings": {"nonsense": 1}},
        {"template": "town", "title": "x", "slug": "Not An Address"},
        {"template": "town", "title": "x", "language": "??"},
        [],
        "text",
    ],
)
def test_bad_studies_are_problems_and_make_nothing(
    facilitator: User, client_of: Callable[[Actor], APIClient], body: object
) -> None:
    response = client_of(facilitator).post("/api/v1/studies/", body)
    assert response.status_code == 400 and response["Content-Type"] == "application/problem+json"
    assert response.data["errors"] and not Study.objects.exists()
