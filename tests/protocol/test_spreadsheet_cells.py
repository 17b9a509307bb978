from __future__ import annotations

import pytest

from facematch.protocol.spreadsheet_cells import as_cell, from_cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "'=1", "''=1", "-"])
def test_what_a_spreadsheet_would_run_is_shown_as_text_and_comes_back(text: str) -> None:
    assert as_cell(text) == f"'{text}"
    assert from_cell(as_cell(text)) == text
    assert from_cell(as_cell(as_cell(text))) == as_cell(text)


@pytest.mark.parametrize("text", ["", "Alice", "'t Hooft", "O'Hara", "'", "a=1", "1-2"])
def test_other_texts_are_themselves(text: str) -> None:
    assert as_cell(text) == text
    assert from_cell(text) == text


def test_what_lost_its_apostrophe_in_a_spreadsheet_is_still_read() -> None:
    assert from_cell("=1+1") == "=1+1"
