"""Presence as a table that spreadsheets open: an attendance list."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from facematch.protocol.spreadsheet_cells import as_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def as_csv(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table with a heading, in RFC 4180's form.

    A text that a spreadsheet would run is given an apostrophe before it, which shows that it is text: participants
    choose their names.
    """
    names = list(columns)
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(names)
    table.writerows([_cell(row[name]) for name in names] for row in rows)
    return written.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(value)
    return as_cell(value) if isinstance(value, str) else value
