"""Setting a study up without code, watching it, and who may do what."""

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.models import LLMCall
from elicitation import deduplication, draws, interviews, participation, studies
from elicitation.models import CanonicalValue, Context, MergeCandidate, Participant, Study, UpgradeStory, WisdomVote
from elicitation.study_settings import settings_of
from tests.people import join

STUDY_PAGES = ("study", "edit-study", "interviews", "values", "stories", "votes", "graph", "constitution")
OTHER_PAGES = ("studies", "new-study", "datasets", "reports", "jobs", "developers", "account")


def page(desk: Client, name: str, study: Study | None = None, query: str = "") -> str:
    response = desk.get(reverse(f"dashboard:{name}", args=[study.slug] if study else []) + query)
    assert response.status_code == 200
    return response.content.decode()


def do(desk: Client, name: str, study: Study, act: str, **typed: Any) -> Any:
    return desk.post(reverse(f"dashboard:{name}", args=[study.slug]), {"act": act} | typed)


def fields(form: str) -> dict[str, str]:
    """Return what a page's form would send, as a browser reads it."""
    inputs = re.findall(r"<input\b[^>]*>", form)
    sent = {}
    for tag in inputs:
        told = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if told.get("type") != "checkbox":
            sent[told.get("name", "")] = told.get("value", "")
        elif " checked" in tag:
            sent[told["name"]] = told.get("value", "on")
    sent |= dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\s*([^<]*)</textarea>', form))
    sent |= dict(re.findall(r'<select[^>]*name="(\w+)"[^>]*>.*?<option value="(\w+)" selected', form, re.DOTALL))
    return {name: value.replace("&#x27;", "'") for name, value in sent.items() if name}


@pytest.mark.parametrize("name", STUDY_PAGES)
def test_every_page_of_an_empty_study_opens_for_its_team(
    desk: Client, viewers_desk: Client, study: Study, name: str
) -> None:
    assert page(desk, name, study) and page(viewers_desk, name, study)


def test_the_page_of_an_imported_study_tells_no_step_that_its_files_do_not(desk: Client, study: Study) -> None:
    join(study)
    Study.objects.filter(id=study.id).update(source_sha256="0" * 64)
    row = page(desk, "study", study).partition("Judged a story")[2].partition("</tr>")[0]
    assert "not in the imported files" in row and "<svg" not in row


@pytest.mark.parametrize("name", STUDY_PAGES)
def test_every_page_of_a_study_names_it(desk: Client, study: Study, name: str) -> None:
    told = page(desk, name, study)
    assert study.title in told.partition("<title>")[2].partition("</title>")[0]
    assert study.title in told.partition("<header")[2].partition("</h1>")[0]


def test_a_closed_study_offers_no_link_to_share(desk: Client, study: Study) -> None:
    link = reverse("take-part", args=[study.slug])
    assert f"testserver{link}" in page(desk, "study", study)
    Study.objects.filter(id=study.id).update(state="closed")
    assert f"testserver{link}" not in page(desk, "study", study)


def test_the_team_of_a_closed_study_forgets_the_ids_of_its_panel(desk: Client, study: Study) -> None:
    join(study, outside_id="panel-1")
    assert "forget-panel-ids" not in page(desk, "study", study)
    assert do(desk, "study", study, "forget-panel-ids").status_code == 400
    studies.close_study(study)
    assert "forget-panel-ids" in page(desk, "study", study)
    do(desk, "study", study, "forget-panel-ids")
    assert not study.participants.exclude(outside_digest="").exists()
    assert "forget-panel-ids" not in page(desk, "study", study)


def test_days_on_which_nobody_finished_draw_no_empty_picture(desk: Client, study: Study) -> None:
    person = join(study)
    assert '<svg class="days"' not in page(desk, "study", study)
    Participant.objects.filter(id=person.id).update(finished_at=timezone.now())
    assert '<svg class="days"' in page(desk, "study", study)


@pytest.mark.parametrize("name", OTHER_PAGES)
def test_every_page_of_an_account_opens(desk: Client, name: str) -> None:
    assert page(desk, name)


@pytest.mark.parametrize("name", STUDY_PAGES)
def test_a_viewer_changes_nothing(viewers_desk: Client, study: Study, name: str) -> None:
    assert do(viewers_desk, name, study, "close").status_code == 404


