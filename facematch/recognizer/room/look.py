"""What one look at a track's picture saw, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facematch.faces.attention import Extent

if TYPE_CHECKING:
    from facematch.faces.reference import ComparedFace


@dataclass(frozen=True, slots=True)
class Look:
    """One frame looked at and compared with one reference. Made once, handed on, never changed; holds no pixels."""

    at: float
    """Monotonic seconds."""
    reference_id: str
    """What the faces were compared with."""
    frame_size: tuple[int, int]
    """Width and height in pixels of the received frame, upright; the faces' boxes lie in it."""
    searched_size: tuple[int, int]
    """Width and height that the whole frame has, or would have had, when it is searched."""
    faces: tuple[ComparedFace, ...]
    """Those in the picture, the nearest first."""
    extent: Extent = Extent.WHOLE
    closer: bool = False
    """Searched one step larger."""

    @property
    def reused(self) -> bool:
        """True when nothing of this frame was searched."""
        return self.extent is Extent.NOTHING

    @property
    def distances(self) -> tuple[float, ...]:
        """Of each face, the smallest first."""
        return tuple(face.distance for face in self.faces)
