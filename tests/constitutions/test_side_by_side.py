"""Two published principles as a pair of texts, blind."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from rest_framework.test import APIClient

from constitutions.extraction import extract
from constitutions.models import ConstitutionVersion
from constitutions.publishing import publish, version_body
from constitutions.side_by_side import compare_principles
from core.models import User
from elicitation.comparisons import add_comparison, annotate, dataset_of
from elicitation.models import Study
from tests.frontend.conftest import browser_with
from tests.people import Actor, join, make_study, value_in

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def version(study: Study) -> ConstitutionVersion:
    """A published version with two principles or more."""
    dataset = dataset_of(study)
    people = [join(study) for _ in range(5)]
    for n in range(80):
        texts = ("many words " * (3 + n % 5), "few") if n % 2 else ("What do you think?", "It is so! Always!")
        pair = add_comparison(dataset, prompt=f"Q{n}", text_a=texts[0], text_b=texts[1])
        for person in people:
            annotate(pair, participant=person, answer="a")
    return publish(extract(dataset=dataset, principles=3), slug="tutor")


def test_two_principles_become_a_pair_of_their_texts_once(study: Study, version: ConstitutionVersion) -> None:
    told = version_body(version)["principles"]
    first, second = told[0]["id"], told[1]["id"]
    named: Any = {"constitution": "tutor", "version": 1}
    pair = compare_principles(study, **named, first=first, second=second, prompt="Which should come first?")
    assert (pair.text_a, pair.text_b) == (told[0]["text"], told[1]["text"])
    with pytest.raises(ValidationError, match="compared already"):
        compare_principles(study, **named, first=second, second=first)
    with pytest.raises(ValidationError, match="no principle 99"):
        compare_principles(study, **named, first=first, second=99)
    with pytest.raises(ValidationError, match="no version 2 of a constitution tutor"):
        compare_principles(study, constitution="tutor", version=2, first=first, second=second)
    with pytest.raises(ValidationError, match="of this study"):
        compare_principles(make_study("another", "Another?"), **named, first=first, second=second)


def test_over_rest_those_who_run_a_study_compare_principles(
    study: Study, version: ConstitutionVersion, facilitator: User, client_of: Callable[[Actor], APIClient]
) -> None:
    told = version_body(version)["principles"]
    asked = {"constitution": "tutor", "version": 1, "first": told[0]["id"], "second": told[1]["id"]}
    made = client_of(facilitator).post(f"/api/v1/studies/{study.slug}/comparisons/of-principles/", asked)
    assert made.status_code == 201 and made.data["text_b"] == told[1]["text"]


def test_on_the_dashboard_values_and_principles_are_chosen_from_lists(
    study: Study, version: ConstitutionVersion, facilitator: User
) -> None:
    values = [value_in(study, title=title) for title in ("Patience", "Candour")]
    browser, url = browser_with(facilitator), reverse("dashboard:comparisons", args=[study.slug])
    shown = browser.get(url).content.decode()
    assert "Patience" in shown and "tutor:1:" in shown
    before = dataset_of(study).comparisons.count()
    sent = {"act": "values", "first": values[0].number, "second": values[1].number, "prompt": "Which?"}
    assert browser.post(url, sent).status_code == 302
    told = version_body(version)["principles"]
    keys = [f"tutor:1:{principle['id']}" for principle in told]
    assert browser.post(url, {"act": "principles", "first": keys[0], "second": keys[1]}).status_code == 302
    assert dataset_of(study).comparisons.count() == before + 2
    for wrong, said in (
        ({"act": "values", "first": values[0].number, "second": ""}, "Choose two values."),
        ({"act": "principles", "first": keys[0], "second": ""}, "Choose two principles."),
        ({"act": "principles", "first": keys[0], "second": "tutor:2:1"}, "of the same version"),
        (sent, "compared already"),
    ):
        response = browser.post(url, wrong)
        assert response.status_code == 400 and said in response.content.decode()
