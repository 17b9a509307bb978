"""What one track's whole searches found, for as long as they answer for later frames.

A frame is searched whole unless one of these holds (`facematch.faces.attention` decides it, by its pixels):

- Nothing has changed since a whole search of the last `MOST_BATCHES` batches: its answer is used.
- The batch has had a whole search, this is not its last frame, and at most `MOST_PARTS_OF_A_BATCH` are searched in part
  one after the other: the neighbourhoods of the faces that were found will do; if there were none, what has changed.
- It is the first frame of a batch, and a whole search of the last `MOST_PARTS` batches found a face that matches: that
  face is looked for where it was, and all that has changed is searched.

A face with a name is never told from memory: its surroundings are searched, and it is encoded anew. All answers end
with the people whom they were compared with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from facematch.faces.attention import Extent, Known, Licence, inside
from facematch.faces.engine import NOT_KEPT

if TYPE_CHECKING:
    from facematch.faces.detector import BBox
    from facematch.faces.engine import Sight
    from facematch.faces.ranking import RankedFace, Ranking
    from facematch.faces.sketch import Sketch

MOST_BATCHES = 12
"""Batches from one whole search to the next, at most: two minutes with the default pauses."""
MOST_PARTS = 2
"""Batches in a row that search no more than a part, at most."""
MOST_PARTS_OF_A_BATCH = 3
"""The same for the frames of one batch, which lie within half a second: of five, the first and the last are whole."""
_MOST_KEPT = 4
"""Searches remembered, ordinary and closer ones of frames of each size: a simulcast camera begins with a small one."""

Kind = tuple[tuple[int, int], bool]
"""The size of the frame, and whether it was looked at closer."""


@dataclass(slots=True)
class _Search:
    """A whole one."""

    sketch: Sketch
    faces: tuple[RankedFace, ...]
    """Without names and embeddings: those of people who are not looked for are kept nowhere."""
    sought: tuple[BBox, ...]
    """Where somebody was recognised."""
    batch: int
    parts: int = 0
    """Looks since then that searched a part."""


class Memory:
    """Of one track."""

    def __init__(self) -> None:
        self._searches: dict[Kind, _Search] = {}
        self._standard: object = None
        self._batch = 0
        self._looks = 0
        """Of the batch at work, ordinary ones."""

    def begin(self) -> None:
        """A batch begins."""
        self._batch += 1
        self._looks = 0
        for kind in [kind for kind, search in self._searches.items() if self._batch - search.batch >= MOST_BATCHES]:
            del self._searches[kind]

    def hold_to(self, standard: object) -> None:
        """Answer only for what was compared with the same people.

        Args:
            standard: stands for them; another one is another set of people.
        """
        if standard != self._standard:
            self.forget()
        self._standard = standard

    def forget(self) -> None:
        """Answer for nothing any more."""
        self._searches.clear()

    def known(self, kind: Kind, *, last: bool) -> Known | None:
        """What may answer for the next frame of the batch.

        Args:
            kind: of the look that is due.
            last: whether no other frame follows in this batch.
        """
        search = self._searches.get(kind)
        if search is None:
            return None
        boxes = tuple(one.face.bbox for one in search.faces)
        return Known(search.sketch, boxes, search.sought, self._licence(search, closer=kind[1], last=last))

    def _licence(self, search: _Search, *, closer: bool, last: bool) -> Licence:
        if search.batch == self._batch and not last:
            if search.parts >= MOST_PARTS_OF_A_BATCH:
                return Licence.NONE
            return Licence.NEAR if search.faces else Licence.CHANGES
        if search.parts >= MOST_PARTS:
            return Licence.NONE
        first = closer or self._looks == 0
        return Licence.CHANGES if search.sought and first and self._batch - search.batch <= MOST_PARTS else Licence.NONE

    def complete(self, kind: Kind, sight: Sight, found: Ranking) -> Ranking:
        """All the faces of a frame: those that were just found, and what is known of the rest.

        Args:
            kind: of the look.
            sight: what was searched and found.
            found: who its faces are.
        """
        self._looks += not kind[1]
        if sight.extent is Extent.WHOLE:
            faces = tuple(_remembered(one) for one in found.faces)
            sought = tuple(one.face.bbox for one in found.faces if one.named)
            self._keep(kind, _Search(sight.sketch, faces, sought, self._batch))
            return found
        search = self._searches[kind]
        search.parts += sight.extent is Extent.PART
        elsewhere = [one for one in search.faces if not any(inside(one.face.bbox, part) for part in sight.parts)]
        return found.beside(elsewhere)

    def _keep(self, kind: Kind, search: _Search) -> None:
        self._searches.pop(kind, None)
        while len(self._searches) >= _MOST_KEPT:
            del self._searches[next(iter(self._searches))]
        self._searches[kind] = search


def _remembered(one: RankedFace) -> RankedFace:
    return replace(one, face=replace(one.face, embedding=NOT_KEPT, reused=True), named=None)
