"""Two groupings compared; by words alone on the 2023 trial's cards, the figures that the method's page states."""

from pathlib import Path

import pytest

from elicitation import deduplication
from elicitation.algorithms.similarity import GROUPED_FROM
from elicitation.models import CanonicalValue, Study
from elicitation.study_folder import import_study
from reports.running import body_of, run_report
from tests.people import card_of, join

pytestmark = pytest.mark.django_db


def test_a_proposal_is_compared_with_what_counts(study: Study) -> None:
    for title in ("Letting go", "Letting go", "Clean water"):
        card_of(join(study), title=title, policies=[f"MOMENTS of {title}"])
    deduplication.propose(study)
    run = deduplication.proposed_run(study)
    assert run is not None
    before = body_of(run_report("deduplication", study=study, params={"run": run.number, "reference": 1}))["result"]
    assert before["all"]["precision"] == 0 and before["all"]["reference_pairs"] == 0
    deduplication.merge(study, CanonicalValue.objects.filter(title="Letting go"))
    after = body_of(run_report("deduplication", study=study, params={"run": run.number}))["result"]
    assert (after["all"]["f1"], after["all"]["ari"], after["distinct"]["cards"]) == (1, 1, 2)


def test_a_run_that_is_not_there_is_named(study: Study) -> None:
    deduplication.active_run(study)
    with pytest.raises(Exception, match="there is no run 7"):
        run_report("deduplication", study=study, params={"run": 7})


def test_too_few_cards_are_told(study: Study) -> None:
    deduplication.active_run(study)
    with pytest.raises(Exception, match="comparing takes 2"):
        run_report("deduplication", study=study)


def test_words_alone_come_near_the_trials_own_grouping(shared_data: Path) -> None:
    """On groups that had no part in choosing the threshold; and the threshold that is shipped is the one chosen so."""
    import_study(shared_data / "moral-graph-trial", "trial")
    result = body_of(run_report("deduplication", study=Study.objects.get(slug="trial")))["result"]
    every, distinct = result["all"], result["distinct"]
    assert (every["cards"], every["reference_groups"], every["reference_pairs"]) == (596, 150, 3929)
    assert (distinct["cards"], distinct["reference_pairs"]) == (197, 79)
    assert every["held_out"]["f1"] >= 0.87 and distinct["held_out"]["f1"] >= 0.68
    assert every["f1"] >= 0.87 and distinct["f1"] >= 0.68
    assert round(distinct["held_out"]["threshold"], 2) == GROUPED_FROM
    assert result["people"]["same"] == 33 and result["people"]["n"] == 43