def test_a_viewer_sees_the_settings_and_can_fill_in_none(viewers_desk: Client, desk: Client, study: Study) -> None:
    assert "<fieldset disabled>" in page(viewers_desk, "edit-study", study)
    assert "<fieldset disabled>" not in page(desk, "edit-study", study)


def test_a_paused_study_can_be_closed(desk: Client, study: Study) -> None:
    studies.pause_study(study)
    assert 'value="close"' in page(desk, "study", study) and 'value="open"' in page(desk, "study", study)


@pytest.mark.parametrize("name", STUDY_PAGES)
def test_an_act_that_does_not_exist_changes_nothing(desk: Client, study: Study, name: str) -> None:
    if name not in ("edit-study", "graph", "constitution"):  # their other act is to save or to ask for work
        assert do(desk, name, study, "nonsense").status_code in (400, 404)


# a new study


def test_a_template_fills_the_form_of_a_new_study(desk: Client) -> None:
    sent = fields(page(desk, "new-study", query="?template=town"))
    assert sent["template"] == "town" and sent["interviewer"] == "guide" and sent["minutes"] == "10"
    assert "market square" in sent["questions"] and sent["contexts"].count("When") == 2


def test_only_templates_that_people_can_take_part_in_are_offered(desk: Client) -> None:
    assert re.findall(r"\?template=(\w+)", page(desk, "new-study")) == ["assistant", "town", "judge"]
    assert "Save the draft" not in page(desk, "new-study", query="?template=import")


@pytest.mark.parametrize("template", ["assistant", "town", "judge"])
def test_a_study_made_as_its_template_says_has_its_settings(desk: Client, template: str) -> None:
    sent = fields(page(desk, "new-study", query=f"?template={template}")) | {"title": "Our town"}
    response = desk.post(reverse("dashboard:new-study"), sent)
    study = Study.objects.get(title="Our town")
    assert response["Location"] == reverse("dashboard:study", args=[study.slug])
    made = studies.create_study(study.memberships.get().user, template=template, title="As the step makes it")
    assert settings_of(study) == settings_of(made)
    assert list(study.questions.values_list("text", "title")) == list(made.questions.values_list("text", "title"))
    assert list(study.contexts.values_list("text")) == list(made.contexts.values_list("text"))


def test_a_new_study_with_a_name_alone_can_be_opened(desk: Client) -> None:
    sent = fields(page(desk, "new-study", query="?template=assistant")) | {"title": "First try"}
    desk.post(reverse("dashboard:new-study"), sent)
    study = Study.objects.get(title="First try")
    do(desk, "study", study, "open")
    study.refresh_from_db()
    assert study.state == Study.State.OPEN


def test_the_promise_that_a_new_study_starts_from_can_be_read_by_a_child(desk: Client) -> None:
    sent = fields(page(desk, "new-study", query="?template=assistant")) | {"title": "Plain words", "contact": "Ada"}
    desk.post(reverse("dashboard:new-study"), sent)
    told = studies.advice_before_opening(Study.objects.get(title="Plain words"))
    assert not [line for line in told if "reads like age" in line]


def test_a_form_that_cannot_be_used_comes_back_as_it_was_typed(desk: Client) -> None:
    sent = fields(page(desk, "new-study", query="?template=assistant"))
    typed = sent | {"title": "", "minutes": "900", "questions": "Is this kept?", "contact": "Ada"}
    response = desk.post(reverse("dashboard:new-study"), typed)
    assert response.status_code == 400 and not Study.objects.exists()
    again = fields(response.content.decode())
    assert (again["minutes"], again["questions"], again["contact"]) == ("900", "Is this kept?", "Ada")
    assert 'class="wrong"' in response.content.decode()


def test_the_summary_of_what_is_wrong_names_and_links_each_field(desk: Client) -> None:
    sent = fields(page(desk, "new-study", query="?template=assistant")) | {"minutes": "900"}
    told = desk.post(reverse("dashboard:new-study"), sent).content.decode().split('role="alert"')[1].split("</div>")[0]
    assert '<a href="#id_title">Name that people see</a>: This field is required.' in told
    assert '<a href="#id_minutes">Minutes, as people are told</a>: Ensure' in told


