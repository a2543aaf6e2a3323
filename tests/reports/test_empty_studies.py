"""Every kind of report about a study has an answer for one without votes, picks or people."""

import pytest
from django.core.exceptions import ValidationError

from elicitation.models import Study
from reports.registry import kinds
from reports.running import run_report
from tests.people import join, value_in

pytestmark = pytest.mark.django_db
ABOUT_STUDIES = [name for name, kind in kinds().items() if kind.about == "study"]


def told_clearly(kind: str, study: Study) -> None:
    """Run the report: it is stored, or an error says in words what is wrong."""
    try:
        assert run_report(kind, study=study).sha256
    except ValidationError as error:
        assert all(len(text.split()) > 2 for text in error.messages)


@pytest.mark.parametrize("kind", ABOUT_STUDIES)
def test_a_study_without_anything_is_told_as_that(study: Study, kind: str) -> None:
    told_clearly(kind, study)


@pytest.mark.parametrize("kind", ABOUT_STUDIES)
def test_a_study_with_people_and_values_that_nobody_judged_is_told_as_that(study: Study, kind: str) -> None:
    join(study)
    value_in(study)
    told_clearly(kind, study)
