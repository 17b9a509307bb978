"""Who resembles whom: of each person the nearest other one of those who may be compared in the same room.

Measured whole once; a change moves only those who were changed and those whose nearest they were. Pure but for
`Resembling`, which keeps it beside the gallery.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from facematch.faces.tolerance import STRANGERS, fitted, largest_keeping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facematch.faces.gallery import Gallery
    from facematch.faces.tolerance import MatchRules
    from facematch.server.people.current import CurrentGallery
    from facematch.server.people.publication import Publication

_AT_ONCE: Final = 256
"""Rows of distances: 10 MB of 10,000 people."""
_LONG_SECONDS: Final = 3600.0
_FEW: Final = 8
"""One part in so many of a gallery, changed, is measured by itself; more, and all is measured anew."""


class Resembled(NamedTuple):
    """Who is nearest to somebody."""

    id: str
    distance: float
    """Between the means of their photos."""


@dataclass(frozen=True, eq=False, slots=True)
class Resemblances:
    """Of everybody in a gallery."""

    gallery: Gallery
    nearest: NDArray[np.intp]
    """(n,), a row of the gallery."""
    distances: NDArray[np.float32]
    """(n,), inf: there is nobody else."""

    @classmethod
    def of(cls, gallery: Gallery) -> Self:
        """All of them: a tenth of a second for some thousand people."""
        nearest, distances = np.zeros(len(gallery), np.intp), np.full(len(gallery), np.inf, np.float32)
        for rows, apart in _measured(gallery, np.arange(len(gallery))):
            nearest[rows] = apart.argmin(axis=1)
            distances[rows] = _exactly(gallery, rows, nearest[rows], apart)
        return cls(gallery, nearest, distances)

    def after(self, gallery: Gallery) -> Self:
        """Those of a gallery that this one was changed to."""
        before = np.array([-1 if (at := self.gallery.place(id_)) is None else at for id_ in gallery.ids], np.intp)
        rooms = [at < 0 or self.gallery.rooms[at] != here for at, here in zip(before, gallery.rooms, strict=True)]
        moved = np.array(rooms, bool)
        if not len(self.gallery) or moved.all():
            return self.of(gallery)
        moved |= (self.gallery.centroids[before] != gallery.centroids).any(axis=1)
        now = np.array([-1 if (at := gallery.place(id_)) is None else at for id_ in self.gallery.ids], np.intp)
        nearest = np.where(moved, -1, now[self.nearest[before]])
        anew = moved | (nearest < 0) | moved[nearest]
        if anew.sum() > len(gallery) // _FEW:
            return self.of(gallery)
        distances = np.where(anew, np.inf, self.distances[before]).astype(np.float32)
        for rows, apart in _measured(gallery, np.flatnonzero(anew)):
            nearest[rows] = apart.argmin(axis=1)
            distances[rows] = _exactly(gallery, rows, nearest[rows], apart)
            for row, to_all in zip(rows, apart, strict=True):  # nearer to others than whoever was the nearest of them
                nearer = np.flatnonzero((to_all < distances) & ~anew)
                nearest[nearer] = row
                distances[nearer] = _exactly(gallery, nearer, nearest[nearer], to_all[nearer, None])
        return type(self)(gallery, nearest, distances)

    def within(self, rules: MatchRules) -> dict[str, Resembled]:
        """Those whom somebody resembles within the tolerance in force for them, by id, with who it is."""
        found = np.flatnonzero(self.distances <= _tolerances(self.gallery, rules)).tolist()
        ids = self.gallery.ids
        return {ids[row]: Resembled(ids[int(self.nearest[row])], float(self.distances[row])) for row in found}


def candidates_of(gallery: Gallery) -> NDArray[np.intp]:
    """Among how many each is compared, (n,), in that of their rooms where they are most."""
    in_room = Counter(room for rooms in gallery.rooms for room in rooms)
    everywhere = sum(not rooms for rooms in gallery.rooms)
    fullest = everywhere + max(in_room.values(), default=0)
    return np.array(
        [everywhere + max(in_room[room] for room in rooms) if rooms else fullest for rooms in gallery.rooms], np.intp
    )


def _tolerances(gallery: Gallery, rules: MatchRules) -> NDArray[np.float64]:
    """In force for each, (n,). Where nobody is named by one look it is the strictest that the table has."""
    candidates = candidates_of(gallery)
    most = np.empty(len(gallery))
    for among in np.unique(candidates):
        kept = largest_keeping(rules.stranger_rate, int(among))
        most[candidates == among] = STRANGERS[0][0] if kept is None else kept
    return fitted(rules, gallery.tolerances, gallery.photos, most)


def _measured(gallery: Gallery, rows: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """Some of these rows and their distances (rows, n) to everybody, inf to those whom they never meet; right to about
    1e-5.
    """
    squares = np.einsum("ij,ij->i", gallery.centroids, gallery.centroids)
    strangers_to = _Meetings(gallery)
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows[begin : begin + _AT_ONCE]
        apart = squares[some][:, None] + squares - 2 * (gallery.centroids[some] @ gallery.centroids.T)
        np.sqrt(np.maximum(apart, 0, out=apart), out=apart)
        for place, row in enumerate(some):
            if (never := strangers_to.row(int(row))) is not None:
                apart[place, never] = np.inf
        apart[np.arange(len(some)), some] = np.inf
        yield some, apart


def _exactly(
    gallery: Gallery, rows: NDArray[np.intp], nearest: NDArray[np.intp], apart: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Distances of the rows to their nearest, without what a product of matrices loses."""
    found = np.linalg.norm(gallery.centroids[rows] - gallery.centroids[nearest], axis=1)
    exact: NDArray[np.float32] = np.where(np.isinf(apart.min(axis=1)), np.inf, found).astype(np.float32)
    return exact