def test_what_people_may_tell_about_themselves_is_written_in_lines(desk: Client) -> None:
    lines = "How old are you?: under 30; 30 to 54; 55 and over\n\nWo wohnst du: Stadt; Land"
    sent = fields(page(desk, "new-study", query="?template=town")) | {"title": "Ours", "demographics": lines}
    desk.post(reverse("dashboard:new-study"), sent)
    age, place = settings_of(Study.objects.get(title="Ours")).demographics
    assert (age.key, age.label, age.choices) == (
        "how_old_are_you", "How old are you?", ["under 30", "30 to 54", "55 and over"],
    )  # fmt: skip
    assert (place.key, place.choices) == ("wo_wohnst_du", ["Stadt", "Land"])


@pytest.mark.parametrize("line", ["How old are you?", "Age: young", ": a; b", "Age:"])
def test_a_line_about_people_without_choices_is_told_and_kept(desk: Client, line: str) -> None:
    sent = fields(page(desk, "new-study", query="?template=town")) | {"title": "Ours", "demographics": line}
    response = desk.post(reverse("dashboard:new-study"), sent)
    assert response.status_code == 400 and not Study.objects.exists()
    assert "needs a question, a colon and two choices or more" in response.content.decode()
    assert fields(response.content.decode())["demographics"] == line


def test_questions_about_people_keep_their_keys_and_equal_ones_get_their_own(desk: Client, study: Study) -> None:
    studies.update_settings(study, {"demographics": [{"key": "age", "label": "年齢", "choices": ["a", "b"]}]})
    sent = fields(page(desk, "edit-study", study)) | {"act": "settings"}
    assert sent["demographics"] == "年齢: a; b"
    sent["demographics"] = "住所: x; y\n年齢: a; b; c\n年齢: d; e"
    assert desk.post(reverse("dashboard:edit-study", args=[study.slug]), sent).status_code == 302
    study.refresh_from_db()
    assert [field.key for field in settings_of(study).demographics] == ["q", "age", "q_2"]


def test_a_text_that_cannot_be_stored_is_told_beside_its_field(desk: Client) -> None:
    sent = fields(page(desk, "new-study", query="?template=assistant")) | {"title": "T", "consent": "so\u202eright"}
    response = desk.post(reverse("dashboard:new-study"), sent)
    assert response.status_code == 400
    consent = response.content.decode().split('name="consent"')[1]
    assert "Character 3 (U+202E) can&#x27;t be stored" in consent.split("wrong")[1]


def test_an_unknown_template_is_told(desk: Client) -> None:
    sent = fields(page(desk, "new-study", query="?template=assistant")) | {"title": "T", "template": "nonsense"}
    assert desk.post(reverse("dashboard:new-study"), sent).status_code == 400


# changing it


def settings_form(desk: Client, study: Study) -> dict[str, str]:
    return fields(page(desk, "edit-study", study).split('value="settings"')[1])


def test_saving_the_settings_untouched_changes_nothing(desk: Client, study: Study) -> None:
    studies.update_settings(study, {"stories_each": 0, "stories_need_review": False, "most_participants": 40})
    before = settings_of(study)
    do(desk, "edit-study", study, "settings", **settings_form(desk, study))
    study.refresh_from_db()
    assert settings_of(study) == before


