from typing import Any


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula (OWASP ASVS 5.0.0, 1.2.10). Numbers stay as they are."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\x00")):
        return "'" + value
    return "" if value is None else value
