"""How a bench says what it measured: a small table for people, then one JSON line for programs."""

from __future__ import annotations

import json
import platform
import subprocess
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the others do not exceed; nearest rank, no invention between two samples."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def report(bench: str, rows: Sequence[Row], **also: object) -> None:
    """Prints the rows as a table, then one line of JSON with the machine and the commit they were measured on."""
    table(rows)
    print(json.dumps({"bench": bench, "rows": rows, **also, "machine": machine()}))


def table(rows: Sequence[Row]) -> None:
    """Prints the rows as a table."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def machine() -> Mapping[str, object]:
    """What the figures depend on and a reader cannot see."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "cores": psutil.cpu_count(),
        "load": round(psutil.getloadavg()[0], 2),
        "python": platform.python_version(),
        "commit": commit.stdout.strip() or None,
    }


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