def test_what_two_texts_are_compared_by_can_be_set(desk: Client, study: Study) -> None:
    typed = {
        "comparisons_each": "8",
        "raters_per_comparison": "12",
        "comparison_seconds": "7",
        "demographics": "Where do you live?: town; village",
        "comparisons_balance": "Where do you live?",
        "dimensions": "honest: Which is more honest?\n\nkind: Which is kinder: this or that?\n",
    }
    assert do(desk, "edit-study", study, "settings", **settings_form(desk, study) | typed).status_code == 302
    study.refresh_from_db()
    chosen = settings_of(study)
    assert (chosen.comparisons_each, chosen.raters_per_comparison, chosen.comparison_seconds) == (8, 12, 7)
    assert chosen.comparisons_balance == "where_do_you_live"
    told = [(dimension.key, dimension.label) for dimension in chosen.dimensions]
    assert told == [("honest", "Which is more honest?"), ("kind", "Which is kinder: this or that?")]
    do(desk, "edit-study", study, "settings", **settings_form(desk, study))
    study.refresh_from_db()
    assert settings_of(study) == chosen


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("dimensions", "honest", "needs a short name, a colon and what people read"),
        ("dimensions", "honest:", "needs a short name, a colon and what people read"),
        ("dimensions", "More honest: Which?", "must begin with a small letter"),
        ("dimensions", "a: one\na: two", "“a: two” has a short name that stands on an earlier line too"),
        ("dimensions", f"a: {'x' * 121}", "is too long"),
        ("dimensions", "\n".join(f"d{n}: x" for n in range(7)), "“d6: x”|six things at most"),
        ("comparisons_balance", "Where?", "Name a question that people are asked about themselves: none."),
        ("comparisons_each", "51", "less than or equal to 50"),
    ],
)
def test_what_cannot_be_compared_by_is_told_beside_its_field(
    desk: Client, study: Study, field: str, typed: str, said: str
) -> None:
    before = settings_of(study)
    response = do(desk, "edit-study", study, "settings", **settings_form(desk, study) | {field: typed})
    assert response.status_code == 400
    beside = response.content.decode().split(f'name="{field}"')[1].split('<div class="ask">')[0]
    assert said.split("|")[-1] in beside
    study.refresh_from_db()
    assert settings_of(study) == before


def test_a_limit_can_be_taken_away(desk: Client, study: Study) -> None:
    studies.update_settings(study, {"most_participants": 40})
    do(desk, "edit-study", study, "settings", **settings_form(desk, study) | {"most_participants": ""})
    study.refresh_from_db()
    assert settings_of(study).most_participants is None


def test_settings_that_cannot_be_used_change_nothing(desk: Client, study: Study) -> None:
    response = do(desk, "edit-study", study, "settings", **settings_form(desk, study) | {"title": "", "minutes": "1"})
    study.refresh_from_db()
    assert response.status_code == 400 and study.title == "Letting go" and settings_of(study).minutes == 12


def test_questions_situations_and_promise_can_be_added(desk: Client, study: Study) -> None:
    do(desk, "edit-study", study, "question", text="Should I tell her?", title="Friends")
    do(desk, "edit-study", study, "context", text="When a friend asks")
    do(desk, "edit-study", study, "consent", consent="A new promise.")
    assert study.questions.filter(title="Friends").exists() and study.contexts.count() == 3
    assert study.consent_texts.count() == 2


def test_a_question_can_be_changed_and_marked_as_heavy(desk: Client, study: Study) -> None:
    question = study.questions.get()
    typed = {"number": str(question.number), "text": "Should I tell her?", "title": "Truth", "is_heavy": "yes"}
    do(desk, "edit-study", study, "change", **typed)
    question.refresh_from_db()
    assert (question.text, question.title, question.is_heavy) == ("Should I tell her?", "Truth", True)


def test_a_change_that_cannot_be_saved_is_not_lost(desk: Client, study: Study) -> None:
    typed = {"number": "1", "text": "So\u202eright?", "title": ""}
    response = do(desk, "edit-study", study, "change", **typed)
    assert response.status_code == 400 and "So\u202eright?</textarea>" in response.content.decode()


def test_a_question_that_is_put_away_is_offered_no_more(desk: Client, study: Study) -> None:
    do(desk, "edit-study", study, "archive", number="1")
    assert not study.questions.filter(is_archived=False).exists()
    assert do(desk, "edit-study", study, "archive", number="99").status_code == 404


# running it


@pytest.mark.parametrize(("act", "state"), [("pause", "paused"), ("close", "closed")])
def test_a_study_is_paused_closed_and_opened_again(desk: Client, study: Study, act: str, state: str) -> None:
    do(desk, "study", study, act)
    study.refresh_from_db()
    assert study.state == state
    do(desk, "study", study, "open")
    study.refresh_from_db()
    assert study.state == "open"


def test_a_draft_says_what_is_missing_and_cannot_be_opened(desk: Client, study: Study) -> None:
    Study.objects.filter(id=study.id).update(state="draft")
    study.questions.update(is_archived=True)
    told = page(desk, "study", study)
    assert "There is no question to talk about." in told and 'value="open"' not in told
    response = do(desk, "study", study, "open")
    assert response.status_code == 400 and "There is no question to talk about." in response.content.decode()


