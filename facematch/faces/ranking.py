"""Who the faces of one frame are: a pure function of the faces, of who is enrolled and of the settings.

In this order:

1. **The default person.** A face within MATCH_TOLERANCE of the default photograph is theirs, whoever else it
   resembles: one photograph is a full way to use the product, and answers what it always did.
2. **The bound person**, who is supposed to be there, one to one: the nearest face within the tolerance of one
   candidate, however many others there are, and without a margin. That error does not grow with the gallery.
3. **The candidates** of the room: a face is named when one of them is within the tolerance in force (`tolerance`) and
   all others are at least MATCH_MARGIN farther. Else it is *ambiguous*, and nobody.

A face is one person, and a person of the gallery is one face of a frame at most: the nearest. The face that comes
second is given no other name: it may well be the same person in a mirror.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from facematch.faces.gallery import DEFAULT, Gallery
from facematch.faces.tolerance import STRANGERS, MatchRules, Tolerance, ToleranceReason, all_in_force, in_force

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facematch.faces.engine import Face
    from facematch.faces.reference import ReferenceSet

NEAR: Final = 0.1
"""How far beyond the tolerance a person is still told of."""
MOST_NEAR: Final = 16
"""People told of per face, at most."""
_STRICTEST = STRANGERS[0][0]
"""From where NEAR counts when there are too many candidates for any tolerance."""


class Nameless(StrEnum):
    """Why no face was given a name, where it is not that nobody is near."""

    AMBIGUOUS = "ambiguous"
    """Two people are about as near."""
    TOO_MANY_CANDIDATES = "TOO_MANY_CANDIDATES"
    """More than one look can tell apart: rooms' lists or bindings make them fewer."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who is looked for."""

    default: ReferenceSet | None
    gallery: Gallery

    def anyone(self, room: str) -> bool:
        """Whether there is anybody to compare with in a room."""
        return self.default is not None or len(self.gallery.candidates(room)) > 0


@dataclass(frozen=True, slots=True)
class Nearness:
    """Somebody whom a face resembles."""

    person_id: str
    distance: float
    tolerance: float | None
    """Theirs, in force; None: too many candidates for one."""


@dataclass(frozen=True, slots=True)
class Named:
    """Who a face is."""

    person_id: str
    reference_id: str
    """Which photograph, or set of them, it was compared with."""
    distance: float
    tolerance: Tolerance
    margin: float | None
    """How much farther the next candidate is (nearer, if negative); None: there is no other, or it is the default
    person, who has none."""


@dataclass(frozen=True, slots=True)
class RankedFace:
    """A face of a frame, and whom it resembles."""

    face: Face
    distance: float | None
    """To the person named, else to the nearest of all; None: nobody was compared."""
    named: Named | None = None
    near: tuple[Nearness, ...] = ()
    """All within NEAR of their tolerance, nearest first."""
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Ranking:
    """The faces of one frame: those with a name first, then the others, each nearest first."""

    faces: tuple[RankedFace, ...]
    tolerance: Tolerance
    """For one photograph, among the candidates of the room."""
    gallery_version: int

    @property
    def named(self) -> tuple[Named, ...]:
        """Of the first faces, as many as have a name."""
        return tuple(one.named for one in self.faces if one.named)

    def beside(self, others: Iterable[RankedFace]) -> Ranking:
        """The same frame with further faces in it."""
        return replace(self, faces=tuple(sorted([*self.faces, *others], key=_named_first)))

    @property
    def best_distance(self) -> float | None:
        """Of the best face with a name, else the smallest of all; None without anything to compare."""
        return min((one.distance for one in (self.named or self.faces) if one.distance is not None), default=None)

    @property
    def nameless(self) -> Nameless | None:
        """Why nobody was named; None: somebody was, or nobody is near."""
        if self.named or not self.faces:
            return None
        if self.tolerance.reason is ToleranceReason.TOO_MANY_CANDIDATES:
            return Nameless.TOO_MANY_CANDIDATES
        return Nameless.AMBIGUOUS if any(one.ambiguous for one in self.faces) else None


def rank(
    faces: Sequence[Face], enrolled: Enrolled, rules: MatchRules, *, room: str, bound: str | None = None
) -> Ranking:
    """Who the faces of a frame are.

    Args:
        faces: of one frame.
        enrolled: who is looked for.
        rules: the settings.
        room: where it was; people who are for other rooms are not compared.
        bound: the id of the person who is supposed to be there, if any.
    """
    frame = _Frame(faces, enrolled, rules, room)
    frame.name_default()
    if len(frame.candidates):
        if bound is not None:
            frame.name_bound(bound)
        frame.name_the_others()
    as_set = Tolerance(rules.tolerance, ToleranceReason.MATCH_TOLERANCE, 0)
    tolerance = in_force(rules, len(frame.candidates)) if len(frame.candidates) else as_set
    nobody_yet = Ranking((), tolerance, enrolled.gallery.version)
    return nobody_yet.beside(frame.ranked(at) for at in range(len(faces)))


def _named_first(one: RankedFace) -> tuple[bool, float]:
    return one.named is None, np.inf if one.distance is None else one.distance


