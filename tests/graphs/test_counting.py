import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from elicitation import deduplication, withdrawal
from elicitation.models import CanonicalValue, Context, Participant, Study, WisdomVote
from graphs.algorithms.tally import Votes
from graphs.counting import Counted, Filters, count_votes, read_filters, votes_behind
from tests.people import join, value_in

pytestmark = pytest.mark.django_db
Values = list[CanonicalValue]
Cast = Callable[..., WisdomVote]
Crowd = Callable[..., list[Participant]]


def counted(study: Study, **filters: Any) -> Counted:
    return count_votes(study, read_filters(study, **filters))


def answers(study: Study, **filters: Any) -> list[tuple[int, int, int, str]]:
    return [(v.voter, v.source, v.target, v.answer) for v in counted(study, **filters).votes]


def ago(**since: int) -> datetime:
    return timezone.now() - timedelta(**since)


def test_votes_come_in_the_order_in_which_they_were_given(study: Study, values: Values, vote: Cast) -> None:
    second, first = join(study), join(study)
    vote(first, values[2], values[1], "not_sure")
    vote(second, values[0], values[1])
    assert answers(study) == [(2, 3, 2, "not_sure"), (1, 1, 2, "upgrade")]


def test_only_the_newest_answer_of_a_person_to_a_pair_counts(
    participant: Participant, values: Values, vote: Cast
) -> None:
    vote(participant, values[0], values[1], "upgrade")
    vote(participant, values[0], values[1], "no_upgrade")
    assert answers(participant.study) == [(1, 1, 2, "no_upgrade")]


def test_before_a_moment_an_answer_counts_that_was_changed_later(
    participant: Participant, values: Values, vote: Cast
) -> None:
    for hours, answer in ((3, "upgrade"), (2, "not_sure"), (1, "no_upgrade")):
        vote(participant, values[0], values[1], answer, at=ago(hours=hours))
    then = [answers(participant.study, before=ago(minutes=minutes).isoformat()) for minutes in (150, 90, 30)]
    assert [found[0][3] for found in then] == ["upgrade", "not_sure", "no_upgrade"]
    assert {len(found) for found in then} == {1}


def test_people_who_left_previews_and_simulated_people_do_not_count(study: Study, values: Values, vote: Cast) -> None:
    stays, leaves = join(study), join(study)
    for person in (stays, leaves, join(study, is_preview=True), join(study, is_simulated=True)):
        vote(person, values[0], values[1])
    withdrawal.withdraw(leaves)
    assert answers(study) == [(1, 1, 2, "upgrade")]


def test_people_whose_random_ids_begin_alike_are_told_apart(study: Study, values: Values, vote: Cast) -> None:
    ids = [uuid.UUID(f"0123456789abcdef00000000000000{end}") for end in ("02", "00", "01")]
    for number, key in enumerate(ids, 1):
        person = Participant.objects.create(id=key, study=study, number=number, is_preview=number == 3)
        vote(person, values[0], values[number % 2 + 1])
    assert answers(study) == [(1, 1, 3, "upgrade"), (2, 1, 2, "upgrade")]


def test_in_a_simulated_study_simulated_people_count(study: Study, values: Values, vote: Cast) -> None:
    Study.objects.filter(id=study.id).update(is_simulated=True)
    study.refresh_from_db()
    vote(join(study, is_simulated=True), values[0], values[1])
    assert len(answers(study)) == 1


def test_votes_count_as_merged_values_do(participant: Participant, values: Values, vote: Cast) -> None:
    vote(participant, values[0], values[2])
    vote(join(participant.study), values[1], values[2])
    deduplication.merge(participant.study, values[:2])
    assert answers(participant.study) == [(1, 1, 3, "upgrade"), (2, 1, 3, "upgrade")]


def test_a_vote_within_a_merged_value_is_left_out_and_told(
    participant: Participant, values: Values, vote: Cast
) -> None:
    vote(participant, values[0], values[1])
    vote(participant, values[0], values[2])
    deduplication.merge(participant.study, values[:2])
    found = counted(participant.study)
    assert (len(found.votes), found.merged) == (1, 1)


