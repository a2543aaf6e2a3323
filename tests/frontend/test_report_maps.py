"""The pages of opinion groups, consensus and the map of values: a picture and lists, and nothing of a hostile text."""

import re
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from elicitation.models import CanonicalValue, Participant, Study
from reports.running import run_report
from tests.reports.conftest import two_camps

pytestmark = pytest.mark.django_db
__all__ = ["two_camps"]
HOSTILE = "<script>alert('Ä')</script> Grüße & “Anführung” {{ 7|add:1 }}"
KINDS = ("opinion_groups", "group_consensus", "value_map")


def page_of(desk: Client, kind: str, study: Study, **params: Any) -> str:
    response = desk.get(reverse("dashboard:report", args=[run_report(kind, study=study, params=params).id]))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_shown_as_they_are_and_never_run(
    desk: Client, study: Study, two_camps: np.ndarray, kind: str
) -> None:
    CanonicalValue.objects.filter(study=study).update(title=HOSTILE)
    told = page_of(desk, kind, study)
    assert "&lt;script&gt;alert(&#x27;Ä&#x27;)&lt;/script&gt; Grüße &amp; “Anführung” {{ 7|add:1 }}" in told
    assert "<script>alert" not in told and "style=" not in told


@pytest.mark.parametrize("kind", ["opinion_groups", "value_map"])
def test_the_picture_is_drawn_with_a_list_of_what_is_numbered(
    desk: Client, study: Study, two_camps: np.ndarray, kind: str
) -> None:
    told = page_of(desk, kind, study)
    drawn = re.findall(r'<g class="mark[^>]*>.*?<text[^>]*>(\d+)</text>', told)
    listed = re.findall(r'<span class="no[^>]*>(\d+)</span>', told)
    assert drawn == listed and "1" in drawn


def test_groups_have_a_shape_beside_their_colour(desk: Client, study: Study, two_camps: np.ndarray) -> None:
    told = page_of(desk, "opinion_groups", study)
    shapes = {place: set(re.findall(rf'<svg class="gs g{place}"[^>]*><path d="([^"]*)"', told)) for place in (1, 2)}
    assert shapes[1] and shapes[2] and not shapes[1] & shapes[2]


def test_a_group_with_a_hostile_name_is_shown_as_it_is(desk: Client, study: Study, two_camps: np.ndarray) -> None:
    Participant.objects.filter(study=study).update(demographics={"place": "<b>coast</b>"})
    told = page_of(desk, "group_consensus", study, groups="place")
    assert "&lt;b&gt;coast&lt;/b&gt;" in told and "<b>coast" not in told


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_without_answers_has_a_page_that_says_so(desk: Client, study: Study, kind: str) -> None:
    told = page_of(desk, kind, study)
    assert "Too few people" in told or "There are no values yet." in told


def test_why_there_are_no_groups_is_said_in_words(desk: Client, study: Study) -> None:
    told = page_of(desk, "opinion_groups", study)
    assert "No clear groups" in told and "Too few people answered enough." in told
