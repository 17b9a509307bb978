"""What the recognizer counts about itself, for its heartbeat."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facematch.protocol.events import Outcome


@dataclass(slots=True)
class Counters:
    """Since start, where nothing else is said; touched on the event loop only."""

    batches: int = 0
    batches_delayed: int = 0
    frames: int = 0
    frames_reused: int = 0
    """Of them, those that were as they had been when they were searched."""
    faces: int = 0
    matches: int = 0
    checks: int = 0
    errors: int = 0
    streams_open: int = 0
    """Now. One for each batch at work."""
    delay_seconds: float = 0.0
    """By which batches began later than they were due, all together."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    """Checks by outcome."""

    def totals(self) -> dict[str, int]:
        """The plain counts by name."""
        return {name: value for name in self.__slots__ if isinstance(value := getattr(self, name), int)}