def test_a_person_has_one_vote_on_a_pair_that_a_merge_made_of_two(
    participant: Participant, values: Values, vote: Cast
) -> None:
    vote(participant, values[0], values[2], "upgrade")
    vote(participant, values[1], values[2], "no_upgrade")
    deduplication.merge(participant.study, values[:2])
    assert answers(participant.study) == [(1, 1, 3, "no_upgrade")]


def test_a_vote_on_an_archived_value_is_left_out_and_told(participant: Participant, values: Values, vote: Cast) -> None:
    vote(participant, values[0], values[1])
    vote(participant, values[0], values[2])
    CanonicalValue.objects.filter(id=values[2].id).update(is_archived=True)
    found = counted(participant.study)
    assert (len(found.votes), found.archived) == (1, 1)


def test_a_context_is_named_by_its_text(study: Study, values: Values, vote: Cast, participant: Participant) -> None:
    second = study.contexts.get(number=2)
    vote(participant, values[0], values[1])
    vote(participant, values[0], values[2], context=second)
    assert answers(study, context=second.text) == [(1, 1, 3, "upgrade")]


def test_a_question_counts_the_votes_in_its_contexts(
    study: Study, values: Values, vote: Cast, participant: Participant
) -> None:
    elsewhere = Context.objects.create(study=study, number=3, text="When nobody asks")
    vote(participant, values[0], values[1])
    vote(participant, values[0], values[2], context=elsewhere)
    assert answers(study, question="1") == [(1, 1, 2, "upgrade")]


def test_a_questions_own_id_comes_before_a_number(study: Study) -> None:
    asked = study.questions.get(number=1)
    other = study.questions.create(number=2, source_id="1", text="What else?")
    assert read_filters(study, question="1").question == other
    assert read_filters(study, question="2").question == other
    other.delete()
    assert read_filters(study, question="1").question == asked


@pytest.mark.parametrize(
    ("option", "given", "told"),
    [
        ("before", "yesterday", "no ISO time"),
        ("before", "2023-10-18T00:00:00", "lacks a time zone"),
        ("before", "0001-01-01T00:00:00+14:00", "no ISO time"),
        ("context", "When it rains", "When someone loses a freedom; When a family must decide"),
        ("question", "9", "There are: 1"),
        ("group", "party", "KEY=VALUE"),
        ("group", "party=Left", "The keys of these people are: age"),
    ],
)
def test_an_option_that_is_not_there_is_named_with_what_is(
    participant: Participant, option: str, given: str, told: str
) -> None:
    Participant.objects.filter(id=participant.id).update(demographics={"age": "old"})
    options: dict[str, Any] = {option: given}
    with pytest.raises(ValidationError) as caught:
        read_filters(participant.study, **options)
    assert list(caught.value.message_dict) == [option]
    assert told in caught.value.message_dict[option][0]


def test_one_moment_is_written_in_one_way(study: Study) -> None:
    here = read_filters(study, before="2023-10-18T02:00:00+02:00")
    assert here.stored()["before"] == "2023-10-18T00:00:00Z"
    assert here == read_filters(study, before="2023-10-18T00:00:00Z")


def test_no_vote_is_an_error_that_says_so(study: Study) -> None:
    with pytest.raises(ValidationError, match="no vote to count"):
        count_votes(study, Filters())


def test_a_group_counts_its_own_people(study: Study, values: Values, crowd: Crowd) -> None:
    crowd(5, values[0], values[1], "upgrade", demographics={"age": "young"})
    crowd(5, values[0], values[1], "no_upgrade", demographics={"age": "old"})
    found = counted(study, group="age=young")
    assert {vote.answer for vote in found.votes} == {"upgrade"}
    assert (len(found.votes), found.withheld_cells) == (5, 0)


@pytest.mark.parametrize(("inside", "outside"), [(4, 9), (9, 4)])
def test_a_group_of_few_inside_or_outside_is_not_shown(
    study: Study, values: Values, crowd: Crowd, inside: int, outside: int
) -> None:
    crowd(inside, values[0], values[1], demographics={"age": "young"})
    crowd(outside, values[0], values[1], demographics={"age": "old"})
    with pytest.raises(ValidationError, match="fewer than 5"):
        counted(study, group="age=young")


