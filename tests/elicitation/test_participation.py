"""Joining, coming back, and what is still to do."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from core.models import User
from core.problems import Conflict, Gone, Problem
from elicitation import participation, studies, withdrawal
from elicitation.models import Consent, Draw, Interview, Participant, Study
from tests.people import Actor, join, make_study

pytestmark = pytest.mark.django_db


def test_joining_stores_the_consent_with_its_text(participant: Participant) -> None:
    consent = participation.consent_of(participant)
    assert consent.text.version == 1 and consent.text_sha256 == consent.text.sha256
    assert not consent.shows_quotes


def test_the_database_holds_no_usable_secret(study: Study) -> None:
    person = join(study, outside_id="panel-5f3a")
    row = Participant.objects.filter(id=person.id).values().get()
    secrets = (person.token, person.return_code, "panel-5f3a")  # type: ignore[attr-defined]
    assert not any(secret in str(value) for value in row.values() for secret in secrets)


def test_nobody_joins_under_an_outdated_text(study: Study) -> None:
    old = study.consent_texts.get()
    studies.set_consent_text(study, "A new promise.")
    with pytest.raises(Conflict):
        participation.join(study, consent_text=old, shows_quotes=False)
    assert not Participant.objects.exists() and not Consent.objects.exists()


@pytest.mark.parametrize("state", ["draft", "paused", "closed"])
def test_a_study_that_is_not_open_takes_nobody(study: Study, state: str) -> None:
    Study.objects.update(state=state)
    study.refresh_from_db()
    assert not participation.open_invitation(study).is_open
    with pytest.raises(Problem):
        join(study)


def test_a_facilitator_can_try_a_draft(study: Study) -> None:
    Study.objects.update(state="draft")
    preview = join(study, is_preview=True)
    participation.must_be_open(preview)
    assert Participant.objects.counted(study).count() == 0


def test_a_full_study_takes_nobody_more_but_previews() -> None:
    study = make_study("small", "Small", most_participants=1)
    join(study)
    assert "Enough people" in participation.open_invitation(study).why_not
    with pytest.raises(Problem, match="Thank you"):
        join(study)
    join(study, is_preview=True)


def test_one_outside_id_joins_once_in_a_study(study: Study, other_study: Study) -> None:
    first = join(study, outside_id="panel-1")
    with pytest.raises(Conflict, match="return code"):
        join(study, outside_id=" panel-1 ")
    elsewhere = join(other_study, outside_id="panel-1")
    assert first.outside_digest != elsewhere.outside_digest


def test_after_the_key_is_deleted_outside_ids_cannot_be_linked(study: Study) -> None:
    before = join(study, outside_id="panel-1").outside_digest
    studies.forget_outside_ids(study)
    assert join(study, outside_id="panel-1").outside_digest != before
    assert Participant.objects.filter(outside_digest=before).count() == 0


def test_a_return_code_opens_the_same_answers_on_another_device(participant: Participant) -> None:
    written = participant.return_code.lower().replace("-", " ")  # type: ignore[attr-defined]
    joined = participation.by_return_code(participant.study, f" {written} ")
    assert joined.participant == participant
    assert participation.by_token(joined.token) == participation.by_token(participant.token)  # type: ignore[attr-defined]


def test_a_return_code_belongs_to_its_study(participant: Participant, other_study: Study) -> None:
    with pytest.raises(Problem):
        participation.by_return_code(other_study, participant.return_code)  # type: ignore[attr-defined]
    assert participation.by_return_code(None, participant.return_code).participant == participant  # type: ignore[attr-defined]


@pytest.mark.parametrize("written", ["", "----", "AAAA-BBBB-CCCC", "x" * 59])
def test_an_unknown_code_opens_nothing(participant: Participant, written: str) -> None:
    with pytest.raises(Problem):
        participation.by_return_code(participant.study, written)


def test_a_new_code_ends_the_old_one_on_every_device(participant: Participant) -> None:
    fresh = participation.new_return_code(participant)
    assert participation.by_token(participant.token) is None  # type: ignore[attr-defined]
    assert participation.by_token(fresh.token) == participant


@pytest.mark.parametrize("token", ["", "fm_part_", "fm_part_nonsense", "fm_live_x"])
def test_other_tokens_are_nobodys(participant: Participant, token: str) -> None:
    assert participation.by_token(token) is None


def test_a_choice_about_quotes_can_change_and_both_stay_on_record(participant: Participant) -> None:
    participation.set_quotes_shown(participant, True)
    participation.set_quotes_shown(participant, True)
    assert participation.consent_of(participant).shows_quotes
    assert list(participant.consents.values_list("shows_quotes", flat=True)) == [False, True]


def test_nothing_is_taken_from_someone_who_never_agreed(study: Study) -> None:
    person = Participant.objects.create(study=study, number=99)
    with pytest.raises(Problem, match="before you agree"):
        participation.must_be_open(person)


def test_nothing_is_taken_from_someone_who_left(participant: Participant) -> None:
    stale = Participant.objects.get(id=participant.id)
    withdrawal.withdraw(participant)
    with pytest.raises(Gone):
        participation.save_demographics(stale, {})


@pytest.fixture
def asking() -> Study:
    field = {"key": "age", "label": "Your age", "choices": ["under 30", "30 or over"]}
    return make_study("asking", "Asking", demographics=[field])


def test_facts_about_oneself_are_choices_or_not_said(asking: Study) -> None:
    person = join(asking)
    assert participation.next_step(person) == "demographics"
    participation.save_demographics(person, {"age": "prefer_not_to_say"})
    assert participation.next_step(person) == "question"


@pytest.mark.parametrize("answers", [{"age": "31"}, {"party": "x"}])
def test_other_facts_are_refused(asking: Study, answers: dict[str, str]) -> None:
    person = join(asking)
    with pytest.raises(ValidationError):
        participation.save_demographics(person, answers)
    assert Participant.objects.get(id=person.id).demographics_at is None


def test_only_the_studys_own_questions_can_be_chosen(participant: Participant, other_study: Study) -> None:
    with pytest.raises(ValidationError):
        participation.choose_question(participant, other_study.questions.get())


@pytest.mark.parametrize("answers", [{"fair": 0}, {"fair": 6}, {"nonsense": 3}])
def test_exit_answers_are_one_to_five_to_the_studys_questions(
    participant: Participant, answers: dict[str, int]
) -> None:
    with pytest.raises(ValidationError):
        participation.save_exit_answers(participant, answers)


def test_the_steps_follow_what_was_done(participant: Participant, make_card: Callable[..., object]) -> None:
    assert participation.next_step(participant) == "question"
    question = participant.study.questions.get()
    participation.choose_question(participant, question)
    interview = Interview.objects.create(participant=participant, question=question, mode="guide")
    assert participation.next_step(participant) == "interview"
    interview.state = Interview.State.ENOUGH
    interview.save()
    assert participation.next_step(participant) == "card"
    make_card(participant)
    assert participation.next_step(participant) == "picks"


def test_a_draw_that_holds_nothing_keeps_nobody(participant: Participant, make_card: Callable[..., object]) -> None:
    make_card(participant)
    Draw.objects.create(participant=participant, kind=Draw.Kind.PICKS)
    Draw.objects.create(participant=participant, kind=Draw.Kind.STORIES)
    assert participation.next_step(participant) == "finish"


def test_finishing_keeps_its_first_time(participant: Participant) -> None:
    participation.finish(participant)
    first = participant.finished_at
    participation.finish(participant)
    assert participant.finished_at == first is not None


# ---- over REST


def test_joining_over_rest_gives_the_token_once(study: Study) -> None:
    client = APIClient()
    body = {"consent_version": 1, "agrees": True, "shows_quotes": True}
    joined = client.post(f"/api/v1/studies/{study.slug}/participants/", body)
    assert joined.status_code == 201
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {joined.data['token']}")
    me = client.get("/api/v1/participants/me/").data
    assert (me["next_step"], me["shows_quotes"], me["is_preview"]) == ("question", True, False)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"consent_version": 1, "agrees": False}, 400),
        ({"consent_version": 7, "agrees": True}, 409),
        ({"consent_version": "x", "agrees": True}, 400),
        ({"consent_version": 1, "agrees": True, "outside_id": "a\u0000b"}, 400),
    ],
)
def test_joining_badly_is_a_problem_and_stores_nothing(study: Study, body: dict[str, object], status: int) -> None:
    response = APIClient().post(f"/api/v1/studies/{study.slug}/participants/", body)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert not Participant.objects.exists()


def test_whoever_runs_the_study_only_tries_it(
    study: Study, facilitator: User, client_of: Callable[[Actor], APIClient]
) -> None:
    body = {"consent_version": 1, "agrees": True}
    assert client_of(facilitator).post(f"/api/v1/studies/{study.slug}/participants/", body).status_code == 201
    assert Participant.objects.get().is_preview


def test_the_return_code_gives_the_token_again(study: Study, participant: Participant) -> None:
    url = f"/api/v1/studies/{study.slug}/participants/return/"
    again = APIClient().post(url, {"code": participant.return_code})  # type: ignore[attr-defined]
    assert again.data["token"] == participant.token  # type: ignore[attr-defined]
    assert APIClient().post(url, {"code": "AAAA-BBBB-CCCC"}).status_code == 404


def test_one_can_tell_and_change_things_about_oneself(
    participant: Participant, client_of: Callable[[Actor], APIClient]
) -> None:
    told = {"question": 1, "exit_answers": {"fair": 5}, "position_is_fair": False, "position_comment": "Too low."}
    me = client_of(participant).patch("/api/v1/participants/me/", told).data
    assert (me["question"], me["exit_answers"], me["position_comment"]) == (1, {"fair": 5}, "Too low.")


def test_the_completion_code_waits_for_the_end(
    study: Study, participant: Participant, client_of: Callable[[Actor], APIClient], make_card: Callable[..., object]
) -> None:
    studies.update_settings(study, {"completion_code": "FM-1"})
    client = client_of(participant)
    early = client.post("/api/v1/participants/me/finish/")
    assert early.status_code == 409 and early.data["next_step"] == "question"
    make_card(participant)
    Draw.objects.create(participant=participant, kind=Draw.Kind.PICKS)
    Draw.objects.create(participant=participant, kind=Draw.Kind.STORIES)
    assert client.post("/api/v1/participants/me/finish/").data["completion_code"] == "FM-1"


def test_a_cookie_is_no_credential_for_the_api(participant: Participant) -> None:
    client = APIClient()
    client.cookies["participant"] = participant.token  # type: ignore[attr-defined]
    assert client.get("/api/v1/participants/me/").status_code == 401


def test_a_token_that_is_not_known_is_told_so_everywhere(study: Study) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Bearer fm_part_nonsense")
    assert client.get("/api/v1/studies/").status_code == 401


def test_silence_is_no_leave_to_send_words_to_an_outside_model(study: Study) -> None:
    body = {"consent_version": 1, "agrees": True}
    for asked, expected in ((body, False), (body | {"uses_model": True}, True)):
        joined = APIClient().post(f"/api/v1/studies/{study.slug}/participants/", asked).data
        assert participation.consent_of(Participant.objects.get(id=joined["id"])).uses_model is expected


def test_a_change_is_made_as_a_whole_or_not_at_all(
    study: Study, participant: Participant, client_of: Callable[[Actor], APIClient]
) -> None:
    studies.update_settings(study, {"demographics": [{"key": "age", "label": "Age", "choices": ["young", "old"]}]})
    told = {"demographics": {"age": "old"}, "question": 99}
    assert client_of(participant).patch("/api/v1/participants/me/", told).status_code == 400
    participant.refresh_from_db()
    assert participant.demographics == {} and participant.demographics_at is None


def test_a_comment_alone_is_not_passed_over(participant: Participant, client_of: Callable[[Actor], APIClient]) -> None:
    refused = client_of(participant).patch("/api/v1/participants/me/", {"position_comment": "Too low."})
    assert refused.status_code == 400 and refused.data["errors"][0]["field"] == "position_is_fair"


def test_a_code_of_another_study_answers_as_one_that_nobody_has(other_study: Study, participant: Participant) -> None:
    url = f"/api/v1/studies/{other_study.slug}/participants/return/"
    foreign = APIClient().post(url, {"code": participant.return_code})  # type: ignore[attr-defined]
    unknown = APIClient().post(url, {"code": "AAAA-BBBB-CCCC"})
    assert foreign.status_code == unknown.status_code == 404 and foreign.data == unknown.data


def test_nothing_comes_next_for_someone_who_left(
    participant: Participant, client_of: Callable[[Actor], APIClient]
) -> None:
    client = client_of(participant)
    assert client.delete("/api/v1/participants/me/").status_code == 204
    assert client.get("/api/v1/participants/me/").data["next_step"] is None
    assert client.post("/api/v1/participants/me/finish/").status_code == 410
