"""Everybody who is looked for, as one immutable value with a version: replaced whole, never changed.

A person is the mean of the embeddings of their photographs (their *centroid*): of five ways to compare with several
photographs it was the best at equal rates of strangers (docs/people.md). Names are no part of it, nor are photographs.

    gallery = Gallery.of(7, encoder, [Person("p_1", photo_set_id(ids), photos=3, centroid=mean)])
    later = gallery.changed(8, put=[...], removed=["p_1"])

Pure: numpy only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from facematch.faces.models import EMBEDDING_SIZE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from numpy.typing import NDArray

DEFAULT: Final = "default"
"""The id of the default person: the one photograph that is `reference/current.jpg`, or the API's where a recognizer has
no such file. It is never a candidate among the others (see `ranking`)."""

LARGEST_TOLERANCE: Final = 2.0
"""As MATCH_TOLERANCE."""
_ID_DIGITS = 16
_ROOMS_KEPT = 64
"""Rooms whose candidates are kept at hand, in one process."""
_EVERY_ROOM: frozenset[str] = frozenset()


def photo_set_id(photos: Iterable[str]) -> str:
    """The id of a person's set of photographs, from the photographs' ids: 16 hexadecimal digits.

    It goes out as the `reference_id` of the events that came of this set, and changes with every photograph that is
    added or removed; the order does not matter.
    """
    return hashlib.sha256("\n".join(sorted(set(photos))).encode()).hexdigest()[:_ID_DIGITS]


@dataclass(frozen=True, eq=False, slots=True)
class Person:
    """Somebody enrolled, as they are compared."""

    id: str
    """Such as `p_…`, or DEFAULT."""
    photo_set: str
    """What events carry as `reference_id`: see `photo_set_id`; of DEFAULT the id of the stored file."""
    photos: int
    """How many photographs the centroid is the mean of, at least 1: the tolerance follows it."""
    centroid: NDArray[np.float32]
    """(128,), the mean of their embeddings."""
    rooms: frozenset[str] = _EVERY_ROOM
    """Where they are looked for; empty: in every room."""
    tolerance: float | None = None
    """Their own in place of MATCH_TOLERANCE: the same measure, that of one photograph. None: MATCH_TOLERANCE."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidates:
    """Those of a gallery who may be compared in one room, without the default person."""

    rows: NDArray[np.intp]
    """(n,), of the gallery."""
    centroids: NDArray[np.float32]
    """(n, 128)"""
    half_squares: NDArray[np.float32]
    """(n,), half of the centroids' squared lengths."""
    photos: NDArray[np.int32]
    """(n,)"""
    tolerances: NDArray[np.float32]
    """(n,), nan for those without one of their own."""

    def __len__(self) -> int:
        return len(self.rows)

    def row_of(self, gallery: Gallery, id_: str) -> int | None:
        """Where one of them is, in the gallery that these are of; None: not a candidate."""
        place = gallery.place(id_)
        row = None if place is None else int(np.searchsorted(self.rows, place))
        return row if row is not None and row < len(self) and self.rows[row] == place else None

    def nearest(self, embedding: NDArray[np.float32], most: int) -> list[int]:
        """The rows of those who are nearest to an embedding (128,), at most so many, in no order.

        What is compared is half of the squared distance, but for a part that is the same for all; right to about 1e-6.
        One dot product for each person, not one product of matrices: that one wakes the threads of the BLAS library,
        and on a machine that is busy waits for them, ten times as long as it works.
        """
        if len(self) <= most:
            return list(range(len(self)))
        found: list[int] = np.argpartition(self.half_squares - np.vecdot(self.centroids, embedding), most)[
            :most
        ].tolist()
        return found


