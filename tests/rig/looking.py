"""Batches as a probe runs them, on frames that a test makes: the real cycle, engine and memory, without LiveKit."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from facematch.faces.gallery import empty
from facematch.faces.ranking import Enrolled, rank
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.room.cycle import Cooldown, Cycle, CycleRules, LookCloser, ReportCheck, State
from facematch.recognizer.room.look import Look
from facematch.recognizer.room.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from facematch.faces.attention import Extent
    from facematch.faces.detector import Pixels
    from facematch.faces.engine import FaceEngine
    from facematch.faces.reference import ReferenceSet

PERIOD = 10.0
"""Seconds from one batch to the next."""
_RULES = CycleRules(
    batch_max_frames=5,
    hold_seconds=PERIOD,
    wait_seconds=PERIOD,
    batch_timeout_seconds=5.0,
    cooldown_seconds=0.0,
    threshold=0.5,
)


@dataclass(slots=True)
class Seen:
    """What came of one batch."""

    outcome: str = ""
    faces: int = 0
    frames: int = 0
    reused: int = 0
    best_distance: float | None = None
    extents: list[Extent] = field(default_factory=list)
    """Of each look, closer ones too."""
    fresh_match: bool = False
    """The nearest face of the last look was encoded anew."""


async def batches(
    engine: FaceEngine,
    reference: ReferenceSet,
    frame: Callable[[float], Pixels],
    begins: Iterable[float],
    *,
    apart: float = 0.1,
    remembering: bool = True,
) -> list[Seen]:
    """One track's batches.

    Args:
        engine: the real one.
        reference: to compare with.
        frame: what the camera shows at a time in seconds.
        begins: when each batch begins.
        apart: seconds from one frame of a batch to the next.
        remembering: False: every frame is searched whole, and nothing is known of another.
    """
    numbers = count(1)
    cycle = Cycle(_RULES, Cooldown(0.0), lambda: f"batch-{next(numbers)}")
    memory, enrolled = Memory(), Enrolled(reference, empty(engine.model))
    seen = []
    cycle.start(-PERIOD, reference=True)
    for begin in begins:
        if cycle.state is not State.QUEUED:
            cycle.due(cycle.deadline or 0.0)
        cycle.admitted(begin)
        memory.begin()
        batch, at, closer = Seen(), begin, False
        while cycle.state is State.PROBE:
            pixels = frame(at)
            kind = ((pixels.shape[1], pixels.shape[0]), closer)
            known = memory.known(kind, last=cycle.last_frame) if remembering else None
            sight = await engine.look(pixels, known, closer=closer)
            found = memory.complete(kind, sight, rank(sight.faces, enrolled, MatchRules(), room="a room"))
            look = Look(at, kind[0], kind[0], found, sight.extent, closer=closer)
            outputs = cycle.looked(at, look.seen, closer=closer, reused=look.reused)
            batch.extents.append(sight.extent)
            batch.fresh_match = bool(look.faces) and not look.faces[0].face.reused
            closer = LookCloser() in outputs
            at += 0.0 if closer else apart
            for check in (one for one in outputs if isinstance(one, ReportCheck)):
                batch.outcome, batch.faces, batch.frames = str(check.outcome), check.faces, check.frames
                batch.reused, batch.best_distance = check.reused, check.best_distance
        seen.append(batch)
    return seen
