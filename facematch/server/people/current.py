"""The gallery as it is now: read once, and then changed with each change, without reading ten thousand people again."""

from __future__ import annotations

import asyncio
from pathlib import PurePath
from typing import TYPE_CHECKING

from facematch.faces.gallery import Gallery, empty
from facematch.faces.models import ENCODER_WEIGHTS, weights_of

if TYPE_CHECKING:
    from facematch.server.people.changes import Change
    from facematch.server.people.store import PeopleStore

_ENCODER = weights_of(PurePath(ENCODER_WEIGHTS).stem)
"""Whose embeddings a gallery of nobody is said to have."""


class CurrentGallery:
    """See the module.

    Args:
        store: where people are read.
    """

    def __init__(self, store: PeopleStore) -> None:
        self._store = store
        self._gallery: Gallery | None = None
        self._changes: list[Change] = []
        """Made here since the gallery was read."""
        self._one_at_a_time = asyncio.Lock()

    def note(self, change: Change) -> None:
        """This was changed here."""
        if self._gallery is not None:
            self._changes.append(change)

    async def read(self) -> Gallery:
        """The gallery of this moment, whichever process has changed it.

        Raises:
            LogUnavailableError: it cannot be read now.
        """
        async with self._one_at_a_time:
            known = self._gallery
            if known is not None and known.version == await self._store.version():
                return known
            self._gallery = await self._changed(known) if known is not None else await self._whole()
            version = self._gallery.version
            self._changes = [change for change in self._changes if change.version > version]
            return self._gallery

    async def _whole(self) -> Gallery:
        version, encoder, people = await self._store.compared()
        return await asyncio.to_thread(Gallery.of, version, encoder or _ENCODER, people)

    async def _changed(self, known: Gallery) -> Gallery:
        """The gallery that is known, with the changes made here; read anew if those are not all there were."""
        changes = list(self._changes)  # others may be noted while the database is asked, about people who are not
        ids = {id_ for change in changes for id_ in change.ids}
        version, encoder, people = await self._store.compared(ids)
        if not _lead(changes, known.version, version) or (encoder or _ENCODER) != known.encoder:
            return await self._whole()
        gone = ids - {person.id for person in people}
        return await asyncio.to_thread(lambda: known.changed(version, put=people, removed=gone))


def _lead(changes: list[Change], version: int, wanted: int) -> bool:
    """Whether these are all there were between two versions."""
    for change in sorted(changes, key=lambda change: change.version):
        if change.before == version and change.version <= wanted:
            version = change.version
    return version == wanted


def nobody() -> Gallery:
    """The gallery before any was read."""
    return empty(_ENCODER)
