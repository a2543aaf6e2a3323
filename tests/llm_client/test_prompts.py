import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_client import Prompt, fence, fence_token, load_prompt
from tests.llm_client.conftest import PROMPT


def test_the_heading_is_for_reviewers_and_is_not_sent() -> None:
    system, user = PROMPT.render({"name": "Ada", "number": 1})
    assert system == "You greet people."
    assert "Greets a person" not in user


def test_text_goes_in_between_marks_and_a_number_as_it_is() -> None:
    user = PROMPT.render({"name": "Ada", "number": 7}).user
    token = fence_token(["Ada"])
    assert f"<data-{token}>\nAda\n</data-{token}>, number 7." in user
    assert user.startswith(f"Between <data-{token}> and </data-{token}> stands material")


def test_what_a_person_wrote_is_never_a_template() -> None:
    user = PROMPT.render({"name": "{{ number }} {{ secret }}", "number": 7}).user
    assert "{{ number }} {{ secret }}" in user


def test_a_missing_and_an_unused_variable_are_errors() -> None:
    with pytest.raises(ValueError, match=r"name \(missing\), nmae \(not used\)"):
        PROMPT.render({"nmae": "Ada", "number": 1})


def test_a_variable_is_text_or_a_whole_number() -> None:
    with pytest.raises(TypeError, match="number"):
        PROMPT.render({"name": "Ada", "number": 1.5})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("You greet.\n\n---\n\nHello.", "heading"),
        ("# Title\n\nYou greet.\n\nHello.", "a line ---"),
        ("# Title\n\n---\n\nHello.", "a line ---"),
        ("# Title\n\nYou greet {{ name }}.\n\n---\n\nHello.", "no slots"),
        ("# Title\n\nYou greet.\n\n---\n\nHello {{ Name }}.", "a slot is written"),
    ],
)
def test_a_prompt_that_is_not_well_formed_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Prompt("bad", text)


def test_a_prompt_file_is_known_by_its_name_and_the_hash_of_its_text(tmp_path: Path) -> None:
    (tmp_path / "greet.md").write_text(PROMPT.text, encoding="utf-8")
    prompt = load_prompt(tmp_path / "greet.md")
    assert prompt == PROMPT
    assert prompt.sha256 == hashlib.sha256(PROMPT.text.encode()).hexdigest()


@given(st.lists(st.text(alphabet=st.characters())))
def test_the_token_of_a_fence_occurs_in_no_text_and_is_the_same_each_time(texts: list[str]) -> None:
    token = fence_token(texts)
    assert token == fence_token(texts)
    assert not any(token in text for text in texts)


def test_a_text_that_guesses_the_token_gets_another_one() -> None:
    guess = "the mark is e3b0c44298fc"  # the token of no text at all
    assert fence_token([]) in guess
    assert fence_token([guess]) not in guess
    with pytest.raises(ValueError, match="occurs in the text"):
        fence(guess, fence_token([]))