class _Meetings:
    """Who is never compared in the same room as somebody: worked out once for each set of rooms."""

    def __init__(self, gallery: Gallery) -> None:
        self._rooms = gallery.rooms
        self._limited = np.array([bool(rooms) for rooms in gallery.rooms], bool)
        self._in: dict[str, list[int]] = defaultdict(list)
        for row, rooms in enumerate(gallery.rooms):
            for room in rooms:
                self._in[room].append(row)
        self._known: tuple[frozenset[str], NDArray[np.bool_]] = frozenset(), np.empty(0, bool)

    def row(self, row: int) -> NDArray[np.bool_] | None:
        """(n,), of one row; None: they meet everybody."""
        rooms = self._rooms[row]
        if not rooms:
            return None
        if rooms != self._known[0]:
            never = self._limited.copy()
            for room in rooms:
                never[self._in[room]] = False
            self._known = rooms, never
        return self._known[1]


class Resembling:
    """See the module; of the gallery as it is now.

    Args:
        current: that gallery.
        publication: tells when it has become another.
        rules: what decides who is named.
    """

    def __init__(self, current: CurrentGallery, publication: Publication, rules: MatchRules) -> None:
        self.rules = rules
        self._current = current
        self._publication = publication
        self._known: tuple[Resemblances, dict[str, Resembled]] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def read(self) -> tuple[Gallery, dict[str, Resembled]]:
        """The gallery of this moment, and whom of it somebody resembles (see `Resemblances.within`).

        Raises:
            LogUnavailableError: it cannot be read now.
        """
        async with self._one_at_a_time:
            gallery = await self._current.read()
            if self._known is None or self._known[0].gallery is not gallery:
                self._known = await asyncio.to_thread(self._of, gallery)
            return gallery, self._known[1]

    async def run(self) -> None:
        """Follow every change, for ever, so that nobody who asks waits for it."""
        tag = ""
        while True:
            tag = (await self._publication.other_than(tag, _LONG_SECONDS)).tag
            with suppress(OSError):  # said by whoever publishes; asked for again at the latest with the next question
                await self.read()

    def _of(self, gallery: Gallery) -> tuple[Resemblances, dict[str, Resembled]]:
        found = Resemblances.of(gallery) if self._known is None else self._known[0].after(gallery)
        return found, found.within(self.rules)
