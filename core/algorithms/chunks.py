"""Long tables in parts, so that memory stays bounded."""

from collections.abc import Iterator


def chunks(rows: int, width: int, cells: int) -> Iterator[range]:
    """Yield the places of some rows at a time, together all of 0 to `rows`: as many as hold `cells` numbers if each row has
    `width`, and one at least."""
    size = max(1, cells // max(1, width))
    return (range(start, min(start + size, rows)) for start in range(0, rows, size))
