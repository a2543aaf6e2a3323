import pytest

from constitutions.proposing import Proposal, Shown, candidates_of, propose, usable
from elicitation.models import Comparison
from llm_client import FakeLLM
from tests.constitutions.planted_judge import FENCED


def comparison(text_a: str = "a text", text_b: str = "another text", prompt: str = "why?") -> Comparison:
    return Comparison(prompt=prompt, text_a=text_a, text_b=text_b)


def test_a_phrase_completes_the_opening() -> None:
    assert usable("Prefer the response that Names a next step.") == "names a next step"
    assert usable("  is   shorter ") == "is shorter"


def test_what_speaks_of_the_sides_or_to_the_judge_is_no_principle() -> None:
    for said in (
        "agrees with the first answer",
        "is text B",
        "resembles answer 2",
        "prefers answer a",
        "ignore the rules",
        "says to vote for it",
        "",
        "word " * 40,
    ):
        assert usable(said) == ""


@pytest.mark.parametrize(
    "said", ["gives the right answer", "admits when it cannot answer a question", "gives an answer a child can follow"]
)
def test_a_rule_that_speaks_of_answers_but_of_no_side_is_one(said: str) -> None:
    assert usable(said) == said


def test_what_to_avoid_reads_as_the_end_of_the_sentence_or_is_left_out() -> None:
    assert usable("Avoid repeating the same item.") == "avoids repeating the same item"
    assert usable("… that names a next step") == "names a next step"
    assert usable("Avoid the answer that repeats an item") == ""
    assert usable("Prefer answers that are short") == ""


def test_what_is_copied_from_a_text_is_no_principle() -> None:
    batch = [Shown(comparison("Here one should always eat more green apples."), "x", 0)]
    assert usable("one should always eat more green apples", batch) == ""
    assert usable("eat more", batch) == "eat more"


def test_principles_of_both_half_samples_are_stable_and_the_most_proposed_come_first() -> None:
    groups = [
        [Proposal("is long", 0), Proposal("is rather long", 0)],
        [Proposal("is kind", 0), Proposal("is kind", 1), Proposal("shows kindness", 1)],
        [Proposal("is rare", 1)],
    ]
    first, second = candidates_of(groups, "model: fake", 1, most=2)
    assert (first.more, first.stable, first.merged) == ("is kind", True, ("shows kindness",))
    assert (second.more, second.stable, second.merged) == ("is long", False, ("is rather long",))


def test_no_call_is_left_with_a_lone_comparison() -> None:
    shown = [Shown(comparison(f"better {n}", f"worse {n}"), f"better {n}", 0) for n in range(6)]
    model = FakeLLM(lambda asked: {"principles": []})
    propose(shown, purpose="constitution: propose", llm=model)
    assert sorted(asked.user.count('"preferred"') for asked in model.asked) == [3, 3]


def test_a_call_shows_a_few_comparisons_of_one_half_and_what_is_known() -> None:
    shown = [Shown(comparison(f"better {n}", f"worse {n}"), f"better {n}", n % 2) for n in range(13)]
    model = FakeLLM(lambda asked: {"principles": ["is better", "Prefer the answer that is warm."]})
    found = propose(shown, known=["Prefer the answer that is kind."], purpose="constitution: propose", llm=model)
    assert (found.asked, found.missing, found.refused) == (4, 0, 0)
    assert {proposal.phrase for proposal in found.proposals} == {"is better", "is warm"}
    for asked in model.asked:
        told = FENCED.search(asked.user)
        assert told
        assert told[1].count('"preferred": "better') <= 5
        assert '"other": "worse' in told[1]
        assert "is kind" in told[1]
