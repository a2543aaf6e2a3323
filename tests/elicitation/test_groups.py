import pytest
from django.core.exceptions import ValidationError

from elicitation.groups import members
from elicitation.models import Participant, Study
from tests.people import join

pytestmark = pytest.mark.django_db


def people(study: Study, **sizes: int) -> None:
    for colour, size in sizes.items():
        for _ in range(size):
            person = join(study)
            person.demographics = {"colour": colour}
            person.save(update_fields=["demographics"])


def found(study: Study, group: str) -> int:
    return members(Participant.objects.counted(study), group).count()


def test_a_group_is_those_who_told_so(study: Study) -> None:
    people(study, green=6, red=5)
    assert (found(study, "colour=green"), found(study, "colour=red")) == (6, 5)


def test_a_group_of_all_is_a_group(study: Study) -> None:
    people(study, green=5)
    assert found(study, "colour=green") == 5


@pytest.mark.parametrize("colour", ["red", "blue"])
def test_one_that_nobody_is_of_is_told_like_one_of_a_few(study: Study, colour: str) -> None:
    people(study, green=6, yellow=5, red=2)
    with pytest.raises(ValidationError, match="Those of colour that are: green, yellow"):
        found(study, f"colour={colour}")


def test_a_group_of_all_but_a_few_is_not_shown(study: Study) -> None:
    people(study, green=9, red=4)
    with pytest.raises(ValidationError, match="inside or outside"):
        found(study, "colour=green")


@pytest.mark.parametrize("group", ["colour", "colour=", "=green", "shape=round", ""])
def test_what_is_no_key_and_value_is_told_with_the_keys(study: Study, group: str) -> None:
    people(study, green=5)
    with pytest.raises(ValidationError, match="The keys of these people are: colour"):
        found(study, group)