def test_a_draft_shows_no_chart_of_people_before_there_are_any(desk: Client, study: Study) -> None:
    assert "Where people are" in page(desk, "study", study)
    Study.objects.filter(id=study.id).update(state="draft")
    assert "Where people are" not in page(desk, "study", study)


def test_the_link_is_shown_with_a_qr_code_that_needs_no_inline_style(desk: Client, study: Study) -> None:
    told = page(desk, "study", study)
    assert f"http://testserver/s/{study.slug}/" in told
    drawn = re.search(r'<svg[^>]*class="qr".*?</svg>', told, re.DOTALL)
    assert drawn is not None and "style=" not in drawn[0]


@pytest.mark.parametrize("name", STUDY_PAGES)
def test_no_page_has_an_inline_style_or_script(desk: Client, study: Study, name: str) -> None:
    told = page(desk, name, study)
    assert " style=" not in told and not re.search(r"<script(?![^>]*src=)|\son\w+=", told)


def test_trying_ones_own_study_is_a_preview_and_counts_nowhere(desk: Client, study: Study) -> None:
    desk.post(reverse("take-part", args=[study.slug]), {"consent_version": "1", "agrees": "yes"})
    assert study.participants.get().is_preview
    assert "0 begun" in page(desk, "study", study)


def test_the_cost_of_model_calls_is_told(desk: Client, study: Study) -> None:
    shared = {"provider": "p", "model": "m", "prompt_name": "n", "outcome": "ok"}
    for purpose, cost in (("interviewer", "0.50"), ("interviewer", "0.25"), ("same_value", "0.10")):
        LLMCall.objects.create(scope_key=study.scope_key, purpose=purpose, cost=cost, **shared)
    LLMCall.objects.create(scope_key="study:other", purpose="interviewer", cost="9", **shared)
    told = page(desk, "study", study)
    assert "0.85" in told and "for 3 calls" in told and "9.00" not in told


def test_who_needs_an_eye_is_told_until_someone_looked(desk: Client, study: Study, participant: Participant) -> None:
    participation.needs_eye(participant, "Words in the talk may mean danger.")
    assert "Words in the talk may mean danger." in page(desk, "study", study)
    do(desk, "study", study, "seen", number=str(participant.number))
    assert "Words in the talk may mean danger." not in page(desk, "study", study)


def test_an_invitation_is_shown_once_and_works(desk: Client, study: Study, stranger: Any) -> None:
    response = do(desk, "study", study, "invite", role="facilitator")
    code = re.search(r'id="invitation">([\w-]+)<', response.content.decode())
    assert code is not None and code[1] not in page(desk, "study", study)
    assert studies.accept_invitation(stranger, code[1]).role == "facilitator"


def test_ownership_cannot_be_given_away_by_invitation(desk: Client, study: Study) -> None:
    assert do(desk, "study", study, "invite", role="owner").status_code == 400


# talks


def talk(person: Participant) -> Any:
    interview = interviews.begin_interview(person, person.study.questions.get(), llm=None)
    interviews.add_turn(interview, "My uncle <b>drove</b> every Sunday.", llm=None)
    return interview


def test_reading_a_talk_is_logged_and_its_words_are_escaped(
    desk: Client, study: Study, participant: Participant, caplog: pytest.LogCaptureFixture
) -> None:
    interview = talk(participant)
    with caplog.at_level(logging.INFO, "frontend.dashboard"):
        told = desk.get(reverse("dashboard:interview", args=[study.slug, interview.id])).content.decode()
    assert "&lt;b&gt;drove&lt;/b&gt;" in told
    assert str(interview.id) in caplog.text and "drove" not in caplog.text


def test_a_list_of_the_guide_is_shown_as_a_list(desk: Client, study: Study, participant: Participant) -> None:
    interview = talk(participant)
    interview.turns.filter(role="guide").update(text="Your lines so far:\n\n- TIRED FACES in the family")
    told = desk.get(reverse("dashboard:interview", args=[study.slug, interview.id])).content.decode()
    assert "<li>TIRED FACES in the family</li>" in told


