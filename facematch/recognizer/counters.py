"""What the recognizer counts about itself, for its heartbeat."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """All since start; touched on the event loop only."""

    batches: int = 0
    batches_delayed: int = 0
    frames: int = 0
    faces: int = 0
    matches: int = 0
    checks: int = 0
    errors: int = 0