@dataclass(frozen=True, eq=False)
class Gallery:
    """The people, column by column. Made by `of`, or read from a file."""

    version: int
    """What the web process calls this state of the gallery. Another number is another state, whichever is larger."""
    encoder: str
    """Whose embeddings these are: `models.weights_of` an encoder's name."""
    ids: tuple[str, ...]
    photo_sets: tuple[str, ...]
    rooms: tuple[frozenset[str], ...]
    photos: NDArray[np.int32]
    """(n,), at least 1 each."""
    tolerances: NDArray[np.float32]
    """(n,), nan for those without one of their own."""
    centroids: NDArray[np.float32]
    """(n, 128), finite."""
    _row: dict[str, int] = field(init=False, repr=False)
    _of_room: dict[str, Candidates] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.ids)
        columns = {len(column) for column in (self.photo_sets, self.rooms, self.photos, self.tolerances)}
        if columns != {count} or self.centroids.shape != (count, EMBEDDING_SIZE):
            raise ValueError(f"a gallery of {count} people has columns of other lengths")
        object.__setattr__(self, "_row", {id_: row for row, id_ in enumerate(self.ids)})
        if len(self._row) != count or not all(self.ids) or not all(self.photo_sets):
            raise ValueError("people have ids, each its own, and their sets of photographs too")
        if (self.photos < 1).any():
            raise ValueError("a person has at least one photograph")
        if not np.isfinite(self.centroids).all():
            raise ValueError("embeddings are finite numbers")
        own = self.tolerances[~np.isnan(self.tolerances)]
        if not ((own > 0) & (own <= LARGEST_TOLERANCE)).all():
            raise ValueError(f"a tolerance is more than 0 and at most {LARGEST_TOLERANCE}")
        for column in (self.photos, self.tolerances, self.centroids):
            column.flags.writeable = False

    @classmethod
    def of(cls, version: int, encoder: str, people: Iterable[Person]) -> Self:
        """The gallery of these people, in the order of their ids.

        Raises:
            ValueError: two share an id, or a value is none that can be compared.
        """
        ordered = sorted(people, key=lambda person: person.id)
        centroids = np.array([person.centroid for person in ordered], np.float32)
        return cls(
            version,
            encoder,
            tuple(person.id for person in ordered),
            tuple(person.photo_set for person in ordered),
            tuple(person.rooms for person in ordered),
            np.array([person.photos for person in ordered], np.int32),
            np.array([np.nan if p.tolerance is None else p.tolerance for p in ordered], np.float32),
            centroids.reshape(len(ordered), -1) if ordered else np.empty((0, EMBEDDING_SIZE), np.float32),
        )

    def changed(self, version: int, *, put: Iterable[Person] = (), removed: Collection[str] = ()) -> Self:
        """This gallery with some people added or replaced, and others gone. Ids that it does not have are no matter.

        Raises:
            ValueError: a value is none that can be compared.
        """
        people = {person.id: person for person in self}
        people |= {person.id: person for person in put}
        return self.of(version, self.encoder, (person for id_, person in people.items() if id_ not in set(removed)))

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._row

    def __iter__(self) -> Iterator[Person]:
        return map(self._person, range(len(self)))

    def place(self, id_: str) -> int | None:
        """Where one of them is in the columns; None: not in this gallery."""
        return self._row.get(id_)

    def person(self, id_: str) -> Person | None:
        """One of them; None: not in this gallery."""
        row = self._row.get(id_)
        return None if row is None else self._person(row)

    def candidates(self, room: str) -> Candidates:
        """Who is compared in a room: all but the default person and those who are for other rooms."""
        known = self._of_room.get(room)
        if known is None:
            if len(self._of_room) >= _ROOMS_KEPT:
                self._of_room.clear()
            known = self._of_room[room] = self._candidates(room)
        return known

    def everybody(self) -> Candidates:
        """All but the default person, whatever rooms they are for."""
        return self._of([True] * len(self))

    def _candidates(self, room: str) -> Candidates:
        return self._of([not rooms or room in rooms for rooms in self.rooms])

    def _of(self, allowed: list[bool]) -> Candidates:
        if (default := self._row.get(DEFAULT)) is not None:
            allowed[default] = False
        if all(allowed):
            rows, columns = np.arange(len(self)), (self.centroids, self.photos, self.tolerances)
        else:
            rows = np.flatnonzero(allowed)
            columns = self.centroids[rows], self.photos[rows], self.tolerances[rows]
        centroids, photos, tolerances = columns
        return Candidates(rows, centroids, np.einsum("ij,ij->i", centroids, centroids) / 2, photos, tolerances)

    def _person(self, row: int) -> Person:
        own = float(self.tolerances[row])
        return Person(
            self.ids[row],
            self.photo_sets[row],
            int(self.photos[row]),
            self.centroids[row],
            self.rooms[row],
            None if np.isnan(own) else own,
        )


def empty(encoder: str) -> Gallery:
    """The gallery of nobody, version 0: what there is before any was received."""
    return Gallery.of(0, encoder, ())
