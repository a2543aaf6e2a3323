"""Nearly equal values meet, a person decides, and everything can be undone."""

import pytest

from core.models import User
from elicitation import deduplication, values, withdrawal
from elicitation.algorithms.similarity import GROUPED_FROM
from elicitation.deduplication import SameValue
from elicitation.models import CanonicalValue, DeduplicationRun, MergeCandidate, Study, ValuesCard
from llm_client import FakeLLM, LLMUnavailable
from tests.people import card_of, join, value_in

pytestmark = pytest.mark.django_db

SAME = SameValue(
    fully_captures=True, same_attention=True, same_design=True, difference_is_oversight=True, same_granularity=True,
    reason="Both watch for choice.",
)  # fmt: skip


@pytest.fixture
def pair(study: Study) -> list[CanonicalValue]:
    """Two nearly equal values, and one that is about something else."""
    lines = ["MOMENTS when someone can still choose the next step", "SIGNS that someone feels watched"]
    near = [value_in(study, title=title, policies=lines) for title in ("Letting go", "Letting go together")]
    value_in(study, title="Clean water", policies=["RIVERS that fish can live in"])
    return near


def test_near_values_are_proposed_and_nothing_is_merged(study: Study, pair: list[CanonicalValue]) -> None:
    run = deduplication.propose(study)
    (candidate,) = run.candidates.all()
    assert [candidate.first, candidate.second] == pair and candidate.similarity > 0.5
    assert deduplication.projection(study) == {}


