import pytest

from frontend.templatetags.folkmoot import chance, small_share, span


def test_an_interval_says_its_unit_once() -> None:
    assert span([0.617, 0.97]) == "62–97 %"


@pytest.mark.parametrize(("share", "said"), [(0.0038, "less than 1 %"), (0.0, "0 %"), (0.08, "8 %"), (None, "–")])
def test_a_small_share_is_not_said_to_be_nothing(share: float | None, said: str) -> None:
    assert small_share(share) == said


@pytest.mark.parametrize(("q", "said"), [(0.0143, "0.014"), (0.00001, "< 0.001")])
def test_a_chance_of_a_fluke_is_never_nothing(q: float, said: str) -> None:
    assert chance(q) == said
