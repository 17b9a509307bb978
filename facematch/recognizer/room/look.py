"""What one look at a track's picture saw, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facematch.faces.attention import Extent
from facematch.recognizer.room.cycle import Seen

if TYPE_CHECKING:
    from facematch.faces.ranking import Named, RankedFace, Ranking


@dataclass(frozen=True, slots=True)
class Look:
    """One frame looked at, and who its faces are. Made once, handed on, never changed; holds no pixels."""

    at: float
    """Monotonic seconds."""
    frame_size: tuple[int, int]
    """Width and height in pixels of the received frame, upright; the faces' boxes lie in it."""
    searched_size: tuple[int, int]
    """Width and height that the whole frame has, or would have had, when it is searched."""
    ranking: Ranking
    """Who is who."""
    extent: Extent = Extent.WHOLE
    closer: bool = False
    """Searched one step larger."""

    @property
    def reused(self) -> bool:
        """True when nothing of this frame was searched."""
        return self.extent is Extent.NOTHING

    @property
    def faces(self) -> tuple[RankedFace, ...]:
        """Those in the picture: those with a name first, each nearest first."""
        return self.ranking.faces

    @property
    def named(self) -> tuple[Named, ...]:
        """Who the first of them are, as many as have a name."""
        return self.ranking.named

    @property
    def seen(self) -> Seen:
        """What the cycle has to know of it."""
        people = tuple(one.person_id for one in self.named)
        return Seen(len(self.faces), people, self.ranking.best_distance)