def test_a_pair_is_proposed_once(study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.propose(study)
    deduplication.propose(study)
    assert MergeCandidate.objects.count() == 1


def test_a_models_judgement_is_kept_as_a_reason_for_the_person_who_decides(
    study: Study, pair: list[CanonicalValue]
) -> None:
    deduplication.propose(study, llm=FakeLLM([SAME]))
    assert MergeCandidate.objects.get().reason == "Same: Both watch for choice."


def test_a_model_says_what_differs_before_it_judges() -> None:
    assert next(iter(SameValue.model_json_schema()["properties"])) == "reason"


def test_one_no_of_five_means_different(study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.propose(study, llm=FakeLLM([SAME.model_copy(update={"same_granularity": False})]))
    assert MergeCandidate.objects.get().reason.startswith("Different: ")


def test_an_outage_is_never_different(study: Study, pair: list[CanonicalValue]) -> None:
    with pytest.raises(LLMUnavailable):
        deduplication.propose(study, llm=FakeLLM([LLMUnavailable("down")]))
    assert not MergeCandidate.objects.exists()


def test_an_outage_keeps_the_pairs_that_were_judged(study: Study, pair: list[CanonicalValue]) -> None:
    value_in(study, title="Letting go", policies=pair[0].policies)
    with pytest.raises(LLMUnavailable):
        deduplication.propose(study, llm=FakeLLM([SAME, LLMUnavailable("down"), LLMUnavailable("down")]))
    assert MergeCandidate.objects.get().reason.startswith("Same: ")
    assert deduplication.propose(study, llm=FakeLLM([SAME, SAME])).candidates.count() == 3


def test_a_pair_that_the_model_cannot_judge_waits_for_a_person(study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.propose(study, llm=FakeLLM(["I'd rather not.", "No."]))
    assert MergeCandidate.objects.get().reason == "The model gave no usable answer about these two."


def test_merging_counts_the_smaller_value_as_the_larger(study: Study, pair: list[CanonicalValue]) -> None:
    for _person in range(2):
        card_of(join(study), title="Held by two")
    held = CanonicalValue.objects.filter(title="Held by two").order_by("number")
    deduplication.merge(study, held)
    deduplication.merge(study, [pair[0], held[0]])
    assert deduplication.projection(study) == {pair[0].id: held[0].id, held[1].id: held[0].id}


def test_a_decision_counts_once(study: Study, pair: list[CanonicalValue], facilitator: User) -> None:
    candidate = deduplication.propose(study).candidates.get()
    deduplication.decide(candidate, "keep", facilitator)
    deduplication.decide(candidate, "merge", facilitator)
    assert deduplication.projection(study) == {}
    assert MergeCandidate.objects.get().decided_by == facilitator


def test_merging_moves_open_candidates_along(study: Study, pair: list[CanonicalValue], facilitator: User) -> None:
    third = value_in(study, title="Letting go", policies=pair[0].policies)
    run = deduplication.propose(study)
    deduplication.decide(run.candidates.filter(second=third).first() or run.candidates.all()[0], "merge", facilitator)
    active = deduplication.active_run(study)
    assert active.candidates.filter(decision="").count() == 2


def test_a_merge_can_be_undone_and_newer_cards_stay(study: Study, pair: list[CanonicalValue]) -> None:
    merged = deduplication.merge(study, pair)
    person = join(study)
    card_of(person, title="Came later")
    deduplication.undo(merged)
    assert deduplication.projection(study) == {}
    own = values.own_value(person)
    assert own is not None and own.title == "Came later"
    assert DeduplicationRun.objects.filter(is_active=True).count() == 1


def test_a_merged_value_can_be_split_off_again(study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.merge(study, pair)
    deduplication.split(study, pair[1])
    assert deduplication.projection(study) == {}


def test_what_cannot_be_merged_split_or_undone_is_refused(
    study: Study, other_study: Study, pair: list[CanonicalValue]
) -> None:
    with pytest.raises(ValueError):
        deduplication.merge(study, [pair[0], value_in(other_study)])
    with pytest.raises(ValueError):
        deduplication.split(study, pair[0])
    with pytest.raises(ValueError):
        deduplication.undo(deduplication.active_run(study))


def test_merging_two_that_count_as_one_already_is_a_decision_like_any_other(
    study: Study, pair: list[CanonicalValue], facilitator: User
) -> None:
    value_in(study, title="Letting go", policies=pair[0].policies)
    for _place in range(3):
        waiting = deduplication.propose(study).candidates.filter(decision="")
        deduplication.decide(waiting[0], "merge", facilitator)
    assert len(deduplication.projection(study)) == 2
    assert not MergeCandidate.objects.filter(decision="").exists()


def test_after_an_undo_the_pair_waits_for_a_decision_again(
    study: Study, pair: list[CanonicalValue], facilitator: User
) -> None:
    candidate = deduplication.propose(study).candidates.get()
    deduplication.decide(candidate, "merge", facilitator)
    before = deduplication.undo(deduplication.active_run(study))
    waiting = before.candidates.get(decision="")
    deduplication.decide(waiting, "merge", facilitator)
    assert len(deduplication.projection(study)) == 1


def test_a_card_that_changed_after_a_merge_keeps_its_new_value_when_the_merge_is_undone(
    study: Study, pair: list[CanonicalValue]
) -> None:
    person = join(study)
    card = card_of(person, title="As it was")
    merged = deduplication.merge(study, pair)
    card.title = "As it is now"
    card.save()
    values.adopt_card(card)
    deduplication.undo(merged)
    own = values.own_value(person)
    assert own is not None and own.title == "As it is now"


def test_only_the_run_that_counts_now_can_be_undone(study: Study, pair: list[CanonicalValue]) -> None:
    first = deduplication.merge(study, pair)
    second = deduplication.merge(study, [pair[0], value_in(study, title="A third")])
    with pytest.raises(ValueError, match="counts now"):
        deduplication.undo(first)
    assert deduplication.undo(second) == first


def test_the_judges_five_answers_are_kept_as_data(study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.propose(study, llm=FakeLLM([SAME.model_copy(update={"same_granularity": False})]))
    assert MergeCandidate.objects.get().judgement == {
        "fully_captures": True, "same_attention": True, "same_design": True, "difference_is_oversight": True,
        "same_granularity": False,
    }  # fmt: skip


def test_a_decision_can_be_taken_back(study: Study, pair: list[CanonicalValue], facilitator: User) -> None:
    candidate = deduplication.propose(study).candidates.get()
    for decision in ("keep", "merge"):
        deduplication.decide(candidate, decision, facilitator)
        deduplication.take_back(candidate)
        assert [c.id for c in deduplication.waiting(study)] == [candidate.id]
        assert deduplication.projection(study) == {}


def test_a_merge_under_a_later_change_is_not_taken_back(
    study: Study, pair: list[CanonicalValue], facilitator: User
) -> None:
    candidate = deduplication.propose(study).candidates.get()
    deduplication.decide(candidate, "merge", facilitator)
    deduplication.merge(study, [pair[0], value_in(study, title="A third")])
    with pytest.raises(ValueError, match="undo that first"):
        deduplication.take_back(candidate)


# a whole grouping


@pytest.fixture
def proposed(study: Study, pair: list[CanonicalValue]) -> DeduplicationRun:
    """A proposed grouping of three nearly equal values."""
    value_in(study, title="Letting go", policies=pair[0].policies)
    deduplication.propose(study)
    run = deduplication.proposed_run(study)
    assert run is not None
    return run


def grouped(run: DeduplicationRun) -> list[list[str]]:
    return [[value.title for value in group] for group in deduplication.proposed_groups(run)]


def test_a_search_proposes_a_grouping_that_does_not_count_yet(study: Study, proposed: DeduplicationRun) -> None:
    assert grouped(proposed) == [["Letting go", "Letting go together", "Letting go"]]
    assert proposed.parameters["least"] == GROUPED_FROM
    assert not proposed.is_active and deduplication.projection(study) == {}


def test_a_new_search_replaces_the_grouping_that_was_proposed(study: Study, proposed: DeduplicationRun) -> None:
    deduplication.propose(study)
    assert study.deduplication_runs.filter(state="proposed").count() == 1


def test_a_grouping_counts_once_it_is_accepted_and_is_undone_as_a_whole(
    study: Study, pair: list[CanonicalValue], proposed: DeduplicationRun
) -> None:
    run = deduplication.accept(proposed)
    assert set(deduplication.projection(study).values()) == {pair[0].id} and run.method == "similarity"
    assert deduplication.proposed_run(study) is None
    deduplication.undo(run)
    assert deduplication.projection(study) == {}


def test_a_grouping_is_accepted_once(proposed: DeduplicationRun) -> None:
    deduplication.accept(proposed)
    with pytest.raises(ValueError, match="not proposed"):
        deduplication.accept(proposed)


def test_what_is_taken_out_of_a_grouping_stays_apart(
    study: Study, pair: list[CanonicalValue], proposed: DeduplicationRun
) -> None:
    deduplication.take_out(proposed, pair[0])
    assert grouped(proposed) == [["Letting go together", "Letting go"]]
    deduplication.accept(proposed)
    assert list(deduplication.projection(study).values()) == [pair[1].id]


def test_what_was_kept_apart_is_in_no_proposed_group(
    study: Study, pair: list[CanonicalValue], facilitator: User
) -> None:
    deduplication.decide(deduplication.propose(study).candidates.get(), "keep", facilitator)
    deduplication.propose(study)
    assert deduplication.proposed_run(study) is None


def test_what_a_model_judged_different_is_in_no_proposed_group(study: Study, pair: list[CanonicalValue]) -> None:
    deduplication.propose(study, llm=FakeLLM([SAME.model_copy(update={"same_design": False})]))
    assert deduplication.proposed_run(study) is None


def test_a_grouping_that_met_another_merge_meanwhile_counts_every_value_once(
    study: Study, pair: list[CanonicalValue], proposed: DeduplicationRun
) -> None:
    water = [value_in(study, title="Rivers", policies=["RIVERS that fish can live in"]) for _n in range(2)]
    deduplication.propose(study)
    run = deduplication.proposed_run(study)
    assert run is not None and len(grouped(run)) == 2
    deduplication.merge(study, [pair[1], water[0]])
    deduplication.accept(run)
    targets = deduplication.projection(study)
    assert len(set(targets.values())) == 1 and not set(targets) & set(targets.values())


# splitting


def test_the_value_that_the_others_count_as_can_be_split_off_too(study: Study, pair: list[CanonicalValue]) -> None:
    third = value_in(study, title="A third")
    deduplication.merge(study, [*pair, third])
    deduplication.split(study, pair[0])
    assert deduplication.projection(study) == {third.id: pair[1].id}


@pytest.fixture
def shared(study: Study) -> list[ValuesCard]:
    """Two cards that an import counts as one value."""
    cards = [card_of(join(study), title=title) for title in ("Mine", "Theirs")]
    run = deduplication.active_run(study)
    value = run.members.get(card=cards[0]).value
    run.members.filter(card=cards[1]).update(value=value)
    return cards


def test_a_card_can_be_split_off_a_value_that_it_shares(study: Study, shared: list[ValuesCard]) -> None:
    deduplication.split_card(study, shared[1])
    titles = [own.title for card in shared if card.participant and (own := values.own_value(card.participant))]
    assert titles == ["Mine", "Theirs"]


def test_votes_on_a_card_that_was_split_off_follow_when_that_is_undone(study: Study, shared: list[ValuesCard]) -> None:
    run = deduplication.split_card(study, shared[1])
    own = run.members.get(card=shared[1]).value
    deduplication.undo(run)
    assert (
        deduplication.grouping(deduplication.active_run(study))[shared[1].id]
        == (deduplication.projection(study)[own.id])
    )
    assert own not in values.counted_values(study)


def test_a_card_that_is_a_value_of_its_own_is_split_off_a_merge(study: Study) -> None:
    cards = [card_of(join(study), title=title) for title in ("Mine", "Theirs")]
    deduplication.merge(study, CanonicalValue.objects.filter(title__in=("Mine", "Theirs")))
    deduplication.split_card(study, cards[1])
    assert deduplication.projection(study) == {}
    with pytest.raises(ValueError):
        deduplication.split_card(study, cards[1])


# history


def test_going_back_undoes_every_later_change(study: Study, pair: list[CanonicalValue]) -> None:
    first = deduplication.active_run(study)
    deduplication.merge(study, pair)
    deduplication.merge(study, [pair[0], value_in(study, title="A third")])
    assert [run.number for run in deduplication.history(study)] == [3, 2, 1]
    deduplication.go_back(first)
    assert deduplication.projection(study) == {} and deduplication.history(study) == [first]


def test_one_cannot_go_back_to_what_never_was(study: Study, proposed: DeduplicationRun) -> None:
    deduplication.merge(study, CanonicalValue.objects.filter(title="Letting go"))
    with pytest.raises(ValueError):
        deduplication.go_back(proposed)
    assert len(deduplication.projection(study)) == 1


def test_when_the_one_whose_value_others_count_as_leaves_the_others_stay_together(study: Study) -> None:
    people = [join(study) for _n in range(3)]
    for person in people:
        card_of(person, title=f"Card {person.number}")
    deduplication.merge(study, CanonicalValue.objects.filter(study=study))
    withdrawal.withdraw(people[0])
    own = {value.title for person in people[1:] if (value := values.own_value(person))}
    assert own == {"Card 2"}
    assert [value.title for value in values.counted_values(study)] == ["Card 2"]
