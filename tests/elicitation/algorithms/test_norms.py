"""The labels of a rule of thumb: as files write them, checked, and counted."""

import pytest

from elicitation.algorithms.norms import LABELS, checked, counts, read_label, write_label


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("agreement", "4", 4),
        ("agreement", "", None),
        ("judgement", "-2", -2),
        ("foundation", "", []),
        ("foundation", "care-harm|fairness-cheating", ["care-harm", "fairness-cheating"]),
        ("targets", "char-none", "char-none"),
        ("action", "taking a seat", "taking a seat"),
        ("action", "", None),
    ],
)
def test_a_label_is_read_and_written_as_the_file_has_it(name: str, written: str, value: object) -> None:
    assert read_label(name, written) == value and write_label(name, value) == written


def test_there_are_twelve_dimensions_beside_two_texts() -> None:
    assert len(LABELS) == 14 and sum(not label.choices for label in LABELS.values()) == 2


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"legal": "sort of"}, "legal"),
        ({"agreement": 5}, "agreement"),
        ({"judgement": 1.0}, "judgement"),
        ({"bad": True}, "bad"),
        ({"foundation": "care-harm"}, "foundation"),
        ({"foundation": ["care-harm", "liberty-oppression"]}, "foundation"),
        ({"action": 7}, "action"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_label_that_there_is_not_is_named(labels: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError) as bad:
        checked(labels)
    assert bad.value.args[0] == name


def test_what_is_not_given_is_not_answered_and_lists_have_one_order() -> None:
    whole = checked({"foundation": ["fairness-cheating", "care-harm", "care-harm"]})
    assert whole["foundation"] == ["care-harm", "fairness-cheating"]
    assert (whole["agreement"], whole["category"], whole["bad"]) == (None, [], 0)


def test_counts_leave_out_what_was_not_answered() -> None:
    told = counts([checked({"legal": "legal", "agreement": 0}), checked({"legal": "legal"}), checked({})])
    assert (told["legal"]["answered"], told["legal"]["legal"], told["legal"]["illegal"]) == (2, 2, 0)
    assert (told["agreement"]["answered"], told["agreement"]["0"]) == (1, 1)
    assert told["foundation"]["answered"] == 3
