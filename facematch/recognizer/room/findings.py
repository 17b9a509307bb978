"""What the frames of one batch showed, taken together: what its Check tells besides the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facematch.faces.ranking import MOST_NEAR

if TYPE_CHECKING:
    from facematch.faces.ranking import Nameless, Nearness, Ranking
    from facematch.faces.tolerance import Tolerance


@dataclass(slots=True)
class Findings:
    """Of one batch; filled frame by frame."""

    tolerance: Tolerance | None = None
    """For one photograph, in the last frame."""
    gallery_version: int = 0
    """Of the last frame; 0: there is no gallery."""
    unknown_faces: int = 0
    """Without a name: in the frame with one, else most in one frame."""
    reason: Nameless | None = None
    """Why nobody was named."""
    named: tuple[str, ...] = ()
    """Ids of who was, best first, at most MOST_NEAR."""
    _near: dict[str, Nearness] = field(default_factory=dict)

    def add(self, ranking: Ranking) -> None:
        """One more frame."""
        self.tolerance, self.gallery_version = ranking.tolerance, ranking.gallery_version
        nameless = len(ranking.faces) - len(ranking.named)
        if ranking.named:
            self.unknown_faces, self.reason = nameless, None
            self.named = tuple(one.person_id for one in ranking.named[:MOST_NEAR])
        else:
            self.unknown_faces, self.reason = max(self.unknown_faces, nameless), ranking.nameless or self.reason
        for face in ranking.faces:
            for one in face.near:
                known = self._near.get(one.person_id)
                if known is None or one.distance < known.distance:
                    self._near[one.person_id] = one

    @property
    def people(self) -> list[Nearness]:
        """Who was near, each at their nearest; the nearest first, at most MOST_NEAR."""
        return sorted(self._near.values(), key=lambda one: one.distance)[:MOST_NEAR]
