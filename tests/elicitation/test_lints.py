from elicitation.lints import lint_card

LINE = "MOMENTS when someone can still choose the next step"


def card(*lines: str, quotes: bool = False) -> list[dict[str, object]]:
    return [{"text": line, "quotes": [{"turn": 1, "text": "x"}] if quotes else []} for line in lines]


def test_a_wide_line_is_asked_about_in_plain_words() -> None:
    lints = lint_card("Letting go", "", card(LINE, LINE, "WAYS to keep what the thing gave them"))
    wide = next(lint for lint in lints if lint.where == "policies.2")
    assert str(wide) == "“WAYS to keep what the thing gave them” is a little wide. Which thing?"


def test_a_line_gets_one_piece_of_advice_at_most() -> None:
    lints = lint_card("Letting go", "", card("avoid stuff and things you should not do", LINE, LINE + " alone"))
    assert [lint.code for lint in lints if lint.where == "policies.0"] == ["avoids"]


def test_a_line_without_the_persons_words_is_told_where_others_have_some() -> None:
    policies = [*card(LINE, "SIGNS that someone feels watched", quotes=True), *card("WAYS to keep the Sunday drive")]
    assert [(lint.code, lint.where) for lint in lint_card("Letting go", "", policies)] == [("no_quote", "policies.2")]


def test_a_card_that_someone_wrote_by_hand_is_not_told_that_it_has_no_quotes() -> None:
    policies = card(LINE, "SIGNS that someone feels watched", "WAYS to keep the Sunday drive")
    assert lint_card("Letting go", "", policies) == []


def test_a_long_line_is_shown_short() -> None:
    lints = lint_card("Letting go", "", card("no " + "word " * 200))
    assert all(len(str(lint)) < 200 for lint in lints)