def test_a_viewer_reads_no_talk(viewers_desk: Client, study: Study, participant: Participant) -> None:
    address = reverse("dashboard:interview", args=[study.slug, talk(participant).id])
    assert viewers_desk.get(address).status_code == 404
    assert address not in page(viewers_desk, "interviews", study)


def test_a_talk_of_another_study_is_not_there(desk: Client, study: Study, other_study: Study) -> None:
    interview = talk(join(other_study))
    assert desk.get(reverse("dashboard:interview", args=[study.slug, interview.id])).status_code == 404


def test_the_list_of_talks_leaves_previews_out(desk: Client, study: Study, participant: Participant) -> None:
    talk(participant)
    talk(join(study, is_preview=True))
    told = page(desk, "interviews", study)
    assert "P-1<" in told and "P-2<" not in told


# values and stories


@pytest.fixture
def near(study: Study, make_value: Callable[..., CanonicalValue]) -> MergeCandidate:
    """Two nearly equal values that wait for a decision."""
    first, second = make_value(study, title="Care"), make_value(study, title="Caring")
    run = deduplication.active_run(study)
    return MergeCandidate.objects.create(run=run, first=first, second=second, similarity=0.8)


def test_a_merge_can_be_undone(desk: Client, study: Study, near: MergeCandidate) -> None:
    do(desk, "values", study, "merge", candidate=str(near.id))
    assert deduplication.projection(study) == {near.second_id: near.first_id}
    do(desk, "values", study, "undo")
    assert deduplication.projection(study) == {}


def test_values_kept_apart_are_not_asked_about_again(desk: Client, study: Study, near: MergeCandidate) -> None:
    do(desk, "values", study, "keep", candidate=str(near.id))
    assert "pair to review" not in page(desk, "values", study)


def test_a_search_that_found_no_pair_says_that_it_has_ended(
    desk: Client, study: Study, work_off: Callable[[], Any]
) -> None:
    do(desk, "values", study, "propose")
    assert "has ended" not in page(desk, "values", study)
    work_off()
    assert "The newest search has ended" in page(desk, "values", study)


def test_two_values_that_are_one_through_a_third_are_not_asked_about(
    desk: Client, study: Study, near: MergeCandidate, make_value: Callable[..., CanonicalValue]
) -> None:
    third = make_value(study, title="To care")
    for first in (near.first, near.second):
        MergeCandidate.objects.create(run=near.run, first=first, second=third, similarity=0.7)
    assert "3 pairs to review" in page(desk, "values", study)
    deduplication.merge(study, [near.first, near.second, third])
    assert "to review" not in page(desk, "values", study)
    assert "Nothing just now." in page(desk, "study", study)


def test_one_value_can_be_split_off_again(
    desk: Client, study: Study, near: MergeCandidate, make_value: Callable[..., CanonicalValue]
) -> None:
    third = make_value(study, title="To care")
    deduplication.merge(study, [near.first, near.second, third])
    do(desk, "values", study, "split", number=str(near.second.number))
    assert deduplication.projection(study) == {third.id: near.first_id}
    assert do(desk, "values", study, "split", number=str(near.second.number)).status_code == 400


def test_values_that_someone_chose_count_as_one(desk: Client, study: Study, near: MergeCandidate) -> None:
    do(desk, "values", study, "merge-chosen", value=["1", "2"])
    assert deduplication.projection(study) == {near.second_id: near.first_id}


@pytest.mark.parametrize("chosen", [[], ["1"], ["1", "99"], ["x", "1"]])
def test_merging_takes_two_values(desk: Client, study: Study, near: MergeCandidate, chosen: list[str]) -> None:
    assert do(desk, "values", study, "merge-chosen", value=chosen).status_code == 400


def test_there_is_nothing_to_undo_at_first(desk: Client, study: Study) -> None:
    assert do(desk, "values", study, "undo").status_code == 400


def test_a_candidate_of_another_study_is_not_there(
    desk: Client, study: Study, other_study: Study, make_value: Callable[..., CanonicalValue]
) -> None:
    first, second = make_value(other_study, title="A"), make_value(other_study, title="B")
    run = deduplication.active_run(other_study)
    theirs = MergeCandidate.objects.create(run=run, first=first, second=second, similarity=0.8)
    assert do(desk, "values", study, "merge", candidate=str(theirs.id)).status_code == 404


