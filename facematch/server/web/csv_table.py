"""Tables that spreadsheets open, in RFC 4180's form.

A text that a spreadsheet would run is given an apostrophe before it, which shows that it is text: participants choose
their names.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

from facematch.protocol.spreadsheet_cells import as_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MEDIA_TYPE: Final = "text/csv"


def attachment(name: str) -> dict[str, str]:
    """The header that has a browser keep the answer under this name."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table with a heading."""
    return heading(columns) + lines(columns, rows)


def heading(columns: Sequence[str]) -> str:
    """Its first line."""
    return _written([columns])


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The others; what a row does not have is empty."""
    return _written([_cell(row.get(name)) for name in columns] for row in rows)


def _written(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list) and not any(isinstance(one, dict) for one in value):
        value = " ".join(str(one) for one in value)
    elif isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return as_cell(value) if isinstance(value, str) else value
