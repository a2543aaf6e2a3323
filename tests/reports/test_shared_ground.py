import pytest
from django.core.exceptions import ValidationError

from elicitation.models import Study
from tests.reports.conftest import ResultOf

pytestmark = pytest.mark.django_db
PARTIES = ["us_political_affiliation=Republican", "us_political_affiliation=Democrat"]


def test_republicans_and_democrats_of_the_trial_share_ground(trial_study: Study, result_of: ResultOf) -> None:
    found = result_of("shared_ground", trial_study, groups=PARTIES)
    shared = [row for row in found["arrows"] if row["verdict"] == "shared ground"]
    assert [(row["from_title"], row["to_title"]) for row in shared] == [
        ("Empathetic Reflection", "Informed Autonomy"),
        ("Nurturing Discipline", "Root Cause Analysis"),
    ]
    assert [(side["wiser"], side["decided"]) for side in shared[0]["groups"]] == [(10, 10), (10, 10)]
    assert (found["counts"]["contradiction"], found["different"]) == (0, 0)
    assert found["counts"]["not enough evidence"] > 100 and found["cells_withheld"] > 50


def test_no_figure_of_the_trial_is_about_fewer_than_five_people(trial_study: Study, result_of: ResultOf) -> None:
    for params in ({"groups": PARTIES}, {"key": "age_band"}, {"key": "sex"}, {}):
        found = result_of("shared_ground", trial_study, **params)
        sides = [side for row in found["arrows"] for side in row["groups"] if side]
        assert sides and all(side["decided"] >= 5 for side in sides)


def test_all_groups_of_the_first_question_are_compared_where_none_is_named(
    trial_study: Study, result_of: ResultOf
) -> None:
    found = result_of("shared_ground", trial_study)
    assert found["key"] == "us_political_affiliation"
    assert [group["name"] for group in found["groups"]] == ["Democrat", "Independent", "Republican"]


@pytest.mark.parametrize(
    ("params", "field"),
    [({"groups": PARTIES[:1]}, "groups"), ({"key": "star sign"}, "groups"), ({"before": "soon"}, "before"),
     ({"context": "When it rains"}, "context"), ({"groups": PARTIES, "minimum": 1}, "params")],
)  # fmt: skip
def test_what_is_wrong_is_named(trial_study: Study, result_of: ResultOf, params: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as bad:
        result_of("shared_ground", trial_study, **params)
    assert list(bad.value.message_dict) == [field]
