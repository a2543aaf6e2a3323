from typing import Any
from xml.etree import ElementTree

import pytest

from graphs.drawing import draw, told_of, view_note, width_of, wrap
from graphs.looking import Group, Thresholds

SVG = "{http://www.w3.org/2000/svg}"


def value(number: int, title: str = "Letting go", score: float = 0.2, holders: int | None = None) -> dict[str, Any]:
    return {"number": number, "title": title, "wisdom_score": score, "holders": holders}


def edge(source: int, target: int, interval: tuple[float, float] = (0.6, 0.9), support: float = 0.7) -> dict[str, Any]:
    return {"from": source, "to": target, "weight": support, "net_support": support, "interval": interval}


def picture(values: list[dict[str, Any]], edges: list[dict[str, Any]], **options: Any) -> ElementTree.Element:
    dropped = options.pop("dropped", [])
    drawn = draw({"values": values, "edges": edges, "dropped": dropped}, **options)
    return ElementTree.fromstring(drawn.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" '))


def arrows(svg: ElementTree.Element) -> list[tuple[str, ...]]:
    """Return the classes of each arrow, in the order in which they are drawn."""
    found = [element.get("class", "").split() for element in svg.iter()]
    return [tuple(classes[1:]) for classes in found if classes[:1] == ["arrow"]]


def lines(svg: ElementTree.Element) -> list[ElementTree.Element]:
    return [path for path in svg.iter(f"{SVG}path") if path.get("class") == "line"]


def shapes(svg: ElementTree.Element) -> list[ElementTree.Element]:
    return [e for e in svg.iter() if e.get("class", "").split()[:1] == ["shape"]]


def test_every_value_is_a_link_with_its_whole_name_and_its_holders() -> None:
    svg = picture([value(1, "Keeping people safe at all times", 0.3, 12), value(2)], [edge(1, 2)])
    links = {a.get("href"): a.get("aria-label") for a in svg.iter(f"{SVG}a")}
    assert links == {"#value-1": "Keeping people safe at all times, held by 12 people", "#value-2": "Letting go"}


def test_an_arrow_ends_at_the_wiser_value_above() -> None:
    (arrow,) = lines(picture([value(1, score=0.1), value(2, score=0.5)], [edge(1, 2)]))
    begin, end = float(arrow.get("d", "").split("C")[0].split()[1]), float(arrow.get("d", "").split()[-1])
    assert begin > end and arrow.get("marker-end") == "url(#m)"


def test_what_is_too_close_to_call_is_dashed() -> None:
    svg = picture([value(1), value(2), value(3)], [edge(1, 2, (0.45, 0.8)), edge(1, 3)])
    assert arrows(svg) == [("weak",), ()]
    assert [line.get("marker-end") for line in lines(svg)] == ["url(#w)", "url(#m)"]


def test_an_arrow_that_does_not_hold_but_may_is_drawn_dashed_for_the_marked_value() -> None:
    may = edge(2, 1, (0.67, 1)) | {"reason": "too close to call"}
    outside = edge(1, 9) | {"reason": "too close to call"}
    wrong = edge(2, 3) | {"reason": "most say it is not wiser"}
    values, kept = [value(1), value(2), value(3)], [edge(1, 2), edge(3, 2)]

    def drawn(selected: int | tuple[int, int]) -> list[tuple[str, ...]]:
        return arrows(picture(values, kept, dropped=[may, outside, wrong], selected=selected))

    assert drawn(1) == [("sel", "weak", "off"), ("sel",), ()] and drawn(3) == [(), ("sel",)]
    assert drawn((2, 1)) == [("sel", "weak", "off"), (), ()]


def test_with_thresholds_arrows_that_other_thresholds_let_through_are_drawn_hidden_and_tell_theirs() -> None:
    few = edge(3, 1) | {"reason": "fewer than 5 people decided", "verdict": "not enough evidence"}
    wrong = edge(2, 3) | {"reason": "most say it is not wiser"}
    known = {(1, 2): Thresholds(9, 60, 2), (3, 1): Thresholds(3, 20, 6)}
    svg = picture([value(1), value(2), value(3)], [edge(1, 2), edge(3, 2)], dropped=[few, wrong], thresholds=known)
    assert arrows(svg) == [("weak", "off"), (), ()]
    assert [e.get("data-at") for e in svg.iter() if e.get("data-at")] == ["3 20 6", "9 60 2"]


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
    thin, thick = (float(line.get("stroke-width", 0)) for line in lines(svg))
    first, second, third = (float(circle.get("r", 0)) for circle in svg.iter(f"{SVG}circle"))
    assert thin < thick and first < second < third


def test_a_score_with_an_interval_has_a_ring_and_a_core_around_its_circle() -> None:
    doubtful = value(1, score=0.2) | {"score_interval": [0.05, 0.35]}
    may_be_out = value(2, score=0.4) | {"score_interval": [0, 0.5]}
    svg = picture([doubtful, may_be_out], [edge(1, 2)])
    ring, circle, core, second_ring, second = (float(c.get("r", 0)) for c in svg.iter(f"{SVG}circle"))
    assert core < circle < ring and second < second_ring


def test_the_selected_value_and_its_arrows_are_marked() -> None:
    svg = picture([value(1), value(2), value(3), value(4)], [edge(1, 2), edge(3, 4)], selected=2)
    assert [a.get("class") for a in svg.findall(f"{SVG}g/{SVG}a")] == ["value", "value on", "value", "value"]
    assert arrows(svg) == [("sel",), ()]


def test_an_arrow_can_be_marked_with_its_two_values() -> None:
    svg = picture([value(1), value(2), value(3)], [edge(1, 2), edge(1, 3)], selected=(1, 2))
    assert [a.get("class") for a in svg.findall(f"{SVG}g/{SVG}a")] == ["value on", "value on", "value"]
    assert arrows(svg) == [("sel",), ()]


def test_a_way_is_marked() -> None:
    svg = picture([value(1), value(2), value(3)], [edge(1, 2), edge(2, 3)], way={(1, 2)})
    assert arrows(svg) == [("up",), ()]


def test_groups_have_a_shape_of_their_own_and_the_rest_are_circles() -> None:
    groups = [Group("first", frozenset({1})), Group("second", frozenset({2}))]
    first, second, rest = shapes(picture([value(1), value(2), value(3)], [edge(1, 2), edge(3, 2)], groups=groups))
    assert (first.get("class"), second.get("class"), rest.get("class")) == ("shape g1", "shape g2", "shape")
    assert first.get("d", "").count("L") == 3 and second.get("d", "").count("L") == 2 and rest.tag == f"{SVG}circle"


def test_arrows_lead_to_their_evidence_where_there_is_some() -> None:
    svg = picture([value(1, "Keeping safe"), value(2)], [edge(1, 2)], arrow_link="?arrow=")
    (arrow,) = (a for a in svg.iter(f"{SVG}a") if a.get("class") == "arrow")
    told = arrow.find(f"{SVG}title")
    assert arrow.get("href") == "?arrow=1-2" and told is not None
    assert told.text == "From “Keeping safe” to “Letting go”"
    hit, drawn = arrow.findall(f"{SVG}path")
    assert hit.get("d") == drawn.get("d") and hit.get("marker-end") is None


def test_an_arrow_says_what_people_answered() -> None:
    counts = {"wiser": 6, "not_wiser": 2, "less_wise": 1, "unsure": 4}
    told = told_of(edge(1, 2, (0.4, 0.9)) | {"counts": counts}, {1: value(1, "Keeping safe"), 2: value(2)})
    assert told == "From “Keeping safe” to “Letting go”. 6 of 9 answers say wiser, too close to call"


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
    assert view_note(body) == ("60 of 200 values: the wisest, with those they were judged wiser than; 59 arrows.")
    assert draw(body, most=10).count("<circle") == 10


def test_a_part_of_a_graph_can_be_drawn_and_is_said_to_be_one() -> None:
    values = [value(n, score=1 / n) for n in range(1, 201)]
    body = {"values": values, "edges": [edge(n + 1, n) for n in range(1, 200)]}
    assert draw(body, inside={150, 151, 152}).count("<circle") == 3
    assert view_note(body, inside={150, 151, 152}, is_first=False) == "3 of 200 values; 2 arrows."


def test_arrows_between_communities_of_a_large_graph_are_straight_and_faint() -> None:
    clusters = [range(start, start + 30) for start in (0, 30, 60)]
    edges = [edge(a, b) for members in clusters for a in members for b in members if a < b <= a + 2]
    body = {"values": [value(n, score=1 / (n + 1)) for n in range(90)], "edges": [*edges, edge(0, 30), edge(30, 60)]}
    svg = ElementTree.fromstring(draw(body, most=90).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" '))
    far = [line.get("d", "") for told, line in zip(arrows(svg), lines(svg), strict=True) if "far" in told]
    assert 2 <= len(far) < len(edges) / 2 and all("L" in path and "C" not in path for path in far)


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
