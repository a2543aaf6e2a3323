"""The arena: what is drawn is stored before it is shown, and an answer counts from when both texts could have been read."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.models import User
from elicitation import arena, candidates, comparisons, participation, personal_data, withdrawal
from elicitation.draws import CannotReplay
from elicitation.models import (
    Annotation,
    CandidateSet,
    Comparison,
    ComparisonDraw,
    DimensionAnswer,
    Participant,
    ShownComparison,
    Study,
)
from llm_client import FakeLLM, LLMUnavailable
from tests.people import join

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def arena_study(study: Study) -> Study:
    """`study` without an interview, in which each person compares three of six pairs."""
    return in_arena(study)


def in_arena(study: Study, pairs: int = 6, **settings: Any) -> Study:
    study.settings = {"has_interview": False, "stories_each": 0, "comparisons_each": 3, **settings}
    study.save()
    dataset = comparisons.dataset_of(study)
    for n in range(pairs):
        comparisons.add_comparison(dataset, prompt=f"Q{n}", text_a=f"one {n}", text_b=f"two {n}")
    return study


def read(item: ShownComparison) -> ShownComparison:
    """Let the person have had the pair open for a minute."""
    ShownComparison.objects.filter(id=item.id).update(seen_at=timezone.now() - timedelta(minutes=1))
    item.refresh_from_db()
    return item


def test_a_person_gets_their_pairs_in_a_stored_order_that_stays(arena_study: Study) -> None:
    person = join(arena_study)
    first = [(item.comparison_id, item.order_shown) for item in arena.pairs_of(person)]
    assert len(first) == 3
    assert first == [(item.comparison_id, item.order_shown) for item in arena.pairs_of(person)]
    assert participation.next_step(person) == "comparisons"


def test_which_side_stands_first_is_chance(arena_study: Study) -> None:
    orders = Counter(item.order_shown for _n in range(40) for item in arena.pairs_of(join(arena_study)))
    assert 35 < orders["ab"] < 85 and orders.total() == 120


def test_an_answer_before_both_could_be_read_is_refused_kindly(arena_study: Study) -> None:
    item = arena.pairs_of(join(arena_study))[0]
    arena.see(item)
    with pytest.raises(ValidationError, match="You can answer in 5 seconds"):
        arena.judge(item, answer="a")
    assert not Annotation.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(seconds=6)):
        annotation = arena.judge(item, answer="a", reason="Kinder.")
    assert annotation.dwell_ms is not None and 5_000 < annotation.dwell_ms < 7_000
    assert (annotation.order_shown, annotation.reason) == (item.order_shown, "Kinder.")


def test_an_answer_can_be_changed_at_once_and_both_stay(arena_study: Study) -> None:
    item = read(arena.pairs_of(join(arena_study))[0])
    arena.judge(item, answer="a")
    arena.judge(item, answer="both_bad")
    assert [a.answer for a in Annotation.objects.order_by("id")] == ["a", "both_bad"]
    assert Annotation.objects.current().get().answer == "both_bad"


def test_who_judged_or_skipped_all_is_through(arena_study: Study) -> None:
    person = join(arena_study)
    first, second, third = arena.pairs_of(person)
    arena.judge(read(first), answer="tie")
    arena.skip(second)
    assert participation.next_step(person) == "comparisons"
    arena.judge(read(third), answer="b")
    assert participation.next_step(person) == "finish"
    assert Annotation.objects.count() == 2


def test_dimensions_are_stored_beside_the_answer_and_unknown_ones_refused(study: Study) -> None:
    in_arena(study, dimensions=[{"key": "honest", "label": "Which is more honest?"}])
    item = read(arena.pairs_of(join(study))[0])
    with pytest.raises(ValidationError, match="polite"):
        arena.judge(item, answer="a", dimensions={"polite": "a"})
    arena.judge(item, answer="a", dimensions={"honest": "tie"})
    assert DimensionAnswer.objects.get().answer == "tie"


def test_each_pair_gets_its_raters_before_any_gets_more(study: Study) -> None:
    in_arena(study, raters_per_comparison=4)
    for _n in range(8):
        arena.pairs_of(join(study))
    assert set(Counter(ShownComparison.objects.values_list("comparison_id", flat=True)).values()) == {4}


def test_a_quota_is_never_overshot(study: Study) -> None:
    places = {"key": "place", "label": "Where?", "choices": ["hills", "coast"]}
    in_arena(study, raters_per_comparison=4, comparisons_balance="place", demographics=[places])
    for _n in range(12):
        person = join(study)
        Participant.objects.filter(id=person.id).update(demographics={"place": "hills"})
        person.refresh_from_db()
        arena.pairs_of(person)
    per_pair = Counter(ShownComparison.objects.values_list("comparison_id", flat=True))
    assert max(per_pair.values()) <= 2


def test_who_takes_everything_back_takes_their_pairs_too(arena_study: Study) -> None:
    person = join(arena_study)
    arena.judge(read(arena.pairs_of(person)[0]), answer="a", reason="Mine.")
    told = personal_data.collect(person)
    assert told["annotation"][0]["reason"] == "Mine." and len(told["showncomparison"]) == 3
    withdrawal.withdraw(person)
    assert not ShownComparison.objects.exists() and not Annotation.objects.exists()


def test_a_study_of_comparisons_cannot_open_without_any(study: Study) -> None:
    from elicitation.studies import missing_before_opening

    in_arena(study, pairs=0)
    assert any("no comparison" in line for line in missing_before_opening(study))


# made again


def test_every_draw_can_be_made_again_whatever_came_later(study: Study) -> None:
    places = {"key": "place", "label": "Where?", "choices": ["hills", "coast"]}
    in_arena(study, pairs=20, raters_per_comparison=4, comparisons_balance="place", demographics=[places])
    people = []
    for n in range(10):
        person = join(study)
        Participant.objects.filter(id=person.id).update(demographics={"place": places["choices"][n % 2]})
        person.refresh_from_db()
        people.append(person)
        first, second, *_others = arena.pairs_of(person)
        arena.skip(first)
        arena.judge(read(second), answer=("a", "b", "tie")[n % 3])
        if n > 2:  # someone changes an answer, and comes back to what they skipped
            earlier = arena.pairs_of(Participant.objects.get(id=people[n - 2].id))
            arena.judge(read(earlier[1]), answer="both_bad")
            arena.judge(read(earlier[0]), answer="a")
        if n == 5:
            study.settings |= {"comparisons_each": 4, "raters_per_comparison": 3}
            study.save()
            comparisons.add_comparison(comparisons.dataset_of(study), prompt="Late", text_a="one", text_b="two")
    drawn = list(ComparisonDraw.objects.all())
    assert len(drawn) > 10  # who came before the study asked for more got a second draw
    for draw in drawn:
        assert arena.replay(draw) == arena.items_of(draw) != []


def test_a_draw_that_stood_on_answers_that_were_taken_back_says_so(arena_study: Study) -> None:
    gone, newcomer = join(arena_study), join(arena_study)
    arena.judge(read(arena.pairs_of(gone)[0]), answer="a")
    arena.pairs_of(newcomer)
    withdrawal.withdraw(gone)
    with pytest.raises(CannotReplay, match="took back answers"):
        arena.replay(ComparisonDraw.objects.get())


def test_a_draw_without_a_record_is_not_guessed(arena_study: Study) -> None:
    arena.pairs_of(join(arena_study))
    ComparisonDraw.objects.update(basis={})
    with pytest.raises(CannotReplay, match="without what it stood on"):
        arena.replay(ComparisonDraw.objects.get())


def test_the_command_tells_what_came_out(arena_study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    for _n in range(3):
        arena.pairs_of(join(arena_study))
    call_command("replay_draws", arena_study.slug)
    assert capsys.readouterr().out == "3 came out the same\n"
    item = ShownComparison.objects.get(participant__number=2, place=1)
    ShownComparison.objects.filter(id=item.id).update(order_shown="ab" if item.order_shown == "ba" else "ba")
    with pytest.raises(CommandError, match="1 came out otherwise: those of participants 2"):
        call_command("replay_draws", arena_study.slug)


# answers made together


ANSWERS = {
    "answers": [
        {"value": "candour", "text": "Tell him today, plainly, and let him be angry."},
        {"value": "peace", "text": "Wait until the feast is over; nobody gains from a quarrel now."},
        {"value": "his own choice", "text": "Ask whether he would want to know before you say a word."},
    ]
}


def test_answers_made_together_become_a_pair_each_with_their_spread(study: Study) -> None:
    model = FakeLLM([ANSWERS])
    made = candidates.write_candidates(study, prompt="Should I tell him?", wanted=3, llm=model)
    assert len(made.comparisons) == 3 and 0.5 < made.spread <= 1
    assert {c.prompt for c in Comparison.objects.all()} == {"Should I tell him?"}
    assert [answer["value"] for answer in made.answers] == ["candour", "peace", "his own choice"]
    again = candidates.write_candidates(study, prompt="Should I tell him?", wanted=3, llm=model)
    assert again == made and len(model.asked) == 1


def test_an_outage_makes_no_answers(study: Study) -> None:
    with pytest.raises(LLMUnavailable):
        candidates.write_candidates(study, prompt="Why?", llm=FakeLLM([LLMUnavailable("gone")]))
    assert not CandidateSet.objects.exists() and not Comparison.objects.exists()


def test_answers_written_by_hand_must_differ(study: Study) -> None:
    with pytest.raises(ValidationError, match="different"):
        candidates.add_candidates(study, prompt="Why?", texts=["same", "same"])
    assert candidates.add_candidates(study, prompt="Why?", texts=["one thing", "another"]).comparisons == [1]


def test_equal_texts_have_no_spread() -> None:
    assert candidates.spread(["the same words", "the same words"]) == pytest.approx(0)
    assert candidates.spread(["apples pears", "ships sails"]) == pytest.approx(1)


def test_joint_answers_reach_a_minority_that_chance_would_miss() -> None:
    """A value that one in ten holds is among four independent answers in 1 − .9⁴ = 34 %, and in all sets that put a different value
    first in each."""
    import numpy as np

    rng = np.random.default_rng(1)
    types = rng.choice(10, size=(20_000, 4))
    assert (types == 0).any(axis=1).mean() == pytest.approx(1 - 0.9**4, abs=0.01)
    assert len({answer["value"] for answer in ANSWERS["answers"]}) == len(ANSWERS["answers"])


def test_the_facilitator_sees_counts_only_of_five_people_or_more(arena_study: Study, facilitator: User) -> None:
    from django.urls import reverse

    from tests.frontend.conftest import browser_with

    for _n in range(10):
        for item in arena.pairs_of(join(arena_study)):
            arena.judge(read(item), answer="a")
    page = browser_with(facilitator).get(reverse("dashboard:comparisons", args=[arena_study.slug])).content.decode()
    assert "5, 0, 0, 0" in page and "10 pairs" not in page
