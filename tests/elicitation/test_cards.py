"""Cards: in the person's own words, checked by code, changed only by them, every state kept."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from core.ledger import DatabaseLedger
from core.problems import Conflict, Problem
from elicitation import cards, interviews
from elicitation.cards import CardDraft
from elicitation.models import CanonicalValue, Interview, Participant, Question, ValuesCard
from llm_client import FakeLLM, LLMBadAnswer, LLMBudgetReached, LLMError, LLMUnavailable
from tests.people import Actor, join

pytestmark = pytest.mark.django_db

SAID = [
    "Yes with my uncle. The car was the last thing that was his.",
    "that he is the one who ends it",
    "if he could still decide something.\nlike let him pick the day he stops",
    "he went quiet when she checked on him",
]
LINES = [
    {
        "text": "MOMENTS when a person can still choose",
        "quotes": [{"turn": 6, "text": "let him pick the day he stops"}],
    },
    {"text": "LOSSES that sit under it", "quotes": [{"turn": 2, "text": "The car was the last thing that was his."}]},
    {"text": "SMALL SIGNS that someone feels watched", "quotes": [{"turn": 9, "text": "He wept bitterly for days"}]},
]
DRAFT = CardDraft.model_validate(
    {"title": "Letting go together", "description": "We end it together.", "policies": LINES}
)


def model(*answers: object) -> FakeLLM:
    return FakeLLM(answers, ledger=DatabaseLedger("study:x"))  # type: ignore[arg-type]


def talk_of(participant: Participant, *texts: str, llm: FakeLLM | None = None) -> Interview:
    interview = interviews.begin_interview(participant, participant.study.questions.get(number=1), llm=llm)
    for text in texts:
        interviews.add_turn(interview, text, llm=None)
    return interview


@pytest.fixture
def talk(participant: Participant) -> Interview:
    """A talk with the written guide."""
    return talk_of(participant, *SAID)


@pytest.fixture
def model_talk(other_participant: Participant) -> Interview:
    """A talk that is with a model."""
    return talk_of(other_participant, *SAID, llm=model())


@pytest.fixture
def card(talk: Interview) -> ValuesCard:
    return cards.articulate_card(talk, llm=None)


def lines(card: ValuesCard) -> list[str]:
    return [policy["text"] for policy in card.policies]


def quotes(card: ValuesCard) -> list[list[str]]:
    return [[quote["text"] for quote in policy["quotes"]] for policy in card.policies]


# ---- drafting


def test_the_guides_card_is_of_the_persons_words_and_says_so(card: ValuesCard) -> None:
    assert card.origin == "guide" and card.llm_call is None
    assert lines(card) == [
        "SIGNS of whether he could still decide something",
        "WAYS to let him pick the day he stops",
        "SIGNS that he went quiet when she checked on him",
    ]
    assert quotes(card)[1] == ["like let him pick the day he stops"]


def test_the_models_quotes_are_kept_only_where_the_person_said_them(model_talk: Interview) -> None:
    card = cards.articulate_card(model_talk, llm=model(DRAFT))
    assert card.origin == "model" and card.llm_call is not None
    assert quotes(card) == [
        ["let him pick the day he stops"],
        ["The car was the last thing that was his"],
        [],
    ]


def test_a_line_without_own_words_is_marked(model_talk: Interview) -> None:
    card = cards.articulate_card(model_talk, llm=model(DRAFT))
    assert ("no_quote", "policies.2") in [(lint.code, lint.where) for lint in cards.lints(card)]


def test_the_interviewers_words_are_no_quotes(model_talk: Interview) -> None:
    asked = interviews.transcript(model_talk)[2].text
    draft = DRAFT.model_copy(deep=True)
    draft.policies[0].quotes[0].text = asked[:40]
    assert quotes(cards.articulate_card(model_talk, llm=model(draft)))[0] == []


@pytest.mark.parametrize("error", [LLMUnavailable("down"), LLMBadAnswer("nonsense")])
def test_an_outage_makes_no_card(model_talk: Interview, error: LLMError) -> None:
    with pytest.raises(LLMError):
        cards.articulate_card(model_talk, llm=model(error, error))
    assert not ValuesCard.objects.exists()


def test_when_the_budget_is_spent_the_card_is_of_own_words(model_talk: Interview) -> None:
    assert cards.articulate_card(model_talk, llm=model(LLMBudgetReached())).origin == "guide"


def test_a_model_that_finds_no_line_invents_none(model_talk: Interview) -> None:
    card = cards.articulate_card(model_talk, llm=model({"title": "None", "description": "", "policies": []}))
    assert card.origin == "guide" and card.policies


def test_a_line_that_a_model_writes_twice_is_one_line(model_talk: Interview) -> None:
    twice = DRAFT.model_copy(update={"policies": [*DRAFT.policies, DRAFT.policies[0]]})
    assert len(cards.articulate_card(model_talk, llm=model(twice)).policies) == 3


def test_drafting_twice_gives_the_same_card(card: ValuesCard, talk: Interview) -> None:
    assert cards.articulate_card(talk, llm=None) == card
    assert card.revisions.count() == 1


def test_of_nothing_said_no_card_is_made(participant: Participant) -> None:
    with pytest.raises(Conflict):
        cards.articulate_card(talk_of(participant), llm=None)


def test_a_talk_in_which_little_was_said_gives_a_card_that_the_person_can_fill(participant: Participant) -> None:
    card = cards.articulate_card(talk_of(participant, "Yes, with my uncle, a long time ago."), llm=None)
    assert card.policies == [] and [lint.code for lint in cards.lints(card)][-1] == "few"


# ---- editing


def edit(card: ValuesCard, *policies: str, revision: int | None = None, title: str = "Letting go") -> ValuesCard:
    return cards.edit_card(card, title=title, description="", policies=policies, revision=revision)


def test_a_line_keeps_its_quotes_also_in_other_words(card: ValuesCard) -> None:
    changed = edit(card, lines(card)[0], "WAYS to let a person pick the day they stop")
    assert quotes(changed) == [quotes(card)[0], quotes(card)[1]]


def test_a_new_line_gets_the_sentences_that_say_it(card: ValuesCard) -> None:
    changed = edit(card, "LOSSES of the last thing that was his own, like the car")
    assert quotes(changed) == [["The car was the last thing that was his."]]


def test_a_line_from_nowhere_has_no_quotes(card: ValuesCard) -> None:
    assert quotes(edit(card, "FLOWERS on the table")) == [[]]


def test_every_state_is_kept_with_who_wrote_it(card: ValuesCard) -> None:
    edit(card, "FLOWERS on the table")
    assert list(card.revisions.values_list("number", "author")) == [(1, "guide"), (2, "person")]


def test_saving_without_a_change_is_no_new_revision(card: ValuesCard) -> None:
    same = cards.edit_card(card, title=card.title, description=card.description, policies=lines(card), revision=1)
    assert same.revision == 1


def test_an_edit_of_an_outdated_card_is_refused_and_shows_the_card_as_it_is(card: ValuesCard) -> None:
    edit(card, "FLOWERS on the table", revision=1)
    with pytest.raises(Problem) as caught:
        edit(card, "TREES in the yard", revision=1)
    assert caught.value.status_code == 412
    assert caught.value.extra["current"]["revision"] == 2
    assert caught.value.extra["current"]["policies"][0]["text"] == "FLOWERS on the table"


@pytest.mark.parametrize("policies", [["same", "same"], [f"line {n}" for n in range(13)], ["x" * 401], ["a\x00b"]])
def test_lines_that_cannot_be_stored_are_refused(card: ValuesCard, policies: list[str]) -> None:
    with pytest.raises(ValidationError):
        edit(card, *policies)
    card.refresh_from_db()
    assert card.revision == 1


def test_empty_lines_are_left_out(card: ValuesCard) -> None:
    assert lines(edit(card, "", "  ", "FLOWERS on the table")) == ["FLOWERS on the table"]


# ---- writing again


def test_a_model_writes_the_card_again_as_the_person_wishes(model_talk: Interview) -> None:
    card = cards.articulate_card(model_talk, llm=model(DRAFT))
    wish = "It is also about who drives him to the lake now."
    new = {"text": "WAYS to keep what it gave them", "quotes": [{"turn": 99, "text": "who drives him to the lake now"}]}
    again = DRAFT.model_copy(update={"policies": [*DRAFT.policies[:2], cards.PolicyDraft.model_validate(new)]})
    changed = cards.revise_card(card, wish, llm=model(again), revision=1)
    assert changed.revision == 2 and changed.revisions.get(number=2).author == "model"
    assert quotes(changed)[2] == ["who drives him to the lake now"]


def test_a_wish_is_kept_and_a_failing_model_changes_nothing(model_talk: Interview) -> None:
    card = cards.articulate_card(model_talk, llm=model(DRAFT))
    for _attempt in range(2):
        with pytest.raises(LLMUnavailable):
            cards.revise_card(card, "Less about cars.", llm=model(LLMUnavailable("down")))
    card.refresh_from_db()
    assert card.revision == 1
    assert [turn.text for turn in model_talk.turns.filter(stage="card")] == ["Less about cars."]


def test_a_line_that_a_model_leaves_as_it_was_keeps_its_quotes(model_talk: Interview) -> None:
    card = cards.articulate_card(model_talk, llm=model(DRAFT))
    bare = {"title": "Ending it", "description": "", "policies": [{"text": LINES[0]["text"], "quotes": []}]}
    assert cards.revise_card(card, "Another name.", llm=model(bare)).policies == card.policies[:1]


def test_a_model_gives_back_all_that_a_person_put_on_the_card(model_talk: Interview) -> None:
    card = cards.articulate_card(model_talk, llm=model(DRAFT))
    name, why = "T" * cards.MOST_TITLE, "d" * cards.MOST_DESCRIPTION
    lines = [f"{n:x}" * cards.MOST_POLICY for n in range(cards.MOST_POLICIES - 1)] + ["AH"]
    card = cards.edit_card(card, title=name, description=why, policies=lines)
    changed_lines = ["New " + lines[0][4:], *lines[1:]]
    policies = [{"text": line, "quotes": []} for line in changed_lines]
    again = {"title": name, "description": why, "policies": policies}
    changed = cards.revise_card(card, "Begin the first with New.", llm=model(again))
    assert changed.policies[1:] == card.policies[1:] and changed.revision == card.revision + 1


def test_a_wish_that_changes_nothing_leaves_a_confirmed_card_confirmed(model_talk: Interview) -> None:
    card = cards.confirm_card(cards.articulate_card(model_talk, llm=model(DRAFT)), fidelity=5)
    same = cards.revise_card(card, "Who are you?", llm=model(DRAFT))
    assert (same.state, same.revision) == ("confirmed", 1)


def test_a_model_may_not_empty_a_card(model_talk: Interview) -> None:
    card = cards.articulate_card(model_talk, llm=model(DRAFT))
    empty = {"title": "Letting go", "description": "", "policies": []}
    with pytest.raises(LLMBadAnswer):
        cards.revise_card(card, "Away with all of it.", llm=model(empty, empty))
    card.refresh_from_db()
    assert len(card.policies) == 3


def test_a_card_without_a_model_is_changed_by_hand_only(card: ValuesCard) -> None:
    with pytest.raises(Problem, match="yourself"):
        cards.revise_card(card, "Less about cars.", llm=model())


# ---- confirming


def test_a_confirmed_card_becomes_a_value_that_others_can_judge(card: ValuesCard) -> None:
    confirmed = cards.confirm_card(card, fidelity=4, revision=1)
    assert (confirmed.state, confirmed.fidelity) == ("confirmed", 4)
    value = CanonicalValue.objects.get()
    assert value.policies == lines(card)
    assert Interview.objects.get(card=card).state == "confirmed"


def test_confirming_again_changes_only_the_fit(card: ValuesCard) -> None:
    first = cards.confirm_card(card, fidelity=4)
    again = cards.confirm_card(card, fidelity=5)
    assert (again.fidelity, again.confirmed_at) == (5, first.confirmed_at)
    assert CanonicalValue.objects.count() == 1


def test_a_confirmed_card_that_is_edited_waits_for_a_new_yes(card: ValuesCard) -> None:
    cards.confirm_card(card, fidelity=4)
    assert edit(card, "FLOWERS on the table").state == "draft"


@pytest.mark.parametrize("fidelity", [0, 6, -1])
def test_the_fit_is_one_to_five(card: ValuesCard, fidelity: int) -> None:
    with pytest.raises(ValidationError):
        cards.confirm_card(card, fidelity=fidelity)


def test_a_card_without_a_name_or_a_line_is_not_confirmed(card: ValuesCard) -> None:
    nameless = edit(card, "FLOWERS on the table", title=" ")
    with pytest.raises(ValidationError):
        cards.confirm_card(nameless, fidelity=5)
    lineless = edit(nameless, title="Flowers")
    with pytest.raises(ValidationError):
        cards.confirm_card(lineless, fidelity=5)
    assert not CanonicalValue.objects.exists()


def test_an_outdated_card_is_not_confirmed(card: ValuesCard) -> None:
    edit(card, "FLOWERS on the table")
    with pytest.raises(Problem):
        cards.confirm_card(card, fidelity=5, revision=1)


def test_a_preview_becomes_no_value(participant: Participant, question: Question) -> None:
    preview = talk_of(join(participant.study, is_preview=True), *SAID)
    cards.confirm_card(cards.articulate_card(preview, llm=None), fidelity=5)
    assert not CanonicalValue.objects.exists()


def test_an_imported_card_is_nobodys_to_change(participant: Participant) -> None:
    card = ValuesCard.objects.create(study=participant.study, number=7, title="x", origin="import")
    with pytest.raises(Problem):
        edit(card, "FLOWERS on the table")


# ---- over REST


def test_a_card_over_rest(talk: Interview, participant: Participant, client_of: Callable[[Actor], APIClient]) -> None:
    client, url = client_of(participant), f"/api/v1/interviews/{talk.id}/card/"
    assert client.get(url).status_code == 404
    drafted = client.post(url)
    assert drafted.status_code == 201 and drafted["ETag"] == '"1"'
    assert drafted.data["policies"][1]["quotes"] == [{"turn": 6, "text": "like let him pick the day he stops"}]
    words = {"title": "Letting go", "policies": ["MOMENTS when he can choose"]}
    assert client.put(url, words, headers={"If-Match": '"1"'}).data["revision"] == 2
    late = client.put(url, words | {"title": "Other"}, headers={"If-Match": '"1"'})
    assert late.status_code == 412 and late.data["current"]["title"] == "Letting go"
    confirmed = client.post(f"{url}confirm/", {"fidelity": 5}, headers={"If-Match": '"2"'})
    assert confirmed.data["state"] == "confirmed"


@pytest.mark.parametrize("seen", ["x", '"a"', "-1"])
def test_an_if_match_that_cannot_be_read_is_a_problem(
    card: ValuesCard, participant: Participant, client_of: Callable[[Actor], APIClient], seen: str
) -> None:
    words = {"title": "Letting go", "policies": []}
    url = f"/api/v1/interviews/{card.interview_id}/card/"
    assert client_of(participant).put(url, words, headers={"If-Match": seen}).status_code == 400


def test_other_peoples_cards_are_not_there(
    card: ValuesCard, other_participant: Participant, client_of: Callable[[Actor], APIClient]
) -> None:
    client, url = client_of(other_participant), f"/api/v1/interviews/{card.interview_id}/card/"
    assert client.get(url).status_code == client.post(url).status_code == 404
    assert client.post(f"{url}confirm/", {"fidelity": 5}).status_code == 404
