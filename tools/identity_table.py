"""Writes the table of `docs/identity.md` from the rules of identity themselves.

Run it from the checkout after a change of `facematch/server/identity/states.py`: `python -m tools.identity_table`.
"""

from __future__ import annotations

from facematch.config.settings import ROOT
from facematch.server.identity.states import RULES
from tools.made_part import renewed

PAGE = ROOT / "docs" / "identity.md"
BEGIN = "<!-- table: made by tools/identity_table.py from states.RULES -->"
END = "<!-- end of table -->"


def table() -> str:
    """A Markdown table with a row per rule, by precedence."""
    rows = ["| state | when | looks |", "|---|---|---|"]
    for rule in RULES:
        state = f"`{rule.state}` (`{rule.detail}`)" if rule.detail else f"`{rule.state}`"
        rows.append(f"| {state} | {rule.when} | {'' if rule.looks is None else rule.looks} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page's text with the table brought up to date."""
    return renewed(text, BEGIN, table(), END)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
