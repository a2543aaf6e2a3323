"""How templates show words and numbers: what a person said is marked, what a model said can do no harm."""

import re

import pytest

from frontend.templatetags import folkmoot


def test_only_verbatim_words_get_the_marker() -> None:
    text = "My aunt hid the keys. The car was the last thing that was his."
    assert folkmoot.marked(text, ["The car was the last thing", "he was sad"]) == (
        "My aunt hid the keys. <mark>The car was the last thing</mark> that was his."
    )


def test_overlapping_quotes_are_marked_once() -> None:
    assert folkmoot.marked("abcdef", ["abcd", "cdef"]) == "<mark>abcd</mark><mark>ef</mark>"


def test_marked_words_are_escaped() -> None:
    assert folkmoot.marked("<i>no</i> & yes", ["<i>no"]) == "<mark>&lt;i&gt;no</mark>&lt;/i&gt; &amp; yes"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("NEXT STEPS that stay open", "<b>NEXT STEPS</b> that stay open"),
        ("MOMENTS when I can choose", "<b>MOMENTS</b> when I can choose"),
        ("what I look for", "what I look for"),
        ("A child's face", "A child&#x27;s face"),
        ("<b>SIGNS</b> of it", "&lt;b&gt;SIGNS&lt;/b&gt; of it"),
    ],
)
def test_the_capitals_that_a_policy_begins_with_are_bold(text: str, shown: str) -> None:
    assert folkmoot.policy(text) == shown


def test_the_seal_has_a_dot_for_each_policy() -> None:
    assert folkmoot.seal(5).count("<circle") == 5 + 1


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://evil.example/x.png)",
        "[click](javascript:alert(1))",
        "[click](//evil.example)",
        "<https://evil.example>",
        '<a href="https://evil.example" onclick="x()">x</a>',
        "<svg/onload=alert(1)>",
    ],
)
def test_a_models_text_brings_no_markup_of_its_own(attack: str) -> None:
    assert set(re.findall(r"<(\S+?)[\s>]", folkmoot.markdown(attack))) == {"p", "/p"}


def test_a_models_lists_and_emphasis_are_kept() -> None:
    assert folkmoot.markdown("Two *things*:\n\n- one\n- **two**") == (
        "<p>Two <em>things</em>:</p>\n<ul>\n<li>one</li>\n<li><strong>two</strong></li>\n</ul>\n"
    )


def test_an_interval_bar_is_drawn_to_scale_without_inline_style() -> None:
    svg = folkmoot.iv(0.25, 0.75, 0.5, label="50 %, from 25 to 75")
    assert 'x="25.0" y="1.5" width="50.0"' in svg
    assert 'd="M50.0 0v10"' in svg
    assert 'aria-label="50 %, from 25 to 75"' in svg
    assert "style=" not in svg


def test_an_interval_bar_can_run_from_minus_one() -> None:
    assert 'x="25.0" y="1.5" width="50.0"' in folkmoot.iv(-0.5, 0.5, 0, least=-1)


def test_a_filled_bar_never_overflows() -> None:
    assert 'width="100.0"' in folkmoot.fill(171, 160)
    assert 'width="0.0"' in folkmoot.fill(0, 0)


def test_numbers_without_a_value_are_a_dash() -> None:
    assert (folkmoot.percent(None), folkmoot.fixed(None), folkmoot.count(None)) == ("–", "–", "–")
    assert (folkmoot.percent(0.734), folkmoot.fixed(0.7341), folkmoot.count(1904)) == ("73 %", "0.73", "1,904")
    assert folkmoot.fixed(0.697) == "0.70"


def test_each_form_has_an_idempotency_key_of_its_own() -> None:
    assert folkmoot.idempotency_key() != folkmoot.idempotency_key()
