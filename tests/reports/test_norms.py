"""The report of norms: counts as the file has them, and what is most controversial."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.algorithms.uncertainty import jeffreys
from elicitation import deduplication, facets
from elicitation.algorithms.norms import LABELS
from elicitation.models import CanonicalValue, Study
from elicitation.norms import import_norms
from reports.running import body_of, run_report
from tests.people import value_in

pytestmark = pytest.mark.django_db

FILE = Path(__file__).parents[1] / "fixtures" / "norms.tsv"


def told(study: Study) -> dict[str, Any]:
    result: dict[str, Any] = body_of(run_report("norms", study=study))["result"]
    return result


def test_labels_are_counted_as_the_file_has_them_with_intervals(study: Study) -> None:
    import_norms(FILE, study, makes_values=True)
    good = [row for row in csv.DictReader(FILE.read_text().splitlines(), delimiter="\t") if row["rot-bad"] == "0"]
    found = told(study)
    assert (found["values"], found["labelled"], found["norms"], found["bad"]) == (18, 17, 19, 1)
    for facet in found["facets"]:
        plain = Counter(part for row in good for part in row[facet["column"]].split("|") if part)
        assert {row["label"]: row["count"] for row in facet["labels"] if row["count"]} == plain
        answered = len(good) if LABELS[facet["facet"]].is_many else sum(bool(row[facet["column"]]) for row in good)
        assert facet["answered"] == answered
        for row in facet["labels"]:
            assert row["interval"] == pytest.approx(jeffreys(row["count"], answered))


def test_what_people_agree_on_least_comes_first(study: Study) -> None:
    import_norms(FILE, study, makes_values=True)
    rows = told(study)["controversial"]
    titles = dict(CanonicalValue.objects.values_list("number", "title"))
    assert [row["agreement"] for row in rows] == sorted(row["agreement"] for row in rows)
    assert {titles[row["number"]] for row in rows[:2]} == {
        "It's shameful to eat with the left hand.",
        "You must not whistle indoors.",
    }
    assert len(rows) == 16, "who was not asked how many agree has no place in it"


def test_several_readers_agreement_is_their_mean(study: Study) -> None:
    value = value_in(study)
    for band in (1, 4):
        facets.add_norm(value, labels={"agreement": band})
    assert told(study)["controversial"] == [{"number": value.number, "agreement": 2.5, "n": 2}]


def test_merged_values_are_one_and_what_nobody_confirmed_does_not_count(study: Study) -> None:
    first, second = value_in(study), value_in(study, title="Caring")
    for value in (first, second):
        facets.add_norm(value, labels={"legal": "legal"})
    facets.decide(facets.add_norm(first, labels={"legal": "illegal"}), "proposed", None)
    deduplication.merge(study, [first, second])
    found = told(study)
    assert (found["labelled"], found["norms"], found["values"]) == (1, 2, 1)


def test_a_study_without_norms_has_no_shares(study: Study) -> None:
    found = told(study)
    assert found["norms"] == 0 and found["controversial"] == []
    assert {row["share"] for facet in found["facets"] for row in facet["labels"]} == {None}


def test_the_result_holds_no_text_of_a_value(study: Study) -> None:
    facets.add_norm(value_in(study, title="canarybird"), rule="canarybird", labels={"agreement": 1})
    assert "canarybird" not in run_report("norms", study=study).body
