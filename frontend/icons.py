"""The line icons of the pages: path data on a 24 × 24 grid, drawn with a stroke."""

ICONS: dict[str, str] = {
    "talk": "M4 5h16v11H10l-5 4v-4H4z",
    "heart": "M12 20C6 15 3 12 3 8.5A4.5 4.5 0 0112 7a4.5 4.5 0 019 1.5C21 12 18 15 12 20z",
    "eye": "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 110 6 3 3 0 010-6z",
    "robot": "M7 8h10a3 3 0 013 3v5a3 3 0 01-3 3H7a3 3 0 01-3-3v-5a3 3 0 013-3zM12 4v4M9 13v1M15 13v1",
    "paper": "M6 3h9l4 4v14H6zM9 11h7M9 15h7",
    "shield": "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4",
    "leave": "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
    "clock": "M12 3a9 9 0 110 18 9 9 0 010-18zM12 7v5l3 2",
    "info": "M12 3a9 9 0 110 18 9 9 0 010-18zM12 11v5M12 7.5v.5",
    "warning": "M12 4l9 16H3zM12 10v5M12 17.5v.5",
    "key": "M8 16a4 4 0 110-8 4 4 0 010 8zM12 12h9v3M17 12v3",
    "empty": "M3 13l3-8h12l3 8v6H3zM3 13h5l1.5 3h5l1.5-3h5",
}