@pytest.fixture
def waiting(
    study: Study, context: Context, make_value: Callable[..., CanonicalValue], make_story: Callable[..., UpgradeStory]
) -> list[UpgradeStory]:
    """Two stories that wait for a facilitator's yes."""
    a, b, c = (make_value(study, title=title) for title in "ABC")
    return [make_story(study, a, b, context, state="proposed"), make_story(study, b, c, context, state="proposed")]


def test_a_story_under_review_shows_both_cards(
    desk: Client, study: Study, waiting: list[UpgradeStory], make_value: Callable[..., CanonicalValue]
) -> None:
    CanonicalValue.objects.filter(id=waiting[0].to_value_id).update(policies=["MOMENTS that open a door"])
    assert "<b>MOMENTS</b> that open a door" in page(desk, "stories", study)


def test_a_story_counts_each_persons_newest_vote_and_no_preview(
    desk: Client, study: Study, waiting: list[UpgradeStory]
) -> None:
    for person, answers in ((join(study), ("upgrade", "not_sure")), (join(study, is_preview=True), ("upgrade",))):
        for answer in answers:
            earlier = WisdomVote.objects.filter(participant=person).last()
            WisdomVote.objects.create(
                study=study, participant=person, story=waiting[0], from_value=waiting[0].from_value,
                to_value=waiting[0].to_value, context=waiting[0].context, answer=answer, supersedes=earlier,
                voted_at=timezone.now(),
            )  # fmt: skip
    assert '<td class="num">1</td>' in page(desk, "stories", study)
    assert '<td class="num">3</td>' not in page(desk, "stories", study)


def test_how_many_people_the_pairs_in_use_need_is_told(desk: Client, study: Study, waiting: list[UpgradeStory]) -> None:
    studies.update_settings(study, {"stories_each": 3})
    do(desk, "stories", study, "approve-all")
    assert "About 8 people are needed for 12 votes on each pair" in page(desk, "stories", study)


def states(stories: list[UpgradeStory]) -> list[str]:
    return [UpgradeStory.objects.get(id=story.id).state for story in stories]


def test_stories_are_approved_one_by_one_and_all_at_once(
    desk: Client, study: Study, waiting: list[UpgradeStory]
) -> None:
    do(desk, "stories", study, "approve", story=["1"])
    assert states(waiting) == ["approved", "proposed"]
    do(desk, "stories", study, "approve-all")
    assert states(waiting) == ["approved", "approved"]


def test_a_story_that_is_put_away_stays_where_it_was_voted_on(
    desk: Client, study: Study, waiting: list[UpgradeStory]
) -> None:
    do(desk, "stories", study, "archive", story=["2"])
    assert states(waiting) == ["proposed", "archived"]
    assert "Archived" in page(desk, "stories", study, "?state=archived")


@pytest.mark.parametrize("act", ["approve", "archive"])
def test_nothing_chosen_is_told(desk: Client, study: Study, waiting: list[UpgradeStory], act: str) -> None:
    assert do(desk, "stories", study, act).status_code == 400


def review(desk: Client, story: UpgradeStory, act: str = "", **typed: str) -> Any:
    """Open a story's review page, or send its form."""
    address = reverse("dashboard:story", args=[story.study.slug, story.number])
    return desk.post(address, {"act": act} | typed) if act else desk.get(address)


def test_a_models_story_is_reviewed_with_its_grade_and_what_becomes_of_each_line(
    desk: Client, study: Study, waiting: list[UpgradeStory]
) -> None:
    steps = [{"from": "SIGNS of rest", "to": "SIGNS of peace", "how": "is done with more skill"},
             {"from": "DEBTS paid", "to": None, "how": "is lost"}]  # fmt: skip
    UpgradeStory.objects.filter(id=waiting[0].id).update(origin="model", text="I sat.", grade="D", mapping=steps)
    told = review(desk, waiting[0]).content.decode()
    for said in (
        "Grade D",
        "More is lost than found",
        "is done with more skill",
        "<b>DEBTS</b> paid",
        "<b>is lost</b>",
    ):
        assert said in told


