"""People who match, many at once, small enough for the machine to encode them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from tests.rig.publishing import Person, Publishers

SMALL = Scene(width=320, height=180, face=90)
TRACKS = 8
FPS = 8


async def gather(publishers: Publishers, room: str, count: int = TRACKS) -> list[Person]:
    """That many people on air, each with the face of the reference."""
    return [await publishers.on_air(room, f"Alice-{number}", SMALL, fps=FPS) for number in range(count)]
