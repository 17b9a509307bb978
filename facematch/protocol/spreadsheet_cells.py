"""Texts in CSV: a spreadsheet runs what looks like a formula, and some of the texts are of people who may mean harm."""

from __future__ import annotations

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell begins with that spreadsheets take for a formula, or for the way into another cell."""
_TEXT: Final = "'"
"""What shows that the rest of a cell is text."""


def as_cell(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would run it."""
    return f"{_TEXT}{text}" if _looks_like_a_formula(text) else text


def from_cell(cell: str) -> str:
    """The text of which `as_cell` made this. What a spreadsheet has saved without the apostrophe is itself."""
    bare = cell.removeprefix(_TEXT)
    return bare if _looks_like_a_formula(bare) else cell


def _looks_like_a_formula(text: str) -> bool:
    """Or would, without apostrophes of its own: those are kept apart from the one that is put before it."""
    return text.lstrip(" '").startswith(_FORMULA)
