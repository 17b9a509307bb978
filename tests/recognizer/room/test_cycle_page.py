"""`docs/cycle.md` says what the machine does."""

from __future__ import annotations

import pytest

from facematch.recognizer.room.cycle import TRANSITIONS, State
from tools.cycle_diagram import PAGE, diagram, page, table


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run `python -m tools.cycle_diagram`"


def test_every_transition_has_a_row() -> None:
    rows = {tuple(line.split(" | ")[:2]) for line in table().splitlines()}
    assert rows >= {(f"| {state.upper()}", given) for state in TRANSITIONS for given in TRANSITIONS[state]}


def test_every_state_is_drawn() -> None:
    drawn = diagram()
    assert all(state.upper() in drawn for state in State if state not in (State.NEW, State.STOPPED))


def test_a_page_without_the_places_is_refused() -> None:
    with pytest.raises(ValueError, match="diagram"):
        page("# The cycle\n")
