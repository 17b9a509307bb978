"""Measures, one at a time, in a thread, for no longer than some seconds; remembers the last answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from facematch.faces.tolerance import in_force
from facematch.server.calibration.measuring import Photos, chance_of_strangers, closest_pairs, left_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.gallery import Gallery
    from facematch.faces.tolerance import MatchRules, Tolerance
    from facematch.server.calibration.measuring import Chance, LeftOut, Pair
    from facematch.server.people.current import CurrentGallery
    from facematch.server.people.store import PeopleStore

SECONDS: Final = 5.0
"""Of work: 1,000 people with five photos take one, 10,000 more than there are."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the photos of one version of the gallery say, for one room or for everybody together."""

    version: int
    room: str | None
    candidates: int
    photos: int
    in_force: Tolerance
    own: list[LeftOut]
    pairs: list[Pair]
    strangers: Chance
    complete: bool


class Calibrator:
    """See the module.

    Args:
        store: where embeddings are read.
        current: the gallery of this moment.
        rules: what decides who is named.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        store: PeopleStore,
        current: CurrentGallery,
        rules: MatchRules,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        self._store = store
        self._current = current
        self._now = monotonic
        self._one_at_a_time = asyncio.Lock()
        self._last: Measured | None = None

    async def measured(self, room: str | None) -> Measured:
        """Of the gallery as it is now.

        Raises:
            LogUnavailableError: it cannot be read now.
        """
        async with self._one_at_a_time:
            gallery = await self._current.read()
            known = self._last
            if known is None or (known.version, known.room) != (gallery.version, room):
                kept = await self._store.all_embeddings()
                known = self._last = await asyncio.to_thread(self._measure, gallery, room, kept)
            return known

    def _measure(self, gallery: Gallery, room: str | None, kept: list[tuple[str, str, bytes]]) -> Measured:
        until = self._now() + SECONDS

        def expired() -> bool:
            return self._now() >= until

        photos = _photos(gallery, kept)
        candidates = gallery.everybody() if room is None else gallery.candidates(room)
        pairs, all_pairs = closest_pairs(gallery, room, self.rules, expired)
        own = left_out(gallery, room, photos, self.rules, expired)
        return Measured(
            gallery.version,
            room,
            len(candidates),
            int(candidates.photos.sum()),
            in_force(self.rules, len(candidates)),
            own,
            pairs,
            chance_of_strangers(gallery, room, self.rules),
            complete=all_pairs and not expired(),
        )


def _photos(gallery: Gallery, kept: list[tuple[str, str, bytes]]) -> Photos:
    """Those of people who are in this gallery."""
    there = [(gallery.place(person), id_, embedding) for person, id_, embedding in kept]
    known = [(place, id_, embedding) for place, id_, embedding in there if place is not None]
    embeddings = np.frombuffer(b"".join(embedding for _, _, embedding in known), "<f4").astype(np.float32)
    return Photos(
        tuple(id_ for _, id_, _ in known),
        np.array([place for place, _, _ in known], np.intp),
        embeddings.reshape(len(known), -1) if known else np.empty((0, 128), np.float32),
    )
