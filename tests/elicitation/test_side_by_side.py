"""Two values as a pair of texts: blind, once, and without words that were taken back."""

import pytest
from django.core.exceptions import ValidationError

from core.models import User
from elicitation import arena, side_by_side, withdrawal
from elicitation.models import CanonicalValue, Comparison, Study
from tests.elicitation.test_arena import in_arena, read
from tests.elicitation.test_judging_api import Clients
from tests.people import card_of, join, value_in

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def two(study: Study) -> tuple[CanonicalValue, CanonicalValue]:
    return value_in(study, title="Patience"), value_in(study, title="Candour")


Two = tuple[CanonicalValue, CanonicalValue]


def test_two_values_become_texts_of_title_and_policies(study: Study, two: Two) -> None:
    first, second = two
    pair = side_by_side.compare_values(study, first=first.number, second=second.number, prompt="Which guides better?")
    assert pair.text_a == "Patience\n\n" + "\n".join(f"- {policy}" for policy in first.policies)
    assert pair.text_b.startswith("Candour\n\n- ") and pair.prompt == "Which guides better?"
    assert (pair.model_a, pair.model_b) == ("", "")


def test_two_are_compared_once_and_no_value_with_itself(study: Study, two: Two) -> None:
    first, second = (value.number for value in two)
    side_by_side.compare_values(study, first=first, second=second)
    with pytest.raises(ValidationError, match="compared already, in pair 1"):
        side_by_side.compare_values(study, first=second, second=first)
    with pytest.raises(ValidationError, match="Choose two that differ"):
        side_by_side.compare_values(study, first=first, second=first)
    with pytest.raises(ValidationError, match="no value 999"):
        side_by_side.compare_values(study, first=first, second=999)
    CanonicalValue.objects.filter(number=second).update(is_archived=True)
    with pytest.raises(ValidationError, match="put away"):
        side_by_side.compare_values(study, first=first, second=second)
    assert Comparison.objects.count() == 1


def test_words_that_are_taken_back_leave_the_pair_too_and_nobody_is_asked_about_it(study: Study, two: Two) -> None:
    gone, judge, waiting = join(study), join(study), join(study)
    card_of(gone, title="My own secret")
    own = CanonicalValue.objects.get(title="My own secret")
    side_by_side.compare_values(study, first=own.number, second=two[0].number)
    in_arena(study, pairs=0)
    for person in (judge, waiting):
        person.refresh_from_db()
    arena.judge(read(arena.pairs_of(judge)[0]), answer="a")
    assert len(arena.pairs_of(waiting)) == 1
    withdrawal.withdraw(gone)
    pair = Comparison.objects.get()
    assert (pair.text_a, pair.text_b) == ("", "") and pair.annotations.count() == 1
    assert all(arena.is_done(item) for item in arena.pairs_of(waiting))
    newcomer = join(Study.objects.get(id=study.id))
    assert arena.pairs_of(newcomer) == []


def test_over_rest_those_who_run_a_study_compare_values(
    study: Study, two: Two, facilitator: User, client_of: Clients
) -> None:
    url = f"/api/v1/studies/{study.slug}/comparisons/of-values/"
    numbers = {"first": two[0].number, "second": two[1].number}
    made = client_of(facilitator).post(url, numbers)
    assert made.status_code == 201 and made.data["text_a"].startswith("Patience")
    again = client_of(facilitator).post(url, numbers)
    assert again.status_code == 400 and "compared already" in str(again.data)
