"""Writes the diagram and the table of `docs/cycle.md` from the cycle's own rule book.

Run it from the checkout after a change of `facematch/recognizer/room/cycle.py`: `python -m tools.cycle_diagram`.
What a transition does is not described here but observed: each is taken on a real `Cycle`.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from facematch.config.settings import ROOT
from facematch.protocol.events import Outcome
from facematch.recognizer.room.cycle import (
    MEDIA,
    SHOWS_NOTHING,
    TRANSITIONS,
    Cooldown,
    Cycle,
    CycleRules,
    Input,
    LookCloser,
    Media,
    Output,
    ReportMatch,
    Rest,
    Seen,
    SetMedia,
    State,
)
from tools.made_part import renewed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PAGE = ROOT / "docs" / "cycle.md"
BEGIN = "<!-- {name}: made by tools/cycle_diagram.py from cycle.TRANSITIONS -->"
END = "<!-- end of {name} -->"

_RULES = CycleRules(
    batch_max_frames=1, hold_seconds=10, wait_seconds=10, batch_timeout_seconds=10, cooldown_seconds=3.0, threshold=0.5
)

_REASONS = [outcome for outcome in Outcome if outcome in SHOWS_NOTHING and outcome is not Outcome.NO_FRAMES]


def _refused(cycle: Cycle, why: Outcome) -> Sequence[Output]:
    return cycle.refused(0, why)


_WAYS: dict[Input, list[Callable[[Cycle], Sequence[Output]]]] = {
    Input.START: [lambda cycle: cycle.start(0, reference=True)],
    Input.START_RESTING: [lambda cycle: cycle.start(0, reference=True, rest=Rest(until=5))],
    Input.REFERENCE_ENROLLED: [lambda cycle: cycle.reference_enrolled(0)],
    Input.REFERENCE_REMOVED: [lambda cycle: cycle.reference_removed(0)],
    Input.ADMITTED: [lambda cycle: cycle.admitted(0)],
    Input.MATCHED: [lambda cycle: cycle.looked(0, Seen(1, ("somebody",), 0.4))],
    Input.EXHAUSTED: [
        lambda cycle: cycle.looked(0, Seen(1)),
        lambda cycle: [*cycle.looked(0, Seen()), *cycle.looked(0, Seen(), closer=True)],
    ],
    Input.TIMED_OUT: [lambda cycle: cycle.timed_out(0)],
    Input.MUTED: [lambda cycle: cycle.muted(0)],
    Input.REFUSED: [partial(_refused, why=why) for why in _REASONS],
    Input.FAILED: [lambda cycle: cycle.failed(0)],
    Input.CROWDED_OUT: [lambda cycle: cycle.crowded_out(0)],
    Input.DUE: [lambda cycle: cycle.due(99)],
    Input.WANTED: [lambda cycle: cycle.wanted(0)],
    Input.STOP: [lambda cycle: cycle.stop(0)],
}
"""Every input, in each of the ways that end differently."""

_PATHS: dict[State, list[list[Input]]] = {
    State.NEW: [[]],
    State.IDLE: [[Input.START, Input.REFERENCE_REMOVED]],
    State.QUEUED: [[Input.START], [Input.START, Input.ADMITTED, Input.MATCHED, Input.DUE]],
    State.PROBE: [[Input.START, Input.ADMITTED]],
    State.HOLD: [[Input.START, Input.ADMITTED, Input.MATCHED]],
    State.WAIT: [[Input.START, Input.ADMITTED, Input.TIMED_OUT]],
}
"""How a new cycle gets into a state, with a path for each subscription that it may have there."""


def diagram() -> str:
    """A Mermaid state diagram. A track can be gone in every state, so that this is drawn once, around them all."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> published", "    state published {"]
    for state in _PATHS:
        arrows: dict[State, list[str]] = {}
        for given, following in TRANSITIONS[state].items():
            if given is not Input.STOP:
                arrows.setdefault(following, []).append(given)
        for following, inputs in arrows.items():
            source = "[*]" if state is State.NEW else state.upper()
            lines.append(f"        {source} --> {following.upper()}: {' / '.join(inputs)}")
    lines += ["    }", f"    published --> [*]: {Input.STOP}", "```"]
    return "\n".join(lines)


def table() -> str:
    """A Markdown table with a row per transition: what is done, and what the track then costs."""
    rows = ["| state | on | do | next | media |", "|---|---|---|---|---|"]
    for state in _PATHS:
        for given, following in TRANSITIONS[state].items():
            media = " or ".join(sorted(MEDIA[following]))
            cells = [state.upper(), given, _done(state, given), following.upper(), media]
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page's text with both parts brought up to date."""
    for name, part in (("diagram", diagram()), ("table", table())):
        text = renewed(text, BEGIN.format(name=name), part, END.format(name=name))
    return text


def _done(state: State, given: Input) -> str:
    """What the machine asks for, in each of the ways that differ."""
    ends: dict[str, None] = {}
    for path in _PATHS[state]:
        for way in _WAYS[given]:
            cycle = _after(path)
            held = cycle.media
            ends[", ".join(_said(output, held) for output in way(cycle)) or "nothing"] = None
    return "; or ".join(ends)


def _after(path: Sequence[Input]) -> Cycle:
    numbers = count()
    cycle = Cycle(_RULES, Cooldown(0), lambda: f"batch-{next(numbers)}")
    for given in path:
        _WAYS[given][0](cycle)
    return cycle


def _said(output: Output, held: Media) -> str:
    match output:
        case SetMedia(media):
            flowing = "resume" if held is Media.PAUSED else "subscribe"
            return {Media.FLOWING: flowing, Media.PAUSED: "pause", Media.UNSUBSCRIBED: "unsubscribe"}[media]
        case LookCloser():
            return "look closer"
        case ReportMatch():
            return "Match (cooldown permitting)"
    return f"Check `{output.outcome}`"


def write(path: Path) -> None:
    """Bring the page at `path` up to date."""
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write(PAGE)