class _Frame:
    """The faces of one frame, while they are given names. Faces are called by their place, candidates by their row."""

    def __init__(self, faces: Sequence[Face], enrolled: Enrolled, rules: MatchRules, room: str) -> None:
        self.candidates = enrolled.gallery.candidates(room)
        self._faces = faces
        self._default = enrolled.default
        self._gallery = enrolled.gallery
        self._rules = rules
        self._tolerances = all_in_force(rules, self.candidates.tolerances, self.candidates.photos)
        self._to_default = [self._default.distance(face.embedding) for face in faces] if self._default else []
        self._nearest = self._compared() if faces and len(self.candidates) else [[] for _ in faces]
        self._named: dict[int, Named] = {}
        self._ambiguous: set[int] = set()

    def name_default(self) -> None:
        """Every face within MATCH_TOLERANCE."""
        tolerance = Tolerance(self._rules.tolerance, ToleranceReason.MATCH_TOLERANCE, 1)
        for at, distance in enumerate(self._to_default):
            if self._default is not None and distance <= self._rules.tolerance:
                self._named[at] = Named(DEFAULT, self._default.id, distance, tolerance, None)

    def name_bound(self, person_id: str) -> None:
        """The nearest face, if it is within the tolerance of one candidate."""
        row = self.candidates.row_of(self._gallery, person_id)
        distances = {} if row is None else {at: self._distances(at, [row])[0] for at in self._nameless()}
        if row is None or not distances:
            return
        at = min(distances, key=distances.__getitem__)
        tolerance = self._in_force(row, among=1)
        if tolerance.value is not None and distances[at] <= tolerance.value:
            others = [distance for other, distance in self._nearest[at] if other != row]
            self._named[at] = self._name(row, distances[at], tolerance, others)

    def name_the_others(self) -> None:
        """Those who are clearly one candidate; who is claimed by several faces is the nearest of them."""
        taken = {named.person_id for named in self._named.values()}
        clear = [(at, named) for at in self._nameless() if (named := self._clear(at))]
        for at, named in sorted(clear, key=lambda one: one[1].distance):
            if named.person_id not in taken:
                taken.add(named.person_id)
                self._named[at] = named

    def ranked(self, at: int) -> RankedFace:
        """One face, as it is known now."""
        to_default, nearest, named = self._to_default[at : at + 1], self._nearest[at], self._named.get(at)
        near = [Nearness(DEFAULT, distance, self._rules.tolerance) for distance in to_default]
        near += [Nearness(self._id(row), distance, self._tolerance(row)) for row, distance in nearest]
        told = [one for one in near if one.distance <= (_STRICTEST if one.tolerance is None else one.tolerance) + NEAR]
        return RankedFace(
            self._faces[at],
            named.distance if named else min([*to_default, *(distance for _, distance in nearest[:1])], default=None),
            named,
            tuple(sorted(told, key=lambda one: one.distance)),
            ambiguous=at in self._ambiguous,
        )

    def _compared(self) -> list[list[tuple[int, float]]]:
        """For each face the nearest candidates, nearest first, at most MOST_NEAR."""
        found = []
        for at, face in enumerate(self._faces):
            rows = self.candidates.nearest(face.embedding, MOST_NEAR)
            found.append(sorted(zip(rows, self._distances(at, rows), strict=True), key=lambda one: one[1]))
        return found

    def _distances(self, at: int, rows: list[int]) -> list[float]:
        """Of one face to these, to the bit as `ReferenceSet.distance`: it owes nothing to how many are compared."""
        differences = self.candidates.centroids[rows] - self._faces[at].embedding
        found: list[float] = np.sqrt(np.vecdot(differences, differences)).tolist()
        return found

    def _clear(self, at: int) -> Named | None:
        """The candidate whom a face is clearly, if there is one."""
        nearest = self._nearest[at]
        first = next((one for one in nearest if one[1] <= self._tolerances[one[0]]), None)
        if first is None:
            return None
        row, distance = first
        others = [distance for other, distance in nearest if other != row]
        if others and others[0] - distance < self._rules.margin:
            self._ambiguous.add(at)
            return None
        return self._name(row, distance, self._in_force(row, among=len(self.candidates)), others)

    def _nameless(self) -> list[int]:
        return [at for at in range(len(self._faces)) if at not in self._named]

    def _name(self, row: int, distance: float, tolerance: Tolerance, others: list[float]) -> Named:
        place = int(self.candidates.rows[row])
        return Named(
            self._gallery.ids[place],
            self._gallery.photo_sets[place],
            distance,
            tolerance,
            others[0] - distance if others else None,
        )

    def _in_force(self, row: int, *, among: int) -> Tolerance:
        own = float(self.candidates.tolerances[row])
        photos = int(self.candidates.photos[row])
        return in_force(self._rules, among, photos=photos, own=None if np.isnan(own) else own)

    def _tolerance(self, row: int) -> float | None:
        value = float(self._tolerances[row])
        return None if value < 0 else value

    def _id(self, row: int) -> str:
        return self._gallery.ids[int(self.candidates.rows[row])]