def test_a_group_that_is_large_but_for_the_other_filters_is_not_shown(
    study: Study, values: Values, crowd: Crowd
) -> None:
    crowd(4, values[0], values[1], demographics={"age": "young"}, at=ago(days=2))
    crowd(9, values[0], values[1], demographics={"age": "old"}, at=ago(days=2))
    crowd(9, values[0], values[1], demographics={"age": "young"})
    with pytest.raises(ValidationError, match="fewer than 5"):
        counted(study, group="age=young", before=ago(days=1).isoformat())


def test_a_pair_that_few_of_the_group_judged_is_withheld(
    study: Study, values: Values, crowd: Crowd, vote: Cast
) -> None:
    young = crowd(6, values[0], values[1], demographics={"age": "young"})
    crowd(6, values[0], values[1], demographics={"age": "old"})
    for person in young[:4]:
        vote(person, values[0], values[2])
    found = counted(study, group="age=young")
    assert {(v.source, v.target) for v in found.votes} == {(1, 2)}
    assert found.withheld_cells == 1


def test_a_pair_that_few_others_judged_is_withheld_too(study: Study, values: Values, crowd: Crowd, vote: Cast) -> None:
    young = crowd(6, values[0], values[1], demographics={"age": "young"})
    old = crowd(6, values[0], values[1], demographics={"age": "old"})
    for person in [*young, *old[:2]]:
        vote(person, values[0], values[2])
    assert {(v.source, v.target) for v in counted(study, group="age=young").votes} == {(1, 2)}


def test_a_pair_that_nobody_else_judged_is_shown(study: Study, values: Values, crowd: Crowd, vote: Cast) -> None:
    young = crowd(6, values[0], values[1], demographics={"age": "young"})
    crowd(6, values[0], values[1], demographics={"age": "old"})
    for person in young:
        vote(person, values[0], values[2])
    assert {(v.source, v.target) for v in counted(study, group="age=young").votes} == {(1, 2), (1, 3)}


def test_no_published_count_tells_of_fewer_than_five_of_a_group_or_of_the_rest(
    study: Study, values: Values, crowd: Crowd, vote: Cast
) -> None:
    """All cells of a group, and the whole study's cells less the group's, hold nobody or five people and more."""
    fourth = value_in(study, title="Curious before worried")
    young = crowd(9, values[0], values[1], demographics={"age": "young"})
    old = crowd(7, values[0], values[1], demographics={"age": "old"})
    pairs = [(a, b) for a in [*values, fourth] for b in [*values, fourth] if a.number < b.number]
    for i, (a, b) in enumerate(pairs[1:], 1):
        for person in [*young[: 2 * i], *old[: 8 - i]]:
            vote(person, a, b, context=study.contexts.get(number=1 + i % 2))

    def people(votes: Votes) -> dict[Any, set[int]]:
        cells: dict[Any, set[int]] = {}
        for v in votes:
            cells.setdefault((v.source, v.target, v.context), set()).add(v.voter)
        return cells

    everyone, group = people(counted(study).votes), people(counted(study, group="age=young").votes)
    assert group
    for cell, voters in group.items():
        assert len(voters) >= 5
        assert len(everyone[cell] - voters) not in (1, 2, 3, 4)


# which votes a count was of, later


def test_the_votes_behind_a_count_are_those_it_counted_whatever_was_answered_since(
    study: Study, values: Values, vote: Cast, crowd: Crowd
) -> None:
    person, leaver = crowd(2, values[0], values[1])
    crowd(1, values[0], values[1], context=study.contexts.get(number=2))
    filters = read_filters(study, context=study.contexts.get(number=1).text)
    then = count_votes(study, filters)
    vote(person, values[0], values[1], "no_upgrade")
    crowd(1, values[0], values[1])
    withdrawal.withdraw(leaver)
    [found], [counted_vote] = votes_behind(study, filters.stored(), then.last_vote_id)
    assert counted_vote == then.votes[0]
    assert WisdomVote.objects.get(id=found).answer == "upgrade"


def test_nothing_is_behind_a_count_of_a_context_that_is_gone(study: Study, values: Values, crowd: Crowd) -> None:
    crowd(1, values[0], values[1])
    ids, votes = votes_behind(study, {"context": "When it is gone"}, 10**9)
    assert len(ids) == len(votes) == 0
