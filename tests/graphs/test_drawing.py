from typing import Any
from xml.etree import ElementTree

import pytest

from graphs.drawing import draw, view_note, width_of, wrap

SVG = "{http://www.w3.org/2000/svg}"


def value(number: int, title: str = "Letting go", score: float = 0.2, holders: int | None = None) -> dict[str, Any]:
    return {"number": number, "title": title, "wisdom_score": score, "holders": holders}


def edge(source: int, target: int, interval: tuple[float, float] = (0.6, 0.9), support: float = 0.7) -> dict[str, Any]:
    return {"from": source, "to": target, "weight": support, "net_support": support, "interval": interval}


def picture(values: list[dict[str, Any]], edges: list[dict[str, Any]], **options: Any) -> ElementTree.Element:
    dropped = options.pop("dropped", [])
    drawn = draw({"values": values, "edges": edges, "dropped": dropped}, **options)
    return ElementTree.fromstring(drawn.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" '))


def test_every_value_is_a_link_with_its_whole_name_and_its_holders() -> None:
    svg = picture([value(1, "Keeping people safe at all times", 0.3, 12), value(2)], [edge(1, 2)])
    links = {a.get("href"): a.get("aria-label") for a in svg.iter(f"{SVG}a")}
    assert links == {"#value-1": "Keeping people safe at all times, held by 12 people", "#value-2": "Letting go"}


def test_an_arrow_ends_at_the_wiser_value_above() -> None:
    svg = picture([value(1, score=0.1), value(2, score=0.5)], [edge(1, 2)])
    (arrow,) = svg.findall(f"{SVG}g/{SVG}path")
    begin, end = float(arrow.get("d", "").split("C")[0].split()[1]), float(arrow.get("d", "").split()[-1])
    assert begin > end and arrow.get("marker-end") == "url(#m)"


def test_what_is_too_close_to_call_is_dashed() -> None:
    svg = picture([value(1), value(2), value(3)], [edge(1, 2, (0.45, 0.8)), edge(1, 3)])
    weak, firm = svg.findall(f"{SVG}g/{SVG}path")
    assert (weak.get("class"), weak.get("marker-end"), firm.get("class")) == ("weak", "url(#w)", "")


def test_an_arrow_that_does_not_hold_but_may_is_drawn_dashed_for_the_marked_value() -> None:
    may = edge(2, 1, (0.67, 1)) | {"reason": "too close to call"}
    outside = edge(1, 9) | {"reason": "too close to call"}
    wrong = edge(2, 3) | {"reason": "most say it is not wiser"}
    values, kept = [value(1), value(2), value(3)], [edge(1, 2), edge(3, 2)]
    body = {"values": values, "edges": kept, "dropped": [may, outside, wrong]}

    def drawn(selected: int | tuple[int, int]) -> list[str | None]:
        svg = ElementTree.fromstring(draw(body, selected=selected).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" '))
        return [path.get("class") for path in svg.findall(f"{SVG}g/{SVG}path")]

    assert drawn(1) == ["weak sel", "sel", ""] and drawn(3) == ["", "sel"]
    assert drawn((2, 1)) == ["weak sel", "", ""]


def test_what_does_not_hold_moves_no_value() -> None:
    values, kept = [value(1), value(2), value(3)], [edge(1, 2), edge(3, 2)]
    may = edge(3, 1) | {"reason": "too close to call"}
    places = [
        [(c.get("cx"), c.get("cy")) for c in picture(values, kept, selected=3, **more).iter(f"{SVG}circle")]
        for more in ({}, {"dropped": [may]})
    ]
    assert places[0] == places[1]


def test_clearer_arrows_are_thicker_and_wiser_values_larger() -> None:
    svg = picture(
        [value(1, score=0.1), value(2, score=0.2), value(3, score=0.4)], [edge(1, 2, support=0.4), edge(1, 3)]
    )
    thin, thick = (float(path.get("stroke-width", 0)) for path in svg.findall(f"{SVG}g/{SVG}path"))
    first, second, third = (float(circle.get("r", 0)) for circle in svg.iter(f"{SVG}circle"))
    assert thin < thick and first < second < third


def test_the_selected_value_and_its_arrows_are_marked() -> None:
    svg = picture([value(1), value(2), value(3), value(4)], [edge(1, 2), edge(3, 4)], selected=2)
    assert [circle.get("class") for circle in svg.iter(f"{SVG}circle")] == [None, "on", None, None]
    assert [path.get("class") for path in svg.findall(f"{SVG}g/{SVG}path")] == ["sel", ""]


def test_an_arrow_can_be_marked_with_its_two_values() -> None:
    svg = picture([value(1), value(2), value(3)], [edge(1, 2), edge(1, 3)], selected=(1, 2))
    assert [circle.get("class") for circle in svg.iter(f"{SVG}circle")] == ["on", "on", None]
    assert [path.get("class") for path in svg.findall(f"{SVG}g/{SVG}path")] == ["sel", ""]


def test_arrows_lead_to_their_evidence_where_there_is_some() -> None:
    svg = picture([value(1, "Keeping safe"), value(2)], [edge(1, 2)], arrow_link="?arrow=")
    (arrow,) = svg.findall(f"{SVG}g/{SVG}a")
    assert (arrow.get("href"), arrow.get("aria-label")) == ("?arrow=1-2", "From “Keeping safe” to “Letting go”")
    hit, drawn = arrow.findall(f"{SVG}path")
    assert hit.get("d") == drawn.get("d") and hit.get("marker-end") is None


def test_a_name_that_was_cut_is_shown_whole_under_the_pointer() -> None:
    svg = picture([value(1, "Keeping all of our people safe at all times"), value(2)], [edge(1, 2)])
    assert [title.text for title in svg.iter(f"{SVG}title")] == ["Keeping all of our people safe at all times"]


def test_names_are_text_whatever_they_hold() -> None:
    svg = draw({"values": [value(1, '"><script>alert(1)</script>'), value(2, "<b>")], "edges": [edge(1, 2)]})
    assert "<script" not in svg and "<b>" not in svg and 'label=""' not in svg


def test_there_are_no_styles_and_no_scripts() -> None:
    svg = draw({"values": [value(1), value(2)], "edges": [edge(1, 2)]})
    assert "style" not in svg and "<script" not in svg and " on" not in svg


def test_without_an_arrow_there_is_no_picture() -> None:
    assert draw({"values": [], "edges": []}) == ""


def test_a_large_graph_begins_with_the_wisest_values_and_says_so() -> None:
    values = [value(n, score=1 / n) for n in range(1, 201)]
    body = {"values": values, "edges": [edge(n + 1, n) for n in range(1, 200)]}
    assert draw(body).count("<circle") == 60
    assert view_note(body) == "60 of 200 values: the 60 wisest, where arrows join them; 59 arrows."
    assert draw(body, most=10).count("<circle") == 10


def test_a_small_graph_is_shown_whole_and_says_so() -> None:
    assert view_note({"values": [value(1), value(2)], "edges": [edge(1, 2)]}) == "2 values, 1 arrow."


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("Letting go together", ["Letting go", "together"]),
        ("Autonomy", ["Autonomy"]),
        ("Understanding and Respecting Others’ Views", ["Understanding and", "Respecting Others’…"]),
        ("Rechtsschutzversicherungsgesellschaften", ["Rechtsschutzversiche…"]),
        ("", [""]),
    ],
)
def test_a_name_takes_two_lines(title: str, lines: list[str]) -> None:
    assert wrap(title) == lines


def test_wide_letters_count_twice_and_marks_that_combine_not_at_all() -> None:
    assert width_of("価値") == 4
    assert width_of("e\u0301") == 1
    assert all(width_of(line) <= 22 for line in wrap("価値" * 40))
