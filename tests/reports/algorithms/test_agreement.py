from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elicitation.comparison_formats import read_comparisons
from reports.algorithms.agreement import (
    Ratings,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    percent_agreement,
)

ANSWERS = st.sampled_from(["a", "b", "tie"])
RATINGS = st.lists(st.dictionaries(st.sampled_from(["ana", "bo", "cleo"]), ANSWERS), min_size=1, max_size=30)


def rated(*rows: str) -> Ratings:
    """One unit per text, one annotator per letter; "." is no answer."""
    return [{f"r{n}": answer for n, answer in enumerate(row) if answer != "."} for row in rows]


def test_cohens_kappa_is_that_of_pencil_and_paper() -> None:
    units = rated(*["aa"] * 20, *["ab"] * 5, *["ba"] * 10, *["bb"] * 15)  # observed .7, by chance .5
    assert cohen_kappa(units, "r0", "r1").value == pytest.approx(0.4)
    assert percent_agreement(units, "r0", "r1").value == pytest.approx(0.7)


def test_alpha_with_missing_answers_is_that_of_krippendorffs_example() -> None:
    """Krippendorff 2011, Computing α, section C: four observers, twelve units, nominal: .743."""
    units = rated(*"11.1 2232 3333 3333 2222 1234 4444 1121 2222 .555 ..11 .3..".split())
    assert krippendorff_alpha(units).n == 11
    assert krippendorff_alpha(units).value == pytest.approx(0.743, abs=0.0005)


def test_all_of_one_mind_on_several_categories_is_1() -> None:
    units = rated("aaa", "bbb")
    assert krippendorff_alpha(units).value == 1
    assert fleiss_kappa(units).value == 1


def test_one_category_alone_says_nothing_about_agreement() -> None:
    units = rated("aa", "aa", "aa")
    assert krippendorff_alpha(units).value is None
    assert fleiss_kappa(units).value is None
    assert cohen_kappa(units, "r0", "r1").value is None


def test_units_with_one_answer_do_not_count() -> None:
    assert krippendorff_alpha(rated("aa", "bb", "a.", ".b")).n == 2
    assert percent_agreement(rated("aa", "a."), "r0", "r1").n == 1


def test_nothing_rated_is_no_figure() -> None:
    assert krippendorff_alpha([]) == (None, 0, None)
    assert fleiss_kappa([]) == (None, 0, None)
    assert cohen_kappa([{}], "ana", "bo") == (None, 0, None)


@given(RATINGS, st.permutations(range(30)))
def test_the_order_of_the_units_does_not_matter(units: list[dict[str, str]], order: list[int]) -> None:
    shuffled = [units[place] for place in order if place < len(units)]
    assert krippendorff_alpha(units) == krippendorff_alpha(shuffled)
    assert cohen_kappa(units, "ana", "bo") == cohen_kappa(shuffled, "ana", "bo")


@given(RATINGS)
def test_the_names_of_the_answers_do_not_matter(units: list[dict[str, str]]) -> None:
    renamed = [{name: {"a": "z", "b": "y", "tie": "x"}[answer] for name, answer in unit.items()} for unit in units]
    before, after = krippendorff_alpha(units).value, krippendorff_alpha(renamed).value
    assert before == after if before is None or after is None else before == pytest.approx(after)


def test_an_interval_holds_its_value_narrows_with_n_and_repeats_with_the_seed() -> None:
    widths = []
    for times in (2, 40):
        units = rated(*["aa"] * 4 * times, *["ab"] * times, *["bb"] * 3 * times)
        found = krippendorff_alpha(units, rng=np.random.default_rng(1))
        assert found == krippendorff_alpha(units, rng=np.random.default_rng(1))
        assert found.ci is not None
        assert found.value is not None
        assert found.ci[0] <= found.value <= found.ci[1]
        widths.append(found.ci[1] - found.ci[0])
    assert widths[1] < widths[0] / 3


def test_under_ten_units_there_is_no_interval() -> None:
    rng = np.random.default_rng(0)
    assert krippendorff_alpha(rated(*["ab", "aa", "bb"] * 3), rng=rng).ci is None
    assert cohen_kappa(rated(*["ab", "aa", "bb"] * 3), "r0", "r1", rng=rng).ci is None


# what others published


@pytest.fixture(scope="module")
def pandalm(shared_data: Path) -> Ratings:
    found = read_comparisons(shared_data / "preferences" / "pandalm_pairs.jsonl")
    return [
        {a.annotator: a.answer for a in row.annotations if a.annotator.startswith("human")} for row in found.comparisons
    ]


def test_the_pandalm_humans_agree_as_published(pandalm: Ratings) -> None:
    assert krippendorff_alpha(pandalm).value == pytest.approx(0.864221, abs=5e-7)
    assert fleiss_kappa(pandalm).value == pytest.approx(0.864175, abs=5e-7)


@pytest.mark.parametrize(
    ("first", "second", "kappa", "percent"),
    [(1, 2, 0.852023, 0.912913), (1, 3, 0.878944, 0.928929), (2, 3, 0.861661, 0.917918)],
)
def test_every_two_pandalm_humans_agree_as_published(
    pandalm: Ratings, first: int, second: int, kappa: float, percent: float
) -> None:
    names = (f"human_{first}", f"human_{second}")
    assert cohen_kappa(pandalm, *names).value == pytest.approx(kappa, abs=5e-7)
    assert percent_agreement(pandalm, *names).value == pytest.approx(percent, abs=5e-7)
    assert cohen_kappa(pandalm, *names).n == 999
