import pytest
from django.core.exceptions import ValidationError

from elicitation.models import Study
from tests.reports.conftest import ResultOf

pytestmark = pytest.mark.django_db


def test_on_the_trial_firm_arrows_hold_on_other_people_and_more_often_than_those_of_2023(
    trial_study: Study, result_of: ResultOf
) -> None:
    found = result_of("split_half", trial_study, before="2023-10-18T00:00:00Z")
    assert (found["votes"], found["people"]) == (1540, 506)
    robust, mge = found["modes"]
    assert (robust["mode"], mge["mode"]) == ("robust", "mge-2023")
    assert robust["confirmed"]["mean"] > 0.95 and robust["confirmed"]["mean"] == pytest.approx(0.982, abs=0.004)
    assert robust["kept"]["mean"] == pytest.approx(13.9, abs=0.4)
    assert robust["kept_again"]["mean"] == pytest.approx(0.685, abs=0.015)
    assert mge["confirmed"]["mean"] == pytest.approx(0.87, abs=0.01)
    assert mge["kept_again"]["mean"] == pytest.approx(0.672, abs=0.015)
    one, five = found["base_rates"]
    assert (one["least_decided"], one["confirmed"]["mean"]) == (1, pytest.approx(0.75, abs=0.015))
    assert (five["least_decided"], five["confirmed"]["mean"]) == (5, pytest.approx(0.936, abs=0.01))


def test_every_vote_of_the_trial_counts_where_no_moment_is_named(trial_study: Study, result_of: ResultOf) -> None:
    found = result_of("split_half", trial_study, splits=20)
    assert found["votes"] == 1592 and found["modes"][0]["confirmed"]["mean"] > 0.95


def test_the_seed_decides_the_splits(trial_study: Study, result_of: ResultOf) -> None:
    first, again, other = (result_of("split_half", trial_study, splits=10, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("params", "field"),
    [({"splits": 0}, "params"), ({"seed": -1}, "params"), ({"seed": 2**32}, "params"), ({"before": "soon"}, "before"),
     ({}, "votes")],
)  # fmt: skip
def test_what_is_wrong_is_named(study: Study, result_of: ResultOf, params: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as bad:
        result_of("split_half", study, **params)
    assert list(bad.value.message_dict) == [field]
