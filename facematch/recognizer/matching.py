"""Who is looked for in the rooms of a process, and who faces are: the reference, the gallery and the rules together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.faces.gallery import DEFAULT
from facematch.faces.ranking import Enrolled, rank
from facematch.faces.reference import ReferenceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facematch.faces.engine import Face
    from facematch.faces.ranking import Ranking
    from facematch.faces.tolerance import MatchRules
    from facematch.recognizer.gallery import GalleryFollower
    from facematch.recognizer.references import References


class Matching:
    """Asked anew at every look: whoever has been erased since the last one is not there any more.

    Args:
        references: this recognizer's own photograph of the default person.
        gallery: everybody else, and the default person where there is no such photograph.
        rules: the settings that decide who is named.
        always: whether faces are looked at though nobody is enrolled: CONTINUITY compares them with each other, and
            KEEP_UNKNOWN_FACES keeps them.
    """

    def __init__(
        self, references: References, gallery: GalleryFollower, rules: MatchRules, *, always: bool = False
    ) -> None:
        self._references = references
        self._gallery = gallery
        self.rules = rules
        self._always = always

    @property
    def known(self) -> bool:
        """Whether it can be said yet who is looked for."""
        return self._references.looked and self._gallery.looked

    @property
    def default(self) -> ReferenceSet | None:
        """The default person: this recognizer's own photograph, else the gallery's."""
        if self._references.current is not None:
            return self._references.current
        person = self._gallery.current.person(DEFAULT)
        return ReferenceSet(person.photo_set, person.centroid[None]) if person else None

    def anyone(self, room: str) -> bool:
        """Whether there is anybody to look for in a room, or faces are looked at all the same."""
        return self._always or Enrolled(self.default, self._gallery.current).anyone(room)

    def still(self, default: ReferenceSet | None, room: str) -> bool:
        """Whether there is still somebody to look for, and a default person if there was one."""
        return self.anyone(room) and (default is None or self.default is not None)

    def names(self, person_id: str) -> bool:
        """Whether a person may be named now: they have not been erased."""
        return person_id == DEFAULT or person_id in self._gallery.current

    def standard(self, default: ReferenceSet | None) -> tuple[str | None, int]:
        """Stands for whom faces are compared with now: answers of another standard are of other people."""
        return default.id if default else None, self._gallery.current.version

    def rank(self, faces: Sequence[Face], default: ReferenceSet | None, room: str, bound: str | None = None) -> Ranking:
        """Who the faces of a frame are.

        Args:
            faces: of one frame.
            default: the default person as of the beginning of the batch.
            room: where it was.
            bound: the id of the person who is supposed to be there, if any.
        """
        return rank(faces, self.enrolled(default), self.rules, room=room, bound=bound)

    def enrolled(self, default: ReferenceSet | None) -> Enrolled:
        """Who is looked for, with the default person as of the beginning of a batch."""
        return Enrolled(default, self._gallery.current)

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after every change."""
        self._references.subscribe(listener)
        self._gallery.subscribe(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Stop calling `listener`."""
        self._references.unsubscribe(listener)
        self._gallery.unsubscribe(listener)
