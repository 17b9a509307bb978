"""Writes the table of `docs/people.md` from the rule book of continuity.

Run it from the checkout after a change of `facematch/recognizer/evidence/continuity.py`:
`python -m tools.continuity_table`.
"""

from __future__ import annotations

from facematch.config.settings import ROOT
from facematch.recognizer.evidence.continuity import TOLD, TRANSITIONS
from tools.made_part import renewed

PAGE = ROOT / "docs" / "people.md"
BEGIN = "<!-- continuity: made by tools/continuity_table.py from continuity.TRANSITIONS -->"
END = "<!-- end of continuity -->"


def table() -> str:
    """A Markdown table with a row per transition, and what a Check then says."""
    rows = ["| state | on | next | `continuity` |", "|---|---|---|---|"]
    for state, row in TRANSITIONS.items():
        for given, following in row.items():
            told = f"`{TOLD[following]}`" if TOLD[following] else "null"
            rows.append(f"| {state.upper()} | {given} | {following.upper()} | {told} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page's text with the table brought up to date."""
    return renewed(text, BEGIN, table(), END)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
