"""Upgrade stories: both directions, held back where they are weak, and honest pairs where no model writes."""

import pytest

from core.ledger import DatabaseLedger
from elicitation import stories
from elicitation.models import CanonicalValue, Question, Study, UpgradeStory
from llm_client import FakeLLM, LLMBadAnswer, LLMUnavailable
from tests.people import value_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(study: Study) -> list[CanonicalValue]:
    study.contexts.get(number=2).delete()
    return [value_in(study, title=title) for title in ("Care", "Patience")]


def written(grade: str = "A", becomes: str = "none", how: str = "is lost") -> dict[str, object]:
    mapping = {"line_1": {"becomes": becomes, "how": how}}
    return {"was_really_about": "being heard", "mapping": mapping, "story": "I used to wait.", "grade": grade}


def test_without_a_model_pairs_are_proposed_in_both_directions(study: Study, two: list[CanonicalValue]) -> None:
    made = stories.propose_stories(study)
    assert {(s.from_value, s.to_value) for s in made} == {(two[0], two[1]), (two[1], two[0])}
    assert {(s.origin, s.text, s.state) for s in made} == {("pair", "", "proposed")}


def test_asking_again_adds_only_what_is_new(study: Study, two: list[CanonicalValue]) -> None:
    stories.propose_stories(study)
    assert stories.propose_stories(study) == []
    value_in(study, title="Courage")
    assert len(stories.propose_stories(study)) == 4


def test_a_study_that_needs_no_review_uses_them_at_once(study: Study, two: list[CanonicalValue]) -> None:
    study.settings = {"stories_need_review": False}
    study.save()
    assert {story.state for story in stories.propose_stories(study)} == {"approved"}


def test_a_models_story_keeps_its_mapping_grade_and_call(study: Study, two: list[CanonicalValue]) -> None:
    llm = FakeLLM([written(), written("F")], ledger=DatabaseLedger())
    good, weak = stories.propose_stories(study, llm=llm)
    assert (good.origin, good.grade, good.state) == ("model", "A", "proposed")
    assert good.mapping[0]["to"] is None and good.llm_call is not None
    assert weak.state == "archived"


@pytest.mark.parametrize(
    ("becomes", "how", "stored"),
    [
        ("line_1", "saw only a part", ("SIGNS that someone is not heard", "saw only a part")),
        ("line_1", "stays as it is", ("SIGNS that someone is not heard", "stays as it is")),
        ("none", "saw only a part", (None, "is lost")),
        ("line_1", "is lost", (None, "is lost")),
    ],
)
def test_every_line_is_mapped_to_one_that_is_there_or_lost(
    study: Study, two: list[CanonicalValue], becomes: str, how: str, stored: tuple[str | None, str]
) -> None:
    llm = FakeLLM([written("A", becomes, how)] * 2, ledger=DatabaseLedger())
    (mapped,) = stories.propose_stories(study, llm=llm)[0].mapping
    assert (mapped["from"], mapped["to"], mapped["how"]) == (two[0].policies[0], *stored)


@pytest.mark.parametrize(
    "mapping",
    [{}, {"line_1": {"becomes": "line_2", "how": "is lost"}}, {"line_9": {"becomes": "none", "how": "is lost"}}],
)
def test_lines_that_are_not_there_are_a_bad_answer(
    study: Study, two: list[CanonicalValue], mapping: dict[str, object]
) -> None:
    made_up = written() | {"mapping": mapping}
    with pytest.raises(LLMBadAnswer):
        stories.propose_stories(study, llm=FakeLLM([made_up] * 4, ledger=DatabaseLedger()))
    assert not UpgradeStory.objects.exists()


def test_an_outage_keeps_what_was_written_and_writes_nothing_else(study: Study, two: list[CanonicalValue]) -> None:
    with pytest.raises(LLMUnavailable):
        stories.propose_stories(study, llm=FakeLLM([written(), LLMUnavailable("down")], ledger=DatabaseLedger()))
    assert UpgradeStory.objects.count() == 1


def test_values_meet_only_in_contexts_of_their_own_question(study: Study, two: list[CanonicalValue]) -> None:
    elsewhere = Question.objects.create(study=study, number=2, text="Another?")
    CanonicalValue.objects.update(question=elsewhere)
    assert stories.propose_stories(study) == []


def test_stories_are_put_to_use_and_archived(study: Study, two: list[CanonicalValue]) -> None:
    made = stories.propose_stories(study)
    assert stories.approve(made) == 2 and stories.approve(made) == 0
    assert stories.archive(made[:1]) == 1
    assert sorted(UpgradeStory.objects.values_list("state", flat=True)) == ["approved", "archived"]


def test_the_difference_of_two_values_is_in_plain_lines(study: Study) -> None:
    first = value_in(study, policies=["SIGNS that someone is not heard", "MOMENTS of rest"])
    second = value_in(study, policies=["SIGNS that someone is heard", "RIVERS with fish"])
    story = UpgradeStory(study=study, from_value=first, to_value=second)
    found = stories.difference(story)
    assert found.shared == [("SIGNS that someone is not heard", "SIGNS that someone is heard")]
    assert (found.only_first, found.only_second) == (["MOMENTS of rest"], ["RIVERS with fish"])
