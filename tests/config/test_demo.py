"""The demo and the sample study: the whole walk with simulated people, the same for the same seed, and said to be so."""

import re
from collections import Counter
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from rest_framework.test import APIClient

from config.sample import ensure_sample_study
from config.sample_study import SLUG
from core.models import LLMCall
from elicitation import arena
from elicitation.models import Annotation, Comparison, ComparisonDraw, Participant, ShownComparison, Study, WisdomVote

pytestmark = pytest.mark.django_db


class UndoneError(Exception):
    """Ends a walk whose rows are not kept."""


def hashes(*options: str) -> list[str]:
    """Return the SHA-256 that a demo prints, and take back what it made."""
    out = StringIO()
    try:
        with transaction.atomic():
            call_command("demo", *options, stdout=out)
            raise UndoneError
    except UndoneError:
        return re.findall(r"\b[0-9a-f]{64}\b", out.getvalue())


@pytest.fixture
def sample() -> Iterator[Study]:
    study = ensure_sample_study(lambda text: None)
    assert study is not None
    yield study


def test_the_same_seed_gives_the_same_graph_and_constitution() -> None:
    first = hashes("--participants", "12", "--seed", "7")
    assert len(first) == 2
    assert hashes("--participants", "12", "--seed", "7") == first
    assert hashes("--participants", "12", "--seed", "8") != first


def test_the_demo_says_where_to_pull_what_it_made() -> None:
    out = StringIO()
    call_command("demo", "--participants", "12", "--slug", "tried", stdout=out)
    client = APIClient()
    for address in re.findall(r"/api/v1/[^\s']+", out.getvalue()):
        assert client.get(address).status_code == 200
    assert "made by simulated participants" in out.getvalue()


def test_a_handful_of_people_is_a_walk_too() -> None:
    assert len(hashes("--participants", "6", "--seed", "7")) == 2


@pytest.mark.parametrize("options", [["--participants", "3"], ["--seed", "-1"]])
def test_numbers_that_make_no_walk_are_refused(options: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("demo", *options)
    assert not Study.objects.exists()


def a_study_of_its_name_is_left_alone() -> None:
    votes = WisdomVote.objects.count()
    with pytest.raises(CommandError, match="--slug"):
        call_command("demo")
    assert WisdomVote.objects.count() == votes


def it_is_open_listed_and_said_to_be_simulated(sample: Study) -> None:
    assert (sample.slug, sample.state, sample.is_simulated, sample.is_listed) == (SLUG, "open", True, True)
    assert not Participant.objects.filter(is_simulated=False).exists()
    assert "simulated" in sample.description


def it_has_a_graph_with_arrows_and_a_constitution_with_principles() -> None:
    client = APIClient()
    assert client.get(f"/api/v1/studies/{SLUG}/graphs/latest/", {"export": "mge"}).json()["edges"]
    assert client.get(f"/api/v1/constitutions/{SLUG}/latest/").json()["principles"]


def its_people_compared_the_pairs_that_the_arena_drew_for_them(sample: Study) -> None:
    drawn = ShownComparison.objects.filter(participant__study=sample)
    raters = Counter(drawn.values_list("comparison_id", flat=True))
    assert min(raters.values()) >= 5 and len(raters) == Comparison.objects.count()
    assert not drawn.filter(answered_at=None).exists() and not drawn.filter(seen_at=None).exists()
    assert not Annotation.objects.exclude(dwell_ms=None).exists()  # nobody read
    for draw in ComparisonDraw.objects.all():
        assert arena.replay(draw) == arena.items_of(draw)


def it_finds_the_planted_order_of_wisdom() -> None:
    """Arrows lead from what was planted as less wise to what was planted as wiser."""
    from config.sample_study import PERSONAS

    wisdom = {persona.name: persona.wisdom for persona in PERSONAS}
    graph = APIClient().get(f"/api/v1/studies/{SLUG}/graphs/latest/").json()
    titles = {value["number"]: value["title"] for value in graph["values"]}
    rises = [wisdom[titles[edge["from"]]] < wisdom[titles[edge["to"]]] for edge in graph["edges"]]
    assert rises and all(rises)


def it_is_made_once_and_asks_no_model() -> None:
    assert ensure_sample_study(lambda text: None) is None
    assert Study.objects.count() == 1 and not LLMCall.objects.exists()


def test_the_sample_study_is_what_it_says(sample: Study) -> None:
    """One walk for all of these: it takes long."""
    it_is_open_listed_and_said_to_be_simulated(sample)
    it_has_a_graph_with_arrows_and_a_constitution_with_principles()
    its_people_compared_the_pairs_that_the_arena_drew_for_them(sample)
    it_finds_the_planted_order_of_wisdom()
    it_is_made_once_and_asks_no_model()
    a_study_of_its_name_is_left_alone()


def test_a_sample_study_that_was_cut_off_is_made_anew_at_the_next_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("config.sample.publish_constitution", cut_off)
        ensure_sample_study(lambda text: None)
    assert not Study.objects.exists()
    assert ensure_sample_study(lambda text: None) is not None