def test_review_leads_from_story_to_story_until_none_waits(
    desk: Client, study: Study, waiting: list[UpgradeStory]
) -> None:
    following = review(desk, waiting[0], "approve")
    assert following["Location"] == reverse("dashboard:story", args=[study.slug, 2])
    assert review(desk, waiting[1], "archive")["Location"] == reverse("dashboard:stories", args=[study.slug])
    assert states(waiting) == ["approved", "archived"]


def test_words_can_be_changed_until_someone_was_shown_the_story(
    desk: Client, study: Study, waiting: list[UpgradeStory]
) -> None:
    review(desk, waiting[0], "approve", text="I used to wait.\r\nNow I ask.")
    waiting[0].refresh_from_db()
    assert (waiting[0].text, waiting[0].origin, waiting[0].state) == (
        "I used to wait.\nNow I ask.",
        "person",
        "approved",
    )
    draws.draw_stories(join(study))
    assert "Someone was shown this" in review(desk, waiting[0]).content.decode()
    assert review(desk, waiting[0], "save", text="Other words.").status_code == 409
    assert review(desk, waiting[0], "archive", text="Other words.").status_code == 302
    waiting[0].refresh_from_db()
    assert waiting[0].text == "I used to wait.\nNow I ask." and waiting[0].state == "archived"


@pytest.mark.parametrize(("act", "text"), [("save", "x" * 1501), ("save", "a\x00b"), ("burn", "")])
def test_what_cannot_be_done_to_a_story_is_told(
    desk: Client, study: Study, waiting: list[UpgradeStory], act: str, text: str
) -> None:
    assert review(desk, waiting[0], act, text=text).status_code == 400
    waiting[0].refresh_from_db()
    assert (waiting[0].text, waiting[0].state) == ("", "proposed")


def test_a_story_is_written_by_hand_beside_others_of_its_pair(
    desk: Client, study: Study, waiting: list[UpgradeStory]
) -> None:
    typed = {"from_value": "1", "to_value": "2", "context": "1", "text": "I used to wait. Now I ask."}
    address = reverse("dashboard:new-story", args=[study.slug])
    for number in (3, 4):
        made = desk.post(address, typed)
        assert made["Location"] == reverse("dashboard:story", args=[study.slug, number])
    story = UpgradeStory.objects.get(number=3)
    assert (story.from_value, story.to_value, story.state, story.origin) == (
        waiting[0].from_value, waiting[0].to_value, "approved", "person"
    )  # fmt: skip
    assert 'value="2"' in desk.get(address + "?to_value=2").content.decode()


@pytest.mark.parametrize(
    "wrong",
    [{"from_value": "9"}, {"to_value": "1"}, {"to_value": ""}, {"context": "9"}, {"text": " "}, {"text": "x" * 1501},
     {"from_value": "x" * 40}],
)  # fmt: skip
def test_a_story_that_cannot_be_is_not_written_and_what_was_typed_stays(
    desk: Client, study: Study, waiting: list[UpgradeStory], wrong: dict[str, str]
) -> None:
    typed = {"from_value": "1", "to_value": "2", "context": "1", "text": "I used to wait."} | wrong
    answer = desk.post(reverse("dashboard:new-story", args=[study.slug]), typed)
    assert answer.status_code == 400 and UpgradeStory.objects.count() == 2
    if "text" not in wrong:
        assert "I used to wait." in answer.content.decode()


def test_a_viewer_reads_stories_and_changes_none(
    viewers_desk: Client, study: Study, waiting: list[UpgradeStory]
) -> None:
    told = review(viewers_desk, waiting[0]).content.decode()
    assert "Use this story" not in told and "<textarea" not in told
    assert review(viewers_desk, waiting[0], "approve").status_code == 404
    assert viewers_desk.post(reverse("dashboard:new-story", args=[study.slug]), {}).status_code == 404
    assert states(waiting) == ["proposed", "proposed"]


@pytest.mark.parametrize("name", ["values", "stories"])
def test_asking_for_proposals_begins_work_that_the_page_follows(desk: Client, study: Study, name: str) -> None:
    do(desk, name, study, "propose")
    assert "data-job=" in page(desk, name, study)
