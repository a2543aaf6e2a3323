"""The whole walk with a fake model: from the first turn of a talk to a constitution that is pulled over REST."""

import hashlib

import pytest
from rest_framework.test import APIClient

from constitutions.extraction import extract
from constitutions.publishing import publish as publish_constitution
from core.ledger import DatabaseLedger
from core.models import LLMCall
from elicitation import (
    cards,
    comparisons,
    deduplication,
    draws,
    interviews,
    participation,
    picks,
    stories,
    values,
    votes,
)
from elicitation.cards import CardDraft, PolicyDraft, QuoteDraft
from elicitation.deduplication import SameValue
from elicitation.interviews import NextTurn
from elicitation.models import Context, Participant, Question, Study
from graphs.building import build_graph
from graphs.building import publish as publish_graph
from llm_client import Asked, FakeLLM
from llm_client.fake import Said
from tests.people import join

pytestmark = pytest.mark.django_db

# What two kinds of people say, and the line that a model reads in it.
TALKS = {
    "Keeping safe": ("My uncle drove into a fence. A child had stood there.", "DANGERS that someone no longer sees"),
    "Letting go": ("Grandpa picked the day himself. He was proud.", "MOMENTS when someone can still choose"),
}
CONTEXT = "When someone loses a freedom"


def answer(asked: Asked) -> Said:
    """Speak as a model that does its work: it asks once more, drafts a card from what was said, judges and tells."""
    match asked.purpose:
        case "interview":
            return NextTurn(say="What did you look for there?", stage="attention", next="ask", worry=False)
        case "articulate_card":
            title = next(title for title, (said, _line) in TALKS.items() if said in asked.user)
            said, line = TALKS[title]
            invented = QuoteDraft(turn=2, text="Nobody ever said this.")
            policy = PolicyDraft(text=line, quotes=[QuoteDraft(turn=2, text=said), invented])
            return CardDraft(title=title, description="", policies=[policy])
        case "same_value":
            return SameValue(
                fully_captures=True, same_attention=True, same_design=True, difference_is_oversight=True,
                same_granularity=True, reason="Nothing differs.",
            )  # fmt: skip
        case "upgrade_story":
            is_rise = asked.user.index(TALKS["Keeping safe"][1]) < asked.user.index(TALKS["Letting go"][1])
            return {
                "was_really_about": "Care.",
                "mapping": {"line_1": {"becomes": "line_1", "how": "saw only a part"}},
                "story": "I used to look for danger.",
                "grade": "A" if is_rise else "F",
            }
    raise AssertionError(f"nobody should ask for {asked.purpose}")


def take_part(study: Study, kind: str, llm: FakeLLM) -> Participant:
    person = join(study)
    interview = interviews.begin_interview(person, Question.objects.get(study=study), llm=llm)
    interviews.add_turn(interview, TALKS[kind][0], llm=llm)
    interviews.end_talk(interview)
    card = cards.articulate_card(interview, llm=llm)
    cards.confirm_card(card, fidelity=5, revision=card.revision)
    return person


def test_from_the_first_turn_to_a_constitution_over_rest(study: Study) -> None:
    Study.objects.update(is_listed=True)
    study.refresh_from_db()
    Context.objects.exclude(text=CONTEXT).delete()
    llm = FakeLLM(answer, ledger=DatabaseLedger(study.scope_key))

    # eight people talk and confirm their cards; a quote that nobody said is dropped
    people = [take_part(study, kind, llm) for kind in 4 * list(TALKS)]
    assert [policy["quotes"] for policy in study.cards.earliest("number").policies] == [
        [{"turn": 2, "text": TALKS["Keeping safe"][0].rstrip(".")}]
    ]

    # equal values meet: a model gives its reason, a person decides
    run = deduplication.propose(study, llm=llm)
    assert {candidate.reason for candidate in run.candidates.all()} == {"Same: Nothing differs."}
    while candidate := deduplication.active_run(study).candidates.filter(decision="").first():
        deduplication.decide(candidate, "merge", None)
    assert sorted(v.title for v in values.counted_values(study)) == ["Keeping safe", "Letting go"]

    # both directions are written, the one that is no upgrade is held back, a person lets the other in
    assert sorted(s.state for s in stories.propose_stories(study, llm=llm)) == ["archived", "proposed"]
    stories.approve(study.stories.filter(state="proposed"))

    # people pick others' values, and judge what was drawn for them
    for person in people:
        shown = picks.draw_values(person)
        picks.save_picks(shown, [exposure.value_id for exposure in shown.exposures.all()])
        for item in draws.draw_stories(person).items.all():
            votes.cast_wisdom_vote(person, item, answer="upgrade", comment="It holds more.")
        participation.finish(person)
    assert study.wisdom_votes.count() == len(people)

    # and say which of two answers is better
    dataset = comparisons.dataset_of(study)
    for place in range(12):
        better = f"What has he said about it himself, and which step is his to choose in week {place}?"
        made = comparisons.add_comparison(
            dataset,
            prompt=f"Should I take his keys, {place}?",
            text_a=better,
            text_b=f"Take them. Rule {place} says so.",
        )
        for person in people[:3]:
            comparisons.annotate(made, participant=person, answer="a", order_shown="ab")

    snapshot = build_graph(study)
    publish_graph(snapshot)
    version = publish_constitution(extract(study=study, dataset=dataset), slug="freedom", title="Freedom")

    # a developer pulls both without a key
    client = APIClient()
    graph = client.get(f"/api/v1/studies/{study.slug}/graphs/latest/", {"export": "mge"}).json()
    (edge,) = graph["edges"]
    assert (edge["counts"]["markedWiser"], edge["contexts"]) == (8, [CONTEXT])
    assert client.get("/api/v1/constitutions/").json()["results"][0]["slug"] == "freedom"
    latest = "/api/v1/constitutions/freedom/latest/"
    pulled = client.get(latest)
    assert hashlib.sha256(pulled.content).hexdigest() == version.sha256
    assert pulled.json()["principles"]
    assert client.get(latest, headers={"If-None-Match": pulled["ETag"]}).status_code == 304
    for form in ("prompt", "markdown"):
        assert TALKS["Letting go"][1] in client.get(latest, {"export": form}).content.decode()

    # every call to the model is in the ledger, and what was known already was not asked again
    assert {call.outcome for call in LLMCall.objects.all()} <= {"ok", "cached"}
    assert LLMCall.objects.filter(outcome="ok").count() == len(llm.asked)
